//! The gauge of the ingest queue: its bound, what waits, what was dropped and since when.
//!
//! Shared without asking (decision 6): doors write it, Backfill, the API and the logs read it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Counts of the ingest queue. Times are Unix milliseconds.
#[derive(Debug)]
pub struct IntakeGauge {
    capacity: usize,
    depth: AtomicUsize,
    is_closed: AtomicBool,
    is_committing: AtomicBool,
    /// When the queue last was empty or moved; the oldest waiting delivery is not older.
    moved_at_ms: AtomicI64,
    committed: AtomicU64,
    groups: AtomicU64,
    dropped: Mutex<BTreeMap<Arc<str>, Dropped>>,
    stall: Mutex<Option<Stall>>,
}

/// What one source lost because the queue was full.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dropped {
    /// Deliveries lost since the start.
    pub count: u64,
    /// When the first was lost.
    pub first_at_ms: i64,
    /// When the latest was lost.
    pub last_at_ms: i64,
}

/// Commits fail and are repeated.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stall {
    /// What the latest attempt said.
    pub error: String,
    /// When the first attempt failed.
    pub since_ms: i64,
}

/// A copy of the gauge.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IntakeCounts {
    /// The bound: deliveries that have entered and are not yet durable.
    pub capacity: usize,
    /// How many there are.
    pub depth: usize,
    /// Milliseconds since the queue last moved; `null` when nothing waits.
    pub oldest_ms: Option<i64>,
    /// Deliveries durably committed since the start, ignored ones included.
    pub committed: u64,
    /// Groups they were committed in.
    pub groups: u64,
    /// Lost deliveries by source.
    pub dropped: BTreeMap<Arc<str>, Dropped>,
    /// Why nothing is committed at present.
    pub stall: Option<Stall>,
}

impl IntakeGauge {
    /// Makes a gauge of a queue that holds `capacity` deliveries (at least 1).
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            depth: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
            is_committing: AtomicBool::new(false),
            moved_at_ms: AtomicI64::new(0),
            committed: AtomicU64::new(0),
            groups: AtomicU64::new(0),
            dropped: Mutex::default(),
            stall: Mutex::default(),
        }
    }

    /// Takes one seat; `false` when the queue is full or closed.
    pub fn try_enter(&self, now_ms: i64) -> bool {
        if self.is_closed.load(Ordering::Acquire) {
            return false;
        }
        let taken = self.depth.fetch_update(Ordering::AcqRel, Ordering::Acquire, |depth| {
            (depth < self.capacity).then_some(depth + 1)
        });
        if taken == Ok(0) {
            self.moved_at_ms.store(now_ms, Ordering::Release);
        }
        taken.is_ok()
    }

    /// Notes that a group is on its way to the writer, until [`Self::leave`].
    pub fn begin_commit(&self) {
        self.is_committing.store(true, Ordering::Release);
    }

    /// Tells whether the writer has, or is about to get, receptions to commit: other work waits
    /// (decision 8; a group that is still being gathered does not need the writer yet).
    pub fn is_committing(&self) -> bool {
        self.is_committing.load(Ordering::Acquire)
    }

    /// Frees `count` seats; `committed_at_ms` when they became durable, `None` when they were given
    /// back unused.
    pub fn leave(&self, count: usize, committed_at_ms: Option<i64>) {
        self.depth.fetch_sub(count, Ordering::AcqRel);
        if let Some(now_ms) = committed_at_ms {
            self.is_committing.store(false, Ordering::Release);
            self.committed.fetch_add(count as u64, Ordering::Relaxed);
            self.groups.fetch_add(1, Ordering::Relaxed);
            self.moved_at_ms.store(now_ms, Ordering::Release);
        }
    }

    /// Lets nothing more in.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    /// Returns how many deliveries wait.
    pub fn depth(&self) -> usize {
        self.depth.load(Ordering::Acquire)
    }

    /// Counts a delivery that `source` lost. The first of a source and then each thousandth is
    /// logged.
    pub fn count_dropped(&self, source: &Arc<str>, now_ms: i64) {
        let mut dropped = lock(&self.dropped);
        let entry = dropped.entry(source.clone()).or_default();
        if entry.count == 0 {
            entry.first_at_ms = now_ms;
        }
        entry.count += 1;
        entry.last_at_ms = now_ms;
        let count = entry.count;
        drop(dropped);
        if count % 1000 == 1 {
            tracing::warn!(
                source = &**source,
                dropped = count,
                capacity = self.capacity,
                "the ingest queue is full, receptions are dropped"
            );
        }
    }

    /// Notes that a commit failed; `true` if it is the first of a stall.
    pub fn begin_stall(&self, error: &str, now_ms: i64) -> bool {
        let mut stall = lock(&self.stall);
        let since_ms = stall.as_ref().map(|stall| stall.since_ms);
        *stall = Some(Stall { error: error.to_owned(), since_ms: since_ms.unwrap_or(now_ms) });
        since_ms.is_none()
    }

    /// Notes that a commit succeeded; `true` if that ended a stall.
    pub fn end_stall(&self) -> bool {
        lock(&self.stall).take().is_some()
    }

    /// Returns a copy of all counts.
    pub fn counts(&self, now_ms: i64) -> IntakeCounts {
        let depth = self.depth();
        let oldest_ms = now_ms - self.moved_at_ms.load(Ordering::Acquire);
        IntakeCounts {
            capacity: self.capacity,
            depth,
            oldest_ms: (depth > 0).then_some(oldest_ms.max(0)),
            committed: self.committed.load(Ordering::Relaxed),
            groups: self.groups.load(Ordering::Relaxed),
            dropped: lock(&self.dropped).clone(),
            stall: lock(&self.stall).clone(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_exact_and_seats_come_back() {
        let gauge = IntakeGauge::new(2);
        assert!(gauge.try_enter(10) && gauge.try_enter(11));
        assert!(!gauge.try_enter(12), "a third delivery entered a queue of two");
        gauge.leave(1, Some(20));
        assert!(gauge.try_enter(21));
        gauge.close();
        gauge.leave(2, None);
        assert!(!gauge.try_enter(22), "a closed queue let a delivery in");
        let counts = gauge.counts(30);
        assert_eq!((counts.depth, counts.committed, counts.groups), (0, 1, 1));
        assert_eq!(counts.oldest_ms, None);
    }

    #[test]
    fn losses_say_who_how_many_and_since_when() {
        let gauge = IntakeGauge::new(1);
        let source: Arc<str> = Arc::from("local");
        gauge.count_dropped(&source, 100);
        gauge.count_dropped(&source, 250);
        let expected = Dropped { count: 2, first_at_ms: 100, last_at_ms: 250 };
        assert_eq!(gauge.counts(300).dropped.get("local"), Some(&expected));
    }

    #[test]
    fn a_stall_keeps_its_first_time_and_its_latest_error() {
        let gauge = IntakeGauge::new(1);
        assert!(gauge.begin_stall("disk full", 100));
        assert!(!gauge.begin_stall("read-only", 200));
        let stall = Stall { error: "read-only".to_owned(), since_ms: 100 };
        assert_eq!(gauge.counts(300).stall, Some(stall));
        assert!(gauge.end_stall());
        assert!(!gauge.end_stall());
    }
}
