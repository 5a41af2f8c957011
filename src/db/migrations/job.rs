//! Work that recurs, such as retention: bounded steps on the runner of the migrations.
//!
//! A job is not in `_async_migrations`, the original must not see it, and its cursor is in memory
//! only: a run that a restart cuts short begins again at its next appointment. Steps must therefore
//! be idempotent, and a step that finds nothing to do must be cheap.

use std::fmt;
use std::sync::Arc;

use rusqlite::Connection;

use crate::db::error::DbError;
use crate::perf::ledger::Source;

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
    /// See [`BatchReply::touched_transmissions`](super::BatchReply::touched_transmissions).
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
