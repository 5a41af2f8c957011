//! Stops a statement in the middle: a look at the clock every thousand instructions
//! (`design/backfill.md` §10.8). The whole transaction is rolled back then.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use super::BatchLimits;
use crate::clock::Clock;
use crate::db::error::{DbError, Doing};

/// Some 10 µs.
const OPS_PER_LOOK: i32 = 1_000;
const NEVER: u64 = u64::MAX;

/// Watches one step; lets go when dropped, also by a panic: what comes next on the connection is
/// ingest's, and must never be stopped.
pub(super) struct Deadline {
    ends_at_us: Arc<AtomicU64>,
    is_armed: Arc<AtomicBool>,
    was_late: Arc<AtomicBool>,
    clock: Clock,
    limits: BatchLimits,
    begun: Cell<Option<Duration>>,
}

impl Deadline {
    /// Installs the watch; it looks at nothing until [`Self::begin`].
    pub(super) fn install(
        conn: &mut Connection,
        limits: &BatchLimits,
        clock: &Clock,
    ) -> Result<Self, DbError> {
        let watch = Self {
            ends_at_us: Arc::new(AtomicU64::new(NEVER)),
            is_armed: Arc::default(),
            was_late: Arc::default(),
            clock: clock.clone(),
            limits: limits.clone(),
            begun: Cell::new(None),
        };
        let (ends_at_us, is_armed, was_late) =
            (watch.ends_at_us.clone(), watch.is_armed.clone(), watch.was_late.clone());
        let (time, stop) = (clock.clone(), limits.stop.clone());
        let is_over = move || {
            if !is_armed.load(Ordering::Relaxed) {
                return false;
            }
            let is_late = micros(time.monotonic()) > ends_at_us.load(Ordering::Relaxed);
            was_late.fetch_or(is_late, Ordering::Relaxed);
            is_late || stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))
        };
        conn.progress_handler(OPS_PER_LOOK, Some(is_over)).doing("watch a step of a migration")?;
        Ok(watch)
    }

    /// Starts the clock: the write lock is ours. `is_bounded` is false for what cannot be halved.
    pub(super) fn begin(&self, is_bounded: bool) {
        let now = self.clock.monotonic();
        self.begun.set(Some(now));
        let hold_max = self.limits.hold_max.filter(|_| is_bounded);
        let end = hold_max.map_or(NEVER, |max| micros(now + max));
        self.ends_at_us.store(end, Ordering::Relaxed);
        self.is_armed.store(true, Ordering::Relaxed);
    }

    /// Whether it has taken as long as it should: no further rows are begun then.
    pub(super) fn is_time_up(&self) -> bool {
        let spent = self.begun.get().map(|begun| self.clock.monotonic().saturating_sub(begun));
        spent.zip(self.limits.hold_aim).is_some_and(|(spent, aim)| spent >= aim)
    }

    /// Whether the step was stopped for its time.
    pub(super) fn was_late(&self) -> bool {
        self.was_late.load(Ordering::Relaxed)
    }

    /// Looks at nothing from here on: a commit is not stopped half-way.
    pub(super) fn end(&self) {
        self.is_armed.store(false, Ordering::Relaxed);
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.end();
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(NEVER - 1)
}
