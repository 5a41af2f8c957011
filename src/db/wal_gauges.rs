//! What is known of the WAL between the writer, who makes it longer, and the checkpointer.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

/// Pages that are not in the database yet, from which the checkpointer is called.
pub(super) const DEBT_PAGES_MAX: u32 = 1_000;

/// What the checkpointer saw and did last; anyone may read it at any time.
#[derive(Debug, Default)]
pub struct WalGauges {
    pub(super) log_pages: AtomicU32,
    pub(super) checkpointed_pages: AtomicU32,
    pub(super) file_bytes: AtomicU64,
    pub(super) checkpoints: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) last_hold_us: AtomicU64,
    pub(super) is_blind: AtomicBool,
    is_wanted: AtomicBool,
    bell: Bell,
}

/// Wakes the checkpointer before its next look is due; rung twice it wakes once.
#[derive(Debug)]
struct Bell(Sender<()>, Receiver<()>);

impl Default for Bell {
    fn default() -> Self {
        let (ring, rung) = bounded(1);
        Self(ring, rung)
    }
}

impl Bell {
    fn ring(&self) {
        // Full: it is rung already.
        let _ = self.0.try_send(());
    }
}

impl WalGauges {
    /// Pages in the WAL; `None` if SQLite does not say, which is an alarm and no 0.
    pub fn log_pages(&self) -> Option<u32> {
        (!self.is_blind.load(Ordering::Relaxed)).then(|| self.log_pages.load(Ordering::Relaxed))
    }

    /// Pages in the WAL that are not in the database yet; `None` as above.
    pub fn debt_pages(&self) -> Option<u32> {
        let done = self.checkpointed_pages.load(Ordering::Relaxed);
        self.log_pages().map(|log| log.saturating_sub(done))
    }

    /// Asks for a checkpoint of whatever there is, or takes that back: who waits for the log to
    /// start again cannot wait for more debt.
    pub fn want_checkpoint(&self, is_wanted: bool) {
        let was_wanted = self.is_wanted.swap(is_wanted, Ordering::Relaxed);
        if is_wanted && !was_wanted {
            self.bell.ring();
        }
    }

    /// See [`WalGauges::want_checkpoint`].
    pub fn is_checkpoint_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::Relaxed)
    }

    /// Notes pages that were just committed, so that whoever waits for the log to be short need not
    /// wait for the next look, and has the checkpointer look when they are many. The next look knows
    /// better.
    pub fn note_written(&self, pages: u32) {
        let log = self.log_pages.load(Ordering::Relaxed);
        if log == self.checkpointed_pages.load(Ordering::Relaxed) {
            self.checkpointed_pages.store(0, Ordering::Relaxed);
            self.log_pages.store(pages, Ordering::Relaxed);
        } else {
            self.log_pages.store(log.saturating_add(pages), Ordering::Relaxed);
        }
        if self.debt_pages().is_none_or(|debt| debt >= DEBT_PAGES_MAX) {
            self.bell.ring();
        }
    }

    /// Size of the WAL file: its high-water mark, not what is pending.
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes.load(Ordering::Relaxed)
    }

    /// Checkpoints since the start.
    pub fn checkpoints(&self) -> u64 {
        self.checkpoints.load(Ordering::Relaxed)
    }

    /// Checkpoints that failed since the start; a busy one is no failure.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// How long the last checkpoint took.
    pub fn last_hold(&self) -> Duration {
        Duration::from_micros(self.last_hold_us.load(Ordering::Relaxed))
    }

    /// What the checkpointer waits for beside its next look.
    pub(super) fn rung(&self) -> Receiver<()> {
        self.bell.1.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkpointer_is_called_when_much_is_written_and_when_it_is_wanted() {
        let gauges = WalGauges::default();
        let rung = gauges.rung();
        gauges.note_written(DEBT_PAGES_MAX - 1);
        assert!(rung.is_empty());
        gauges.note_written(1);
        assert!(rung.try_recv().is_ok());
        gauges.want_checkpoint(true);
        assert!(rung.try_recv().is_ok());
        gauges.want_checkpoint(true);
        assert!(rung.is_empty(), "it knows");
    }
}
