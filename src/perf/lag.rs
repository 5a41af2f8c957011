//! How late the main arbiter wakes up: what blocks it delays ingest and migrations.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::latency::{Latency, LatencySummary};
use super::requests::one_decimal;

/// Lags of the main arbiter. Noted by its monitor, read by anyone.
#[derive(Debug, Default)]
pub struct LoopLag {
    lags: Latency,
    latest_us: AtomicU64,
}

/// The original's names, milliseconds with one decimal. 0 until the first measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventLoop {
    /// The latest.
    pub current_lag_ms: f64,
    /// The longest since the start.
    pub max_lag_ms: f64,
    /// Half of the recent ones are at most this.
    pub p50_ms: f64,
    /// 95 % are.
    pub p95_ms: f64,
    /// 99 % are.
    pub p99_ms: f64,
}

impl LoopLag {
    /// Counts a timer that was due at `due` and woke up at `woke`, both monotonic.
    pub fn note(&self, due: Duration, woke: Duration) {
        let lag = woke.saturating_sub(due);
        self.lags.record(lag, woke);
        let lag_us = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
        self.latest_us.store(lag_us, Ordering::Relaxed);
    }

    /// Returns the latest lag.
    pub fn latest(&self) -> Duration {
        Duration::from_micros(self.latest_us.load(Ordering::Relaxed))
    }

    /// Returns the distribution.
    pub fn summary(&self) -> LatencySummary {
        self.lags.summary()
    }

    /// Returns what `/api/health` shows.
    pub fn event_loop(&self) -> EventLoop {
        let lags = self.summary();
        EventLoop {
            current_lag_ms: one_decimal(self.latest().as_secs_f64() * 1000.0),
            max_lag_ms: one_decimal(lags.max_ms),
            p50_ms: one_decimal(lags.p50_ms),
            p95_ms: one_decimal(lags.p95_ms),
            p99_ms: one_decimal(lags.p99_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_that_wakes_late_is_a_lag_and_an_early_one_is_none() {
        let lag = LoopLag::default();
        assert_eq!(lag.event_loop(), EventLoop::default());
        let at = Duration::from_millis;
        lag.note(at(100), at(180));
        lag.note(at(200), at(199));
        let shown = lag.event_loop();
        assert_eq!((shown.current_lag_ms, shown.max_lag_ms, shown.p50_ms), (0.0, 80.0, 0.0));
        assert!(shown.p99_ms >= 80.0 - 80.0 / 64.0, "{shown:?}");
        assert_eq!(lag.summary().count, 2);
    }
}
