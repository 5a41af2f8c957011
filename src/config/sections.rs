//! The parts of a [`super::Config`], each with its defaults, and how they are read.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Number, Value};

use super::error::{
    ConfigError, number_in, refuse, set_days, set_hours, set_mb, set_number, set_seconds,
};
use super::raw::{
    RawAnalytics, RawConfig, RawDb, RawListLimits, RawMigrations, RawPacketStore, RawRetention,
};

const DAY: Duration = Duration::from_secs(86_400);

/// The largest number of rows that a list answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListLimits {
    /// `/api/packets`.
    pub packets_max: u64,
    /// `/api/nodes`.
    pub nodes_max: u64,
    /// `/api/analytics/*`.
    pub analytics_max: u64,
    /// `/api/channels/{hash}/messages`.
    pub channel_messages_max: u64,
    /// `/api/nodes/bulk-health`.
    pub bulk_health_max: u64,
}

impl Default for ListLimits {
    fn default() -> Self {
        Self {
            packets_max: 10_000,
            nodes_max: 2_000,
            analytics_max: 200,
            channel_messages_max: 500,
            bulk_health_max: 200,
        }
    }
}

pub(super) fn list_limits(raw: &RawListLimits) -> Result<ListLimits, ConfigError> {
    let mut limits = ListLimits::default();
    let fields = [
        ("packetsMax", raw.packets_max, &mut limits.packets_max),
        ("nodesMax", raw.nodes_max, &mut limits.nodes_max),
        ("analyticsMax", raw.analytics_max, &mut limits.analytics_max),
        ("channelMessagesMax", raw.channel_messages_max, &mut limits.channel_messages_max),
        ("bulkHealthMax", raw.bulk_health_max, &mut limits.bulk_health_max),
    ];
    for (key, value, limit) in fields {
        *limit = set_number(&format!("listLimits.{key}"), value, 1_000_000)?.unwrap_or(*limit);
    }
    Ok(limits)
}

/// How long rows are kept. `None` keeps them for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionConfig {
    /// Nodes not heard of for so long move to `inactive_nodes`.
    pub nodes: Duration,
    /// Observers not heard of for so long are marked inactive.
    pub observers: Option<Duration>,
    /// Metrics and dropped packets.
    pub metrics: Duration,
    /// Packets.
    pub packets: Option<Duration>,
    /// Client receptions.
    pub client_receptions: Option<Duration>,
    /// Neighbour edges.
    pub neighbor_edges: Duration,
    /// Whether rows are old by the clock alone (`retention.trustClock`), whatever was heard when.
    pub trusts_clock: bool,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            nodes: 7 * DAY,
            observers: Some(14 * DAY),
            metrics: 30 * DAY,
            packets: None,
            client_receptions: None,
            neighbor_edges: 5 * DAY,
            trusts_clock: false,
        }
    }
}

/// `neighborEdgesMaxAgeDays` is what the original reads, `neighborGraph.maxAgeDays` what its sample
/// file says (HZ 19): the first wins where both are set.
pub(super) fn retention(config: &RawConfig) -> Result<RetentionConfig, ConfigError> {
    let base = RetentionConfig::default();
    let raw: &RawRetention = &config.retention;
    let observers = set_days("retention.observerDays", raw.observer_days)?.or(base.observers);
    let edges = set_days("neighborEdgesMaxAgeDays", config.neighbor_edges_max_age_days)?;
    let sample = set_days("neighborGraph.maxAgeDays", config.neighbor_graph.max_age_days)?;
    Ok(RetentionConfig {
        nodes: set_days("retention.nodeDays", raw.node_days)?.unwrap_or(base.nodes),
        observers: observers.filter(|_| raw.observer_days.is_none_or(|days| days >= 0)),
        metrics: set_days("retention.metricsDays", raw.metrics_days)?.unwrap_or(base.metrics),
        packets: set_days("retention.packetDays", raw.packet_days)?,
        client_receptions: set_days("retention.clientRxDays", raw.client_rx_days)?,
        neighbor_edges: edges.or(sample).unwrap_or(base.neighbor_edges),
        trusts_clock: raw.trust_clock.unwrap_or(base.trusts_clock),
    })
}

/// The RAM window over recent packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketStoreConfig {
    /// How far back it reaches; `None` as far as memory allows.
    pub retention: Option<Duration>,
    /// How much of it is loaded before the rest; `None` makes no difference.
    pub hot_startup: Option<Duration>,
    /// `None` is unlimited.
    pub bytes_max: Option<u64>,
    /// Entries of the resolved-key index from which a warning is logged.
    pub resolved_index_entries_warning: u64,
}

impl Default for PacketStoreConfig {
    fn default() -> Self {
        Self {
            retention: None,
            hot_startup: None,
            bytes_max: None,
            resolved_index_entries_warning: 5_000_000,
        }
    }
}

pub(super) fn packet_store(raw: &RawPacketStore) -> Result<PacketStoreConfig, ConfigError> {
    let entries_key = "packetStore.maxResolvedPubkeyIndexEntries";
    let entries = set_number(entries_key, raw.max_resolved_pubkey_index_entries, u64::MAX)?;
    let base = PacketStoreConfig::default();
    Ok(PacketStoreConfig {
        retention: set_hours("packetStore.retentionHours", raw.retention_hours)?,
        hot_startup: set_hours("packetStore.hotStartupHours", raw.hot_startup_hours)?,
        bytes_max: set_mb("packetStore.maxMemoryMB", raw.max_memory_mb)?,
        resolved_index_entries_warning: entries.unwrap_or(base.resolved_index_entries_warning),
    })
}

/// How the database file is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// Whether a full `VACUUM` may run at start where the file is not yet incremental.
    pub vacuum_on_startup: bool,
    /// Pages freed by one incremental vacuum.
    pub incremental_vacuum_pages: u64,
    /// Rows of one chunk of a load.
    pub load_chunk_rows: u64,
    /// A write that takes longer is logged (`CORESCOPE_DB_SLOW_WRITER_MS`).
    pub slow_write: Duration,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            vacuum_on_startup: false,
            incremental_vacuum_pages: 1024,
            load_chunk_rows: 10_000,
            slow_write: Duration::from_millis(500),
        }
    }
}

pub(super) fn database(raw: &RawDb) -> Result<DatabaseConfig, ConfigError> {
    let base = DatabaseConfig::default();
    let pages = set_number("db.incrementalVacuumPages", raw.incremental_vacuum_pages, 1 << 30)?;
    let rows = set_number("db.load.chunkSize", raw.load.chunk_size, 10_000_000)?;
    Ok(DatabaseConfig {
        vacuum_on_startup: raw.vacuum_on_startup.unwrap_or(base.vacuum_on_startup),
        incremental_vacuum_pages: pages.unwrap_or(base.incremental_vacuum_pages),
        load_chunk_rows: rows.unwrap_or(base.load_chunk_rows),
        slow_write: base.slow_write,
    })
}

/// How gently migrations run (decision 20).
#[derive(Clone, Debug, PartialEq)]
pub struct MigrationsConfig {
    /// Rows of one batch at most (`batchSize` is an alias).
    pub batch_rows_max: u64,
    /// How long a batch should hold the writer; batches grow and shrink towards it.
    pub hold_target: Duration,
    /// How long a batch may hold it; then it is rolled back and halved.
    pub hold_max: Duration,
    /// Pages that one batch may write to the WAL.
    pub wal_pages_max: u64,
    /// Share of the time that batches may take: 0.5 pauses as long as the last batch held.
    pub duty_cycle: f64,
    /// Shortest pause between two batches (`yieldMs` is an alias).
    pub pause_min: Duration,
    /// No pauses at all.
    pub is_turbo: bool,
    /// Levels of health signals that are not the usual ones.
    pub levels: Vec<SignalLevel>,
}

/// From where to where a health signal holds migrations up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignalLevel {
    /// One of the signals' names.
    pub signal: &'static str,
    /// From here on; infinite switches it off.
    pub throttle_at: f64,
    /// Down to here.
    pub release_at: f64,
}

/// The signals, and the share of its level at which one that is only given a level lets go.
const SIGNALS: [(&str, f64); 9] = [
    ("queueAgeMs", 0.6),
    ("queueShare", 0.5),
    ("walPages", 0.0),
    ("foreignReaderSec", 0.0),
    ("readersWaiting", 0.25),
    ("readerP99Ms", 0.4),
    ("backup", 0.0),
    ("ioPressure", 0.66),
    ("disk", 0.8),
];

/// `false` switches a signal off, `true` leaves it; a number is its level; an object says both.
fn signal_levels(raw: &BTreeMap<String, Value>) -> Result<Vec<SignalLevel>, ConfigError> {
    let mut levels = Vec::new();
    for (name, value) in raw {
        let key = format!("migrations.signals.{name}");
        let Some((signal, share)) = SIGNALS.into_iter().find(|(signal, _)| signal == name) else {
            return refuse(key, format!("one of {}", SIGNALS.map(|(name, _)| name).join(", ")));
        };
        let of = |key: &str| value.get(key).and_then(Value::as_f64);
        let pair = match value {
            Value::Null | Value::Bool(true) => continue,
            Value::Bool(false) => Some((f64::INFINITY, f64::INFINITY)),
            Value::Number(_) => value.as_f64().map(|level| (level, level * share)),
            _ => of("throttleAt").map(|at| (at, of("releaseAt").unwrap_or(at * share))),
        };
        let is_sane = |(throttle_at, release_at): &(f64, f64)| {
            *throttle_at > 0.0 && *release_at >= 0.0 && release_at <= throttle_at
        };
        let Some((throttle_at, release_at)) = pair.filter(is_sane) else {
            let expected = "false, a level above 0, or {throttleAt, releaseAt} with releaseAt no \
                            higher than throttleAt";
            return refuse(key, expected);
        };
        levels.push(SignalLevel { signal, throttle_at, release_at });
    }
    Ok(levels)
}

impl Default for MigrationsConfig {
    fn default() -> Self {
        Self {
            batch_rows_max: 20_000,
            hold_target: Duration::from_millis(10),
            hold_max: Duration::from_millis(30),
            wal_pages_max: 256,
            duty_cycle: 0.5,
            pause_min: Duration::ZERO,
            is_turbo: false,
            levels: Vec::new(),
        }
    }
}

/// Reads what is said; the rest is as in `base`.
pub(super) fn migrations(
    raw: &RawMigrations,
    base: MigrationsConfig,
) -> Result<MigrationsConfig, ConfigError> {
    let rows = number_in("migrations.batchRowsMax", raw.batch_rows_max, 1..=1_000_000)?;
    let rows_alias = number_in("migrations.batchSize", raw.batch_size, 1..=1_000_000)?;
    let pause = number_in("migrations.pauseMinMs", raw.pause_min_ms, 0..=3_600_000)?;
    let pause_alias = number_in("migrations.yieldMs", raw.yield_ms, 0..=3_600_000)?;
    let target = number_in("migrations.holdTargetMs", raw.hold_target_ms, 1..=1000)?;
    let max = number_in("migrations.holdMaxMs", raw.hold_max_ms, 1..=10_000)?;
    let pages = number_in("migrations.walPagesMax", raw.wal_pages_max, 1..=1_000_000)?;
    let duty_cycle = raw.duty_cycle.unwrap_or(base.duty_cycle);
    if !(duty_cycle > 0.0 && duty_cycle <= 1.0) {
        return refuse("migrations.dutyCycle", "a share above 0 and up to 1");
    }
    let hold_target = target.map_or(base.hold_target, Duration::from_millis);
    let hold_max = max.map_or(base.hold_max.max(hold_target), Duration::from_millis);
    if hold_max < hold_target {
        return refuse("migrations.holdMaxMs", "no less than migrations.holdTargetMs");
    }
    Ok(MigrationsConfig {
        batch_rows_max: rows.or(rows_alias).unwrap_or(base.batch_rows_max),
        hold_target,
        hold_max,
        wal_pages_max: pages.unwrap_or(base.wal_pages_max),
        duty_cycle,
        pause_min: pause.or(pause_alias).map_or(base.pause_min, Duration::from_millis),
        is_turbo: raw.turbo.unwrap_or(base.is_turbo),
        levels: if raw.signals.is_empty() { base.levels } else { signal_levels(&raw.signals)? },
    })
}

/// Knobs from the environment (decision 20); `yieldMs` and `batchSize` have their names there too.
pub(super) fn migrations_of_env(
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<RawMigrations, ConfigError> {
    fn parsed<T: std::str::FromStr>(
        env: &dyn Fn(&str) -> Option<String>,
        knob: &str,
    ) -> Result<Option<T>, ConfigError> {
        let name = format!("CORESCOPE_MIGRATIONS_{knob}");
        let Some(text) = env(&name) else { return Ok(None) };
        let expected = if knob == "TURBO" { "true or false" } else { "a number" }.to_owned();
        let refused = |_| ConfigError::Environment { name, expected };
        text.trim().parse().map(Some).map_err(refused)
    }
    Ok(RawMigrations {
        batch_rows_max: parsed(env, "BATCH_ROWS_MAX")?,
        batch_size: parsed(env, "BATCH_SIZE")?,
        hold_target_ms: parsed(env, "HOLD_TARGET_MS")?,
        hold_max_ms: parsed(env, "HOLD_MAX_MS")?,
        wal_pages_max: parsed(env, "WAL_PAGES_MAX")?,
        duty_cycle: parsed(env, "DUTY_CYCLE")?,
        pause_min_ms: parsed(env, "PAUSE_MIN_MS")?,
        yield_ms: parsed(env, "YIELD_MS")?,
        turbo: parsed(env, "TURBO")?,
        ..RawMigrations::default()
    })
}

/// What is compressed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompressionConfig {
    /// HTTP bodies.
    pub is_gzip: bool,
    /// WebSocket messages.
    pub is_websocket: bool,
    /// Content types that are compressed; empty for the usual ones.
    pub content_types: Vec<String>,
}

/// How fresh computed answers are.
#[derive(Clone, Debug, PartialEq)]
pub struct FreshnessConfig {
    /// `/api/observers`.
    pub observers: Duration,
    /// Background snapshots of analytics without an interval of their own.
    pub analytics: Duration,
    /// Intervals of single analytics by the original's name (`topology`, `rf`, …).
    pub analytics_by_name: BTreeMap<String, Duration>,
    /// Analytics computed on request.
    pub analytics_on_request: Duration,
    /// Hash collisions (`cacheTTL.analyticsHashSizes`).
    pub hash_collisions: Duration,
    /// Shortest gap between two invalidations by ingest.
    pub invalidation_gap: Duration,
    /// The neighbour graph.
    pub neighbor_graph: Duration,
    /// The `cacheTTL` object as typed, for `/api/config/cache`.
    pub cache_ttl: Map<String, Value>,
}

impl Default for FreshnessConfig {
    fn default() -> Self {
        Self {
            observers: Duration::from_secs(30),
            analytics: Duration::from_secs(300),
            analytics_by_name: BTreeMap::new(),
            analytics_on_request: Duration::from_secs(60),
            hash_collisions: Duration::from_secs(3600),
            invalidation_gap: Duration::from_secs(300),
            neighbor_graph: Duration::from_secs(300),
            cache_ttl: Map::new(),
        }
    }
}

pub(super) fn freshness(raw: &mut RawConfig) -> Result<FreshnessConfig, ConfigError> {
    let mut config =
        FreshnessConfig { cache_ttl: std::mem::take(&mut raw.cache_ttl), ..Default::default() };
    let analytics: &RawAnalytics = &raw.analytics;
    let seconds = |key: &str, value, field: &mut Duration| {
        set_seconds(key, value).map(|set| *field = set.unwrap_or(*field))
    };
    let graph_s = raw.neighbor_graph.cache_recompute_interval_seconds;
    seconds("observersCache.ttlSeconds", raw.observers_cache.ttl_seconds, &mut config.observers)?;
    let default_s = analytics.default_interval_seconds;
    seconds("analytics.defaultIntervalSeconds", default_s, &mut config.analytics)?;
    let graph_key = "neighborGraph.cacheRecomputeIntervalSeconds";
    seconds(graph_key, graph_s, &mut config.neighbor_graph)?;
    for (name, value) in &analytics.recompute_interval_seconds {
        let key = format!("analytics.recomputeIntervalSeconds.{name}");
        if let Some(interval) = set_seconds(&key, Some(*value))? {
            config.analytics_by_name.insert(name.clone(), interval);
        }
    }
    let cached = [
        ("analyticsRF", &mut config.analytics_on_request),
        ("analyticsHashSizes", &mut config.hash_collisions),
        ("invalidationDebounce", &mut config.invalidation_gap),
    ];
    for (name, field) in cached {
        let key = format!("cacheTTL.{name}");
        seconds(&key, cache_ttl_seconds(&key, config.cache_ttl.get(name))?, field)?;
    }
    Ok(config)
}

fn cache_ttl_seconds(key: &str, value: Option<&Value>) -> Result<Option<i64>, ConfigError> {
    match value {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "`as` saturates; bounded after")]
            Some(seconds) => Ok(Some(seconds as i64)),
            None => refuse(key, "a number of seconds"),
        },
    }
}

/// What `/api/config/client` passes through to the page; `None` is `null`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientHints {
    /// `perfSlowMs`.
    pub perf_slow_ms: Option<Number>,
    /// `wsReconnectMs`.
    pub ws_reconnect_ms: Option<Number>,
    /// `cacheInvalidateMs`.
    pub cache_invalidate_ms: Option<Number>,
}

/// Keys of channels and regions as configured; `ingest` derives the rest. `Debug` prints names.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ChannelConfig {
    /// `channelKeysPath`; `None` looks beside the configuration.
    pub rainbow_path: Option<PathBuf>,
    /// From the rainbow file; the lowest rank.
    pub rainbow_keys: BTreeMap<String, [u8; 16]>,
    /// `hashChannels`: names whose key is derived, with `#`, in the file's order.
    pub hash_channels: Vec<String>,
    /// `channelKeys`; the highest rank.
    pub channel_keys: BTreeMap<String, [u8; 16]>,
    /// `hashRegions`: regions whose scope is recognised, with `#`, in the file's order.
    pub hash_regions: Vec<String>,
}

impl fmt::Debug for ChannelConfig {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ChannelConfig")
            .field("rainbow_path", &self.rainbow_path)
            .field("rainbow_keys", &self.rainbow_keys.len())
            .field("hash_channels", &self.hash_channels)
            .field("channel_keys", &self.channel_keys.keys())
            .field("hash_regions", &self.hash_regions)
            .finish()
    }
}

/// Returns keys by name; each is 32 hex digits. The values are secrets and are not repeated.
pub(super) fn channel_keys(
    section: &str,
    raw: BTreeMap<String, String>,
) -> Result<BTreeMap<String, [u8; 16]>, ConfigError> {
    let read = |(name, text): (String, String)| {
        let mut key = [0; 16];
        match hex::decode_to_slice(text.trim(), &mut key) {
            Ok(()) => Ok((name, key)),
            Err(_) => refuse(format!("{section}.{name}"), "a key of 32 hex digits"),
        }
    };
    raw.into_iter().map(read).collect()
}

/// Trims names, drops blank ones, puts `#` before those without.
pub(super) fn hashtags(names: Vec<String>) -> Vec<String> {
    let tag = |name: String| {
        let name = name.trim();
        if name.starts_with('#') { name.to_owned() } else { format!("#{name}") }
    };
    names.into_iter().filter(|name| !name.trim().is_empty()).map(tag).collect()
}
