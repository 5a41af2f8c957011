//! `/api/perf`: everything about the process on one page (contract §2.4), assembled by a pure
//! function of what was gathered.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::health::CacheUse;
use super::memory::Memory;
use super::migrations::MigrationView;
use crate::config::PacketStoreConfig;
use crate::db::retention::TaskStatus;
use crate::db::stats::Counts;
use crate::perf::requests::{RoutePerf, SlowRequest, one_decimal};
use crate::perf::sqlite::SqlitePerf;
use crate::perf::thresholds::MIB;
use crate::store::{Floor, Snapshot, Window};

/// Slow requests that are shown.
const SLOW_SHOWN: usize = 20;
const BREAKDOWN_NOTE: &str =
    "the RAM window holds what lists are selected by; texts stay in SQLite and are not in memory";

/// What the body is made of.
pub struct Gathered<'g> {
    /// Seconds since the start or the last reset.
    pub uptime_s: u64,
    /// Requests and their mean time.
    pub totals: (u64, f64),
    /// By route.
    pub routes: BTreeMap<&'g str, RoutePerf>,
    /// Oldest first.
    pub slow: Vec<SlowRequest>,
    /// Kept answers.
    pub cache: CacheUse,
    /// As configured.
    pub store: PacketStoreConfig,
    /// Rows; `None` if they were never counted.
    pub counts: Option<&'g Counts>,
    /// New transmissions since the start; `None` in a process that does not write.
    pub inserts: Option<u64>,
    /// Commits of others that the writer noticed; `None` as above.
    pub foreign_writes: Option<u64>,
    /// The latest look at the database.
    pub sqlite: SqlitePerf,
    /// Of the process.
    pub memory: Memory,
    /// Processors that it may use.
    pub processors: Option<usize>,
    /// Whether `mem=1` was asked for.
    pub is_broken_down: bool,
    /// By name.
    pub migrations: Vec<MigrationView>,
    /// The RAM window.
    pub window: &'g Window,
    /// What it shows; its figures have been counted off this thread where that takes long.
    pub snapshot: Arc<Snapshot>,
    /// In order; `None` in a process that does not write.
    pub maintenance: Option<Arc<Vec<TaskStatus>>>,
}

/// The body.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overview<'g> {
    /// Seconds since the start or the last reset.
    uptime: u64,
    /// Below `/api/`, this one not included.
    total_requests: u64,
    avg_ms: f64,
    /// By route; `/` stands for all that no route answers.
    endpoints: BTreeMap<&'g str, RoutePerf>,
    /// Slower than 100 ms: the last 20, oldest first.
    slow_queries: Vec<SlowRequest>,
    cache: PerfCache,
    packet_store: PerfStore,
    /// `null` until rows have been counted.
    sqlite: Option<PerfSqlite>,
    go_runtime: PerfRuntime,
    /// Only with `mem=1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_breakdown: Option<MemoryBreakdown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_breakdown_note: Option<&'static str>,
    async_migrations: Vec<MigrationView>,
    /// Writes of another program that the writer noticed since the start (decision 10); `null` in
    /// a process that does not write.
    foreign_writes: Option<u64>,
    /// What retention does; `null` in a process that does not write.
    #[schema(value_type = Option<Vec<Object>>)]
    maintenance: Option<Arc<Vec<TaskStatus>>>,
}

/// As `/api/health.cache`, with the original's other first key.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PerfCache {
    size: u64,
    hits: u64,
    misses: u64,
    stale_hits: u64,
    recomputes: u64,
    hit_rate: f64,
}

/// The RAM window: what is in it, how far it reaches and how loading stands (contract §6.3).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PerfStore {
    /// Transmissions in memory.
    total_loaded: u64,
    /// Observations in memory.
    total_observations: u64,
    evicted: u64,
    /// New transmissions since the start; 0 in a process that does not write.
    inserts: u64,
    /// Packet lists that were selected in memory.
    queries: u64,
    in_memory: u64,
    sqlite_only: bool,
    /// 0: no limit by number.
    max_packets: u64,
    /// Memory in use for data.
    #[serde(rename = "estimatedMB")]
    estimated_mb: Option<f64>,
    #[serde(rename = "trackedMB")]
    tracked_mb: f64,
    avg_bytes_per_packet: u64,
    /// As configured; 0 is unlimited.
    #[serde(rename = "maxMB")]
    max_mb: u64,
    indexes: PerfIndexes,
    hot_startup_hours: f64,
    background_load_complete: bool,
    background_load_failed: bool,
    background_load_progress: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    background_load_error: Option<String>,
    retention_hours: f64,
    oldest_loaded: String,
    load_coverage_ratio: f64,
    /// What stands behind the figures.
    note: &'static str,
}

/// Distinct entries of what is in memory.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PerfIndexes {
    by_hash: usize,
    by_observer: usize,
    by_node: usize,
    advert_by_observer: usize,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PerfSqlite {
    #[serde(rename = "dbSizeMB")]
    db_size_mb: Option<f64>,
    #[serde(rename = "walSizeMB")]
    wal_size_mb: Option<f64>,
    #[serde(rename = "freelistMB")]
    freelist_mb: Option<f64>,
    /// `null` where only the writing process knows.
    wal_pages: Option<PerfWal>,
    rows: PerfRows,
}

/// Pages of the WAL.
#[derive(Serialize, ToSchema)]
struct PerfWal {
    total: u32,
    checkpointed: u32,
    /// Always 0: the checkpointer never waits for a reader.
    busy: u32,
}

/// At most 10 s old.
#[derive(Serialize, ToSchema)]
struct PerfRows {
    transmissions: i64,
    observations: i64,
    nodes: i64,
    observers: i64,
}

/// The names of Go's runtime. There is no garbage collector, so its pauses are 0; pauses of ours
/// are `/api/health.eventLoop`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PerfRuntime {
    /// Threads.
    goroutines: Option<u64>,
    #[serde(rename = "numGC")]
    num_gc: u64,
    pause_total_ms: f64,
    last_pause_ms: f64,
    /// In use for data, without mapped files.
    #[serde(rename = "heapAllocMB")]
    heap_alloc_mb: Option<f64>,
    /// Obtained from the system for data.
    #[serde(rename = "heapSysMB")]
    heap_sys_mb: Option<f64>,
    #[serde(rename = "heapInuseMB")]
    heap_inuse_mb: Option<f64>,
    /// Obtained and not in use.
    #[serde(rename = "heapIdleMB")]
    heap_idle_mb: Option<f64>,
    #[serde(rename = "numCPU")]
    num_cpu: Option<usize>,
}

/// What the window holds; `null` without one. See the note beside it.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MemoryBreakdown {
    total_tx: Option<u64>,
    flood_tx: Option<u64>,
    flood_tx_share_pct: Option<f64>,
    observations: Option<u64>,
    obs_per_tx: Option<f64>,
    #[serde(rename = "txRawHexMB")]
    tx_raw_hex_mb: Option<f64>,
    #[serde(rename = "txDecodedJsonMB")]
    tx_decoded_json_mb: Option<f64>,
    #[serde(rename = "txPathJsonMB")]
    tx_path_json_mb: Option<f64>,
    #[serde(rename = "obsPathJsonMB")]
    obs_path_json_mb: Option<f64>,
    #[serde(rename = "obsStringsMB")]
    obs_strings_mb: Option<f64>,
    #[serde(rename = "floodTxEstimatedMB")]
    flood_tx_estimated_mb: Option<f64>,
    #[serde(rename = "totalTxEstimatedMB")]
    total_tx_estimated_mb: Option<f64>,
}

/// Assembles the body.
pub fn overview(gathered: Gathered<'_>) -> Overview<'_> {
    let packet_store = store(&gathered);
    let sqlite = gathered.counts.map(|counts| sqlite(&gathered.sqlite, counts));
    let shown = gathered.slow.len().saturating_sub(SLOW_SHOWN);
    let is_broken_down = gathered.is_broken_down;
    let memory_breakdown = is_broken_down.then(|| breakdown(&gathered));
    Overview {
        uptime: gathered.uptime_s,
        total_requests: gathered.totals.0,
        avg_ms: gathered.totals.1,
        slow_queries: gathered.slow[shown..].to_vec(),
        cache: cache(&gathered.cache),
        packet_store,
        sqlite,
        go_runtime: runtime(&gathered),
        memory_breakdown,
        memory_breakdown_note: is_broken_down.then_some(BREAKDOWN_NOTE),
        endpoints: gathered.routes,
        foreign_writes: gathered.foreign_writes,
        async_migrations: gathered.migrations,
        maintenance: gathered.maintenance,
    }
}

fn cache(cache: &CacheUse) -> PerfCache {
    PerfCache {
        size: cache.entries,
        hits: cache.hits,
        misses: cache.misses,
        stale_hits: cache.stale_hits,
        recomputes: cache.recomputes,
        hit_rate: cache.hit_rate,
    }
}

fn store(gathered: &Gathered<'_>) -> PerfStore {
    let hours = |duration: Option<std::time::Duration>| {
        duration.map_or(0.0, |duration| duration.as_secs_f64() / 3_600.0)
    };
    let (snapshot, status) = (&gathered.snapshot, gathered.window.status());
    let (in_memory, bytes) = (snapshot.transmissions() as u64, snapshot.bytes());
    let sizes = snapshot.figures();
    PerfStore {
        total_loaded: in_memory,
        total_observations: snapshot.observations() as u64,
        evicted: status.evicted,
        inserts: gathered.inserts.unwrap_or(0),
        queries: gathered.window.queries(),
        in_memory,
        sqlite_only: !status.has_loader,
        max_packets: 0,
        estimated_mb: gathered.memory.in_use.map(one_decimal),
        tracked_mb: one_decimal(bytes as f64 / MIB),
        avg_bytes_per_packet: bytes.checked_div(in_memory).unwrap_or(0),
        max_mb: gathered.store.bytes_max.map_or(0, |bytes| bytes >> 20),
        indexes: PerfIndexes {
            by_hash: sizes.hashes,
            by_observer: sizes.observers,
            by_node: sizes.nodes,
            advert_by_observer: sizes.senders,
        },
        hot_startup_hours: match status.has_loader {
            true => status.hot_hours,
            false => hours(gathered.store.hot_startup),
        },
        background_load_complete: status.is_complete,
        background_load_failed: status.has_failed,
        background_load_progress: status.progress,
        background_load_error: status.error.clone(),
        retention_hours: hours(gathered.store.retention),
        oldest_loaded: oldest_loaded(status.floor, gathered.counts),
        load_coverage_ratio: status.coverage,
        note: "answers are complete whatever is in memory: the rest comes from SQLite",
    }
}

fn breakdown(gathered: &Gathered<'_>) -> MemoryBreakdown {
    if !gathered.window.status().has_loader {
        return MemoryBreakdown::default();
    }
    let (snapshot, figures) = (&gathered.snapshot, gathered.snapshot.figures());
    let (all, observations) = (snapshot.transmissions() as u64, snapshot.observations() as u64);
    let floods = figures.floods as u64;
    let share = |part: u64, all: u64| if all == 0 { 0.0 } else { part as f64 / all as f64 };
    let mib = |bytes: u64| Some((bytes as f64 / MIB * 100.0).round() / 100.0);
    MemoryBreakdown {
        total_tx: Some(all),
        flood_tx: Some(floods),
        flood_tx_share_pct: Some(one_decimal(share(floods, all) * 100.0)),
        observations: Some(observations),
        obs_per_tx: Some(one_decimal(share(observations, all))),
        tx_raw_hex_mb: mib(0),
        tx_decoded_json_mb: mib(0),
        tx_path_json_mb: mib(0),
        obs_path_json_mb: mib(0),
        obs_strings_mb: mib(figures.text_bytes),
        flood_tx_estimated_mb: mib(figures.flood_bytes),
        total_tx_estimated_mb: mib(snapshot.bytes()),
    }
}

/// How far back the window is complete; the oldest packet where all is in it.
fn oldest_loaded(floor: Floor, counts: Option<&Counts>) -> String {
    match floor {
        Floor::Nothing => String::new(),
        Floor::Since(since_s) => crate::clock::iso_s(since_s),
        Floor::Everything => counts.and_then(|counts| counts.oldest.clone()).unwrap_or_default(),
    }
}

fn sqlite(sqlite: &SqlitePerf, counts: &Counts) -> PerfSqlite {
    let mib_of_pages = |pages: Option<i64>| {
        let bytes = pages?.saturating_mul(sqlite.page_size?);
        Some(one_decimal(bytes as f64 / MIB))
    };
    let wal = sqlite.wal_pages.value.zip(sqlite.wal_debt_pages.value);
    PerfSqlite {
        db_size_mb: mib_of_pages(sqlite.page_count),
        wal_size_mb: sqlite.wal_size_mb.map(one_decimal),
        freelist_mb: mib_of_pages(sqlite.freelist_pages),
        wal_pages: wal.map(|(total, debt)| PerfWal {
            total,
            checkpointed: total.saturating_sub(debt),
            busy: 0,
        }),
        rows: PerfRows {
            transmissions: counts.transmissions,
            observations: counts.observations,
            nodes: counts.nodes,
            observers: counts.observers,
        },
    }
}

fn runtime(gathered: &Gathered<'_>) -> PerfRuntime {
    let Memory { in_use, obtained, .. } = gathered.memory;
    PerfRuntime {
        goroutines: gathered.memory.threads,
        num_gc: 0,
        pause_total_ms: 0.0,
        last_pause_ms: 0.0,
        heap_alloc_mb: in_use,
        heap_sys_mb: obtained,
        heap_inuse_mb: in_use,
        heap_idle_mb: obtained.zip(in_use).map(|(all, used)| (all - used).max(0.0)),
        num_cpu: gathered.processors,
    }
}
