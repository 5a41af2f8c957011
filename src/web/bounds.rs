//! What a request may be like and how long it may take, whatever it asks for.
//!
//! The head of a request is read by actix: within 10 s, 96 lines and 128 KB at most (else 408 or
//! 431 without a body). Bodies are bounded in [`super::request_body`], answers and queries where
//! they are made.

use std::time::Duration;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::middleware::Next;
use actix_web::rt::time::timeout;
use actix_web::{Error, HttpRequest};

use super::client::Client;
use super::error::ApiError;
use super::request_body::BODY_BYTES_MAX;
use super::state::State;

/// Path and query.
pub const URL_BYTES_MAX: usize = 8 << 10;
/// Lines of a head.
pub const HEADERS_MAX: usize = 64;
/// Names and values of a head.
pub const HEADER_BYTES_MAX: usize = 32 << 10;
/// How long an answer may take to begin. All that is asked of others has shorter deadlines.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Looks at the head of a request.
///
/// # Errors
/// 413, 414 or 431: too large.
pub fn check_head(request: &HttpRequest) -> Result<(), ApiError> {
    let url = request.uri().path_and_query().map_or(0, |url| url.as_str().len());
    if url > URL_BYTES_MAX {
        return Err(ApiError::uri_too_long(URL_BYTES_MAX));
    }
    let headers = request.headers();
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Err(ApiError::headers_too_large(HEADERS_MAX, HEADER_BYTES_MAX));
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length: Option<usize> = length.and_then(|length| length.parse().ok());
    if length.is_some_and(|length| length > BODY_BYTES_MAX) {
        return Err(ApiError::too_large(BODY_BYTES_MAX));
    }
    Ok(())
}

/// Ends a request that takes too long.
///
/// # Errors
/// None of its own.
pub async fn in_time<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let asked = request.request().clone();
    match timeout(ANSWER_WITHIN, next.call(request)).await {
        Ok(answer) => Ok(answer?.map_into_left_body()),
        Err(_) => {
            let error = ApiError::busy(format!("no answer within {} s", ANSWER_WITHIN.as_secs()));
            Ok(ServiceResponse::from_err(error, asked).map_into_right_body())
        }
    }
}

/// Lets an address ask costly things only at its rate.
///
/// # Errors
/// None of its own.
pub async fn at_rate<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    match spend(request.request()) {
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
        Err(error) => {
            let asked = request.into_parts().0;
            Ok(ServiceResponse::from_err(error, asked).map_into_right_body())
        }
    }
}

fn spend(request: &HttpRequest) -> Result<(), ApiError> {
    let Some(state) = request.app_data::<State>() else { return Ok(()) };
    let Client::Limited(key) = Client::of(request, &state.config.limits) else { return Ok(()) };
    let now = state.clock.monotonic();
    state.addresses.spend(key, now).map_err(|wait| {
        let why = "too many requests from this address; come again later, or poll less often";
        ApiError::too_many(why, wait)
    })
}
