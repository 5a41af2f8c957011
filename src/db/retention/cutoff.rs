//! The moment before which rows are old, in each of the tables' forms (spec §1.2).

use std::time::Duration;

use crate::clock;

/// What a text must look like to be a time at all: `0000-00-00…`.
pub(super) const TIME_SHAPE: &str = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*";

/// Length of `2026-07-18T08:47:37`.
const TO_THE_SECOND: usize = 19;

/// Rows from before are old; those of this second are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutoff {
    /// Unix seconds.
    pub unix_s: i64,
}

impl Cutoff {
    /// `keeps` before now.
    pub fn before(now_s: i64, keeps: Duration) -> Self {
        let keeps_s = i64::try_from(keeps.as_secs()).unwrap_or(i64::MAX);
        Self { unix_s: now_s.saturating_sub(keeps_s) }
    }

    /// For columns of ISO text: to the second and without zone, because `…37.081Z`, which older
    /// rows have, sorts before `…37Z`. Without the zone both come after.
    pub fn iso(&self) -> String {
        let mut text = clock::iso_s(self.unix_s);
        text.truncate(TO_THE_SECOND);
        text
    }

    /// For columns of `CURRENT_TIMESTAMP`: a space in place of the `T` (HZ 13).
    pub fn plain(&self) -> String {
        self.iso().replacen('T', " ", 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cutoff_parts_seconds_in_every_form() {
        let cutoff = Cutoff::before(1_784_364_457 + 60, Duration::from_secs(60));
        assert_eq!(cutoff.iso(), "2026-07-18T08:47:37");
        assert_eq!(cutoff.plain(), "2026-07-18 08:47:37");
        for kept in ["2026-07-18T08:47:37Z", "2026-07-18T08:47:37.000Z"] {
            assert!(kept > cutoff.iso().as_str(), "{kept}");
        }
        for old in ["2026-07-18T08:47:36Z", "2026-07-18T08:47:36.999Z"] {
            assert!(old < cutoff.iso().as_str(), "{old}");
        }
    }

    #[test]
    fn more_time_than_there_ever_was_is_the_beginning_of_time() {
        let cutoff = Cutoff::before(i64::MIN + 5, Duration::MAX);
        assert_eq!((cutoff.unix_s, cutoff.iso().as_str()), (i64::MIN, "0001-01-01T00:00:00"));
    }
}
