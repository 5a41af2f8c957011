//! What the database holds, as counted, and the body of `/api/stats`.

use serde::Serialize;
use utoipa::ToSchema;

use super::json::JsonBody;
use super::memory::{self, Memory};
use super::program::{BUILD, ENGINE};
use crate::db::stats::Counts;
use crate::perf::requests::one_decimal;
use crate::perf::thresholds::MIB;

/// The figures. MB is MiB.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// The same as `totalTransmissions`.
    total_packets: i64,
    total_transmissions: i64,
    /// Rows; duplicates count until a migration has merged them.
    total_observations: i64,
    /// Nodes seen in the last 7 days.
    total_nodes: i64,
    total_nodes_all_time: i64,
    /// Inactive ones too.
    total_observers: i64,
    packets_last_hour: i64,
    packets_last24h: i64,
    engine: &'static str,
    version: &'static str,
    commit: &'static str,
    build_time: &'static str,
    counts: RoleCounts,
    /// Adverts refused for their signature; absent when 0.
    #[serde(skip_serializing_if = "is_zero")]
    signature_drops: i64,
    /// Always true: hashes are not rewritten.
    hash_migration_complete: bool,
    /// The same as `storeDataMB`.
    #[serde(rename = "trackedMB")]
    tracked_mb: f64,
    /// What the RAM window holds.
    #[serde(rename = "storeDataMB")]
    store_data_mb: f64,
    /// Resident memory; `null` where the system does not tell.
    #[serde(rename = "processRSSMB")]
    process_rss_mb: Option<f64>,
    /// Memory in use for data, without mapped files.
    #[serde(rename = "goHeapInuseMB")]
    go_heap_inuse_mb: Option<f64>,
    /// Memory obtained from the system for data.
    #[serde(rename = "goSysMB")]
    go_sys_mb: Option<f64>,
    /// Always 0: there is no such cache.
    neighbor_graph_cache_rebuild_failures: i64,
}

/// Nodes seen in the last 7 days, by role.
#[derive(Serialize, ToSchema)]
pub struct RoleCounts {
    repeaters: i64,
    rooms: i64,
    companions: i64,
    sensors: i64,
}

/// What was counted, and the answer that was made of it.
#[derive(Debug)]
pub struct Counted {
    /// The figures of the database.
    pub counts: Counts,
    pub(super) body: JsonBody,
}

impl Counted {
    /// Looks at the memory of the process too, and writes the answer.
    pub fn of(counts: Counts, window_bytes: u64) -> Self {
        let tracked_mb = one_decimal(window_bytes as f64 / MIB);
        let body = JsonBody::of(&stats_of(&counts, memory::read(), tracked_mb));
        Self { counts, body }
    }
}

fn stats_of(counts: &Counts, memory: Memory, tracked_mb: f64) -> Stats {
    Stats {
        total_packets: counts.transmissions,
        total_transmissions: counts.transmissions,
        total_observations: counts.observations,
        total_nodes: counts.nodes_active,
        total_nodes_all_time: counts.nodes,
        total_observers: counts.observers,
        packets_last_hour: counts.observations_last_hour,
        packets_last24h: counts.observations_last_day,
        engine: ENGINE,
        version: BUILD.version,
        commit: BUILD.commit,
        build_time: BUILD.time,
        counts: RoleCounts {
            repeaters: counts.roles.repeaters,
            rooms: counts.roles.rooms,
            companions: counts.roles.companions,
            sensors: counts.roles.sensors,
        },
        signature_drops: counts.dropped,
        hash_migration_complete: true,
        tracked_mb,
        store_data_mb: tracked_mb,
        process_rss_mb: memory.resident.map(one_decimal),
        go_heap_inuse_mb: memory.in_use.map(one_decimal),
        go_sys_mb: memory.obtained.map(one_decimal),
        neighbor_graph_cache_rebuild_failures: 0,
    }
}

fn is_zero(count: &i64) -> bool {
    *count == 0
}
