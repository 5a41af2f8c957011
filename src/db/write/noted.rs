//! What each operation of the writer costs, entered in the ledger whatever becomes of it.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use super::WriteConnection;
use crate::db::error::DbError;
use crate::db::pages::PageGauge;
use crate::db::wal_gauges::WalGauges;
use crate::perf::ledger::{Ledger, Shares, Source, Work};
use crate::perf::recent::Recent;

/// What an operation did.
#[derive(Debug)]
pub(in crate::db) struct Done<T> {
    /// Its answer.
    pub(in crate::db) answer: T,
    /// Who had what of it.
    pub(in crate::db) shares: Shares,
    /// How long it held the write lock.
    pub(in crate::db) hold: Duration,
}

impl WriteConnection {
    /// What every source has cost since the database was opened.
    pub fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.ledger)
    }

    /// Where what is written is noted and the checkpointer leaves what it sees.
    pub fn wal(&self) -> Arc<WalGauges> {
        Arc::clone(&self.wal)
    }

    /// How this connection's page cache does.
    pub fn pages(&self) -> Arc<PageGauge> {
        self.meter.gauge()
    }

    /// How long groups of receptions have waited for this connection in the last seconds.
    pub fn ingest_waits(&self) -> Arc<Recent> {
        Arc::clone(&self.ingest_waits)
    }

    /// Says when the operation that comes next was handed over, by the monotonic time of the clock
    /// with which the database was opened: it has waited since.
    pub fn note_sent(&mut self, sent_at: Duration) {
        self.wait = self.options.clock.monotonic().saturating_sub(sent_at);
    }

    /// Runs one operation of one transaction and enters it; an error enters too, with the pages
    /// that it left in the WAL before it was rolled back. `shares` are those of an error.
    pub(in crate::db) fn noted<T>(
        &mut self,
        component: Source,
        mut shares: Shares,
        run: impl FnOnce(&mut Self) -> Result<Done<T>, DbError>,
    ) -> Result<T, DbError> {
        let started = self.options.clock.monotonic();
        let result = self.place.check(started).and_then(|()| run(self));
        let now = self.options.clock.monotonic();
        let (transactions, hold, answer) = match result {
            Ok(done) => {
                shares = done.shares;
                (1, done.hold, Ok(done.answer))
            }
            Err(error) => (0, now.saturating_sub(started), Err(error)),
        };
        let shares = shares.taken_part();
        let work = Work {
            component,
            shares: shares.as_slice(),
            transactions,
            wal_pages: self.meter.read(&self.conn),
            checkpointed_pages: 0,
            wait: std::mem::take(&mut self.wait),
            hold,
        };
        if component == Source::MqttHandler {
            self.ingest_waits.note(work.wait, now);
        }
        self.wal.note_written(work.wal_pages);
        self.ledger.note(&work, now);
        self.tell_slow(&work);
        answer
    }

    /// The original's line (spec §4.2), which operators search their logs for.
    fn tell_slow(&self, work: &Work<'_>) {
        if work.hold <= self.options.slow_write {
            return;
        }
        let rows: u64 = work.shares.iter().map(|share| share.rows).sum();
        tracing::warn!(
            component = %work.component,
            duration_ms = work.hold.as_millis(),
            wait_ms = work.wait.as_millis(),
            rows,
            wal_pages = work.wal_pages,
            "[db-slow-writer] the write lock was held for long"
        );
    }
}
