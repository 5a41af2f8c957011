//! What packets tell of nodes, kept for some seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::analytics_kept::KeptBodies;
use super::fresh::Fresh;
use crate::clock::Clock;
use crate::db::nodes::{AdvertSizes, HashSizes, RelayTally, Relays};

/// Figures are made at most so often (contract §4.1).
const ACTIVITY_TTL: Duration = Duration::from_secs(15);

/// They are good for so many times as long as reading them took, if that is longer: of a busy mesh
/// reading them takes a twentieth of one reader.
const REST_PER_READING: u32 = 20;
/// Never longer.
const REST_MAX: Duration = Duration::from_secs(300);

/// Nobody waits for figures that take longer to read, if older ones are known.
const IS_DEAR: Duration = Duration::from_millis(100);

/// Whose adverts were heard where changes slowly.
const REGION_TTL: Duration = Duration::from_secs(60);

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
    pub(super) took: Duration,
    /// When that began, of the clock's monotonic time.
    pub(super) begun_at: Duration,
}

/// What is kept.
pub struct NodesKept {
    pub(super) activity: Fresh<Arc<Activity>>,
    /// Of a reading that is not at its end yet.
    pub(super) partial: ArcSwapOption<Activity>,
    /// Steps of the last reading.
    pub(super) steps: AtomicU32,
    /// JSON list of keys, by regions.
    pub(super) region_keys: KeptBodies<Arc<str>>,
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

    /// What was read last, or so far.
    pub(super) fn known_so_far(&self) -> Option<Arc<Activity>> {
        self.activity.last().or_else(|| self.partial.load_full())
    }

    /// Steps done and steps in all, while the figures are read for the first time.
    pub fn first_reading(&self) -> Option<(u32, u32)> {
        let is_under_way = self.activity.is_first_under_way();
        is_under_way.then(|| (self.steps.load(Ordering::Relaxed).min(STEPS), STEPS))
    }
}

impl Activity {
    /// Until when it is good, of the clock's monotonic time.
    pub(super) fn rests_until(&self) -> Duration {
        let is_whole = self.hash_sizes.is_some() && self.relays.is_some();
        let rest = if is_whole { self.took * REST_PER_READING } else { Duration::ZERO };
        self.begun_at + rest.clamp(ACTIVITY_TTL, REST_MAX)
    }

    /// Whether it may be shown while newer figures are being read: those that nobody asked for for
    /// long may not.
    pub(super) fn may_be_shown_at(&self, now: Duration) -> bool {
        let late = now.saturating_sub(self.rests_until());
        self.took > IS_DEAR && late < (self.took * REST_PER_READING).min(REST_MAX)
    }
}
