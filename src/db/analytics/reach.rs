//! Up to which ids rows are known to the digests: inside them, or in a block that is marked as
//! stale. Newer rows are found by their ids, whoever wrote them, so that ingest pays nothing: a
//! trigger on every insert would cost 20 µs, half of what a reception costs (it makes SQLite keep
//! a journal of each statement).
//!
//! Ids only grow (`AUTOINCREMENT`). A row that somebody inserts by hand under an id below is not
//! noticed until its block changes otherwise.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use crate::db::error::{DbError, Doing};

const ACTION: &str = "look for rows that digests do not know";

/// Table, column of the reach, and the expression of a row's block.
const TABLES: [(&str, &str, &str); 2] = [
    ("observations", "observation_id", "transmission_id >> 6"),
    ("transmissions", "transmission_id", "id >> 6"),
];

/// Rows of which nothing has been told.
pub(super) struct Beyond {
    /// Their blocks.
    pub(super) blocks: BTreeSet<i64>,
    rows: u64,
    /// The last id that was looked at.
    last_id: Option<i64>,
    /// Whether there are more rows than were to be looked at.
    pub(super) is_more: bool,
}

/// Sets the reach to what there is when digests are first thought of: these rows are the
/// migration's.
pub(super) fn begin(conn: &Connection) -> Result<(), DbError> {
    let sql = "INSERT OR IGNORE INTO _analytics_reach (id, transmission_id, observation_id) \
               SELECT 1, COALESCE((SELECT MAX(id) FROM transmissions), ?1), \
               COALESCE((SELECT MAX(id) FROM observations), ?1)";
    conn.execute(sql, [i64::MIN]).doing(ACTION)?;
    Ok(())
}

/// Returns the blocks of rows beyond the reach, of `rows_max` rows of each table at most.
pub(super) fn blocks_beyond(conn: &Connection, rows_max: usize) -> Result<Beyond, DbError> {
    let mut all = Beyond { blocks: BTreeSet::new(), rows: 0, last_id: None, is_more: false };
    for table in TABLES {
        let beyond = beyond_in(conn, table, rows_max)?;
        all.blocks.extend(beyond.blocks);
        all.is_more |= beyond.is_more;
    }
    Ok(all)
}

/// How far [`advance`] has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Advanced {
    /// Rows that it looked at.
    pub(super) rows: u64,
    /// Whether there are more.
    pub(super) is_more: bool,
}

/// Marks the blocks of the next rows as stale and moves the reach behind them.
pub(super) fn advance(conn: &Connection, rows_max: usize) -> Result<Advanced, DbError> {
    let mut advanced = Advanced::default();
    for table in TABLES {
        let beyond = beyond_in(conn, table, rows_max)?;
        advanced.rows += beyond.rows;
        let mark = "INSERT OR IGNORE INTO _analytics_stale (block) VALUES (?1)";
        let mut mark = conn.prepare_cached(mark).doing(ACTION)?;
        for block in &beyond.blocks {
            mark.execute([block]).doing(ACTION)?;
        }
        if let Some(last_id) = beyond.last_id {
            let sql = format!("UPDATE _analytics_reach SET {} = ?1", table.1);
            conn.prepare_cached(&sql).and_then(|mut row| row.execute([last_id])).doing(ACTION)?;
        }
        advanced.is_more |= beyond.is_more;
    }
    Ok(advanced)
}

fn beyond_in(
    conn: &Connection,
    (table, column, block): (&str, &str, &str),
    rows_max: usize,
) -> Result<Beyond, DbError> {
    let sql = format!(
        "SELECT id, {block} FROM {table} \
         WHERE id > (SELECT {column} FROM _analytics_reach) ORDER BY id LIMIT ?1"
    );
    let mut beyond = Beyond { blocks: BTreeSet::new(), rows: 0, last_id: None, is_more: false };
    let mut statement = conn.prepare_cached(&sql).doing(ACTION)?;
    let limit = i64::try_from(rows_max).unwrap_or(i64::MAX - 1) + 1;
    let mut rows = statement.query(params![limit]).doing(ACTION)?;
    let mut newest = None;
    while let Some(row) = rows.next().doing(ACTION)? {
        if beyond.rows >= rows_max as u64 {
            beyond.is_more = true;
            break;
        }
        beyond.rows += 1;
        beyond.last_id = row.get(0).doing(ACTION)?;
        let block = row.get(1).doing(ACTION)?;
        // Neighbouring rows are mostly of the same block.
        if newest.replace(block) != Some(block) {
            beyond.blocks.insert(block);
        }
    }
    Ok(beyond)
}
