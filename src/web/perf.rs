//! `/api/perf` and what is below it, and `/api/mqtt/status` (contract §2.4, §2.6 to §2.9). Figures
//! were taken before the question: who looks how often changes none.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::rt::time::timeout;
use actix_web::web::Path;
use serde_json::json;

use super::auth::Keyed;
use super::counted::Counted;
use super::error::{ApiError, ErrorBody};
use super::health::{self, glance_at_counts, glance_at_migrations};
use super::json::JsonBody;
use super::memory;
use super::migrations::{self, MigrationView};
use super::params::Params;
use super::perf_overview::{self, Gathered, Overview};
use super::state::{AppState, State};
use crate::actors::cache::{Peek, Subject};
use crate::actors::io_sampler::{PeekIoHistory, UnknownMetric};
use crate::actors::line::AskError;
use crate::actors::perf::PerfLines;
use crate::actors::vitals::{AcceptAsNormal, PeekVitalsHistory};
use crate::perf::bodies::{IoBody, MqttStatusBody, WriteSourcesBody};
use crate::perf::history::{SAMPLES_MAX, Series};
use crate::perf::sqlite::SqlitePerf;
use crate::perf::vitals::{self, AnomaliesBody, SERIES, Vitals};
use crate::store::Snapshot;

/// Who counts waits for a reader so long.
const COUNT_MAX: Duration = Duration::from_millis(100);

/// What a chart shows unless it asks for something else.
const HISTORY_S: i64 = 300;

const MIGRATIONS_ERROR: HeaderName = HeaderName::from_static("x-async-migrations-error");

/// Returns how the process is: requests, store, database, runtime, migrations.
#[utoipa::path(
    get,
    path = "/api/perf",
    tag = "perf",
    params(("mem" = Option<i64>, Query, description = "1 adds the breakdown of the RAM window")),
    responses((
        status = 200,
        description = "figures of the process; the header X-Async-Migrations-Error says why \
                       migrations are not listed",
        body = Overview<'_>
    ))
)]
pub async fn overview(state: State, params: Params) -> HttpResponse {
    let counted = glance_at_counts(&state).await;
    let (migrations, error) = list_migrations(&state).await;
    let snapshot = counted_snapshot(&state).await;
    let gathered = gather(&state, counted.as_deref(), &params);
    let gathered = Gathered { migrations, snapshot, ..gathered };
    let mut answer = HttpResponse::Ok();
    if let Some(error) = error {
        answer.insert_header((MIGRATIONS_ERROR, error));
    }
    answer.content_type("application/json").body(JsonBody::of(&perf_overview::overview(gathered)).0)
}

/// Counts what is in the RAM window, on a reader's thread where one is free.
async fn counted_snapshot(state: &State) -> Arc<Snapshot> {
    let snapshot = state.window.latest();
    if !snapshot.has_figures() {
        let uncounted = Arc::clone(&snapshot);
        let count = state.ask(move |_| Ok(*uncounted.figures()));
        // Otherwise it is counted here.
        let _ = timeout(COUNT_MAX, count).await;
    }
    snapshot
}

/// Returns no migrations and why, if they cannot be read.
async fn list_migrations(state: &State) -> (Vec<MigrationView>, Option<HeaderValue>) {
    match glance_at_migrations(state).await {
        Ok(stored) => (migrations::views(state, &stored), None),
        Err(error) => (Vec::new(), HeaderValue::from_str(&error.to_string()).ok()),
    }
}

fn gather<'s>(state: &'s AppState, counted: Option<&'s Counted>, params: &Params) -> Gathered<'s> {
    let write_side = lines(state).ok().and_then(|lines| lines.write_side.as_ref());
    Gathered {
        uptime_s: state.requests.uptime().as_secs(),
        totals: state.requests.count_and_mean_ms(),
        routes: state.requests.routes(),
        slow: state.requests.slow(),
        cache: health::cache_use(state),
        store: state.config.packet_store,
        counts: counted.map(|counted| &counted.counts),
        inserts: write_side.map(|side| side.totals.counts().tx_inserted),
        foreign_writes: write_side.map(|side| side.totals.counts().foreign_writes),
        sqlite: vitals::sqlite_body(latest_vitals(state).as_deref(), state.clock.monotonic()),
        memory: memory::read(),
        processors: std::thread::available_parallelism().ok().map(Into::into),
        is_broken_down: params.text("mem") == Some("1"),
        migrations: Vec::new(),
        window: &state.window,
        snapshot: Arc::default(),
        maintenance: state.maintenance(),
    }
}

/// Forgets the times of requests and begins to count again.
#[utoipa::path(
    post,
    path = "/api/perf/reset",
    tag = "perf",
    security(("key" = [])),
    responses(
        (status = 200, description = "done", body = Object),
        (status = 401, description = "no key or the wrong one", body = ErrorBody),
        (status = 403, description = "writing is disabled", body = ErrorBody),
    )
)]
pub async fn reset(_: Keyed, state: State) -> JsonBody {
    state.requests.reset();
    JsonBody::of(&json!({ "ok": true }))
}

/// Returns how SQLite does: page caches, WAL, file, open reads.
#[utoipa::path(
    get,
    path = "/api/perf/sqlite",
    tag = "perf",
    responses((status = 200, description = "null with a reason where unknown", body = SqlitePerf))
)]
pub async fn sqlite(state: State) -> JsonBody {
    let latest = latest_vitals(&state);
    JsonBody::of(&vitals::sqlite_body(latest.as_deref(), state.clock.monotonic()))
}

/// Returns what is not normal now, since when, and which source moved.
#[utoipa::path(
    get,
    path = "/api/perf/anomalies",
    tag = "perf",
    responses((status = 200, description = "empty when all is normal", body = AnomaliesBody<'_>))
)]
pub async fn anomalies(state: State) -> JsonBody {
    let latest = latest_vitals(&state);
    JsonBody::of(&vitals::anomalies_body(latest.as_deref(), state.clock.monotonic()))
}

/// Says that what a series does now is its normal: it is learned afresh.
#[utoipa::path(
    post,
    path = "/api/perf/anomalies/{series}/accept",
    tag = "perf",
    params(("series" = String, Path, description = "one that a baseline flags")),
    security(("key" = [])),
    responses(
        (status = 200, description = "no longer flagged from the next judgement on", body = Object),
        (status = 401, description = "no key or the wrong one", body = ErrorBody),
        (status = 403, description = "writing is disabled", body = ErrorBody),
        (status = 404, description = "nothing was learned of it", body = ErrorBody),
    )
)]
pub async fn accept(_: Keyed, state: State, series: Path<String>) -> Result<JsonBody, ApiError> {
    match lines(&state)?.vitals.ask(AcceptAsNormal(series.into_inner())).await {
        Ok(()) => Ok(JsonBody::of(&json!({ "ok": true }))),
        Err(AskError::Refused(_)) => Err(ApiError::not_found()),
        Err(error) => Err(ApiError::from_ask(error)),
    }
}

fn latest_vitals(state: &AppState) -> Option<Arc<Vitals>> {
    lines(state).ok().and_then(|lines| lines.latest_vitals.load_full())
}

/// Returns what this process reads and writes a second, by component, and the same of ingest.
#[utoipa::path(
    get,
    path = "/api/perf/io",
    tag = "perf",
    responses(
        (status = 200, description = "rates; null with a reason where unknown", body = IoBody),
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
        (status = 200, description = "counters since the start of ingest", body = WriteSourcesBody),
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
        (status = 200, description = "sources by name, passwords masked", body = MqttStatusBody),
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
        ("step" = Option<i64>, Query, description = "seconds of one value, their mean; 1 to 3600"),
    ),
    responses(
        (status = 200, description = "times and values; null where unknown", body = Series),
        (status = 400, description = "no such metric", body = ErrorBody),
        (status = 503, description = "starting or busy", body = ErrorBody),
    )
)]
pub async fn history(state: State, params: Params) -> Result<JsonBody, ApiError> {
    let metric = params.text("metric").unwrap_or_default().to_owned();
    let seconds = params.integer("seconds")?.unwrap_or(HISTORY_S).clamp(1, SAMPLES_MAX as i64);
    let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
    let step = params.integer("step")?.unwrap_or(1).clamp(1, SAMPLES_MAX as i64);
    let step = u32::try_from(step).unwrap_or(1);
    let lines = lines(&state)?;
    let series = match SERIES.contains(&metric.as_str()) {
        true => lines.vitals.ask(PeekVitalsHistory { metric, seconds }).await,
        false => lines.io_sampler.ask(PeekIoHistory { metric, seconds }).await,
    };
    series.map(|series| JsonBody::of(&series.every(step))).map_err(refusal)
}

fn refusal(error: AskError<UnknownMetric>) -> ApiError {
    match error {
        AskError::Refused(UnknownMetric(mut known)) => {
            known.extend(SERIES.map(str::to_owned));
            ApiError::bad_request(format!("metric: {}", UnknownMetric(known)))
        }
        error => ApiError::from_ask(error),
    }
}

async fn peek(state: &AppState, subject: Subject) -> Result<JsonBody, ApiError> {
    let answer = lines(state)?.cache.peek::<_, std::convert::Infallible>(Peek(subject)).await;
    Ok(JsonBody(answer.map_err(ApiError::from_ask)?.into_bytes()))
}

fn lines(state: &AppState) -> Result<&PerfLines, ApiError> {
    let lines = state.ready()?.perf.as_ref();
    lines.ok_or_else(|| ApiError::unavailable("nothing watches this process"))
}
