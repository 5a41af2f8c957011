//! One look a second at what matters most, and every tenth a judgement of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde::Serialize;
use utoipa::ToSchema;

use super::anomaly::{Anomaly, AnomalyWatch, Levels, Tick};
use super::baseline::{self, Baselines, Reading, TICK};
use super::ingestor::{Freshness, Look};
use super::io::{Component, FRESH_MS, IoSample, Moment};
use super::ledger::{Source, Sums};
use super::sqlite::{SqliteHistory, SqlitePerf, SqliteSample};
use super::stats_file::StatsFile;
use super::thresholds::{Counters, MIB};
use crate::clock;

/// SQLite puts this before each page in the WAL.
const FRAME_HEADER_BYTES: u64 = 24;

const STALE: &str = "the last look is older than 5 s";

/// Series of the last hour that looks give, beside those of the sampler.
pub const SERIES: [&str; 11] = [
    "walBytes",
    "walPages",
    "walDebtPages",
    "databasePages",
    "freelistPages",
    "writerHitRate",
    "readerHitRate",
    "oldestReadMs",
    "queueDepth",
    "eventLoopLagMs",
    "anomalies",
];

/// What was seen last; `None` before the first look.
pub type LatestVitals = ArcSwapOption<Vitals>;

/// What one look found.
#[derive(Clone, Debug, PartialEq)]
pub struct Vitals {
    /// When.
    pub at: Moment,
    /// The database.
    pub sqlite: SqlitePerf,
    /// Deliveries that wait in the ingest queue; `None` in a process that does not write.
    pub queue_depth: Option<usize>,
    /// The latest lag of the main arbiter.
    pub loop_lag: Duration,
    /// The latest judgement; `None` before the first.
    pub judgement: Option<Judgement>,
}

/// What is not normal.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Thresholds first, then rates, then learned normals.
    pub anomalies: Vec<Anomaly>,
}

/// Everything that a look is made of.
#[derive(Debug)]
pub struct Seen {
    /// When.
    pub at: Moment,
    /// The database.
    pub sqlite: SqliteSample,
    /// This process's I/O, if the sampler has not fallen silent.
    pub io: Option<Arc<IoSample>>,
    /// The stats of ingest, ours or another process's.
    pub look: Arc<Look>,
    /// The write ledger; `None` in a process that does not write.
    pub sums: Option<BTreeMap<Source, Sums>>,
    /// Deliveries that wait in the ingest queue; `None` as above.
    pub queue_depth: Option<usize>,
    /// The latest lag of the main arbiter.
    pub loop_lag: Duration,
}

/// Remembers what looks need of those before.
#[derive(Debug, Default)]
pub struct VitalsMeter {
    sqlite: SqliteHistory,
    watch: AnomalyWatch,
    sums: Option<(Duration, BTreeMap<Source, Sums>)>,
    counters: Counters,
    judged_at: Option<Duration>,
    judgement: Option<Judgement>,
}

impl VitalsMeter {
    /// Goes on with normals that were learned before.
    pub fn new(baselines: Baselines) -> Self {
        Self { watch: AnomalyWatch::new(baselines), ..Self::default() }
    }

    /// What is normal, to be saved.
    pub fn baselines(&self) -> &Baselines {
        self.watch.baselines()
    }

    /// Says that what a series does now is normal; `false` if it is not known.
    pub fn accept(&mut self, series: &str) -> bool {
        self.watch.accept(series)
    }

    /// Takes one look, and judges if the last judgement is 10 s old.
    pub fn observe(&mut self, seen: &Seen) -> Vitals {
        let now = seen.at.monotonic;
        let sqlite = self.sqlite.observe(now, &seen.sqlite);
        if self.judged_at.is_none_or(|then| now.saturating_sub(then) >= TICK) {
            self.judged_at = Some(now);
            let anomalies = self.judge(seen, &sqlite);
            self.judgement = Some(Judgement { at_ms: seen.at.unix_ms, anomalies });
        }
        let Seen { at, queue_depth, loop_lag, .. } = *seen;
        Vitals { at, sqlite, queue_depth, loop_lag, judgement: self.judgement.clone() }
    }

    fn judge(&mut self, seen: &Seen, sqlite: &SqlitePerf) -> Vec<Anomaly> {
        if let Some(counters) = counters_of(&seen.look, seen.at.unix_ms) {
            self.counters = counters;
        }
        let rates = seen.io.as_deref().and_then(|io| io.process.ok());
        let levels = Levels {
            write_bytes_per_s: rates.map(|rates| rates.write_bytes_per_sec),
            cancelled_bytes_per_s: rates.map(|rates| rates.cancelled_write_bytes_per_sec),
            wal_mib: sqlite.wal_size.map(|bytes| bytes as f64 / MIB),
            hit_rate: sqlite.cache_hit_rate,
        };
        let mut readings = levels_to_learn(seen, sqlite);
        readings.extend(self.writes(seen));
        let tick = Tick { levels, counters: self.counters.clone(), readings: &readings };
        self.watch.observe(seen.at.unix_ms, tick)
    }

    /// What each source wrote since the judgement before.
    fn writes(&mut self, seen: &Seen) -> Vec<Reading> {
        let Some(after) = &seen.sums else { return Vec::new() };
        let page_bytes = seen.sqlite.file.map_or(4096, |file| file.page_bytes.unsigned_abs());
        let now = seen.at.monotonic;
        let before = self.sums.replace((now, after.clone()));
        let Some((then, before)) = before else { return Vec::new() };
        let elapsed = now.saturating_sub(then);
        baseline::of_ledger(&before, after, page_bytes + FRAME_HEADER_BYTES, elapsed)
    }
}

/// What is learned beside the ledger. Floors are what an operator would not get up for.
fn levels_to_learn(seen: &Seen, sqlite: &SqlitePerf) -> Vec<Reading> {
    let io = seen.io.as_deref();
    let written = |component| {
        let rates = io?.component(component).ok()?;
        Some(rates.write_bytes_per_sec)
    };
    let above = |series: &str, unit, value: Option<f64>, floor| Reading {
        series: series.to_owned(),
        source: None,
        unit,
        value,
        floor,
    };
    let whole = io.and_then(|io| io.process.ok());
    let mut readings = vec![
        above("process.write", "B/s", whole.map(|rates| rates.write_bytes_per_sec), MIB),
        above("process.read", "B/s", whole.map(|rates| rates.read_bytes_per_sec), 4.0 * MIB),
        above("process.rss", "B", io.and_then(|io| io.rss_bytes.ok()).map(float), 64.0 * MIB),
        above("wal.debt", "pages", sqlite.wal_debt_pages.value.map(f64::from), 2_000.0),
        above("intake.depth", "deliveries", seen.queue_depth.map(|depth| depth as f64), 500.0),
        above("eventLoop.lag", "ms", Some(seen.loop_lag.as_secs_f64() * 1000.0), 50.0),
    ];
    let components = Component::ALL.map(|component| {
        let series = format!("{}.write", component.as_str());
        above(&series, "B/s", written(component), MIB)
    });
    readings.extend(components);
    readings
}

fn float(count: u64) -> f64 {
    count as f64
}

/// The counters of the contract, unless they are too old to say anything of now.
fn counters_of(look: &Look, now_ms: i64) -> Option<Counters> {
    let Look::Stats(stats) = look else { return None };
    if stats.freshness(now_ms) != Freshness::Fresh {
        return None;
    }
    StatsFile::decode(&stats.text).ok().map(|file| file.sources())
}

/// The body of `/api/perf/anomalies`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnomaliesBody<'v> {
    /// When the process was judged last; `null` if it has not been yet.
    judged_at: Option<String>,
    /// How often it is.
    every_sec: u64,
    anomalies: &'v [Anomaly],
    /// Why there is no judgement, or none of now.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// Returns the body of `/api/perf/anomalies`.
pub fn anomalies_body(vitals: Option<&Vitals>, now: Duration) -> AnomaliesBody<'_> {
    let judgement = vitals.and_then(|vitals| vitals.judgement.as_ref());
    let is_old = vitals.is_some_and(|vitals| !vitals.is_fresh(now));
    AnomaliesBody {
        judged_at: judgement.map(|judgement| clock::iso_s(judgement.at_ms.div_euclid(1_000))),
        every_sec: TICK.as_secs(),
        anomalies: judgement.map_or(&[], |judgement| &judgement.anomalies),
        reason: match judgement {
            None => Some("nothing has been judged yet"),
            Some(_) if is_old => Some(STALE),
            Some(_) => None,
        },
    }
}

/// Returns the body of `/api/perf/sqlite`; without a fresh look all figures are `null`.
pub fn sqlite_body(vitals: Option<&Vitals>, now: Duration) -> SqlitePerf {
    match vitals {
        None => SqlitePerf::unknown("nobody has looked yet"),
        Some(vitals) if !vitals.is_fresh(now) => SqlitePerf::unknown(STALE),
        Some(vitals) => vitals.sqlite.clone(),
    }
}

impl Vitals {
    /// Returns the values of [`SERIES`], in order.
    pub fn series(&self) -> [Option<f64>; SERIES.len()] {
        let sqlite = &self.sqlite;
        [
            sqlite.wal_size.map(float),
            sqlite.wal_pages.value.map(f64::from),
            sqlite.wal_debt_pages.value.map(f64::from),
            sqlite.page_count.map(|pages| pages as f64),
            sqlite.freelist_pages.map(|pages| pages as f64),
            sqlite.writer_hit_rate.value,
            sqlite.reader_hit_rate.value,
            sqlite.oldest_read_ms,
            self.queue_depth.map(|depth| depth as f64),
            Some(self.loop_lag.as_secs_f64() * 1000.0),
            self.judgement.as_ref().map(|judgement| judgement.anomalies.len() as f64),
        ]
    }

    /// Whether it says anything about `now`, a monotonic time.
    pub fn is_fresh(&self, now: Duration) -> bool {
        now.saturating_sub(self.at.monotonic) <= Duration::from_millis(FRESH_MS.unsigned_abs())
    }
}
