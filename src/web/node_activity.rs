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
use crate::db::{DbError, ReadError, Reader};

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

async fn read(state: &AppState) -> Result<Arc<Activity>, ApiError> {
    let now_s = state.clock.now_s();
    let hash_sizes = in_time(state, move |reader| nodes::hash_sizes(reader, now_s)).await?;
    let relays = in_time(state, move |reader| nodes::relay_figures(reader, now_s)).await?;
    let relay_window_s = relay_window_s(&state.config);
    Ok(Arc::new(Activity { hash_sizes, relays, at_s: now_s, relay_window_s }))
}

fn relay_window_s(config: &Config) -> i64 {
    i64::try_from(config.relay_active.as_secs()).unwrap_or(i64::MAX / 2)
}

async fn in_time<T, F>(state: &AppState, query: F) -> Result<Option<T>, ApiError>
where
    T: Send + 'static,
    F: FnOnce(&Reader) -> Result<T, DbError> + Send + 'static,
{
    match state.ready()?.readers.ask_scan(query).await {
        Ok(read) => Ok(Some(read)),
        Err(ReadError::TimedOut(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
