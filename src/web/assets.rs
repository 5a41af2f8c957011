//! Everything that is no API: the pages in `--public`, or those that are built in.

mod embedded;
mod page;
mod public;

use actix_web::{HttpRequest, HttpResponse, web};
use percent_encoding::percent_decode_str;

pub use page::html;
pub use public::Pages;

use super::error::ApiError;
use super::headers::mark_foreign;
use super::live;
use super::request_kind::{is_api, is_read, is_websocket};
use super::state::State;

/// Answers what no route claims: JSON 404 below `/api`, the live feed to who asks for a WebSocket
/// (CoreScope's page asks at `/`), files, the index for every other path of the page.
pub async fn fallback(
    request: HttpRequest,
    body: web::Payload,
    state: State,
) -> Result<HttpResponse, ApiError> {
    let path = request.path();
    if is_api(&request) {
        return Err(ApiError::not_found());
    }
    if is_websocket(&request) {
        return live::upgrade(request, body, state).await;
    }
    if !is_read(request.method()) {
        return Err(ApiError::method_not_allowed("GET, HEAD"));
    }
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    if is_traversal(path) || is_traversal(&decoded) {
        return Err(ApiError::bad_request("invalid path"));
    }
    match &state.pages {
        Pages { folder: Some(folder), index } => {
            let mut answer = public::answer(&request, folder, &decoded, index).await?;
            mark_foreign(answer.headers_mut());
            Ok(answer)
        }
        Pages { folder: None, .. } => embedded::answer(&request, &decoded),
    }
}

fn is_traversal(path: &str) -> bool {
    path.contains("..") || path.contains('\\') || path.contains('\0')
}
