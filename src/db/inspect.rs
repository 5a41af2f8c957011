//! Looks at a database without changing it: what `corescope check` tells.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::catalog::{column_names, has_rows, index_names};
use super::error::{DbError, Doing};
use super::schema::{INDEXES, TABLES};

/// What a database looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes of the write-ahead log beside it: its high-water mark, not what is pending.
    pub wal_bytes: u64,
    /// `wal`, `delete`, …
    pub journal_mode: String,
    /// Whether it has tables at all.
    pub is_blank: bool,
    /// Tables and columns that an upgrade adds, `table` or `table.column`.
    pub missing: Vec<String>,
    /// Indexes that an upgrade builds while the process runs.
    pub missing_indexes: Vec<&'static str>,
    /// The largest transmission id: about how many there are; `None` when there are none.
    pub transmission_id_max: Option<i64>,
    /// What SQLite's own check found first; `None` if it was not asked for, or all is well.
    pub damage: Option<String>,
}

/// Looks at the database at `path`; `is_thorough` reads every page of it.
///
/// # Errors
/// It is no database, or cannot be read.
pub fn inspect(path: &Path, is_thorough: bool) -> Result<Inspection, DbError> {
    let failed = |source| DbError::OpenDatabase { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(failed)?;
    conn.busy_timeout(Duration::from_secs(2)).map_err(failed)?;
    let journal_mode = text(&conn, "PRAGMA journal_mode")?;
    let mut found = Inspection {
        file_bytes: size(path),
        wal_bytes: size(&wal_path(path)),
        journal_mode,
        ..Inspection::default()
    };
    let indexes = index_names(&conn)?;
    let mut tables_present = 0;
    for table in TABLES {
        let present = column_names(&conn, table.name)?;
        if present.is_empty() {
            found.missing.push(table.name.to_owned());
            continue;
        }
        tables_present += 1;
        let lacking = table.columns.iter().filter(|(name, _)| !present.contains(*name));
        found.missing.extend(lacking.map(|(name, _)| format!("{}.{name}", table.name)));
        let lacking = INDEXES.iter().filter(|index| index.table == table.name);
        found
            .missing_indexes
            .extend(lacking.map(|index| index.name).filter(|name| !indexes.contains(*name)));
    }
    found.is_blank = tables_present == 0;
    if !found.missing.iter().any(|name| name == "transmissions")
        && has_rows(&conn, "transmissions")?
    {
        found.transmission_id_max = conn
            .query_row("SELECT MAX(id) FROM transmissions", [], |row| row.get(0))
            .doing("read the largest transmission id")?;
    }
    if is_thorough {
        found.damage = Some(text(&conn, "PRAGMA quick_check(1)")?).filter(|said| said != "ok");
    }
    Ok(found)
}

fn text(conn: &Connection, sql: &str) -> Result<String, DbError> {
    conn.query_row(sql, [], |row| row.get(0)).doing("look at the database")
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn wal_path(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}
