//! Copies of the database while it is written to (decision 22): SQLite's page-level copy of one
//! snapshot, so that every rowid stays, from a thread of its own and with pauses.
//!
//! The copy lies beside the database while it is made. Its name is taken away before the first
//! byte is handed out, so that nothing is left whoever dies; what a kill leaves while it is made
//! is removed by the next start or the next copy.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{mpsc, oneshot};

use super::error::{DbError, Doing};
use crate::clock::Clock;

/// Pages of one step: 1 MiB.
const STEP_PAGES: i32 = 256;
const PAUSE_MIN: Duration = Duration::from_millis(1);
const COPY_MAX: Duration = Duration::from_secs(30 * 60);
const BUSY_TIMEOUT: Duration = Duration::from_millis(250);
/// What must be free beside the copy: the log grows while its snapshot is held.
const RESERVE_BYTES: u64 = 256 << 20;
const CHUNK_BYTES: usize = 256 << 10;
/// Chunks that wait for the client.
const CHUNKS_MAX: usize = 4;
/// A client that takes nothing for so long has gone.
const STALL_MAX: Duration = Duration::from_secs(60);
const LOOK_PAUSE: Duration = Duration::from_millis(10);
/// Letters and digits that end the name of a copy.
const RANDOM_CHARS: usize = 6;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Another is being made or fetched.
    #[error("another backup is under way")]
    Busy,
    /// The copy would fill the disk.
    #[error(
        "a backup needs {} MB beside the database and {} MB are free",
        .needed_bytes >> 20, .free_bytes >> 20
    )]
    NoSpace {
        /// With a reserve.
        needed_bytes: u64,
        /// On the volume of the database.
        free_bytes: u64,
    },
    /// The disk became full while it was made.
    #[error("the disk became full while the backup was made")]
    Full,
    /// Nobody wants it any more.
    #[error("the client has gone")]
    Abandoned,
    /// It would take for ever.
    #[error("the backup was not done within {} s", .0.as_secs())]
    TooSlow(Duration),
    /// The file of the copy or the thread cannot be made.
    #[error("cannot make a copy beside the database")]
    File(#[from] io::Error),
    /// The database cannot be read, or the copy not be written.
    #[error("cannot copy the database")]
    Database(#[from] DbError),
}

/// Makes copies of one database, one at a time.
#[derive(Debug)]
pub struct Backups {
    path: PathBuf,
    clock: Clock,
    reserve_bytes: u64,
    is_running: Arc<AtomicBool>,
    is_reading: Arc<AtomicBool>,
}

/// A copy on its way.
#[derive(Debug)]
pub struct Download {
    /// Its size in bytes, once it is made.
    pub size: oneshot::Receiver<Result<u64, BackupError>>,
    /// Its bytes, in order; ends early if it cannot be read or is not fetched.
    pub chunks: mpsc::Receiver<io::Result<Vec<u8>>>,
}

/// The one turn that there is, given back when dropped.
#[derive(Debug)]
struct Turn {
    path: PathBuf,
    clock: Clock,
    reserve_bytes: u64,
    is_running: Arc<AtomicBool>,
    is_reading: Arc<AtomicBool>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.is_reading.store(false, Ordering::Release);
        self.is_running.store(false, Ordering::Release);
    }
}

impl Backups {
    /// Of the database at `path`.
    pub fn new(path: &Path, clock: Clock) -> Self {
        let (is_running, is_reading) = (Arc::default(), Arc::default());
        let (path, reserve_bytes) = (path.to_owned(), RESERVE_BYTES);
        Self { path, clock, reserve_bytes, is_running, is_reading }
    }

    /// Begins with less room beside the copy, for a volume on which the log has no room to grow.
    #[must_use]
    pub fn with_reserve(self, reserve_bytes: u64) -> Self {
        Self { reserve_bytes, ..self }
    }

    /// Whether one is being made or fetched, for anyone to look at.
    pub fn gauge(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_running)
    }

    /// Whether one reads the database: no longer so while it is fetched, which may take hours.
    pub fn reading(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_reading)
    }

    /// Removes what a process left that died while it made a copy; returns how many there were.
    pub fn remove_stale(&self) -> usize {
        remove_stale(&self.path)
    }

    /// Begins to make a copy, on a thread of its own. It is given up when the receivers are gone.
    ///
    /// # Errors
    /// [`BackupError::Busy`], or there can be no thread.
    pub fn start(&self) -> Result<Download, BackupError> {
        if self.is_running.swap(true, Ordering::AcqRel) {
            return Err(BackupError::Busy);
        }
        self.is_reading.store(true, Ordering::Release);
        let turn = Turn {
            path: self.path.clone(),
            clock: self.clock.clone(),
            reserve_bytes: self.reserve_bytes,
            is_running: Arc::clone(&self.is_running),
            is_reading: Arc::clone(&self.is_reading),
        };
        let (tell_size, size) = oneshot::channel();
        let (sender, chunks) = mpsc::channel(CHUNKS_MAX);
        std::thread::Builder::new()
            .name("backup".to_owned())
            .spawn(move || turn.run(tell_size, &sender))?;
        Ok(Download { size, chunks })
    }
}

impl Turn {
    fn run(
        self,
        size: oneshot::Sender<Result<u64, BackupError>>,
        chunks: &mpsc::Sender<io::Result<Vec<u8>>>,
    ) {
        let copied = self.copy(&|| !size.is_closed());
        self.is_reading.store(false, Ordering::Release);
        let copied = copied.and_then(|mut file| Ok((file.seek(io::SeekFrom::End(0))?, file)));
        match copied {
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no backup was made");
                // Who wanted it may have gone.
                let _ = size.send(Err(error));
            }
            Ok((bytes, file)) => {
                tracing::info!(bytes, "a backup was made");
                if size.send(Ok(bytes)).is_ok() {
                    self.send(file, chunks);
                }
            }
        }
    }

    /// Makes the copy and returns it as a file without a name.
    fn copy(&self, is_wanted: &dyn Fn() -> bool) -> Result<File, BackupError> {
        remove_stale(&self.path);
        let source = self.open_source()?;
        self.check_space(&source)?;
        let (prefix, mut name) = (prefix(&self.path), tempfile::Builder::new());
        let name = name.prefix(&prefix).rand_bytes(RANDOM_CHARS);
        let copy = name.tempfile_in(folder(&self.path))?;
        copy.as_file().lock()?;
        self.copy_pages(&source, copy.path(), is_wanted).map_err(|error| match error {
            BackupError::Database(DbError::Full { .. }) => BackupError::Full,
            other => other,
        })?;
        let (file, name) = copy.into_parts();
        name.close()?;
        Ok(file)
    }

    /// With a snapshot that is held: without one, every commit of the writer would make the copy
    /// begin again.
    fn open_source(&self) -> Result<Connection, DbError> {
        const ACTION: &str = "begin to read the database";
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let failed = |source| DbError::OpenDatabase { path: self.path.clone(), source };
        let source = Connection::open_with_flags(&self.path, flags).map_err(failed)?;
        source.busy_timeout(BUSY_TIMEOUT).doing(ACTION)?;
        let mode: String =
            source.pragma_query_value(None, "journal_mode", |row| row.get(0)).doing(ACTION)?;
        // Without a WAL a snapshot would lock the writer out.
        if mode == "wal" {
            source.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1").doing(ACTION)?;
        }
        Ok(source)
    }

    fn check_space(&self, source: &Connection) -> Result<(), BackupError> {
        let number = |name: &str| source.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
        let pages = number("page_count").doing("measure the database")?;
        let page_bytes = number("page_size").doing("measure the database")?;
        let needed_bytes = pages.saturating_mul(page_bytes).saturating_add(self.reserve_bytes);
        let volume = rustix::fs::statvfs(folder(&self.path)).map_err(io::Error::from)?;
        let free_bytes = volume.f_bavail.saturating_mul(volume.f_frsize);
        if free_bytes < needed_bytes {
            return Err(BackupError::NoSpace { needed_bytes, free_bytes });
        }
        Ok(())
    }

    /// Rests as long as each step took.
    fn copy_pages(
        &self,
        source: &Connection,
        path: &Path,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<(), BackupError> {
        const ACTION: &str = "copy pages";
        let failed = |source| DbError::OpenDatabase { path: path.to_owned(), source };
        let mut copy = Connection::open(path).map_err(failed)?;
        // It is thrown away if anything happens.
        copy.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(())).doing(ACTION)?;
        copy.pragma_update(None, "synchronous", "OFF").doing(ACTION)?;
        let backup = Backup::new(source, &mut copy).doing(ACTION)?;
        let started = self.clock.monotonic();
        loop {
            let begun = self.clock.monotonic();
            // Anything else, a busy database included, is tried again.
            if backup.step(STEP_PAGES).doing(ACTION)? == StepResult::Done {
                break;
            }
            let now = self.clock.monotonic();
            if !is_wanted() {
                return Err(BackupError::Abandoned);
            }
            if now.saturating_sub(started) > COPY_MAX {
                return Err(BackupError::TooSlow(COPY_MAX));
            }
            std::thread::sleep(now.saturating_sub(begun).max(PAUSE_MIN));
        }
        drop(backup);
        copy.close().map_err(|(_, source)| source).doing("finish the copy")?;
        Ok(())
    }

    /// Hands the bytes over until there are no more or nobody takes them.
    fn send(&self, mut file: File, chunks: &mpsc::Sender<io::Result<Vec<u8>>>) {
        if let Err(error) = file.rewind() {
            self.offer(Err(error), chunks);
            return;
        }
        loop {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            let read = Read::by_ref(&mut file).take(CHUNK_BYTES as u64).read_to_end(&mut chunk);
            let goes_on = match read {
                Ok(0) => false,
                Ok(_) => self.offer(Ok(chunk), chunks),
                Err(error) => {
                    self.offer(Err(error), chunks);
                    false
                }
            };
            if !goes_on {
                break;
            }
        }
    }

    /// Waits for room; `false` if the client has gone or takes nothing.
    fn offer(
        &self,
        mut chunk: io::Result<Vec<u8>>,
        chunks: &mpsc::Sender<io::Result<Vec<u8>>>,
    ) -> bool {
        let since = self.clock.monotonic();
        loop {
            match chunks.try_send(chunk) {
                Ok(()) => return true,
                Err(mpsc::error::TrySendError::Closed(_)) => return false,
                Err(mpsc::error::TrySendError::Full(back)) => chunk = back,
            }
            if self.clock.monotonic().saturating_sub(since) > STALL_MAX {
                tracing::warn!("a backup is not fetched, it is given up");
                return false;
            }
            std::thread::sleep(LOOK_PAUSE);
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What names of copies begin with. An operator's own backups are not called so.
fn prefix(path: &Path) -> OsString {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".corescope-copy-");
    name
}

fn is_copy(name: &OsStr, prefix: &OsStr) -> bool {
    let random = name.as_encoded_bytes().strip_prefix(prefix.as_encoded_bytes());
    random.is_some_and(|random| {
        random.len() == RANDOM_CHARS && random.iter().all(u8::is_ascii_alphanumeric)
    })
}

/// A copy that is being made is locked; one that nobody holds was left behind.
fn remove_stale(path: &Path) -> usize {
    let prefix = prefix(path);
    let Ok(entries) = std::fs::read_dir(folder(path)) else { return 0 };
    let is_stale = |path: &PathBuf| File::open(path).is_ok_and(|file| file.try_lock().is_ok());
    entries
        .filter_map(Result::ok)
        .filter(|entry| is_copy(&entry.file_name(), &prefix))
        .map(|entry| entry.path())
        .filter(is_stale)
        .filter(|path| std::fs::remove_file(path).is_ok())
        .inspect(|path| tracing::info!(path = %path.display(), "an unfinished backup was removed"))
        .count()
}
