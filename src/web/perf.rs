//! `/api/perf/io`, `/api/perf/history`, `/api/perf/write-sources` and `/api/mqtt/status`: bodies
//! that were ready before the question (contract §2.6, §2.8, §2.9).

use super::error::ApiError;
use super::json::JsonBody;
use super::openapi::ErrorBody;
use super::params::Params;
use super::state::{AppState, State};
use crate::actors::cache::{Peek, Subject};
use crate::actors::io_sampler::{PeekIoHistory, UnknownMetric};
use crate::actors::line::AskError;
use crate::actors::perf::PerfLines;

/// What a chart shows unless it asks for something else.
const HISTORY_S: i64 = 300;

/// Returns what this process reads and writes a second, by component, and the same of ingest.
#[utoipa::path(
    get,
    path = "/api/perf/io",
    tag = "perf",
    responses(
        (status = 200, description = "rates; null with a reason where unknown", body = Object),
        (status = 503, description = "starting or busy", body = ErrorBody),
    )
)]
pub async fn io(state: State) -> Result<JsonBody, ApiError> {
    peek(&state, Subject::Io).await
}

/// Returns what was written since the start, by source.
#[utoipa::path(
    get,
    path = "/api/perf/write-sources",
    tag = "perf",
    responses(
        (status = 200, description = "counters since the start of ingest", body = Object),
        (status = 503, description = "starting or busy", body = ErrorBody),
    )
)]
pub async fn write_sources(state: State) -> Result<JsonBody, ApiError> {
    peek(&state, Subject::WriteSources).await
}

/// Returns how the MQTT sources are doing.
#[utoipa::path(
    get,
    path = "/api/mqtt/status",
    tag = "perf",
    responses(
        (status = 200, description = "sources by name, passwords masked", body = Object),
        (status = 503, description = "starting or busy", body = ErrorBody),
    )
)]
pub async fn mqtt_status(state: State) -> Result<JsonBody, ApiError> {
    peek(&state, Subject::MqttStatus).await
}

/// Returns one series of the last hour by column, oldest first.
#[utoipa::path(
    get,
    path = "/api/perf/history",
    tag = "perf",
    params(
        ("metric" = String, Query, description = "such as writer.writeBytesPerSec"),
        ("seconds" = Option<i64>, Query, description = "1 to 3600, 300 by default"),
    ),
    responses(
        (status = 200, description = "times and values; null where unknown", body = Object),
        (status = 400, description = "no such metric", body = ErrorBody),
        (status = 503, description = "starting or busy", body = ErrorBody),
    )
)]
pub async fn history(state: State, params: Params) -> Result<JsonBody, ApiError> {
    let metric = params.text("metric").unwrap_or_default().to_owned();
    let seconds = params.integer("seconds")?.unwrap_or(HISTORY_S).clamp(1, i64::from(u32::MAX));
    let question = PeekIoHistory { metric, seconds: u32::try_from(seconds).unwrap_or(u32::MAX) };
    match lines(&state)?.io_sampler.ask(question).await {
        Ok(series) => Ok(JsonBody::of(&series)),
        Err(AskError::Refused(unknown)) => Err(refusal(&unknown)),
        Err(error) => Err(ApiError::from_ask(error)),
    }
}

fn refusal(unknown: &UnknownMetric) -> ApiError {
    ApiError::bad_request(format!("metric: {unknown}"))
}

async fn peek(state: &AppState, subject: Subject) -> Result<JsonBody, ApiError> {
    let answer = lines(state)?.cache.peek::<_, std::convert::Infallible>(Peek(subject)).await;
    Ok(JsonBody(answer.map_err(ApiError::from_ask)?.body.into_bytes()))
}

fn lines(state: &AppState) -> Result<&PerfLines, ApiError> {
    let lines = state.ready()?.perf.as_ref();
    lines.ok_or_else(|| ApiError::unavailable("nothing watches this process"))
}
