//! Looks at a stats file that another process writes. Whatever lies there, a look neither blocks
//! nor fails the process: every case has a name.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};

use crate::perf::ingestor::{IngestorStats, Origin, StatsError};

/// A file of thousands of sources is smaller.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// Why a look found nothing that can be used.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// There is no file.
    #[error("there is no file")]
    Missing,
    /// A folder, a pipe, a device or a link.
    #[error("it is {0}, no regular file")]
    NotAFile(&'static str),
    /// More than [`FILE_BYTES_MAX`].
    #[error("it has {0} bytes, more than {FILE_BYTES_MAX}")]
    TooLarge(u64),
    /// Somebody else put it there: neither our user nor root.
    #[error("it belongs to another user ({0})")]
    Foreign(u32),
    /// It cannot be opened or read.
    #[error("it cannot be read: {}", .0.kind())]
    Read(io::Error),
    /// Its text says nothing.
    #[error(transparent)]
    Stats(#[from] StatsError),
}

/// What a look found.
#[derive(Debug)]
pub enum Looked {
    /// The file that was read last: nothing was opened.
    Unchanged,
    /// Another one.
    Changed(IngestorStats),
}

/// Looks at one path. What was read last is known by its time, size and inode.
#[derive(Debug)]
pub struct Watcher {
    path: PathBuf,
    our_user: u32,
    seen: Option<Key>,
    buffer: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    modified: (i64, i64),
    bytes: u64,
    inode: u64,
}

impl Key {
    fn of(file: &Metadata) -> Self {
        Self { modified: (file.mtime(), file.mtime_nsec()), bytes: file.size(), inode: file.ino() }
    }
}

impl Watcher {
    /// Makes one that has seen nothing yet.
    pub fn new(path: PathBuf) -> Self {
        let our_user = rustix::process::geteuid().as_raw();
        Self { path, our_user, seen: None, buffer: Vec::new() }
    }

    /// Looks; the file is read and understood only if it is another than last time. A failure is
    /// not remembered: the next look tries again.
    ///
    /// # Errors
    /// Every variant of [`LookError`].
    pub fn look(&mut self, now_ms: i64) -> Result<Looked, LookError> {
        let seen = self.seen.take();
        let found = fs::symlink_metadata(&self.path).map_err(of_error)?;
        self.check(&found)?;
        if seen == Some(Key::of(&found)) {
            self.seen = seen;
            return Ok(Looked::Unchanged);
        }
        let key = self.read()?;
        let stats = IngestorStats::peek(&self.buffer, Origin::Beside, now_ms)?;
        self.seen = Some(key);
        Ok(Looked::Changed(stats))
    }

    /// Reads the file into the buffer. What is open is checked again: it may be another by now.
    fn read(&mut self) -> Result<Key, LookError> {
        // Without NONBLOCK a pipe would hold us until somebody writes.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::open(&self.path, flags, Mode::empty());
        let file = File::from(file.map_err(|error| of_error(error.into()))?);
        let found = file.metadata().map_err(LookError::Read)?;
        self.check(&found)?;
        self.buffer.clear();
        let mut bounded = file.take(FILE_BYTES_MAX + 1);
        let bytes = bounded.read_to_end(&mut self.buffer).map_err(LookError::Read)? as u64;
        match bytes {
            0..=FILE_BYTES_MAX => Ok(Key::of(&found)),
            _ => Err(LookError::TooLarge(bytes)),
        }
    }

    fn check(&self, file: &Metadata) -> Result<(), LookError> {
        let kind = file.file_type();
        if !kind.is_file() {
            return Err(LookError::NotAFile(name_of(kind)));
        }
        if !may_be_believed(file.uid(), self.our_user) {
            return Err(LookError::Foreign(file.uid()));
        }
        match file.size() {
            0..=FILE_BYTES_MAX => Ok(()),
            bytes => Err(LookError::TooLarge(bytes)),
        }
    }
}

/// In a shared folder anybody can plant a file; ours and root's are taken (000-05).
const fn may_be_believed(owner: u32, our_user: u32) -> bool {
    owner == our_user || owner == 0
}

fn name_of(kind: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_dir() {
        "a folder"
    } else if kind.is_symlink() {
        "a link"
    } else if kind.is_fifo() {
        "a pipe"
    } else {
        "a device or a socket"
    }
}

fn of_error(error: io::Error) -> LookError {
    match error.kind() {
        io::ErrorKind::NotFound => LookError::Missing,
        _ => LookError::Read(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_files_and_roots_are_believed() {
        assert!(may_be_believed(1_000, 1_000));
        assert!(may_be_believed(0, 1_000));
        assert!(!may_be_believed(1_001, 1_000));
        assert!(!may_be_believed(1_001, 0), "root believes nobody else either");
    }
}
