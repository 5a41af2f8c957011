//! The names that the original keeps in `_migrations` for what it need not do again.

use rusqlite::Connection;

use super::catalog::index_names;
use super::error::{DbError, Doing};
use super::schema::{INDEX_MARKERS, TABLE_MARKERS};

/// Records what is true now under the original's names, or it would do it all again.
pub(super) fn record_markers(tx: &Connection) -> Result<(), DbError> {
    for name in TABLE_MARKERS {
        record_done(tx, name)?;
    }
    let indexes = index_names(tx)?;
    for (name, needed) in INDEX_MARKERS {
        if needed.iter().all(|index| indexes.contains(*index)) {
            record_done(tx, name)?;
        }
    }
    Ok(())
}

/// Puts one name into `_migrations`.
pub(super) fn record_done(tx: &Connection, name: &str) -> Result<(), DbError> {
    tx.prepare_cached("INSERT OR IGNORE INTO _migrations (name) VALUES (?1)")
        .and_then(|mut statement| statement.execute([name]))
        .doing("record a finished migration")?;
    Ok(())
}
