//! The pages in the operator's folder (`--public`).

use std::path::{Component, Path, PathBuf};

use actix_files::NamedFile;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

use super::page::{HTML, NEVER_KEPT};
use crate::web::error::ApiError;

/// `index.html` of the public folder, read once.
pub struct Pages {
    pub(super) folder: Option<PathBuf>,
    pub(super) index: Option<web::Bytes>,
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

/// Answers with a file of the folder, or else with the index.
pub(super) async fn answer(
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
    Ok(HttpResponse::Ok().content_type(HTML).insert_header((CACHE_CONTROL, NEVER_KEPT)).body(index))
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
