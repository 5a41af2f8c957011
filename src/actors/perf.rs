//! The actors that watch this process: started and stopped together, in every role.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Arbiter};
use tokio::time::timeout;

use super::cache::Cache;
use super::io_sampler::{IoSampler, StopSampling};
use super::lifeline::Lifelines;
use super::line::Line;
use super::stats_file::{PublishInputs, Publisher, StatsFile, StopStatsFile, Work};
use super::writer::WriteTotals;
use crate::clock::Clock;
use crate::ingest::source_status::SourceStatus;
use crate::perf::io::LatestIo;
use crate::perf::proc::Proc;
use crate::perf::stats_file::{Watcher, WriteShares};

/// Once a second, whatever the number of viewers.
const EVERY: Duration = Duration::from_secs(1);
/// Open peeks; more are answered 503.
const PEEK_ROOM: usize = 1_024;
const PEEK_DEADLINE: Duration = Duration::from_secs(5);

/// The running actors. The Cache is vital (decision 12); without the others its answers age and
/// say so.
pub struct PerfActors {
    /// How to ask them.
    pub lines: PerfLines,
    arbiters: [Arbiter; 3],
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
    /// The latest sample, to be read without asking.
    pub latest_io: Arc<LatestIo>,
}

/// What they need.
pub struct PerfParts {
    /// Where to read about this process.
    pub proc: Proc,
    /// The stats file.
    pub stats_path: PathBuf,
    /// What is published; `None` in a process that does not ingest: it looks at the file.
    pub ingest: Option<IngestParts>,
    /// The time.
    pub clock: Clock,
}

/// What a process that ingests publishes.
pub struct IngestParts {
    /// What the Writer wrote.
    pub totals: Arc<WriteTotals>,
    /// The brokers.
    pub sources: Vec<Arc<SourceStatus>>,
    /// The write ledger.
    pub shares: Arc<dyn WriteShares>,
    /// Whether the process serves too.
    pub is_serving: bool,
}

impl PerfActors {
    /// Starts them, each on a thread of its own.
    pub fn start(parts: PerfParts, lifelines: &Lifelines) -> Self {
        let PerfParts { proc, stats_path, ingest, clock } = parts;
        let arbiters = [Arbiter::new(), Arbiter::new(), Arbiter::new()];
        let [cache_arbiter, sampler_arbiter, file_arbiter] = &arbiters;

        let cache = Cache::new(clock.clone(), lifelines.attach("cache"));
        let cache = Cache::start_in_arbiter(&cache_arbiter.handle(), |_| cache);
        let cache = Line::new(cache, PEEK_ROOM, PEEK_DEADLINE);

        let latest_io = Arc::new(LatestIo::empty());
        let (latest, line) = (Arc::clone(&latest_io), cache.clone());
        let sampler = IoSampler::new(proc, latest, line, clock.clone(), Some(EVERY));
        let sampler = IoSampler::start_in_arbiter(&sampler_arbiter.handle(), |_| sampler);
        let io_sampler = Line::new(sampler, PEEK_ROOM, PEEK_DEADLINE);

        let work = work(stats_path, ingest, &latest_io);
        let file = StatsFile::new(work, cache.clone(), clock, Some(EVERY));
        let file = StatsFile::start_in_arbiter(&file_arbiter.handle(), |_| file);
        let stats_file = Line::new(file, PEEK_ROOM, PEEK_DEADLINE);

        Self { lines: PerfLines { cache, io_sampler, stats_file, latest_io }, arbiters }
    }

    /// Stops them; each step may take `step`. A thread that hangs on a dead disk is left behind.
    pub async fn stop(self, step: Duration) {
        let Self { lines, arbiters } = self;
        let file = timeout(step, lines.stats_file.peek::<_, ()>(StopStatsFile)).await;
        let sampler = timeout(step, lines.io_sampler.peek::<_, ()>(StopSampling)).await;
        let [cache_arbiter, sampler_arbiter, file_arbiter] = arbiters;
        let ended = [
            (cache_arbiter, true),
            (sampler_arbiter, is_done(sampler)),
            (file_arbiter, is_done(file)),
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

fn work(path: PathBuf, ingest: Option<IngestParts>, latest_io: &Arc<LatestIo>) -> Work {
    let Some(IngestParts { totals, sources, shares, is_serving }) = ingest else {
        return Work::Watch(Watcher::new(path));
    };
    let latest_io = Arc::clone(latest_io);
    let inputs = PublishInputs { totals, sources, latest_io, shares, is_shared: is_serving };
    Work::Publish(Box::new(Publisher::new(path, inputs)))
}
