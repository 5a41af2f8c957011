//! One step of one job in one transaction.

use std::time::Duration;

use super::batch::begin;
use super::books::{add_dead_letter, forget_dead_letters};
use super::deadline::Deadline;
use super::{BatchLimits, BatchReply, BatchState, JobRequest, JobWindow, Phase};
use crate::db::counters;
use crate::db::error::{DbError, Doing};
use crate::db::write::{Done, Durability, WriteConnection};
use crate::perf::ledger::Shares;

impl WriteConnection {
    /// Does one step of a job in a transaction of its own. The reply's counts are of this step
    /// alone, its cursor is what the next window begins after.
    ///
    /// # Errors
    /// As in [`WriteConnection::run_batch`].
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
