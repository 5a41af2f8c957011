//! Puts a text in the place of a file, at once and for nobody else's eyes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Why a text was not published. The old file, if any, is as it was.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {}", path.display())]
pub struct PublishError {
    /// What was attempted.
    pub step: &'static str,
    /// Of what.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// Replaces `path` by a file that holds `text`, mode 0600, by way of `<path>.tmp`.
///
/// The temporary file is always a new one: what lies there is removed first, and a link planted in
/// between is refused, so nothing is ever written through a link. A link at `path` itself is
/// replaced, its target is not touched (000-20). Nothing is synced: a second later there is a
/// newer one.
///
/// # Errors
/// The step that failed; the temporary file is removed.
pub fn publish(path: &Path, text: &[u8]) -> Result<(), PublishError> {
    let temporary = temporary_of(path);
    let failed = |step, path: &Path| {
        let path = path.to_owned();
        move |source| PublishError { step, path, source }
    };
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove", &temporary)(error));
        }
        _ => {}
    }
    let mut file = create(&temporary).map_err(failed("create", &temporary))?;
    let written = file.write_all(text).map_err(failed("write", &temporary));
    let done = written.and_then(|()| fs::rename(&temporary, path).map_err(failed("replace", path)));
    if done.is_err() {
        // Best effort: the next tick removes it too.
        let _ = fs::remove_file(&temporary);
    }
    done
}

fn create(path: &Path) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?))
}

fn temporary_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    name.into()
}
