//! How long one step may hold the writer.

use std::time::Duration;

use crate::clock::Clock;

/// A step ends between two rows once this is over. The runner's own deadline, which takes the whole
/// step back, is three times as far away.
const HOLD: Duration = Duration::from_millis(10);

/// The rest of a step's time.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    clock: Clock,
    ends_at: Duration,
}

impl Hold {
    /// Begins now.
    pub(super) fn begin(clock: &Clock) -> Self {
        Self { clock: clock.clone(), ends_at: clock.monotonic() + HOLD }
    }

    /// Whether the step should end with what it has.
    pub(super) fn is_over(&self) -> bool {
        self.clock.monotonic() > self.ends_at
    }
}
