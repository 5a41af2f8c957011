//! How SQLite's page caches do.
//!
//! A connection's counters may be read on its own thread only: the thread reads them after each
//! operation through its [`PageMeter`] and adds what is new to a shared [`PageGauge`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::Connection;
use serde::Serialize;

use super::counters::{self, CacheCounters};
use crate::perf::sqlite::LookUps;

/// Pages looked up, written and spilled by one or more connections since they were opened.
#[derive(Debug, Default)]
pub struct PageGauge {
    hits: AtomicU64,
    misses: AtomicU64,
    writes: AtomicU64,
    spills: AtomicU64,
    is_blind: AtomicBool,
}

/// A copy of a gauge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PageCounts {
    /// Pages found in the cache.
    pub hits: u64,
    /// Pages that had to be read from the file, or from the system's cache of it.
    pub misses: u64,
    /// Pages written to the WAL.
    pub writes: u64,
    /// Pages written before their transaction ended, because the cache was full.
    pub spills: u64,
}

impl PageGauge {
    /// Returns a copy; `None` if SQLite has refused to tell.
    pub fn counts(&self) -> Option<PageCounts> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (!self.is_blind.load(Ordering::Relaxed)).then(|| PageCounts {
            hits: read(&self.hits),
            misses: read(&self.misses),
            writes: read(&self.writes),
            spills: read(&self.spills),
        })
    }

    fn add(&self, new: &CacheCounters) {
        self.hits.fetch_add(new.hits.into(), Ordering::Relaxed);
        self.misses.fetch_add(new.misses.into(), Ordering::Relaxed);
        self.writes.fetch_add(new.writes.into(), Ordering::Relaxed);
        self.spills.fetch_add(new.spills.into(), Ordering::Relaxed);
    }
}

/// Reads one connection's counters, which wrap at 2^32, often enough that none wraps twice.
#[derive(Debug)]
pub struct PageMeter {
    last: CacheCounters,
    gauge: Arc<PageGauge>,
}

impl PageMeter {
    /// Begins at the connection's present counters.
    pub fn new(conn: &Connection, gauge: Arc<PageGauge>) -> Self {
        Self { last: counters::read(conn).unwrap_or_default(), gauge }
    }

    /// Publishes what is new and returns the pages written; `None` if SQLite refuses.
    pub fn read(&mut self, conn: &Connection) -> Option<u32> {
        let Some(now) = counters::read(conn) else {
            self.gauge.is_blind.store(true, Ordering::Relaxed);
            return None;
        };
        let new = now.since(&self.last);
        self.last = now;
        self.gauge.add(&new);
        Some(new.writes)
    }

    /// The gauge that it adds to.
    pub fn gauge(&self) -> Arc<PageGauge> {
        self.gauge.clone()
    }
}

impl From<PageCounts> for LookUps {
    fn from(counts: PageCounts) -> Self {
        Self { hits: counts.hits, misses: counts.misses }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn counters_that_wrap_are_counted_on() {
        let folder = tempfile::tempdir().unwrap();
        let conn = Connection::open(folder.path().join("wrap.db")).unwrap();
        conn.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t(x)").unwrap();
        let gauge = Arc::new(PageGauge::default());
        let mut meter = PageMeter::new(&conn, gauge.clone());
        let before_wrap = CacheCounters { hits: u32::MAX, writes: u32::MAX, ..meter.last };
        let writes_now = meter.last.writes;
        meter.last = before_wrap;
        let written = meter.read(&conn).unwrap();
        assert_eq!(written, writes_now + 1);
        assert_eq!(gauge.counts().unwrap().writes, u64::from(writes_now) + 1);
    }

    #[test]
    fn a_gauge_that_cannot_be_read_says_so() {
        let gauge = PageGauge::default();
        assert_eq!(gauge.counts(), Some(PageCounts::default()));
        gauge.is_blind.store(true, Ordering::Relaxed);
        assert_eq!(gauge.counts(), None);
    }
}
