//! A page of ours: what it may do and how it is sent.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};

/// Scripts and styles of our own only, and no text that becomes markup: a packet's text can never
/// become code.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

pub(super) const NEVER_KEPT: &str = "no-cache, no-store, must-revalidate";
/// Of a page.
pub(super) const HTML: &str = "text/html; charset=utf-8";

/// Answers with a page of ours.
pub fn html(text: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(HTML)
        .insert_header((CACHE_CONTROL, NEVER_KEPT))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(text)
}
