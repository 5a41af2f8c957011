//! One read-only connection.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::{CachedStatement, Connection, OpenFlags, Params, Row};

use super::error::{DbError, Doing};
use super::migrations::{MigrationMove, MigrationStatus, list_migrations, list_moves};
use super::pages::{PageGauge, PageMeter};
use crate::clock::Clock;

/// What every query is given: a connection that cannot write and that stops at a deadline.
pub struct Reader {
    connection: Connection,
    clock: Clock,
    deadline: Duration,
    /// Microseconds of the clock's monotonic time at which the running query is stopped; the
    /// highest number when none runs.
    ends_at_us: Arc<AtomicU64>,
    meter: RefCell<PageMeter>,
}

/// Virtual machine instructions between two looks at the clock: some 10 µs.
const OPS_PER_LOOK: i32 = 1_000;

/// Statements of this many kinds stay prepared.
const STATEMENTS_KEPT: usize = 64;

impl Reader {
    /// Opens `path` for reading only; what its page cache does is added to `pages`.
    ///
    /// # Errors
    /// If it cannot be opened, or is not a CoreScope database that has been upgraded.
    pub fn open(
        path: &Path,
        deadline: Duration,
        clock: Clock,
        pages: Arc<PageGauge>,
    ) -> Result<Self, DbError> {
        let open_error = |source| DbError::OpenDatabase { path: path.to_owned(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(open_error)?;
        let ends_at_us = Arc::new(AtomicU64::new(u64::MAX));
        prepare(&mut connection, deadline).map_err(open_error)?;
        let (time, limit) = (clock.clone(), Arc::clone(&ends_at_us));
        let is_late = move || now_us(&time) > limit.load(Ordering::Relaxed);
        connection.progress_handler(OPS_PER_LOOK, Some(is_late)).map_err(open_error)?;
        check_schema(&connection, path)?;
        let meter = RefCell::new(PageMeter::new(&connection, pages));
        Ok(Self { connection, clock, deadline, ends_at_us, meter })
    }

    /// Runs one query on one snapshot of the database, with the deadline counted from now.
    pub(super) fn run<T>(
        &self,
        query: impl FnOnce(&Self) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        let ends_at_us = now_us(&self.clock).saturating_add(micros(self.deadline));
        self.ends_at_us.store(ends_at_us, Ordering::Relaxed);
        let _running = Running(self);
        let snapshot = self.connection.unchecked_transaction().doing("begin to read")?;
        let answer = query(self)?;
        drop(snapshot);
        Ok(answer)
    }

    /// When the running query is stopped; see the field.
    pub(super) fn ends_at_us(&self) -> Arc<AtomicU64> {
        self.ends_at_us.clone()
    }

    /// Fails when the query has run for too long, as its statements do: for work between them.
    pub(crate) fn check_deadline(&self, action: &'static str) -> Result<(), DbError> {
        if now_us(&self.clock) <= self.ends_at_us.load(Ordering::Relaxed) {
            return Ok(());
        }
        let interrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_INTERRUPT);
        Err(DbError::Interrupted {
            action,
            source: rusqlite::Error::SqliteFailure(interrupt, None),
        })
    }

    /// How long a query may run.
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Lists the last `limit` moves of a migration, newest first.
    ///
    /// # Errors
    /// As in [`list_moves`].
    pub fn list_moves(&self, name: &str, limit: usize) -> Result<Vec<MigrationMove>, DbError> {
        list_moves(&self.connection, name, limit)
    }

    /// Lists all migrations by name, as of `now_s` (Unix seconds).
    ///
    /// # Errors
    /// If the books are there and cannot be read.
    pub fn list_migrations(&self, now_s: i64) -> Result<Vec<MigrationStatus>, DbError> {
        list_migrations(&self.connection, now_s)
    }

    /// The connection, for queries that the writer runs too.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Prepares a statement, or takes it from those that were prepared before.
    pub(super) fn statement(&self, sql: &str) -> Result<CachedStatement<'_>, DbError> {
        self.connection.prepare_cached(sql).doing("prepare a query")
    }

    /// Collects one value per row.
    pub(super) fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, DbError> {
        let mut statement = self.statement(sql)?;
        let rows = statement.query_map(params, read).doing("query")?;
        rows.collect::<rusqlite::Result<Vec<T>>>().doing("query")
    }

    /// Returns the value of the first row, if there is one.
    pub(super) fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, DbError> {
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query_map(params, read).doing("query")?;
        rows.next().transpose().doing("query")
    }

    /// Returns the number that a query of one row and one column yields; 0 for NULL or no row.
    pub(super) fn number(&self, sql: &str, params: impl Params) -> Result<i64, DbError> {
        Ok(self.first(sql, params, |row| row.get::<_, Option<i64>>(0))?.flatten().unwrap_or(0))
    }

    /// Says whether an index exists now; a migration may still be building it.
    pub(super) fn has_index(&self, name: &str) -> Result<bool, DbError> {
        self.has("index", name)
    }

    /// Says whether a migration is recorded as done, so that no row is left as it was before.
    pub(super) fn is_migrated(&self, name: &str) -> Result<bool, DbError> {
        let books = [
            (
                "_async_migrations",
                "SELECT 1 FROM _async_migrations WHERE name = ?1 AND status = 'done'",
            ),
            ("_migrations", "SELECT 1 FROM _migrations WHERE name = ?1"),
        ];
        for (table, sql) in books {
            if self.has("table", table)? && self.first(sql, [name], |_| Ok(()))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has(&self, kind: &str, name: &str) -> Result<bool, DbError> {
        let sql = "SELECT 1 FROM sqlite_schema WHERE type = ?1 AND name = ?2";
        Ok(self.first(sql, [kind, name], |_| Ok(()))?.is_some())
    }
}

/// A query under way: when it ends, however, no read is open and its pages are counted.
struct Running<'r>(&'r Reader);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.ends_at_us.store(u64::MAX, Ordering::Relaxed);
        if let Ok(mut meter) = self.0.meter.try_borrow_mut() {
            meter.read(&self.0.connection);
        }
    }
}

fn prepare(connection: &mut Connection, deadline: Duration) -> rusqlite::Result<()> {
    connection.busy_timeout(deadline / 2)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -8_000)
}

/// Preparing a statement that names them all says which column is missing.
fn check_schema(connection: &Connection, path: &Path) -> Result<(), DbError> {
    const NEEDED: [&str; 4] = [
        "SELECT raw_hex, hash, first_seen, route_type, payload_type, decoded_json, from_pubkey, \
         channel_hash, last_seen FROM transmissions",
        "SELECT transmission_id, observer_idx, direction, snr, rssi, score, path_json, timestamp, \
         resolved_path, raw_hex FROM observations",
        "SELECT id, name, iata, last_seen FROM observers",
        "SELECT public_key, name, role, lat, lon, last_seen FROM nodes",
    ];
    for sql in NEEDED {
        let Err(source) = connection.prepare(sql) else { continue };
        let reason = match &source {
            rusqlite::Error::SqlInputError { msg, .. } => msg,
            rusqlite::Error::SqliteFailure(_, Some(msg)) if msg.starts_with("no such") => msg,
            _ => return Err(DbError::OpenDatabase { path: path.to_owned(), source }),
        };
        let reason = format!("{reason} (an older one is upgraded by opening it to write)");
        return Err(DbError::ForeignDatabase { path: path.to_owned(), reason });
    }
    Ok(())
}

fn now_us(clock: &Clock) -> u64 {
    micros(clock.monotonic())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
