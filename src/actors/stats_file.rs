//! `StatsFile`: publishes the stats file of a process that ingests, or looks at the one of another
//! process, once a second, on a thread of its own: a slow disk holds up nobody.
//!
//! ## Messages
//! | message | answer |
//! |---|---|
//! | [`Tick`] | told to itself, a second after the last one was done |
//! | [`PeekStatsFile`] | what became of the ticks |
//! | [`StopStatsFile`] | it ends; nothing is written after the answer (000-25) |
//!
//! It tells the Cache what it published or found. A failure is logged once until it changes and
//! never ends anything.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message, MessageResult};
use arc_swap::ArcSwap;

use super::cache::{Cache, ShowStats};
use super::line::Line;
use super::writer::WriteTotals;
use crate::clock::Clock;
use crate::db::WriteCounts;
use crate::ingest::source_status::{SourceSnapshot, SourceStatus};
use crate::perf::ingestor::{IngestorStats, Look, Origin};
use crate::perf::io::{FRESH_MS, IoRates, LatestIo};
use crate::perf::stats_file::{
    LookError, Looked, SourceIngest, SourceLiveness, SourceRow, StatsFile as Content, Watcher,
    WriteCounters, WriteShares, publish,
};

const MAILBOX_CAPACITY: usize = 16;
const THREAD_NAME: &CStr = c"stats-file";

/// The actor. See the module.
pub struct StatsFile {
    work: Work,
    counts: StatsFileCounts,
    latest: Arc<ArcSwap<Look>>,
    cache: Line<Cache>,
    clock: Clock,
    every: Option<Duration>,
}

/// What a tick does.
pub enum Work {
    /// Publishes our own figures.
    Publish(Box<Publisher>),
    /// Looks at another process's.
    Watch(Watcher),
}

/// What became of the ticks since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatsFileCounts {
    /// Files written, or files found new and understood.
    pub done: u64,
    /// Ticks that failed.
    pub failed: u64,
    /// Why the last tick failed; `None` if it did not.
    pub last_error: Option<String>,
}

impl StatsFile {
    /// Makes the actor. It ticks `every` so often, or only when it is told to.
    pub fn new(work: Work, cache: Line<Cache>, clock: Clock, every: Option<Duration>) -> Self {
        let (counts, latest) = (StatsFileCounts::default(), ArcSwap::from_pointee(Look::NotYet));
        Self { work, counts, latest: Arc::new(latest), cache, clock, every }
    }

    /// What the latest look found, to be read without asking.
    pub fn latest(&self) -> Arc<ArcSwap<Look>> {
        Arc::clone(&self.latest)
    }

    fn tick(&mut self) {
        let (look, outcome) = match &mut self.work {
            Work::Publish(publisher) => publisher.tick(&self.clock),
            Work::Watch(watcher) => watch(watcher, self.clock.now_ms()),
        };
        if let Some(look) = look {
            self.latest.store(Arc::new(look.clone()));
            if !self.cache.tell(ShowStats(look)) {
                tracing::debug!("the cache was not told the stats");
            }
        }
        self.note(outcome);
    }

    fn note(&mut self, outcome: Result<bool, String>) {
        match outcome {
            Ok(is_new) => {
                self.counts.done += u64::from(is_new);
                if self.counts.last_error.take().is_some() {
                    tracing::info!("the stats file is in order again");
                }
            }
            Err(error) => {
                self.counts.failed += 1;
                if self.counts.last_error.as_ref() != Some(&error) {
                    tracing::warn!(error, "the stats file is not in order");
                }
                self.counts.last_error = Some(error);
            }
        }
    }
}

/// What a tick tells the Cache, and whether something was done or why not.
type Ticked = (Option<Look>, Result<bool, String>);

fn watch(watcher: &mut Watcher, now_ms: i64) -> Ticked {
    match watcher.look(now_ms) {
        Ok(Looked::Unchanged) => (None, Ok(false)),
        Ok(Looked::Changed(stats)) => (Some(Look::Stats(Arc::new(stats))), Ok(true)),
        // Nobody has to ingest beside us.
        Err(LookError::Missing) => (Some(Look::Missing), Ok(false)),
        Err(error) => {
            let error = error.to_string();
            (Some(Look::Unreadable(error.as_str().into())), Err(error))
        }
    }
}

/// Makes and writes the file of this process.
pub struct Publisher {
    path: PathBuf,
    inputs: PublishInputs,
    content: Content,
    buffer: Vec<u8>,
}

/// Where the figures come from; all are read without asking.
pub struct PublishInputs {
    /// What the Writer wrote.
    pub totals: Arc<WriteTotals>,
    /// The brokers.
    pub sources: Vec<Arc<SourceStatus>>,
    /// What the sampler said last.
    pub latest_io: Arc<LatestIo>,
    /// The write ledger.
    pub shares: Arc<dyn WriteShares>,
    /// Whether this process does more than ingest: then `procIO` is the share of ingest.
    pub is_shared: bool,
}

impl Publisher {
    /// Makes one that writes to `path`.
    pub fn new(path: PathBuf, inputs: PublishInputs) -> Self {
        Self { path, inputs, content: Content::default(), buffer: Vec::new() }
    }

    fn tick(&mut self, clock: &Clock) -> Ticked {
        let now_ms = clock.now_ms();
        self.fill(now_ms.div_euclid(1_000), clock.monotonic());
        if let Err(error) = self.content.encode(&mut self.buffer) {
            return (None, Err(error.to_string()));
        }
        let origin = match self.inputs.is_shared {
            true => Origin::ThisProcessShare,
            false => Origin::ThisProcess,
        };
        // What we show does not depend on whether the disk takes it.
        let look = match IngestorStats::peek(&self.buffer, origin, now_ms) {
            Ok(stats) => Look::Stats(Arc::new(stats)),
            Err(error) => Look::Unreadable(error.to_string().into()),
        };
        (Some(look), write(&self.path, &self.buffer))
    }

    fn fill(&mut self, now_s: i64, now: Duration) {
        let (content, inputs) = (&mut self.content, &self.inputs);
        content.stamp(now_s, inputs.rates(now));
        content.counters = counters_of(&inputs.totals.counts());
        inputs.shares.fill(content);
        let mut sources: Vec<SourceSnapshot> =
            inputs.sources.iter().map(|source| source.snapshot(now_s)).collect();
        sources.sort_by(|a, b| a.name.cmp(&b.name));
        let scans = sources.iter().filter_map(|source| source.last_scan_unix);
        content.watchdog_last_tick_unix = scans.min().unwrap_or(0);
        content.watchdog_panic_count =
            sources.iter().map(|source| source.watchdog_panic_count).sum();
        content.source_liveness =
            sources.iter().map(|source| (source.name.clone(), liveness_of(source))).collect();
        content.source_statuses = sources.into_iter().map(row_of).collect();
    }
}

impl PublishInputs {
    /// Returns the rates of ingest, unless the sampler has fallen silent.
    fn rates(&self, now: Duration) -> Option<IoRates> {
        let sample = self.latest_io.load_full()?;
        let age = now.saturating_sub(sample.at.monotonic);
        if age > Duration::from_millis(FRESH_MS.unsigned_abs()) {
            return None;
        }
        if self.is_shared { sample.ingest_share().ok() } else { sample.process.ok() }
    }
}

fn write(path: &std::path::Path, text: &[u8]) -> Result<bool, String> {
    match publish(path, text) {
        Ok(()) => Ok(true),
        Err(error) => Err(format!("{error}: {}", error.source)),
    }
}

fn counters_of(counts: &WriteCounts) -> WriteCounters {
    WriteCounters {
        tx_inserted: counts.tx_inserted,
        obs_inserted: counts.obs_inserted,
        tx_dupes: counts.tx_dupes,
        node_upserts: counts.node_upserts,
        observer_upserts: counts.observer_upserts,
        write_errors: counts.write_errors,
        sig_drops: counts.sig_drops,
        wal_commits: counts.wal_commits,
        group_commit_flushes: 0,
    }
}

fn liveness_of(source: &SourceSnapshot) -> SourceLiveness {
    SourceLiveness {
        last_receipt_unix: source.last_receipt_unix.unwrap_or(0),
        last_message_unix: source.last_message_unix.unwrap_or(0),
    }
}

fn row_of(source: SourceSnapshot) -> SourceRow {
    let named = |counts: BTreeMap<&'static str, u64>| {
        counts.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect()
    };
    let ingest = SourceIngest {
        health: source.health.to_owned(),
        rejected: named(source.rejected),
        ignored: named(source.ignored),
        dropped: source.dropped,
        dropped_since_unix: source.dropped_since_unix,
        resumed: source.resumed,
        acknowledged: source.acknowledged,
        pending_receipts: source.pending_receipts,
        lost_sessions: source.lost_sessions,
    };
    let mut row = SourceRow {
        name: source.name,
        broker: source.broker,
        connected: source.connected,
        last_connect_unix: source.last_connect_unix.unwrap_or(0),
        last_disconnect_unix: source.last_disconnect_unix.unwrap_or(0),
        last_packet_unix: source.last_packet_unix.unwrap_or(0),
        connect_count: source.connect_count,
        disconnect_count: source.disconnect_count,
        packets_total: source.packets_total,
        packets_last5m: source.packets_last5m,
        last_error: source.last_error.unwrap_or_default(),
        ingest: Some(ingest),
    };
    // The file's mode is no reason to write a password into it (decision 29).
    row.mask();
    row
}

impl Actor for StatsFile {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
        let _ = rustix::thread::set_name(THREAD_NAME);
        if let Some(every) = self.every {
            // The first file is published when there are rates; a foreign one is looked at now.
            let is_watching = matches!(self.work, Work::Watch(_));
            ctx.notify_later(Tick, if is_watching { Duration::ZERO } else { every });
        }
    }
}

/// Tells it to publish or to look now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Tick;

impl Handler<Tick> for StatsFile {
    type Result = ();

    fn handle(&mut self, _: Tick, ctx: &mut Context<Self>) {
        self.tick();
        if let Some(every) = self.every {
            ctx.notify_later(Tick, every);
        }
    }
}

/// Asks what became of the ticks.
#[derive(Message)]
#[rtype(result = "StatsFileCounts")]
pub struct PeekStatsFile;

impl Handler<PeekStatsFile> for StatsFile {
    type Result = MessageResult<PeekStatsFile>;

    fn handle(&mut self, _: PeekStatsFile, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.counts.clone())
    }
}

/// Asks it to end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopStatsFile;

impl Handler<StopStatsFile> for StatsFile {
    type Result = ();

    fn handle(&mut self, _: StopStatsFile, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
