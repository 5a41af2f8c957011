//! What packets tell of nodes, kept for some seconds.

use std::sync::Arc;
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

/// A request waits for them so long.
const WAIT_MAX: Duration = Duration::from_millis(700);

/// Whose adverts were heard where changes slowly.
const REGION_TTL: Duration = Duration::from_secs(60);

/// What packets told at one time. A part is `None` where reading a step of it took longer than a
/// query may.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    /// By public key.
    pub hash_sizes: Option<Arc<HashSizes>>,
    /// By public key.
    pub relays: Option<Arc<Relays>>,
    /// When it was read, Unix seconds.
    pub at_s: i64,
    /// Who relayed within so many seconds is active.
    pub relay_window_s: i64,
}

/// What is kept.
pub struct NodesKept {
    activity: Fresh<Arc<Activity>>,
    /// Of a reading that is not at its end yet.
    partial: ArcSwapOption<Activity>,
    /// JSON list of keys, by regions.
    region_keys: KeptBodies<Arc<str>>,
}

impl NodesKept {
    /// Keeps nothing yet.
    pub fn new(clock: &Clock) -> Self {
        Self {
            activity: Fresh::new(ACTIVITY_TTL, clock.clone()),
            partial: ArcSwapOption::empty(),
            region_keys: KeptBodies::new(REGION_TTL, REGION_TTL, clock.clone()),
        }
    }

    /// Returns the figures, at most 15 s old. Where reading them takes longer than a request may,
    /// it goes on behind the asker's back, and what was known last is the answer.
    ///
    /// # Errors
    /// As [`AppState::ask_scan`]. A step that was too slow is none: its part is left out, and
    /// tried again after 15 s.
    pub async fn activity(&self, state: &State) -> Result<Arc<Activity>, ApiError> {
        if let Some(activity) = self.activity.current() {
            return Ok(activity);
        }
        let shared = state.clone();
        let refresh = rt::spawn(async move {
            let kept = &shared.nodes_kept;
            kept.activity.get(async || kept.read(&shared).await).await
        });
        match timeout(WAIT_MAX, refresh).await {
            Ok(Ok(read)) => read,
            _ => Ok(self.activity.last().or(self.partial.load_full()).unwrap_or_default()),
        }
    }

    /// Reads both parts, step by step; sizes are shown as soon as they are known.
    async fn read(&self, state: &AppState) -> Result<Arc<Activity>, ApiError> {
        let (at_s, relay_window_s) = (state.clock.now_s(), relay_window_s(&state.config));
        let sizes = read_steps(state, AdvertSizes::before(at_s), AdvertSizes::read_day).await?;
        let hash_sizes = sizes.map(|sizes| Arc::new(sizes.finish()));
        let begun = Activity { hash_sizes, relays: None, at_s, relay_window_s };
        self.partial.store(Some(Arc::new(begun.clone())));
        let tally = read_steps(state, RelayTally::before(at_s), RelayTally::read_hours).await?;
        let relays = tally.map(|tally| Arc::new(tally.finish()));
        Ok(Arc::new(Activity { relays, ..begun }))
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

/// Does one step a query until there is none; `None` if one took longer than a query may.
async fn read_steps<T: Send + 'static>(
    state: &AppState,
    mut part: T,
    step: fn(&mut T, &Reader) -> Result<bool, DbError>,
) -> Result<Option<T>, ApiError> {
    loop {
        let read = move |reader: &Reader| match step(&mut part, reader) {
            Err(DbError::Interrupted { .. }) => Ok(None),
            read => read.map(|goes_on| Some((part, goes_on))),
        };
        match state.ask_scan(read).await? {
            None => return Ok(None),
            Some((part, false)) => return Ok(Some(part)),
            Some((read, true)) => part = read,
        }
    }
}

fn relay_window_s(config: &Config) -> i64 {
    i64::try_from(config.relay_active.as_secs()).unwrap_or(i64::MAX / 2)
}
