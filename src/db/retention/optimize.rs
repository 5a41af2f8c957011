//! Keeps the figures by which SQLite chooses its indexes (decision 22), one table a step.

use rusqlite::Connection;

use crate::db::error::{DbError, Doing};
use crate::db::migrations::{JobStep, JobWindow};

/// Rows of an index that are looked at.
const ANALYSIS_LIMIT: i64 = 400;
/// Tell what would be done (1), analyse (2), within limits (0x10), all tables (0x10000).
const TELL: &str = "PRAGMA optimize(0x10013)";

/// Analyses the next table that SQLite would; the key is its place in the order of their names.
pub(super) fn analyze_next(conn: &Connection, window: JobWindow) -> Result<JobStep, DbError> {
    const ACTION: &str = "analyse a table";
    let done = usize::try_from(window.after.unwrap_or(0)).unwrap_or(0);
    let wanted = wanted(conn)?;
    let tables = tables(conn)?;
    let next = tables.iter().enumerate().skip(done).find_map(|(index, table)| {
        let name = format!("\"{}\"", table.replace('"', "\"\""));
        Some((index, wanted.iter().find(|sql| sql.ends_with(&format!(".{name}")))?))
    });
    let Some((index, sql)) = next else {
        return Ok(JobStep { is_done: true, last_key: window.after, ..JobStep::default() });
    };
    conn.pragma_update_and_check(None, "analysis_limit", ANALYSIS_LIMIT, |_| Ok(()))
        .doing(ACTION)?;
    conn.execute_batch(sql).doing(ACTION)?;
    let last_key = i64::try_from(index + 1).ok();
    Ok(JobStep { rows_scanned: 1, rows_changed: 1, last_key, ..JobStep::default() })
}

/// The statements that SQLite would run.
fn wanted(conn: &Connection) -> Result<Vec<String>, DbError> {
    conn.prepare(TELL)
        .and_then(|mut rows| rows.query_map([], |row| row.get::<_, String>(0))?.collect())
        .doing("ask which tables to analyse")
        .map(|all: Vec<String>| all.into_iter().filter(|sql| sql.starts_with("ANALYZE")).collect())
}

fn tables(conn: &Connection) -> Result<Vec<String>, DbError> {
    conn.prepare_cached("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .and_then(|mut rows| rows.query_map([], |row| row.get(0))?.collect())
        .doing("list the tables")
}
