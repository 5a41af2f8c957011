//! The one connection that writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::place::Place;
use super::tables::KnownTables;
use crate::db::error::{DbError, Doing};
use crate::db::lock::WriterLock;
use crate::db::options::OpenOptions;
use crate::db::pages::PageMeter;
use crate::db::wal_gauges::WalGauges;
use crate::perf::ledger::Ledger;
use crate::perf::recent::Recent;

/// The only read-write connection of a process (the checkpointer's aside). It belongs to one
/// thread at a time.
#[derive(Debug)]
pub struct WriteConnection {
    pub(in crate::db) conn: Connection,
    pub(in crate::db) options: OpenOptions,
    pub(super) place: Place,
    pub(super) tables: KnownTables,
    durability: Durability,
    pub(super) data_version: Option<i64>,
    pub(super) last_ids: Option<(i64, i64)>,
    pub(super) meter: PageMeter,
    pub(super) ledger: Arc<Ledger>,
    pub(super) wal: Arc<WalGauges>,
    pub(super) ingest_waits: Arc<Recent>,
    pub(super) wait: Duration,
    _lock: WriterLock,
}

/// When a commit returns, what is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::db) enum Durability {
    /// It survives a power cut (`synchronous=FULL`): groups that are acknowledged to a broker.
    Full,
    /// It survives our death, and the next synced commit makes it durable (`NORMAL`): migrations.
    Normal,
}

impl WriteConnection {
    pub(in crate::db) fn new(
        conn: Connection,
        options: &OpenOptions,
        path: PathBuf,
        lock: WriterLock,
    ) -> Result<Self, DbError> {
        let tables = KnownTables::read(&conn)?;
        let page_bytes = conn
            .pragma_query_value(None, "page_size", |row| row.get(0))
            .doing("read the size of a page")?;
        Ok(Self {
            meter: PageMeter::new(&conn, Arc::default()),
            ledger: Arc::new(Ledger::new(page_bytes)),
            wal: Arc::default(),
            ingest_waits: Arc::default(),
            wait: Duration::ZERO,
            conn,
            options: options.clone(),
            place: Place::of(path),
            tables,
            durability: Durability::Normal,
            data_version: None,
            last_ids: None,
            _lock: lock,
        })
    }

    /// The database file, links followed.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Must be called outside a transaction: inside, SQLite ignores the pragma.
    pub(in crate::db) fn set_durability(&mut self, durability: Durability) -> Result<(), DbError> {
        if self.durability != durability {
            let level = if durability == Durability::Full { "FULL" } else { "NORMAL" };
            self.conn
                .pragma_update(None, "synchronous", level)
                .doing("choose how durable the next commit is")?;
            self.durability = durability;
        }
        Ok(())
    }

    /// Looks again at what a migration may have changed.
    pub(in crate::db) fn reread_tables(&mut self) -> Result<(), DbError> {
        self.tables = KnownTables::read(&self.conn)?;
        Ok(())
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
