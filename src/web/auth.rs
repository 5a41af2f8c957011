//! The API key (contract §1.4): for what writes always, for all the rest if `requireReadAuth`.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::assets;
use super::error::ApiError;
use super::params::Params;
use super::request_kind::{is_api, is_read, is_websocket};
use super::state::{AppState, state_of};
use crate::config::Secret;

/// What a supervisor asks, which has no key.
const OPEN: [&str; 2] = ["/healthz", "/api/healthz"];

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
    let named = headers.get("x-api-key").map(|key| key.as_bytes());
    named.or_else(|| credentials(headers, b"bearer ")).unwrap_or_default()
}

/// What stands after the scheme in `Authorization`.
fn credentials<'h>(headers: &'h HeaderMap, scheme: &[u8]) -> Option<&'h [u8]> {
    let text = headers.get(AUTHORIZATION)?.as_bytes();
    let (given, rest) = text.split_at_checked(scheme.len())?;
    given.eq_ignore_ascii_case(scheme).then_some(rest.trim_ascii())
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

/// Answers who may not read; `None` lets the request pass. A browser asks its user for the key
/// and sends it from then on (Basic); what it sends by itself opens nothing that writes.
pub fn refuse_reader(request: &HttpRequest, state: &AppState) -> Option<HttpResponse> {
    let is_open = !state.config.is_read_auth_required
        || OPEN.contains(&request.path()) && is_read(request.method());
    if is_open || may_read(request, state.config.api_key.as_ref()) {
        return None;
    }
    let accept = request.headers().get(ACCEPT).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_page = !is_api(request) && accept.windows(9).any(|kind| kind == b"text/html");
    let (mut answer, scheme) = match is_page {
        true => (assets::html(PAGE.to_owned()), "Basic realm=\"CoreScope\", charset=\"UTF-8\""),
        false => (ApiError::unauthorized().error_response(), "Bearer realm=\"CoreScope\""),
    };
    *answer.status_mut() = StatusCode::UNAUTHORIZED;
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
    Some(answer)
}

const PAGE: &str = "<!doctype html><html lang=en><meta charset=utf-8>\n\
    <title>CoreScope: key needed</title>\n<h1>A key is needed</h1>\n\
    <p>This CoreScope is private. Load the page again and enter any user name and, as the \
    password, the key that its operator has given you.\n";

fn may_read(request: &HttpRequest, key: Option<&Secret>) -> bool {
    let Some(key) = key else { return false };
    let headers = request.headers();
    let in_url = || {
        let params = is_websocket(request).then(|| Params::parse(request.query_string()));
        params.is_some_and(|params| key.matches(params.text("key").unwrap_or_default().as_bytes()))
    };
    key.matches(given_key(headers)) || key.matches(&basic_password(headers)) || in_url()
}

fn basic_password(headers: &HeaderMap) -> Vec<u8> {
    let pair = credentials(headers, b"basic ").and_then(|text| STANDARD.decode(text).ok());
    let pair = pair.unwrap_or_default();
    let colon = pair.iter().position(|byte| *byte == b':');
    colon.map(|colon| pair[colon + 1..].to_vec()).unwrap_or_default()
}
