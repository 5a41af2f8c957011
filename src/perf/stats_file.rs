//! The stats file: what one process that ingests tells another that serves (spec §4.3). The shape
//! is the original's in both directions.

mod look;
mod publish;

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use look::{FILE_BYTES_MAX, LookError, Looked, Watcher};
pub use publish::{PublishError, publish};

use super::io::IoRates;
use crate::clock;
use crate::config::mask_broker_url;
use crate::mesh::go_json;

/// The content, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StatsFile {
    /// RFC 3339.
    #[serde(rename = "sampledAt")]
    pub sampled_at: String,
    /// What was written since the start.
    #[serde(flatten)]
    pub counters: WriteCounters,
    /// Rows changed by each backfill.
    #[serde(rename = "backfillUpdates")]
    pub backfill_updates: BTreeMap<String, u64>,
    /// Absent where the rates are not known.
    #[serde(rename = "procIO", skip_serializing_if = "Option::is_none")]
    pub proc_io: Option<ProcIo>,
    /// Waits and holds of the writer, by what it did.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub writer_perf: BTreeMap<String, ComponentPerf>,
    /// Clocks of the sources.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub source_liveness: BTreeMap<String, SourceLiveness>,
    /// Counters of the sources, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_statuses: Vec<SourceRow>,
    /// The oldest of the watchdogs' last scans, Unix seconds; 0 before the first.
    #[serde(rename = "watchdogLastTickUnix", skip_serializing_if = "is_zero_i64")]
    pub watchdog_last_tick_unix: i64,
    /// Scans that panicked.
    #[serde(rename = "watchdogPanicCount", skip_serializing_if = "is_zero")]
    pub watchdog_panic_count: u64,
}

/// Counters of spec §4.1 since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WriteCounters {
    /// New transmissions.
    pub tx_inserted: u64,
    /// Observations stored.
    pub obs_inserted: u64,
    /// Packets whose hash was there already.
    pub tx_dupes: u64,
    /// Adverts stored.
    pub node_upserts: u64,
    /// Observers stored.
    pub observer_upserts: u64,
    /// Records that could not be stored.
    pub write_errors: u64,
    /// Refused adverts.
    pub sig_drops: u64,
    /// Committed transactions (001-04).
    #[serde(rename = "walCommits")]
    pub wal_commits: u64,
    /// Always 0, as in the original.
    #[serde(rename = "groupCommitFlushes")]
    pub group_commit_flushes: u64,
}

/// I/O of the process that ingests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcIo {
    /// The rates.
    #[serde(flatten)]
    pub rates: IoRates,
    /// The same text as of the whole file (000-17).
    #[serde(rename = "sampledAt", default)]
    pub sampled_at: String,
}

/// Waits for the writer and holds of it, in milliseconds (spec §4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ComponentPerf {
    /// Holds.
    pub count: u64,
    /// Waits of more than 100 ms.
    pub contention_total: u64,
    /// Median wait.
    pub wait_ms_p50: f64,
    /// 95 % waited no longer.
    pub wait_ms_p95: f64,
    /// 99 % waited no longer.
    pub wait_ms_p99: f64,
    /// Longest wait since the start.
    pub wait_ms_max: f64,
    /// Median hold.
    pub hold_ms_p50: f64,
    /// 95 % held no longer.
    pub hold_ms_p95: f64,
    /// 99 % held no longer.
    pub hold_ms_p99: f64,
    /// Longest hold since the start.
    pub hold_ms_max: f64,
}

/// Unix seconds; 0 is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SourceLiveness {
    /// When the last message reached the client.
    pub last_receipt_unix: i64,
    /// When the last message was handed on.
    pub last_message_unix: i64,
}

/// One broker (spec §3.6). Times are Unix seconds, 0 is never.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
#[schema(as = MqttSource)]
pub struct SourceRow {
    /// Its tag.
    pub name: String,
    /// Its URL.
    pub broker: String,
    /// Whether a connection is open.
    pub connected: bool,
    /// The last time one was accepted.
    pub last_connect_unix: i64,
    /// The last time one ended.
    pub last_disconnect_unix: i64,
    /// The last message.
    pub last_packet_unix: i64,
    /// Accepted connections.
    pub connect_count: u64,
    /// Ended connections.
    pub disconnect_count: u64,
    /// Messages.
    pub packets_total: u64,
    /// Messages of the last 300 s.
    pub packets_last5m: u64,
    /// Why there is no connection; absent when there is no reason.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_error: String,
    /// What only we count; absent in a file of the original.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingest: Option<SourceIngest>,
}

/// What became of a source's messages (decisions 1 to 4): nothing is lost unseen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SourceIngest {
    /// What the watchdog makes of it.
    pub health: String,
    /// Refused messages by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Messages that are none of our business, by reason.
    pub ignored: BTreeMap<String, u64>,
    /// QoS 0 messages that did not fit into the ingest queue.
    pub dropped: u64,
    /// When the first of them was lost, Unix seconds.
    pub dropped_since_unix: Option<i64>,
    /// Messages that the broker had held and that carry their envelope's time.
    pub resumed: u64,
    /// QoS 1 messages acknowledged after their commit.
    pub acknowledged: u64,
    /// QoS 1 messages that wait for their commit.
    pub pending_receipts: u64,
    /// Times that the broker had forgotten our session: what it held is lost.
    pub lost_sessions: u64,
}

impl SourceRow {
    /// Hides passwords in what is shown: a file of the original holds them in clear.
    pub fn mask(&mut self) {
        self.broker = mask_broker_url(&self.broker);
        self.last_error = mask_broker_url(&self.last_error);
    }
}

/// What the write ledger adds to each tick.
pub trait WriteShares: Send + Sync {
    /// Brings commits, backfills and the writer's times up to date: called once a second.
    fn fill(&self, content: &mut StatsFile);
}

/// Where there is no ledger.
impl WriteShares for () {
    fn fill(&self, _: &mut StatsFile) {}
}

impl StatsFile {
    /// Reads a whole text.
    ///
    /// # Errors
    /// It is not of this shape.
    pub fn decode(text: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(text)
    }

    /// Returns all counters by the names of the API (spec §4.4).
    pub fn sources(&self) -> BTreeMap<String, u64> {
        let counters = &self.counters;
        let fixed = [
            ("tx_inserted", counters.tx_inserted),
            ("tx_dupes", counters.tx_dupes),
            ("obs_inserted", counters.obs_inserted),
            ("node_upserts", counters.node_upserts),
            ("observer_upserts", counters.observer_upserts),
            ("write_errors", counters.write_errors),
            ("sig_drops", counters.sig_drops),
            ("walCommits", counters.wal_commits),
            ("groupCommitFlushes", counters.group_commit_flushes),
        ];
        let fixed = fixed.into_iter().map(|(name, count)| (name.to_owned(), count));
        let backfills = self.backfill_updates.iter();
        fixed.chain(backfills.map(|(name, rows)| (format!("backfill_{name}"), *rows))).collect()
    }

    /// Dates the content: one reading of the clock for both times (000-17).
    pub fn stamp(&mut self, now_s: i64, rates: Option<IoRates>) {
        self.sampled_at = clock::iso_s(now_s);
        self.proc_io = rates.map(|rates| ProcIo { rates, sampled_at: self.sampled_at.clone() });
    }

    /// Replaces `buffer` by the text; takes no memory once the buffer has grown (000-16).
    ///
    /// # Errors
    /// None that is known: every part can be JSON.
    pub fn encode(&self, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.clear();
        Ok(go_json::to_writer(&mut *buffer, self)?)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero_i64(time: &i64) -> bool {
    *time == 0
}
