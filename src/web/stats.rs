//! `/api/stats`: what the database holds.

use super::counted::Stats;
use super::error::{ApiError, ErrorBody};
use super::json::JsonBody;
use super::state::State;

/// Returns the figures of the database and the process, at most 10 s old.
#[utoipa::path(
    get,
    path = "/api/stats",
    tag = "system",
    responses(
        (status = 200, description = "figures", body = Stats),
        (status = 503, description = "starting or busy", body = ErrorBody),
    )
)]
pub async fn stats(state: State) -> Result<JsonBody, ApiError> {
    Ok(state.counts().await?.body.clone())
}
