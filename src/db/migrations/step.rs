//! What a step is asked for, what bounds it, and what it answers.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Asks for one step of one migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRequest {
    /// A name of [`MIGRATIONS`](super::MIGRATIONS).
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
