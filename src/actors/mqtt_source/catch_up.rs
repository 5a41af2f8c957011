//! When a message may carry its envelope's time (decision 3).

use std::ops::RangeInclusive;
use std::time::Duration;

/// Without a held message for so long, the broker has delivered all that it held.
const ENDS_AFTER: Duration = Duration::from_secs(5);
/// It ends then in any case: an observer whose clock is slow could keep it up for ever.
const LASTS_AT_MOST: Duration = Duration::from_secs(600);

/// The time after a connect in which the broker delivers what it held for us. MQTT does not mark
/// such messages, but it delivers them first and in order: it ends when none came for 5 s, so an
/// observer whose clock is slow is not taken for a held one ever after.
#[derive(Debug)]
pub struct CatchUp {
    away_s: RangeInclusive<i64>,
    began_at: Duration,
    last_held_at: Duration,
}

impl CatchUp {
    /// Begins at a connect to a session that the broker has kept.
    pub fn begin(last_connected_s: i64, now_s: i64, now: Duration) -> Self {
        Self { away_s: last_connected_s..=now_s, began_at: now, last_held_at: now }
    }

    /// Returns the time that we were away, in Unix seconds.
    pub fn away_s(&self) -> RangeInclusive<i64> {
        self.away_s.clone()
    }

    /// Notes a message that lay in the time away.
    pub fn note_held(&mut self, now: Duration) {
        self.last_held_at = now;
    }

    /// Tells whether it is over.
    pub fn is_over(&self, now: Duration) -> bool {
        now.saturating_sub(self.last_held_at) > ENDS_AFTER
            || now.saturating_sub(self.began_at) > LASTS_AT_MOST
    }
}
