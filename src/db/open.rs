//! Opens the one database for writing: creates it, or recognises and completes an older one.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::catalog;
use super::error::{DbError, Doing};
use super::lock::WriterLock;
use super::options::OpenOptions;
use super::schema::{TABLES, is_essential};
use super::upgrade::{OpenReport, upgrade};
use super::write::WriteConnection;

/// The oldest SQLite in which two connections may checkpoint without the WAL-reset bug: 3.51.3.
const LIBRARY_NEEDED: i32 = 3_051_003;

/// The size to which the WAL file is cut back when it starts again.
const WAL_FILE_BYTES_MAX: i64 = 64 << 20;

/// An open database.
#[derive(Debug)]
pub struct Database {
    /// The only read-write connection (the checkpointer's aside).
    pub writer: WriteConnection,
    /// What opening did.
    pub report: OpenReport,
}

/// Opens the database at `path` for writing, creates it if there is none, and does the part of an
/// upgrade that takes no time (decision 17).
///
/// # Errors
/// Every way in which the file is not ours to write, each with what is wrong: a directory, not a
/// database, another program's, damaged, read-only, or held by another of our processes. In all
/// these cases the file is as it was.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Database, DbError> {
    check_library()?;
    check_file(path)?;
    let path = &real_path(path)?;
    let lock = WriterLock::take(path)?;
    let mut conn = connect(path, options)?;
    let is_created = is_blank(&conn, path)?;
    if !is_created {
        check_is_ours(&conn, path)?;
    }
    prepare(&conn, options, is_created)?;
    let mut report = upgrade(&mut conn, options)?;
    if is_created {
        report = OpenReport { is_created, ..OpenReport::default() };
    }
    let writer = WriteConnection::new(conn, options, path.clone(), lock)?;
    Ok(Database { writer, report })
}

fn check_library() -> Result<(), DbError> {
    if rusqlite::version_number() < LIBRARY_NEEDED {
        return Err(DbError::TooOldLibrary { found: rusqlite::version().to_owned() });
    }
    Ok(())
}

/// Refuses what is no database before SQLite has seen it, and makes the folder of a new one.
fn check_file(path: &Path) -> Result<(), DbError> {
    let unusable = |source| DbError::File { path: path.to_owned(), source };
    if path.is_dir() {
        return Err(DbError::Directory { path: path.to_owned() });
    }
    if !path.exists() {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|source| DbError::File { path: folder.to_owned(), source })?;
        }
        return Ok(());
    }
    let mut start = Vec::with_capacity(16);
    File::open(path).and_then(|file| file.take(16).read_to_end(&mut start)).map_err(unusable)?;
    if !start.is_empty() && start != b"SQLite format 3\0" {
        return Err(DbError::NotADatabase { path: path.to_owned() });
    }
    Ok(())
}

/// Follows links, so that two names of one file share one lock.
fn real_path(path: &Path) -> Result<PathBuf, DbError> {
    let unusable = |source| DbError::File { path: path.to_owned(), source };
    if path.exists() {
        return path.canonicalize().map_err(unusable);
    }
    std::path::absolute(path).map_err(unusable)
}

fn connect(path: &Path, options: &OpenOptions) -> Result<Connection, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |source| DbError::OpenDatabase { path: path.to_owned(), source };
    let mut conn = Connection::open_with_flags(path, flags).map_err(failed)?;
    // Who waits for a lock only amid a transaction may have to give it up (HZ 20).
    conn.set_transaction_behavior(TransactionBehavior::Immediate);
    conn.busy_timeout(options.busy_timeout).map_err(failed)?;
    if conn.is_readonly("main").map_err(failed)? {
        return Err(DbError::ReadOnly { action: "open the database for writing", source: None });
    }
    Ok(conn)
}

/// Whether there are no tables at all: a new file, or one that was never written.
fn is_blank(conn: &Connection, path: &Path) -> Result<bool, DbError> {
    conn.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)", [], |row| row.get(0)).map_err(
        |source| match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => {
                DbError::NotADatabase { path: path.to_owned() }
            }
            _ => DbError::from_sqlite("read the tables", source),
        },
    )
}

/// Refuses a database whose tables are not CoreScope's. One that was left half-made has only
/// tables that we know; one with tables of others has at least `transmissions`.
fn check_is_ours(conn: &Connection, path: &Path) -> Result<(), DbError> {
    let foreign = |reason: String| DbError::ForeignDatabase { path: path.to_owned(), reason };
    let names = table_names(conn)?;
    let is_known = |name: &String| TABLES.iter().any(|table| table.name == name);
    if !names.iter().any(|name| name == "transmissions") && !names.iter().all(is_known) {
        return Err(foreign("it has no table transmissions".to_owned()));
    }
    for table in TABLES.iter().filter(|table| names.iter().any(|name| name == table.name)) {
        let columns = catalog::column_names(conn, table.name)?;
        let missing = table
            .columns
            .iter()
            .find(|(name, declaration)| is_essential(declaration) && !columns.contains(*name));
        if let Some((column, _)) = missing {
            return Err(foreign(format!("its table {} has no column {column}", table.name)));
        }
        refuse_unknown_duties(conn, table.name).map_err(|error| match error {
            Duty::Column(column) => foreign(format!(
                "its table {} demands a value for {column}, which we do not know",
                table.name
            )),
            Duty::Failed(error) => error,
        })?;
    }
    Ok(())
}

enum Duty {
    Column(String),
    Failed(DbError),
}

/// A column that we do not know is kept, but if it demands a value then no row can be written.
fn refuse_unknown_duties(conn: &Connection, table: &'static str) -> Result<(), Duty> {
    let known = TABLES.iter().find(|known| known.name == table);
    let is_known = |column: &str| {
        known.is_some_and(|known| known.columns.iter().any(|(name, _)| *name == column))
    };
    let sql = "SELECT name FROM pragma_table_info(?1) \
               WHERE \"notnull\" = 1 AND dflt_value IS NULL AND pk = 0";
    let demanding = catalog::texts(conn, sql, table).map_err(Duty::Failed)?;
    match demanding.into_iter().find(|column| !is_known(column)) {
        Some(column) => Err(Duty::Column(column)),
        None => Ok(()),
    }
}

fn table_names(conn: &Connection) -> Result<Vec<String>, DbError> {
    let sql = "SELECT name FROM sqlite_master WHERE type = ?1 AND name NOT LIKE 'sqlite\\_%' \
               ESCAPE '\\'";
    catalog::texts(conn, sql, "table")
}

/// Sets what spec §1.1 asks for. `auto_vacuum` comes before WAL, or it would not stick.
fn prepare(conn: &Connection, options: &OpenOptions, is_created: bool) -> Result<(), DbError> {
    const ACTION: &str = "set up the connection";
    if is_created {
        conn.pragma_update(None, "auto_vacuum", "INCREMENTAL").doing(ACTION)?;
    }
    let mode: String = conn
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .doing("switch to WAL")?;
    if mode != "wal" {
        tracing::warn!(
            mode,
            "the database is not in WAL mode: readers and the writer will wait for each other"
        );
    }
    conn.pragma_update(None, "foreign_keys", true).doing(ACTION)?;
    conn.pragma_update(None, "synchronous", "NORMAL").doing(ACTION)?;
    conn.pragma_update(None, "cache_size", -i64::from(options.cache_kib)).doing(ACTION)?;
    conn.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(())).doing(ACTION)?;
    conn.pragma_update_and_check(None, "journal_size_limit", WAL_FILE_BYTES_MAX, |_| Ok(()))
        .doing(ACTION)?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(())
}
