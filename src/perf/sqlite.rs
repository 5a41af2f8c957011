//! What is shown of SQLite: the contract's figures and the true ones beside them.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::thresholds::MIB;

/// Hit rates speak of this long.
const RECENT: Duration = Duration::from_secs(60);
/// At one sample a second, and one more to subtract from.
const SAMPLES_MAX: usize = 61;

const NOTHING_READ: &str = "nothing was looked up in the last minute";
const NOT_TOLD: &str = "SQLite does not tell";
const NO_WRITER: &str = "this process does not write";
const NOT_READ: &str = "the database could not be read";

/// A value, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Known<T> {
    /// `null` if it is not known.
    pub value: Option<T>,
    /// Why; absent if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

impl<T> Known<T> {
    /// A value that is known.
    pub fn is(value: T) -> Self {
        Self { value: Some(value), reason: None }
    }

    /// One that is not.
    pub fn not(reason: &'static str) -> Self {
        Self { value: None, reason: Some(reason) }
    }

    fn or(value: Option<T>, reason: &'static str) -> Self {
        value.map_or(Self::not(reason), Self::is)
    }
}

/// Cache look-ups of some connections since they were opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookUps {
    /// Pages found.
    pub hits: u64,
    /// Pages read.
    pub misses: u64,
}

/// Raw figures of one moment. `None` is what could not be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SqliteSample {
    /// Whether this process has a writer.
    pub has_writer: bool,
    /// Of the writer's connection.
    pub writer: Option<LookUps>,
    /// Of all readers' connections together.
    pub readers: Option<LookUps>,
    /// Size of the WAL file; 0 without one.
    pub wal_file_bytes: Option<u64>,
    /// Pages in the WAL.
    pub wal_pages: Option<u32>,
    /// Pages of them that are not in the database yet.
    pub wal_debt_pages: Option<u32>,
    /// Pages of the database, bytes of a page, free pages, `PRAGMA cache_size`, that in bytes.
    pub file: Option<FileSample>,
    /// Open reads and the age of the oldest.
    pub open_reads: Option<(usize, Duration)>,
}

/// The database file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileSample {
    /// Pages.
    pub page_count: i64,
    /// Bytes of a page.
    pub page_bytes: i64,
    /// Free pages.
    pub free_pages: i64,
    /// As the pragma has it: pages, or KiB if negative.
    pub cache_size: i64,
    /// What that means (000-23).
    pub cache_bytes: i64,
}

/// The body of `/api/perf/sqlite`: six names of the contract (§2.7), then ours.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SqlitePerf {
    /// Size of the WAL file in MiB; `null` if it cannot be read.
    #[serde(rename = "walSizeMB")]
    pub wal_size_mb: Option<f64>,
    /// The same in bytes. A high-water mark: what is pending is `walDebtPages`.
    pub wal_size: Option<u64>,
    /// Pages of the database.
    pub page_count: Option<i64>,
    /// Bytes of a page.
    pub page_size: Option<i64>,
    /// `PRAGMA cache_size` of a reader: pages, or KiB if negative.
    pub cache_size: Option<i64>,
    /// Share of page look-ups of all connections that were hits, in the last minute.
    pub cache_hit_rate: Option<f64>,
    /// The writer's share.
    pub writer_hit_rate: Known<f64>,
    /// The readers' share.
    pub reader_hit_rate: Known<f64>,
    /// What `cacheSize` means in bytes.
    pub cache_bytes: Option<i64>,
    /// Free pages of the database.
    pub freelist_pages: Option<i64>,
    /// Pages in the WAL.
    pub wal_pages: Known<u32>,
    /// Pages of the WAL that are not in the database yet.
    pub wal_debt_pages: Known<u32>,
    /// Reads that are open now.
    pub open_reads: Option<usize>,
    /// Age of the oldest; 0 without one. While it is open the WAL cannot be cut.
    pub oldest_read_ms: Option<f64>,
    /// Why the figures of the file are `null`; absent if they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

impl SqlitePerf {
    /// The body where nothing is known.
    pub fn unknown(reason: &'static str) -> Self {
        Self {
            wal_size_mb: None,
            wal_size: None,
            page_count: None,
            page_size: None,
            cache_size: None,
            cache_hit_rate: None,
            writer_hit_rate: Known::not(reason),
            reader_hit_rate: Known::not(reason),
            cache_bytes: None,
            freelist_pages: None,
            wal_pages: Known::not(reason),
            wal_debt_pages: Known::not(reason),
            open_reads: None,
            oldest_read_ms: None,
            reason: Some(reason),
        }
    }
}

/// Remembers a minute of samples.
#[derive(Debug, Default)]
pub struct SqliteHistory {
    samples: VecDeque<(Duration, Option<LookUps>, Option<LookUps>)>,
}

impl SqliteHistory {
    /// Takes a sample at `now`, a monotonic time, once a second.
    pub fn observe(&mut self, now: Duration, sample: &SqliteSample) -> SqlitePerf {
        let is_old = |(at, ..): &(Duration, _, _)| now.saturating_sub(*at) > RECENT;
        while self.samples.len() >= SAMPLES_MAX || self.samples.front().is_some_and(is_old) {
            self.samples.pop_front();
        }
        self.samples.push_back((now, sample.writer, sample.readers));
        let writer = sample.writer.map(|now| now.since(self.first(|entry| entry.1)));
        let readers = sample.readers.map(|now| now.since(self.first(|entry| entry.2)));
        let no_writer = if sample.has_writer { NOT_TOLD } else { NO_WRITER };
        shown(sample, (hit_rate(writer, no_writer), hit_rate(readers, NOT_TOLD)), writer, readers)
    }

    /// The oldest look-ups that are remembered.
    fn first(
        &self,
        of: impl Fn(&(Duration, Option<LookUps>, Option<LookUps>)) -> Option<LookUps>,
    ) -> LookUps {
        self.samples.iter().find_map(of).unwrap_or_default()
    }
}

impl LookUps {
    fn since(self, earlier: Self) -> Self {
        Self {
            hits: self.hits.saturating_sub(earlier.hits),
            misses: self.misses.saturating_sub(earlier.misses),
        }
    }

    fn hit_rate(self) -> Option<f64> {
        let all = self.hits + self.misses;
        (all > 0).then(|| self.hits as f64 / all as f64)
    }
}

fn hit_rate(recent: Option<LookUps>, unknown: &'static str) -> Known<f64> {
    recent.map_or(Known::not(unknown), |counts| Known::or(counts.hit_rate(), NOTHING_READ))
}

fn shown(
    sample: &SqliteSample,
    (writer_hit_rate, reader_hit_rate): (Known<f64>, Known<f64>),
    writer: Option<LookUps>,
    readers: Option<LookUps>,
) -> SqlitePerf {
    let [writer, readers] = [writer, readers].map(Option::unwrap_or_default);
    let all = LookUps { hits: writer.hits + readers.hits, misses: writer.misses + readers.misses };
    let unknown_wal = if sample.has_writer { NOT_TOLD } else { NO_WRITER };
    let file = |of: fn(&FileSample) -> i64| sample.file.as_ref().map(of);
    let (open_reads, oldest) = sample.open_reads.unwrap_or_default();
    SqlitePerf {
        wal_size_mb: sample.wal_file_bytes.map(|bytes| bytes as f64 / MIB),
        wal_size: sample.wal_file_bytes,
        page_count: file(|file| file.page_count),
        page_size: file(|file| file.page_bytes),
        cache_size: file(|file| file.cache_size),
        cache_hit_rate: all.hit_rate(),
        writer_hit_rate,
        reader_hit_rate,
        cache_bytes: file(|file| file.cache_bytes),
        freelist_pages: file(|file| file.free_pages),
        wal_pages: Known::or(sample.wal_pages, unknown_wal),
        wal_debt_pages: Known::or(sample.wal_debt_pages, unknown_wal),
        open_reads: Some(open_reads),
        oldest_read_ms: Some(oldest.as_secs_f64() * 1000.0),
        reason: sample.file.is_none().then_some(NOT_READ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(writer: (u64, u64), readers: (u64, u64)) -> SqliteSample {
        let look_ups = |(hits, misses)| Some(LookUps { hits, misses });
        let file = FileSample {
            page_count: 215,
            page_bytes: 4096,
            free_pages: 3,
            cache_size: -2000,
            cache_bytes: 2_048_000,
        };
        SqliteSample {
            has_writer: true,
            writer: look_ups(writer),
            readers: look_ups(readers),
            wal_file_bytes: Some(1_572_864),
            wal_pages: Some(380),
            wal_debt_pages: Some(12),
            file: Some(file),
            open_reads: Some((2, Duration::from_millis(40))),
        }
    }

    #[test]
    fn the_names_of_the_contract_come_first_with_their_types() {
        // 001-02, 000-23
        let perf = SqliteHistory::default().observe(Duration::ZERO, &sample((0, 0), (0, 0)));
        let json = serde_json::to_string(&perf).unwrap_or_default();
        let start = "{\"walSizeMB\":1.5,\"walSize\":1572864,\"pageCount\":215,\"pageSize\":4096,\
                     \"cacheSize\":-2000,\"cacheHitRate\":null,";
        assert!(json.starts_with(start), "{json}");
        assert!(json.contains("\"cacheBytes\":2048000,\"freelistPages\":3"), "{json}");
        assert!(json.contains("\"openReads\":2,\"oldestReadMs\":40.0"), "{json}");
    }

    #[test]
    fn hit_rates_are_those_of_the_last_minute_and_of_each_side() {
        let mut history = SqliteHistory::default();
        let at = Duration::from_secs;
        history.observe(at(0), &sample((0, 1_000), (0, 0)));
        let perf = history.observe(at(50), &sample((90, 1_010), (0, 0)));
        assert_eq!(perf.writer_hit_rate, Known::is(0.9));
        assert_eq!(perf.reader_hit_rate, Known::not(NOTHING_READ));
        assert_eq!(perf.cache_hit_rate, Some(0.9));
        let perf = history.observe(at(100), &sample((90, 1_010), (30, 10)));
        assert_eq!(perf.reader_hit_rate, Known::is(0.75));
        assert_eq!(perf.writer_hit_rate, Known::not(NOTHING_READ), "a minute ago is long ago");
    }

    #[test]
    fn what_is_not_known_is_null_with_a_reason() {
        let nothing = SqliteSample::default();
        let perf = SqliteHistory::default().observe(Duration::ZERO, &nothing);
        assert_eq!((perf.wal_size, perf.page_count, perf.cache_hit_rate), (None, None, None));
        assert_eq!(perf.writer_hit_rate, Known::not(NO_WRITER));
        assert_eq!(perf.wal_debt_pages, Known::not(NO_WRITER));
        assert_eq!(perf.reason, Some(NOT_READ));
        let silent = SqliteSample { has_writer: true, ..nothing };
        let perf = SqliteHistory::default().observe(Duration::ZERO, &silent);
        assert_eq!(perf.writer_hit_rate, Known::not(NOT_TOLD));
    }

    #[test]
    fn memory_is_bounded_however_often_it_is_sampled() {
        let mut history = SqliteHistory::default();
        for ms in 0..5_000 {
            history.observe(Duration::from_millis(ms), &sample((ms, 0), (0, 0)));
        }
        assert_eq!(history.samples.len(), SAMPLES_MAX);
    }
}
