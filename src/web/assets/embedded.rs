//! The pages that are built in (`web/`, embedded by `build.rs`).

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG,
    HeaderMap, IF_NONE_MATCH, REFERRER_POLICY, VARY,
};
use actix_web::{HttpRequest, HttpResponse};

use super::page::{HTML, NEVER_KEPT, POLICY};
use crate::web::error::ApiError;

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// What the browser's router shows; what follows in the path is the page's own.
const PAGES: [&str; 5] = ["perf", "packets", "nodes", "observers", "channels"];
const SHELL: &str = "index.html";
const KEPT_FOR_GOOD: &str = "public, max-age=31536000, immutable";
const ASKED_AGAIN: &str = "no-cache";

struct File {
    /// Below `web/`.
    name: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

/// Answers with the shell of all pages or a file of them. What has the version in its path is
/// kept for good by browsers, so an update is seen at once and nothing is asked twice.
pub(super) fn answer(request: &HttpRequest, path: &str) -> Result<HttpResponse, ApiError> {
    let path = path.trim_start_matches('/');
    if is_page(path) || is_mistyped(request, path) {
        let shell = file(SHELL).ok_or_else(ApiError::not_found)?;
        let mut page = send(request, shell, NEVER_KEPT);
        if !is_page(path) {
            *page.status_mut() = StatusCode::NOT_FOUND;
        }
        page.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY.parse().map_err(broken)?);
        page.headers_mut().insert(REFERRER_POLICY, "no-referrer".parse().map_err(broken)?);
        return Ok(page);
    }
    let name = path.strip_prefix("assets/").ok_or_else(ApiError::not_found)?;
    let versioned = name.strip_prefix(VERSION).and_then(|name| name.strip_prefix('/'));
    let found = file(versioned.unwrap_or(name)).filter(|file| file.name != SHELL);
    let found = found.ok_or_else(ApiError::not_found)?;
    let kept = if versioned.is_some() { KEPT_FOR_GOOD } else { ASKED_AGAIN };
    Ok(send(request, found, kept))
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> ApiError {
    ApiError::internal(error)
}

fn is_page(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    matches!(path, "" | SHELL) || PAGES.contains(&first)
}

/// A browser at an address that is none of ours: it gets a page that says so, programs get JSON.
fn is_mistyped(request: &HttpRequest, path: &str) -> bool {
    !path.starts_with("assets/")
        && has(request.headers(), ACCEPT, |accepted| accepted.contains("text/html"))
}

fn file(name: &str) -> Option<&'static File> {
    FILES.binary_search_by(|file| file.name.cmp(name)).ok().map(|index| &FILES[index])
}

fn send(request: &HttpRequest, file: &File, kept: &'static str) -> HttpResponse {
    let tag = format!("\"{VERSION}\"");
    let is_known = has(request.headers(), IF_NONE_MATCH, |known| known.contains(&tag));
    let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer.insert_header((CACHE_CONTROL, kept)).insert_header((VARY, "Accept-Encoding"));
    if kept == ASKED_AGAIN {
        answer.insert_header((ETAG, tag));
    }
    if is_known {
        return answer.finish();
    }
    answer.content_type(content_type(file.name));
    if has(request.headers(), ACCEPT_ENCODING, |accepted| accepted.contains("gzip")) {
        return answer.insert_header((CONTENT_ENCODING, "gzip")).body(file.gzip);
    }
    answer.body(file.plain)
}

fn has(
    headers: &HeaderMap,
    name: actix_web::http::header::HeaderName,
    is: impl Fn(&str) -> bool,
) -> bool {
    headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(is)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => HTML,
    }
}
