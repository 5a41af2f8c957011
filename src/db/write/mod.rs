//! The one connection that writes.

use std::path::PathBuf;

use rusqlite::Connection;

use super::error::{DbError, Doing};
use super::lock::WriterLock;
use super::open::OpenOptions;

/// The only read-write connection of a process (the checkpointer's aside). It belongs to one
/// thread at a time.
#[derive(Debug)]
pub struct WriteConnection {
    pub(super) conn: Connection,
    pub(super) options: OpenOptions,
    path: PathBuf,
    _lock: WriterLock,
}

impl WriteConnection {
    pub(super) fn new(
        conn: Connection,
        options: &OpenOptions,
        path: PathBuf,
        lock: WriterLock,
    ) -> Self {
        Self { conn, options: options.clone(), path, _lock: lock }
    }

    /// The database file, links followed.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Moves the whole WAL into the database, cuts it to nothing and closes. Readers may still
    /// hold the WAL open: then it stays, and nothing is lost.
    ///
    /// # Errors
    /// Those of the last checkpoint or of closing; the connection is gone either way.
    pub fn close(self) -> Result<(), DbError> {
        let last: Result<(), DbError> = self
            .conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .doing("move the WAL into the database");
        self.conn.close().map_err(|(_, source)| source).doing("close the database")?;
        last
    }
}
