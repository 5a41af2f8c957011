//! What is forgotten, and when: the tables' old rows leave in bounded steps (spec §7; the
//! original's daily prune held ingest up for 34 s).
//!
//! Each step is a plain function inside a transaction that somebody else begins and ends. What has
//! been deleted needs no cursor to stay deleted, so a run that a kill cuts short is simply run
//! again. [`Task`] names the work, [`Task::job`] makes it a job of the runner of migrations.
//!
//! Nothing is called old by a clock that may be wrong ([`heard`]). Times are compared with a [`Cutoff`]; what is no time is not old. A row that is exactly as old
//! as allowed stays.

mod cutoff;
mod heard;
mod hold;
mod job;
mod nodes;
mod observers;
mod optimize;
mod packets;
mod rebuild;
mod rows;
mod schedule;
mod task;
mod vacuum;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

pub use self::cutoff::Cutoff;
pub use self::job::TaskParts;
pub(super) use self::nodes::move_back_sql;
pub use self::rebuild::Rebuilt;
pub use self::schedule::{RunEnd, Schedule, TaskStatus};
pub use self::task::Task;
pub use self::vacuum::AutoVacuum;
