//! A small file of the kernel's that is read again and again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A kernel's file has a few hundred bytes; more is not read.
const BYTES_MAX: usize = 4 << 10;

/// A file that stays open between readings: opening one of `/proc` costs far more than reading it.
#[derive(Debug)]
pub struct KernelFile {
    path: PathBuf,
    file: Option<File>,
    text: Vec<u8>,
}

impl KernelFile {
    /// Names it; it is opened by the first reading.
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None, text: Vec::new() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the text of now, at most 4 KB of it.
    ///
    /// # Errors
    /// It can be read neither as it was opened before nor when it is opened anew. A thread's file
    /// that stays open can no longer be read when the thread has ended, even if another one has its
    /// id by now.
    pub fn read(&mut self) -> io::Result<&[u8]> {
        self.text.resize(BYTES_MAX, 0);
        let kept = self.file.take().and_then(|file| {
            let read = file.read_at(&mut self.text, 0).ok()?;
            Some((file, read))
        });
        let (file, read) = match kept {
            Some(kept) => kept,
            None => {
                let file = File::open(&self.path)?;
                let read = file.read_at(&mut self.text, 0)?;
                (file, read)
            }
        };
        self.file = Some(file);
        Ok(self.text.get(..read).unwrap_or_default())
    }
}

/// A clone opens the file itself.
impl Clone for KernelFile {
    fn clone(&self) -> Self {
        Self::new(self.path.clone())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn each_reading_is_of_now_and_from_the_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("io");
        std::fs::write(&path, "rchar: 1000\n").unwrap();
        let mut file = KernelFile::new(path.clone());
        assert_eq!(file.read().unwrap(), b"rchar: 1000\n");
        std::fs::write(&path, "rchar: 9\n").unwrap();
        assert_eq!(file.read().unwrap(), b"rchar: 9\n");
    }

    #[test]
    fn a_file_that_appears_later_is_opened_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("io");
        let mut file = KernelFile::new(path.clone());
        assert_eq!(file.read().unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::write(&path, "x").unwrap();
        assert_eq!(file.read().unwrap(), b"x");
    }

    /// As the kernel refuses the kept file of a thread that has ended: the id may be another's by now.
    #[test]
    fn a_kept_file_that_can_no_longer_be_read_is_opened_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = KernelFile::new(folder.path().join("io"));
        file.file = Some(File::open(folder.path()).unwrap());
        assert_eq!(file.read().unwrap_err().kind(), io::ErrorKind::NotFound);
        file.file = Some(File::open(folder.path()).unwrap());
        std::fs::write(file.path(), "of the next one").unwrap();
        assert_eq!(file.read().unwrap(), b"of the next one");
    }
}
