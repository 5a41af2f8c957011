//! What packets tell of nodes, kept for some seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix_web::rt;
use actix_web::rt::time::timeout;
use arc_swap::ArcSwapOption;

use super::analytics_kept::KeptBodies;
use super::error::ApiError;
use super::fresh::Fresh;
use super::state::{AppState, State};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::nodes::{self, AdvertSizes, HashSizes, RelayTally, Relays};
use crate::db::{DbError, Reader};

/// Figures are made at most so often (contract §4.1).
const ACTIVITY_TTL: Duration = Duration::from_secs(15);

/// They are good for so many times as long as reading them took, if that is longer: of a busy mesh
/// reading them takes a twentieth of one reader.
const REST_PER_READING: u32 = 20;
/// Never longer.
const REST_MAX: Duration = Duration::from_secs(300);

/// Nobody waits for figures that take longer to read, if older ones are known.
const IS_DEAR: Duration = Duration::from_millis(100);

/// A request waits for them so long.
const WAIT_MAX: Duration = Duration::from_millis(700);

/// Whose adverts were heard where changes slowly.
const REGION_TTL: Duration = Duration::from_secs(60);

/// A step that took longer than a query may is tried again: what it has read of a cold disk is warm
/// by then.
const TRIES_MAX: u32 = 6;

/// Steps of a reading, as far as both parts go back.
const STEPS: u32 = AdvertSizes::STEPS + RelayTally::STEPS;

/// What packets told at one time. A part is `None` where it has not been read yet, or reading a step
/// of it took longer than a query may again and again.
#[derive(Clone, Debug)]
pub struct Activity {
    /// By public key.
    pub hash_sizes: Option<Arc<HashSizes>>,
    /// By public key.
    pub relays: Option<Arc<Relays>>,
    /// When it was read, Unix seconds.
    pub at_s: i64,
    /// Who relayed within so many seconds is active.
    pub relay_window_s: i64,
    /// How long reading it took.
    took: Duration,
    /// When that began, of the clock's monotonic time.
    begun_at: Duration,
}

/// What is kept.
pub struct NodesKept {
    activity: Fresh<Arc<Activity>>,
    /// Of a reading that is not at its end yet.
    partial: ArcSwapOption<Activity>,
    /// Steps of the last reading.
    steps: AtomicU32,
    /// JSON list of keys, by regions.
    region_keys: KeptBodies<Arc<str>>,
}

impl NodesKept {
    /// Keeps nothing yet.
    pub fn new(clock: &Clock) -> Self {
        Self {
            activity: Fresh::new(ACTIVITY_TTL, clock.clone()),
            partial: ArcSwapOption::empty(),
            steps: AtomicU32::new(0),
            region_keys: KeptBodies::new(REGION_TTL, REGION_TTL, clock.clone()),
        }
    }

    /// Returns the figures, at most 15 s old, or 20 times as old as it takes to read them, if that
    /// is more. Where reading them takes longer than a request may, it goes on behind the asker's
    /// back, and what was known last is the answer.
    ///
    /// # Errors
    /// As [`AppState::ask_scan`] while nothing is known. A step that was too slow is none: its part
    /// is left out, and tried again later.
    pub async fn activity(&self, state: &State) -> Result<Arc<Activity>, ApiError> {
        let now = state.clock.monotonic();
        let last = self.activity.last();
        if let Some(last) = last.as_ref().filter(|last| now < last.rests_until()) {
            return Ok(Arc::clone(last));
        }
        let shared = state.clone();
        let refresh = rt::spawn(async move {
            let kept = &shared.nodes_kept;
            kept.activity.get(async || kept.read(&shared).await).await
        });
        if let Some(last) = last.filter(|last| last.may_be_shown_at(now)) {
            return Ok(last);
        }
        match timeout(state.clock.patience(WAIT_MAX), refresh).await {
            Ok(Ok(read)) => read,
            _ => Ok(self.known_so_far(state)),
        }
    }

    fn known_so_far(&self, state: &AppState) -> Arc<Activity> {
        let known = self.activity.last().or_else(|| self.partial.load_full());
        known.unwrap_or_else(|| Arc::new(Activity::unknown(state)))
    }

    /// Steps done and steps in all, while the figures are read for the first time.
    pub fn first_reading(&self) -> Option<(u32, u32)> {
        let is_under_way = self.activity.is_first_under_way();
        is_under_way.then(|| (self.steps.load(Ordering::Relaxed).min(STEPS), STEPS))
    }

    /// Reads both parts, step by step; sizes are shown as soon as they are known.
    async fn read(&self, state: &AppState) -> Result<Arc<Activity>, ApiError> {
        self.steps.store(0, Ordering::Relaxed);
        let unknown = Activity::unknown(state);
        let at_s = unknown.at_s;
        let sizes = AdvertSizes::before(at_s);
        let sizes = self.read_steps(state, sizes, AdvertSizes::read_step).await?;
        let hash_sizes = sizes.map(|sizes| Arc::new(sizes.finish()));
        let begun = Activity { hash_sizes, ..unknown };
        self.partial.store(Some(Arc::new(begun.clone())));
        self.steps.store(AdvertSizes::STEPS, Ordering::Relaxed);
        let tally = RelayTally::before(at_s);
        let tally = self.read_steps(state, tally, RelayTally::read_step).await?;
        let relays = tally.map(|tally| Arc::new(tally.finish()));
        let took = state.clock.monotonic().saturating_sub(begun.begun_at);
        Ok(Arc::new(Activity { relays, took, ..begun }))
    }

    /// Does one step a query until there is none; `None` if one takes longer than a query may
    /// however often it is tried.
    async fn read_steps<T: Send + 'static>(
        &self,
        state: &AppState,
        mut part: T,
        step: impl Fn(&mut T, &Reader) -> Result<bool, DbError> + Clone + Send + 'static,
    ) -> Result<Option<T>, ApiError> {
        let mut tries = 0;
        while tries < TRIES_MAX {
            let step = step.clone();
            let read = move |reader: &Reader| match step(&mut part, reader) {
                Err(DbError::Interrupted { .. }) => Ok((part, None)),
                read => read.map(|goes_on| (part, Some(goes_on))),
            };
            let (read, goes_on) = state.ask_scan(read).await?;
            part = read;
            match goes_on {
                Some(false) => return Ok(Some(part)),
                Some(true) => tries = 0,
                None => tries += 1,
            }
            self.steps.fetch_add(u32::from(goes_on.is_some()), Ordering::Relaxed);
        }
        Ok(None)
    }

    /// Returns the keys of nodes whose adverts were heard in `regions`, as a JSON list.
    ///
    /// # Errors
    /// As [`AppState::ask_scan`].
    pub async fn keys_in(
        &self,
        state: &AppState,
        mut regions: Vec<String>,
    ) -> Result<Arc<str>, ApiError> {
        regions.sort_unstable();
        regions.dedup();
        let key = regions.join(",");
        let window = state.current_window();
        let ask = move |reader: &Reader| {
            let keys = nodes::keys_heard_in(reader, window.as_deref(), &regions)?;
            Ok(serde_json::to_string(&keys).unwrap_or_else(|_| "[]".to_owned()).into())
        };
        self.region_keys.get(&key, async || state.ask_scan(ask).await).await
    }
}

impl Activity {
    /// Of which nothing has been read.
    fn unknown(state: &AppState) -> Self {
        let (at_s, relay_window_s) = (state.clock.now_s(), relay_window_s(&state.config));
        let (took, begun_at) = (Duration::ZERO, state.clock.monotonic());
        Self { hash_sizes: None, relays: None, at_s, relay_window_s, took, begun_at }
    }

    fn rests_until(&self) -> Duration {
        self.begun_at + (self.took * REST_PER_READING).clamp(ACTIVITY_TTL, REST_MAX)
    }

    /// Whether it may be shown while newer figures are being read: those that nobody asked for for
    /// long may not.
    fn may_be_shown_at(&self, now: Duration) -> bool {
        let late = now.saturating_sub(self.rests_until());
        self.took > IS_DEAR && late < self.took * REST_PER_READING
    }
}

/// Reads what packets tell of nodes before anybody asks for it: of a cold disk it takes longer than
/// a request waits.
pub fn read_ahead(state: &State) {
    let state = state.clone();
    // What cannot be read now is read when it is asked for.
    rt::spawn(async move { state.nodes_kept.activity(&state).await.is_ok() });
}

fn relay_window_s(config: &Config) -> i64 {
    i64::try_from(config.relay_active.as_secs()).unwrap_or(i64::MAX / 2)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::db::{OpenOptions, ReaderOptions, Readers, open};
    use crate::ingest::Rules;
    use crate::web::Ready;

    const TOO_LONG_MS: i64 = 1_001;

    #[actix_web::test]
    async fn a_step_that_is_too_slow_is_tried_again_and_not_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mesh.db");
        let clock = Clock::manual(0);
        let _database = open(&path, &OpenOptions::new(clock.clone())).unwrap();
        let config = Arc::new(Config::default());
        let state = AppState::new(config.clone(), Arc::new(Rules::new(&config)), clock.clone());
        let options = ReaderOptions { clock: clock.clone(), ..ReaderOptions::default() };
        let readers = Readers::open(&path, options).unwrap();
        state.open(Ready { readers, intake: None, live: None, sources: Vec::new(), perf: None });
        // Two steps, each of which takes too long `slow` times.
        for (slow, expected) in
            [(0, Some(2)), (TRIES_MAX - 1, Some(2 * TRIES_MAX)), (TRIES_MAX, None)]
        {
            let clock = clock.clone();
            let step = move |tries: &mut u32, reader: &Reader| {
                *tries += 1;
                let is_slow = !tries.is_multiple_of(slow + 1);
                clock.advance_ms(if is_slow { TOO_LONG_MS } else { 0 });
                reader.check_deadline("try")?;
                Ok(*tries < 2 * (slow + 1))
            };
            let read = state.nodes_kept.read_steps(&state, 0, step).await.unwrap();
            assert_eq!(read, expected, "{slow}");
        }
    }
}
