//! What can go wrong with the database, sorted by what the caller can do about it.

use std::io;
use std::path::PathBuf;

use rusqlite::ErrorCode;

/// A failure of the database layer. `action` says what was attempted.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The file could not be opened.
    #[error("cannot open the database {path}")]
    OpenDatabase {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// The file, its folder or its lock file could not be used.
    #[error("cannot use {path}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The path names a folder.
    #[error("{path} is a directory, a database file is needed")]
    Directory {
        /// The folder.
        path: PathBuf,
    },
    /// The file does not begin like an SQLite database. It has not been touched.
    #[error("{path} is not an SQLite database")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A database, but not one of CoreScope's. It has not been touched.
    #[error("{path} is the database of another program: {reason}")]
    ForeignDatabase {
        /// The file.
        path: PathBuf,
        /// What is there that should not be, or the other way round.
        reason: String,
    },
    /// The linked SQLite can corrupt a database that two connections checkpoint.
    #[error("SQLite {found} is too old, 3.51.3 or later is needed")]
    TooOldLibrary {
        /// The version that is linked.
        found: String,
    },
    /// Another process of ours has the database open for writing.
    #[error("{path} is already open for writing by process {}", pid_text(*.pid))]
    InUse {
        /// The database.
        path: PathBuf,
        /// The holder, if its lock file says so.
        pid: Option<u32>,
    },
    /// Nothing can be written: the file, its folder or the file system is read-only.
    #[error("cannot {action}: the database is read-only")]
    ReadOnly {
        /// What was attempted.
        action: &'static str,
        /// SQLite's reason, if it was SQLite that found out.
        source: Option<rusqlite::Error>,
    },
    /// The disk is full.
    #[error("cannot {action}: the disk is full")]
    Full {
        /// What was attempted.
        action: &'static str,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// Another process held the database for longer than the busy timeout.
    #[error("cannot {action}: another process holds the database")]
    Busy {
        /// What was attempted.
        action: &'static str,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// Reading or writing the file failed.
    #[error("cannot {action}: input or output failed")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// The file is damaged.
    #[error("cannot {action}: the database is damaged")]
    Corrupt {
        /// What was attempted.
        action: &'static str,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// A deadline or a cancel stopped the statement; its transaction is rolled back.
    #[error("cannot {action}: interrupted")]
    Interrupted {
        /// What was attempted.
        action: &'static str,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// The values do not fit the tables: this row's fault, not the database's.
    #[error("cannot {action}: the values do not fit the tables")]
    Constraint {
        /// What was attempted.
        action: &'static str,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// Any other failure of a statement.
    #[error("cannot {action}")]
    Statement {
        /// What was attempted.
        action: &'static str,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// No migration has this name.
    #[error("there is no migration named {name}")]
    UnknownMigration {
        /// The name that was asked for.
        name: String,
    },
    /// The file at the path is not the one that was opened, or there is none. What would be written
    /// now could not be found by the next start.
    #[error("cannot write: {} was {}", path.display(), if *is_replaced { "replaced by another file" } else { "moved away" })]
    Moved {
        /// Where the file was opened.
        path: PathBuf,
        /// Whether another one is there.
        is_replaced: bool,
        /// Whether it has been so for so long that nobody will put it back.
        is_for_good: bool,
    },
    /// The connection has been closed.
    #[error("the database is closed")]
    Closed,
    /// A step of a migration panicked; its transaction is rolled back.
    #[error("migration {migration} panicked")]
    Panicked {
        /// Which.
        migration: String,
    },
    /// What was heard does not lead up to the present time of the clock.
    #[error(
        "the clock says {now}, but nothing was heard from {from} to {until}: nothing is taken for \
         old before {believed_at}, or with retention.trustClock"
    )]
    ImplausibleClock {
        /// Our time, ISO text as all.
        now: String,
        /// The last before the hole.
        from: String,
        /// The first after it, or our time.
        until: String,
        /// When the clock will be believed, if it goes on.
        believed_at: String,
    },
    /// A migration cannot go on, whatever the disk does.
    #[error("migration {name} makes no progress: {reason}")]
    Stuck {
        /// Which.
        name: &'static str,
        /// Why.
        reason: &'static str,
    },
}

fn pid_text(pid: Option<u32>) -> String {
    pid.map_or_else(|| "(unknown)".to_owned(), |pid| pid.to_string())
}

impl DbError {
    /// Sorts SQLite's error by what can be done about it.
    pub fn from_sqlite(action: &'static str, source: rusqlite::Error) -> Self {
        use ErrorCode as Code;
        match source.sqlite_error_code() {
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Busy { action, source },
            Some(Code::DiskFull) => Self::Full { action, source },
            Some(Code::ReadOnly) => Self::ReadOnly { action, source: Some(source) },
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => Self::Corrupt { action, source },
            Some(Code::OperationInterrupted) => Self::Interrupted { action, source },
            Some(
                Code::SystemIoFailure
                | Code::CannotOpen
                | Code::PermissionDenied
                | Code::FileLockingProtocolFailed,
            ) => Self::Io { action, source },
            Some(Code::ConstraintViolation | Code::TypeMismatch | Code::TooBig) => {
                Self::Constraint { action, source }
            }
            Some(_) => Self::Statement { action, source },
            None => Self::from_binding(action, source),
        }
    }

    /// An error that `rusqlite` found itself: most often a stored value of an unexpected type.
    fn from_binding(action: &'static str, source: rusqlite::Error) -> Self {
        match source {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::ToSqlConversionFailure(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::NulError(..) => Self::Constraint { action, source },
            source => Self::Statement { action, source },
        }
    }

    /// Whether the same call may succeed later without anybody changing its input: a full disk is
    /// freed, a lock let go.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. }
                | Self::Full { .. }
                | Self::Io { .. }
                | Self::ReadOnly { .. }
                | Self::Interrupted { .. }
                | Self::InUse { .. }
                | Self::Moved { .. }
        )
    }

    /// Whether one record's values are to blame, so that its neighbours can still be written.
    pub fn is_fault_of_record(&self) -> bool {
        matches!(self, Self::Constraint { .. })
    }
}

/// Names what a statement was for when it fails.
pub trait Doing<T> {
    /// Turns SQLite's error into a [`DbError`] that says what was attempted, as in "cannot
    /// {action}".
    fn doing(self, action: &'static str) -> Result<T, DbError>;
}

impl<T> Doing<T> for Result<T, rusqlite::Error> {
    fn doing(self, action: &'static str) -> Result<T, DbError> {
        self.map_err(|source| DbError::from_sqlite(action, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> DbError {
        let source = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        DbError::from_sqlite("write", source)
    }

    #[test]
    fn errors_are_sorted_by_what_can_be_done_about_them() {
        use rusqlite::ffi;
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_FULL, ffi::SQLITE_IOERR, ffi::SQLITE_READONLY] {
            let error = failure(code);
            assert!(error.is_transient() && !error.is_fault_of_record(), "{error}");
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_ERROR] {
            let error = failure(code);
            assert!(!error.is_transient() && !error.is_fault_of_record(), "{error}");
        }
        for code in [ffi::SQLITE_CONSTRAINT, ffi::SQLITE_MISMATCH, ffi::SQLITE_TOOBIG] {
            let error = failure(code);
            assert!(!error.is_transient() && error.is_fault_of_record(), "{error}");
        }
    }

    #[test]
    fn an_error_says_what_was_attempted_and_leaves_the_cause_to_its_source() {
        let error = failure(rusqlite::ffi::SQLITE_FULL);
        assert_eq!(error.to_string(), "cannot write: the disk is full");
        assert!(std::error::Error::source(&error).is_some());
    }
}
