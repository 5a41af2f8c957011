//! What is entered in the books: in the original's `_async_migrations` and `_migrations`, and beside
//! them the rows that were set aside.

use rusqlite::{Connection, Params, params};

use super::Migration;
use crate::db::error::{DbError, Doing};
use crate::db::markers;
use crate::perf::backfill::State;

/// The error text of a run that an operator has cancelled: it is not begun again by itself.
pub const CANCELLED: &str = "cancelled by operator";

pub(super) const BOOKKEEPING: &str = "keep the books of a migration";

/// Characters of a stored reason or error.
const TEXT_CHARS_MAX: usize = 500;

/// The original's status rules; the finer state counts where it agrees with it.
pub(super) fn state_of(status: &str, error: Option<&str>, finer: Option<&str>) -> State {
    match status {
        "done" => State::Succeeded,
        "failed" if error == Some(CANCELLED) => State::Cancelled,
        "failed" => State::Failed,
        _ => finer
            .and_then(State::of_name)
            .filter(|state| !state.is_final())
            .unwrap_or(State::Pending),
    }
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

pub(super) fn record(tx: &Connection, migration: &Migration) -> Result<(), DbError> {
    migration.recorded_as.map_or(Ok(()), |name| markers::record_done(tx, name))
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

pub(super) fn set_pending(tx: &Connection, name: &str, now_s: i64) -> Result<(), DbError> {
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

/// Enters a row that could not be changed.
pub(super) fn add_dead_letter(
    tx: &Connection,
    name: &str,
    key: i64,
    error: &DbError,
    at_ms: i64,
) -> Result<(), DbError> {
    let mut text = error.to_string();
    if let Some(cause) = std::error::Error::source(error) {
        text.push_str(": ");
        text.push_str(&cause.to_string());
    }
    execute(
        tx,
        "INSERT OR REPLACE INTO _migration_dead_letters (name, row_key, error, at_ms) \
         VALUES (?1, ?2, ?3, ?4)",
        params![name, key, shorten(&text), at_ms],
    )?;
    Ok(())
}

/// Strikes the rows of an earlier run off the list.
pub(super) fn forget_dead_letters(tx: &Connection, name: &str) -> Result<(), DbError> {
    execute(tx, "DELETE FROM _migration_dead_letters WHERE name = ?1", [name])?;
    Ok(())
}

/// As much of a text as the books keep.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}
