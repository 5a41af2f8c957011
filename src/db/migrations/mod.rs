//! Changes of old rows, in bounded steps, each step with its cursor in one transaction.
//!
//! A migration walks a key range in ascending order and may end by building an index. Its cursor,
//! counters and rows commit together (`design/backfill.md` §10.5), so that a kill at any moment
//! loses or repeats nothing; the upper bound is fixed when it begins (§10.4), because new rows are
//! written in the new form from the first moment. Nothing here waits, sleeps or decides the pace.
//!
//! Where a migration stands is kept in `_migration_runs`, which is ours; `_async_migrations` and
//! `_migrations` say it in the original's words (decisions 17 and 19).

mod batch;
mod books;
mod deadline;
mod dry_run;
mod job;
mod list;
mod nodes;
mod observations;
mod proof;
mod register;
mod registry;
mod runs;
mod transmissions;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rusqlite::Connection;

pub use self::books::StoredState;
pub use self::dry_run::DryRun;
pub use self::job::{Job, JobRequest, JobStep, JobSteps, JobWindow};
pub use self::list::{
    DeadLetter, KeyProgress, MigrationMove, MigrationStatus, Verification, list_migrations,
    list_moves,
};
pub(super) use self::register::register;
pub use self::registry::{MIGRATIONS, needs_of};
pub use self::runs::CANCELLED;
use super::error::DbError;

/// One change of old rows.
#[derive(Debug)]
pub struct Migration {
    /// Its name in `_async_migrations`; the original's where it has one.
    pub name: &'static str,
    /// Raised when what it does to a row changes: a run that an earlier version has begun is not
    /// gone on with.
    pub version: u32,
    /// The rows to walk before the index is built, if any.
    pub walk: Option<Walk>,
    /// The index that is built at the end, if any, in one step (decision 18).
    pub index: Option<&'static str>,
    /// The name that the original records in `_migrations` when it has done the same.
    pub recorded_as: Option<&'static str>,
    /// On which databases there is anything to do.
    pub applies: Applies,
    /// Finds out at the start whether another program has left such rows since it was done.
    pub left: Option<Left>,
}

/// A question whose answer is 1 if there are rows to change again. It looks at a bounded number of
/// the newest rows, and is asked only where these indexes stand.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    /// Returns 0 or 1.
    pub sql: &'static str,
    /// What keeps it from passing through a table.
    pub needs: &'static [&'static str],
}

/// A walk over the rows of one table in ascending order of a key.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    /// The table.
    pub table: &'static str,
    /// Finds the transmissions that a step over a key range (`?1` to `?2`) may change so that a
    /// copy in memory is no longer right; none if it changes nothing that is copied.
    pub touches: Option<&'static str>,
    /// The column that orders the walk and bounds its steps; it has an index or is the rowid.
    pub key: &'static str,
    /// A condition that an index answers, so that only these rows are walked; usually empty.
    pub only: &'static str,
    /// Changes all rows whose key lies in the range and returns how many it changed. Running it
    /// again on the same range changes nothing.
    pub apply: fn(&Connection, KeyRange) -> Result<u64, DbError>,
    /// The columns or expressions that it sets: a verification hashes them.
    pub target: &'static str,
}

impl Walk {
    /// The same over all rows, for those that are done are among the others.
    fn whole(&self) -> Self {
        Self { only: "", ..*self }
    }
}

/// Keys of one step, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The lowest.
    pub first: i64,
    /// The highest.
    pub last: i64,
}

/// Where a migration applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applies {
    /// Everywhere.
    Always,
    /// Where regions are configured.
    WithRegions,
    /// Where observations still name their observer by text (spec §1.10, v2).
    WithTextObservers,
}

/// Asks for one step of one migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRequest {
    /// A name of [`MIGRATIONS`].
    pub name: String,
    /// Rows to walk at most; 0 counts as 1. A step that builds an index knows no rows.
    pub rows_max: u64,
}

/// What bounds a step besides its rows. The default bounds nothing.
#[derive(Clone, Debug, Default)]
pub struct BatchLimits {
    /// After so long no further rows are begun, and what is done is committed. A job's step is not
    /// divided.
    pub hold_aim: Option<Duration>,
    /// After so long the step is rolled back: [`BatchState::Overran`]. Neither a single row nor
    /// an index can be halved, so they are let run.
    pub hold_max: Option<Duration>,
    /// Rolls the step back when set: [`BatchState::Stopped`].
    pub stop: Option<Arc<AtomicBool>>,
    /// Whether a step of one row that fails by that row's fault sets it aside.
    pub sets_aside: bool,
    /// Whether all rows are looked at once more before it is done.
    pub verifies: bool,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchReply {
    /// The migration's name.
    pub name: &'static str,
    /// Whether there is more to do.
    pub state: BatchState,
    /// Rows that this step changed.
    pub rows_changed: u64,
    /// Rows that this step looked at.
    pub rows_scanned: u64,
    /// Rows that all steps of this run looked at.
    pub rows_done: u64,
    /// What `rows_done` will be at the end: an estimate from the span of keys, exact at the end.
    pub rows_total: u64,
    /// The last key that is done; `None` before the first and when an index is built.
    pub cursor: Option<i64>,
    /// Rows that all steps of this run changed.
    pub rows_changed_total: u64,
    /// Rows that this run has set aside.
    pub rows_failed: u64,
    /// Rows that were looked at once more, and how many that will be, an estimate.
    pub rows_verified: (u64, u64),
    /// What the next step does.
    pub next: Phase,
    /// How long the write lock was held.
    pub hold: Duration,
    /// Pages that the step added to the WAL.
    pub wal_pages: u32,
    /// `transmissions.id` of those that the step deleted, or changed (they or their observations)
    /// so that a copy in memory is no longer right; bounded by the step's rows. In any order, each
    /// once or more often.
    pub touched_transmissions: Vec<i64>,
}

/// What a step does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Changes rows.
    #[default]
    Walk,
    /// Builds the index, in one step.
    Index,
    /// Looks whether all rows are as they should be.
    Verify,
}

/// Whether a migration goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchState {
    /// Ask again.
    More,
    /// Nothing was done, because it took too long: ask again for half of the rows.
    Overran,
    /// Nothing was done, because it was told to stop.
    Stopped,
    /// It is finished and recorded.
    Done,
}

/// Finds a migration by its name.
///
/// # Errors
/// [`DbError::UnknownMigration`].
pub fn find(name: &str) -> Result<&'static Migration, DbError> {
    MIGRATIONS
        .iter()
        .find(|migration| migration.name == name)
        .ok_or_else(|| DbError::UnknownMigration { name: name.to_owned() })
}
