//! The smaller parts of a [`super::Config`], each with its defaults, and how they are read.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::{ConfigError, set_days, set_hours, set_mb, set_number, set_seconds};
use super::raw::{RawAnalytics, RawConfig, RawDb, RawListLimits, RawPacketStore, RawRetention};

const DAY: Duration = Duration::from_secs(86_400);

/// The largest number of rows that a list answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListLimits {
    /// `/api/packets`.
    pub packets_max: u64,
    /// `/api/nodes`.
    pub nodes_max: u64,
    /// `/api/channels/{hash}/messages`.
    pub channel_messages_max: u64,
}

impl Default for ListLimits {
    fn default() -> Self {
        Self { packets_max: 10_000, nodes_max: 2_000, channel_messages_max: 500 }
    }
}

pub(super) fn list_limits(raw: &RawListLimits) -> Result<ListLimits, ConfigError> {
    let mut limits = ListLimits::default();
    let fields = [
        ("packetsMax", raw.packets_max, &mut limits.packets_max),
        ("nodesMax", raw.nodes_max, &mut limits.nodes_max),
        ("channelMessagesMax", raw.channel_messages_max, &mut limits.channel_messages_max),
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketStoreConfig {
    /// How far back it reaches; `None` as far as memory allows.
    pub retention: Option<Duration>,
    /// How much of it is loaded before the rest; `None` makes no difference.
    pub hot_startup: Option<Duration>,
    /// `None` is a share of the memory that the process may use.
    pub bytes_max: Option<u64>,
}

pub(super) fn packet_store(raw: &RawPacketStore) -> Result<PacketStoreConfig, ConfigError> {
    Ok(PacketStoreConfig {
        retention: set_hours("packetStore.retentionHours", raw.retention_hours)?,
        hot_startup: set_hours("packetStore.hotStartupHours", raw.hot_startup_hours)?,
        bytes_max: set_mb("packetStore.maxMemoryMB", raw.max_memory_mb)?,
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

/// What is compressed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompressionConfig {
    /// Whether HTTP bodies are.
    pub is_gzip: bool,
    /// Content types that are compressed; empty for the usual ones.
    pub content_types: Vec<String>,
}

/// How fresh computed answers are.
#[derive(Clone, Debug, PartialEq)]
pub struct FreshnessConfig {
    /// `/api/observers`.
    pub observers: Duration,
    /// Analytics of all that is stored, without an interval of their own.
    pub analytics: Duration,
    /// Intervals of single analytics by the original's name (`rf`, `hashSizes`).
    pub analytics_by_name: BTreeMap<String, Duration>,
    /// Analytics of a window, a region or an area.
    pub analytics_on_request: Duration,
}

impl Default for FreshnessConfig {
    fn default() -> Self {
        Self {
            observers: Duration::from_secs(30),
            analytics: Duration::from_secs(300),
            analytics_by_name: BTreeMap::new(),
            analytics_on_request: Duration::from_secs(60),
        }
    }
}

pub(super) fn freshness(raw: &RawConfig) -> Result<FreshnessConfig, ConfigError> {
    let analytics: &RawAnalytics = &raw.analytics;
    let base = FreshnessConfig::default();
    let mut by_name = BTreeMap::new();
    for (name, value) in &analytics.recompute_interval_seconds {
        let key = format!("analytics.recomputeIntervalSeconds.{name}");
        if let Some(interval) = set_seconds(&key, Some(*value))? {
            by_name.insert(name.clone(), interval);
        }
    }
    let observers = set_seconds("observersCache.ttlSeconds", raw.observers_cache.ttl_seconds)?;
    let default = analytics.default_interval_seconds;
    let default = set_seconds("analytics.defaultIntervalSeconds", default)?;
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates; bounded after")]
    let on_request = raw.cache_ttl.analytics_rf.map(|seconds| seconds as i64);
    let on_request = set_seconds("cacheTTL.analyticsRF", on_request)?;
    Ok(FreshnessConfig {
        observers: observers.unwrap_or(base.observers),
        analytics: default.unwrap_or(base.analytics),
        analytics_by_name: by_name,
        analytics_on_request: on_request.unwrap_or(base.analytics_on_request),
    })
}
