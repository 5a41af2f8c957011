//! What every answer has, whatever the handler (contract §1.1 to §1.5): headers, CORS, clean
//! paths, request times, the log of our own errors.

use std::panic::AssertUnwindSafe;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse, ResponseError};
use futures_util::FutureExt;
use percent_encoding::percent_decode_str;

use super::cors::{self, Verdict};
use super::error::ApiError;
use super::request_kind::is_api;
use super::state::{AppState, State};
use super::{auth, bounds, connections, headers, request_body};
use crate::perf::requests::RouteId;

const LOAD_STATUS: HeaderName = HeaderName::from_static("x-corescope-load-status");

/// Wraps the whole application.
///
/// # Errors
/// None of its own.
pub async fn frame<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let Some(state) = request.app_data::<State>().cloned() else {
        return Err(ApiError::internal("there is no state").into());
    };
    let started = state.clock.monotonic();
    let verdict = cors::judge(request.request(), &state.config.cors_allowed_origins);
    let early = early_answer(&state, request.request(), &verdict);
    let (is_early, is_api) = (early.is_some(), is_api(request.request()));
    request_body::hurry(&mut request);
    connections::note_request(request.request());
    let mut response = match early {
        Some(answer) => request.into_response(answer).map_into_right_body(),
        None => next.call(request).await?.map_into_left_body(),
    };
    // Said by `spare_compression` to what compresses, not to clients.
    if response.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding == "identity") {
        response.headers_mut().remove(CONTENT_ENCODING);
    }
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        add_headers(response.headers_mut(), &state);
        headers::add(response.headers_mut(), matches!(verdict, Verdict::Allowed(_)));
    }
    cors::add_headers(response.headers_mut(), verdict);
    let is_preflight = is_early && response.request().method() == Method::OPTIONS;
    if is_api && !is_preflight && !response.headers().contains_key(CACHE_CONTROL) {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if is_api && !is_early {
        note(&state, &response, started);
    }
    log_blame(&response);
    Ok(response)
}

/// What needs no route: requests that may not pass, in the order in which they are told so.
fn early_answer(
    state: &AppState,
    request: &HttpRequest,
    verdict: &Verdict,
) -> Option<HttpResponse> {
    let refused = |result: Result<(), ApiError>| result.err().map(|error| error.error_response());
    refused(bounds::check_head(request))
        .or_else(|| clean_path(request.uri().path(), request.query_string()))
        .or_else(|| cors::preflight(request, verdict))
        .or_else(|| refused(cors::check_writer(request, verdict)))
        .or_else(|| auth::refuse_reader(request, state))
}

/// Answers are complete from the first on: the status speaks of the window alone (decision 26).
fn add_headers(headers: &mut HeaderMap, state: &AppState) {
    let status = state.window.status();
    let value = match status.is_hot_loaded {
        true => HeaderValue::from_static("ready"),
        false => HeaderValue::from_str(&format!("loading; progress={}", status.merged))
            .unwrap_or(HeaderValue::from_static("loading")),
    };
    headers.insert(LOAD_STATUS, value);
}

/// Types that are compressed (contract §1.7) unless the configuration lists others. The rest is
/// compressed already, or no text.
const COMPRESSED: [&str; 9] = [
    "application/json",
    "application/javascript",
    "application/x-javascript",
    "application/xml",
    "text/html",
    "text/css",
    "text/plain",
    "text/xml",
    "image/svg+xml",
];

/// Keeps every other type from being compressed.
///
/// # Errors
/// None of its own.
pub async fn spare_compression<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let state = request.app_data::<State>().cloned();
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let listed = state.as_ref().map_or(&[][..], |state| &state.config.compression.content_types);
    let is_listed = match listed {
        // Scripts of the page are `text/javascript` here, its newer name.
        [] => kind == "text/javascript" || COMPRESSED.contains(&kind),
        listed => listed.iter().any(|listed| listed == kind),
    };
    if !is_listed && !headers.contains_key(CONTENT_ENCODING) {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("identity"));
    }
    Ok(response)
}

/// Counts the time of an API request.
fn note<B>(state: &AppState, response: &ServiceResponse<B>, started: std::time::Duration) {
    let request = response.request();
    let route = request.app_data::<RouteId>().copied().unwrap_or(RouteId::UNMATCHED);
    state.requests.record(route, request.path(), response.status().as_u16(), started);
}

fn log_blame<B>(response: &ServiceResponse<B>) {
    let error = response.response().error().and_then(|error| error.as_error::<ApiError>());
    let Some(cause) = error.and_then(ApiError::blame) else { return };
    let request = response.request();
    let route = request.match_pattern().unwrap_or_else(|| request.path().to_owned());
    tracing::error!(method = %request.method(), route, cause, "a request failed");
}

/// Turns a handler's panic into a 500.
///
/// # Errors
/// None of its own.
pub async fn catch_panic<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let asked = request.request().clone();
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(answer) => Ok(answer?.map_into_left_body()),
        Err(_) => {
            let error = ApiError::internal("the handler panicked");
            Ok(ServiceResponse::from_err(error, asked).map_into_right_body())
        }
    }
}

/// A path with `//`, `.` or `..` is answered with a redirect to the clean one.
fn clean_path(path: &str, query: &str) -> Option<HttpResponse> {
    let is_clean = !path.contains("//") && !path.split('/').any(|part| matches!(part, "." | ".."));
    if is_clean || !path.starts_with('/') {
        return None;
    }
    // Browsers read it as a slash: `//` and a foreign host could come out of it.
    if percent_decode_str(path).any(|byte| byte == b'\\') {
        return Some(ApiError::bad_request("invalid path").error_response());
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match part {
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    let slash = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    let question = if query.is_empty() { "" } else { "?" };
    let location = format!("/{}{slash}{question}{query}", parts.join("/"));
    let mut answer = HttpResponse::build(StatusCode::MOVED_PERMANENTLY);
    Some(answer.insert_header((LOCATION, location)).finish())
}
