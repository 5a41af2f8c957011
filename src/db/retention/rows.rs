//! Rows that stand alone: deleted by the time that they carry.

use rusqlite::{Connection, Params, params};

use super::Cutoff;
use super::cutoff::TIME_SHAPE;
use crate::db::error::{DbError, Doing};
use crate::db::migrations::{JobStep, JobWindow};

/// A table whose rows carry one time.
pub(super) struct Timed {
    table: &'static str,
    column: &'static str,
    /// Whether an index has the column; else the rows are walked, so that a step in which nothing
    /// is old is bounded too.
    is_indexed: bool,
    /// Whether the time may have a space in place of the `T`; both forms are compared as one
    /// (HZ 13).
    is_mixed: bool,
}

const fn timed(table: &'static str, column: &'static str) -> Timed {
    Timed { table, column, is_indexed: true, is_mixed: false }
}

pub(super) const METRICS: Timed = timed("observer_metrics", "timestamp");
pub(super) const CLIENT_RECEPTIONS: Timed = timed("client_receptions", "rx_at");
pub(super) const CLIENT_OBSERVERS: Timed =
    Timed { is_indexed: false, ..timed("client_observers", "last_seen") };
pub(super) const NEIGHBOR_EDGES: Timed =
    Timed { is_indexed: false, ..timed("neighbor_edges", "last_seen") };
pub(super) const DROPPED_PACKETS: Timed =
    Timed { is_indexed: false, is_mixed: true, ..timed("dropped_packets", "dropped_at") };

const ACTION: &str = "delete old rows";

/// Deletes the next rows from before `cutoff`.
pub(super) fn delete_old(
    conn: &Connection,
    rows: &Timed,
    cutoff: Cutoff,
    window: JobWindow,
) -> Result<JobStep, DbError> {
    if !rows.is_indexed {
        return delete_next(conn, rows, cutoff, window);
    }
    let Timed { table, column, .. } = rows;
    let sql = format!(
        "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} \
         WHERE {column} < ?1 AND {column} GLOB ?2 LIMIT ?3)"
    );
    let deleted =
        run(conn, ACTION, &sql, params![cutoff.iso(), TIME_SHAPE, limit(window.rows_max)])?;
    Ok(JobStep {
        rows_scanned: deleted,
        rows_changed: deleted,
        is_done: deleted < window.rows_max,
        ..JobStep::default()
    })
}

/// Walks the rows instead.
fn delete_next(
    conn: &Connection,
    rows: &Timed,
    cutoff: Cutoff,
    window: JobWindow,
) -> Result<JobStep, DbError> {
    let Timed { table, column, .. } = rows;
    let (time, old) = match rows.is_mixed {
        true => (format!("replace({column}, 'T', ' ')"), cutoff.plain()),
        false => ((*column).to_owned(), cutoff.iso()),
    };
    let sql = format!(
        "DELETE FROM {table} WHERE rowid > ?1 AND rowid <= ?2 \
         AND {time} < ?3 AND {column} GLOB ?4"
    );
    walk(conn, table, window, |first, last| {
        run(conn, ACTION, &sql, params![first, last, old, TIME_SHAPE])
    })
}

/// Hands the next rows of a table to `change`, which takes the rowids before the first and of the
/// last and returns how many rows it changed.
pub(super) fn walk(
    conn: &Connection,
    table: &str,
    window: JobWindow,
    change: impl FnOnce(i64, i64) -> Result<u64, DbError>,
) -> Result<JobStep, DbError> {
    let before = window.after.unwrap_or(i64::MIN);
    let sql = format!(
        "SELECT MAX(rowid), COUNT(*) FROM \
         (SELECT rowid FROM {table} WHERE rowid > ?1 ORDER BY rowid LIMIT ?2)"
    );
    let (last, rows_scanned): (Option<i64>, u64) = conn
        .prepare_cached(&sql)
        .and_then(|mut row| {
            let span = params![before, limit(window.rows_max)];
            row.query_row(span, |row| Ok((row.get(0)?, row.get(1)?)))
        })
        .doing("look at the next rows")?;
    Ok(JobStep {
        rows_scanned,
        rows_changed: last.map_or(Ok(0), |last| change(before, last))?,
        last_key: last.or(window.after),
        is_done: rows_scanned < window.rows_max,
        ..JobStep::default()
    })
}

/// Runs one statement and returns how many rows it changed.
pub(super) fn run<P: Params>(
    conn: &Connection,
    action: &'static str,
    sql: &str,
    params: P,
) -> Result<u64, DbError> {
    let changed = conn.prepare_cached(sql).and_then(|mut rows| rows.execute(params));
    Ok(changed.doing(action)? as u64)
}

/// A `LIMIT`.
pub(super) fn limit(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
