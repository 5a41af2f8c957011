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
mod outline;
mod status;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use super::shared::Touches;
use super::{Floor, Record, Snapshot, Store};
use outline::Outline;
pub use outline::{OutlineMark, OutlinePart, OutlineRow};
pub use status::{COVERAGE_MIN, LoadStatus, Outcome};

/// How often it looks whether another program has written.
pub const LOOK_EVERY: Duration = Duration::from_millis(500);
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

/// What bounds the window.
#[derive(Clone, Copy, Debug)]
pub struct LoadRules {
    hot_s: Option<i64>,
    retention_s: Option<i64>,
    bytes_max: u64,
    chunk_rows: usize,
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
        }
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
        self.live.touch(touches);
    }

    /// Says what to read now; `now` is monotonic, `now_s` Unix seconds.
    ///
    /// # Errors
    /// See [`NoFloor`]: the process has to end.
    pub fn next(&mut self, now: Duration, now_s: i64) -> Result<Need, NoFloor> {
        self.evict_old(now, now_s);
        if let Some(look) = self.live.next(now) {
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
                Phase::Outline => self.outline.next(),
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

    fn settle(&mut self, mut expected: Option<u64>) {
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

    /// Takes what a need yielded.
    pub fn take(&mut self, need: &Need, found: Found, now: Duration) {
        match (need, found) {
            (Need::Look { .. }, Found::Looked(looked)) => self.take_look(looked, now),
            (Need::Outline(_), Found::Outline(part)) => {
                self.tries = 0;
                self.outline.take(part);
            }
            (Need::Records(ids), Found::Records(records)) => self.take_records(ids, records),
            (Need::Ids(_), Found::Ids(ids)) => self.take_ids(&ids),
            _ => {}
        }
    }

    fn take_records(&mut self, ids: &[i64], records: Vec<Record>) {
        self.tries = 0;
        let is_check = self.phase == Phase::Check;
        let mut room = self.room();
        let mut cut_off_s = None;
        for record in records {
            let bytes = bytes_at_most(&record);
            if bytes > room {
                self.is_full = true;
                cut_off_s = cut_off_s.max(Some(record.recency_s()));
                break;
            }
            room -= bytes;
            self.status.merged += 1;
            self.store.put(record);
        }
        self.is_changed = true;
        let was_cut = self.hold_cap();
        if is_check {
            self.check.missing.drain(..ids.len().min(self.check.missing.len()));
            return;
        }
        let floor = self.outline.advance(ids.len(), cut_off_s);
        if self.outline.is_exact() && self.store.floor() != Floor::Everything {
            if let (Some(floor_s), false) = (floor, was_cut) {
                self.store.set_floor(Floor::Since(floor_s));
            }
        }
        if self.phase == Phase::Background {
            self.status.progress = self.outline.percent().min(99);
        }
    }

    /// The bytes that may still be put in while loading: some are left for what arrives.
    fn room(&self) -> u64 {
        (self.rules.bytes_max - self.rules.bytes_max / 20).saturating_sub(self.store.bytes())
    }

    /// The cap holds whatever was estimated.
    fn hold_cap(&mut self) -> bool {
        let is_over = self.store.bytes() > self.rules.bytes_max;
        if is_over {
            self.shrink();
        }
        is_over
    }

    fn shrink(&mut self) {
        let bytes = self.rules.bytes_max / 100 * 85;
        self.status.evicted += self.store.shrink_to(bytes) as u64;
        if !self.outline.is_exact() && self.phase != Phase::Settled {
            self.store.set_floor(Floor::Nothing);
        }
        self.is_full = true;
        self.is_changed = true;
    }

    /// Rows of the database that are not held: the outline could not see them, whatever their
    /// times are.
    fn take_ids(&mut self, ids: &[i64]) {
        self.tries = 0;
        let Some(last) = ids.last() else { return self.end_check() };
        self.check.after = Some(*last);
        let missing = ids.iter().filter(|id| !self.store.contains(**id));
        let before = self.check.missing.len();
        self.check.missing.extend(missing);
        self.check.held += (ids.len() - (self.check.missing.len() - before)) as u64;
    }

    /// The last row has been compared: nothing is missing, rows were missing and are compared
    /// once more, or there are more here than there.
    fn end_check(&mut self) {
        let held = self.store.len() as u64;
        let is_equal = self.check.held == held;
        let rounds = self.check.rounds + 1;
        if is_equal || rounds >= CHECKS_MAX || self.is_full {
            if is_equal && !self.is_full {
                self.store.set_floor(Floor::Everything);
                return self.settle(Some(held));
            }
            return self.settle(self.outline.expected());
        }
        self.check = Check { rounds, ..Check::default() };
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

    fn take_look(&mut self, looked: Looked, now: Duration) {
        for record in looked.records {
            self.put_live(record);
        }
        for id in looked.gone {
            self.is_changed |= self.store.remove(id);
        }
        self.hold_cap();
        if let Some(event) = self.live.take(looked.known, looked.has_more, now) {
            self.events.push(event);
        }
        let is_whole = self.store.floor() == Floor::Everything && self.live.is_whole();
        let held = || self.store.len() as u64;
        if is_whole && looked.count.is_some_and(|count| count != held()) {
            self.reload("another program deleted rows", now);
        }
    }

    fn put_live(&mut self, record: Record) {
        // While history is loaded the floor sinks below it sooner or later, and the outline was
        // drawn before it came.
        let is_within = match self.store.floor() {
            Floor::Since(floor_s) if self.phase == Phase::Settled => record.recency_s() >= floor_s,
            _ => true,
        };
        if !is_within {
            self.is_changed |= self.store.remove(record.id);
            return;
        }
        if self.store.bytes().saturating_add(bytes_at_most(&record)) > self.rules.bytes_max {
            self.shrink();
        }
        if bytes_at_most(&record) > self.rules.bytes_max {
            // It alone would break the cap: nothing is claimed of its time any more.
            self.store.set_floor(Floor::Since(record.recency_s().saturating_add(1)));
            return;
        }
        self.store.put(record);
        self.is_changed = true;
    }
}

/// More than a record can take in the window.
fn bytes_at_most(record: &Record) -> u64 {
    (1_000 + record.hash.len() + record.first_seen.len() + 160 * record.seen.len()) as u64
}
