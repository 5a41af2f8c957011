//! `db.vacuumOnStartup`: puts a file into incremental mode, which SQLite does by writing it anew.
//!
//! `VACUUM` may give the rows of a table without an integer key new rowids, and observations refer
//! to observers by theirs. So those are written down before, compared after, and put right, also
//! after a death in between (decision 22).

use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::AutoVacuum;
use crate::db::error::{DbError, Doing};
use crate::db::write::WriteConnection;

const KEPT: &str = "_observer_rowids";
/// The log and SQLite's own copy are as large as the file.
const ROOM_FACTOR: u64 = 3;

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebuilt {
    /// The file is in incremental mode already.
    NotNeeded,
    /// There is too little room beside the file.
    NoSpace {
        /// In bytes.
        needed_bytes: u64,
        /// In bytes.
        free_bytes: u64,
    },
    /// It is now; so many observers had to be given their rowids back.
    Done {
        /// Usually 0.
        put_right: u64,
    },
}

impl WriteConnection {
    /// What the file does with its free pages.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn auto_vacuum(&self) -> Result<AutoVacuum, DbError> {
        AutoVacuum::of(&self.conn)
    }

    /// Writes the file anew in incremental mode, if it is in another. Takes minutes for gigabytes;
    /// nobody else may use the database meanwhile.
    ///
    /// # Errors
    /// The disk is full or failing, or somebody else uses the database: it is as it was.
    pub fn rebuild(&mut self) -> Result<Rebuilt, DbError> {
        if self.auto_vacuum()? == AutoVacuum::Incremental {
            return Ok(Rebuilt::NotNeeded);
        }
        let needed_bytes = file_bytes(&self.conn)?.saturating_mul(ROOM_FACTOR);
        let free_bytes = free_bytes(self.path())?;
        if free_bytes < needed_bytes {
            return Ok(Rebuilt::NoSpace { needed_bytes, free_bytes });
        }
        const ACTION: &str = "write the database anew";
        let write_down = format!("CREATE TABLE {KEPT} AS SELECT rowid AS kept, id FROM observers");
        self.conn.execute_batch(&write_down).doing(ACTION)?;
        let vacuum = "PRAGMA auto_vacuum = INCREMENTAL; VACUUM";
        let vacuumed = self.conn.execute_batch(vacuum).doing(ACTION);
        let put_right = self.restore_observers()?;
        vacuumed?;
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        self.conn.query_row(checkpoint, [], |_| Ok(())).doing("shorten the log")?;
        Ok(Rebuilt::Done { put_right })
    }

    /// Gives observers the rowids back that were written down before a rebuild, and returns how
    /// many had another. Does nothing where none was begun.
    ///
    /// # Errors
    /// Nothing is changed.
    pub fn restore_observers(&mut self) -> Result<u64, DbError> {
        const ACTION: &str = "give observers their row ids back";
        let find = "SELECT COUNT(*) FROM sqlite_schema WHERE name = ?1";
        let is_begun: bool = self.conn.query_row(find, [KEPT], |row| row.get(0)).doing(ACTION)?;
        if !is_begun {
            return Ok(0);
        }
        let tx = self.conn.transaction().doing(ACTION)?;
        let differing = format!(
            "SELECT COUNT(*) FROM observers o JOIN {KEPT} k ON k.id = o.id WHERE k.kept <> o.rowid"
        );
        let count: u64 = tx.query_row(&differing, [], |row| row.get(0)).doing(ACTION)?;
        if count > 0 {
            tx.execute_batch(&put_right_sql()).doing(ACTION)?;
        }
        tx.execute_batch(&format!("DROP TABLE {KEPT}")).doing(ACTION)?;
        tx.commit().doing(ACTION)?;
        Ok(count)
    }
}

/// First out of the way of each other, then where they belong. One that came later stays out of
/// the way.
fn put_right_sql() -> String {
    format!(
        "CREATE INDEX temp_{KEPT} ON {KEPT} (id); \
         UPDATE observers SET rowid = rowid + (SELECT MAX(n) + 1 FROM \
         (SELECT MAX(rowid) AS n FROM observers UNION ALL SELECT MAX(kept) FROM {KEPT})); \
         UPDATE observers SET rowid = (SELECT kept FROM {KEPT} k WHERE k.id = observers.id) \
         WHERE id IN (SELECT id FROM {KEPT})"
    )
}

fn file_bytes(conn: &Connection) -> Result<u64, DbError> {
    let number = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    let pages = number("page_count").doing("measure the database")?;
    Ok(pages.saturating_mul(number("page_size").doing("measure the database")?))
}

fn free_bytes(path: &Path) -> Result<u64, DbError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let volume = rustix::fs::statvfs(folder).map_err(|error| DbError::File {
        path: folder.to_owned(),
        source: io::Error::from(error),
    })?;
    Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
}
