//! What may hold a backfill up: signals with a level at which each throttles and a lower one at
//! which it lets go. A signal that cannot be read throttles too (`design/backfill.md` §10.13, §10.14).

use std::time::Duration;

use serde::Serialize;

/// Levels of one signal. Values grow with trouble.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// From here on it throttles; infinite switches the signal off.
    pub throttle_at: f64,
    /// Down to here it goes on throttling.
    pub release_at: f64,
}

impl Level {
    /// Throttles from `throttle_at` until it is down at `release_at`.
    pub const fn new(throttle_at: f64, release_at: f64) -> Self {
        Self { throttle_at, release_at }
    }

    /// A signal that is not looked at.
    pub const OFF: Self = Self::new(f64::INFINITY, f64::INFINITY);
}

/// Levels of all signals. Each can be set or switched off in the configuration (decision 20).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Milliseconds since the ingest queue moved while something waits in it. A group is gathered
    /// for up to a second when it is quiet.
    pub queue_age_ms: Level,
    /// Share of the ingest queue that is taken.
    pub queue_share: Level,
    /// Pages in the WAL, counted as 0 when all are in the database: stop at 3,500, which keeps the
    /// file below 16 MB, go on when the WAL can start again (§10.10).
    pub wal_pages: Level,
    /// Seconds for which the WAL could not be moved into the database though none of our readers
    /// was open so long: a reader of another process pins it.
    pub foreign_reader_s: Level,
    /// Queries that wait for a free reader.
    pub readers_waiting: Level,
    /// How long one of a hundred queries takes, over 10 s.
    pub reader_p99_ms: Level,
    /// 1 while a backup reads the database.
    pub backup: Level,
    /// Percent of the time in which something waited for the disk, over 10 s.
    pub io_pressure: Level,
    /// Share of the free space that the database's log may need.
    pub disk: Level,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_age_ms: Level::new(2_500.0, 1_500.0),
            queue_share: Level::new(0.5, 0.25),
            wal_pages: Level::new(3_500.0, 0.0),
            foreign_reader_s: Level::new(5.0, 0.0),
            readers_waiting: Level::new(32.0, 8.0),
            reader_p99_ms: Level::new(250.0, 100.0),
            backup: Level::new(1.0, 0.0),
            io_pressure: Level::new(60.0, 40.0),
            disk: Level::new(1.0, 0.8),
        }
    }
}

impl Limits {
    /// The level of a signal by its name in the configuration; `None` if there is none.
    pub fn level_mut(&mut self, name: &str) -> Option<&mut Level> {
        Some(match name {
            "queueAgeMs" => &mut self.queue_age_ms,
            "queueShare" => &mut self.queue_share,
            "walPages" => &mut self.wal_pages,
            "foreignReaderSec" => &mut self.foreign_reader_s,
            "readersWaiting" => &mut self.readers_waiting,
            "readerP99Ms" => &mut self.reader_p99_ms,
            "backup" => &mut self.backup,
            "ioPressure" => &mut self.io_pressure,
            "disk" => &mut self.disk,
            _ => return None,
        })
    }
}

/// What was read. `None` means that it could not be read, which is no 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Readings {
    /// See [`Limits::queue_age_ms`]; 0 when nothing waits.
    pub queue_age_ms: Option<f64>,
    /// See [`Limits::queue_share`].
    pub queue_share: Option<f64>,
    /// See [`Limits::wal_pages`].
    pub wal_pages: Option<f64>,
    /// See [`Limits::foreign_reader_s`].
    pub foreign_reader_s: Option<f64>,
    /// See [`Limits::readers_waiting`].
    pub readers_waiting: Option<f64>,
    /// See [`Limits::reader_p99_ms`]; 0 when hardly anybody asks.
    pub reader_p99_ms: Option<f64>,
    /// See [`Limits::backup`].
    pub backup: Option<f64>,
    /// See [`Limits::io_pressure`].
    pub io_pressure: Option<f64>,
    /// See [`Limits::disk`].
    pub disk: Option<f64>,
}

/// A job that frees space needs so much less of it: 32 MiB where others need 256.
const FREEING_SHARE: f64 = 0.125;

impl Readings {
    /// Nothing is the matter; for work without anybody beside it.
    pub const QUIET: Self = Self {
        queue_age_ms: Some(0.0),
        queue_share: Some(0.0),
        wal_pages: Some(0.0),
        foreign_reader_s: Some(0.0),
        readers_waiting: Some(0.0),
        reader_p99_ms: Some(0.0),
        backup: Some(0.0),
        io_pressure: Some(0.0),
        disk: Some(0.0),
    };

    /// What they are to a job that frees space: only the room for its own log has to be there.
    #[must_use]
    pub fn of_freeing(self) -> Self {
        Self { disk: self.disk.map(|share| share * FREEING_SHARE), ..self }
    }
}

#[derive(Clone, Debug, Default)]
struct Signal {
    is_throttling: bool,
    unreadable_since: Option<Duration>,
}

const SIGNALS: usize = 9;
const NAMES: [&str; SIGNALS] = [
    "the age of the ingest queue",
    "the ingest queue",
    "the write-ahead log",
    "a reader of another process",
    "the queue of readers",
    "the 99th percentile of reads",
    "a backup",
    "the disk's pressure",
    "the free space",
];
/// Slow reads may be nobody's doing, see [`HealthGate::is_held_by_reads_alone`].
const READS: usize = 5;
/// Those that open and shut by design say nothing about how busy it is: log, foreign reader, backup.
const NO_LOAD: [usize; 3] = [2, 3, 6];
const DISK: usize = 8;

/// Remembers which signals throttle.
#[derive(Clone, Debug, Default)]
pub struct HealthGate {
    signals: [Signal; SIGNALS],
}

impl HealthGate {
    /// Says why nothing may run at `now` (monotonic), or `None`.
    pub fn check(&mut self, readings: &Readings, limits: &Limits, now: Duration) -> Option<String> {
        let mut reason = None;
        let pairs = pairs(readings, limits);
        for ((signal, (value, level)), name) in self.signals.iter_mut().zip(pairs).zip(NAMES) {
            reason = signal.check(name, value, level, now).or(reason);
        }
        reason
    }

    /// Whether the free space, and nothing else, was too small at the last look.
    pub fn is_short_of_space_only(&self) -> bool {
        let mut signals = self.signals.iter().enumerate();
        signals.all(|(index, signal)| {
            signal.unreadable_since.is_none() && signal.is_throttling == (index == DISK)
        })
    }

    /// Whether reads are slow, whatever else is the matter.
    pub fn are_reads_slow(&self) -> bool {
        self.signals[READS].holds_up()
    }

    /// Whether nothing but slow reads holds up. On a database whose indexes are still to be built
    /// they are slow without us, and only going on makes them faster.
    pub fn is_held_by_reads_alone(&self) -> bool {
        let holding = |(index, signal): (usize, &Signal)| signal.holds_up() == (index == READS);
        self.signals.iter().enumerate().all(holding)
    }
}

impl Signal {
    fn holds_up(&self) -> bool {
        self.is_throttling || self.unreadable_since.is_some()
    }

    fn check(
        &mut self,
        name: &str,
        value: Option<f64>,
        level: Level,
        now: Duration,
    ) -> Option<String> {
        if level.throttle_at == f64::INFINITY {
            *self = Self::default();
            return None;
        }
        let Some(value) = value.filter(|value| value.is_finite()) else {
            let since = *self.unreadable_since.get_or_insert(now);
            let for_s = now.saturating_sub(since).as_secs();
            return Some(format!("{name} cannot be read for {for_s} s"));
        };
        self.unreadable_since = None;
        let bound = if self.is_throttling { level.release_at } else { level.throttle_at };
        self.is_throttling = if self.is_throttling { value > bound } else { value >= bound };
        self.is_throttling.then(|| {
            format!("{name} is at {}, it has to go down to {}", tell(value), tell(level.release_at))
        })
    }
}

fn tell(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// How busy it is: the worst signal's share of its level.
pub fn utilisation(readings: &Readings, limits: &Limits) -> f64 {
    pairs(readings, limits)
        .into_iter()
        .enumerate()
        .filter(|(index, _)| !NO_LOAD.contains(index))
        .filter_map(|(_, (value, level))| Some(value? / level.throttle_at))
        .fold(0.0, f64::max)
}

fn pairs(readings: &Readings, limits: &Limits) -> [(Option<f64>, Level); SIGNALS] {
    [
        (readings.queue_age_ms, limits.queue_age_ms),
        (readings.queue_share, limits.queue_share),
        (readings.wal_pages, limits.wal_pages),
        (readings.foreign_reader_s, limits.foreign_reader_s),
        (readings.readers_waiting, limits.readers_waiting),
        (readings.reader_p99_ms, limits.reader_p99_ms),
        (readings.backup, limits.backup),
        (readings.io_pressure, limits.io_pressure),
        (readings.disk, limits.disk),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_signal_throttles_until_it_is_well_below_its_level() {
        let (mut gate, limits) = (HealthGate::default(), Limits::default());
        let age = |ms| Readings { queue_age_ms: Some(ms), ..Readings::QUIET };
        assert_eq!(gate.check(&age(2_499.0), &limits, s(0)), None);
        let reason = gate.check(&age(2_500.0), &limits, s(1));
        let wanted = "the age of the ingest queue is at 2500, it has to go down to 1500";
        assert_eq!(reason.as_deref(), Some(wanted));
        assert!(gate.check(&age(1_501.0), &limits, s(2)).is_some(), "hysteresis");
        assert_eq!(gate.check(&age(1_500.0), &limits, s(3)), None);
        assert_eq!(gate.check(&age(2_400.0), &limits, s(4)), None);
    }

    #[test]
    fn the_log_holds_up_until_all_of_it_is_in_the_database() {
        let (mut gate, limits) = (HealthGate::default(), Limits::default());
        let wal = |pages| Readings { wal_pages: Some(pages), ..Readings::QUIET };
        assert_eq!(gate.check(&wal(3_499.0), &limits, s(0)), None);
        assert!(gate.check(&wal(3_500.0), &limits, s(0)).is_some());
        assert!(gate.check(&wal(2.0), &limits, s(0)).is_some());
        assert_eq!(gate.check(&wal(0.0), &limits, s(0)), None);
    }

    #[test]
    fn what_cannot_be_read_throttles_and_says_for_how_long() {
        let (mut gate, limits) = (HealthGate::default(), Limits::default());
        let blind = Readings { disk: None, ..Readings::QUIET };
        assert!(gate.check(&blind, &limits, s(10)).is_some());
        let reason = gate.check(&blind, &limits, s(17));
        assert_eq!(reason.as_deref(), Some("the free space cannot be read for 7 s"));
        assert_eq!(gate.check(&Readings::QUIET, &limits, s(18)), None);
        let nan = Readings { disk: Some(f64::NAN), ..Readings::QUIET };
        assert!(gate.check(&nan, &limits, s(19)).is_some());
        let off = Limits { disk: Level::OFF, ..limits };
        assert_eq!(gate.check(&blind, &off, s(20)), None, "a signal that is off says nothing");
    }

    #[test]
    fn every_signal_holds_up_by_itself_says_which_it_is_and_can_be_switched_off() {
        // Decision 20, §10.13.
        let names = [
            "queueAgeMs",
            "queueShare",
            "walPages",
            "foreignReaderSec",
            "readersWaiting",
            "readerP99Ms",
            "backup",
            "ioPressure",
            "disk",
        ];
        let high = |index: usize| {
            let mut values = [Some(0.0); SIGNALS];
            values[index] = Some(1e9);
            let [
                queue_age_ms,
                queue_share,
                wal_pages,
                foreign_reader_s,
                readers_waiting,
                reader_p99_ms,
                backup,
                io_pressure,
                disk,
            ] = values;
            Readings {
                queue_age_ms,
                queue_share,
                wal_pages,
                foreign_reader_s,
                readers_waiting,
                reader_p99_ms,
                backup,
                io_pressure,
                disk,
            }
        };
        for (index, name) in names.into_iter().enumerate() {
            let (mut gate, mut limits) = (HealthGate::default(), Limits::default());
            let reason = gate.check(&high(index), &limits, s(0)).unwrap_or_default();
            assert!(reason.starts_with(NAMES[index]), "{name}: {reason}");
            assert_eq!(gate.check(&Readings::QUIET, &limits, s(1)), None, "{name}");
            if let Some(level) = limits.level_mut(name) {
                *level = Level::OFF;
            }
            assert_eq!(gate.check(&high(index), &limits, s(2)), None, "{name} is off");
        }
        assert_eq!(Limits::default().level_mut("nonsense"), None);
    }

    #[test]
    fn utilisation_is_that_of_the_worst_signal() {
        let limits = Limits::default();
        let readings =
            Readings { queue_share: Some(0.35), readers_waiting: Some(8.0), ..Readings::QUIET };
        assert!((utilisation(&readings, &limits) - 0.7).abs() < 1e-9);
        let full_log = Readings { wal_pages: Some(9e9), ..Readings::QUIET };
        assert_eq!(utilisation(&full_log, &limits), 0.0);
    }
}
