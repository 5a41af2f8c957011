//! Where each migration stands: our own `_migration_runs`, and the original's two tables.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::books::{forget_dead_letters, row_span};
use super::{Applies, MIGRATIONS, Migration, Phase, Walk, find};
use crate::clock;
use crate::db::error::{DbError, Doing};
use crate::db::open::OpenOptions;
use crate::db::schema::DEDUP_INDEX;
use crate::db::upgrade;
use crate::db::write::{Done, Durability, WriteConnection};
use crate::perf::ledger::{Shares, Source};

/// The error text of a run that an operator has cancelled: it is not begun again by itself.
pub const CANCELLED: &str = "cancelled by operator";

pub(super) const BOOKKEEPING: &str = "keep the books of a migration";

/// A row of `_migration_runs`. The walk is over when `next_key` has passed `upper_key`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// The lowest key that is not done. Ids may be negative (decision 21).
    pub(super) next_key: i64,
    /// The highest key when the run began; later rows are new enough.
    pub(super) upper_key: i64,
    pub(super) rows_scanned: u64,
    pub(super) rows_changed: u64,
    pub(super) rows_total: u64,
    pub(super) rows_failed: u64,
    /// The lowest key when the run began.
    pub(super) first_key: i64,
    /// The lowest key that is not verified; `None` before.
    pub(super) verify_key: Option<i64>,
    pub(super) verify_rounds: u64,
    /// Rows that the verification would still change.
    pub(super) rows_differing: u64,
}

/// The total is an SQL integer.
const ROWS_TOTAL_MAX: u64 = i64::MAX.unsigned_abs();

/// A run whose rows still differ after so many walks has failed.
const VERIFY_ROUNDS_MAX: u64 = 2;

impl Run {
    /// Reads the run, or begins it.
    pub(super) fn load_or_begin(
        tx: &Connection,
        migration: &Migration,
        now_s: i64,
    ) -> Result<Self, DbError> {
        if let Some((run, version)) = Self::load(tx, migration)? {
            if version != migration.version {
                let reason = "its code has changed since it began; a retry begins it afresh";
                return Err(DbError::Stuck { name: migration.name, reason });
            }
            return Ok(run);
        }
        set_pending(tx, migration.name, now_s)?;
        Self::begin(tx, migration)
    }

    /// Reads the run and the version of the code that began it, if there is one.
    pub(super) fn load(
        tx: &Connection,
        migration: &Migration,
    ) -> Result<Option<(Self, u32)>, DbError> {
        let sql = "SELECT r.next_key, r.upper_key, r.rows_scanned, r.rows_changed, a.rows_total, \
                   r.rows_failed, r.first_key, r.verify_key, r.verify_rounds, r.rows_differing, \
                   r.code_version \
                   FROM _migration_runs r JOIN _async_migrations a USING (name) WHERE r.name = ?1";
        tx.prepare_cached(sql)
            .and_then(|mut row| {
                row.query_row([migration.name], |row| Ok((Self::read(row)?, row.get(10)?)))
                    .optional()
            })
            .doing(BOOKKEEPING)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            next_key: row.get(0)?,
            upper_key: row.get(1)?,
            rows_scanned: row.get(2)?,
            rows_changed: row.get(3)?,
            rows_total: row.get(4)?,
            rows_failed: row.get(5)?,
            first_key: row.get(6)?,
            verify_key: row.get(7)?,
            verify_rounds: row.get(8)?,
            rows_differing: row.get(9)?,
        })
    }

    /// Fixes the upper bound. The total is the span of keys, or a count that an index answers: a
    /// table is never counted (004-31).
    pub(super) fn begin(tx: &Connection, migration: &Migration) -> Result<Self, DbError> {
        let mut run = Self { next_key: 0, upper_key: -1, ..Self::default() };
        let Some(Walk { table, key, only, .. }) = migration.walk else { return Ok(run) };
        let one = |sql: String| {
            tx.query_row(&sql, [], |row| row.get::<_, Option<i64>>(0)).doing(BOOKKEEPING)
        };
        let lowest = one(format!("SELECT MIN({key}) FROM {table}"))?;
        let highest = one(format!("SELECT MAX({key}) FROM {table}"))?;
        let (Some(lowest), Some(highest)) = (lowest, highest) else { return Ok(run) };
        (run.next_key, run.upper_key, run.first_key) = (lowest, highest, lowest);
        run.rows_total = if only.is_empty() {
            row_span(tx, table)?.min(ROWS_TOTAL_MAX)
        } else {
            let counted = one(format!("SELECT COUNT(*) FROM {table} WHERE {only}"))?;
            counted.and_then(|rows| u64::try_from(rows).ok()).unwrap_or(0)
        };
        Ok(run)
    }

    /// Sends the walk back to its beginning.
    pub(super) fn restart(
        &mut self,
        tx: &Connection,
        migration: &Migration,
    ) -> Result<(), DbError> {
        *self = Self::begin(tx, migration)?;
        Ok(())
    }

    pub(super) fn is_walked(&self) -> bool {
        self.next_key > self.upper_key
    }

    /// What the next step does.
    pub(super) fn phase(&self, migration: &Migration) -> Phase {
        match (self.is_walked(), self.verify_key, migration.index) {
            (_, Some(_), _) => Phase::Verify,
            (true, None, Some(_)) => Phase::Index,
            _ => Phase::Walk,
        }
    }

    /// Ends a verification: done if no row differs, else everything once more.
    pub(super) fn end_verification(
        &mut self,
        tx: &Connection,
        migration: &Migration,
    ) -> Result<bool, DbError> {
        if self.rows_differing == 0 {
            return Ok(true);
        }
        if self.verify_rounds + 1 >= VERIFY_ROUNDS_MAX {
            let reason = "rows are not as they should be after a second pass";
            return Err(DbError::Stuck { name: migration.name, reason });
        }
        let (rounds, rows_changed) = (self.verify_rounds + 1, self.rows_changed);
        self.restart(tx, migration)?;
        (self.verify_rounds, self.rows_changed) = (rounds, rows_changed);
        Ok(false)
    }

    pub(super) fn advance(&mut self, last: i64, scanned: u64, changed: u64) {
        self.next_key = last.saturating_add(1);
        self.rows_scanned += scanned;
        self.rows_changed += changed;
        if last >= self.upper_key {
            self.end_walk();
        }
    }

    pub(super) fn end_walk(&mut self) {
        self.upper_key = self.next_key.saturating_sub(1);
        self.rows_total = self.rows_scanned;
    }

    /// The last key that is done.
    pub(super) fn cursor(&self) -> Option<i64> {
        (self.rows_scanned > 0).then(|| self.next_key.saturating_sub(1))
    }

    /// Writes the run to our table and its progress to the original's.
    pub(super) fn save(
        &self,
        tx: &Connection,
        migration: &Migration,
        now_s: i64,
    ) -> Result<(), DbError> {
        execute(
            tx,
            "INSERT OR REPLACE INTO _migration_runs (name, next_key, upper_key, rows_scanned, \
             rows_changed, rows_failed, first_key, verify_key, verify_rounds, rows_differing, \
             code_version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                migration.name,
                self.next_key,
                self.upper_key,
                self.rows_scanned,
                self.rows_changed,
                self.rows_failed,
                self.first_key,
                self.verify_key,
                self.verify_rounds,
                self.rows_differing,
                migration.version
            ],
        )?;
        let total = self.rows_total.max(self.rows_scanned);
        let rows = execute(
            tx,
            "UPDATE _async_migrations SET rows_processed = ?2, rows_total = ?3, \
             last_update_at = ?4 WHERE name = ?1",
            params![migration.name, self.rows_scanned, total, clock::iso_s(now_s)],
        )?;
        if rows == 0 {
            let reason = "its row in _async_migrations is gone";
            return Err(DbError::Stuck { name: migration.name, reason });
        }
        Ok(())
    }
}

impl WriteConnection {
    /// The migrations that are left to do, in their order.
    ///
    /// # Errors
    /// If the books cannot be read.
    pub fn pending_migrations(&self) -> Result<Vec<&'static str>, DbError> {
        let sql = "SELECT name FROM _async_migrations WHERE status = ?1";
        let pending = upgrade::texts(&self.conn, sql, "pending_async")?;
        let is_pending = |name: &&str| pending.iter().any(|pending| pending == name);
        Ok(MIGRATIONS.iter().map(|migration| migration.name).filter(is_pending).collect())
    }

    /// Records that a migration has failed and why. It is tried again at the next start, from the
    /// beginning, unless the reason is [`CANCELLED`].
    ///
    /// # Errors
    /// As in [`WriteConnection::commit`].
    pub fn fail_migration(&mut self, name: &str, reason: &str) -> Result<(), DbError> {
        let name = find(name)?.name;
        self.keep_books(name, |tx, now_s| fail(tx, name, reason, now_s))
    }

    /// Makes a failed or cancelled migration pending again, from the beginning (002-15).
    ///
    /// # Errors
    /// As in [`WriteConnection::commit`].
    pub fn restart_migration(&mut self, name: &str) -> Result<(), DbError> {
        let name = find(name)?.name;
        self.keep_books(name, |tx, now_s| begin_again(tx, name, now_s))
    }

    pub(super) fn keep_books(
        &mut self,
        name: &'static str,
        write: impl FnOnce(&Connection, i64) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        let shares = Shares::one(Source::backfill(name), 0);
        self.noted(Source::backfill(name), shares, |writer| {
            writer.set_durability(Durability::Normal)?;
            let clock = writer.options.clock.clone();
            let tx = writer.conn.transaction().doing(BOOKKEEPING)?;
            let started = clock.monotonic();
            write(&tx, clock.now_s())?;
            tx.commit().doing(BOOKKEEPING)?;
            let hold = clock.monotonic().saturating_sub(started);
            Ok(Done { answer: (), shares, hold })
        })
    }
}

/// Enters every migration that has something to do as pending, and records those that have not.
/// A run that was interrupted keeps its cursor.
pub(in crate::db) fn register(
    tx: &Connection,
    options: &OpenOptions,
) -> Result<Vec<&'static str>, DbError> {
    let now_s = options.clock.now_s();
    let present = Present::read(tx)?;
    let mut pending = Vec::new();
    for migration in MIGRATIONS.iter().filter(|migration| present.applies(migration, options)) {
        let books = present.books.get(migration.name);
        let status = books.map(|(status, _)| status.as_str());
        if present.is_done(tx, migration, status)? {
            if status != Some("done") && (status.is_some() || present.needs_entry(migration)) {
                finish(tx, migration, now_s)?;
            }
            record(tx, migration)?;
            continue;
        }
        if books.is_some_and(|(_, error)| error.as_deref() == Some(CANCELLED)) {
            continue;
        }
        if status != Some("pending_async") || !present.runs.contains(migration.name) {
            begin_again(tx, migration.name, now_s)?;
        } else {
            extend(tx, migration)?;
        }
        pending.push(migration.name);
    }
    Ok(pending)
}

/// Rows that were added while the run lay still may be another program's, in the old form: the
/// walk goes on to the last of them. Rows of ours are walked for nothing.
fn extend(tx: &Connection, migration: &Migration) -> Result<(), DbError> {
    let Some(Walk { table, key, .. }) = migration.walk else { return Ok(()) };
    let sql = format!(
        "UPDATE _migration_runs SET upper_key = MAX(upper_key, \
         COALESCE((SELECT MAX({key}) FROM {table}), upper_key)) WHERE name = ?1"
    );
    execute(tx, &sql, [migration.name])?;
    Ok(())
}

/// What is there before migrations are registered.
struct Present {
    indexes: HashSet<String>,
    recorded: HashSet<String>,
    runs: HashSet<String>,
    /// Status and error by name.
    books: HashMap<String, (String, Option<String>)>,
    has_text_observers: bool,
}

impl Present {
    fn read(tx: &Connection) -> Result<Self, DbError> {
        let names = |sql| Ok(upgrade::texts(tx, sql, "")?.into_iter().collect());
        let mut statement =
            tx.prepare("SELECT name, status, error FROM _async_migrations").doing(BOOKKEEPING)?;
        let books = statement
            .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))
            .and_then(Iterator::collect::<Result<_, _>>)
            .doing(BOOKKEEPING)?;
        Ok(Self {
            indexes: upgrade::index_names(tx)?,
            recorded: names("SELECT name FROM _migrations WHERE name <> ?1")?,
            runs: names("SELECT name FROM _migration_runs WHERE name <> ?1")?,
            books,
            has_text_observers: upgrade::column_names(tx, "observations")?.contains("observer_id"),
        })
    }

    fn applies(&self, migration: &Migration, options: &OpenOptions) -> bool {
        match migration.applies {
            Applies::Always => true,
            Applies::WithRegions => options.has_regions,
            Applies::WithTextObservers => self.has_text_observers,
        }
    }

    fn is_done(
        &self,
        tx: &Connection,
        migration: &Migration,
        status: Option<&str>,
    ) -> Result<bool, DbError> {
        if migration.index.is_some_and(|index| !self.indexes.contains(index)) {
            return Ok(false);
        }
        let Some(walk) = &migration.walk else { return Ok(true) };
        let is_recorded = migration.recorded_as.is_some_and(|name| self.recorded.contains(name));
        let is_done = is_recorded || status == Some("done") || is_implied_by_index(migration);
        if !is_done {
            return Ok(!upgrade::has_rows(tx, walk.table)?);
        }
        Ok(!self.has_left(tx, migration)?)
    }

    /// Whether another program has written rows of the old form since it was done.
    fn has_left(&self, tx: &Connection, migration: &Migration) -> Result<bool, DbError> {
        let Some(left) = migration.left else { return Ok(false) };
        if left.needs.iter().any(|index| !self.indexes.contains(*index)) {
            return Ok(false);
        }
        tx.query_row(left.sql, [], |row| row.get(0)).doing(BOOKKEEPING)
    }

    /// Whether only `_async_migrations` can say that it is done.
    fn needs_entry(&self, migration: &Migration) -> bool {
        migration.walk.is_some()
            && migration.recorded_as.is_none()
            && !is_implied_by_index(migration)
    }
}

/// A unique index that stands proves that no duplicates are left.
fn is_implied_by_index(migration: &Migration) -> bool {
    migration.index == Some(DEDUP_INDEX)
}

/// Marks a migration as done, in the original's words too.
pub(super) fn finish(tx: &Connection, migration: &Migration, now_s: i64) -> Result<(), DbError> {
    execute(
        tx,
        "INSERT INTO _async_migrations (name, status, started_at, ended_at) \
         VALUES (?1, 'done', datetime(?2, 'unixepoch'), datetime(?2, 'unixepoch')) \
         ON CONFLICT (name) DO UPDATE SET status = 'done', ended_at = excluded.ended_at, \
         error = NULL",
        params![migration.name, now_s],
    )?;
    record(tx, migration)
}

fn record(tx: &Connection, migration: &Migration) -> Result<(), DbError> {
    migration.recorded_as.map_or(Ok(()), |name| upgrade::record_done(tx, name))
}

pub(super) fn fail(tx: &Connection, name: &str, reason: &str, now_s: i64) -> Result<(), DbError> {
    let sql = "UPDATE _async_migrations SET status = 'failed', ended_at = datetime(?2, \
               'unixepoch'), error = ?3 WHERE name = ?1";
    execute(tx, sql, params![name, now_s, reason])?;
    Ok(())
}

pub(super) fn begin_again(tx: &Connection, name: &str, now_s: i64) -> Result<(), DbError> {
    forget_dead_letters(tx, name)?;
    execute(tx, "DELETE FROM _migration_runs WHERE name = ?1", [name])?;
    set_pending(tx, name, now_s)
}

fn set_pending(tx: &Connection, name: &str, now_s: i64) -> Result<(), DbError> {
    execute(
        tx,
        "INSERT INTO _async_migrations (name, status, started_at) \
         VALUES (?1, 'pending_async', datetime(?2, 'unixepoch')) \
         ON CONFLICT (name) DO UPDATE SET status = excluded.status, \
         started_at = excluded.started_at, ended_at = NULL, error = NULL, rows_processed = 0, \
         rows_total = 0, last_update_at = NULL",
        params![name, now_s],
    )?;
    Ok(())
}

pub(super) fn execute<P: Params>(
    conn: &Connection,
    sql: &str,
    params: P,
) -> Result<usize, DbError> {
    conn.prepare_cached(sql).and_then(|mut statement| statement.execute(params)).doing(BOOKKEEPING)
}
