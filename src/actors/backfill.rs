//! Backfill: runs pending migrations one at a time, one bounded batch after the other.
//!
//! ## Messages
//! | message | answer |
//! |---|---|
//! | [`Begin`] | told once HTTP is up and subscriptions were tried (decision 5) |
//! | [`Quiesce`] | when no batch is outstanding; none follows |
//! | `NextBatch` | its own, sent to itself after each yield |
//!
//! It never has more than one batch outstanding, and sends one only while Intake has no
//! group at the writer (decision 8). A batch is followed by a pause as long as it held the writer. Blocks on nothing.

use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult, ResponseFuture,
    WrapFuture,
};
use tokio::sync::Notify;

use super::lifeline::Lifeline;
use super::line::{AskError, Line};
use super::writer::{RecordFailure, RunBatch, Writer};
use crate::clock::Clock;
use crate::db::DbError;
use crate::db::migrations::{BatchReply, BatchRequest, BatchState};
use crate::perf::intake::IntakeGauge;

/// Rows of one batch; its hold time stays near 10 ms at this size (decision 20).
const BATCH_ROWS: u64 = 500;
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_BUSY: Duration = Duration::from_millis(20);
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(5);

/// The actor. See the module.
pub struct Backfill {
    writer: Line<Writer>,
    signals: Signals,
    /// Names still to do, the next one last.
    queue: Vec<&'static str>,
    is_running: bool,
    is_quiescing: bool,
    idle: Arc<Notify>,
    _lifeline: Lifeline,
}

/// What it reads without asking.
#[derive(Clone)]
pub struct Signals {
    /// Whether receptions are being committed.
    pub gauge: Arc<IntakeGauge>,
    /// The time.
    pub clock: Clock,
}

impl Backfill {
    /// Makes the actor with the names of the pending migrations, in the order they are to run.
    pub fn new(
        writer: Line<Writer>,
        signals: Signals,
        mut pending: Vec<&'static str>,
        lifeline: Lifeline,
    ) -> Self {
        pending.reverse();
        let idle = Arc::new(Notify::new());
        let (is_running, is_quiescing) = (false, false);
        let queue = pending;
        Self { writer, signals, queue, is_running, is_quiescing, idle, _lifeline: lifeline }
    }

    /// Decides what follows an answered batch; `None` when the writer has ended.
    fn note(&mut self, answer: Result<BatchReply, AskError<DbError>>) -> Option<Next> {
        match answer {
            Ok(reply) => {
                if reply.state == BatchState::Done {
                    tracing::info!(
                        migration = reply.name,
                        rows = reply.rows_done,
                        "migration done"
                    );
                    self.queue.pop();
                }
                Some(Next::After(reply.hold.max(PAUSE_MIN)))
            }
            Err(AskError::Stopped) => None,
            Err(AskError::Refused(error)) if !error.is_transient() => {
                let name = self.queue.pop()?;
                let reason = error.to_string();
                tracing::error!(migration = name, reason, "migration failed");
                Some(Next::Record(RecordFailure { name, reason }))
            }
            Err(_) => Some(Next::After(PAUSE_AFTER_ERROR)),
        }
    }
}

impl Backfill {
    /// Has a failure recorded and goes on to the next migration.
    fn record(&mut self, failure: RecordFailure, ctx: &mut Context<Self>) {
        let writer = self.writer.clone();
        let asked = async move { writer.ask(failure).await }.into_actor(self);
        ctx.spawn(asked.map(|answer, _, ctx| {
            if let Err(error) = answer {
                tracing::error!(%error, "a failed migration could not be recorded as such");
            }
            ctx.notify_later(NextBatch, PAUSE_MIN);
        }));
    }
}

/// What follows a batch.
enum Next {
    /// Another one, after a pause.
    After(Duration),
    /// The failure is recorded; then the next migration.
    Record(RecordFailure),
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
        ctx.notify_later(NextBatch, PAUSE_MIN);
    }
}

/// Asks to send no further batch; answered when none is outstanding. The migrations stay pending
/// and go on from their cursors at the next start.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Quiesce;

impl Handler<Quiesce> for Backfill {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Quiesce, _: &mut Context<Self>) -> Self::Result {
        self.is_quiescing = true;
        let (idle, is_running) = (self.idle.clone(), self.is_running);
        Box::pin(async move {
            if is_running {
                idle.notified().await;
            }
        })
    }
}

/// Asks for the names that are still to do, the next one first.
#[derive(Message)]
#[rtype(result = "Vec<&'static str>")]
pub struct ListPending;

impl Handler<ListPending> for Backfill {
    type Result = MessageResult<ListPending>;

    fn handle(&mut self, _: ListPending, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.queue.iter().rev().copied().collect())
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct NextBatch;

impl Handler<NextBatch> for Backfill {
    type Result = ();

    fn handle(&mut self, _: NextBatch, ctx: &mut Context<Self>) {
        let Some(name) = self.queue.last().filter(|_| !self.is_quiescing) else { return };
        if self.signals.gauge.is_committing() {
            ctx.notify_later(NextBatch, PAUSE_BUSY);
            return;
        }
        let request = BatchRequest { name: (*name).to_owned(), rows_max: BATCH_ROWS };
        let request = RunBatch { request, sent_at: self.signals.clock.monotonic() };
        let writer = self.writer.clone();
        self.is_running = true;
        let asked = async move { writer.ask(request).await }.into_actor(self);
        ctx.spawn(asked.map(|answer, this, ctx| {
            this.is_running = false;
            this.idle.notify_one();
            match this.note(answer) {
                Some(Next::After(pause)) => {
                    ctx.notify_later(NextBatch, pause);
                }
                Some(Next::Record(failure)) => this.record(failure, ctx),
                None => {}
            }
        }));
    }
}
