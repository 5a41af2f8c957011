//! Whether the file that is written to is still the one that the next start will open. An open
//! connection goes on writing to a file that was moved or replaced; what was acknowledged then
//! would be lost.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::db::error::DbError;

/// Who puts another file in place by mistake has so long to put the right one back.
const FOR_GOOD_AFTER: Duration = Duration::from_secs(10);

/// Where a database was opened, and which file it was.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    identity: Option<(u64, u64)>,
    replaced_at: Option<Duration>,
}

impl Place {
    /// Remembers the file at `path`.
    pub(super) fn of(path: PathBuf) -> Self {
        Self { identity: identity_of(&path), path, replaced_at: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Looks whether the file is still there: one `stat`.
    ///
    /// # Errors
    /// [`DbError::Moved`].
    pub(super) fn check(&mut self, now: Duration) -> Result<(), DbError> {
        let present = identity_of(&self.path);
        if self.identity.is_none() || present == self.identity {
            self.replaced_at = None;
            return Ok(());
        }
        let is_replaced = present.is_some();
        if !is_replaced {
            self.replaced_at = None;
        }
        let since = is_replaced.then(|| *self.replaced_at.get_or_insert(now));
        let is_for_good = since.is_some_and(|since| now.saturating_sub(since) >= FOR_GOOD_AFTER);
        Err(DbError::Moved { path: self.path.clone(), is_replaced, is_for_good })
    }
}

fn identity_of(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn judged(place: &mut Place, now_s: u64) -> Option<(bool, bool)> {
        match place.check(Duration::from_secs(now_s)) {
            Err(DbError::Moved { is_replaced, is_for_good, .. }) => {
                Some((is_replaced, is_for_good))
            }
            _ => None,
        }
    }

    #[test]
    fn a_file_that_was_replaced_for_long_is_replaced_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let (here, away) = (folder.path().join("mesh.db"), folder.path().join("away"));
        std::fs::write(&here, "one").unwrap();
        let mut place = Place::of(here.clone());
        assert_eq!(judged(&mut place, 0), None);
        std::fs::rename(&here, &away).unwrap();
        assert_eq!(judged(&mut place, 100), Some((false, false)), "it may come back");
        std::fs::write(&here, "another").unwrap();
        assert_eq!(judged(&mut place, 200), Some((true, false)));
        assert_eq!(judged(&mut place, 209), Some((true, false)));
        assert_eq!(judged(&mut place, 210), Some((true, true)));
        std::fs::rename(&away, &here).unwrap();
        assert_eq!(judged(&mut place, 211), None, "it was put back");
    }
}
