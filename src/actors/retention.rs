//! Retention: a rule and a schedule; the work is done by Backfill's runner (decision 6).
//!
//! ## Messages
//! | message | answer |
//! |---|---|
//! | [`BeginRetention`] | told once subscriptions were tried and migrations may run |
//! | `LookAtSchedule` | its own, sent to itself by a timer |
//!
//! Asks Backfill to run what is due, and waits until migrations that go on by themselves are done:
//! they build what its steps need. Blocks on nothing. If it died, old rows would stay.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use arc_swap::ArcSwap;
use tokio::sync::oneshot;

use super::backfill::{Backfill, JobEnd, LiveRun, LiveRuns, RunJob};
use super::line::Line;
use crate::clock::{self, Clock};
use crate::config::RetentionConfig;
use crate::db::migrations::needs_of;
use crate::db::retention::{AutoVacuum, RunEnd, Schedule, Task, TaskParts, TaskStatus};
use crate::perf::backfill::State;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// One message in its life.
const ROOM: usize = 4;
const DEADLINE: Duration = Duration::from_secs(10);
const BY: &str = "retention";

/// All tasks as they stood a moment ago, to be looked at without asking.
pub type Maintenance = ArcSwap<Vec<TaskStatus>>;

/// The actor. See the module.
pub struct Retention {
    schedule: Schedule,
    tasks: TaskParts,
    backfill: Line<Backfill>,
    migrations: Arc<LiveRuns>,
    board: Arc<Maintenance>,
}

/// What it needs.
pub struct RetentionParts {
    /// Runs the work.
    pub backfill: Line<Backfill>,
    /// What the work has to wait for.
    pub migrations: Arc<LiveRuns>,
    /// How long what is kept.
    pub keeps: RetentionConfig,
    /// Pages that one step of a vacuum frees at most.
    pub vacuum_pages_max: u64,
    /// What the file does with free pages.
    pub auto_vacuum: AutoVacuum,
    /// The time.
    pub clock: Clock,
}

impl Retention {
    /// Starts it on the arbiter of the caller, and returns the place where it shows how things
    /// stand. Nothing is due before [`BeginRetention`].
    pub fn begin_with(parts: RetentionParts) -> (Line<Self>, Arc<Maintenance>) {
        let RetentionParts { backfill, migrations, keeps, vacuum_pages_max, auto_vacuum, clock } =
            parts;
        let is_incremental = auto_vacuum == AutoVacuum::Incremental;
        if auto_vacuum == AutoVacuum::Off {
            tracing::warn!(
                "the database file never shrinks: free pages are only reused (auto_vacuum is off); \
                 start once with db.vacuumOnStartup to change that"
            );
        }
        let schedule = Schedule::new(&keeps, is_incremental);
        let board = Arc::new(Maintenance::from_pointee(schedule.statuses(clock.monotonic())));
        let tasks = TaskParts { keeps, vacuum_pages_max, clock };
        let retention = Self { schedule, tasks, backfill, migrations, board: Arc::clone(&board) };
        (Line::new(retention.start(), ROOM, DEADLINE), board)
    }

    fn publish(&self) {
        self.board.store(Arc::new(self.schedule.statuses(self.tasks.clock.monotonic())));
    }

    fn ask_for(&mut self, task: Task, ctx: &mut Context<Self>) {
        let Some(job) = task.job(&self.tasks) else { return };
        let (ended, end) = oneshot::channel();
        let backfill = self.backfill.clone();
        let asked = async move {
            backfill.ask(RunJob { job, by: BY.to_owned(), ended: Some(ended) }).await.ok()?;
            end.await.ok()
        };
        ctx.spawn(asked.into_actor(self).map(move |end, this, _| this.note(task, end)));
    }

    fn note(&mut self, task: Task, end: Option<JobEnd>) {
        let now = self.tasks.clock.monotonic();
        match end {
            Some(end) => self.schedule.note(task, run_end(&end), now),
            None => self.schedule.put_off(task, now),
        }
        self.publish();
    }
}

/// Whether migrations are under way or about to begin. One that waits for an operator, and those
/// that need what it makes, hold nothing up; nor does one that waits for room on the disk, which
/// retention makes.
fn is_migrating(runs: &[LiveRun]) -> bool {
    let is_open = |need: &str| runs.iter().any(|run| run.name == need && !run.state.is_final());
    let is_due = |run: &LiveRun| {
        matches!(run.state, State::Pending | State::Interrupted) && !needs_of(run.name).any(is_open)
    };
    let is_waiting = runs.iter().any(|run| run.waits_for_space);
    !is_waiting && runs.iter().any(|run| run.state.is_active() || is_due(run))
}

fn run_end(end: &JobEnd) -> RunEnd {
    RunEnd {
        ended_ms: clock::parse_utc_ms(&end.ended_at).unwrap_or_default(),
        rows: end.rows_changed,
        error: end.error.clone(),
    }
}

impl Actor for Retention {
    type Context = Context<Self>;
}

/// Tells that old rows may be looked for.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BeginRetention;

impl Handler<BeginRetention> for Retention {
    type Result = ();

    fn handle(&mut self, _: BeginRetention, ctx: &mut Context<Self>) {
        self.schedule.begin(self.tasks.clock.monotonic());
        ctx.notify_later(LookAtSchedule, LOOK_EVERY);
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct LookAtSchedule;

impl Handler<LookAtSchedule> for Retention {
    type Result = ();

    fn handle(&mut self, _: LookAtSchedule, ctx: &mut Context<Self>) {
        if !is_migrating(&self.migrations.load()) {
            let now = self.tasks.clock.monotonic();
            self.schedule.take_due(now).into_iter().for_each(|task| self.ask_for(task, ctx));
        }
        self.publish();
        ctx.notify_later(LookAtSchedule, LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::backfill::Conductor;
    use crate::config::MigrationsConfig;
    use crate::db::migrations::StoredState;

    const FIRST: &str = "idx_tx_last_seen_zero";
    const SECOND: &str = "tx_last_seen_backfill_v1";
    const OTHER: &str = "channel_hash_v1";

    fn live(states: &[(&'static str, State)]) -> Vec<LiveRun> {
        let stored = |(name, state): &(&'static str, State)| StoredState {
            state: *state,
            ..StoredState::pending(name, "", 0)
        };
        let stored = states.iter().map(stored).collect();
        Conductor::new(stored, &MigrationsConfig::default(), Clock::manual(0)).live()
    }

    #[test]
    fn a_migration_that_may_run_is_waited_for_whatever_an_operator_holds_before_it() {
        for held in [State::AwaitingApproval, State::Paused] {
            assert!(!is_migrating(&live(&[(FIRST, held)])), "{held:?}");
            for state in [State::Pending, State::Interrupted] {
                assert!(is_migrating(&live(&[(FIRST, held), (OTHER, state)])), "{held:?}");
                let needy = [(FIRST, held), (SECOND, state)];
                assert!(!is_migrating(&live(&needy)), "it needs what is held: {held:?}");
            }
        }
        assert!(!is_migrating(&live(&[(FIRST, State::Succeeded), (OTHER, State::Failed)])));
    }

    #[test]
    fn a_migration_that_waits_for_space_is_not_waited_for() {
        let mut runs = live(&[(FIRST, State::Pending), (OTHER, State::Pending)]);
        runs[0].state = State::Throttled;
        assert!(is_migrating(&runs), "it waits for something else");
        runs[0].waits_for_space = true;
        assert!(!is_migrating(&runs), "retention makes the room");
    }
}
