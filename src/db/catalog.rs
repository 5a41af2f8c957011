//! What a database has: columns, indexes, rows. Nothing here reads a table through.

use std::collections::HashSet;

use rusqlite::Connection;

use super::error::{DbError, Doing};

/// Whether a table has at least one row; O(1).
pub(super) fn has_rows(conn: &Connection, table: &str) -> Result<bool, DbError> {
    conn.query_row(&format!("SELECT EXISTS (SELECT 1 FROM {table})"), [], |row| row.get(0))
        .doing("look for rows")
}

/// The span of row ids: no less than the rows there are.
pub(super) fn row_span(conn: &Connection, table: &str) -> Result<u64, DbError> {
    let sql = format!("SELECT (SELECT MIN(rowid) FROM {table}), (SELECT MAX(rowid) FROM {table})");
    let (least, most): (Option<i64>, Option<i64>) = conn
        .query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .doing("look how large a table is")?;
    Ok(least.zip(most).map_or(0, |(least, most)| most.abs_diff(least).saturating_add(1)))
}

/// The columns of a table; none if there is no such table.
pub(super) fn column_names(conn: &Connection, table: &str) -> Result<HashSet<String>, DbError> {
    Ok(texts(conn, "SELECT name FROM pragma_table_info(?1)", table)?.into_iter().collect())
}

/// The names of all indexes.
pub(super) fn index_names(conn: &Connection) -> Result<HashSet<String>, DbError> {
    let sql = "SELECT name FROM sqlite_master WHERE type = ?1";
    Ok(texts(conn, sql, "index")?.into_iter().collect())
}

/// Runs a query of one text parameter and one text column.
pub(super) fn texts(conn: &Connection, sql: &str, argument: &str) -> Result<Vec<String>, DbError> {
    const ACTION: &str = "read the schema";
    let mut statement = conn.prepare_cached(sql).doing(ACTION)?;
    let rows = statement.query_map([argument], |row| row.get(0)).doing(ACTION)?;
    rows.collect::<Result<_, _>>().doing(ACTION)
}
