//! `Vitals`: looks at the database and the process once a second, judges every tenth look, and
//! keeps what is normal in a small file beside the database.
//!
//! ## Messages
//! | message | answer |
//! |---|---|
//! | [`TakeVitals`] | told to itself, a second after the last look was done |
//! | [`PeekVitalsHistory`] | one series of the last hour |
//! | [`AcceptAsNormal`] | what a series does now is its normal from here on, also after a restart |
//! | [`StopVitals`] | what was learned is saved; it ends |
//!
//! It asks one reader (a busy pool makes it wait, not the viewers) and publishes what it found for
//! everyone to read without asking.

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message,
    ResponseActFuture, WrapFuture,
};
use arc_swap::ArcSwap;

use super::io_sampler::UnknownMetric;
use super::writer::WriteTotals;
use crate::clock::Clock;
use crate::db::WalGauges;
use crate::db::pages::PageGauge;
use crate::db::probe::SqliteProbe;
use crate::perf::baseline::{self, Baselines};
use crate::perf::history::{History, SAMPLES_MAX, Series};
use crate::perf::ingestor::Look;
use crate::perf::intake::IntakeGauge;
use crate::perf::io::{LatestIo, Moment};
use crate::perf::lag::LoopLag;
use crate::perf::ledger::Ledger;
use crate::perf::sqlite::SqliteSample;
use crate::perf::vitals::{LatestVitals, SERIES, Seen, VitalsMeter};

const MAILBOX_CAPACITY: usize = 16;
const THREAD_NAME: &CStr = c"vitals";
/// How often what is normal is saved.
const SAVE_EVERY: Duration = Duration::from_secs(300);

/// What a process that writes counts; read without asking.
#[derive(Clone)]
pub struct WriteSide {
    /// The ingest queue.
    pub gauge: Arc<IntakeGauge>,
    /// What was written since the start.
    pub totals: Arc<WriteTotals>,
    /// What each source of writes has cost.
    pub ledger: Arc<Ledger>,
    /// The writer's page cache.
    pub pages: Arc<PageGauge>,
    /// What the checkpointer sees.
    pub wal: Arc<WalGauges>,
    /// Live texts that clients lost since the start.
    pub live_dropped: Arc<AtomicU64>,
}

/// Where the figures come from.
pub struct VitalsInputs {
    /// The database.
    pub probe: SqliteProbe,
    /// `None` in a process that does not write.
    pub write_side: Option<WriteSide>,
    /// What the sampler said last.
    pub latest_io: Arc<LatestIo>,
    /// What the latest look at the stats of ingest found.
    pub latest_look: Arc<ArcSwap<Look>>,
    /// The main arbiter's lag.
    pub loop_lag: Arc<LoopLag>,
    /// Where what is normal is kept.
    pub normals_path: PathBuf,
}

/// The actor. See the module.
pub struct Vitals {
    inputs: VitalsInputs,
    meter: VitalsMeter,
    history: History,
    latest: Arc<LatestVitals>,
    saved_at: Duration,
    is_failing: bool,
    clock: Clock,
    every: Option<Duration>,
}

impl Vitals {
    /// Makes the actor with what is normal as it was saved. It looks `every` so often, or only
    /// when it is told to.
    pub fn new(
        inputs: VitalsInputs,
        latest: Arc<LatestVitals>,
        clock: Clock,
        every: Option<Duration>,
    ) -> Self {
        let meter = VitalsMeter::new(load(&inputs.normals_path));
        let saved_at = clock.monotonic();
        let history = History::new(SERIES.map(str::to_owned).to_vec());
        Self { inputs, meter, history, latest, saved_at, is_failing: false, clock, every }
    }

    fn look(&mut self, sqlite: SqliteSample) {
        let at = Moment { unix_ms: self.clock.now_ms(), monotonic: self.clock.monotonic() };
        let write_side = self.inputs.write_side.as_ref();
        let seen = Seen {
            at,
            sqlite,
            io: self.inputs.latest_io.load_full().filter(|io| io.is_fresh(at.monotonic)),
            look: self.inputs.latest_look.load_full(),
            sums: write_side.map(|side| side.ledger.snapshot().sums),
            queue_depth: write_side.map(|side| side.gauge.depth()),
            loop_lag: self.inputs.loop_lag.latest(),
        };
        let vitals = self.meter.observe(&seen);
        self.history.push(at, vitals.series());
        self.latest.store(Some(Arc::new(vitals)));
        if at.monotonic.saturating_sub(self.saved_at) >= SAVE_EVERY {
            self.save();
        }
    }

    fn save(&mut self) {
        self.saved_at = self.clock.monotonic();
        let saved = baseline::save(self.meter.baselines(), &self.inputs.normals_path);
        let was_failing = std::mem::replace(&mut self.is_failing, saved.is_err());
        if let Err(error) = saved
            && !was_failing
        {
            let path = self.inputs.normals_path.display();
            tracing::warn!(%path, %error, "what is normal cannot be saved");
        }
    }
}

/// A file that says nothing costs what was learned, no more.
fn load(path: &Path) -> Baselines {
    baseline::load(path).unwrap_or_else(|error| {
        tracing::warn!(path = %path.display(), %error, "what is normal is learned afresh");
        Baselines::default()
    })
}

impl Actor for Vitals {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
        let _ = rustix::thread::set_name(THREAD_NAME);
        if self.every.is_some() {
            ctx.notify_later(TakeVitals, Duration::ZERO);
        }
    }
}

/// Tells it to look now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TakeVitals;

impl Handler<TakeVitals> for Vitals {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: TakeVitals, _: &mut Context<Self>) -> Self::Result {
        let probe = self.inputs.probe.clone();
        let sampled = async move { probe.sample().await }.into_actor(self);
        Box::pin(sampled.map(|sample, actor, ctx| {
            actor.look(sample);
            if let Some(every) = actor.every {
                ctx.notify_later(TakeVitals, every);
            }
        }))
    }
}

/// Asks for the samples of the last `seconds` (1 to 3,600; more is an hour) of one of [`SERIES`].
#[derive(Message)]
#[rtype(result = "Result<Series, UnknownMetric>")]
pub struct PeekVitalsHistory {
    /// Such as `walBytes`.
    pub metric: String,
    /// How far back from the newest sample.
    pub seconds: u32,
}

impl Handler<PeekVitalsHistory> for Vitals {
    type Result = Result<Series, UnknownMetric>;

    fn handle(&mut self, message: PeekVitalsHistory, _: &mut Context<Self>) -> Self::Result {
        let seconds = message.seconds.clamp(1, SAMPLES_MAX as u32);
        let series = self.history.series(&message.metric, seconds);
        series.ok_or_else(|| UnknownMetric(self.history.names().to_vec()))
    }
}

/// Says that what a series does now is normal: what was learned of it is forgotten, and learned
/// afresh.
#[derive(Message)]
#[rtype(result = "Result<(), UnknownSeries>")]
pub struct AcceptAsNormal(pub String);

/// Nothing was learned of such a series.
#[derive(Debug, thiserror::Error)]
#[error("no such series")]
pub struct UnknownSeries;

impl Handler<AcceptAsNormal> for Vitals {
    type Result = Result<(), UnknownSeries>;

    fn handle(&mut self, message: AcceptAsNormal, _: &mut Context<Self>) -> Self::Result {
        if !self.meter.accept(&message.0) {
            return Err(UnknownSeries);
        }
        tracing::info!(series = message.0, "what it does now is taken as normal");
        self.save();
        Ok(())
    }
}

/// Asks it to end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopVitals;

impl Handler<StopVitals> for Vitals {
    type Result = ();

    fn handle(&mut self, _: StopVitals, ctx: &mut Context<Self>) {
        self.save();
        ctx.stop();
    }
}
