//! What every answer tells browsers, so that nothing of it is run, framed or guessed at. A page
//! that needs more says so itself. (No `Strict-Transport-Security`: TLS is the reverse proxy's.)

use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, CROSS_ORIGIN_OPENER_POLICY,
    CROSS_ORIGIN_RESOURCE_POLICY, HeaderMap, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};

/// Of what is no page: nothing may be loaded or run, nobody may frame it.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Of a folder that the operator serves: its scripts are the operator's business.
const FOREIGN_PAGES: HeaderValue =
    HeaderValue::from_static("frame-ancestors 'none'; base-uri 'self'; object-src 'none'");

/// Marks an answer out of the operator's folder. Its maps need to say where they are shown.
pub fn mark_foreign(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, FOREIGN_PAGES);
    let policy = HeaderValue::from_static("strict-origin-when-cross-origin");
    headers.insert(REFERRER_POLICY, policy);
}

/// Adds what is missing. `is_shared`: a page of another origin may read the answer.
pub fn add(headers: &mut HeaderMap, is_shared: bool) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let readers = if is_shared { "cross-origin" } else { "same-origin" };
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static(readers));
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    // The page that asked for them has said what they may do; by themselves they are text.
    let is_part = kind.starts_with(b"text/javascript") || kind.starts_with(b"text/css");
    if is_part && !headers.contains_key(CONTENT_SECURITY_POLICY) {
        return;
    }
    let is_page = kind.starts_with(b"text/html");
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, NOTHING);
    }
    if !headers.contains_key(REFERRER_POLICY) {
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    if is_page {
        headers.insert(CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin"));
    }
}
