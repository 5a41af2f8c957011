//! What an answer to a batch means for its run.

use std::time::Duration;

use super::{Conductor, RUNNER, budgets};
use crate::db::DbError;
use crate::db::migrations::{BatchReply, BatchState, Phase};
use crate::perf::backfill::knobs::KnobValues;
use crate::perf::backfill::{State, pacing};

impl Conductor {
    /// Takes an answered batch and returns how long to rest before the next.
    pub fn note(&mut self, answer: Result<BatchReply, DbError>) -> Duration {
        let Some((index, rows)) = self.out.take() else { return Duration::ZERO };
        let rest = match answer {
            Ok(reply) => {
                let reply = self.runs[index].sum_up(reply);
                self.take(index, rows, &reply)
            }
            Err(error) => self.fault(index, rows, &error),
        };
        self.settle_if_asked(index);
        rest
    }

    /// Forgets a batch of which nobody knows what became; its cursor will tell.
    pub fn give_up_batch(&mut self) {
        if let Some((index, _)) = self.out.take() {
            self.settle_if_asked(index);
        }
    }

    fn take(&mut self, index: usize, rows: u64, reply: &BatchReply) -> Duration {
        let (now, now_ms) = (self.clock.monotonic(), self.clock.now_ms());
        let run = &mut self.runs[index];
        run.calm();
        let (phase, failed_before) = (run.next, run.rows_failed);
        run.take_counts(reply);
        let knobs = run.knobs.values(now_ms);
        match reply.state {
            BatchState::Done => {
                let why = format!("{} rows done", reply.rows_done);
                self.tell_done(index, reply);
                self.shift(index, State::Succeeded, &why, RUNNER);
                return self.rest(reply.hold, &knobs);
            }
            BatchState::Overran => run.servo.halve(),
            BatchState::Stopped => {}
            BatchState::More if run.rows_failed > failed_before => {
                tracing::warn!(migration = reply.name, key = reply.cursor, "a row was set aside");
                run.servo.recover();
            }
            BatchState::More if phase != Phase::Index => {
                let pages = u64::from(reply.wal_pages);
                let scanned = reply.rows_scanned.min(rows);
                let budgets = budgets(&knobs, self.ingest_wait_ms);
                run.servo.learn(scanned, reply.hold, pages, &budgets);
                run.eta.note(reply.rows_scanned, now);
            }
            BatchState::More => {}
        }
        self.judge(index, reply, phase);
        self.rest(reply.hold, &knobs)
    }

    /// A job is done many times a day.
    fn tell_done(&self, index: usize, reply: &BatchReply) {
        match &self.runs[index].job {
            None => {
                tracing::info!(migration = reply.name, rows = reply.rows_done, "migration done");
            }
            Some(_) => tracing::debug!(job = reply.name, rows = reply.rows_done, "job done"),
        }
    }

    /// Ends a run that gets nowhere, and tells when all that is left is to look once more.
    fn judge(&mut self, index: usize, reply: &BatchReply, phase: Phase) {
        let now = self.clock.monotonic();
        let run = &mut self.runs[index];
        let is_walking = reply.state == BatchState::More && phase == run.next;
        let stalled = if is_walking && phase == Phase::Walk {
            run.stall.note(run.place(reply), reply.rows_changed, now).err()
        } else {
            None
        };
        if let Some(why) = run.verdict().or_else(|| stalled.map(str::to_owned)) {
            self.fail(index, &why);
        } else if run.next == Phase::Verify && run.state == State::Running {
            self.shift(index, State::Verifying, "all rows are done", RUNNER);
        } else if run.next != Phase::Verify && run.state == State::Verifying {
            self.shift(index, State::Running, "some rows differ: a second pass", RUNNER);
        }
    }

    fn fault(&mut self, index: usize, rows: u64, error: &DbError) -> Duration {
        let now = self.clock.monotonic();
        let why = tell(error);
        let run = &mut self.runs[index];
        if error.is_transient() {
            run.back_off(now);
            run.wants_space = matches!(error, DbError::Full { .. });
            self.throttle(index, &why);
        } else if error.is_fault_of_record() && rows > 1 && run.next != Phase::Index {
            run.servo.halve();
        } else {
            self.fail(index, &why);
        }
        Duration::ZERO
    }

    fn fail(&mut self, index: usize, why: &str) {
        let run = &self.runs[index];
        match &run.job {
            None => tracing::error!(migration = run.name, reason = why, "migration failed"),
            // It comes again by itself.
            Some(_) => tracing::warn!(job = run.name, reason = why, "a job failed"),
        }
        self.shift(index, State::Failed, why, RUNNER);
    }

    fn rest(&self, hold: Duration, knobs: &KnobValues) -> Duration {
        let pause_min = Duration::from_millis(knobs.pause_min_ms);
        if knobs.turbo {
            return pause_min;
        }
        self.zones.stretch(pacing::rest(hold, knobs.duty_cycle, pause_min))
    }
}

fn tell(error: &DbError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
