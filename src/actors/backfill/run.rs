//! One migration or job as the conductor sees it.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::job_run::{JobEnd, JobRun, LiveJob};
use crate::clock;
use crate::db::migrations::{BatchReply, Phase, StoredState};
use crate::perf::backfill::eta::{Eta, EtaMeter, StallWatch};
use crate::perf::backfill::knobs::{KnobValues, Knobs, Setting};
use crate::perf::backfill::{Servo, State};

/// Rows of the first batch; it finds its size from there.
const ROWS_FIRST: u64 = 500;
/// So many rows set aside end a run; so does one of a hundred, once there is something to judge by.
const ROWS_FAILED_MAX: u64 = 50;
const ROWS_TO_JUDGE: u64 = 1_000;
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// One migration, its pace and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) name: &'static str,
    /// What it does, unless it is a migration.
    pub(super) job: Option<JobRun>,
    pub(super) state: State,
    pub(super) reason: String,
    pub(super) by: String,
    pub(super) since_ms: i64,
    pub(super) is_throttle_told: bool,
    /// Nothing but room on the disk was wanting when it was last throttled.
    pub(super) wants_space: bool,
    /// What the next batch does.
    pub(super) next: Phase,
    pub(super) index_hold: Option<Duration>,
    pub(super) is_approved: bool,
    pub(super) knobs: Knobs,
    pub(super) servo: Servo,
    pub(super) eta: EtaMeter,
    pub(super) stall: StallWatch,
    pub(super) rows_done: u64,
    pub(super) rows_total: u64,
    /// Rows that were looked at once more, and how many that will be.
    pub(super) rows_verified: (u64, u64),
    pub(super) rows_changed: u64,
    pub(super) rows_failed: u64,
    pub(super) batches: u64,
    pub(super) wal_pages: u64,
    pub(super) ingest_wait: IngestWait,
    retry_pause: Duration,
    /// Nothing is tried before, after an error that may pass.
    pub(super) waits_until: Duration,
}

impl Run {
    pub(super) fn new(stored: StoredState, knobs: Knobs) -> Self {
        Self {
            name: stored.name,
            job: None,
            state: stored.state,
            reason: stored.reason,
            by: stored.by,
            since_ms: stored.since_ms,
            is_throttle_told: false,
            wants_space: false,
            next: Phase::Walk,
            index_hold: stored.index_hold,
            is_approved: false,
            knobs,
            servo: Servo::new(ROWS_FIRST),
            eta: EtaMeter::default(),
            stall: StallWatch::default(),
            rows_done: stored.rows_done,
            rows_total: stored.rows_total,
            rows_verified: (0, 0),
            rows_changed: 0,
            rows_failed: stored.rows_failed,
            batches: 0,
            wal_pages: 0,
            ingest_wait: IngestWait::default(),
            retry_pause: RETRY_FIRST,
            waits_until: Duration::ZERO,
        }
    }

    /// Begins afresh.
    pub(super) fn reset(&mut self) {
        (self.servo, self.eta, self.stall) =
            (Servo::new(ROWS_FIRST), EtaMeter::default(), StallWatch::default());
        (self.rows_done, self.rows_total, self.rows_verified) = (0, 0, (0, 0));
        (self.rows_changed, self.rows_failed, self.next) = (0, 0, Phase::Walk);
        if let Some(job) = &mut self.job {
            (job.after, job.started_ms) = (None, None);
        }
        self.calm();
    }

    pub(super) fn frees_space(&self) -> bool {
        self.job.as_ref().is_some_and(|job| job.job.frees_space)
    }

    /// Whether it is throttled until there is room on the disk.
    pub(super) fn waits_for_space(&self) -> bool {
        self.state == State::Throttled && self.wants_space
    }

    /// Time that passes now is no time of work.
    pub(super) fn rest(&mut self) {
        self.eta.rest();
        self.stall.rest();
    }

    /// Takes over what a reply says of the whole run.
    pub(super) fn take_counts(&mut self, reply: &BatchReply) {
        self.batches += 1;
        self.wal_pages += u64::from(reply.wal_pages);
        (self.rows_done, self.rows_total) = (reply.rows_done, reply.rows_total);
        (self.rows_changed, self.rows_failed) = (reply.rows_changed_total, reply.rows_failed);
        self.rows_verified = reply.rows_verified;
        self.next = reply.next;
    }

    /// Why too many rows have been set aside, if they have.
    pub(super) fn verdict(&self) -> Option<String> {
        let failed = self.rows_failed;
        let is_share = self.rows_done >= ROWS_TO_JUDGE && failed * 100 > self.rows_done;
        (failed >= ROWS_FAILED_MAX || is_share)
            .then(|| format!("{failed} of {} rows could not be changed", self.rows_done))
    }

    /// Waits longer after each error in a row.
    pub(super) fn back_off(&mut self, now: Duration) {
        self.waits_until = now + self.retry_pause;
        self.retry_pause = (self.retry_pause * 2).min(RETRY_MAX);
    }

    pub(super) fn calm(&mut self) {
        (self.retry_pause, self.waits_until) = (RETRY_FIRST, Duration::ZERO);
    }

    /// What can be said of the end.
    pub(super) fn eta(&self, now: Duration) -> Eta {
        let left = match self.next {
            Phase::Verify => self.rows_verified.1.saturating_sub(self.rows_verified.0),
            _ => self.rows_total.saturating_sub(self.rows_done),
        };
        match self.state {
            State::Running | State::Throttled | State::Verifying => self.eta.eta(left, now),
            State::Paused | State::Pausing | State::AwaitingApproval => Eta::Paused,
            _ => Eta::Measuring,
        }
    }

    /// Begins a job afresh; its pace and the knobs that an operator has turned stay.
    pub(super) fn begin_again(&mut self) {
        let servo = self.servo.clone();
        self.reset();
        self.servo = servo;
    }

    /// Adds what earlier steps of this run did; a migration's reply says so itself.
    pub(super) fn sum_up(&mut self, mut reply: BatchReply) -> BatchReply {
        let Some(job) = &mut self.job else { return reply };
        job.after = reply.cursor;
        reply.rows_done = self.rows_done + reply.rows_scanned;
        reply.rows_total = self.rows_total.max(reply.rows_done);
        reply.rows_changed_total = self.rows_changed + reply.rows_changed;
        reply.rows_failed += self.rows_failed;
        reply
    }

    /// What has to move while it works: a job that deletes what it finds walks no key.
    pub(super) fn place(&self, reply: &BatchReply) -> Option<i64> {
        let done = || i64::try_from(reply.rows_done).ok();
        if self.job.is_some() { done() } else { reply.cursor }
    }

    /// Notes how a job's run has ended.
    pub(super) fn note_end(&mut self, at_ms: i64) {
        let Some(job) = &mut self.job else { return };
        job.runs += 1;
        let is_success = self.state == State::Succeeded;
        job.last = Some(JobEnd {
            state: self.state,
            error: (!is_success).then(|| self.reason.clone()),
            started_at: job.started_ms.map(clock::iso_ms),
            ended_at: clock::iso_ms(at_ms),
            rows_scanned: self.rows_done,
            rows_changed: self.rows_changed,
            rows_failed: self.rows_failed,
        });
    }
}

/// How long one of a hundred groups of receptions waits for the writer, in milliseconds of the last
/// 10 s; `null` if hardly any came (§10.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct IngestWait {
    /// When it began or went on.
    pub before: Option<f64>,
    /// Since then.
    pub during: Option<f64>,
}

/// One migration as it stands at this moment; what the books cannot say.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiveRun {
    /// Its name.
    #[serde(skip)]
    pub name: &'static str,
    /// Where it stands.
    #[serde(skip)]
    pub state: State,
    /// Why.
    #[serde(skip)]
    pub reason: String,
    /// Who moved it there.
    #[serde(skip)]
    pub by: String,
    /// Since when.
    #[serde(skip)]
    pub since: Option<String>,
    /// Whether it is throttled until there is room on the disk; jobs that make some go ahead.
    #[serde(skip)]
    pub waits_for_space: bool,
    /// When it will be done.
    pub eta: Eta,
    /// Rows a second, rests included; `null` until measured.
    pub rows_per_sec: Option<f64>,
    /// Rows of the next batch.
    pub batch_rows: u64,
    /// Batches since the process started.
    pub batches: u64,
    /// Pages that they added to the WAL.
    pub wal_pages: u64,
    /// What ingest feels of it.
    pub ingest_wait_p99_ms: IngestWait,
    /// Rows that were looked at once more.
    pub rows_verified: u64,
    /// The knobs.
    pub knobs: KnobValues,
    /// Knobs that an operator has turned, until when.
    pub settings: Vec<Setting>,
    /// Seconds for which building its index is expected to hold the writer.
    pub index_hold_sec: Option<f64>,
}

impl Run {
    /// A copy for those who look.
    pub(super) fn live(&mut self, now: Duration, now_ms: i64) -> LiveRun {
        let knobs = self.knobs.values(now_ms);
        LiveRun {
            name: self.name,
            state: self.state,
            reason: self.reason.clone(),
            by: self.by.clone(),
            waits_for_space: self.waits_for_space(),
            since: (self.since_ms != 0).then(|| clock::iso_ms(self.since_ms)),
            eta: self.eta(now),
            rows_per_sec: self.eta.rate(),
            batch_rows: self.servo.rows(&knobs.budgets()),
            batches: self.batches,
            wal_pages: self.wal_pages,
            ingest_wait_p99_ms: self.ingest_wait,
            rows_verified: self.rows_verified.0,
            knobs,
            settings: self.knobs.settings().to_vec(),
            index_hold_sec: self.index_hold.map(|hold| hold.as_secs_f64()),
        }
    }

    /// As [`Self::live`], of a job; `None` of a migration.
    pub(super) fn live_job(&mut self, now_ms: i64) -> Option<LiveJob> {
        let job = self.job.as_ref()?;
        let knobs = self.knobs.values(now_ms);
        Some(LiveJob {
            name: self.name,
            state: self.state,
            state_reason: self.reason.clone(),
            state_since: clock::iso_ms(self.since_ms),
            by: self.by.clone(),
            rows_scanned: self.rows_done,
            rows_changed: self.rows_changed,
            rows_failed: self.rows_failed,
            batches: self.batches,
            batch_rows: self.servo.rows(&knobs.budgets()),
            wal_pages: self.wal_pages,
            runs: job.runs,
            last: job.last.clone(),
            knobs,
            settings: self.knobs.settings().to_vec(),
        })
    }
}
