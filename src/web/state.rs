//! What handlers share.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::error::ApiError;
use super::fresh::Fresh;
use super::json::JsonBody;
use super::timing::Timings;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::stats::Counts;
use crate::db::{DbError, Reader, Readers};

/// How long the figures of `/api/stats` are good (contract §2.1).
const COUNTS_TTL: Duration = Duration::from_secs(10);

/// How long the body of `/api/healthz` is good.
const HEALTH_TTL: Duration = Duration::from_secs(1);

/// What this program is.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// Of Cargo.toml.
    pub version: &'static str,
    /// `CORESCOPE_COMMIT` at build time, or `unknown`.
    pub commit: &'static str,
    /// `CORESCOPE_BUILD_TIME` at build time, or `unknown`.
    pub time: &'static str,
}

/// This build.
pub const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    commit: match option_env!("CORESCOPE_COMMIT") {
        Some(commit) => commit,
        None => "unknown",
    },
    time: match option_env!("CORESCOPE_BUILD_TIME") {
        Some(time) => time,
        None => "unknown",
    },
};

/// The argument through which handlers get at the state.
pub type State = Data<AppState>;

/// What handlers share. It exists before the database is open: until then they answer 503.
pub struct AppState {
    /// As configured.
    pub config: Arc<Config>,
    /// Time.
    pub clock: Clock,
    /// How long requests took.
    pub timings: Timings,
    readers: OnceLock<Readers>,
    pub(super) counts: Fresh<Arc<Counts>>,
    pub(super) stats_body: Fresh<JsonBody>,
    pub(super) healthz_body: Fresh<JsonBody>,
}

impl AppState {
    /// Makes the state of a process that has not opened its database yet.
    pub fn new(config: Arc<Config>, clock: Clock) -> Self {
        Self {
            config,
            timings: Timings::new(clock.clone()),
            readers: OnceLock::new(),
            counts: Fresh::new(COUNTS_TTL, clock.clone()),
            stats_body: Fresh::new(COUNTS_TTL, clock.clone()),
            healthz_body: Fresh::new(HEALTH_TTL, clock.clone()),
            clock,
        }
    }

    /// Opens the API for reading. Later calls change nothing.
    pub fn open_readers(&self, readers: Readers) {
        let _ = self.readers.set(readers);
    }

    /// The readers, once the database is open.
    pub fn readers(&self) -> Option<&Readers> {
        self.readers.get()
    }

    /// Runs a query.
    ///
    /// # Errors
    /// As [`Readers::ask`]; 503 while the database is not open.
    pub async fn ask<T, F>(&self, query: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, DbError> + Send + 'static,
    {
        let starting = || ApiError::busy("starting: the database is being opened");
        Ok(self.readers().ok_or_else(starting)?.ask(query).await?)
    }

    /// Returns the figures, at most 10 s old.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn counts(&self) -> Result<Arc<Counts>, ApiError> {
        let now_s = self.clock.now_s();
        let count = move |reader: &Reader| crate::db::stats::count(reader, now_s);
        self.counts.get(async || self.ask(count).await.map(Arc::new)).await
    }
}

/// Returns the state of a request.
///
/// # Errors
/// 500 if the application was built without one.
pub fn state_of(request: &HttpRequest) -> Result<&AppState, ApiError> {
    let state = request.app_data::<State>();
    state.map(|state| state.get_ref()).ok_or_else(|| ApiError::internal("there is no state"))
}
