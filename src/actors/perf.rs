//! The actors that watch this process: started and stopped together, in every role.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Arbiter};
use arc_swap::ArcSwap;
use tokio::time::timeout;

use super::cache::Cache;
use super::io_sampler::{IoSampler, SamplerParts, StopSampling};
use super::lifeline::Lifelines;
use super::line::Line;
use super::stats_file::{PublishInputs, Publisher, StatsFile, StopStatsFile, Work};
use super::vitals::{StopVitals, Vitals, VitalsInputs, WriteSide};
use crate::clock::Clock;
use crate::db::probe::SqliteProbe;
use crate::ingest::source_status::SourceStatus;
use crate::perf::ingestor::Look;
use crate::perf::io::{IoSample, LatestIo};
use crate::perf::lag::LoopLag;
use crate::perf::proc::Proc;
use crate::perf::stats_file::Watcher;
use crate::perf::vitals::LatestVitals;

/// How often figures are taken, whatever the number of viewers.
pub const EVERY: Duration = Duration::from_secs(1);
/// Open peeks; more are answered 503.
const PEEK_ROOM: usize = 1_024;
const PEEK_DEADLINE: Duration = Duration::from_secs(5);

/// The running actors. The Cache is vital (decision 12); without the others its answers age and
/// say so.
pub struct PerfActors {
    /// How to ask them.
    pub lines: PerfLines,
    arbiters: [Arbiter; 4],
}

/// How to ask them; a cheap handle.
#[derive(Clone)]
pub struct PerfLines {
    /// Ready bodies.
    pub cache: Line<Cache>,
    /// The hour behind us.
    pub io_sampler: Line<IoSampler>,
    /// What became of the stats file.
    pub stats_file: Line<StatsFile>,
    /// Looks at the database, and judges.
    pub vitals: Line<Vitals>,
    /// The latest sample, to be read without asking.
    pub latest_io: Arc<LatestIo>,
    /// The latest look, to be read without asking.
    pub latest_vitals: Arc<LatestVitals>,
    /// What the latest look at the stats of ingest found.
    pub latest_look: Arc<ArcSwap<Look>>,
    /// What a process that writes counts; `None` in another.
    pub write_side: Option<WriteSide>,
}

impl PerfLines {
    /// Returns the latest sample, unless the sampler has fallen silent.
    pub fn fresh_io(&self, now: Duration) -> Option<Arc<IoSample>> {
        self.latest_io.load_full().filter(|sample| sample.is_fresh(now))
    }

    /// Returns how old the stats of ingest are; `None` if there are none.
    pub fn stats_age_ms(&self, now_ms: i64) -> Option<i64> {
        match &**self.latest_look.load() {
            Look::Stats(stats) => Some(now_ms.saturating_sub(stats.sampled_at_ms)),
            Look::NotYet | Look::Missing | Look::Unreadable(_) => None,
        }
    }
}

/// What they need.
pub struct PerfParts {
    /// Where to read about this process.
    pub proc: Proc,
    /// The stats file.
    pub stats_path: PathBuf,
    /// What is published; `None` in a process that does not ingest: it looks at the file.
    pub ingest: Option<IngestParts>,
    /// The database.
    pub probe: SqliteProbe,
    /// The main arbiter's lag.
    pub loop_lag: Arc<LoopLag>,
    /// Where what is normal is kept.
    pub normals_path: PathBuf,
    /// The time.
    pub clock: Clock,
    /// How often figures are taken ([`EVERY`]); `None` only when told to.
    pub every: Option<Duration>,
}

/// What a process that ingests publishes.
pub struct IngestParts {
    /// What was written.
    pub write_side: WriteSide,
    /// The brokers.
    pub sources: Vec<Arc<SourceStatus>>,
    /// Whether the process serves too.
    pub is_serving: bool,
}

impl PerfActors {
    /// Starts them, each on a thread of its own.
    pub fn start(parts: PerfParts, lifelines: &Lifelines) -> Self {
        let PerfParts { clock, every, .. } = &parts;
        let arbiters = [Arbiter::new(), Arbiter::new(), Arbiter::new(), Arbiter::new()];
        let [cache_arbiter, sampler_arbiter, file_arbiter, vitals_arbiter] = &arbiters;

        let ledger = parts.ingest.as_ref().map(|ingest| Arc::clone(&ingest.write_side.ledger));
        let cache = Cache::new(clock.clone(), lifelines.attach("cache")).with_ledger(ledger);
        let cache = Cache::start_in_arbiter(&cache_arbiter.handle(), |_| cache);
        let cache = Line::new(cache, PEEK_ROOM, PEEK_DEADLINE);

        let latest_io = Arc::new(LatestIo::empty());
        let sampler = IoSampler::new(SamplerParts {
            proc: parts.proc.clone(),
            latest: Arc::clone(&latest_io),
            cache: cache.clone(),
            clock: clock.clone(),
            every: *every,
        });
        let sampler = IoSampler::start_in_arbiter(&sampler_arbiter.handle(), |_| sampler);
        let io_sampler = Line::new(sampler, PEEK_ROOM, PEEK_DEADLINE);

        let file = StatsFile::new(parts.work(&latest_io), cache.clone(), clock.clone(), *every);
        let latest_look = file.latest();
        let file = StatsFile::start_in_arbiter(&file_arbiter.handle(), |_| file);
        let stats_file = Line::new(file, PEEK_ROOM, PEEK_DEADLINE);

        let latest_vitals = Arc::new(LatestVitals::empty());
        let (clock, every) = (clock.clone(), *every);
        let write_side = parts.ingest.as_ref().map(|ingest| ingest.write_side.clone());
        let inputs = parts.vitals(&latest_io, Arc::clone(&latest_look));
        let vitals = Vitals::new(inputs, Arc::clone(&latest_vitals), clock, every);
        let vitals = Vitals::start_in_arbiter(&vitals_arbiter.handle(), |_| vitals);
        let vitals = Line::new(vitals, PEEK_ROOM, PEEK_DEADLINE);

        let lines = PerfLines {
            cache,
            io_sampler,
            stats_file,
            vitals,
            latest_io,
            latest_vitals,
            latest_look,
            write_side,
        };
        Self { lines, arbiters }
    }

    /// Stops them; each step may take `step`. A thread that hangs on a dead disk is left behind.
    pub async fn stop(self, step: Duration) {
        let Self { lines, arbiters } = self;
        let file = timeout(step, lines.stats_file.peek::<_, ()>(StopStatsFile)).await;
        let sampler = timeout(step, lines.io_sampler.peek::<_, ()>(StopSampling)).await;
        let vitals = timeout(step, lines.vitals.peek::<_, ()>(StopVitals)).await;
        let [cache_arbiter, sampler_arbiter, file_arbiter, vitals_arbiter] = arbiters;
        let ended = [
            (cache_arbiter, true),
            (sampler_arbiter, is_done(sampler)),
            (file_arbiter, is_done(file)),
            (vitals_arbiter, is_done(vitals)),
        ];
        for (arbiter, is_idle) in ended {
            arbiter.stop();
            if is_idle {
                // Joining must not block the runtime.
                let _ = tokio::task::spawn_blocking(move || arbiter.join()).await;
            }
        }
    }
}

/// Tells whether the actor's thread is idle: it has answered, or its actor is gone.
fn is_done<T>(
    answer: Result<Result<T, super::line::AskError<()>>, tokio::time::error::Elapsed>,
) -> bool {
    !matches!(answer, Err(_) | Ok(Err(super::line::AskError::TimedOut(_))))
}

impl PerfParts {
    fn work(&self, latest_io: &Arc<LatestIo>) -> Work {
        let path = self.stats_path.clone();
        let Some(IngestParts { write_side, sources, is_serving }) = &self.ingest else {
            return Work::Watch(Watcher::new(path));
        };
        let inputs = PublishInputs {
            totals: Arc::clone(&write_side.totals),
            sources: sources.clone(),
            latest_io: Arc::clone(latest_io),
            shares: Arc::clone(&write_side.ledger) as _,
            is_shared: *is_serving,
        };
        Work::Publish(Box::new(Publisher::new(path, inputs)))
    }

    fn vitals(self, latest_io: &Arc<LatestIo>, latest_look: Arc<ArcSwap<Look>>) -> VitalsInputs {
        VitalsInputs {
            probe: self.probe,
            write_side: self.ingest.map(|ingest| ingest.write_side),
            latest_io: Arc::clone(latest_io),
            latest_look,
            loop_lag: self.loop_lag,
            normals_path: self.normals_path,
        }
    }
}
