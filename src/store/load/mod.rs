//! What to read next into the window: the state machine of loading. It reads nothing itself: it
//! says what it [`Need`]s and takes what was [`Found`], one after the other, so that a chunk that
//! was read before a commit never replaces a row that was read after it.
//!
//! First an outline: id and time of every transmission, from two indexes that cover them. Then the
//! transmissions themselves, newest first: the hot window, then the rest as far as retention or
//! memory reach (003-01). The floor moves down with each chunk. At last the ids of all rows are
//! compared with what is held: only then is everything said to be in.
//!
//! Between all that it looks whether anything was written: rows that a commit named, and rows with
//! new ids, are read again, whoever wrote them.

mod live;
mod needs;
mod outline;
mod status;
mod taking;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use super::shared::{LOOK_EVERY, Touches};
use super::{Floor, Snapshot, Store};
pub use needs::{Event, Found, Known, LoadRules, Looked, Need, NoFloor};
use outline::Outline;
pub use outline::{OutlineMark, OutlinePart, OutlineRow};
pub use status::{COVERAGE_MIN, LoadStatus, Outcome};

/// Tries of one chunk; each time it is halved.
pub const TRIES_MAX: u32 = 6;
const TRY_PAUSE: Duration = Duration::from_millis(50);
/// Pause before a failed load goes on, doubling up to [`RETRY_MAX`].
pub const RETRY_MIN: Duration = Duration::from_secs(15);
/// See [`RETRY_MIN`].
pub const RETRY_MAX: Duration = Duration::from_secs(600);
/// A load that begins again waits for so long a pause between changes of everything.
const RELOAD_PAUSE: Duration = Duration::from_secs(2);
/// A growing window is shown so often.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);
const EVICT_EVERY: Duration = Duration::from_secs(60);
/// Observations of one chunk: some 10 MB while it is put in.
const CHUNK_OBSERVATIONS: u64 = 8_000;
/// Rounds in which rows that the outline missed are looked for.
const CHECKS_MAX: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Outline,
    Hot,
    Background,
    Check,
    Settled,
}

/// The machine, and the window that it fills.
#[derive(Debug)]
pub struct Load {
    rules: LoadRules,
    store: Store,
    phase: Phase,
    outline: Outline,
    check: Check,
    status: LoadStatus,
    events: Vec<Event>,
    live: live::Live,
    tries: u32,
    chunk_observations: u64,
    is_full: bool,
    has_failed: bool,
    retry_pause: Duration,
    wait_until: Duration,
    published_at: Option<Duration>,
    evicted_at: Duration,
    is_changed: bool,
    forgets_floor: bool,
    has_looked: bool,
}

#[derive(Debug, Default)]
struct Check {
    after: Option<i64>,
    missing: Vec<i64>,
    rounds: u32,
    held: u64,
}

impl Load {
    /// Makes a machine that has nothing.
    pub fn new(rules: LoadRules) -> Self {
        let mut status = LoadStatus {
            bytes_max: rules.bytes_max,
            hot_hours: rules.hot_s.map_or(0.0, |hot_s| hot_s as f64 / 3_600.0),
            ..LoadStatus::default()
        };
        status.begin();
        Self {
            rules,
            store: Store::new(),
            phase: Phase::Outline,
            outline: Outline::default(),
            check: Check::default(),
            status,
            events: Vec::new(),
            live: live::Live::default(),
            tries: 0,
            chunk_observations: CHUNK_OBSERVATIONS,
            is_full: false,
            has_failed: false,
            retry_pause: RETRY_MIN,
            wait_until: Duration::ZERO,
            published_at: None,
            evicted_at: Duration::ZERO,
            is_changed: true,
            forgets_floor: false,
            has_looked: false,
        }
    }

    /// Makes it forget its floor before the second phase: nothing leads there, and what the process
    /// does then is tested by it (003-07).
    #[must_use]
    pub fn forgetting_its_floor(self) -> Self {
        Self { forgets_floor: true, ..self }
    }

    /// How it stands.
    pub fn status(&self) -> LoadStatus {
        LoadStatus { floor: self.store.floor(), ..self.status.clone() }
    }

    /// Takes what happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Takes note of commits.
    pub fn touch(&mut self, touches: Touches, now: Duration) {
        if touches.is_all {
            self.reload("rows were rewritten", now);
        }
        // What is not held yet is read later than it was written.
        let is_loading = self.phase != Phase::Settled;
        let store = &self.store;
        self.live.touch(touches, |id| !is_loading || store.contains(id));
    }

    /// Says what to read now; `now` is monotonic, `now_s` Unix seconds.
    ///
    /// # Errors
    /// See [`NoFloor`]: the process has to end.
    pub fn next(&mut self, now: Duration, now_s: i64) -> Result<Need, NoFloor> {
        self.evict_old(now, now_s);
        // Whoever writes all the time leaves every second turn to the load.
        let is_turn_of_load = std::mem::take(&mut self.has_looked)
            && self.phase != Phase::Settled
            && now >= self.wait_until;
        if !is_turn_of_load && let Some(look) = self.live.next(now) {
            self.has_looked = true;
            return Ok(look);
        }
        if now >= self.wait_until {
            if self.has_failed {
                (self.has_failed, self.tries) = (false, 0);
                self.status.resume();
                self.events.push(Event::Resumed);
            }
            if let Some(need) = self.work(now_s)? {
                return Ok(need);
            }
        }
        let is_working = self.phase != Phase::Settled && now < self.wait_until;
        let work = if is_working { self.wait_until - now } else { LOOK_EVERY };
        Ok(Need::Wait(self.live.pause(now).min(work).max(Duration::from_millis(1))))
    }

    /// Goes through phases until one needs something.
    fn work(&mut self, now_s: i64) -> Result<Option<Need>, NoFloor> {
        loop {
            let need = match self.phase {
                Phase::Outline => self.outline.next().map(Need::Outline),
                Phase::Hot | Phase::Background => self.next_chunk(),
                Phase::Check => Some(self.next_check()),
                Phase::Settled => return Ok(None),
            };
            if need.is_some() {
                return Ok(need);
            }
            self.end_phase(now_s)?;
        }
    }

    fn next_chunk(&mut self) -> Option<Need> {
        if self.is_full {
            return None;
        }
        let rows_max = self.rules.chunk_rows >> self.tries.min(16);
        let is_hot = self.phase == Phase::Hot;
        let observations_max = self.chunk_observations >> self.tries.min(16);
        let store = &self.store;
        let ids =
            self.outline.chunk(is_hot, rows_max.max(1), observations_max, |id| store.contains(id));
        (!ids.is_empty()).then_some(Need::Records(ids))
    }

    fn next_check(&mut self) -> Need {
        match self.check.missing.is_empty() {
            true => Need::Ids(self.check.after),
            false => {
                let rows = self.check.missing.len().min(500 >> self.tries.min(8)).max(1);
                Need::Records(self.check.missing[..rows].to_vec())
            }
        }
    }

    fn end_phase(&mut self, now_s: i64) -> Result<(), NoFloor> {
        self.is_changed = true;
        self.published_at = None;
        match self.phase {
            Phase::Outline => {
                let has_hot = self.rules.hot_s.is_some() && self.outline.is_exact();
                let cutoff = |span_s: Option<i64>| span_s.map(|s| now_s.saturating_sub(s));
                let hot = cutoff(self.rules.hot_s).filter(|_| has_hot);
                self.outline.sort(hot, cutoff(self.rules.retention_s));
                self.status.expected = self.outline.expected().unwrap_or(0);
                self.phase = Phase::Hot;
                self.events.push(Event::HotBegan);
            }
            Phase::Hot if self.outline.has_background() && !self.is_full => {
                self.lower_floor(self.outline.hot_floor());
                self.end_hot();
                self.begin_background()?;
            }
            Phase::Hot | Phase::Background => {
                self.end_entries();
                if self.phase == Phase::Hot {
                    self.end_hot();
                }
                self.phase = match self.is_full || self.rules.retention_s.is_some() {
                    true => Phase::Settled,
                    false => Phase::Check,
                };
                if self.phase == Phase::Settled {
                    self.settle(self.outline.expected());
                }
            }
            Phase::Check | Phase::Settled => {}
        }
        Ok(())
    }

    fn end_hot(&mut self) {
        self.status.is_hot_loaded = true;
        self.events.push(Event::HotLoaded { floor: self.store.floor() });
    }

    /// The precondition of 003-07 is looked at here, whatever led here.
    fn begin_background(&mut self) -> Result<(), NoFloor> {
        let held = self.store.len() as u64;
        if self.forgets_floor {
            self.store.set_floor(Floor::Nothing);
        }
        if held > 0 && self.store.floor() == Floor::Nothing {
            return Err(NoFloor(held));
        }
        self.phase = Phase::Background;
        self.events.push(Event::BackgroundBegan);
        Ok(())
    }

    /// All of the outline is in, or all that fits.
    fn end_entries(&mut self) {
        if self.is_full {
            return;
        }
        let Some(floor_s) = self.outline.retention_floor() else { return };
        if !self.outline.is_exact() {
            // Nothing is missing, and what is too old goes.
            self.store.set_floor(Floor::Since(i64::MIN));
            self.status.evicted += self.store.evict_before(floor_s) as u64;
        }
        self.store.set_floor(Floor::Since(floor_s));
    }

    fn lower_floor(&mut self, floor: Option<i64>) {
        // Once rows were evicted, older ones are no longer complete below what is left.
        if let (Some(floor_s), false) = (floor, self.is_full) {
            self.store.set_floor(Floor::Since(floor_s));
        }
    }

    pub(super) fn settle(&mut self, mut expected: Option<u64>) {
        let has_background = self.rules.hot_s.is_some();
        let in_memory = self.store.len() as u64;
        if !self.outline.is_exact() && !self.is_full && expected.is_some() {
            expected = Some(in_memory);
        }
        let outcome = Outcome { in_memory, expected, is_full: self.is_full, has_background };
        self.status.settle(outcome);
        self.phase = Phase::Settled;
        self.retry_pause = RETRY_MIN;
        self.outline = Outline::default();
        self.check = Check::default();
        self.is_changed = true;
        self.published_at = None;
        self.events.push(Event::Settled);
    }

    /// Takes that a need could not be met: it is tried again, then the phase fails and goes on
    /// later.
    pub fn fail(&mut self, need: &Need, why: &str, now: Duration) {
        if matches!(need, Need::Look { .. }) {
            if let Some(event) = self.live.fail(why, now) {
                self.events.push(event);
            }
            return;
        }
        self.tries += 1;
        if self.tries < TRIES_MAX {
            self.wait_until = now + TRY_PAUSE * (1 << self.tries.min(4));
            return;
        }
        match self.phase {
            Phase::Outline | Phase::Hot => self.status.fail_hot(why),
            // All is in as far as the outline knew; how much there is cannot be said (§6.3).
            Phase::Check => return self.settle(None),
            _ => self.status.fail_background(why),
        }
        self.has_failed = true;
        self.wait_until = now + self.retry_pause;
        self.retry_pause = (self.retry_pause * 2).min(RETRY_MAX);
        self.events.push(Event::Failed);
    }

    /// Forgets everything and begins afresh.
    pub fn reload(&mut self, why: &'static str, now: Duration) {
        let is_news = self.phase != Phase::Outline;
        self.store = Store::new();
        self.phase = Phase::Outline;
        self.outline = Outline::default();
        self.check = Check::default();
        (self.is_full, self.has_failed, self.tries) = (false, false, 0);
        self.wait_until = now + RELOAD_PAUSE;
        self.status.begin();
        (self.is_changed, self.published_at) = (true, None);
        if is_news {
            self.events.push(Event::Reloading(why));
        }
    }

    fn evict_old(&mut self, now: Duration, now_s: i64) {
        let Some(retention_s) = self.rules.retention_s else { return };
        if self.phase != Phase::Settled || now < self.evicted_at + EVICT_EVERY {
            return;
        }
        self.evicted_at = now;
        let cutoff_s = now_s.saturating_sub(retention_s);
        let floor_s = match self.store.floor() {
            Floor::Since(floor_s) => floor_s,
            Floor::Nothing | Floor::Everything => cutoff_s,
        };
        // The clock was ahead: what it took out is wanted again.
        if floor_s > cutoff_s.saturating_add(3_600) && !self.is_full {
            return self.reload("the clock went back", now);
        }
        let evicted = self.store.evict_before(cutoff_s);
        self.status.evicted += evicted as u64;
        self.is_changed |= evicted > 0;
    }

    /// Returns what is to be published, and the last commit that it includes, if anything has
    /// changed and it is time.
    pub fn publish(&mut self, now: Duration) -> Option<(Arc<Snapshot>, u64)> {
        let is_due = self.published_at.is_none_or(|at| now >= at + PUBLISH_EVERY)
            || self.phase == Phase::Settled
            || self.live.is_ahead();
        if !self.is_changed || !is_due {
            return None;
        }
        (self.is_changed, self.published_at) = (false, Some(now));
        self.live.note_published();
        Some((self.store.publish(), self.live.included()))
    }

    /// Returns the last commit that the published snapshot includes as it is; `None` if there is
    /// more to publish.
    pub fn included(&self) -> Option<u64> {
        (!self.is_changed).then(|| self.live.included())
    }

    /// When the database was last looked at.
    pub fn looked_at(&self) -> Option<Duration> {
        self.live.looked_at()
    }

    /// Takes the count of looks after which another program had written.
    pub fn take_foreign(&mut self) -> bool {
        self.live.take_foreign()
    }
}
