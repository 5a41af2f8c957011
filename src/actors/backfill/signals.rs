//! Reads what may hold a migration up: shared gauges, the free space, the disk's pressure.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::config::SignalLevel;
use crate::db::{Readers, WalGauges};
use crate::perf::backfill::health::{Level, Limits, Readings};
use crate::perf::intake::IntakeGauge;
use crate::perf::recent::Recent;

/// What the log and a checkpoint may need beside it.
const FREE_BYTES_NEEDED: f64 = 256.0 * 1024.0 * 1024.0;
/// What costs a system call is read no more often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A disk that is under such pressure while nothing runs says nothing of us (decision 20).
const IDLE_PRESSURE_MAX: f64 = 10.0;
/// So many receptions are a group that is due, whatever Intake says yet.
const GROUP_ROWS: usize = 250;
const PRESSURE: &str = "/proc/pressure/io";

/// What it reads without asking.
#[derive(Clone)]
pub struct Signals {
    /// The ingest queue.
    pub gauge: Arc<IntakeGauge>,
    /// The write-ahead log; `None` where nobody checkpoints.
    pub wal: Option<Arc<WalGauges>>,
    /// Who waits for a reader; `None` where nobody reads.
    pub readers: Option<Readers>,
    /// Whether a backup reads the database; `None` where there is none.
    pub backup: Option<Arc<AtomicBool>>,
    /// How long receptions have waited for the writer.
    pub ingest_waits: Arc<Recent>,
    /// Levels that are not the usual ones.
    pub levels: Vec<SignalLevel>,
    /// The folder of the database; `None` does not look at the free space.
    pub folder: Option<PathBuf>,
    /// The time.
    pub clock: Clock,
}

/// The last look at what costs a system call.
pub(super) struct Looked {
    /// Pages from which the log is wanted in the database.
    log_pages_wanted: f64,
    at: Option<Duration>,
    io_pressure: Option<f64>,
    disk: Option<f64>,
    /// Since when the log has been wanted in the database in vain.
    stuck_since: Option<Duration>,
}

impl Looked {
    /// The log is wanted in the database where the gate shuts; where it never does, at the usual
    /// length.
    pub(super) fn new(limits: &Limits) -> Self {
        let set = Some(limits.wal_pages.throttle_at).filter(|pages| pages.is_finite());
        Self {
            log_pages_wanted: set.unwrap_or(Limits::default().wal_pages.throttle_at),
            at: None,
            io_pressure: None,
            disk: None,
            stuck_since: None,
        }
    }
}

impl Signals {
    /// Levels for this machine: what is not there is not looked at.
    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        let is_calm = read_pressure().is_some_and(|percent| percent <= IDLE_PRESSURE_MAX);
        if !is_calm {
            limits.io_pressure = Level::OFF;
        }
        if self.folder.is_none() {
            limits.disk = Level::OFF;
        }
        for SignalLevel { signal, throttle_at, release_at } in &self.levels {
            if let Some(level) = limits.level_mut(signal) {
                *level = Level::new(*throttle_at, *release_at);
            }
        }
        limits
    }

    /// Whether receptions are on their way to the writer.
    pub(super) fn is_writer_wanted(&self) -> bool {
        self.gauge.is_committing() || self.gauge.depth() >= GROUP_ROWS
    }

    /// Reads everything.
    pub(super) fn read(&self, looked: &mut Looked) -> Readings {
        let counts = self.gauge.counts(self.clock.now_ms());
        self.look(looked);
        Readings {
            queue_age_ms: Some(counts.oldest_ms.unwrap_or(0) as f64),
            queue_share: Some(counts.depth as f64 / counts.capacity.max(1) as f64),
            wal_pages: self.wal_pages(looked),
            foreign_reader_s: self.foreign_reader_s(looked),
            readers_waiting: Some(self.readers.as_ref().map_or(0, Readers::waiting) as f64),
            reader_p99_ms: Some(self.readers.as_ref().and_then(Readers::p99_ms).unwrap_or(0.0)),
            backup: Some(f64::from(u8::from(self.is_backup_running()))),
            io_pressure: looked.io_pressure,
            disk: looked.disk,
        }
    }

    /// Wants nothing of others any more: nobody waits.
    pub(super) fn rest(&self) {
        if let Some(wal) = &self.wal {
            wal.want_checkpoint(false);
        }
    }

    /// Asks the checkpointer to see to the log from when the gate is shut.
    fn wal_pages(&self, looked: &Looked) -> Option<f64> {
        let Some(wal) = &self.wal else { return Some(0.0) };
        wal.unsettled_pages(looked.log_pages_wanted)
    }

    /// How long the whole log has been wanted in the database in vain, unless one of our own
    /// readers has been open as long.
    fn foreign_reader_s(&self, looked: &mut Looked) -> Option<f64> {
        let Some(wal) = &self.wal else { return Some(0.0) };
        let (log, debt) = (wal.log_pages()?, wal.debt_pages()?);
        let is_wanted = f64::from(log) >= looked.log_pages_wanted && debt > 0;
        let now = self.clock.monotonic();
        looked.stuck_since = is_wanted.then(|| looked.stuck_since.unwrap_or(now));
        let stuck = looked.stuck_since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        let own = self.readers.as_ref().and_then(Readers::open_reads);
        let is_own = own.is_some_and(|(_, oldest)| oldest >= stuck);
        Some(if is_own { 0.0 } else { stuck.as_secs_f64() })
    }

    fn is_backup_running(&self) -> bool {
        self.backup.as_ref().is_some_and(|backup| backup.load(Ordering::Relaxed))
    }

    /// How long one of a hundred groups of receptions waits for the writer, in milliseconds of the
    /// last 10 s; `None` if hardly any come.
    pub(super) fn ingest_wait_p99_ms(&self) -> Option<f64> {
        self.ingest_waits.p99_ms(self.clock.monotonic())
    }

    fn look(&self, looked: &mut Looked) {
        let now = self.clock.monotonic();
        if looked.at.is_some_and(|at| now.saturating_sub(at) < LOOK_EVERY) {
            return;
        }
        looked.at = Some(now);
        looked.io_pressure = read_pressure();
        looked.disk = self.folder.as_deref().and_then(read_disk);
    }
}

/// Share of the free space that is needed.
fn read_disk(folder: &Path) -> Option<f64> {
    let volume = rustix::fs::statvfs(folder).ok()?;
    let free = (volume.f_bavail * volume.f_frsize) as f64;
    Some(FREE_BYTES_NEEDED / free.max(1.0))
}

/// Percent of the last 10 s in which something waited for a disk.
fn read_pressure() -> Option<f64> {
    let text = std::fs::read_to_string(PRESSURE).ok()?;
    let line = text.lines().find(|line| line.starts_with("some"))?;
    line.split_whitespace().find_map(|word| word.strip_prefix("avg10="))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perf::backfill::HealthGate;

    fn signals() -> Signals {
        Signals {
            gauge: Arc::new(IntakeGauge::new(10)),
            wal: None,
            readers: None,
            backup: None,
            ingest_waits: Arc::default(),
            levels: Vec::new(),
            folder: None,
            clock: Clock::manual(0),
        }
    }

    #[test]
    fn a_backup_that_is_under_way_holds_migrations_up_and_lets_them_go() {
        // §10.13.
        let backup = Arc::new(AtomicBool::new(false));
        let signals = Signals { backup: Some(Arc::clone(&backup)), ..signals() };
        // The pressure on this machine's disk is none of this test's business.
        let limits = Limits { io_pressure: Level::OFF, ..signals.limits() };
        let (mut gate, mut looked) = (HealthGate::default(), Looked::new(&limits));
        let mut reason =
            || gate.check(&signals.read(&mut looked), &limits, signals.clock.monotonic());
        assert_eq!(reason(), None);
        backup.store(true, Ordering::Relaxed);
        assert!(reason().is_some_and(|reason| reason.starts_with("a backup")));
        backup.store(false, Ordering::Relaxed);
        assert_eq!(reason(), None);
    }

    #[test]
    fn the_log_is_wanted_in_the_database_from_the_configured_length_on() {
        let level = |throttle_at| SignalLevel { signal: "walPages", throttle_at, release_at: 0.0 };
        for (levels, pages, is_wanted) in [
            (vec![level(500.0)], 499, false),
            (vec![level(500.0)], 500, true),
            (vec![level(9_000.0)], 8_999, false),
            (vec![], 3_500, true),
            (vec![level(f64::INFINITY)], 3_500, true),
        ] {
            let wal = Arc::new(WalGauges::default());
            wal.note_written(Some(pages));
            let signals = Signals { wal: Some(Arc::clone(&wal)), levels, ..signals() };
            let mut looked = Looked::new(&signals.limits());
            signals.read(&mut looked);
            signals.clock.advance_ms(7_000);
            let stuck_s = signals.read(&mut looked).foreign_reader_s;
            let wanted = (is_wanted, Some(if is_wanted { 7.0 } else { 0.0 }));
            assert_eq!((wal.is_checkpoint_wanted(), stuck_s), wanted, "{pages} pages");
        }
    }
}
