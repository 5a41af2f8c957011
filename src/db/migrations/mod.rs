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
mod job_step;
mod list;
mod migration;
mod nodes;
mod observations;
mod proof;
mod register;
mod registry;
mod runs;
mod states;
mod step;
mod transmissions;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

pub use self::books::CANCELLED;
pub use self::dry_run::DryRun;
pub use self::job::{Job, JobRequest, JobStep, JobSteps, JobWindow};
pub use self::list::{
    DeadLetter, KeyProgress, MigrationMove, MigrationStatus, Verification, list_migrations,
    list_moves,
};
pub use self::migration::{Applies, KeyRange, Left, Migration, Walk};
pub(super) use self::register::register;
pub use self::registry::{MIGRATIONS, find, needs_of};
pub use self::states::StoredState;
pub use self::step::{BatchLimits, BatchReply, BatchRequest, BatchState, Phase};
