//! Cross-origin requests (contract §1.5).

use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    HeaderMap, HeaderValue, ORIGIN, VARY,
};
use actix_web::{HttpRequest, HttpResponse};

/// What is told to a browser of another origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No origin in the request, or none configured.
    NotAsked,
    /// Listed, or everyone is (`*`).
    Allowed(HeaderValue),
    /// Not listed: no headers, and no preflight.
    Denied,
}

/// Judges a request by the configured origins: exact, case-sensitive, the first match counts.
pub fn judge(request: &HttpRequest, allowed: &[String]) -> Verdict {
    let Some(origin) = request.headers().get(ORIGIN).filter(|_| !allowed.is_empty()) else {
        return Verdict::NotAsked;
    };
    let matches = |entry: &&String| *entry == "*" || entry.as_bytes() == origin.as_bytes();
    match allowed.iter().find(matches) {
        Some(entry) if entry == "*" => Verdict::Allowed(HeaderValue::from_static("*")),
        Some(_) => Verdict::Allowed(origin.clone()),
        None => Verdict::Denied,
    }
}

/// Returns the answer to a preflight request; `None` if it is none.
pub fn preflight(request: &HttpRequest, verdict: &Verdict) -> Option<HttpResponse> {
    match verdict {
        _ if request.method() != Method::OPTIONS => None,
        Verdict::NotAsked => None,
        Verdict::Allowed(_) => Some(HttpResponse::NoContent().finish()),
        Verdict::Denied => Some(HttpResponse::Forbidden().finish()),
    }
}

/// Adds the headers of an allowed origin.
pub fn add_headers(headers: &mut HeaderMap, verdict: Verdict) {
    let Verdict::Allowed(origin) = verdict else { return };
    if origin != "*" {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let methods = HeaderValue::from_static("GET, HEAD, OPTIONS");
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    let names = HeaderValue::from_static("Content-Type, X-API-Key");
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
}
