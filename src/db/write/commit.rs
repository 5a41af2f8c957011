//! What the writer commits: groups of records, and who is hidden.

use rusqlite::{Connection, TransactionBehavior};

use super::connection::{Durability, WriteConnection};
use super::group::{self, Group};
use super::noted::Done;
use super::outcome::Commit;
use super::tables::KnownTables;
use crate::db::error::{DbError, Doing};
use crate::ingest::reception::Record;
use crate::perf::ledger::{Shares, Source};

impl WriteConnection {
    /// Stores a group in one durable transaction. A group may be sent again, whole or in part:
    /// a reception that is stored already adds no row.
    ///
    /// # Errors
    /// The disk is full, read-only or failing, the database locked by another process or damaged:
    /// nothing of the group is stored, and the same group may be sent again
    /// ([`DbError::is_transient`]). A record that cannot be stored because of its own values is no
    /// error: it becomes [`Outcome::Failed`](super::Outcome::Failed).
    pub fn commit(&mut self, records: &[Record]) -> Result<Commit, DbError> {
        if records.is_empty() {
            return Ok(Commit::default());
        }
        let mut failed = Shares::group();
        failed.add_error(group::source_of(&records[0]));
        self.noted(Source::MqttHandler, failed, |writer| {
            writer.set_durability(Durability::Full)?;
            match writer.commit_group(records, false) {
                Err(error) if error.is_fault_of_record() => writer.commit_group(records, true),
                other => other,
            }
        })
    }

    /// `is_isolated`: each record behind a savepoint of its own, so that one that fails takes
    /// nothing with it. Slower, so only after a group has failed.
    pub(super) fn commit_group(
        &mut self,
        records: &[Record],
        is_isolated: bool,
    ) -> Result<Done<Commit>, DbError> {
        let clock = &self.options.clock;
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing("begin a group of records")?;
        let started = clock.monotonic();
        let version = data_version(&tx)?;
        if self.data_version.is_some_and(|known| known != version) {
            self.tables = KnownTables::read(&tx)?;
        }
        let ids = last_ids(&tx)?;
        let is_foreign = self.last_ids.is_some_and(|known| known != ids);
        let mut group = Group::new(&tx, &self.tables, &self.options);
        let outcomes = group.write_all(records, is_isolated)?;
        let (mut counts, shares) = (group.counts, group.shares);
        let ids = last_ids(&tx)?;
        tx.commit().doing("commit a group of records")?;
        (self.data_version, self.last_ids) = (Some(version), Some(ids));
        counts.wal_commits = 1;
        counts.foreign_writes = u64::from(is_foreign);
        let hold = clock.monotonic().saturating_sub(started);
        Ok(Done { answer: Commit { outcomes, counts }, shares, hold })
    }

    /// Hides observers that the operator has shut out (spec §3.2); a row stays, observations refer to
    /// it. Returns how many were shown until now.
    ///
    /// # Errors
    /// As in [`WriteConnection::commit`].
    pub fn deactivate_observers(&mut self, blacklist: &[String]) -> Result<usize, DbError> {
        self.noted(Source::Observers, Shares::one(Source::Observers, 0), |writer| {
            let clock = writer.options.clock.clone();
            let tx = writer.conn.transaction().doing("hide observers")?;
            let (started, mut rows) = (clock.monotonic(), 0);
            for id in blacklist {
                let sql = "UPDATE observers SET inactive = 1 WHERE LOWER(TRIM(id)) = \
                           LOWER(TRIM(?1)) AND COALESCE(inactive, 0) = 0";
                rows += tx.execute(sql, [id]).doing("hide an observer")?;
            }
            tx.commit().doing("hide observers")?;
            let hold = clock.monotonic().saturating_sub(started);
            Ok(Done { answer: rows, shares: Shares::one(Source::Observers, rows as u64), hold })
        })
    }
}

/// The ids that were given last, to transmissions and observations. Nothing but the writer gives
/// any: if they moved between two of its groups, another program writes (decision 10). The data
/// version alone would not do, a checkpoint changes it too.
fn last_ids(conn: &Connection) -> Result<(i64, i64), DbError> {
    let sql = "SELECT COALESCE(MAX(seq) FILTER (WHERE name = 'transmissions'), 0), \
               COALESCE(MAX(seq) FILTER (WHERE name = 'observations'), 0) FROM sqlite_sequence";
    conn.prepare_cached(sql)
        .and_then(|mut row| row.query_row([], |row| Ok((row.get(0)?, row.get(1)?))))
        .doing("look up the ids that were given last")
}

/// A number that changes when another connection has committed.
fn data_version(conn: &Connection) -> Result<i64, DbError> {
    conn.prepare_cached("PRAGMA data_version")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .doing("look whether somebody else has written")
}
