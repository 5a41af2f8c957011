//! The tasks of retention as jobs of the runner.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rusqlite::Connection;

use super::hold::Hold;
use super::packets::PacketRule;
use super::rows::{CLIENT_OBSERVERS, CLIENT_RECEPTIONS, DROPPED_PACKETS, METRICS, NEIGHBOR_EDGES};
use super::{Cutoff, Task, heard, nodes, observers, optimize, packets, rows, vacuum};
use crate::clock::Clock;
use crate::config::RetentionConfig;
use crate::db::error::DbError;
use crate::db::migrations::{Job, JobStep, JobSteps, JobWindow};
use crate::perf::ledger::Source;

/// A clock may be so wrong and still be believed.
const CLOCK_ERROR: Duration = Duration::from_secs(86_400);

/// What the tasks need to know.
#[derive(Clone, Debug)]
pub struct TaskParts {
    /// How long what is kept.
    pub keeps: RetentionConfig,
    /// Pages that one step of a vacuum frees at most (`db.incrementalVacuumPages`).
    pub vacuum_pages_max: u64,
    /// The time.
    pub clock: Clock,
}

impl Task {
    /// A run of it as of now; `None` if the configuration does not ask for it.
    pub fn job(self, parts: &TaskParts) -> Option<Job> {
        if !self.is_wanted(&parts.keeps) {
            return None;
        }
        let keeps = self.keeps(&parts.keeps).unwrap_or_default();
        let cutoff = Cutoff::before(parts.clock.now_s(), keeps);
        let source = if self == Self::Vacuum { Source::Vacuum } else { Source::Retention };
        let steps = Arc::new(Run {
            task: self,
            cutoff,
            parts: parts.clone(),
            is_believed: OnceLock::new(),
        });
        let frees_space = self.frees_space();
        Some(Job { name: self.name(), source, frees_space, steps })
    }
}

/// One run of a task.
struct Run {
    task: Task,
    cutoff: Cutoff,
    parts: TaskParts,
    /// Set once the clock was found plausible: what the run itself deletes leaves holes.
    is_believed: OnceLock<()>,
}

impl fmt::Debug for Run {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Run").field("task", &self.task).field("cutoff", &self.cutoff).finish()
    }
}

impl Run {
    /// The time of the run is what it calls old by, not that of the step.
    fn check_clock(&self, tx: &Connection) -> Result<(), DbError> {
        match self.task.keeps(&self.parts.keeps) {
            Some(keeps) if !self.parts.keeps.trusts_clock && self.is_believed.get().is_none() => {
                let keeps_s = i64::try_from(keeps.as_secs()).unwrap_or(i64::MAX);
                let now_s = self.cutoff.unix_s.saturating_add(keeps_s);
                // Older receptions than packets are kept say nothing: only those are left whose
                // packet is heard again.
                let keeps = self.parts.keeps.packets.map_or(keeps, |packets| packets.min(keeps));
                heard::check_clock(tx, now_s, keeps)?;
                self.is_believed.get_or_init(|| ());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn packet_rule(&self) -> PacketRule {
        let tomorrow_s =
            self.parts.clock.now_s().saturating_add(CLOCK_ERROR.as_secs().cast_signed());
        PacketRule { cutoff: self.cutoff, latest: Cutoff { unix_s: tomorrow_s } }
    }
}

impl JobSteps for Run {
    fn step(&self, tx: &Connection, window: JobWindow) -> Result<JobStep, DbError> {
        let cutoff = self.cutoff;
        self.check_clock(tx)?;
        let hold = Hold::begin(&self.parts.clock);
        match self.task {
            Task::Nodes => nodes::move_stale(tx, cutoff, window, &hold),
            Task::Observers => observers::mark_stale(tx, cutoff, window),
            Task::InactiveMetrics => observers::delete_metrics(tx, window),
            Task::Metrics => rows::delete_old(tx, &METRICS, cutoff, window),
            Task::DroppedPackets => rows::delete_old(tx, &DROPPED_PACKETS, cutoff, window),
            Task::Packets => packets::prune(tx, &self.packet_rule(), window, &hold),
            Task::ClientReceptions => rows::delete_old(tx, &CLIENT_RECEPTIONS, cutoff, window),
            Task::ClientObservers => rows::delete_old(tx, &CLIENT_OBSERVERS, cutoff, window),
            Task::NeighborEdges => rows::delete_old(tx, &NEIGHBOR_EDGES, cutoff, window),
            Task::Vacuum => {
                let pages_max = window.rows_max.min(self.parts.vacuum_pages_max);
                vacuum::free_pages(tx, pages_max, &hold)
            }
            Task::Optimize => optimize::analyze_next(tx, window),
        }
    }

    fn next_key(&self, tx: &Connection, after: Option<i64>) -> Result<Option<i64>, DbError> {
        match self.task {
            Task::Nodes => nodes::next(tx, after),
            Task::Packets => packets::next_old(tx, &self.packet_rule(), after),
            _ => Ok(None),
        }
    }
}
