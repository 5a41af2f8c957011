//! What is known of the WAL between the writer, who makes it longer, and the checkpointer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

/// Pages that are not in the database yet, from which the checkpointer is called.
pub(super) const DEBT_PAGES_MAX: u32 = 1_000;

/// What the checkpointer saw and did last; anyone may read it at any time.
#[derive(Debug, Default)]
pub struct WalGauges {
    /// Pages in the WAL and pages of them that are in the database, 32 bits each.
    pages: AtomicU64,
    pub(super) file_bytes: AtomicU64,
    pub(super) checkpoints: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) last_hold_us: AtomicU64,
    is_blind: AtomicBool,
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
        self.pages().map(|(log, _)| log)
    }

    /// Pages in the WAL that are not in the database yet; `None` as above.
    pub fn debt_pages(&self) -> Option<u32> {
        self.pages().map(|(log, done)| log.saturating_sub(done))
    }

    fn pages(&self) -> Option<(u32, u32)> {
        let is_blind = self.is_blind.load(Ordering::Relaxed);
        (!is_blind).then(|| apart(self.pages.load(Ordering::Relaxed)))
    }

    /// What a look told: pages in the WAL, and pages of them that are in the database.
    pub(super) fn note_look(&self, pages: Option<(u32, u32)>) {
        if let Some(pages) = pages {
            self.pages.store(together(pages), Ordering::Relaxed);
        }
        self.is_blind.store(pages.is_none(), Ordering::Relaxed);
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

    /// The log's length while some of it is not in the database, else 0; `None` as above. From
    /// `wanted_pages` on it asks for a checkpoint until nothing is left: who waits goes on at 0.
    pub fn unsettled_pages(&self, wanted_pages: f64) -> Option<f64> {
        let (log, done) = self.pages()?;
        let is_settled = log <= done;
        let is_long = f64::from(log) >= wanted_pages;
        self.want_checkpoint(!is_settled && (is_long || self.is_checkpoint_wanted()));
        Some(if is_settled { 0.0 } else { f64::from(log) })
    }

    /// Notes pages that were just committed, so that whoever waits for the log to be short need not
    /// wait for the next look, and has the checkpointer look when they are many or nobody knows.
    /// A log that is in the database whole is taken to begin anew, which a reader may prevent: the
    /// next look, a second later at most, knows better.
    pub fn note_written(&self, pages: Option<u32>) {
        if pages == Some(0) {
            return;
        }
        let add = |before| {
            let (log, done) = apart(before);
            let (log, done) = if log == done { (0, 0) } else { (log, done) };
            Some(together((log.saturating_add(pages.unwrap_or(0)), done)))
        };
        // It never refuses.
        let _ = self.pages.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        if pages.is_none() || self.debt_pages().is_none_or(|debt| debt >= DEBT_PAGES_MAX) {
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

fn together((log, done): (u32, u32)) -> u64 {
    u64::from(log) << 32 | u64::from(done)
}

fn apart(pages: u64) -> (u32, u32) {
    ((pages >> 32) as u32, pages as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkpointer_is_called_when_much_is_written_and_when_it_is_wanted() {
        let gauges = WalGauges::default();
        let rung = gauges.rung();
        gauges.note_written(Some(DEBT_PAGES_MAX - 1));
        assert!(rung.is_empty());
        gauges.note_written(Some(1));
        assert!(rung.try_recv().is_ok());
        gauges.want_checkpoint(true);
        assert!(rung.try_recv().is_ok());
        gauges.want_checkpoint(true);
        assert!(rung.is_empty(), "it knows");
    }
    #[test]
    fn what_is_written_is_known_before_the_next_look() {
        let gauges = WalGauges::default();
        let known = || (gauges.log_pages(), gauges.debt_pages());
        gauges.note_look(Some((8_000, 7_900)));
        gauges.note_written(Some(20));
        assert_eq!(known(), (Some(8_020), Some(120)));
        gauges.note_look(Some((8_020, 8_020)));
        gauges.note_written(Some(0));
        assert_eq!(known(), (Some(8_020), Some(0)), "nothing was written");
        gauges.note_written(Some(20));
        assert_eq!(known(), (Some(20), Some(20)), "it begins anew");
        gauges.note_look(None);
        assert_eq!(known(), (None, None));
    }

    /// A commit may begin the log anew between a checkpoint and the look of who waits.
    #[test]
    fn a_checkpoint_is_wanted_from_a_long_log_until_nothing_is_left_of_it() {
        let gauges = WalGauges::default();
        let told = |pages| {
            gauges.note_look(Some(pages));
            (gauges.unsettled_pages(3_500.0), gauges.is_checkpoint_wanted())
        };
        assert_eq!(told((3_499, 0)), (Some(3_499.0), false));
        assert_eq!(told((3_500, 0)), (Some(3_500.0), true));
        assert_eq!(told((20, 0)), (Some(20.0), true), "begun anew");
        assert_eq!(told((20, 20)), (Some(0.0), false));
        assert_eq!(told((20, 0)), (Some(20.0), false));
    }

    #[test]
    fn pages_that_nobody_could_count_call_the_checkpointer() {
        let gauges = WalGauges::default();
        gauges.note_written(None);
        assert!(gauges.rung().try_recv().is_ok());
    }
}
