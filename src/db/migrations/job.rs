//! Work that recurs, such as retention: bounded steps on the runner of the migrations.
//!
//! A job is not in `_async_migrations`, the original must not see it, and its cursor is in memory
//! only: a run that a restart cuts short begins again at its next appointment. Steps must therefore
//! be idempotent, and a step that finds nothing to do must be cheap.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::batch::begin;
use super::books::{add_dead_letter, forget_dead_letters};
use super::deadline::Deadline;
use super::{BatchLimits, BatchReply, BatchState, Phase};
use crate::db::counters;
use crate::db::error::{DbError, Doing};
use crate::db::write::{Done, Durability, WriteConnection};
use crate::perf::ledger::{Shares, Source};

/// Work of one kind, with the parameters of this run (a cutoff, say). A cheap handle.
#[derive(Clone)]
pub struct Job {
    /// Its name, for the API and for operators; no migration has it.
    pub name: &'static str,
    /// Who writes, in the ledger.
    pub source: Source,
    /// Whether it leaves room on the disk: little room is then no reason to wait, and it goes
    /// ahead of a run that waits for room.
    pub frees_space: bool,
    /// What it does.
    pub steps: Arc<dyn JobSteps>,
}

/// What a job does, step by step.
pub trait JobSteps: Send + Sync {
    /// Deals with the next `window.rows_max` rows at most, inside the transaction that is open on
    /// `tx`. Neither begins nor ends a transaction.
    ///
    /// # Errors
    /// Those of its statements; nothing of the step is kept then. A fault of a row's own values
    /// makes the runner halve the step down to that row.
    fn step(&self, tx: &Connection, window: JobWindow) -> Result<JobStep, DbError>;

    /// The key of the row that a step of one row from here would deal with: asked when that row is
    /// at fault, so that it can be set aside. `None`: the fault fails the run.
    ///
    /// # Errors
    /// Those of its statement.
    fn next_key(&self, _tx: &Connection, _after: Option<i64>) -> Result<Option<i64>, DbError> {
        Ok(None)
    }
}

/// Which rows a step may deal with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobWindow {
    /// The last key that this run has dealt with; `None` at its beginning. A job that deletes what
    /// it finds may ignore it, but then a row that is set aside is found again.
    pub after: Option<i64>,
    /// Rows, or pages or whatever it counts, at most; at least 1. The runner's servo sets it.
    pub rows_max: u64,
}

/// What a step did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobStep {
    /// Rows that it looked at; the servo divides the hold time by them.
    pub rows_scanned: u64,
    /// Rows that it inserted, changed or deleted, in all tables.
    pub rows_changed: u64,
    /// The last key that is dealt with; `None` if the job walks no key.
    pub last_key: Option<i64>,
    /// Whether nothing is left to do.
    pub is_done: bool,
    /// See [`BatchReply::touched_transmissions`].
    pub touched_transmissions: Vec<i64>,
}

/// Asks for one step of a job.
#[derive(Clone, Debug)]
pub struct JobRequest {
    /// Which.
    pub job: Job,
    /// Which rows.
    pub window: JobWindow,
}

impl fmt::Debug for Job {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Job").field("name", &self.name).finish_non_exhaustive()
    }
}

impl WriteConnection {
    /// Does one step of a job in a transaction of its own. The reply's counts are of this step
    /// alone, its cursor is what the next window begins after.
    ///
    /// # Errors
    /// As in [`WriteConnection::run_bounded`].
    pub fn run_job(
        &mut self,
        request: &JobRequest,
        limits: &BatchLimits,
    ) -> Result<BatchReply, DbError> {
        let source = request.job.source;
        let mut failed = Shares::one(source, 0);
        failed.add_error(source);
        self.noted(source, failed, |writer| writer.do_job_step(request, limits))
    }

    fn do_job_step(
        &mut self,
        request: &JobRequest,
        limits: &BatchLimits,
    ) -> Result<Done<BatchReply>, DbError> {
        self.set_durability(Durability::Normal)?;
        let clock = self.options.clock.clone();
        let started = clock.monotonic();
        let deadline = Deadline::install(&mut self.conn, limits, &clock)?;
        let result = self.try_job_step(request, &deadline);
        let was_late = deadline.was_late();
        drop(deadline);
        match result {
            Err(DbError::Interrupted { .. }) => {
                let state = if was_late { BatchState::Overran } else { BatchState::Stopped };
                let hold = clock.monotonic().saturating_sub(started);
                Ok(done(request, BatchReply { state, hold, ..reply(request) }))
            }
            Err(error)
                if error.is_fault_of_record()
                    && request.window.rows_max <= 1
                    && limits.sets_aside =>
            {
                self.set_job_row_aside(request, error)
            }
            other => other,
        }
    }

    fn try_job_step(
        &mut self,
        request: &JobRequest,
        deadline: &Deadline,
    ) -> Result<Done<BatchReply>, DbError> {
        let JobRequest { job, window } = request;
        let clock = self.options.clock.clone();
        let tx = begin(&mut self.conn)?;
        let (started, pages) = (clock.monotonic(), counters::pages_written(&tx));
        if window.after.is_none() {
            forget_dead_letters(&tx, job.name)?;
        }
        deadline.begin(window.rows_max > 1);
        let rows_max = window.rows_max.max(1);
        let step = job.steps.step(&tx, JobWindow { rows_max, ..*window })?;
        deadline.end();
        tx.commit().doing("commit a step of a job")?;
        let hold = clock.monotonic().saturating_sub(started);
        let answer = BatchReply {
            state: if step.is_done { BatchState::Done } else { BatchState::More },
            rows_changed: step.rows_changed,
            rows_scanned: step.rows_scanned,
            cursor: step.last_key.or(window.after),
            touched_transmissions: step.touched_transmissions,
            hold,
            wal_pages: counters::pages_since(&self.conn, pages),
            ..reply(request)
        };
        Ok(done(request, answer))
    }

    /// Puts the row at fault on the list of those that were not dealt with, and goes past it.
    fn set_job_row_aside(
        &mut self,
        request: &JobRequest,
        error: DbError,
    ) -> Result<Done<BatchReply>, DbError> {
        let JobRequest { job, window } = request;
        let clock = self.options.clock.clone();
        let tx = begin(&mut self.conn)?;
        let started = clock.monotonic();
        let Some(key) = job.steps.next_key(&tx, window.after)? else { return Err(error) };
        add_dead_letter(&tx, job.name, key, &error, clock.now_ms())?;
        tx.commit().doing("set a row of a job aside")?;
        let hold = clock.monotonic().saturating_sub(started);
        let answer = BatchReply {
            rows_scanned: 1,
            rows_failed: 1,
            cursor: Some(key),
            hold,
            ..reply(request)
        };
        Ok(done(request, answer))
    }
}

fn done(request: &JobRequest, answer: BatchReply) -> Done<BatchReply> {
    let shares = Shares::one(request.job.source, answer.rows_changed);
    let hold = answer.hold;
    Done { answer, shares, hold }
}

/// A reply of a step that did nothing.
fn reply(request: &JobRequest) -> BatchReply {
    BatchReply {
        name: request.job.name,
        state: BatchState::More,
        rows_changed: 0,
        rows_scanned: 0,
        rows_done: 0,
        rows_total: 0,
        cursor: request.window.after,
        rows_changed_total: 0,
        rows_failed: 0,
        rows_verified: (0, 0),
        next: Phase::Walk,
        hold: Duration::ZERO,
        wal_pages: 0,
        touched_transmissions: Vec::new(),
    }
}
