//! Distributions of durations, recorded without a lock.
//!
//! Histograms have the HDR layout (logarithmic ranges, each split into equal buckets): a value is
//! known to 1/64, from 1 µs to 134 s; longer ones are counted as that. Count, sum and maximum are
//! exact and run since the start; percentiles speak of the last 5 to 10 minutes in which anything
//! was recorded, so that yesterday does not hide what happens now.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use histogram::{AtomicHistogram32, Config, Histogram32};
use serde::Serialize;
use utoipa::ToSchema;

/// A value is known to 1 / 2^6.
const GROUPING_POWER: u8 = 6;
/// Values below 2^27 µs are told apart.
const MAX_VALUE_POWER: u8 = 27;
/// Longest value that is told apart from longer ones, in microseconds.
pub const VALUE_MAX_US: u64 = (1 << MAX_VALUE_POWER) - 1;
/// How long a window is recorded into before the older one is emptied and takes over.
pub const WINDOW: Duration = Duration::from_secs(300);

/// A distribution that any number of threads may record into.
#[derive(Debug)]
pub struct Latency {
    count: AtomicU64,
    sum_us: AtomicU64,
    max_us: AtomicU64,
    windows: [AtomicHistogram32; 2],
    current: AtomicUsize,
    /// When the current window ends, in microseconds of the caller's monotonic time.
    ends_at_us: AtomicU64,
}

/// What a distribution looks like. Milliseconds; 0 where nothing was recorded (`count` says so).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LatencySummary {
    /// Values recorded since the start.
    pub count: u64,
    /// Of all of them.
    pub mean_ms: f64,
    /// Half of the recent values are at most this.
    pub p50_ms: f64,
    /// 95 % are.
    pub p95_ms: f64,
    /// 99 % are.
    pub p99_ms: f64,
    /// The longest since the start, exact.
    pub max_ms: f64,
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

impl Latency {
    /// Makes an empty one; 11 KiB.
    pub fn new() -> Self {
        Self {
            count: AtomicU64::new(0),
            sum_us: AtomicU64::new(0),
            max_us: AtomicU64::new(0),
            windows: [window(), window()],
            current: AtomicUsize::new(0),
            ends_at_us: AtomicU64::new(0),
        }
    }

    /// Counts one duration. `now` is any monotonic time, the same for all callers.
    pub fn record(&self, took: Duration, now: Duration) {
        let (took_us, now_us) = (micros(took), micros(now));
        if now_us >= self.ends_at_us.load(Ordering::Relaxed) {
            self.turn(now_us);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(took_us, Ordering::Relaxed);
        if took_us > self.max_us.load(Ordering::Relaxed) {
            self.max_us.fetch_max(took_us, Ordering::Relaxed);
        }
        let current = self.current.load(Ordering::Relaxed) % 2;
        // Cannot be refused: the value is within the range.
        let _ = self.windows[current].increment(took_us.min(VALUE_MAX_US));
    }

    /// Returns what was recorded.
    pub fn summary(&self) -> LatencySummary {
        let count = self.count.load(Ordering::Relaxed);
        if count == 0 {
            return LatencySummary::default();
        }
        let max_us = self.max_us.load(Ordering::Relaxed);
        let [p50_ms, p95_ms, p99_ms] = self.percentiles_us().map(|us| millis(us.min(max_us)));
        let mean_ms = self.sum_us.load(Ordering::Relaxed) as f64 / count as f64 / 1000.0;
        LatencySummary { count, mean_ms, p50_ms, p95_ms, p99_ms, max_ms: millis(max_us) }
    }

    /// Returns how many durations were recorded.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Returns the sum of all durations in microseconds.
    pub fn sum_us(&self) -> u64 {
        self.sum_us.load(Ordering::Relaxed)
    }

    /// Begins again with nothing. A value that is recorded meanwhile may be lost.
    pub fn reset(&self) {
        for counter in [&self.count, &self.sum_us, &self.max_us] {
            counter.store(0, Ordering::Relaxed);
        }
        self.windows.iter().for_each(|window| drop(window.drain()));
    }

    /// Whoever moves the end of the window first empties the older one and makes it the current.
    /// A thread that has read the old index adds one value to the window before: harmless.
    fn turn(&self, now_us: u64) {
        let ends_at_us = self.ends_at_us.load(Ordering::Relaxed);
        let next_us = now_us.saturating_add(micros(WINDOW));
        let moved = self.ends_at_us.compare_exchange(
            ends_at_us,
            next_us,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if moved.is_err() || ends_at_us > now_us {
            return;
        }
        let next = (self.current.load(Ordering::Relaxed) + 1) % 2;
        drop(self.windows[next].drain());
        self.current.store(next, Ordering::Relaxed);
    }

    fn percentiles_us(&self) -> [u64; 3] {
        let [first, second] = self.windows.each_ref().map(AtomicHistogram32::load);
        let both = first.wrapping_add(&second).unwrap_or(first);
        [0.50, 0.95, 0.99].map(|quantile| value_at(&both, quantile))
    }
}

fn value_at(histogram: &Histogram32, quantile: f64) -> u64 {
    let bucket = histogram.quantile_bucket(quantile).ok().flatten();
    bucket.map_or(0, |bucket| bucket.end())
}

fn window() -> AtomicHistogram32 {
    // The compiler evaluates it: a layout that is not possible does not build.
    const LAYOUT: Config = loop {
        if let Ok(layout) = Config::new(GROUPING_POWER, MAX_VALUE_POWER) {
            break layout;
        }
    };
    AtomicHistogram32::with_config(&LAYOUT)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn millis(us: u64) -> f64 {
    us as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recorded(values_us: &[u64]) -> Latency {
        let latency = Latency::new();
        for value in values_us {
            latency.record(Duration::from_micros(*value), Duration::ZERO);
        }
        latency
    }

    #[test]
    fn an_empty_one_says_that_nothing_was_recorded() {
        assert_eq!(Latency::new().summary(), LatencySummary::default());
    }

    #[test]
    fn percentiles_are_those_of_the_values_within_a_64th() {
        let summary = recorded(&(1..=1000).map(|ms| ms * 1000).collect::<Vec<_>>()).summary();
        assert_eq!((summary.count, summary.mean_ms, summary.max_ms), (1000, 500.5, 1000.0));
        for (found, exact) in
            [(summary.p50_ms, 500.0), (summary.p95_ms, 950.0), (summary.p99_ms, 990.0)]
        {
            assert!(found >= exact && found <= exact * (1.0 + 1.0 / 64.0), "{found} for {exact}");
        }
    }

    #[test]
    fn a_value_beyond_the_range_counts_and_the_maximum_stays_exact() {
        let summary = recorded(&[200_000_000]).summary();
        assert_eq!((summary.count, summary.max_ms), (1, 200_000.0));
        assert_eq!(summary.p99_ms, VALUE_MAX_US as f64 / 1000.0);
    }

    #[test]
    fn percentiles_forget_what_is_two_windows_old_and_the_maximum_does_not() {
        let latency = recorded(&[9_000]);
        let at = |windows: u32| WINDOW * windows + Duration::from_secs(1);
        latency.record(Duration::from_micros(1_000), at(1));
        assert!(latency.summary().p99_ms > 8.9, "the window before still counts");
        latency.record(Duration::from_micros(1_000), at(3));
        let summary = latency.summary();
        assert!(summary.p99_ms < 1.1, "{summary:?}");
        assert_eq!((summary.count, summary.max_ms), (3, 9.0));
    }

    #[test]
    fn a_reset_forgets_all() {
        let latency = recorded(&[5, 6]);
        latency.reset();
        assert_eq!(latency.summary(), LatencySummary::default());
    }

    #[test]
    fn threads_lose_no_value() {
        let latency = Latency::new();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let latency = &latency;
                scope.spawn(move || {
                    for value in 0..10_000 {
                        latency.record(Duration::from_micros(value + thread), Duration::ZERO);
                    }
                });
            }
        });
        assert_eq!(latency.summary().count, 40_000);
        let recent: u64 = latency.windows[0].load().as_slice().iter().map(|n| u64::from(*n)).sum();
        let older: u64 = latency.windows[1].load().as_slice().iter().map(|n| u64::from(*n)).sum();
        assert_eq!(recent + older, 40_000);
    }

    proptest! {
        #[test]
        fn percentiles_are_in_order_and_never_above_the_maximum(
            values in prop::collection::vec(0_u64..1_000_000_000, 1..200)
        ) {
            let summary = recorded(&values).summary();
            let exact_max = values.iter().max().copied().unwrap_or(0) as f64 / 1000.0;
            prop_assert_eq!(summary.max_ms, exact_max);
            prop_assert!(summary.p50_ms <= summary.p95_ms && summary.p95_ms <= summary.p99_ms);
            prop_assert!(summary.p99_ms <= summary.max_ms && summary.mean_ms <= summary.max_ms);
            prop_assert_eq!(summary.count, values.len() as u64);
        }
    }
}
