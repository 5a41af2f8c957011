//! Whether slow reads are our doing: only if they become faster while we rest.

use std::time::Duration;

use crate::perf::backfill::HealthGate;

/// Slow reads alone hold a run up for so long; without relief they are not its doing.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between small batches that run though reads are slow.
const PAUSE: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct SlowReads {
    /// Since when they alone hold up, or when a batch was last sent in spite of them.
    alone_since: Option<Duration>,
    is_not_ours: bool,
}

impl SlowReads {
    /// Takes what the gate has just found. Returns whether a small batch may be sent though it is
    /// shut.
    pub(super) fn note(&mut self, gate: &HealthGate, now: Duration) -> bool {
        self.is_not_ours &= gate.are_reads_slow();
        if !gate.is_held_by_reads_alone() {
            self.alone_since = None;
            return false;
        }
        let since = *self.alone_since.get_or_insert(now);
        now.saturating_sub(since) >= if self.is_not_ours { PAUSE } else { PATIENCE }
    }

    /// Whether they alone hold up and rest has not made them faster: no use in a longer one.
    pub(super) fn are_not_ours(&self) -> bool {
        self.is_not_ours && self.alone_since.is_some()
    }

    /// A small batch is sent though reads are slow.
    pub(super) fn note_sent(&mut self, now: Duration) {
        (self.alone_since, self.is_not_ours) = (Some(now), true);
    }
}
