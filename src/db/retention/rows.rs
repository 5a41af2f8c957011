//! Rows that stand alone: deleted by the time that they carry.

use rusqlite::{Connection, OptionalExtension, Params, params};

use super::Cutoff;
use super::cutoff::TIME_SHAPE;
use crate::db::error::{DbError, Doing};
use crate::db::migrations::{JobStep, JobWindow};

/// A table whose rows carry one time as ISO text.
pub(super) struct Timed {
    pub(super) table: &'static str,
    pub(super) column: &'static str,
}

pub(super) const METRICS: Timed = Timed { table: "observer_metrics", column: "timestamp" };
pub(super) const CLIENT_RECEPTIONS: Timed = Timed { table: "client_receptions", column: "rx_at" };
pub(super) const CLIENT_OBSERVERS: Timed = Timed { table: "client_observers", column: "last_seen" };
pub(super) const NEIGHBOR_EDGES: Timed = Timed { table: "neighbor_edges", column: "last_seen" };

/// Deletes the next rows from before `cutoff`.
pub(super) fn delete_old(
    conn: &Connection,
    rows: &Timed,
    cutoff: Cutoff,
    window: JobWindow,
) -> Result<JobStep, DbError> {
    let Timed { table, column } = rows;
    let sql = format!(
        "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} \
         WHERE {column} < ?1 AND {column} GLOB ?2 LIMIT ?3)"
    );
    let params = params![cutoff.iso(), TIME_SHAPE, limit(window.rows_max)];
    let deleted = run(conn, "delete old rows", &sql, params)?;
    Ok(JobStep {
        rows_scanned: deleted,
        rows_changed: deleted,
        is_done: deleted < window.rows_max,
        ..JobStep::default()
    })
}

/// Deletes refused adverts from before `cutoff`. No index has their time, so it walks their ids;
/// both forms of a time are compared as one (HZ 13).
pub(super) fn delete_dropped_packets(
    conn: &Connection,
    cutoff: Cutoff,
    window: JobWindow,
) -> Result<JobStep, DbError> {
    let after = window.after.unwrap_or(i64::MIN);
    let Some((last, scanned)) = next_ids(conn, after, window.rows_max)? else {
        return Ok(JobStep { is_done: true, last_key: window.after, ..JobStep::default() });
    };
    let sql = "DELETE FROM dropped_packets WHERE id > ?1 AND id <= ?2 \
               AND replace(dropped_at, 'T', ' ') < ?3 AND dropped_at GLOB ?4";
    let params = params![after, last, cutoff.plain(), TIME_SHAPE];
    Ok(JobStep {
        rows_scanned: scanned,
        rows_changed: run(conn, "delete old refused adverts", sql, params)?,
        last_key: Some(last),
        is_done: scanned < window.rows_max,
        ..JobStep::default()
    })
}

/// The highest of the next ids and how many there are; `None` if there are none.
fn next_ids(conn: &Connection, after: i64, rows_max: u64) -> Result<Option<(i64, u64)>, DbError> {
    let sql = "SELECT MAX(id), COUNT(*) FROM \
               (SELECT id FROM dropped_packets WHERE id > ?1 ORDER BY id LIMIT ?2)";
    let found: Option<(Option<i64>, u64)> = conn
        .prepare_cached(sql)
        .and_then(|mut row| {
            row.query_row(params![after, limit(rows_max)], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
        .doing("look at refused adverts")?;
    Ok(found.and_then(|(last, count)| Some((last?, count))))
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
