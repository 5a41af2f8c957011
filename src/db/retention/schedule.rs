//! When which task is due (spec §7). Pure: the time is handed in.

use std::time::Duration;

use serde::Serialize;

use super::Task;
use crate::clock;
use crate::config::RetentionConfig;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// When it could not even be asked for.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// After a failure; the next day would be late for what a full disk stopped.
const RETRY_AFTER: Duration = HOUR;

/// Why a task is never run.
const NOT_WANTED: &str = "the configuration keeps these rows for ever";
/// The same, of the vacuum.
const NOT_INCREMENTAL: &str = "the file is not in incremental mode, its free pages are reused";

/// How a run has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// Unix milliseconds.
    pub ended_ms: i64,
    /// Rows that it moved, changed or deleted, or pages that it freed.
    pub rows: u64,
    /// Why it did not come to its end; `None` if it did.
    pub error: Option<String>,
}

/// One task as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskStatus {
    /// Its name; that of its job in `/api/perf/jobs`.
    pub name: &'static str,
    /// `disabled`, `waiting`, `running`, `done` or `failed`; the last two are of its last run.
    pub state: &'static str,
    /// Why it is disabled or has failed.
    pub reason: Option<String>,
    /// How long rows are kept, in seconds; `null` if that does not matter.
    pub keeps_sec: Option<u64>,
    /// When its last run ended; `null` before the first.
    pub last_run_at: Option<String>,
    /// Rows that the last run moved, changed or deleted, or pages that it freed.
    pub last_rows: Option<u64>,
    /// Those of all runs since the process started.
    pub rows_total: u64,
    /// Runs that have ended since the process started.
    pub runs: u64,
    /// Seconds until the next run; `null` while it runs, or never runs.
    pub next_run_in_sec: Option<u64>,
}

/// All tasks and when they are due, by the monotonic time of the caller.
#[derive(Clone, Debug)]
pub struct Schedule(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    task: Task,
    keeps: Option<Duration>,
    /// Why it never runs.
    is_off: Option<&'static str>,
    due_at: Option<Duration>,
    is_running: bool,
    last: Option<RunEnd>,
    rows_total: u64,
    runs: u64,
}

impl Schedule {
    /// Nothing is due before [`Schedule::begin`].
    pub fn new(keeps: &RetentionConfig, is_incremental: bool) -> Self {
        let entry = |task: Task| {
            let is_off = match task {
                Task::Vacuum if !is_incremental => Some(NOT_INCREMENTAL),
                task if !task.is_wanted(keeps) => Some(NOT_WANTED),
                _ => None,
            };
            let keeps = task.keeps(keeps);
            let (due_at, last) = (None, None);
            Entry { task, keeps, is_off, due_at, is_running: false, last, rows_total: 0, runs: 0 }
        };
        Self(Task::ALL.map(entry).into())
    }

    /// Makes every task's first appointment.
    pub fn begin(&mut self, now: Duration) {
        for entry in self.0.iter_mut().filter(|entry| entry.is_off.is_none()) {
            entry.due_at = Some(now + first_after(entry.task));
        }
    }

    /// Takes the tasks that are due, in order; each is under way until [`Schedule::note`].
    pub fn take_due(&mut self, now: Duration) -> Vec<Task> {
        let is_due = |entry: &&mut Entry| entry.due_at.is_some_and(|at| at <= now);
        let due = self.0.iter_mut().filter(is_due);
        due.map(|entry| {
            (entry.due_at, entry.is_running) = (None, true);
            entry.task
        })
        .collect()
    }

    /// Notes that a task could not be asked for.
    pub fn put_off(&mut self, task: Task, now: Duration) {
        let Some(entry) = self.0.iter_mut().find(|entry| entry.task == task) else { return };
        (entry.due_at, entry.is_running) = (Some(now + AGAIN_AFTER), false);
    }

    /// Notes how a run has ended and makes the next appointment. What has been deleted leaves free
    /// pages: they are given back soon.
    pub fn note(&mut self, task: Task, end: RunEnd, now: Duration) {
        let has_freed = end.rows > 0 && task != Task::Vacuum && task != Task::Optimize;
        if let Some(entry) = self.0.iter_mut().find(|entry| entry.task == task) {
            let pause = if end.error.is_some() { RETRY_AFTER } else { every(task) };
            (entry.due_at, entry.is_running) = (Some(now + pause), false);
            entry.rows_total += end.rows;
            entry.runs += 1;
            entry.last = Some(end);
        }
        let vacuum = self.0.iter_mut().find(|entry| entry.task == Task::Vacuum);
        if let Some(due_at) = vacuum.filter(|_| has_freed).and_then(|entry| entry.due_at.as_mut()) {
            *due_at = (*due_at).min(now);
        }
    }

    /// All tasks as they stand.
    pub fn statuses(&self, now: Duration) -> Vec<TaskStatus> {
        self.0.iter().map(|entry| entry.status(now)).collect()
    }
}

impl Entry {
    fn status(&self, now: Duration) -> TaskStatus {
        let last = self.last.as_ref();
        let error = last.and_then(|last| last.error.clone());
        let state = match (self.is_off, self.is_running, last) {
            (Some(_), ..) => "disabled",
            (None, true, _) => "running",
            (None, false, None) => "waiting",
            (None, false, Some(_)) if error.is_some() => "failed",
            _ => "done",
        };
        TaskStatus {
            name: self.task.name(),
            state,
            reason: self.is_off.map(str::to_owned).or(error),
            keeps_sec: self.keeps.map(|keeps| keeps.as_secs()),
            last_run_at: last.map(|last| clock::iso_ms(last.ended_ms)),
            last_rows: last.map(|last| last.rows),
            rows_total: self.rows_total,
            runs: self.runs,
            next_run_in_sec: self.due_at.map(|at| at.saturating_sub(now).as_secs()),
        }
    }
}

/// After a long absence of ours everybody seems silent: observers get a moment to speak up.
fn first_after(task: Task) -> Duration {
    Duration::from_secs(match task {
        Task::Observers | Task::InactiveMetrics => 90,
        Task::NeighborEdges => 240,
        Task::Optimize => 600,
        _ => 0,
    })
}

fn every(task: Task) -> Duration {
    match task {
        Task::Nodes | Task::Vacuum => HOUR,
        _ => DAY,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1_000);

    fn at(seconds: u64) -> Duration {
        START + Duration::from_secs(seconds)
    }

    fn everything() -> RetentionConfig {
        let week = Some(7 * DAY);
        RetentionConfig { packets: week, client_receptions: week, ..RetentionConfig::default() }
    }

    fn ended(rows: u64) -> RunEnd {
        RunEnd { ended_ms: 0, rows, error: None }
    }

    #[test]
    fn nothing_is_due_before_it_has_begun() {
        let mut schedule = Schedule::new(&everything(), true);
        assert_eq!(schedule.take_due(at(1_000_000)), []);
    }

    #[test]
    fn each_task_has_its_first_appointment() {
        let mut schedule = Schedule::new(&everything(), true);
        schedule.begin(START);
        let first = [
            Task::Nodes,
            Task::Metrics,
            Task::DroppedPackets,
            Task::Packets,
            Task::ClientReceptions,
            Task::ClientObservers,
            Task::Vacuum,
        ];
        assert_eq!(schedule.take_due(START), first);
        assert_eq!(schedule.take_due(at(89)), []);
        assert_eq!(schedule.take_due(at(90)), [Task::Observers, Task::InactiveMetrics]);
        assert_eq!(schedule.take_due(at(240)), [Task::NeighborEdges]);
        assert_eq!(schedule.take_due(at(600)), [Task::Optimize]);
    }

    #[test]
    fn a_task_that_runs_is_not_due_and_comes_again_after_its_interval() {
        let mut schedule = Schedule::new(&everything(), true);
        schedule.begin(START);
        schedule.take_due(START);
        assert_eq!(schedule.take_due(at(3_600))[..2], [Task::Observers, Task::InactiveMetrics]);
        schedule.note(Task::Nodes, ended(0), at(10));
        schedule.note(Task::Metrics, ended(0), at(10));
        assert_eq!(schedule.take_due(at(3_609)), []);
        assert_eq!(schedule.take_due(at(3_610)), [Task::Nodes]);
        assert_eq!(schedule.take_due(at(86_410)), [Task::Metrics]);
    }

    #[test]
    fn a_vacuum_follows_what_has_deleted_something() {
        let mut schedule = Schedule::new(&everything(), true);
        schedule.begin(START);
        schedule.take_due(START);
        schedule.note(Task::Vacuum, ended(5), at(1));
        schedule.note(Task::Packets, ended(0), at(2));
        assert_eq!(schedule.take_due(at(2)), []);
        schedule.note(Task::Packets, ended(9), at(3));
        assert_eq!(schedule.take_due(at(3)), [Task::Vacuum]);
    }

    #[test]
    fn a_failure_is_told_and_tried_again_within_the_hour() {
        let mut schedule = Schedule::new(&everything(), true);
        schedule.begin(START);
        schedule.take_due(START);
        let error = Some("the disk is full".to_owned());
        schedule.note(Task::Packets, RunEnd { ended_ms: 5, rows: 3, error }, at(0));
        schedule.put_off(Task::Nodes, at(0));
        let statuses = schedule.statuses(at(0));
        let packets = statuses.iter().find(|status| status.name == "prune_packets").unwrap();
        assert_eq!(
            (packets.state, packets.reason.as_deref()),
            ("failed", Some("the disk is full"))
        );
        assert_eq!(packets.next_run_in_sec, Some(3_600));
        assert_eq!((packets.last_rows, packets.rows_total, packets.runs), (Some(3), 3, 1));
        assert_eq!(schedule.take_due(at(59)), []);
        assert_eq!(schedule.take_due(at(60)), [Task::Nodes]);
    }

    #[test]
    fn what_is_not_asked_for_never_runs_and_says_why() {
        let keeps = RetentionConfig { observers: None, ..RetentionConfig::default() };
        let mut schedule = Schedule::new(&keeps, false);
        schedule.begin(START);
        let due = schedule.take_due(at(10 * 86_400));
        assert_eq!(
            due,
            [Task::Nodes, Task::Metrics, Task::DroppedPackets, Task::NeighborEdges, Task::Optimize]
        );
        let statuses = schedule.statuses(START);
        let disabled = statuses.iter().filter(|status| status.state == "disabled");
        assert_eq!(
            disabled.map(|status| status.reason.as_deref().unwrap()).collect::<Vec<_>>(),
            [NOT_WANTED, NOT_WANTED, NOT_WANTED, NOT_WANTED, NOT_WANTED, NOT_INCREMENTAL]
        );
    }
}
