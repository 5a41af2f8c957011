//! The fixed thresholds of the contract (spec `http-contract.md` §7.1), exact at their edges.
//!
//! All are strict. A value that cannot be (negative, not a number) crosses none (000-28).

use std::collections::BTreeMap;
use std::collections::VecDeque;

use serde::Serialize;

/// Bytes of a MiB.
pub const MIB: f64 = 1_048_576.0;
/// Bytes a second that a process writes.
pub const WRITE_MAX: f64 = 10.0 * MIB;
/// Bytes a second that a process wrote and took back.
pub const CANCELLED_MAX: f64 = MIB;
/// Size of the WAL file in MiB.
pub const WAL_MIB_MAX: f64 = 100.0;
/// Share of page look-ups that are hits.
pub const HIT_RATE_MIN: f64 = 0.9;

/// Whether a process writes too much, in bytes a second (001-07).
pub fn is_write_rate_high(bytes_per_s: f64) -> bool {
    bytes_per_s > WRITE_MAX
}

/// Whether too much is written in vain, in bytes a second (000-01).
pub fn is_cancelled_rate_high(bytes_per_s: f64) -> bool {
    bytes_per_s > CANCELLED_MAX
}

/// Whether the WAL is too long (000-03, 000-11): 100 MB no, 100.01 MB yes.
pub fn is_wal_large(mib: f64) -> bool {
    mib > WAL_MIB_MAX
}

/// Whether too few look-ups are hits (000-03, 000-11): 0.90 no, 0.8999 yes; 0 means that nothing
/// was looked up yet.
pub fn is_hit_rate_low(share: f64) -> bool {
    share > 0.0 && share < HIT_RATE_MIN
}

/// How far back a baseline of rates reaches.
const WINDOW_MS: i64 = 300_000;
/// How many times the baseline is too much.
const FACTOR: f64 = 10.0;
/// The shortest baseline.
const HISTORY_MIN_MS: i64 = 30_000;
/// The least that counts as a baseline.
const FLOOR_PER_S: f64 = 0.05;
/// Samples older than this are dropped.
const KEPT_MS: i64 = 360_000;
/// At one sample a second.
const SAMPLES_MAX: usize = 400;

/// Counters by name.
pub type Counters = BTreeMap<String, u64>;

/// Compares the rate of each counter with that of the last five minutes (001-08, decision 39: own
/// rates, no totals).
#[derive(Debug, Default)]
pub struct RateHistory {
    samples: VecDeque<(i64, Counters)>,
}

/// How fast one counter moves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    /// Since the sample before.
    pub per_s: f64,
    /// Of the five minutes before that; `null` while there are less than 30 s of them.
    pub baseline_per_s: Option<f64>,
    /// Whether it is more than ten times the baseline, which counts as 0.05 at least.
    pub is_high: bool,
}

impl RateHistory {
    /// Judges `counters` as of `at_ms` and keeps them. Empty if there is no sample before, or
    /// time has not moved on since.
    pub fn observe(&mut self, at_ms: i64, counters: Counters) -> BTreeMap<String, Rate> {
        let rates = self.judge(at_ms, &counters);
        match self.samples.back() {
            Some((last_ms, _)) if at_ms == *last_ms => return rates,
            // A clock that was set back makes the old times useless.
            Some((last_ms, _)) if at_ms < *last_ms => self.samples.clear(),
            _ => {}
        }
        self.samples.push_back((at_ms, counters));
        let is_old = |sample: &(i64, Counters)| at_ms - sample.0 > KEPT_MS;
        while self.samples.len() > SAMPLES_MAX || self.samples.front().is_some_and(is_old) {
            self.samples.pop_front();
        }
        rates
    }

    fn judge(&self, at_ms: i64, counters: &Counters) -> BTreeMap<String, Rate> {
        let Some(last) = self.samples.back().filter(|(last_ms, _)| at_ms > *last_ms) else {
            return BTreeMap::new();
        };
        let first = self.samples.iter().find(|(ms, _)| *ms >= at_ms - WINDOW_MS);
        let base = first.filter(|(ms, _)| last.0 - ms >= HISTORY_MIN_MS);
        let names = counters.keys();
        names.map(|name| (name.clone(), rate(name, base, last, (at_ms, counters)))).collect()
    }
}

fn rate(
    name: &str,
    base: Option<&(i64, Counters)>,
    last: &(i64, Counters),
    now: (i64, &Counters),
) -> Rate {
    let per_s = per_s(name, (last.0, &last.1), now);
    let baseline_per_s = base.map(|base| self::per_s(name, (base.0, &base.1), (last.0, &last.1)));
    let is_high = baseline_per_s.is_some_and(|base| per_s > FACTOR * base.max(FLOOR_PER_S));
    Rate { per_s, baseline_per_s, is_high }
}

/// A counter that is missing counts as 0; one that went back (a restart) has not moved.
fn per_s(name: &str, from: (i64, &Counters), to: (i64, &Counters)) -> f64 {
    let value = |counters: &Counters| counters.get(name).copied().unwrap_or(0);
    let moved = value(to.1).saturating_sub(value(from.1));
    moved as f64 * 1000.0 / (to.0 - from.0) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_thresholds_are_exact_at_their_edges() {
        // 000-01, 000-03, 000-04, 000-11, 001-07
        assert!(!is_write_rate_high(WRITE_MAX) && is_write_rate_high(WRITE_MAX + 1.0));
        assert!(!is_cancelled_rate_high(MIB) && is_cancelled_rate_high(MIB + 1.0));
        assert!(!is_wal_large(100.0) && is_wal_large(100.01));
        assert!(!is_hit_rate_low(0.90) && is_hit_rate_low(0.8999));
        assert!(!is_hit_rate_low(0.0) && is_hit_rate_low(0.0001));
    }

    #[test]
    fn values_that_cannot_be_cross_no_threshold() {
        // 000-28
        for value in [f64::NAN, -1.0, f64::NEG_INFINITY] {
            assert!(!is_write_rate_high(value) && !is_cancelled_rate_high(value));
            assert!(!is_wal_large(value) && !is_hit_rate_low(value));
        }
    }

    fn counted(value: u64) -> Counters {
        Counters::from([("backfill_path_json".to_owned(), value)])
    }

    /// One sample at each of the times, then a last one, whose rate is returned.
    fn judged(samples: &[(i64, u64)], last: (i64, u64)) -> Option<Rate> {
        let mut history = RateHistory::default();
        for (at_ms, value) in samples {
            history.observe(*at_ms, counted(*value));
        }
        history.observe(last.0, counted(last.1)).get("backfill_path_json").copied()
    }

    #[test]
    fn ten_times_the_baseline_is_no_alarm_and_more_is() {
        // 000-28, 001-08: 1/s before; exactly 10/s, then 10.1/s.
        let before = [(0, 0), (100_000, 100)];
        let exact = judged(&before, (110_000, 200));
        let rate = Rate { per_s: 10.0, baseline_per_s: Some(1.0), is_high: false };
        assert_eq!(exact, Some(rate));
        assert_eq!(judged(&before, (110_000, 201)).map(|rate| rate.is_high), Some(true));
        assert_eq!(judged(&before, (110_000, 150)).map(|rate| rate.is_high), Some(false));
    }

    #[test]
    fn an_idle_source_must_exceed_half_a_row_a_second() {
        let idle = [(0, 0), (60_000, 0)];
        assert_eq!(judged(&idle, (70_000, 5)).map(|rate| rate.is_high), Some(false));
        assert_eq!(judged(&idle, (70_000, 6)).map(|rate| rate.is_high), Some(true));
    }

    #[test]
    fn thirty_seconds_of_history_are_enough_and_less_are_not() {
        let found = judged(&[(0, 0), (30_000, 0)], (31_000, 500));
        assert_eq!(found.map(|rate| rate.is_high), Some(true));
        let found = judged(&[(0, 0), (29_999, 0)], (31_000, 500));
        assert_eq!(found.map(|rate| (rate.baseline_per_s, rate.is_high)), Some((None, false)));
    }

    #[test]
    fn without_a_sample_before_or_without_time_there_is_no_rate() {
        assert_eq!(judged(&[], (10_000, 5)), None);
        assert_eq!(judged(&[(10_000, 0)], (10_000, 5)), None);
        assert_eq!(judged(&[(10_000, 0)], (9_000, 5)), None, "a clock that was set back");
    }

    #[test]
    fn a_counter_that_goes_back_or_appears_is_no_negative_rate() {
        let rate = judged(&[(0, 900), (60_000, 900)], (61_000, 3));
        assert_eq!(rate.map(|rate| (rate.per_s, rate.is_high)), Some((0.0, false)));
        let mut history = RateHistory::default();
        history.observe(0, Counters::new());
        assert_eq!(history.observe(1_000, counted(7))["backfill_path_json"].per_s, 7.0);
    }

    #[test]
    fn history_is_bounded() {
        let mut history = RateHistory::default();
        for at_ms in 0..2_000 {
            history.observe(at_ms, Counters::new());
        }
        assert_eq!(history.samples.len(), SAMPLES_MAX);
        history.observe(1_000_000, Counters::new());
        assert_eq!(history.samples.len(), 1);
    }
}
