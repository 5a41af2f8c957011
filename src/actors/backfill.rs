//! Backfill: runs migrations one at a time, one bounded batch after the other.
//!
//! ## Messages
//! | message | answer |
//! |---|---|
//! | [`Begin`] | told once HTTP is up and subscriptions were tried (decision 5) |
//! | [`Steer`] | where a migration stands after pause, resume, cancel, retry or approve, recorded |
//! | [`Retune`] | all migrations, after a knob was turned |
//! | [`RunJob`] | where a job stands: it waits for its turn; how it ends is told later |
//! | [`DryRunOf`] | what a migration would cost |
//! | [`ListMigrations`] | all migrations as they stand |
//! | [`Quiesce`] | when no batch is outstanding; none follows, and nothing is recorded as stopped |
//! | `NextBatch` | its own, sent to itself after each yield |
//!
//! What to do is [`Conductor`]'s to say; here are only the asking and the timers. Never more than
//! one batch is outstanding, and one is sent only while Intake has no group at the writer
//! (decision 8). Blocks on nothing.

pub mod conductor;
mod job_run;
pub mod run;
pub mod signals;

use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult,
    ResponseActFuture, ResponseFuture, SpawnHandle, WrapFuture,
};
use arc_swap::ArcSwap;
use tokio::sync::oneshot;

pub use self::conductor::{CommandError, Conductor, Step};
pub use self::job_run::{JobEnd, LiveJob};
pub use self::run::LiveRun;
pub use self::signals::Signals;
use super::lifeline::Lifeline;
use super::line::{AskError, Line};
use super::writer::{DryRunMigration, RecordMoves, RunBatch, RunJobStep, Writer};
use crate::db::DbError;
use crate::db::migrations::{BatchLimits, BatchReply, BatchRequest, DryRun, Job, JobRequest};
use crate::perf::backfill::knobs::Setting;
use crate::perf::backfill::{Command, Move, State};

const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(5);
/// The snapshot is renewed at least so often while batches run.
const PUBLISH_EVERY: Duration = Duration::from_millis(200);

/// What everyone may look at without asking: all migrations as they stood a moment ago.
pub type LiveRuns = ArcSwap<Vec<LiveRun>>;
/// All jobs, in the same way.
pub type LiveJobs = ArcSwap<Vec<LiveJob>>;

/// The actor. See the module.
pub struct Backfill {
    conductor: Conductor,
    signals: Signals,
    looked: signals::Looked,
    writer: Line<Writer>,
    live: Arc<LiveRuns>,
    jobs: Arc<LiveJobs>,
    /// Who wants to be told how a job's run ends.
    job_waiting: Vec<(&'static str, oneshot::Sender<JobEnd>)>,
    published_at: Option<Duration>,
    has_begun: bool,
    is_quiescing: bool,
    is_recording: bool,
    timer: Option<SpawnHandle>,
    waiting: Vec<oneshot::Sender<()>>,
    _lifeline: Lifeline,
}

impl Backfill {
    /// Makes the actor, and the places where it shows how things stand.
    pub fn new(
        writer: Line<Writer>,
        signals: Signals,
        mut conductor: Conductor,
        lifeline: Lifeline,
    ) -> (Self, Arc<LiveRuns>, Arc<LiveJobs>) {
        let limits = signals.limits();
        let looked = signals::Looked::new(&limits);
        conductor.set_limits(limits);
        let jobs: Arc<LiveJobs> = Arc::default();
        let live = Arc::new(ArcSwap::from_pointee(conductor.live()));
        let backfill = Self {
            conductor,
            signals,
            looked,
            writer,
            live: Arc::clone(&live),
            jobs: Arc::clone(&jobs),
            job_waiting: Vec::new(),
            published_at: None,
            has_begun: false,
            is_quiescing: false,
            is_recording: false,
            timer: None,
            waiting: Vec::new(),
            _lifeline: lifeline,
        };
        (backfill, live, jobs)
    }

    /// Looks again after `pause`; an earlier appointment is given up: there is one timer (002-06).
    fn schedule(&mut self, pause: Duration, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        self.timer = Some(ctx.notify_later(NextBatch, pause));
    }

    fn publish(&mut self, is_urgent: bool) {
        let now = self.signals.clock.monotonic();
        let is_due = self.published_at.is_none_or(|at| now.saturating_sub(at) >= PUBLISH_EVERY);
        if is_urgent || is_due {
            self.published_at = Some(now);
            self.live.store(Arc::new(self.conductor.live()));
            self.jobs.store(Arc::new(self.conductor.live_jobs()));
        }
    }

    fn tell_ended(&mut self) {
        let (conductor, mut is_told) = (&self.conductor, false);
        for (name, waiting) in std::mem::take(&mut self.job_waiting) {
            match conductor.job_end(name) {
                Some(end) => {
                    is_told = true;
                    // Who wanted to know may have gone.
                    let _ = waiting.send(end);
                }
                None => self.job_waiting.push((name, waiting)),
            }
        }
        if is_told {
            self.publish(true);
        }
    }

    fn run(&mut self, request: BatchRequest, limits: BatchLimits, ctx: &mut Context<Self>) {
        let sent_at = self.signals.clock.monotonic();
        let message = RunBatch { request, limits, sent_at };
        let writer = self.writer.clone();
        let asked = async move { writer.ask(message).await }.into_actor(self);
        ctx.spawn(asked.map(|answer, this, ctx| this.answered(answer, ctx)));
    }

    fn run_job(&mut self, request: JobRequest, limits: BatchLimits, ctx: &mut Context<Self>) {
        let sent_at = self.signals.clock.monotonic();
        let message = RunJobStep { request, limits, sent_at };
        let writer = self.writer.clone();
        let asked = async move { writer.ask(message).await }.into_actor(self);
        ctx.spawn(asked.map(|answer, this, ctx| this.answered(answer, ctx)));
    }

    fn answered(&mut self, answer: Result<BatchReply, AskError<DbError>>, ctx: &mut Context<Self>) {
        let pause = match answer {
            Ok(reply) => self.conductor.note(Ok(reply)),
            Err(AskError::Refused(error)) => self.conductor.note(Err(error)),
            // The writer has ended, and with it the process.
            Err(AskError::Stopped) => self.conductor.note(Err(DbError::Closed)),
            Err(_) => {
                self.conductor.give_up_batch();
                PAUSE_AFTER_ERROR
            }
        };
        for waiting in self.waiting.drain(..) {
            // Who waited may have gone.
            let _ = waiting.send(());
        }
        self.publish(false);
        self.tell_ended();
        self.schedule(pause, ctx);
    }

    fn record(&mut self, moves: Vec<Move>, ctx: &mut Context<Self>) {
        let writer = self.writer.clone();
        let message = RecordMoves { moves: moves.clone() };
        self.is_recording = true;
        let asked = async move { writer.ask(message).await }.into_actor(self);
        ctx.spawn(asked.map(|answer: Result<(), _>, this, ctx| {
            this.is_recording = false;
            this.publish(true);
            let pause = match answer {
                Ok(()) => Duration::ZERO,
                Err(error) => {
                    tracing::error!(%error, "the books of migrations cannot be kept");
                    this.conductor.put_back(moves);
                    PAUSE_AFTER_ERROR
                }
            };
            this.schedule(pause, ctx);
        }));
    }
}

impl Actor for Backfill {
    type Context = Context<Self>;
}

/// Tells that batches may start.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Begin;

impl Handler<Begin> for Backfill {
    type Result = ();

    fn handle(&mut self, _: Begin, ctx: &mut Context<Self>) {
        self.has_begun = true;
        self.schedule(Duration::ZERO, ctx);
    }
}

/// Asks to send no further batch; answered when none is outstanding. The migrations stay as they
/// are and go on from their cursors at the next start.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Quiesce;

impl Handler<Quiesce> for Backfill {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Quiesce, _: &mut Context<Self>) -> Self::Result {
        self.is_quiescing = true;
        self.conductor.stop_batch();
        let (done, ended) = oneshot::channel();
        if self.conductor.is_out() {
            self.waiting.push(done);
        }
        Box::pin(async move {
            // A dropped sender means that nothing was outstanding, or that the actor has ended.
            let _ = ended.await;
        })
    }
}

/// Asks how all migrations stand, in the order in which they run.
#[derive(Message)]
#[rtype(result = "Vec<LiveRun>")]
pub struct ListMigrations;

impl Handler<ListMigrations> for Backfill {
    type Result = MessageResult<ListMigrations>;

    fn handle(&mut self, _: ListMigrations, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.conductor.live())
    }
}

/// Asks to pause, resume, cancel, retry or approve; answered when it is in the books. A batch that
/// is under way ends first; the answer does not wait for it.
#[derive(Message)]
#[rtype(result = "Result<State, CommandError>")]
pub struct Steer {
    /// The migration.
    pub name: String,
    /// What to do.
    pub command: Command,
    /// Who asks.
    pub by: String,
}

impl Handler<Steer> for Backfill {
    type Result = ResponseActFuture<Self, Result<State, CommandError>>;

    fn handle(&mut self, message: Steer, _: &mut Context<Self>) -> Self::Result {
        let steered = self.conductor.command(&message.name, message.command, &message.by);
        self.publish(true);
        self.tell_ended();
        let (moves, writer) = (self.conductor.take_moves(), self.writer.clone());
        let record = RecordMoves { moves: moves.clone() };
        let recorded = async move {
            let state = steered?;
            match writer.ask(record).await {
                Ok(()) => Ok(state),
                Err(AskError::Refused(error)) => Err(CommandError::Database(error)),
                Err(_) => Err(CommandError::Writer),
            }
        };
        Box::pin(recorded.into_actor(self).map(|answer, this, ctx| {
            if matches!(answer, Err(CommandError::Database(_) | CommandError::Writer)) {
                this.conductor.put_back(moves);
            }
            this.publish(true);
            this.schedule(Duration::ZERO, ctx);
            answer
        }))
    }
}

/// Asks to turn a knob of one migration; the next batch uses it.
#[derive(Message)]
#[rtype(result = "Result<Vec<LiveRun>, CommandError>")]
pub struct Retune {
    /// The migration.
    pub name: String,
    /// The knob and its value, by whom, why and until when.
    pub settings: Vec<(String, Setting)>,
}

impl Handler<Retune> for Backfill {
    type Result = Result<Vec<LiveRun>, CommandError>;

    fn handle(&mut self, message: Retune, ctx: &mut Context<Self>) -> Self::Result {
        self.conductor.tune(&message.name, &message.settings)?;
        self.publish(true);
        self.schedule(Duration::ZERO, ctx);
        Ok(self.conductor.live())
    }
}

/// Asks to run a job when its turn comes: one at a time, between migrations, at the same pace.
/// Answered with where it stands; if it is under way already, nothing changes.
#[derive(Message)]
#[rtype(result = "Result<State, CommandError>")]
pub struct RunJob {
    /// The job, with the parameters of this run.
    pub job: Job,
    /// Who asks.
    pub by: String,
    /// Is told how the run ends; dropped if the process ends first.
    pub ended: Option<oneshot::Sender<JobEnd>>,
}

impl Handler<RunJob> for Backfill {
    type Result = Result<State, CommandError>;

    fn handle(&mut self, message: RunJob, ctx: &mut Context<Self>) -> Self::Result {
        let name = message.job.name;
        let state = self.conductor.request_job(message.job, &message.by)?;
        self.job_waiting.retain(|(_, waiting)| !waiting.is_closed());
        self.job_waiting.extend(message.ended.map(|ended| (name, ended)));
        self.publish(true);
        if self.timer.is_none() {
            self.schedule(Duration::ZERO, ctx);
        }
        Ok(state)
    }
}

/// Asks what a migration would still cost. Some batches are done and taken back.
#[derive(Message)]
#[rtype(result = "Result<DryRun, CommandError>")]
pub struct DryRunOf {
    /// The migration.
    pub name: String,
}

impl Handler<DryRunOf> for Backfill {
    type Result = ResponseFuture<Result<DryRun, CommandError>>;

    fn handle(&mut self, message: DryRunOf, _: &mut Context<Self>) -> Self::Result {
        let writer = self.writer.clone();
        Box::pin(async move {
            match writer.ask(DryRunMigration { name: message.name }).await {
                Ok(prediction) => Ok(prediction),
                Err(AskError::Refused(DbError::UnknownMigration { name })) => {
                    Err(CommandError::Unknown(name))
                }
                Err(AskError::Refused(error)) => Err(CommandError::Database(error)),
                Err(_) => Err(CommandError::Writer),
            }
        })
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct NextBatch;

impl Handler<NextBatch> for Backfill {
    type Result = ();

    fn handle(&mut self, _: NextBatch, ctx: &mut Context<Self>) {
        self.timer = None;
        if !self.has_begun || self.is_quiescing || self.is_recording {
            return;
        }
        let readings = self.signals.read(&mut self.looked);
        self.conductor.see_ingest_wait(self.signals.ingest_wait_p99_ms());
        let step = self.conductor.next(&readings, self.signals.is_writer_wanted());
        match step {
            Step::Record(moves) => self.record(moves, ctx),
            Step::Batch(request, limits) => self.run(request, limits, ctx),
            Step::Job(request, limits) => self.run_job(request, limits, ctx),
            Step::After(pause) => self.schedule(pause, ctx),
            Step::Idle => self.signals.rest(),
        }
        self.publish(false);
    }
}
