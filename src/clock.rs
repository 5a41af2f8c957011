//! The only reader of the wall clock, and the time formats of the database and the API.
//!
//! Everything that needs the time is handed a [`Clock`]; a test hands over [`Clock::manual`] and
//! moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// A source of the present time; cheap to clone, clones share the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    System { started: Instant },
    Manual { now_ms: AtomicI64, started_ms: i64 },
}

impl Clock {
    /// Returns the machine's clock.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn system() -> Self {
        Self(Arc::new(Source::System { started: Instant::now() }))
    }

    /// Returns a clock that stands at `now_ms` (Unix epoch, milliseconds) until it is moved.
    pub fn manual(now_ms: i64) -> Self {
        Self(Arc::new(Source::Manual { now_ms: AtomicI64::new(now_ms), started_ms: now_ms }))
    }

    /// Returns the Unix time in milliseconds.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn now_ms(&self) -> i64 {
        match &*self.0 {
            Source::System { .. } => match SystemTime::now().duration_since(UNIX_EPOCH) {
                Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
                Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
            },
            Source::Manual { now_ms, .. } => now_ms.load(Ordering::SeqCst),
        }
    }

    /// Returns the Unix time in whole seconds, rounded down.
    pub fn now_s(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    /// Returns the time since this clock was made. It never goes backwards on the system clock.
    pub fn monotonic(&self) -> Duration {
        match &*self.0 {
            Source::System { started } => started.elapsed(),
            Source::Manual { now_ms, started_ms } => {
                let elapsed_ms = now_ms.load(Ordering::SeqCst) - started_ms;
                Duration::from_millis(u64::try_from(elapsed_ms).unwrap_or(0))
            }
        }
    }

    /// How long to wait, in the time of the machine, for what may take `wait`. Who has a manual
    /// clock, which stands still, is as patient as a slow machine needs.
    pub fn patience(&self, wait: Duration) -> Duration {
        const WHERE_TIME_STANDS_STILL: Duration = Duration::from_secs(600);
        match &*self.0 {
            Source::System { .. } => wait,
            Source::Manual { .. } => wait.max(WHERE_TIME_STANDS_STILL),
        }
    }

    /// Moves a manual clock by `step_ms`, backwards if negative. The system clock is not moved.
    pub fn advance_ms(&self, step_ms: i64) {
        if let Source::Manual { now_ms, .. } = &*self.0 {
            now_ms.fetch_add(step_ms, Ordering::SeqCst);
        }
    }
}

/// Formats Unix seconds as `2026-07-18T08:47:37Z`, the ISO text of the database's columns
/// (`spec/ingest-and-schema.md` §1.2). A time outside years 1 to 9999 is clamped into it.
pub fn iso_s(unix_s: i64) -> String {
    iso(unix_s.saturating_mul(1000), false)
}

/// Formats Unix milliseconds as `2026-07-18T08:47:37.081Z`.
pub fn iso_ms(unix_ms: i64) -> String {
    iso(unix_ms, true)
}

fn iso(unix_ms: i64, with_ms: bool) -> String {
    const YEAR_1_MS: i64 = -62_135_596_800_000;
    const YEAR_9999_MS: i64 = 253_402_207_200_999;
    let clamped_ms = unix_ms.clamp(YEAR_1_MS, YEAR_9999_MS);
    let time = Timestamp::from_millisecond(clamped_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let pattern = if with_ms { "%Y-%m-%dT%H:%M:%S.%3fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    time.strftime(pattern).to_string()
}

/// Parses RFC 3339 (any zone, any fraction) or SQLite's `YYYY-MM-DD HH:MM:SS` (UTC) into Unix
/// milliseconds; `None` if it is neither.
pub fn parse_utc_ms(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    let civil = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_database_has_them() {
        assert_eq!(iso_s(1_784_364_457), "2026-07-18T08:47:37Z");
        assert_eq!(iso_ms(1_784_364_457_081), "2026-07-18T08:47:37.081Z");
        assert_eq!(iso_s(0), "1970-01-01T00:00:00Z");
        assert_eq!(iso_s(i64::MAX).len(), 20);
        assert_eq!(iso_s(i64::MIN), "0001-01-01T00:00:00Z");
    }

    #[test]
    fn both_text_forms_of_the_database_are_read() {
        assert_eq!(parse_utc_ms("2026-07-18T08:47:37Z"), Some(1_784_364_457_000));
        assert_eq!(parse_utc_ms("2026-07-18T10:47:37.081+02:00"), Some(1_784_364_457_081));
        assert_eq!(parse_utc_ms("2026-07-18 08:47:37"), Some(1_784_364_457_000));
        assert_eq!(parse_utc_ms("yesterday"), None);
        assert_eq!(parse_utc_ms(""), None);
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = Clock::manual(5_000);
        let same = clock.clone();
        clock.advance_ms(1_500);
        assert_eq!((same.now_ms(), same.now_s()), (6_500, 6));
        assert_eq!(same.monotonic(), Duration::from_millis(1_500));
        clock.advance_ms(-10_000);
        assert_eq!((same.now_s(), same.monotonic()), (-4, Duration::ZERO));
    }
}
