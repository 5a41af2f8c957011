//! Jobs on the runner: what recurs takes its turn between migrations, at the same pace and under
//! the same rules. Their moves are not in the books, the original has no word for them.

use serde::Serialize;

use super::conductor::{CommandError, Conductor};
use super::run::Run;
use crate::clock;
use crate::db::migrations::{BatchReply, Job, StoredState};
use crate::perf::backfill::State;
use crate::perf::backfill::knobs::{KnobValues, Setting};

/// Jobs of different names that may be known at a time.
const JOBS_MAX: usize = 64;

/// What a run of a job has beside a migration's.
#[derive(Clone, Debug)]
pub(super) struct JobRun {
    pub(super) job: Job,
    /// The last key that is dealt with.
    pub(super) after: Option<i64>,
    /// Jobs run in the order in which they were asked for.
    pub(super) ticket: u64,
    pub(super) started_ms: Option<i64>,
    runs: u64,
    last: Option<JobEnd>,
}

/// How a run of a job has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobEnd {
    /// `succeeded`, `failed` or `cancelled`.
    #[serde(serialize_with = "as_name")]
    pub state: State,
    /// Why it failed, or who cancelled it; `null` if it succeeded.
    pub error: Option<String>,
    /// When its first step began; `null` if it never began.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: String,
    /// Rows that it looked at.
    pub rows_scanned: u64,
    /// Rows that it inserted, changed or deleted.
    pub rows_changed: u64,
    /// Rows that it had to set aside.
    pub rows_failed: u64,
}

/// One job as it stands at this moment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveJob {
    /// Its name.
    pub name: &'static str,
    /// Where its present or last run stands.
    #[serde(serialize_with = "as_name")]
    pub state: State,
    /// Why; empty if there is nothing to say.
    pub state_reason: String,
    /// Since when.
    pub state_since: String,
    /// Who moved it there.
    pub by: String,
    /// Rows of the present run.
    pub rows_scanned: u64,
    /// Rows that it has changed.
    pub rows_changed: u64,
    /// Rows that it has set aside.
    pub rows_failed: u64,
    /// Batches since the process started.
    pub batches: u64,
    /// Rows of the next batch.
    pub batch_rows: u64,
    /// Pages that its batches added to the WAL.
    pub wal_pages: u64,
    /// Runs that have ended since the process started.
    pub runs: u64,
    /// The last of them.
    pub last: Option<JobEnd>,
    /// The knobs.
    pub knobs: KnobValues,
    /// Knobs that an operator has turned, until when.
    pub settings: Vec<Setting>,
}

fn as_name<S: serde::Serializer>(state: &State, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(state.as_str())
}

impl Conductor {
    /// Takes a job that is to run when its turn comes, and returns where it stands. One that waits
    /// or is paused takes the new parameters; one that is under way goes on as it is.
    ///
    /// # Errors
    /// [`CommandError::Full`] if too many jobs of different names are known.
    pub fn request_job(&mut self, job: Job, by: &str) -> Result<State, CommandError> {
        self.tickets += 1;
        let (ticket, now_ms) = (self.tickets, self.clock.now_ms());
        let known = self.runs.iter().position(|run| run.name == job.name);
        let Some(index) = known else {
            if self.runs.iter().filter(|run| run.job.is_some()).count() >= JOBS_MAX {
                return Err(CommandError::Full);
            }
            let mut run = Run::new(pending(job.name, by, now_ms), self.knobs.clone());
            run.job = Some(JobRun::new(job, ticket));
            self.runs.push(run);
            return Ok(State::Pending);
        };
        let run = &mut self.runs[index];
        let Some(earlier) = run.job.as_mut() else {
            return Err(CommandError::Unknown(job.name.to_owned()));
        };
        match run.state {
            State::Pending | State::Paused => {
                (earlier.job, earlier.after) = (job, None);
            }
            state if state.is_final() => {
                (earlier.job, earlier.ticket) = (job, ticket);
                run.begin_again();
                (run.state, run.since_ms) = (State::Pending, now_ms);
                (run.reason, run.by) = (String::new(), by.to_owned());
            }
            _ => {}
        }
        Ok(run.state)
    }

    /// All jobs as they stand, by the order in which they were first asked for.
    pub fn live_jobs(&mut self) -> Vec<LiveJob> {
        let now_ms = self.clock.now_ms();
        self.runs.iter_mut().filter_map(|run| run.live_job(now_ms)).collect()
    }

    /// How the last run of a job ended; `None` while it waits, runs or is paused.
    pub fn job_end(&self, name: &str) -> Option<JobEnd> {
        let run = self.runs.iter().find(|run| run.name == name && run.state.is_final())?;
        run.job.as_ref()?.last.clone()
    }
}

impl JobRun {
    fn new(job: Job, ticket: u64) -> Self {
        Self { job, after: None, ticket, started_ms: None, runs: 0, last: None }
    }
}

impl Run {
    /// Begins a job afresh; its pace and the knobs that an operator has turned stay.
    fn begin_again(&mut self) {
        let servo = self.servo.clone();
        self.reset();
        self.servo = servo;
    }

    /// Adds what earlier steps of this run did; a migration's reply says so itself.
    pub(super) fn sum_up(&mut self, mut reply: BatchReply) -> BatchReply {
        let Some(job) = &mut self.job else { return reply };
        job.after = reply.cursor;
        reply.rows_done = self.rows_done + reply.rows_scanned;
        reply.rows_total = self.rows_total.max(reply.rows_done);
        reply.rows_changed_total = self.rows_changed + reply.rows_changed;
        reply.rows_failed += self.rows_failed;
        reply
    }

    /// What has to move while it works: a job that deletes what it finds walks no key.
    pub(super) fn place(&self, reply: &BatchReply) -> Option<i64> {
        let done = || i64::try_from(reply.rows_done).ok();
        if self.job.is_some() { done() } else { reply.cursor }
    }

    /// Notes how a job's run has ended.
    pub(super) fn note_end(&mut self, at_ms: i64) {
        let Some(job) = &mut self.job else { return };
        job.runs += 1;
        let is_success = self.state == State::Succeeded;
        job.last = Some(JobEnd {
            state: self.state,
            error: (!is_success).then(|| self.reason.clone()),
            started_at: job.started_ms.map(clock::iso_ms),
            ended_at: clock::iso_ms(at_ms),
            rows_scanned: self.rows_done,
            rows_changed: self.rows_changed,
            rows_failed: self.rows_failed,
        });
    }

    fn live_job(&mut self, now_ms: i64) -> Option<LiveJob> {
        let job = self.job.as_ref()?;
        let knobs = self.knobs.values(now_ms);
        Some(LiveJob {
            name: self.name,
            state: self.state,
            state_reason: self.reason.clone(),
            state_since: clock::iso_ms(self.since_ms),
            by: self.by.clone(),
            rows_scanned: self.rows_done,
            rows_changed: self.rows_changed,
            rows_failed: self.rows_failed,
            batches: self.batches,
            batch_rows: self.servo.rows(&knobs.budgets()),
            wal_pages: self.wal_pages,
            runs: job.runs,
            last: job.last.clone(),
            knobs,
            settings: self.knobs.settings().to_vec(),
        })
    }
}

/// What waits for its turn and has done nothing yet.
pub(crate) fn pending(name: &'static str, by: &str, since_ms: i64) -> StoredState {
    StoredState {
        name,
        state: State::Pending,
        reason: String::new(),
        by: by.to_owned(),
        since_ms,
        rows_done: 0,
        rows_total: 0,
        rows_failed: 0,
        index_hold: None,
    }
}

#[cfg(test)]
mod tests;
