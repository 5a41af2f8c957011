//! How a database is opened for writing.

use std::time::Duration;

use crate::clock::Clock;

/// How to open.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The time for `created_at`, `last_seen` clamps and hold times.
    pub clock: Clock,
    /// The writer's page cache; used only as far as batches touch pages.
    pub cache_kib: u32,
    /// How long to wait for a process that is not ours.
    pub busy_timeout: Duration,
    /// Whether regions are configured: without them `backfill_default_scope_v1` has no work.
    pub has_regions: bool,
    /// Raster of `observer_metrics.timestamp` in seconds (`metrics.sampleIntervalSec`); at least 1.
    pub metrics_interval_s: i64,
    /// A longer hold of the write lock is logged (`CORESCOPE_DB_SLOW_WRITER_MS`).
    pub slow_write: Duration,
}

impl OpenOptions {
    /// Returns the defaults of spec §1.1 with this clock.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            cache_kib: 32 << 10,
            busy_timeout: Duration::from_secs(5),
            has_regions: false,
            metrics_interval_s: 300,
            slow_write: Duration::from_millis(500),
        }
    }
}
