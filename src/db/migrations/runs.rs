//! How far a migration has come: our own `_migration_runs`, and the progress that the original shows.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::books::{BOOKKEEPING, execute, set_pending};
use super::proof::Proof;
use super::{KeyRange, Migration, Phase, Walk};
use crate::clock;
use crate::db::catalog::row_span;
use crate::db::error::{DbError, Doing};

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
    /// What the verification has read.
    pub(super) proof: Proof,
}

/// Counting so many entries of an index takes a millisecond or two.
const COUNTED_ROWS_MAX: u64 = 100_000;
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
                   r.verify_rows, r.verify_hash, r.code_version \
                   FROM _migration_runs r JOIN _async_migrations a USING (name) WHERE r.name = ?1";
        tx.prepare_cached(sql)
            .and_then(|mut row| {
                row.query_row([migration.name], |row| Ok((Self::read(row)?, row.get(12)?)))
                    .optional()
            })
            .doing(BOOKKEEPING)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (rows, hash): (u64, Option<String>) = (row.get(10)?, row.get(11)?);
        let proof = hash.and_then(|hex| Proof::of_hex(rows, &hex));
        let mut run = Self {
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
            proof: proof.unwrap_or_default(),
        };
        // One that an earlier version has begun has no hash of the rows that it has read.
        if run.verify_key.is_some() && proof.is_none() {
            run.begin_verification();
        }
        Ok(run)
    }

    /// Fixes the upper bound. The total is the span of keys, or a bounded count that an index
    /// answers: a table is never counted (004-31).
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
            let limit = COUNTED_ROWS_MAX + 1;
            let some = format!("SELECT 1 FROM {table} WHERE {only} LIMIT {limit}");
            let counted = one(format!("SELECT COUNT(*) FROM ({some})"))?;
            match counted.and_then(|rows| u64::try_from(rows).ok()) {
                Some(rows) if rows <= COUNTED_ROWS_MAX => rows,
                _ => row_span(tx, table)?.min(ROWS_TOTAL_MAX),
            }
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

    /// All rows are to be looked at once more, from the first on.
    pub(super) fn begin_verification(&mut self) {
        (self.verify_key, self.rows_differing) = (Some(self.first_key), 0);
        self.proof = Proof::default();
    }

    /// Notes that the rows of a range, the next after the last one, have been looked at.
    pub(super) fn verified(
        &mut self,
        tx: &Connection,
        walk: &Walk,
        range: KeyRange,
    ) -> Result<(), DbError> {
        self.proof.read(tx, walk, range)?;
        self.verify_key = Some(range.last.saturating_add(1));
        Ok(())
    }

    /// Whether only the judgement is left of a verification.
    pub(super) fn is_verified_to_the_end(&self) -> bool {
        self.verify_key.is_some_and(|key| key > self.upper_key)
    }

    /// How many rows a verification has to look at: an estimate from the span of keys where the
    /// walk passed over rows.
    pub(super) fn rows_to_verify(&self, migration: &Migration) -> u64 {
        match &migration.walk {
            Some(walk) if !walk.only.is_empty() && self.first_key <= self.upper_key => {
                self.upper_key.abs_diff(self.first_key).saturating_add(1)
            }
            _ => self.rows_scanned,
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

    /// The upper bound stays: up to there all rows are verified.
    pub(super) fn end_walk(&mut self) {
        // No key lies behind the highest that there can be.
        self.upper_key = self.upper_key.min(i64::MAX - 1);
        self.next_key = self.next_key.max(self.upper_key + 1);
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
             code_version, verify_rows, verify_hash, verified_at_s) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
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
                migration.version,
                self.proof.rows,
                self.verify_key.map(|_| self.proof.hex()),
                self.verify_key.map(|_| now_s),
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
