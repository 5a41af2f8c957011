//! Brings a large file into the system's page cache before its pages are asked for one by one.
//!
//! A load of the RAM window takes rows newest first, and a row longer than a page goes on
//! anywhere: from a cold disk it waits for some hundred thousand single pages (28 s for 2 GB that
//! take 2 s one after the other).

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What is below is read as fast page by page.
pub const FILE_BYTES_MIN: u64 = 64 << 20;
/// The file is gone through from its end, where the newest rows are, in pieces of so many bytes.
const PIECE_BYTES: u64 = 8 << 20;
const READ_BYTES: usize = 256 << 10;

/// Reads the last `bytes_max` of a file and keeps nothing, one read at a time, as long as
/// `is_wanted`. Returns how many bytes it read: none of a file below [`FILE_BYTES_MIN`].
///
/// # Errors
/// If the file cannot be read.
pub fn read_ahead(path: &Path, bytes_max: u64, is_wanted: impl Fn() -> bool) -> io::Result<u64> {
    let bytes = path.metadata()?.len();
    if bytes < FILE_BYTES_MIN {
        return Ok(0);
    }
    // Never closed: with any descriptor of a file that it closes, a process gives up all locks
    // that SQLite holds on it.
    let file = ManuallyDrop::new(File::open(path)?);
    let least = bytes.saturating_sub(bytes_max);
    let mut buffer = vec![0; READ_BYTES];
    let mut end = bytes;
    while end > least && is_wanted() {
        let begin = end.saturating_sub(PIECE_BYTES).max(least);
        let mut at = begin;
        while at < end && is_wanted() {
            match file.read_at(&mut buffer, at)? {
                0 => break,
                read => at += read as u64,
            }
        }
        end = begin;
    }
    Ok(bytes - end)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn file_of(bytes: u64) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(bytes).unwrap();
        file
    }

    #[test]
    fn a_large_file_is_read_from_its_end_as_far_as_wanted_and_a_small_one_not_at_all() {
        let (large, small) = (file_of(FILE_BYTES_MIN), file_of(FILE_BYTES_MIN - 1));
        assert_eq!(read_ahead(large.path(), u64::MAX, || true).unwrap(), FILE_BYTES_MIN);
        assert_eq!(read_ahead(large.path(), 9 << 20, || true).unwrap(), 9 << 20);
        assert_eq!(read_ahead(small.path(), u64::MAX, || true).unwrap(), 0);
        let asked = Cell::new(0);
        let is_wanted = || asked.replace(asked.get() + 1) < 40;
        assert_eq!(read_ahead(large.path(), u64::MAX, is_wanted).unwrap(), 2 * PIECE_BYTES);
        assert!(read_ahead(Path::new("/nonexistent"), 1, || true).is_err());
    }
}
