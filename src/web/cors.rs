//! Cross-origin requests (contract §1.5).

use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, HOST,
    HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use actix_web::{HttpRequest, HttpResponse};

use super::error::ApiError;

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

/// Refuses what changes something and comes from a page of another origin that is not listed: a
/// browser sends it without asking first.
///
/// # Errors
/// 403.
pub fn check_writer(request: &HttpRequest, verdict: &Verdict) -> Result<(), ApiError> {
    let is_safe = request.method().is_safe();
    if is_safe || matches!(verdict, Verdict::Allowed(_)) || is_own_page(request) {
        return Ok(());
    }
    Err(ApiError::forbidden("origin not allowed"))
}

/// Refuses a live feed to a page of another origin: browsers open one without asking. `*` is not
/// meant here.
///
/// # Errors
/// 403.
pub fn check_listener(request: &HttpRequest, allowed: &[String]) -> Result<(), ApiError> {
    let origin = text_of(request, ORIGIN).unwrap_or_default();
    let is_listed = |entry: &String| entry != "*" && entry.eq_ignore_ascii_case(origin);
    if is_own_page(request) || allowed.iter().any(is_listed) {
        return Ok(());
    }
    Err(ApiError::forbidden("origin not allowed"))
}

/// Whether a page of ours asks, or no page at all.
fn is_own_page(request: &HttpRequest) -> bool {
    let host = text_of(request, HOST).unwrap_or_default();
    text_of(request, ORIGIN).is_none_or(|origin| is_same_host(origin, host))
}

fn text_of(request: &HttpRequest, name: HeaderName) -> Option<&str> {
    request.headers().get(name).map(|value| value.to_str().unwrap_or("null"))
}

fn is_same_host(origin: &str, host: &str) -> bool {
    let origin_host = url::Url::parse(origin).ok().and_then(|url| {
        let name = url.host_str()?.to_owned();
        Some(url.port().map_or(name.clone(), |port| format!("{name}:{port}")))
    });
    origin_host.is_some_and(|name| !host.is_empty() && name.eq_ignore_ascii_case(host))
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

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::check_listener;

    #[test]
    fn only_our_own_host_and_listed_origins_may_listen() {
        let listed = ["https://mesh.example".to_owned(), "*".to_owned()];
        for (origin, host, is_allowed) in [
            ("http://localhost:3000", "localhost:3000", true),
            ("http://LOCALHOST:3000", "localhost:3000", true),
            ("http://localhost:3001", "localhost:3000", false),
            ("https://core.example", "core.example", true),
            ("https://MESH.example", "core.example", true),
            ("https://evil.example", "core.example", false),
            ("https://core.example.evil.example", "core.example", false),
            ("null", "core.example", false),
            ("", "core.example", false),
            ("http://", "", false),
        ] {
            let request = TestRequest::default()
                .insert_header(("Origin", origin))
                .insert_header(("Host", host))
                .to_http_request();
            let answer = check_listener(&request, &listed);
            assert_eq!(answer.is_ok(), is_allowed, "{origin} at {host}");
        }
        let no_page = TestRequest::default().to_http_request();
        assert!(check_listener(&no_page, &[]).is_ok());
    }
}
