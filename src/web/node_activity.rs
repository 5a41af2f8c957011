//! What packets tell of nodes, kept for some seconds.

use std::sync::Arc;
use std::time::Duration;

use super::analytics_kept::KeptBodies;
use super::error::ApiError;
use super::fresh::Fresh;
use super::state::AppState;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::nodes::{self, HashSizes, Relays};
use crate::db::{DbError, Reader};

/// Figures are made at most so often (contract §4.1).
const ACTIVITY_TTL: Duration = Duration::from_secs(15);

/// Whose adverts were heard where changes slowly.
const REGION_TTL: Duration = Duration::from_secs(60);

/// What packets told at one time. A part is `None` where reading it took longer than a query may.
#[derive(Debug, Default)]
pub struct Activity {
    /// By public key.
    pub hash_sizes: Option<HashSizes>,
    /// By public key.
    pub relays: Option<Relays>,
    /// When it was read, Unix seconds.
    pub at_s: i64,
    /// Who relayed within so many seconds is active.
    pub relay_window_s: i64,
}

/// What is kept.
pub struct NodesKept {
    activity: Fresh<Arc<Activity>>,
    /// JSON list of keys, by regions.
    region_keys: KeptBodies<Arc<str>>,
}

impl NodesKept {
    /// Keeps nothing yet.
    pub fn new(clock: &Clock) -> Self {
        Self {
            activity: Fresh::new(ACTIVITY_TTL, clock.clone()),
            region_keys: KeptBodies::new(REGION_TTL, REGION_TTL, clock.clone()),
        }
    }

    /// Returns the figures, at most 15 s old.
    ///
    /// # Errors
    /// As [`AppState::ask_scan`]. A query that was too slow is none: its part is left out, and
    /// tried again after 15 s.
    pub async fn activity(&self, state: &AppState) -> Result<Arc<Activity>, ApiError> {
        self.activity.get(async || read(state).await).await
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
        let ask = move |reader: &Reader| {
            let keys = nodes::keys_heard_in(reader, &regions)?;
            Ok(serde_json::to_string(&keys).unwrap_or_else(|_| "[]".to_owned()).into())
        };
        self.region_keys.get(&key, async || state.ask_scan(ask).await).await
    }
}

/// Reads both parts in the time of one query.
async fn read(state: &AppState) -> Result<Arc<Activity>, ApiError> {
    let (at_s, relay_window_s) = (state.clock.now_s(), relay_window_s(&state.config));
    let read = move |reader: &Reader| {
        let hash_sizes = in_time(nodes::hash_sizes(reader, at_s))?;
        let relays = in_time(nodes::relay_figures(reader, at_s))?;
        Ok(Arc::new(Activity { hash_sizes, relays, at_s, relay_window_s }))
    };
    state.ask_scan(read).await
}

fn in_time<T>(read: Result<T, DbError>) -> Result<Option<T>, DbError> {
    match read {
        Err(DbError::Interrupted { .. }) => Ok(None),
        read => read.map(Some),
    }
}

fn relay_window_s(config: &Config) -> i64 {
    i64::try_from(config.relay_active.as_secs()).unwrap_or(i64::MAX / 2)
}
