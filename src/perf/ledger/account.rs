//! What one source has cost.

use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Duration;

use crate::perf::latency::Latency;

/// A longer wait for the writer counts as contention (spec §4.2, strict).
pub const CONTENTION: Duration = Duration::from_millis(100);

/// Whole numbers that add up over all sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Rows inserted, changed or deleted.
    pub rows: u64,
    /// Transactions that are this source's own.
    pub transactions: u64,
    /// Transactions of which it had a part, but another source more.
    pub shared_transactions: u64,
    /// Pages added to the WAL.
    pub wal_pages: u64,
    /// Pages of the WAL settled in the database; one that stands there often is written once.
    pub checkpointed_pages: u64,
    /// How long the write lock was held, in microseconds.
    pub hold_us: u64,
    /// Operations or records that failed.
    pub errors: u64,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.transactions += other.transactions;
        self.shared_transactions += other.shared_transactions;
        self.wal_pages += other.wal_pages;
        self.checkpointed_pages += other.checkpointed_pages;
        self.hold_us += other.hold_us;
        self.errors += other.errors;
    }
}

/// What one source has cost since the start.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) sums: Sums,
    pub(super) times: Times,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    pub(super) contention: u64,
    pub(super) wait: Arc<Latency>,
    pub(super) hold: Arc<Latency>,
}

impl Times {
    /// Enters an operation: how long it waited and how long it held the lock.
    pub(super) fn record(&mut self, (wait, hold): (Duration, Duration), now: Duration) {
        self.contention += u64::from(wait > CONTENTION);
        self.wait.record(wait, now);
        self.hold.record(hold, now);
    }
}
