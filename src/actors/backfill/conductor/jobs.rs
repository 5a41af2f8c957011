//! Jobs on the runner: what recurs takes its turn between migrations, at the same pace and under
//! the same rules. Their moves are not in the books, the original has no word for them.

use super::{CommandError, Conductor};
use crate::actors::backfill::job_run::{JobEnd, JobRun, LiveJob};
use crate::actors::backfill::run::Run;
use crate::db::migrations::{Job, StoredState};
use crate::perf::backfill::State;

/// Jobs of different names that may be known at a time.
const JOBS_MAX: usize = 64;

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
            let mut run = Run::new(StoredState::pending(job.name, by, now_ms), self.knobs.clone());
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

#[cfg(test)]
mod tests;
