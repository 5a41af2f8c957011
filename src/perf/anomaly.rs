//! Everything that is not normal now: the fixed thresholds, the rates against their last five
//! minutes, and the learned normals side by side (`/api/perf/anomalies`).

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::baseline::{Baselines, Deviation, Reading};
use super::thresholds::{self, Counters, RateHistory};

/// Which rule has found something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// A fixed limit of the contract.
    Threshold,
    /// More than ten times its own last five minutes.
    Rate,
    /// Not what it usually is.
    Baseline,
}

/// Something that is not normal.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Anomaly {
    /// What has found it.
    pub rule: Rule,
    /// The series and its figures. `normal` is the limit of a threshold.
    #[serde(flatten)]
    pub deviation: Deviation,
}

/// What the fixed thresholds are about; `None` is what could not be read and crosses none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Levels {
    /// Bytes a second that this process writes.
    pub write_bytes_per_s: Option<f64>,
    /// Bytes a second that it wrote in vain.
    pub cancelled_bytes_per_s: Option<f64>,
    /// Size of the WAL file in MiB.
    pub wal_mib: Option<f64>,
    /// Share of page look-ups that were hits.
    pub hit_rate: Option<f64>,
}

/// One tick's input.
#[derive(Debug, Default)]
pub struct Tick<'t> {
    /// For the fixed thresholds.
    pub levels: Levels,
    /// Counters of writes by source, since the start.
    pub counters: Counters,
    /// For the learned normals.
    pub readings: &'t [Reading],
}

/// Watches. One tick in [`super::baseline::TICK`].
#[derive(Debug, Default)]
pub struct AnomalyWatch {
    baselines: Baselines,
    rates: RateHistory,
    /// Since when each threshold and each rate has been crossed.
    since_ms: BTreeMap<String, i64>,
}

impl AnomalyWatch {
    /// Goes on with normals that were learned before.
    pub fn new(baselines: Baselines) -> Self {
        Self { baselines, ..Self::default() }
    }

    /// What has been learned, to be saved.
    pub fn baselines(&self) -> &Baselines {
        &self.baselines
    }

    /// Says that what a series does now is normal; `false` if it is not known.
    pub fn accept(&mut self, series: &str) -> bool {
        self.baselines.accept(series)
    }

    /// Looks at one tick, taken at `at_ms` (Unix milliseconds), and returns all that is not normal:
    /// thresholds first, then rates, then baselines.
    pub fn observe(&mut self, at_ms: i64, tick: Tick<'_>) -> Vec<Anomaly> {
        let deviations = self.baselines.observe(at_ms, tick.readings);
        let source = deviations.iter().find_map(|deviation| deviation.source.clone());
        let mut found = over_thresholds(&tick.levels, source.as_deref());
        found.extend(self.high_rates(at_ms, tick.counters));
        self.keep_since(at_ms, &mut found);
        let learned = deviations.into_iter();
        found.extend(learned.map(|deviation| Anomaly { rule: Rule::Baseline, deviation }));
        found
    }

    /// Counters that are not known yet are no counters at 0: their first totals would be a rate.
    fn high_rates(&mut self, at_ms: i64, counters: Counters) -> Vec<Anomaly> {
        if counters.is_empty() {
            return Vec::new();
        }
        let rates = self.rates.observe(at_ms, counters);
        let high = rates.into_iter().filter(|(_, rate)| rate.is_high);
        high.map(|(source, rate)| {
            let crossed = Crossed {
                series: "rate",
                value: rate.per_s,
                normal: rate.baseline_per_s.unwrap_or_default(),
                unit: "/s",
            };
            let mut anomaly = crossed.anomaly(Rule::Rate, Some(&source));
            anomaly.deviation.series = format!("rate.{source}");
            anomaly
        })
        .collect()
    }

    /// Remembers when each was first crossed, and forgets those that no longer are.
    fn keep_since(&mut self, at_ms: i64, found: &mut [Anomaly]) {
        let series = |anomaly: &Anomaly| anomaly.deviation.series.clone();
        self.since_ms.retain(|known, _| found.iter().any(|a| a.deviation.series == *known));
        for anomaly in found {
            let since_ms = *self.since_ms.entry(series(anomaly)).or_insert(at_ms);
            anomaly.deviation.since_ms = since_ms;
        }
    }
}

/// A limit that was crossed.
struct Crossed {
    series: &'static str,
    value: f64,
    normal: f64,
    unit: &'static str,
}

impl Crossed {
    fn anomaly(self, rule: Rule, source: Option<&str>) -> Anomaly {
        let Self { series, value, normal, unit } = self;
        let name = source.filter(|_| rule == Rule::Rate).unwrap_or(series);
        let limit = if rule == Rule::Rate { "in the last five minutes" } else { "the limit is" };
        let what = match rule {
            Rule::Rate => format!("{name} makes {value:.2}{unit}, {limit} {normal:.2}{unit}"),
            _ => format!("{name} is {value:.2} {unit}, {limit} {normal:.2} {unit}"),
        };
        let source = source.map(str::to_owned);
        let (series, mad, score, since_ms) = (series.to_owned(), 0.0, None, 0);
        let deviation =
            Deviation { series, what, source, since_ms, value, normal, mad, score, unit };
        Anomaly { rule, deviation }
    }
}

fn over_thresholds(levels: &Levels, source: Option<&str>) -> Vec<Anomaly> {
    use thresholds::{
        CANCELLED_MAX, HIT_RATE_MIN, WAL_MIB_MAX, WRITE_MAX, is_cancelled_rate_high,
        is_hit_rate_low, is_wal_large, is_write_rate_high,
    };
    type Check = (&'static str, Option<f64>, fn(f64) -> bool, f64, &'static str);
    let checks: [Check; 4] = [
        ("process.write", levels.write_bytes_per_s, is_write_rate_high, WRITE_MAX, "B/s"),
        (
            "process.cancelled",
            levels.cancelled_bytes_per_s,
            is_cancelled_rate_high,
            CANCELLED_MAX,
            "B/s",
        ),
        ("wal.size", levels.wal_mib, is_wal_large, WAL_MIB_MAX, "MiB"),
        ("cache.hitRate", levels.hit_rate, is_hit_rate_low, HIT_RATE_MIN, "of 1"),
    ];
    let crossed = checks.into_iter().filter_map(|(series, value, is_crossed, normal, unit)| {
        let value = value.filter(|value| is_crossed(*value))?;
        // Who writes says nothing of who reads.
        let source = source.filter(|_| series != "cache.hitRate");
        Some(Crossed { series, value, normal, unit }.anomaly(Rule::Threshold, source))
    });
    crossed.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::perf::thresholds::MIB;

    fn series(found: &[Anomaly]) -> Vec<(Rule, &str, Option<&str>)> {
        let of = |a: &'_ Anomaly| a.rule;
        found
            .iter()
            .map(|a| (of(a), a.deviation.series.as_str(), a.deviation.source.as_deref()))
            .collect()
    }

    #[test]
    fn each_threshold_fires_above_and_is_silent_at_its_limit() {
        // 000-04, 000-11
        let over = Levels {
            write_bytes_per_s: Some(10.0 * MIB + 1.0),
            cancelled_bytes_per_s: Some(MIB + 1.0),
            wal_mib: Some(100.01),
            hit_rate: Some(0.8999),
        };
        let mut watch = AnomalyWatch::default();
        let found = watch.observe(1_000, Tick { levels: over, ..Tick::default() });
        let names = ["process.write", "process.cancelled", "wal.size", "cache.hitRate"];
        assert_eq!(series(&found), names.map(|name| (Rule::Threshold, name, None)));
        let at = Levels {
            write_bytes_per_s: Some(10.0 * MIB),
            cancelled_bytes_per_s: Some(MIB),
            wal_mib: Some(100.0),
            hit_rate: Some(0.9),
        };
        assert_eq!(watch.observe(2_000, Tick { levels: at, ..Tick::default() }), []);
        assert_eq!(watch.observe(3_000, Tick::default()), [], "what is not known crosses nothing");
    }

    #[test]
    fn since_when_is_remembered_and_forgotten_when_it_is_over() {
        let mut watch = AnomalyWatch::default();
        let mut since = |at_ms, wal_mib| {
            let levels = Levels { wal_mib: Some(wal_mib), ..Levels::default() };
            let found = watch.observe(at_ms, Tick { levels, ..Tick::default() });
            found.first().map(|anomaly| anomaly.deviation.since_ms)
        };
        assert_eq!(since(1_000, 200.0), Some(1_000));
        assert_eq!(since(9_000, 300.0), Some(1_000));
        assert_eq!(since(10_000, 90.0), None);
        assert_eq!(since(11_000, 200.0), Some(11_000));
    }

    #[test]
    fn a_looping_backfill_is_found_by_its_rate_at_once_and_by_its_normal_within_a_minute() {
        // 000-03, 001-08, CoreScope#1119
        let mut watch = AnomalyWatch::default();
        let (mut at_ms, mut rows) = (0, 0);
        let mut step = |rows_per_s: u64| {
            at_ms += 10_000;
            rows += rows_per_s * 10;
            let readings = [Reading {
                series: "write.backfill_path_json.rows".to_owned(),
                source: Some("backfill_path_json".to_owned()),
                unit: "rows/s",
                value: Some(rows_per_s as f64),
                floor: 5.0,
            }];
            let counters = Counters::from([("backfill_path_json".to_owned(), rows)]);
            let levels = Levels {
                write_bytes_per_s: Some(rows_per_s as f64 * 40_000.0),
                ..Levels::default()
            };
            watch.observe(at_ms, Tick { levels, counters, readings: &readings })
        };
        for _ in 0..30 {
            assert_eq!(step(0), []);
        }
        let name = Some("backfill_path_json");
        let first = step(500);
        let expected = [
            (Rule::Threshold, "process.write", None),
            (Rule::Rate, "rate.backfill_path_json", name),
        ];
        assert_eq!(series(&first), expected);
        assert_eq!(
            first[1].deviation.what,
            "backfill_path_json makes 500.00/s, in the last five minutes 0.00/s"
        );
        step(500);
        let third = step(500);
        let expected = [
            (Rule::Threshold, "process.write", name),
            (Rule::Rate, "rate.backfill_path_json", name),
            (Rule::Baseline, "write.backfill_path_json.rows", name),
        ];
        assert_eq!(series(&third), expected, "the process's writes are laid to its account");
        let json = serde_json::to_value(&third[2]).unwrap();
        assert_eq!(json["rule"], "baseline");
        assert_eq!(json["sinceMs"], 310_000);
        assert_eq!(json["normal"], 0.0);
    }
}
