//! What a migration is: a walk over old rows, an index, or both.

use rusqlite::Connection;

use crate::db::error::DbError;

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
    pub(super) fn whole(&self) -> Self {
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
