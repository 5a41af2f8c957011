//! The bodies of `/api/perf/io`, `/api/perf/write-sources` and `/api/mqtt/status`
//! (contract §2.6, §2.8, §2.9), with what ours say more: why a figure is missing.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::ingestor::{Freshness, IngestorStats, Look, Origin};
use super::io::{Component, IoRates, IoSample};
use super::ledger::LedgerSnapshot;
use super::proc::Pressure;
use super::signal::{NoValue, Signal};
use super::stats_file::{ComponentPerf, SourceRow, StatsFile};
use crate::clock;

/// What is known of the stats at one moment, and since when.
#[derive(Clone, Copy, Debug)]
pub struct Stats<'a> {
    /// The latest look.
    pub look: &'a Look,
    /// When it first found what it finds now, Unix milliseconds.
    pub since_ms: i64,
    /// The present, Unix milliseconds.
    pub now_ms: i64,
}

/// How the stats of ingest stand; with a reason unless they are fresh.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct IngestorStatus {
    /// `fresh`, `stale`, `missing` or `unreadable`.
    pub state: &'static str,
    /// Where the figures come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<&'static str>,
    /// Since when, if not fresh: the last sample's time, or when it was first found so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Why, if not fresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Origin {
    /// Says whose figures they are.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Beside => "stats file",
            Self::ThisProcess => "this process",
            Self::ThisProcessShare => "this process: its writer and MQTT threads",
        }
    }
}

impl<'a> Stats<'a> {
    /// Returns the stats if they may be shown.
    fn fresh(&self) -> Option<&'a IngestorStats> {
        let Look::Stats(stats) = self.look else { return None };
        (stats.freshness(self.now_ms) == Freshness::Fresh).then_some(stats)
    }

    /// Says how the stats stand.
    pub fn status(&self) -> IngestorStatus {
        let first_found = Some(clock::iso_s(self.since_ms.div_euclid(1_000)));
        let (state, source, since, reason) = match self.look {
            Look::NotYet => {
                ("missing", None, first_found, Some("nothing has been looked at yet".to_owned()))
            }
            Look::Missing => {
                ("missing", None, first_found, Some("there is no stats file".to_owned()))
            }
            Look::Unreadable(why) => ("unreadable", None, first_found, Some(why.to_string())),
            Look::Stats(stats) => {
                let (state, since, reason) = self.standing(stats);
                (state, Some(stats.origin.as_str()), since, reason.map(str::to_owned))
            }
        };
        IngestorStatus { state, source, since, reason }
    }

    fn standing(
        &self,
        stats: &IngestorStats,
    ) -> (&'static str, Option<String>, Option<&'static str>) {
        let sampled = || Some(stats.sampled_at.clone());
        match stats.freshness(self.now_ms) {
            Freshness::Fresh => ("fresh", None, None),
            Freshness::Stale => ("stale", sampled(), Some("the last sample is older than 5 s")),
            Freshness::Ahead => {
                ("unreadable", sampled(), Some("it is dated in the future: a clock is wrong"))
            }
        }
    }
}

/// The body of `/api/perf/io`; `null` where something is not known.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IoBody {
    read_bytes_per_sec: Option<f64>,
    write_bytes_per_sec: Option<f64>,
    cancelled_write_bytes_per_sec: Option<f64>,
    syscalls_read: Option<f64>,
    syscalls_write: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ingestor: Option<IngestorIo>,
    ingestor_status: IngestorStatus,
    sampled_at: Option<String>,
    components: Components,
    pressure: Option<Pressure>,
    rss_bytes: Option<u64>,
    free_bytes: Option<u64>,
    /// Why a figure above is `null`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    missing: BTreeMap<&'static str, String>,
}

/// What ingest reads and writes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngestorIo {
    #[serde(flatten)]
    rates: IoRates,
    sampled_at: String,
}

/// By component; `null` where no such thread runs or it cannot be read.
#[derive(Serialize, ToSchema)]
pub struct Components {
    writer: Option<IoRates>,
    readers: Option<IoRates>,
    checkpointer: Option<IoRates>,
    mqtt: Option<IoRates>,
    rest: Option<IoRates>,
}

/// Of a process that serves too, of the same second as all else: what it publishes is older.
fn own_share(own: Signal<&IoSample>, stats: &IngestorStats) -> Option<IngestorIo> {
    let own = own.ok().filter(|_| stats.origin == Origin::ThisProcessShare)?;
    let rates = own.ingest_share().ok()?;
    Some(IngestorIo { rates, sampled_at: clock::iso_ms(own.at.unix_ms) })
}

fn told(stats: &IngestorStats) -> Option<IngestorIo> {
    let rates = stats.rates?;
    Some(IngestorIo { rates, sampled_at: stats.sampled_at.clone() })
}

/// Returns the body of `/api/perf/io`. `own` is the latest sample of this process, or why there is
/// none.
pub fn io(own: Signal<&IoSample>, stats: &Stats<'_>) -> IoBody {
    let mut missing = BTreeMap::new();
    let rates = show(&mut missing, "rates", own.and_then(|own| own.process));
    let mut component = |component: Component, key| {
        show(&mut missing, key, own.and_then(|own| own.component(component)))
    };
    let components = Components {
        writer: component(Component::Writer, "components.writer"),
        readers: component(Component::Readers, "components.readers"),
        checkpointer: component(Component::Checkpointer, "components.checkpointer"),
        mqtt: component(Component::Mqtt, "components.mqtt"),
        rest: component(Component::Rest, "components.rest"),
    };
    let ingestor = stats.fresh().map(|stats| own_share(own, stats).or_else(|| told(stats)));
    if ingestor.as_ref().is_some_and(Option::is_none) {
        missing.insert("ingestor", "the stats hold no I/O rates".to_owned());
    }
    IoBody {
        read_bytes_per_sec: rates.map(|rates| rates.read_bytes_per_sec),
        write_bytes_per_sec: rates.map(|rates| rates.write_bytes_per_sec),
        cancelled_write_bytes_per_sec: rates.map(|rates| rates.cancelled_write_bytes_per_sec),
        syscalls_read: rates.map(|rates| rates.syscalls_read),
        syscalls_write: rates.map(|rates| rates.syscalls_write),
        ingestor: ingestor.flatten(),
        ingestor_status: stats.status(),
        sampled_at: own.ok().map(|own| clock::iso_ms(own.at.unix_ms)),
        components,
        pressure: show(&mut missing, "pressure", own.and_then(|own| own.pressure)),
        rss_bytes: show(&mut missing, "rssBytes", own.and_then(|own| own.rss_bytes)),
        free_bytes: show(&mut missing, "freeBytes", own.and_then(|own| own.free_bytes)),
        missing,
    }
}

fn show<T>(
    missing: &mut BTreeMap<&'static str, String>,
    key: &'static str,
    signal: Result<T, NoValue>,
) -> Option<T> {
    signal.map_err(|reason| missing.insert(key, reason.to_string())).ok()
}

/// The body of `/api/perf/write-sources`.
#[derive(Serialize, ToSchema)]
pub struct WriteSourcesBody {
    #[serde(rename = "ingestorStatus")]
    ingestor_status: IngestorStatus,
    #[serde(rename = "sampleAt")]
    sample_at: String,
    sources: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    writer_perf: Option<BTreeMap<String, ComponentPerf>>,
    /// `null` in a process that does not write.
    ledger: Option<LedgerSnapshot>,
    #[serde(rename = "ledgerReason", skip_serializing_if = "Option::is_none")]
    ledger_reason: Option<&'static str>,
}

/// Returns the body of `/api/perf/write-sources`. Figures that are no longer fresh are shown with
/// their time, and the status says so.
pub fn write_sources(stats: &Stats<'_>, ledger: Option<LedgerSnapshot>) -> WriteSourcesBody {
    let ledger_reason = ledger.is_none().then_some("this process does not write");
    match decode(stats) {
        Ok(Some(file)) => WriteSourcesBody {
            ingestor_status: stats.status(),
            sources: file.sources(),
            writer_perf: Some(file.writer_perf),
            sample_at: file.sampled_at,
            ledger,
            ledger_reason,
        },
        other => WriteSourcesBody {
            ingestor_status: other.err().unwrap_or_else(|| stats.status()),
            sample_at: String::new(),
            sources: BTreeMap::new(),
            writer_perf: None,
            ledger,
            ledger_reason,
        },
    }
}

/// The body of `/api/mqtt/status`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MqttStatusBody {
    sources: Vec<SourceRow>,
    sample_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    watchdog_last_tick_unix: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    watchdog_panic_count: Option<u64>,
    ingestor_status: IngestorStatus,
}

/// Returns the body of `/api/mqtt/status`, passwords masked.
pub fn mqtt_status(stats: &Stats<'_>) -> MqttStatusBody {
    let (mut file, status) = match decode(stats) {
        Ok(file) => (file.unwrap_or_default(), stats.status()),
        Err(status) => (StatsFile::default(), status),
    };
    file.source_statuses.iter_mut().for_each(SourceRow::mask);
    file.source_statuses.sort_by(|a, b| a.name.cmp(&b.name));
    MqttStatusBody {
        sources: file.source_statuses,
        sample_at: file.sampled_at,
        watchdog_last_tick_unix: Some(file.watchdog_last_tick_unix).filter(|tick| *tick != 0),
        watchdog_panic_count: Some(file.watchdog_panic_count).filter(|count| *count != 0),
        ingestor_status: status,
    }
}

/// Returns the whole content; `None` if there is no text, the status if it cannot be understood.
fn decode(stats: &Stats<'_>) -> Result<Option<StatsFile>, IngestorStatus> {
    let Look::Stats(found) = stats.look else { return Ok(None) };
    StatsFile::decode(&found.text).map(Some).map_err(|error| IngestorStatus {
        state: "unreadable",
        source: Some(found.origin.as_str()),
        since: Some(found.sampled_at.clone()),
        reason: Some(format!("it is no stats file: {error}")),
    })
}
