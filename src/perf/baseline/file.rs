//! The small file beside the database in which normals survive a restart.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::series::Series;
use super::{Baselines, SERIES_MAX};

/// A file that is longer is not ours.
const FILE_BYTES_MAX: u64 = 1 << 20;
const VERSION: u32 = 1;

/// Why no normals were read: they are learned afresh.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// A directory, a FIFO, a device.
    #[error("it is no regular file")]
    NotAFile,
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[from] io::Error),
    /// Longer than 1 MiB.
    #[error("it is longer than 1 MiB")]
    TooLong,
    /// Half-written, or not ours.
    #[error("it is not what we write")]
    Malformed(#[from] serde_json::Error),
    /// Written by a version of this program that we do not know.
    #[error("it is of version {0}, we know {VERSION}")]
    Version(u32),
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    series: BTreeMap<String, Vec<f64>>,
}

/// Reads normals; none if there is no file yet.
///
/// # Errors
/// See [`BaselineError`]; nothing blocks.
pub fn load(path: &Path) -> Result<Baselines, BaselineError> {
    let kind = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Baselines::default()),
        other => other?,
    };
    if !kind.is_file() {
        return Err(BaselineError::NotAFile);
    }
    let mut text = Vec::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(BaselineError::TooLong);
    }
    parse(&text)
}

/// Writes normals so that a reader sees the old file or the new one, whole.
///
/// # Errors
/// Those of the disk; the old file is as it was.
pub fn save(baselines: &Baselines, path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text(baselines)?.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

pub(super) fn parse(text: &[u8]) -> Result<Baselines, BaselineError> {
    let stored: Stored = serde_json::from_slice(text)?;
    if stored.version != VERSION {
        return Err(BaselineError::Version(stored.version));
    }
    let series = stored.series.into_iter().take(SERIES_MAX);
    let series = series.map(|(name, samples)| (name, Series::from_samples(samples))).collect();
    Ok(Baselines { series })
}

pub(super) fn text(baselines: &Baselines) -> serde_json::Result<String> {
    let series = baselines.series.iter();
    let series = series.map(|(name, series)| (name.clone(), series.samples().map(round).collect()));
    serde_json::to_string(&Stored { version: VERSION, series: series.collect() })
}

/// Four digits are enough for a median and keep the file small.
fn round(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}
