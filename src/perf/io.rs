//! From readings to rates: of the process and of each component of it.
//!
//! Rates are made once, by the sampler, from two consecutive valid readings; who looks how often
//! does not matter (000-22). Time between them is monotonic: a jump of the wall clock makes no
//! spike.

use std::collections::HashMap;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::proc::{IoCounters, Pressure, Reading, ThreadReading};
use super::signal::{NoValue, Signal};

/// A sample that is older is not shown; exactly this old is fresh (000-28).
pub const FRESH_MS: i64 = 5_000;

/// Two readings that are closer make no rate (spec §4.3).
const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// What is done in a second. Names are the original's (contract §2.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IoRates {
    /// Bytes fetched from storage.
    pub read_bytes_per_sec: f64,
    /// Bytes sent towards storage.
    pub write_bytes_per_sec: f64,
    /// Bytes of those that were never written.
    pub cancelled_write_bytes_per_sec: f64,
    /// Reading system calls.
    pub syscalls_read: f64,
    /// Writing system calls.
    pub syscalls_write: f64,
}

/// A part of the process, told by the names of its threads (decision 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The only connection that writes.
    Writer,
    /// The connections that read.
    Readers,
    /// Copies the WAL into the database.
    Checkpointer,
    /// The brokers' threads.
    Mqtt,
    /// The rest: HTTP, the actors' main thread, telemetry, threads that have ended.
    Rest,
}

impl Component {
    /// All of them, in the order of the enum.
    pub const ALL: [Self; 5] =
        [Self::Writer, Self::Readers, Self::Checkpointer, Self::Mqtt, Self::Rest];

    /// Returns the name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Writer => "writer",
            Self::Readers => "readers",
            Self::Checkpointer => "checkpointer",
            Self::Mqtt => "mqtt",
            Self::Rest => "rest",
        }
    }

    /// Returns the component of a thread of this name.
    pub fn of_thread(name: &str) -> Self {
        match name {
            "writer" => Self::Writer,
            "checkpointer" => Self::Checkpointer,
            _ if name.starts_with("reader-") || name.starts_with("loader-") => Self::Readers,
            _ if name.starts_with("mqtt-") => Self::Mqtt,
            _ => Self::Rest,
        }
    }
}

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Unix milliseconds.
    pub unix_ms: i64,
    /// Never goes backwards.
    pub monotonic: Duration,
}

/// What is known about one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct IoSample {
    /// When the reading was taken.
    pub at: Moment,
    /// The whole process.
    pub process: Signal<IoRates>,
    /// By [`Component`]; they add up to the process.
    pub components: [Signal<IoRates>; 5],
    /// The machine.
    pub pressure: Signal<Pressure>,
    /// Resident memory.
    pub rss_bytes: Signal<u64>,
    /// Free space of the database's volume.
    pub free_bytes: Signal<u64>,
}

/// The latest sample, for those who look without asking (decision 6).
pub type LatestIo = ArcSwapOption<IoSample>;

impl IoSample {
    /// Whether it says anything about `now`, a monotonic time.
    pub fn is_fresh(&self, now: Duration) -> bool {
        now.saturating_sub(self.at.monotonic) <= Duration::from_millis(FRESH_MS.unsigned_abs())
    }

    /// Returns the rates of one component.
    pub fn component(&self, component: Component) -> Signal<IoRates> {
        self.components[component as usize]
    }

    /// Returns what ingest does in a process that does everything: the writer's and the MQTT
    /// threads' share. Without MQTT threads it is the writer's.
    ///
    /// # Errors
    /// The writer's share is not known.
    pub fn ingest_share(&self) -> Signal<IoRates> {
        let writer = self.component(Component::Writer)?;
        match self.component(Component::Mqtt) {
            Ok(mqtt) => Ok(writer.plus(&mqtt)),
            Err(NoValue::NoThread) => Ok(writer),
            Err(reason) => Err(reason),
        }
    }
}

impl IoRates {
    fn plus(&self, other: &Self) -> Self {
        self.with(other, |a, b| a + b)
    }

    /// What is left of it; never below 0, because parts are read a moment before the whole.
    fn minus(&self, other: &Self) -> Self {
        self.with(other, |a, b| (a - b).max(0.0))
    }

    fn with(&self, other: &Self, merge: impl Fn(f64, f64) -> f64) -> Self {
        let cancelled = (self.cancelled_write_bytes_per_sec, other.cancelled_write_bytes_per_sec);
        Self {
            read_bytes_per_sec: merge(self.read_bytes_per_sec, other.read_bytes_per_sec),
            write_bytes_per_sec: merge(self.write_bytes_per_sec, other.write_bytes_per_sec),
            cancelled_write_bytes_per_sec: merge(cancelled.0, cancelled.1),
            syscalls_read: merge(self.syscalls_read, other.syscalls_read),
            syscalls_write: merge(self.syscalls_write, other.syscalls_write),
        }
    }

    /// Tells whether every rate is a number that can be one.
    pub fn is_sane(&self) -> bool {
        let rates = [
            self.read_bytes_per_sec,
            self.write_bytes_per_sec,
            self.cancelled_write_bytes_per_sec,
            self.syscalls_read,
            self.syscalls_write,
        ];
        rates.iter().all(|rate| rate.is_finite() && *rate >= 0.0)
    }
}

impl IoCounters {
    /// Returns what was done since `earlier`; `None` if any counter went backwards.
    fn since(&self, earlier: &Self) -> Option<Self> {
        Some(Self {
            read_bytes: self.read_bytes.checked_sub(earlier.read_bytes)?,
            write_bytes: self.write_bytes.checked_sub(earlier.write_bytes)?,
            cancelled_write_bytes: self
                .cancelled_write_bytes
                .checked_sub(earlier.cancelled_write_bytes)?,
            read_calls: self.read_calls.checked_sub(earlier.read_calls)?,
            write_calls: self.write_calls.checked_sub(earlier.write_calls)?,
        })
    }

    fn per_second(&self, interval: Duration) -> IoRates {
        let seconds = interval.as_secs_f64();
        let rate = |count: u64| count as f64 / seconds;
        IoRates {
            read_bytes_per_sec: rate(self.read_bytes),
            write_bytes_per_sec: rate(self.write_bytes),
            cancelled_write_bytes_per_sec: rate(self.cancelled_write_bytes),
            syscalls_read: rate(self.read_calls),
            syscalls_write: rate(self.write_calls),
        }
    }
}

/// Keeps the latest valid readings and makes rates of the next.
#[derive(Debug, Default)]
pub struct IoMeter {
    process: Option<(Duration, IoCounters)>,
    threads: Option<(Duration, HashMap<u32, ThreadReading>)>,
}

impl IoMeter {
    /// Makes a sample of a reading. A reading that failed leaves the earlier one in place, with
    /// its own time, so the next rate spans the gap (000-19).
    pub fn measure(&mut self, reading: Reading, at: Moment) -> IoSample {
        let process = reading.process.and_then(|now| self.measure_process(now, at.monotonic));
        let components = match reading.threads {
            Ok(threads) => self.measure_threads(threads, at.monotonic, &process),
            Err(reason) => [Err(reason); 5],
        };
        IoSample {
            at,
            process,
            components,
            pressure: reading.pressure,
            rss_bytes: reading.rss_bytes,
            free_bytes: reading.free_bytes,
        }
    }

    fn measure_process(&mut self, now: IoCounters, at: Duration) -> Signal<IoRates> {
        let (earlier_at, earlier) = match self.process {
            Some(earlier) => earlier,
            None => {
                self.process = Some((at, now));
                return Err(NoValue::First);
            }
        };
        let interval = interval(earlier_at, at)?;
        self.process = Some((at, now));
        let done = now.since(&earlier).ok_or(NoValue::Backwards)?;
        Ok(done.per_second(interval))
    }

    fn measure_threads(
        &mut self,
        threads: Vec<ThreadReading>,
        at: Duration,
        process: &Signal<IoRates>,
    ) -> [Signal<IoRates>; 5] {
        let now: HashMap<u32, ThreadReading> =
            threads.into_iter().map(|thread| (thread.id, thread)).collect();
        let Some((earlier_at, earlier)) = &self.threads else {
            self.threads = Some((at, now));
            return [Err(NoValue::First); 5];
        };
        let interval = match interval(*earlier_at, at) {
            Ok(interval) => interval,
            Err(reason) => return [Err(reason); 5],
        };
        let mut rates: [Signal<IoRates>; 5] = [Err(NoValue::NoThread); 5];
        for thread in now.values() {
            let rate = done_by(thread, earlier.get(&thread.id)).per_second(interval);
            let sum = &mut rates[Component::of_thread(&thread.name) as usize];
            *sum = Ok(sum.map_or(rate, |sum| sum.plus(&rate)));
        }
        rates[Component::Rest as usize] = rest(process, &rates);
        self.threads = Some((at, now));
        rates
    }
}

/// Returns what a thread did since the earlier reading. A thread that was not there, or an id that
/// is used again (another name, or counters that are lower), began at zero in between.
fn done_by(thread: &ThreadReading, earlier: Option<&ThreadReading>) -> IoCounters {
    earlier
        .filter(|earlier| earlier.name == thread.name)
        .and_then(|earlier| thread.counters.since(&earlier.counters))
        .unwrap_or(thread.counters)
}

/// The process without the named components, so that threads which have ended are in it too.
fn rest(process: &Signal<IoRates>, rates: &[Signal<IoRates>; 5]) -> Signal<IoRates> {
    let named = rates[..Component::Rest as usize].iter().flatten();
    Ok(named.fold((*process)?, |left, named| left.minus(named)))
}

fn interval(earlier: Duration, now: Duration) -> Signal<Duration> {
    now.checked_sub(earlier).filter(|gap| *gap >= INTERVAL_MIN).ok_or(NoValue::TooClose)
}
