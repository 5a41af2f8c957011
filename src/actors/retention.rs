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

use super::backfill::{Backfill, JobEnd, LiveRuns, RunJob};
use super::line::Line;
use crate::clock::{self, Clock};
use crate::config::RetentionConfig;
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

    /// Whether migrations are under way or about to begin. One that waits for an operator, and
    /// those behind it, hold nothing up.
    fn is_migrating(&self) -> bool {
        let runs = self.migrations.load();
        let next = runs.iter().find(|run| !run.state.is_final());
        next.is_some_and(|run| {
            run.state.is_active() || matches!(run.state, State::Pending | State::Interrupted)
        })
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
        if !self.is_migrating() {
            let now = self.tasks.clock.monotonic();
            self.schedule.take_due(now).into_iter().for_each(|task| self.ask_for(task, ctx));
        }
        self.publish();
        ctx.notify_later(LookAtSchedule, LOOK_EVERY);
    }
}
