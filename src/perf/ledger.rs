//! The write ledger: what each source costs the one connection that writes (`design/backfill.md`
//! §10.31).
//!
//! Every operation of the writer is noted once. What it did as a whole (its transaction, its WAL
//! pages, its hold time) is shared among its sources so that the sums are exact:
//!
//! - pages and hold time by rows, rounded so that nothing is lost or counted twice
//! - a transaction belongs to the source with most rows; the others count it as shared
//!
//! Waits and holds are recorded in full with every source that took part.

mod account;
mod shares;
mod snapshot;
mod source;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::account::{Account, Times};
pub use self::account::{CONTENTION, Sums};
pub use self::shares::{Shares, apportion};
pub use self::snapshot::{LedgerSnapshot, SourceRow, TotalsRow};
pub use self::source::{Share, Source};
use super::stats_file::{StatsFile, WriteShares};

/// SQLite puts this before each page in the WAL.
const FRAME_HEADER_BYTES: u64 = 24;

/// One operation of the writer.
#[derive(Clone, Debug)]
pub struct Work<'w> {
    /// Whom `writer_perf` names for it.
    pub component: Source,
    /// What each source had of it; at least one.
    pub shares: &'w [Share],
    /// Transactions that it committed.
    pub transactions: u64,
    /// Pages that it added to the WAL, rolled back ones included; `None` if SQLite did not say.
    pub wal_pages: Option<u32>,
    /// Pages of the WAL that it settled; one that stands there several times is written once.
    pub checkpointed_pages: u64,
    /// From being handed over until it began.
    pub wait: Duration,
    /// How long it held the write lock.
    pub hold: Duration,
}

/// The ledger. Noted by the writer and its checkpointer, read by anyone.
#[derive(Debug)]
pub struct Ledger {
    frame_bytes: u64,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    sources: BTreeMap<Source, Account>,
    components: BTreeMap<Source, Times>,
    unread_pages: u64,
}

impl Ledger {
    /// Makes an empty ledger of a database with pages of this size.
    pub fn new(page_bytes: u32) -> Self {
        let frame_bytes = u64::from(page_bytes) + FRAME_HEADER_BYTES;
        Self { frame_bytes, books: Mutex::default() }
    }

    /// Enters one operation. `now` is the caller's monotonic time.
    pub fn note(&self, work: &Work<'_>, now: Duration) {
        let owner = shares::owner(work.shares);
        let pages = u64::from(work.wal_pages.unwrap_or(0));
        let hold_us = u64::try_from(work.hold.as_micros()).unwrap_or(u64::MAX);
        let mut books = self.lock();
        books.unread_pages += u64::from(work.wal_pages.is_none());
        let portions = apportion([pages, hold_us, work.checkpointed_pages], work.shares);
        for (index, (share, [wal_pages, hold_us, checkpointed_pages])) in portions.enumerate() {
            let account = books.sources.entry(share.source).or_default();
            let sums = &mut account.sums;
            sums.rows += share.rows;
            sums.errors += share.errors;
            sums.wal_pages += wal_pages;
            sums.checkpointed_pages += checkpointed_pages;
            sums.hold_us += hold_us;
            let own = if index == owner { work.transactions } else { 0 };
            sums.transactions += own;
            sums.shared_transactions += work.transactions - own;
            account.times.record((work.wait, work.hold), now);
        }
        books.components.entry(work.component).or_default().record((work.wait, work.hold), now);
    }

    /// Returns a copy: sums are of one moment and add up.
    pub fn snapshot(&self) -> LedgerSnapshot {
        let (sources, components, is_blind) = {
            let books = self.lock();
            (books.sources.clone(), books.components.clone(), books.unread_pages > 0)
        };
        snapshot::of(&sources, &components, self.frame_bytes, is_blind)
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For the stats file.
impl WriteShares for Ledger {
    fn fill(&self, content: &mut StatsFile) {
        let snapshot = self.snapshot();
        content.counters.wal_commits = snapshot.commits();
        let updates = snapshot.backfill_updates().into_iter();
        content.backfill_updates = updates.map(|(name, rows)| (name.to_owned(), rows)).collect();
        content.writer_perf = snapshot.components;
    }
}
