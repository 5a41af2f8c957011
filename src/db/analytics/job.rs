//! The job that makes stale digests anew.

use std::sync::Arc;

use rusqlite::Connection;

use super::digests::{MIGRATION, refresh};
use crate::db::error::DbError;
use crate::db::migrations::{Job, JobStep, JobSteps, JobWindow};
use crate::perf::ledger::Source;

/// Makes the job: it takes notice of new rows and ends when nothing but the newest block is stale.
pub fn refresh_job() -> Job {
    let source = Source::backfill(MIGRATION);
    Job { name: "analytics_refresh", source, steps: Arc::new(Refresh) }
}

struct Refresh;

impl JobSteps for Refresh {
    fn step(&self, tx: &Connection, window: JobWindow) -> Result<JobStep, DbError> {
        let done = refresh(tx, window.after, window.rows_max)?;
        Ok(JobStep {
            rows_scanned: done.rows,
            rows_changed: done.blocks,
            last_key: done.last_block,
            is_done: !done.is_more,
            ..JobStep::default()
        })
    }
}
