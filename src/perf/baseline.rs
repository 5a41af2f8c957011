//! What is normal for each series, and what is not (`design/backfill.md` §8, §10.32).
//!
//! Normal is the median and the median absolute deviation (MAD) of about a day of samples, which
//! survives a restart. A sample disagrees if its modified z-score `0.6745 × (x − median) / MAD` is
//! above 3.5 **and** it is further above the median than an absolute floor; a series is flagged
//! when 3 of its last 5 samples disagree, until none of 5 does. While it is flagged nothing is
//! learned: an incident does not become its own normal.
//!
//! Where the MAD is 0 (a source that is idle more than half of the time) any z-score would be
//! infinite; there a sample disagrees that is further above the median than the floor and than half
//! of the median.

mod file;
mod series;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

pub use self::file::{BaselineError, load, save};
pub use self::series::{Reading, SAMPLES_MAX};
use self::series::{Series, Verdict};
use super::ledger::{Source, Sums};

/// How often [`Baselines::observe`] is to be called: named 20 to 30 s after it began.
pub const TICK: Duration = Duration::from_secs(10);
/// More series are not looked at.
pub const SERIES_MAX: usize = 160;

/// Something that is not normal.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deviation {
    /// The series.
    pub series: String,
    /// In words.
    pub what: String,
    /// Who moved: the series' own source, or of all sources the one that moved most.
    pub source: Option<String>,
    /// When the first of the samples was taken that disagreed, Unix milliseconds.
    pub since_ms: i64,
    /// The latest value.
    pub value: f64,
    /// The median of normal samples.
    pub normal: f64,
    /// Their median absolute deviation.
    pub mad: f64,
    /// Modified z-score; `null` where the MAD is 0.
    pub score: Option<f64>,
    /// Of value, normal and deviation.
    pub unit: &'static str,
}

/// The normal of every series.
#[derive(Debug, Default, PartialEq)]
pub struct Baselines {
    series: BTreeMap<String, Series>,
}

impl Baselines {
    /// Judges and learns one sample of each series, taken at `at_ms` (Unix milliseconds), and
    /// returns what is flagged now. A series with a source that appears later than others was at
    /// 0 before: a source is listed only once it has written.
    pub fn observe(&mut self, at_ms: i64, readings: &[Reading]) -> Vec<Deviation> {
        let learned = self.series.values().map(Series::len).max().unwrap_or(0);
        let verdicts: Vec<(&Reading, Verdict)> = readings
            .iter()
            .filter_map(|reading| Some((reading, self.judge(at_ms, reading, learned)?)))
            .collect();
        let mover = mover(&verdicts);
        let flagged = verdicts.iter().filter(|(_, verdict)| verdict.since_ms.is_some());
        flagged.map(|(reading, verdict)| deviation(reading, verdict, mover)).collect()
    }

    /// Forgets what is normal for a series: what it does now is to be its normal.
    pub fn accept(&mut self, series: &str) -> bool {
        self.series.remove(series).is_some()
    }

    fn judge(&mut self, at_ms: i64, reading: &Reading, learned: usize) -> Option<Verdict> {
        let value = reading.value.filter(|value| value.is_finite())?;
        if !self.series.contains_key(&reading.series) {
            if self.series.len() >= SERIES_MAX {
                return None;
            }
            let before = if reading.source.is_some() { learned } else { 0 };
            self.series.insert(reading.series.clone(), Series::idle(before));
        }
        let series = self.series.get_mut(&reading.series)?;
        series.observe(at_ms, value, reading)
    }
}

/// Of the sources the one whose value is furthest from its normal, measured in what is usual for
/// it; `None` if none has moved by more than that.
fn mover<'r>(verdicts: &[(&'r Reading, Verdict)]) -> Option<&'r str> {
    let moved = verdicts.iter().filter_map(|(reading, verdict)| {
        let usual = verdict.mad.max(reading.floor).max(f64::MIN_POSITIVE);
        let steps = (verdict.value - verdict.normal).abs() / usual;
        (steps > 1.0).then_some((reading.source.as_deref()?, steps))
    });
    moved.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(source, _)| source)
}

fn deviation(reading: &Reading, verdict: &Verdict, mover: Option<&str>) -> Deviation {
    let Reading { series, unit, .. } = reading;
    let Verdict { value, normal, mad, .. } = *verdict;
    Deviation {
        series: series.clone(),
        what: format!("{series} is {} {unit}, normally {} {unit}", short(value), short(normal)),
        source: reading.source.as_deref().or(mover).map(str::to_owned),
        since_ms: verdict.since_ms.unwrap_or_default(),
        value,
        normal,
        mad,
        score: verdict.score,
        unit,
    }
}

/// Three digits are enough to read.
fn short(value: f64) -> String {
    let digits = if value.abs() >= 100.0 { 0 } else { 2 };
    format!("{value:.digits$}")
}

/// Rows and WAL bytes a second of every source, from two copies of the ledger's sums.
/// `frame_bytes` is the size of a page in the WAL.
pub fn of_ledger(
    before: &BTreeMap<Source, Sums>,
    after: &BTreeMap<Source, Sums>,
    frame_bytes: u64,
    elapsed: Duration,
) -> Vec<Reading> {
    const ROWS_FLOOR: f64 = 5.0;
    const BYTES_FLOOR: f64 = 64.0 * 1024.0;
    let seconds = elapsed.as_secs_f64();
    let rate = |count: u64| (seconds > 0.0).then(|| count as f64 / seconds);
    let reading = |source: &Source, what: &str, unit, value, floor| Reading {
        series: format!("write.{source}.{what}"),
        source: Some(source.to_string()),
        unit,
        value,
        floor,
    };
    let mut readings = Vec::with_capacity(2 * after.len());
    for (source, sums) in after {
        let earlier = before.get(source).copied().unwrap_or_default();
        let rows = rate(sums.rows.saturating_sub(earlier.rows));
        let bytes = rate(sums.wal_pages.saturating_sub(earlier.wal_pages) * frame_bytes);
        readings.push(reading(source, "rows", "rows/s", rows, ROWS_FLOOR));
        readings.push(reading(source, "wal", "B/s", bytes, BYTES_FLOOR));
    }
    readings
}
