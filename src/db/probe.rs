//! One look at how SQLite does, for `/api/perf/sqlite`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::DbError;
use super::pages::PageGauge;
use super::reader::Reader;
use super::readers::Readers;
use super::wal_gauges::WalGauges;
use crate::perf::sqlite::{FileSample, SqliteSample};

/// Where the figures are.
#[derive(Clone)]
pub struct SqliteProbe {
    /// The readers: their caches, their open reads, and one of them is asked for the file's.
    pub readers: Readers,
    /// The writer's cache; `None` in a process that does not write.
    pub writer: Option<Arc<PageGauge>>,
    /// What the checkpointer sees; `None` as above.
    pub wal: Option<Arc<WalGauges>>,
    wal_path: PathBuf,
}

impl SqliteProbe {
    /// Makes a probe of a process that only reads the database at `path`.
    pub fn new(readers: Readers, path: &Path) -> Self {
        let mut wal_path = path.as_os_str().to_owned();
        wal_path.push("-wal");
        Self { readers, writer: None, wal: None, wal_path: wal_path.into() }
    }

    /// Makes it a probe of a process that writes.
    #[must_use]
    pub fn beside_writer(self, writer: &Arc<PageGauge>, wal: &Arc<WalGauges>) -> Self {
        Self { writer: Some(Arc::clone(writer)), wal: Some(Arc::clone(wal)), ..self }
    }

    /// Takes one sample; what cannot be read is `None` in it. Waits for a reader as any query.
    pub async fn sample(&self) -> SqliteSample {
        // Before the probe's own read, which is no news.
        let open_reads = self.readers.open_reads();
        let wal_path = self.wal_path.clone();
        let looked = self.readers.ask(move |reader| {
            let file = read_file(reader)?;
            Ok((file, file_bytes(&wal_path)))
        });
        let looked = looked.await.ok();
        let look_ups = |gauge: &PageGauge| gauge.counts().map(Into::into);
        SqliteSample {
            has_writer: self.writer.is_some(),
            writer: self.writer.as_deref().and_then(look_ups),
            readers: look_ups(&self.readers.pages()),
            wal_file_bytes: looked.and_then(|(_, bytes)| bytes),
            wal_pages: self.wal.as_deref().and_then(WalGauges::log_pages),
            wal_debt_pages: self.wal.as_deref().and_then(WalGauges::debt_pages),
            file: looked.map(|(file, _)| file),
            open_reads,
        }
    }
}

/// Size of a file; 0 if there is none, `None` if that cannot be told.
fn file_bytes(path: &Path) -> Option<u64> {
    match std::fs::metadata(path) {
        Ok(file) => Some(file.len()),
        Err(error) => (error.kind() == io::ErrorKind::NotFound).then_some(0),
    }
}

/// Reads what the database's header and the reader's settings say: four pragmas that touch the
/// first page only.
fn read_file(reader: &Reader) -> Result<FileSample, DbError> {
    let page_bytes = reader.number("PRAGMA page_size", [])?;
    let cache_size = reader.number("PRAGMA cache_size", [])?;
    Ok(FileSample {
        page_count: reader.number("PRAGMA page_count", [])?,
        page_bytes,
        free_pages: reader.number("PRAGMA freelist_count", [])?,
        cache_size,
        cache_bytes: cache_bytes(cache_size, page_bytes),
    })
}

/// What `PRAGMA cache_size` means in bytes: pages, or KiB if negative (000-23).
fn cache_bytes(cache_size: i64, page_bytes: i64) -> i64 {
    match cache_size {
        kib @ ..0 => kib.saturating_neg().saturating_mul(1024),
        pages => pages.saturating_mul(page_bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_cache_size_is_kib_and_a_positive_one_pages() {
        // 000-23
        assert_eq!(cache_bytes(-2000, 4096), 2_048_000);
        assert_eq!(cache_bytes(500, 4096), 2_048_000);
        assert_eq!(cache_bytes(i64::MIN, 4096), i64::MAX);
    }
}
