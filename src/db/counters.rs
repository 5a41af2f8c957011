//! SQLite's own counters of one connection, which `rusqlite` does not offer: the one place that
//! calls C. They may be read only on the thread that owns the connection, which holding a
//! `&Connection` proves (it is not `Sync`).

use rusqlite::{Connection, ffi};

/// Page-cache counters since the connection was opened. They wrap at 2^32: take differences with
/// `wrapping_sub`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounters {
    /// Pages found in the cache. Pages read through `mmap` are not counted.
    pub hits: u32,
    /// Pages that had to be read.
    pub misses: u32,
    /// Pages written, which in WAL mode are the frames added to the WAL.
    pub writes: u32,
    /// Pages written before their transaction ended, because the cache was full.
    pub spills: u32,
}

impl CacheCounters {
    /// Returns what was added since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            hits: self.hits.wrapping_sub(earlier.hits),
            misses: self.misses.wrapping_sub(earlier.misses),
            writes: self.writes.wrapping_sub(earlier.writes),
            spills: self.spills.wrapping_sub(earlier.spills),
        }
    }
}

/// Reads the counters; `None` if the library refuses.
pub fn read(conn: &Connection) -> Option<CacheCounters> {
    Some(CacheCounters {
        hits: status(conn, ffi::SQLITE_DBSTATUS_CACHE_HIT)?,
        misses: status(conn, ffi::SQLITE_DBSTATUS_CACHE_MISS)?,
        writes: status(conn, ffi::SQLITE_DBSTATUS_CACHE_WRITE)?,
        spills: status(conn, ffi::SQLITE_DBSTATUS_CACHE_SPILL)?,
    })
}

/// Returns the pages written so far; the difference around a transaction is its share of the WAL.
pub fn pages_written(conn: &Connection) -> Option<u32> {
    status(conn, ffi::SQLITE_DBSTATUS_CACHE_WRITE)
}

/// Returns the pages written since `before`; 0 if either reading was refused.
pub fn pages_since(conn: &Connection, before: Option<u32>) -> u32 {
    match (before, pages_written(conn)) {
        (Some(before), Some(after)) => after.wrapping_sub(before),
        _ => 0,
    }
}

#[expect(unsafe_code, reason = "sqlite3_db_status has no safe binding")]
fn status(conn: &Connection, op: i32) -> Option<u32> {
    let (mut current, mut highest) = (0, 0);
    // SAFETY: the handle is open as long as `conn` lives and is used on this thread only, because
    // `Connection` is not `Sync`; both out-pointers are valid for the call; nothing is reset.
    let code = unsafe { ffi::sqlite3_db_status(conn.handle(), op, &mut current, &mut highest, 0) };
    (code == ffi::SQLITE_OK).then(|| current.cast_unsigned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_pages_of_a_transaction_are_those_that_the_wal_gains() {
        let folder = tempfile::tempdir().unwrap();
        let conn = Connection::open(folder.path().join("pages.db")).unwrap();
        conn.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t(x)").unwrap();
        let frames = || -> i64 {
            conn.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1)).unwrap()
        };
        let (written, logged) = (pages_written(&conn), frames());
        conn.execute_batch("INSERT INTO t VALUES (randomblob(50000))").unwrap();
        let gained = frames() - logged;
        assert!(gained >= 12, "{gained}");
        assert_eq!(i64::from(pages_since(&conn, written)), gained);
        assert!(read(&conn).unwrap().writes > 0);
    }
}
