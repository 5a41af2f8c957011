//! Everything that is no API: the pages in `--public`, or those that are built in.

mod embedded;

use std::path::{Component, Path, PathBuf};

use actix_files::NamedFile;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use percent_encoding::percent_decode_str;

use super::error::ApiError;
use super::headers::mark_foreign;
use super::live::{self, is_websocket};
use super::state::State;
use super::transport::{is_api, is_read};

/// Scripts and styles of our own only, and no text that becomes markup: a packet's text can never
/// become code.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

const NEVER_KEPT: &str = "no-cache, no-store, must-revalidate";

/// `index.html` of the public folder, read once.
pub struct Pages {
    folder: Option<PathBuf>,
    index: Option<web::Bytes>,
}

impl Pages {
    /// Looks for the folder and its `index.html`, in which `__BUST__` becomes the start time.
    pub fn read(folder: &Path, started_s: i64) -> Self {
        let folder = folder.canonicalize().ok().filter(|folder| folder.is_dir());
        let index = folder.as_ref().and_then(|folder| {
            let text = std::fs::read_to_string(folder.join("index.html")).ok()?;
            Some(text.replace("__BUST__", &started_s.to_string()).into())
        });
        Self { folder, index }
    }
}

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
            let mut answer = public(&request, folder, &decoded, index).await?;
            mark_foreign(answer.headers_mut());
            Ok(answer)
        }
        Pages { folder: None, .. } => embedded::answer(&request, &decoded),
    }
}

async fn public(
    request: &HttpRequest,
    folder: &Path,
    path: &str,
    index: &Option<web::Bytes>,
) -> Result<HttpResponse, ApiError> {
    if let Some(file) = open_file(folder, path).await {
        let is_code = matches!(
            file.path().extension().and_then(|ending| ending.to_str()),
            Some("js" | "css" | "html")
        );
        let file = file.disable_content_disposition();
        let mut answer = file.into_response(request).map_into_boxed_body();
        if is_code {
            answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(NEVER_KEPT));
        }
        return Ok(answer);
    }
    let index = index.clone().ok_or_else(ApiError::not_found)?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CACHE_CONTROL, NEVER_KEPT))
        .body(index))
}

/// Opens a file within the folder; links that lead out of it are no files of ours.
async fn open_file(folder: &Path, path: &str) -> Option<NamedFile> {
    let relative = Path::new(path.trim_start_matches('/')).to_owned();
    let is_index = relative.as_os_str().is_empty() || relative == Path::new("index.html");
    let is_plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    if is_index || !is_plain {
        return None;
    }
    let folder = folder.to_owned();
    let open = move || {
        let path = folder.join(relative).canonicalize().ok()?;
        let is_ours = path.starts_with(&folder) && path.is_file();
        is_ours.then(|| NamedFile::open(path).ok()).flatten()
    };
    web::block(open).await.ok().flatten()
}

/// Answers with a page of ours.
pub fn html(text: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(embedded::HTML)
        .insert_header((CACHE_CONTROL, NEVER_KEPT))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(text)
}

fn is_traversal(path: &str) -> bool {
    path.contains("..") || path.contains('\\') || path.contains('\0')
}
