//! `/api/health` and `/api/healthz`: how the process is, for people and for probes.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::rt::{self, time::timeout};
use serde::Serialize;
use utoipa::ToSchema;

use super::counted::Counted;
use super::error::ApiError;
use super::json::{self, JsonBody};
use super::memory;
use super::migrations::{self, MigrationView};
use super::program::{BUILD, ENGINE};
use super::state::{AppState, Ready, State};
use super::warmup::WarmupTask;
use crate::actors::line::AskError;
use crate::actors::live::CountClients;
use crate::db::migrations::MigrationStatus;
use crate::perf::lag::EventLoop;
use crate::perf::requests::{SlowRequest, one_decimal};
use crate::perf::thresholds::MIB;

/// How long a probe waits for what it shows.
const GLANCE_MAX: Duration = Duration::from_millis(100);

/// Slow requests that are shown.
const SLOW_SHOWN: usize = 5;

/// How the process is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `ok`.
    status: &'static str,
    engine: &'static str,
    version: &'static str,
    commit: &'static str,
    build_time: &'static str,
    /// Seconds since the start.
    uptime: u64,
    /// As in `26h 5m`.
    uptime_human: String,
    memory: MemoryUse,
    /// How late the thread of ingest and migrations woke.
    event_loop: EventLoop,
    cache: CacheUse,
    websocket: WebSocketUse,
    packet_store: PacketStore,
    perf: Perf,
}

/// MiB, rounded down; `null` where the system does not tell.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MemoryUse {
    rss: Option<u64>,
    heap_used: Option<u64>,
    heap_total: Option<u64>,
    external: u64,
}

/// Answers that are kept for some seconds.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CacheUse {
    pub(super) entries: u64,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) stale_hits: u64,
    pub(super) recomputes: u64,
    /// Percent.
    pub(super) hit_rate: f64,
}

#[derive(Serialize, ToSchema)]
struct WebSocketUse {
    /// Open feeds; `null` in a process without a live feed.
    clients: Option<usize>,
}

#[derive(Serialize, ToSchema)]
struct PacketStore {
    /// Transmissions; `null` until they have been counted.
    packets: Option<i64>,
    /// Memory in use for data, MiB.
    #[serde(rename = "estimatedMB")]
    estimated_mb: Option<f64>,
    /// What the RAM window holds, MiB.
    #[serde(rename = "trackedMB")]
    tracked_mb: f64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Perf {
    total_requests: u64,
    avg_ms: f64,
    slow_queries: usize,
    recent_slow: Vec<SlowRequest>,
}

/// Says how the process is; always 200.
#[utoipa::path(
    get,
    path = "/api/health",
    tag = "system",
    responses((status = 200, description = "figures of the process", body = Health))
)]
pub async fn health(state: State) -> JsonBody {
    let counted = glance_at_counts(&state).await;
    JsonBody::of(&Health {
        status: "ok",
        engine: ENGINE,
        version: BUILD.version,
        commit: BUILD.commit,
        build_time: BUILD.time,
        uptime: state.clock.monotonic().as_secs(),
        uptime_human: uptime_human(state.clock.monotonic().as_secs()),
        memory: memory_use(),
        event_loop: state.loop_lag.event_loop(),
        cache: cache_use(&state),
        websocket: WebSocketUse { clients: count_clients(&state).await },
        packet_store: PacketStore {
            packets: counted.map(|counted| counted.counts.transmissions),
            estimated_mb: memory::read().in_use.map(one_decimal),
            tracked_mb: one_decimal(state.window.latest().bytes() as f64 / MIB),
        },
        perf: perf(&state),
    })
}

fn uptime_human(seconds: u64) -> String {
    format!("{}h {}m", seconds / 3600, seconds % 3600 / 60)
}

fn memory_use() -> MemoryUse {
    let memory = memory::read();
    let whole = |mib: Option<f64>| mib.map(|mib| mib as u64);
    MemoryUse {
        rss: whole(memory.resident),
        heap_used: whole(memory.in_use),
        heap_total: whole(memory.obtained),
        external: 0,
    }
}

/// Returns how kept answers do.
pub(super) fn cache_use(state: &AppState) -> CacheUse {
    let (entries, hits, misses) = state.cache_counts();
    let asked = hits + misses;
    let share = if asked == 0 { 0.0 } else { hits as f64 / asked as f64 };
    let hit_rate = (share * 1000.0).round() / 10.0;
    CacheUse { entries, hits, misses, stale_hits: 0, recomputes: misses, hit_rate }
}

/// Returns how many live feeds are open; `None` without a live feed.
pub(super) async fn count_clients(state: &AppState) -> Option<usize> {
    let live = state.ready().ok()?.live.as_ref()?;
    let count: Result<usize, AskError<Infallible>> = live.peek(CountClients).await;
    count.ok()
}

fn perf(state: &AppState) -> Perf {
    let (total_requests, avg_ms) = state.requests.count_and_mean_ms();
    let slow = state.requests.slow();
    let shown = slow.len().saturating_sub(SLOW_SHOWN);
    let (slow_queries, recent_slow) = (slow.len(), slow[shown..].to_vec());
    Perf { total_requests, avg_ms, slow_queries, recent_slow }
}

/// Whether the process answers, and what it is still doing.
#[derive(Serialize, ToSchema)]
pub struct Healthz {
    /// By name.
    #[schema(value_type = Vec<MigrationView>)]
    async_migrations: Vec<MigrationView>,
    /// Only when the list could not be read; `async_migrations_running` is then true.
    #[serde(skip_serializing_if = "Option::is_none")]
    async_migrations_error: Option<String>,
    async_migrations_running: bool,
    from_pubkey_backfill: BackfillProgress,
    /// By source; absent without sources.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    ingest_liveness: BTreeMap<String, SourceLiveness>,
    /// Observations in memory; those that answers cover where there is no window.
    #[serde(rename = "loadedObs")]
    loaded_obs: Option<i64>,
    /// Transmissions, as above.
    #[serde(rename = "loadedTx")]
    loaded_tx: Option<i64>,
    /// What is still done before the process is as fast and complete as it can be; `null` if the
    /// list could not be read.
    pending_warmup_tasks: Option<Vec<WarmupTask>>,
    ready: bool,
}

#[derive(Serialize, ToSchema)]
struct BackfillProgress {
    done: bool,
    processed: i64,
    total: i64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SourceLiveness {
    /// Unix seconds, 0 for never.
    last_receipt_unix: i64,
    /// Unix seconds, 0 for never.
    last_message_unix: i64,
}

/// Before the database is open.
#[derive(Serialize, ToSchema)]
pub struct NotReady {
    ready: bool,
    reason: &'static str,
}

/// Says whether the process answers. Waits for no query.
///
/// What takes longer than a moment to read is shown as it was known last.
#[utoipa::path(
    get,
    path = "/api/healthz",
    tag = "system",
    responses(
        (status = 200, description = "the database is open", body = Healthz),
        (status = 503, description = "it is not yet", body = NotReady),
    )
)]
pub async fn healthz(state: State) -> Result<HttpResponse, ApiError> {
    let Ok(ready) = state.ready() else {
        let body = json::bytes(&NotReady { ready: false, reason: "loading" });
        return Ok(HttpResponse::ServiceUnavailable().content_type("application/json").body(body));
    };
    let make = async || Ok::<_, ApiError>(JsonBody::of(&healthz_of(&state, ready).await));
    let body = state.healthz_body.get(make).await?;
    Ok(HttpResponse::Ok().content_type("application/json").body(body.0))
}

async fn healthz_of(state: &State, ready: &Ready) -> Healthz {
    let now_s = state.clock.now_s();
    let counted = glance_at_counts(state).await;
    let listed = glance_at_migrations(state).await;
    let listed = listed.map(|stored| migrations::views(state, &stored));
    let (async_migrations, async_migrations_error) = match listed {
        Ok(migrations) => (migrations, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let mut tasks = migrations::warmup_tasks(&async_migrations);
    let is_migrating = !tasks.is_empty();
    tasks.extend(migrations::load_task(state));
    tasks.extend(migrations::node_figures_task(state));
    let (loaded_tx, loaded_obs) = loaded(state, counted.as_deref());
    Healthz {
        async_migrations_running: is_migrating || async_migrations_error.is_some(),
        pending_warmup_tasks: async_migrations_error.is_none().then_some(tasks),
        async_migrations_error,
        from_pubkey_backfill: from_pubkey(&async_migrations),
        async_migrations,
        ingest_liveness: liveness(ready, now_s),
        loaded_obs,
        loaded_tx,
        ready: true,
    }
}

/// What is in memory; what answers cover where there is no window.
fn loaded(state: &AppState, counted: Option<&Counted>) -> (Option<i64>, Option<i64>) {
    if !state.window.status().has_loader {
        let counts = counted.map(|counted| &counted.counts);
        let rows = counts.map(|counts| (counts.transmissions, counts.observations));
        return rows.unzip();
    }
    let snapshot = state.window.latest();
    let rows = |count: usize| Some(i64::try_from(count).unwrap_or(i64::MAX));
    (rows(snapshot.transmissions()), rows(snapshot.observations()))
}

/// Counts again where that is due, behind the asker's back if it takes longer than a moment.
pub(super) async fn glance_at_counts(state: &State) -> Option<Arc<Counted>> {
    let shared = state.clone();
    let refresh = rt::spawn(async move { shared.counts().await });
    match timeout(GLANCE_MAX, refresh).await {
        Ok(Ok(Ok(counted))) => Some(counted),
        _ => state.last_counts(),
    }
}

/// As [`glance_at_counts`]; an error only where the list cannot be read, or never was yet.
pub(super) async fn glance_at_migrations(
    state: &State,
) -> Result<Arc<Vec<MigrationStatus>>, ApiError> {
    let shared = state.clone();
    let refresh = rt::spawn(async move { shared.migrations().await });
    let delay = match timeout(GLANCE_MAX, refresh).await {
        Ok(Ok(Ok(migrations))) => return Ok(migrations),
        Ok(Ok(Err(error))) if !error.is_busy() => return Err(error),
        Ok(Ok(Err(error))) => error,
        _ => ApiError::busy("the migrations have not been listed yet"),
    };
    state.last_migrations().ok_or(delay)
}

/// A database without that migration has nothing to fill.
fn from_pubkey(migrations: &[MigrationView]) -> BackfillProgress {
    let mut statuses = migrations.iter().map(|view| &view.status);
    match statuses.find(|migration| migration.name.contains("from_pubkey")) {
        Some(found) => BackfillProgress {
            done: found.status == "done",
            processed: found.rows_processed,
            total: found.rows_total,
        },
        None => BackfillProgress { done: true, processed: 0, total: 0 },
    }
}

fn liveness(ready: &Ready, now_s: i64) -> BTreeMap<String, SourceLiveness> {
    let sources = ready.sources.iter().map(|source| {
        let seen = source.snapshot(now_s);
        let liveness = SourceLiveness {
            last_receipt_unix: seen.last_receipt_unix.unwrap_or(0),
            last_message_unix: seen.last_message_unix.unwrap_or(0),
        };
        (seen.name, liveness)
    });
    sources.collect()
}
