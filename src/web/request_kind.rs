//! What kind of request it is.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::UPGRADE;
use percent_encoding::percent_decode_str;

/// Whether a request is below `/api`, however its path is written (`/%61pi/stats`).
pub fn is_api(request: &HttpRequest) -> bool {
    let path = percent_decode_str(request.path());
    let path: Vec<u8> = path.collect();
    path == b"/api" || path.starts_with(b"/api/")
}

/// Whether a request only reads.
pub fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Whether a request asks for a WebSocket.
pub fn is_websocket(request: &HttpRequest) -> bool {
    let asked = request.headers().get(UPGRADE).and_then(|protocol| protocol.to_str().ok());
    asked.is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}
