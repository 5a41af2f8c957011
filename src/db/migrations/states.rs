//! Where each migration stands, finer than the original can say it, and how it came there
//! (decision 19).

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::{Connection, Row, params};

use super::books::{BOOKKEEPING, CANCELLED, begin_again, execute, fail, shorten, state_of};
use super::{MIGRATIONS, Migration, MigrationStatus, list_migrations};
use crate::db::catalog::row_span;
use crate::db::error::{DbError, Doing};
use crate::db::schema::INDEXES;
use crate::db::write::{Done, Durability, WriteConnection};
use crate::perf::backfill::{Move, State};
use crate::perf::ledger::{Shares, Source};

/// Moves that are kept, of all migrations together.
const MOVES_KEPT: i64 = 2_000;
/// What building an index cost a row, measured on 1.5 million rows: 1.8 to 2.7 s.
const INDEX_US_PER_ROW: u64 = 2;

/// Where a migration stood when the books were last written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredState {
    /// The migration.
    pub name: &'static str,
    /// Where it stood.
    pub state: State,
    /// Why.
    pub reason: String,
    /// Who moved it there.
    pub by: String,
    /// Since when, Unix milliseconds.
    pub since_ms: i64,
    /// Rows that are done.
    pub rows_done: u64,
    /// Rows in all, an estimate.
    pub rows_total: u64,
    /// Rows that were set aside.
    pub rows_failed: u64,
    /// How long its index is expected to hold the writer; `None` if it builds none.
    pub index_hold: Option<Duration>,
}

impl StoredState {
    /// What waits for its turn and has done nothing yet.
    pub fn pending(name: &'static str, by: &str, since_ms: i64) -> Self {
        Self {
            name,
            state: State::Pending,
            reason: String::new(),
            by: by.to_owned(),
            since_ms,
            rows_done: 0,
            rows_total: 0,
            rows_failed: 0,
            index_hold: None,
        }
    }
}

impl WriteConnection {
    /// Where each migration of the books stands, in the order in which they run.
    ///
    /// # Errors
    /// If the books cannot be read.
    pub fn stored_states(&self) -> Result<Vec<StoredState>, DbError> {
        let mut statement = self
            .conn
            .prepare(
                "SELECT a.name, a.status, a.error, s.state, s.reason, s.by_whom, s.since_ms, \
                 a.rows_processed, a.rows_total, r.rows_failed FROM _async_migrations a \
                 LEFT JOIN _migration_states s USING (name) \
                 LEFT JOIN _migration_runs r USING (name)",
            )
            .doing(BOOKKEEPING)?;
        let stored = statement
            .query_map([], read_state)
            .and_then(Iterator::collect::<Result<HashMap<String, StoredState>, _>>)
            .doing(BOOKKEEPING)?;
        let mut states = Vec::new();
        for migration in MIGRATIONS {
            let Some(state) = stored.get(migration.name) else { continue };
            let index_hold = predict_index(&self.conn, migration)?;
            states.push(StoredState { name: migration.name, index_hold, ..state.clone() });
        }
        Ok(states)
    }

    /// Lists all migrations by name, as of `now_s` (Unix seconds).
    ///
    /// # Errors
    /// If the books cannot be read.
    pub fn list_migrations(&self, now_s: i64) -> Result<Vec<MigrationStatus>, DbError> {
        list_migrations(&self.conn, now_s)
    }

    /// Enters moves, and what they mean in the original's words.
    ///
    /// # Errors
    /// As in [`WriteConnection::commit`]; nothing is entered then.
    pub fn record_moves(&mut self, moves: &[Move]) -> Result<(), DbError> {
        let Some(first) = moves.first() else { return Ok(()) };
        self.keep_books(first.name, |tx, now_s| {
            moves.iter().try_for_each(|moved| record_move(tx, moved, now_s))
        })
    }

    fn keep_books(
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

fn read_state(row: &Row<'_>) -> rusqlite::Result<(String, StoredState)> {
    let status: String = row.get(1)?;
    let error: Option<String> = row.get(2)?;
    let finer: Option<String> = row.get(3)?;
    let state = state_of(&status, error.as_deref(), finer.as_deref());
    let is_finer = finer.as_deref() == Some(state.as_str());
    let text = |index| -> rusqlite::Result<String> {
        let text: Option<String> = row.get(index)?;
        Ok(text.filter(|_| is_finer).unwrap_or_default())
    };
    let (reason, by) = (text(4)?, text(5)?);
    let number = |index| -> rusqlite::Result<u64> {
        Ok(u64::try_from(row.get::<_, Option<i64>>(index)?.unwrap_or(0)).unwrap_or(0))
    };
    let stored = StoredState {
        name: "",
        state,
        reason: if reason.is_empty() { error.unwrap_or_default() } else { reason },
        by,
        since_ms: row.get::<_, Option<i64>>(6)?.unwrap_or(0),
        rows_done: number(7)?,
        rows_total: number(8)?,
        rows_failed: number(9)?,
        index_hold: None,
    };
    Ok((row.get(0)?, stored))
}

fn record_move(tx: &Connection, moved: &Move, now_s: i64) -> Result<(), DbError> {
    let reason = shorten(&moved.why);
    execute(
        tx,
        "INSERT OR REPLACE INTO _migration_states (name, state, reason, by_whom, since_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![moved.name, moved.to.as_str(), reason, shorten(&moved.by), moved.at_ms],
    )?;
    execute(
        tx,
        "INSERT INTO _migration_moves (name, from_state, to_state, reason, by_whom, at_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            moved.name,
            moved.from.as_str(),
            moved.to.as_str(),
            reason,
            shorten(&moved.by),
            moved.at_ms
        ],
    )?;
    let sql = "DELETE FROM _migration_moves WHERE id <= \
               (SELECT MAX(id) FROM _migration_moves) - ?1";
    execute(tx, sql, [MOVES_KEPT])?;
    match moved.to {
        State::Failed => fail(tx, moved.name, &reason, now_s),
        State::Cancelled => fail(tx, moved.name, CANCELLED, now_s),
        State::Pending if moved.from.is_final() => begin_again(tx, moved.name, now_s),
        _ => Ok(()),
    }
}

/// By the span of row ids: nothing is counted.
pub(super) fn predict_index(
    conn: &Connection,
    migration: &Migration,
) -> Result<Option<Duration>, DbError> {
    let index = migration.index.and_then(|name| INDEXES.iter().find(|index| index.name == name));
    let Some(index) = index else { return Ok(None) };
    let table = index.table;
    let rows = row_span(conn, table)?;
    Ok(Some(Duration::from_micros(rows.saturating_mul(INDEX_US_PER_ROW))))
}
