//! What the machine asks for, what it is given, and what it tells.

use std::time::Duration;

use super::{OutlineMark, OutlinePart};
use crate::store::{Floor, Record};

/// What bounds the window.
#[derive(Clone, Copy, Debug)]
pub struct LoadRules {
    pub(super) hot_s: Option<i64>,
    pub(super) retention_s: Option<i64>,
    pub(super) bytes_max: u64,
    pub(super) chunk_rows: usize,
}

impl LoadRules {
    /// A hot window longer than the retention is cut to it. What is set here stays (003-10).
    pub fn new(
        hot: Option<Duration>,
        retention: Option<Duration>,
        bytes_max: u64,
        chunk_rows: u64,
    ) -> Self {
        let whole_s = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        let (hot_s, retention_s) = (hot.map(whole_s), retention.map(whole_s));
        let hot_s = hot_s.map(|hot_s| hot_s.min(retention_s.unwrap_or(i64::MAX)));
        let chunk_rows = usize::try_from(chunk_rows).unwrap_or(usize::MAX).max(1);
        Self { hot_s: hot_s.filter(|hot_s| *hot_s > 0), retention_s, bytes_max, chunk_rows }
    }

    /// The hot window as applied, seconds.
    pub fn hot_s(&self) -> Option<i64> {
        self.hot_s
    }
}

/// What is to be read now, all of it at one moment of the database.
#[derive(Clone, Debug, PartialEq)]
pub enum Need {
    /// New rows after the known ones, and these transmissions again.
    Look {
        /// `None` to begin with: only the last ids are wanted.
        known: Option<Known>,
        /// To be read again.
        ids: Vec<i64>,
        /// Whether to count transmissions if something was written.
        counts: bool,
    },
    /// The next part of the outline.
    Outline(OutlineMark),
    /// These transmissions.
    Records(Vec<i64>),
    /// Ids of all transmissions after this one.
    Ids(Option<i64>),
    /// Nothing before this has passed or something was written.
    Wait(Duration),
}

/// What a [`Need`] yielded.
#[derive(Clone, Debug)]
pub enum Found {
    /// Of a look.
    Looked(Looked),
    /// Of the outline.
    Outline(OutlinePart),
    /// Those that exist.
    Records(Vec<Record>),
    /// Ascending; none after the last.
    Ids(Vec<i64>),
}

/// Where the database stood at a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The highest `transmissions.id` that was looked at.
    pub transmission: i64,
    /// The highest `observations.id` that was looked at.
    pub observation: i64,
    /// Changes with every commit of anybody.
    pub data_version: i64,
}

/// What a look saw.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// Up to where.
    pub known: Known,
    /// Whether there are more new rows than were read.
    pub has_more: bool,
    /// All that was asked for or is new.
    pub records: Vec<Record>,
    /// Asked for, and there no longer.
    pub gone: Vec<i64>,
    /// Transmissions, where they were to be counted.
    pub count: Option<u64>,
}

/// What happened, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The outline is known and the first chunk is asked for.
    HotBegan,
    /// The hot window is in memory and its floor is set.
    HotLoaded {
        /// How far back it reaches.
        floor: Floor,
    },
    /// The rest is asked for.
    BackgroundBegan,
    /// All is done that will be done.
    Settled,
    /// A phase failed, for now.
    Failed,
    /// It goes on after a failure.
    Resumed,
    /// Everything is read afresh.
    Reloading(&'static str),
    /// The database cannot be looked at, for now.
    Blind(String),
    /// It can be again.
    Sighted,
}

/// The second phase was about to begin with transmissions in memory of which nobody knows how far
/// back they are complete (003-07).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the load is in an impossible state: {0} transmissions are in memory without a floor before \
     the background load (issue 1811)"
)]
pub struct NoFloor(pub u64);
