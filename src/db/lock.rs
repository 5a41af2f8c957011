//! The lock beside the database: of our processes only one writes (decision 10).

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::DbError;

const TRIES: u32 = 10;
const TRY_PAUSE: Duration = Duration::from_millis(25);

/// A held lock; let go when dropped, and by the system when the process dies. The file stays.
#[derive(Debug)]
pub struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Takes the lock of the database at `database`; waits no longer than a moment.
    ///
    /// # Errors
    /// [`DbError::InUse`] with the holder's process id; [`DbError::ReadOnly`] or
    /// [`DbError::File`] if the lock file cannot be made.
    pub fn take(database: &Path) -> Result<Self, DbError> {
        let path = lock_path(database);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|source| unusable(&path, source))?;
        match try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = read_pid(&mut file);
                return Err(DbError::InUse { path: database.to_owned(), pid });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(&path, source)),
        }
        write_pid(&mut file).map_err(|source| unusable(&path, source))?;
        Ok(Self { _file: file })
    }
}

/// Returns the process that writes to the database, if one of ours does; 0 if it has not said
/// which it is. It tries the lock for an instant and takes nothing.
pub fn holder(database: &Path) -> Option<u32> {
    let real = database.canonicalize().ok()?;
    let mut file = File::open(lock_path(&real)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(read_pid(&mut file).unwrap_or(0)),
        _ => None,
    }
}

/// Tries for a quarter of a second: a holder that has just let go may still be held by a program
/// that it was starting.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    for _ in 0..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(TRY_PAUSE),
            other => return other,
        }
    }
    file.try_lock()
}

/// Returns `<database>.lock`.
pub fn lock_path(database: &Path) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(".lock");
    PathBuf::from(name)
}

fn unusable(path: &Path, source: std::io::Error) -> DbError {
    match source.kind() {
        std::io::ErrorKind::ReadOnlyFilesystem => {
            DbError::ReadOnly { action: "lock the database", source: None }
        }
        _ => DbError::File { path: path.to_owned(), source },
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    file.flush()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_refused_and_told_who_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("mesh.db");
        let held = WriterLock::take(&database).unwrap();
        match WriterLock::take(&database) {
            Err(DbError::InUse { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("expected a refusal, got {other:?}"),
        }
        std::fs::write(&database, "").unwrap();
        assert_eq!(holder(&database), Some(std::process::id()));
        drop(held);
        assert_eq!(holder(&database), None);
        WriterLock::take(&database).unwrap();
    }
}
