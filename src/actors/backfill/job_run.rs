//! What a run of a job has beside a migration's, and what is told of it.

use serde::Serialize;

use crate::db::migrations::Job;
use crate::perf::backfill::State;
use crate::perf::backfill::knobs::{KnobValues, Setting};

/// What a run of a job has beside a migration's.
#[derive(Clone, Debug)]
pub(super) struct JobRun {
    pub(super) job: Job,
    /// The last key that is dealt with.
    pub(super) after: Option<i64>,
    /// Jobs run in the order in which they were asked for.
    pub(super) ticket: u64,
    pub(super) started_ms: Option<i64>,
    /// Runs that have ended.
    pub(super) runs: u64,
    pub(super) last: Option<JobEnd>,
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

impl JobRun {
    pub(super) fn new(job: Job, ticket: u64) -> Self {
        Self { job, after: None, ticket, started_ms: None, runs: 0, last: None }
    }
}
