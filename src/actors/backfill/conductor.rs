//! What to do next: the whole course of the migrations without an actor, a thread or a database.
//! The actor and `corescope migrate` both do what it says.
//!
//! One migration runs at a time, in the registry's order. One that is paused or waits for approval
//! holds up those that need what it makes ([`needs_of`]), and no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use self::slow_reads::SlowReads;
use super::run::{IngestWait, LiveRun, Run};
use crate::clock::Clock;
use crate::config::MigrationsConfig;
use crate::db::DbError;
use crate::db::migrations::{
    BatchLimits, BatchRequest, JobRequest, JobWindow, Phase, StoredState, needs_of,
};
use crate::perf::backfill::health::{self, HealthGate, Limits, Readings};
use crate::perf::backfill::knobs::{KnobValues, Knobs, TuneError};
use crate::perf::backfill::pacing::ZoneLaw;
use crate::perf::backfill::servo::Budgets;
use crate::perf::backfill::{Move, Refusal, State};

/// Who moves what nobody asked for.
const RUNNER: &str = "runner";
/// How often a shut gate is looked at again.
const GATE_POLL: Duration = Duration::from_millis(10);
/// How soon the writer is asked for again when receptions have it.
const LANE_POLL: Duration = Duration::from_millis(5);
/// At so many times its level a signal is critical: nothing is tried for a minute (§10.15).
const CRITICAL: f64 = 3.0;
const HIBERNATION: Duration = Duration::from_secs(60);
/// One of a hundred groups of receptions waits no longer; above it, batches become smaller (§10.3).
const INGEST_WAIT_MAX_MS: f64 = 25.0;
/// Of the time that a batch may take, however long ingest waits: it may not be our doing.
const HOLD_SHARE_MIN: f64 = 0.25;
/// A batch that runs though reads are slow takes this part of its rows.
const SMALL_PART: u64 = 4;
const READS_SPARED: &str = "reads are as slow without it";
/// Indexes that are predicted to take longer wait for an operator (decision 18).
const APPROVED_HOLD_MAX: Duration = Duration::from_secs(10);

/// What to do.
#[derive(Debug)]
pub enum Step {
    /// Enter these moves in the books; then ask again.
    Record(Vec<Move>),
    /// Run this batch; then [`Conductor::note`].
    Batch(BatchRequest, BatchLimits),
    /// Run this step of a job; then [`Conductor::note`].
    Job(JobRequest, BatchLimits),
    /// Ask again after this time.
    After(Duration),
    /// Nothing, until an operator says something or a batch is answered.
    Idle,
}

/// Why a command was not followed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no such migration in this database.
    #[error("there is no migration named {0}")]
    Unknown(String),
    /// It makes no sense now.
    #[error("{0}")]
    Refused(Refusal),
    /// The knob cannot be turned so.
    #[error(transparent)]
    Tune(#[from] TuneError),
    /// The database refused.
    #[error("the move could not be recorded")]
    Database(#[from] DbError),
    /// Too many jobs of different names.
    #[error("too many jobs are known already")]
    Full,
    /// The writer cannot be asked now.
    #[error("the writer is busy or has ended")]
    Writer,
}

/// See the module.
pub struct Conductor {
    /// Migrations in their order, then jobs.
    runs: Vec<Run>,
    clock: Clock,
    /// Those of the configuration.
    knobs: Knobs,
    /// The last that a job was given.
    tickets: u64,
    limits: Limits,
    gate: HealthGate,
    /// Of jobs that free space: what they make of the readings has its own hysteresis.
    freeing_gate: HealthGate,
    slow_reads: SlowReads,
    ingest_wait_ms: Option<f64>,
    zones: ZoneLaw,
    /// The run whose batch is under way, and its rows.
    out: Option<(usize, u64)>,
    moves: Vec<Move>,
    stop: Arc<AtomicBool>,
}

impl Conductor {
    /// Begins with what the books say. What ran when the process ended was interrupted.
    pub fn new(stored: Vec<StoredState>, config: &MigrationsConfig, clock: Clock) -> Self {
        let knobs = Knobs::new(knob_values(config));
        let runs = stored.into_iter().map(|stored| Run::new(stored, knobs.clone())).collect();
        let mut conductor = Self {
            runs,
            clock,
            knobs,
            tickets: 0,
            limits: Limits::default(),
            gate: HealthGate::default(),
            freeing_gate: HealthGate::default(),
            slow_reads: SlowReads::default(),
            ingest_wait_ms: None,
            zones: ZoneLaw::default(),
            out: None,
            moves: Vec::new(),
            stop: Arc::default(),
        };
        for index in 0..conductor.runs.len() {
            let state = conductor.runs[index].state;
            let after = state.after_restart();
            if after != state {
                conductor.shift(index, after, "the process ended", "restart");
            }
        }
        conductor
    }

    /// Sets the levels of the health signals.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Takes how long one of a hundred groups of receptions waits for the writer, in milliseconds;
    /// `None` if hardly any come. It is what a migration must not change (§10.3).
    pub fn see_ingest_wait(&mut self, p99_ms: Option<f64>) {
        self.ingest_wait_ms = p99_ms;
        if let Some((index, _)) = self.active().zip(p99_ms) {
            self.runs[index].ingest_wait.during = p99_ms;
        }
    }

    /// Says what to do. `is_writer_wanted`: receptions are on their way to the writer.
    pub fn next(&mut self, readings: &Readings, is_writer_wanted: bool) -> Step {
        if self.out.is_some() {
            return Step::Idle;
        }
        if !self.moves.is_empty() {
            return Step::Record(std::mem::take(&mut self.moves));
        }
        let Some(index) = self.current() else { return Step::Idle };
        match self.runs[index].state {
            State::Pending | State::Interrupted => self.begin(index),
            state if state.is_active() => self.go_on(index, readings, is_writer_wanted),
            _ => Step::Idle,
        }
    }

    /// The one that runs, else the job that was asked for first, else the first migration that can
    /// begin. One that waits for room on the disk lets jobs go ahead that make some: it might wait
    /// for ever.
    fn current(&self) -> Option<usize> {
        let active = self.active();
        let waiting = active.filter(|index| self.runs[*index].waits_for_space());
        let waiting = waiting.filter(|index| !self.runs[*index].frees_space());
        let ahead = waiting.and_then(|_| self.due_job(Run::frees_space));
        ahead.or(active).or_else(|| self.due_job(|_| true)).or_else(|| self.due_migration())
    }

    /// Beside a job that frees space, one that waits for it may be active too.
    fn active(&self) -> Option<usize> {
        let position = |is_it: fn(&Run) -> bool| {
            self.runs.iter().position(|run| run.state.is_active() && is_it(run))
        };
        position(Run::frees_space).or_else(|| position(|_| true))
    }

    fn due_migration(&self) -> Option<usize> {
        let is_open =
            |need: &str| self.runs.iter().any(|run| run.name == need && !run.state.is_final());
        let is_due = |run: &Run| {
            run.job.is_none()
                && matches!(run.state, State::Pending | State::Interrupted)
                && !needs_of(run.name).any(is_open)
        };
        self.runs.iter().position(is_due)
    }

    fn due_job(&self, is_it: fn(&Run) -> bool) -> Option<usize> {
        let is_due = |run: &Run| run.state == State::Pending && is_it(run);
        let due = self.runs.iter().enumerate().filter(|(_, run)| is_due(run));
        let due = due.filter_map(|(index, run)| Some((run.job.as_ref()?.ticket, index)));
        due.min().map(|(_, index)| index)
    }

    fn begin(&mut self, index: usize) -> Step {
        let now_ms = self.clock.now_ms();
        let run = &mut self.runs[index];
        run.ingest_wait = IngestWait { before: self.ingest_wait_ms, during: None };
        if let Some(job) = &mut run.job {
            job.started_ms.get_or_insert(now_ms);
        }
        let long = run.index_hold.filter(|hold| *hold > APPROVED_HOLD_MAX && !run.is_approved);
        match (run.state, long) {
            (State::Pending, Some(hold)) => {
                let seconds = hold.as_secs();
                let why = format!("building its index is predicted to hold the writer {seconds} s");
                tracing::warn!(migration = run.name, seconds, "a migration waits for approval");
                self.shift(index, State::AwaitingApproval, &why, RUNNER);
            }
            (State::Interrupted, _) => {
                self.shift(index, State::Running, "goes on from its cursor", RUNNER);
            }
            _ => self.shift(index, State::Running, "its turn", RUNNER),
        }
        Step::After(Duration::ZERO)
    }

    fn go_on(&mut self, index: usize, readings: &Readings, is_writer_wanted: bool) -> Step {
        let now = self.clock.monotonic();
        let (readings, gate) = if self.runs[index].frees_space() {
            (readings.of_freeing(), &mut self.freeing_gate)
        } else {
            (*readings, &mut self.gate)
        };
        let utilisation = health::utilisation(&readings, &self.limits);
        self.zones.note(utilisation, now);
        let waits_until = self.runs[index].waits_until;
        if now < waits_until {
            return Step::After((waits_until - now).min(Duration::from_secs(1)));
        }
        let reason = gate.check(&readings, &self.limits, now);
        let is_spared = self.slow_reads.note(gate, now);
        // An index is one step, and often what makes reads faster.
        let is_cure = self.runs[index].next == Phase::Index && gate.is_held_by_reads_alone();
        if let Some(reason) = reason.filter(|_| !is_spared && !is_cure) {
            self.runs[index].wants_space = gate.is_short_of_space_only();
            let is_critical = utilisation >= CRITICAL && !self.slow_reads.are_not_ours();
            if is_critical {
                self.runs[index].waits_until = now + HIBERNATION;
            }
            let rest = if is_critical { "; looked at again in 60 s" } else { "" };
            self.throttle(index, &format!("{reason}{rest}"));
            return Step::After(GATE_POLL);
        }
        let why = if is_spared || is_cure { READS_SPARED } else { "nothing holds it up any more" };
        self.release(index, why);
        if is_writer_wanted {
            return Step::After(LANE_POLL);
        }
        if is_spared {
            self.slow_reads.note_sent(now);
        }
        self.send(index, is_spared && !is_cure)
    }

    fn send(&mut self, index: usize, is_small: bool) -> Step {
        let now_ms = self.clock.now_ms();
        let run = &mut self.runs[index];
        let knobs = run.knobs.values(now_ms);
        let mut budgets = budgets(&knobs, self.ingest_wait_ms);
        let mut rows_max = run.servo.rows(&budgets);
        if is_small {
            budgets.hold = knobs.budgets().hold.mul_f64(HOLD_SHARE_MIN);
            rows_max = rows_max.div_ceil(SMALL_PART);
        }
        self.out = Some((index, rows_max));
        self.stop.store(false, Ordering::Relaxed);
        let limits = BatchLimits {
            hold_aim: Some(budgets.hold_aim()),
            hold_max: Some(Duration::from_millis(knobs.hold_max_ms)),
            stop: Some(Arc::clone(&self.stop)),
            sets_aside: true,
            verifies: true,
        };
        if let Some(job) = &run.job {
            let window = JobWindow { after: job.after, rows_max };
            return Step::Job(JobRequest { job: job.job.clone(), window }, limits);
        }
        if run.next == Phase::Index {
            let seconds = run.index_hold.map_or(0.0, |hold| hold.as_secs_f64());
            run.reason = format!("builds its index in one step of some {seconds:.1} s");
        }
        Step::Batch(BatchRequest { name: run.name.to_owned(), rows_max }, limits)
    }

    /// Stops the batch that is under way, if there is one: it is rolled back.
    pub fn stop_batch(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether a batch is under way.
    pub fn is_out(&self) -> bool {
        self.out.is_some()
    }

    /// All migrations as they stand.
    pub fn live(&mut self) -> Vec<LiveRun> {
        let (now, now_ms) = (self.clock.monotonic(), self.clock.now_ms());
        let migrations = self.runs.iter_mut().filter(|run| run.job.is_none());
        migrations.map(|run| run.live(now, now_ms)).collect()
    }
}

/// What a batch may cost, less while ingest waits longer than it should.
fn budgets(knobs: &KnobValues, ingest_wait_ms: Option<f64>) -> Budgets {
    let share = ingest_wait_ms.map_or(1.0, |wait_ms| INGEST_WAIT_MAX_MS / wait_ms.max(1.0));
    let budgets = knobs.budgets();
    Budgets { hold: budgets.hold.mul_f64(share.clamp(HOLD_SHARE_MIN, 1.0)), ..budgets }
}

fn knob_values(config: &MigrationsConfig) -> KnobValues {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    KnobValues {
        batch_rows_max: config.batch_rows_max,
        hold_target_ms: ms(config.hold_target),
        hold_max_ms: ms(config.hold_max),
        wal_pages_max: config.wal_pages_max,
        duty_cycle: config.duty_cycle,
        pause_min_ms: ms(config.pause_min),
        turbo: config.is_turbo,
    }
}

mod answers;
mod commands;
mod jobs;
mod moves;
mod slow_reads;
#[cfg(test)]
mod tests;
