//! Writer: the sole owner of the only read-write connection, on a thread of its own.
//!
//! ## Messages
//! | message | answer |
//! |---|---|
//! | [`CommitReceptions`] | what became of each record, after one durable transaction |
//! | [`RunBatch`] | what one bounded step of a migration did |
//! | [`RunJobStep`] | what one bounded step of a recurring job did |
//! | [`RecordMoves`] | when the moves of migrations are in the books |
//! | [`DryRunMigration`] | what a migration would cost; nothing is changed |
//! | [`Close`] | after the last checkpoint; then it ends |
//!
//! It blocks its own thread on SQLite and on nothing else; it asks nobody. It tells Live what was
//! stored, and the window which transmissions are to be read again. A panic
//! inside a migration's step is that migration's failure; any other panic ends it.

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::{Actor, ActorContext, Context, Handler, Message};

use super::lifeline::Lifeline;
use super::line::Line;
use super::live::{Announce, Live};
use crate::db::migrations::{BatchLimits, BatchReply, BatchRequest, DryRun, JobRequest};
use crate::db::{Commit, DbError, Outcome, WriteConnection, WriteCounts};
use crate::ingest::reception::Record;
use crate::perf::backfill::Move;
use crate::store::Window;

/// Messages that may wait in the mailbox; senders hold one each (decision 8).
const MAILBOX_CAPACITY: usize = 64;
const THREAD_NAME: &CStr = c"writer";

/// The actor. See the module.
pub struct Writer {
    connection: Option<WriteConnection>,
    live: Line<Live>,
    totals: Arc<WriteTotals>,
    window: Arc<Window>,
    lifeline: Lifeline,
}

/// What was written since the start, readable by anyone without asking.
#[derive(Debug, Default)]
pub struct WriteTotals(Mutex<WriteCounts>);

impl WriteTotals {
    /// Returns a copy.
    pub fn counts(&self) -> WriteCounts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, counts: &WriteCounts) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += counts.clone();
    }
}

impl Writer {
    /// Makes the actor over a connection that is already open.
    pub fn new(
        connection: WriteConnection,
        live: Line<Live>,
        totals: Arc<WriteTotals>,
        window: Arc<Window>,
        lifeline: Lifeline,
    ) -> Self {
        Self { connection: Some(connection), live, totals, window, lifeline }
    }

    fn connection(&mut self) -> Result<&mut WriteConnection, DbError> {
        self.connection.as_mut().ok_or(DbError::Closed)
    }

    fn commit(&mut self, records: &Arc<Vec<Record>>) -> Result<Commit, DbError> {
        self.connection()?;
        self.window.begin_commit();
        let committed = self.connection()?.commit(records);
        let outcomes = committed.as_ref().map_or(&[][..], |commit| &commit.outcomes);
        self.window.end_commit(outcomes.iter().filter_map(transmission_of));
        if let Err(DbError::Moved { is_for_good: true, .. }) = committed {
            self.lifeline.give_up("the database file was replaced by another: its connection");
        }
        let commit = committed?;
        if commit.counts.foreign_writes > 0 && self.totals.counts().foreign_writes == 0 {
            tracing::warn!("another program writes to this database; only one should");
        }
        self.totals.add(&commit.counts);
        let outcomes = Arc::new(commit.outcomes.clone());
        if !self.live.tell(Announce { records: records.clone(), outcomes }) {
            tracing::debug!("the live feed is behind, a group was not announced");
        }
        Ok(commit)
    }

    /// Does one step and tells the window which transmissions are to be read again.
    fn run_step(
        &mut self,
        sent_at: Duration,
        name: &str,
        step: impl FnOnce(&mut WriteConnection) -> Result<BatchReply, DbError>,
    ) -> Result<BatchReply, DbError> {
        let window = Arc::clone(&self.window);
        let connection = self.connection()?;
        connection.note_sent(sent_at);
        window.begin_commit();
        // A transaction that unwinds is rolled back by its own drop.
        let reply = catch_unwind(AssertUnwindSafe(|| step(connection)))
            .unwrap_or_else(|_| Err(DbError::Panicked { migration: name.to_owned() }));
        let touched = reply.as_ref().map_or(&[][..], |reply| &reply.touched_transmissions);
        window.end_commit(touched.iter().copied());
        reply
    }
}

fn transmission_of(outcome: &Outcome) -> Option<i64> {
    match outcome {
        Outcome::Packet(stored) => Some(stored.transmission_id),
        Outcome::Kept | Outcome::Failed(_) => None,
    }
}

impl Actor for Writer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
        // Per-component disk I/O is read by thread; the name is what an operator sees in `top -H`.
        let _ = rustix::thread::set_name(THREAD_NAME);
    }
}

/// Asks to write a group of records in one durable transaction. On an error nothing of the group
/// is stored and the same group may be sent again.
#[derive(Message)]
#[rtype(result = "Result<Commit, DbError>")]
pub struct CommitReceptions {
    /// The records, in order.
    pub records: Arc<Vec<Record>>,
    /// When it was handed over, by the clock of the database's options.
    pub sent_at: Duration,
}

impl Handler<CommitReceptions> for Writer {
    type Result = Result<Commit, DbError>;

    fn handle(&mut self, message: CommitReceptions, _: &mut Context<Self>) -> Self::Result {
        self.connection()?.note_sent(message.sent_at);
        self.commit(&message.records)
    }
}

/// Asks for one bounded step of one migration, in a transaction of its own.
#[derive(Message)]
#[rtype(result = "Result<BatchReply, DbError>")]
pub struct RunBatch {
    /// Which step.
    pub request: BatchRequest,
    /// What bounds it besides its rows.
    pub limits: BatchLimits,
    /// As in [`CommitReceptions`].
    pub sent_at: Duration,
}

impl Handler<RunBatch> for Writer {
    type Result = Result<BatchReply, DbError>;

    fn handle(&mut self, message: RunBatch, _: &mut Context<Self>) -> Self::Result {
        let request = message.request;
        self.run_step(message.sent_at, &request.name, |connection| {
            connection.run_batch(&request, &message.limits)
        })
    }
}

/// Asks for one bounded step of a job, in a transaction of its own.
#[derive(Message)]
#[rtype(result = "Result<BatchReply, DbError>")]
pub struct RunJobStep {
    /// Which step.
    pub request: JobRequest,
    /// What bounds it besides its rows.
    pub limits: BatchLimits,
    /// As in [`CommitReceptions`].
    pub sent_at: Duration,
}

impl Handler<RunJobStep> for Writer {
    type Result = Result<BatchReply, DbError>;

    fn handle(&mut self, message: RunJobStep, _: &mut Context<Self>) -> Self::Result {
        let request = message.request;
        self.run_step(message.sent_at, request.job.name, |connection| {
            connection.run_job(&request, &message.limits)
        })
    }
}

/// Asks to enter moves of migrations in the books: all of them or none.
#[derive(Message)]
#[rtype(result = "Result<(), DbError>")]
pub struct RecordMoves {
    /// In the order in which they happened.
    pub moves: Vec<Move>,
}

impl Handler<RecordMoves> for Writer {
    type Result = Result<(), DbError>;

    fn handle(&mut self, message: RecordMoves, _: &mut Context<Self>) -> Self::Result {
        self.connection()?.record_moves(&message.moves)
    }
}

/// Asks what a migration would still cost; a few small steps are done and taken back.
#[derive(Message)]
#[rtype(result = "Result<DryRun, DbError>")]
pub struct DryRunMigration {
    /// The migration's name.
    pub name: String,
}

impl Handler<DryRunMigration> for Writer {
    type Result = Result<DryRun, DbError>;

    fn handle(&mut self, message: DryRunMigration, _: &mut Context<Self>) -> Self::Result {
        let connection = self.connection()?;
        catch_unwind(AssertUnwindSafe(|| connection.dry_run(&message.name)))
            .unwrap_or_else(|_| Err(DbError::Panicked { migration: message.name.clone() }))
    }
}

/// Asks to checkpoint and close the connection; the actor ends.
#[derive(Message)]
#[rtype(result = "Result<(), DbError>")]
pub struct Close;

impl Handler<Close> for Writer {
    type Result = Result<(), DbError>;

    fn handle(&mut self, _: Close, ctx: &mut Context<Self>) -> Self::Result {
        ctx.stop();
        self.connection.take().map_or(Ok(()), WriteConnection::close)
    }
}
