//! Gives free pages back to the file system, a few at a time.

use rusqlite::Connection;

use super::hold::Hold;
use crate::db::error::{DbError, Doing};
use crate::db::migrations::JobStep;

/// What the file does with its free pages; it is chosen when the file is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoVacuum {
    /// Keeps them for new rows: it never shrinks.
    Off,
    /// Gives them back at each commit.
    Full,
    /// Gives them back when asked to.
    Incremental,
}

impl AutoVacuum {
    /// Asks the database.
    ///
    /// # Errors
    /// It cannot be read.
    pub(in crate::db) fn of(conn: &Connection) -> Result<Self, DbError> {
        let mode: i64 = conn
            .pragma_query_value(None, "auto_vacuum", |row| row.get(0))
            .doing("ask what becomes of free pages")?;
        Ok(match mode {
            0 => Self::Off,
            1 => Self::Full,
            _ => Self::Incremental,
        })
    }
}

/// Frees up to `pages_max` pages, and stops when `hold` is over; one page is always freed. SQLite frees one page each time
/// the statement is stepped, so it is stepped to its end (HZ 16).
pub(super) fn free_pages(
    conn: &Connection,
    pages_max: u64,
    hold: &Hold,
) -> Result<JobStep, DbError> {
    const ACTION: &str = "give free pages back";
    let mut freed = 0;
    if AutoVacuum::of(conn)? == AutoVacuum::Incremental && pages_max > 0 {
        let sql = format!("PRAGMA incremental_vacuum({pages_max})");
        let mut statement = conn.prepare(&sql).doing(ACTION)?;
        let mut pages = statement.query([]).doing(ACTION)?;
        while freed < pages_max && (freed == 0 || !hold.is_over()) {
            if pages.next().doing(ACTION)?.is_none() {
                break;
            }
            freed += 1;
        }
    }
    let is_done = freed == 0 || count_free(conn)? == 0;
    Ok(JobStep { rows_scanned: freed, rows_changed: freed, is_done, ..JobStep::default() })
}

fn count_free(conn: &Connection) -> Result<u64, DbError> {
    conn.pragma_query_value(None, "freelist_count", |row| row.get(0)).doing("count free pages")
}
