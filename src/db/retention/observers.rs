//! Observers that have gone silent are marked, never deleted: observations refer to their rowids.

use rusqlite::{Connection, OptionalExtension, params};

use super::Cutoff;
use super::cutoff::TIME_SHAPE;
use super::rows::{limit, run, walk};
use crate::db::error::{DbError, Doing};
use crate::db::migrations::{JobStep, JobWindow};

/// Walks the observers and marks those that were last heard of before `cutoff`.
pub(super) fn mark_stale(
    conn: &Connection,
    cutoff: Cutoff,
    window: JobWindow,
) -> Result<JobStep, DbError> {
    let sql = "UPDATE observers SET inactive = 1 WHERE rowid > ?1 AND rowid <= ?2 \
               AND last_seen < ?3 AND last_seen GLOB ?4 AND COALESCE(inactive, 0) = 0";
    walk(conn, "observers", window, |first, last| {
        let params = params![first, last, cutoff.iso(), TIME_SHAPE];
        run(conn, "mark a silent observer", sql, params)
    })
}

/// Deletes metrics of observers that are marked, observer by observer.
pub(super) fn delete_metrics(conn: &Connection, window: JobWindow) -> Result<JobStep, DbError> {
    let mut step = JobStep { last_key: window.after, ..JobStep::default() };
    while step.rows_scanned < window.rows_max {
        let Some(rowid) = next_inactive(conn, step.last_key)? else {
            step.is_done = true;
            break;
        };
        let room = window.rows_max - step.rows_scanned;
        let sql = "DELETE FROM observer_metrics WHERE rowid IN \
                   (SELECT rowid FROM observer_metrics WHERE observer_id = \
                   (SELECT id FROM observers WHERE rowid = ?1) LIMIT ?2)";
        let action = "delete metrics of a silent observer";
        let deleted = run(conn, action, sql, params![rowid, limit(room)])?;
        step.rows_scanned += deleted.max(1);
        step.rows_changed += deleted;
        if deleted < room {
            step.last_key = Some(rowid);
        }
    }
    Ok(step)
}

fn next_inactive(conn: &Connection, after: Option<i64>) -> Result<Option<i64>, DbError> {
    let sql = "SELECT rowid FROM observers WHERE rowid > ?1 AND inactive = 1 \
               ORDER BY rowid LIMIT 1";
    conn.prepare_cached(sql)
        .and_then(|mut row| row.query_row([after.unwrap_or(i64::MIN)], |row| row.get(0)).optional())
        .doing("find silent observers")
}
