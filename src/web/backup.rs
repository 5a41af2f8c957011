//! `/api/backup`: a copy of the database as it is now (decision 22).

use actix_web::body::SizedStream;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;

use super::auth::Keyed;
use super::connections;
use super::error::{ApiError, ErrorBody};
use super::state::State;
use crate::db::backup::{BackupError, Download};

/// Returns a copy of the database: one snapshot, made while everything goes on, then sent.
#[utoipa::path(
    get,
    path = "/api/backup",
    tag = "system",
    security(("key" = [])),
    responses(
        (
            status = 200,
            description = "the database file",
            body = Vec<u8>,
            content_type = "application/octet-stream"
        ),
        (status = 401, description = "no key or the wrong one", body = ErrorBody),
        (status = 403, description = "no key is configured", body = ErrorBody),
        (status = 409, description = "another backup is made or fetched", body = ErrorBody),
        (status = 503, description = "no database", body = ErrorBody),
        (status = 507, description = "not enough free space", body = ErrorBody),
    )
)]
pub async fn backup(
    _: Keyed,
    state: State,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let backups = state.backups().ok_or_else(|| ApiError::busy("the database is not open"))?;
    let name = format!("corescope-backup-{}.db", state.clock.now_s());
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((CONTENT_TYPE, "application/octet-stream"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")));
    if request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    connections::note_lasting(&request);
    let Download { size, chunks } = backups.start()?;
    let gone = || ApiError::internal("the thread of the backup has ended");
    let bytes = size.await.map_err(|_| gone())??;
    let chunks = stream::unfold(chunks, |mut chunks| async move {
        let chunk = chunks.recv().await?;
        Some((chunk.map(Bytes::from), chunks))
    });
    Ok(answer.body(SizedStream::new(bytes, chunks)))
}

impl From<BackupError> for ApiError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Busy => Self::conflict(error.to_string()),
            BackupError::NoSpace { .. } | BackupError::Full => Self::no_space(error.to_string()),
            BackupError::Abandoned | BackupError::TooSlow(_) => {
                Self::unavailable(error.to_string())
            }
            BackupError::File(_) | BackupError::Database(_) => Self::internal(error),
        }
    }
}
