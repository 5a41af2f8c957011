//! When it will be done: a range, and no number where none would be honest; and whether it gets on
//! at all (`design/backfill.md` §10.21, §10.23).

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

const TICK: Duration = Duration::from_secs(1);
const WEIGHT: f64 = 0.3;
/// Ticks before a number is told.
const TICKS_MIN: u32 = 3;
/// Standard deviations from the mean to the 90th percentile.
const P90: f64 = 1.2816;
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// What can be said of the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Eta {
    /// Not enough has been seen.
    #[default]
    Measuring,
    /// Seconds: half of the time it takes no longer than `low_s`, nine times of ten than `high_s`.
    Estimate {
        /// The middle.
        #[serde(rename = "lowS")]
        low_s: f64,
        /// The cautious end.
        #[serde(rename = "highS")]
        high_s: f64,
    },
    /// An operator has to say something first.
    Paused,
    /// It does not move: any number would be a guess.
    Stalled,
}

/// Rows a second of the clock on the wall, rests and throttling included.
#[derive(Clone, Debug, Default)]
pub struct EtaMeter {
    tick_at: Option<Duration>,
    rows: u64,
    mean: f64,
    variance: f64,
    ticks: u32,
    moved_at: Duration,
}

impl EtaMeter {
    /// Notes rows that were done, or that time has passed (0), at `now` (monotonic).
    pub fn note(&mut self, rows: u64, now: Duration) {
        if rows > 0 {
            self.moved_at = now;
        }
        self.rows += rows;
        let since = *self.tick_at.get_or_insert(now);
        let elapsed = now.saturating_sub(since);
        if elapsed < TICK {
            return;
        }
        let rate = self.rows as f64 / elapsed.as_secs_f64();
        if self.ticks == 0 {
            self.mean = rate;
        } else {
            let off = rate - self.mean;
            self.mean += WEIGHT * off;
            self.variance = (1.0 - WEIGHT) * (self.variance + WEIGHT * off * off);
        }
        self.ticks += 1;
        (self.rows, self.tick_at) = (0, Some(now));
    }

    /// Forgets the time while it was paused.
    pub fn rest(&mut self) {
        (self.tick_at, self.rows) = (None, 0);
    }

    /// Rows a second; `None` until measured.
    pub fn rate(&self) -> Option<f64> {
        (self.ticks >= TICKS_MIN).then_some(self.mean)
    }

    /// What can be said at `now` of the `left` rows.
    pub fn eta(&self, left: u64, now: Duration) -> Eta {
        if self.tick_at.is_some() && now.saturating_sub(self.moved_at) >= STALLED_AFTER {
            return Eta::Stalled;
        }
        let Some(mean) = self.rate() else { return Eta::Measuring };
        if mean <= 0.0 {
            return Eta::Stalled;
        }
        let slow = (mean - P90 * self.variance.sqrt()).max(mean / 10.0);
        Eta::Estimate { low_s: left as f64 / mean, high_s: left as f64 / slow }
    }
}

/// Notices a run that works and does not get on.
#[derive(Clone, Debug, Default)]
pub struct StallWatch {
    cursor: Option<i64>,
    moved_at: Option<Duration>,
}

impl StallWatch {
    /// Notes an answered batch of a walk.
    ///
    /// # Errors
    /// Rows were changed and the cursor is where it was, or it has not moved for 30 s.
    pub fn note(
        &mut self,
        cursor: Option<i64>,
        rows_changed: u64,
        now: Duration,
    ) -> Result<(), &'static str> {
        let has_moved = cursor != self.cursor || self.moved_at.is_none();
        if has_moved {
            (self.cursor, self.moved_at) = (cursor, Some(now));
            return Ok(());
        }
        if rows_changed > 0 {
            return Err("no progress: rows were changed and the cursor did not move");
        }
        let stood = self.moved_at.map_or(Duration::ZERO, |moved| now.saturating_sub(moved));
        if stood >= STALLED_AFTER {
            return Err("no progress: the cursor has not moved for 30 s");
        }
        Ok(())
    }

    /// Time that passed while throttled or paused does not count.
    pub fn rest(&mut self) {
        self.moved_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_steady_rate_gives_a_narrow_range_and_an_uneven_one_a_wide_one() {
        let (mut steady, mut uneven) = (EtaMeter::default(), EtaMeter::default());
        for second in 0..60 {
            steady.note(100, s(second));
            uneven.note(if second % 2 == 0 { 180 } else { 20 }, s(second));
        }
        let Eta::Estimate { low_s, high_s } = steady.eta(1_000, s(60)) else {
            panic!("no estimate")
        };
        assert!((low_s - 10.0).abs() < 0.2 && high_s < 11.0, "{low_s} {high_s}");
        let Eta::Estimate { low_s, high_s } = uneven.eta(1_000, s(60)) else {
            panic!("no estimate")
        };
        assert!(high_s > 1.5 * low_s, "{low_s} {high_s}");
    }

    #[test]
    fn there_is_no_number_before_it_is_measured_nor_when_it_stands() {
        let mut meter = EtaMeter::default();
        meter.note(100, s(0));
        meter.note(100, s(1));
        assert_eq!(meter.eta(500, s(1)), Eta::Measuring);
        for second in 2..8 {
            meter.note(100, s(second));
        }
        assert!(matches!(meter.eta(500, s(8)), Eta::Estimate { .. }));
        for second in 8..40 {
            meter.note(0, s(second));
        }
        assert_eq!(meter.eta(500, s(40)), Eta::Stalled);
    }

    #[test]
    fn throttled_time_makes_the_estimate_longer() {
        let (mut free, mut throttled) = (EtaMeter::default(), EtaMeter::default());
        for second in 0..30 {
            free.note(100, s(second));
            throttled.note(if second % 3 == 0 { 100 } else { 0 }, s(second));
        }
        let low = |meter: &EtaMeter| match meter.eta(100, s(30)) {
            Eta::Estimate { low_s, .. } => low_s,
            other => panic!("{other:?}"),
        };
        assert!(low(&throttled) > 2.0 * low(&free));
    }

    #[test]
    fn a_run_that_changes_rows_without_moving_is_caught_at_once() {
        let mut watch = StallWatch::default();
        assert_eq!(watch.note(Some(5), 10, s(0)), Ok(()));
        assert_eq!(watch.note(Some(6), 10, s(1)), Ok(()));
        assert!(watch.note(Some(6), 1, s(2)).is_err());
    }

    #[test]
    fn a_cursor_that_stands_for_30_s_fails_but_not_over_a_pause() {
        let mut watch = StallWatch::default();
        assert_eq!(watch.note(Some(5), 0, s(0)), Ok(()));
        assert_eq!(watch.note(Some(5), 0, s(29)), Ok(()));
        assert!(watch.note(Some(5), 0, s(30)).is_err());
        watch.rest();
        assert_eq!(watch.note(Some(5), 0, s(500)), Ok(()));
    }
}
