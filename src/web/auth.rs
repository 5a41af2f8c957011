//! The API key (contract §1.4).

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpRequest};

use super::error::ApiError;
use super::state::state_of;
use crate::config::Secret;

/// Proof that the request carries the key. The first argument of every handler that writes, so
/// that nothing is read from a stranger.
#[derive(Clone, Copy, Debug)]
pub struct Keyed(());

impl FromRequest for Keyed {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(state_of(request).and_then(|state| {
            check(state.config.api_key.as_ref(), given_key(request.headers())).map(|()| Self(()))
        }))
    }
}

/// Bytes: a key may have letters that are no ASCII.
fn given_key(headers: &HeaderMap) -> &[u8] {
    headers.get("x-api-key").map(|key| key.as_bytes()).unwrap_or_default()
}

/// Without a key in the configuration everything is shut; a weak one opens nothing either, but
/// only who knows it is told so.
fn check(configured: Option<&Secret>, given: &[u8]) -> Result<(), ApiError> {
    let Some(key) = configured else {
        return Err(ApiError::forbidden("writing is disabled until apiKey is configured"));
    };
    if !key.matches(given) {
        return Err(ApiError::unauthorized());
    }
    match key.weakness() {
        None => Ok(()),
        Some(_) => Err(ApiError::forbidden("forbidden")),
    }
}
