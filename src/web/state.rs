//! What handlers share.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::rt::time::sleep;
use actix_web::web::Data;

use super::addresses::Addresses;
use super::analytics_kept::KeptBodies;
use super::assets::Pages;
use super::counted::Counted;
use super::error::ApiError;
use super::fresh::{Dated, Fresh};
use super::json::JsonBody;
use super::nodes_kept::NodesKept;
use super::ready_lists::ReadyLists;
use crate::actors::BackfillDoor;
use crate::actors::intake::Intake;
use crate::actors::line::Line;
use crate::actors::live::Live;
use crate::actors::perf::PerfLines;
use crate::actors::retention::Maintenance;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::backup::Backups;
use crate::db::migrations::MigrationStatus;
use crate::db::retention::TaskStatus;
use crate::db::{DbError, Reader, Readers};
use crate::ingest::rules::Rules;
use crate::ingest::source_status::SourceStatus;
use crate::perf::lag::LoopLag;
use crate::perf::requests::RequestStats;
use crate::store::{Floor, Snapshot, Window};

/// How long the figures of `/api/stats` are good (contract §2.1).
const COUNTS_TTL: Duration = Duration::from_secs(10);

/// How long the body of `/api/healthz` and the list of migrations are good.
const HEALTH_TTL: Duration = Duration::from_secs(1);

/// How long the list of channels is good (contract §4.4).
const CHANNELS_TTL: Duration = Duration::from_secs(60);

/// Who waits for the RAM window looks so often, and so many times.
const WINDOW_LOOK_EVERY: Duration = Duration::from_millis(5);
const WINDOW_LOOKS_MAX: usize = 60;

/// The argument through which handlers get at the state.
pub type State = Data<AppState>;

/// What there is once the database is open.
pub struct Ready {
    /// For everything that is asked of the database.
    pub readers: Readers,
    /// Takes posted packets; `None` in a process that does not write.
    pub intake: Option<Line<Intake>>,
    /// Feeds WebSocket clients; `None` in a process that does not write.
    pub live: Option<Line<Live>>,
    /// The brokers' counters and clocks.
    pub sources: Vec<Arc<SourceStatus>>,
    /// What watches this process; `None` where nothing does.
    pub perf: Option<PerfLines>,
}

/// What handlers share. It exists before the database is open: until then they answer 503.
pub struct AppState {
    /// As configured.
    pub config: Arc<Config>,
    /// What is accepted and how it is decoded; shared with the sources.
    pub rules: Arc<Rules>,
    /// Time; monotonic since the start of the process.
    pub clock: Clock,
    /// What addresses may do.
    pub addresses: Addresses,
    /// How long requests took.
    pub requests: RequestStats,
    /// How late the main arbiter wakes.
    pub loop_lag: Arc<LoopLag>,
    /// The start page or `index.html`, made once.
    pub(super) pages: Pages,
    /// The RAM window, empty until a Loader fills it.
    pub window: Arc<Window>,
    pub(super) ready_lists: ReadyLists,
    ready: OnceLock<Ready>,
    counts: Fresh<Arc<Counted>>,
    migrations: Fresh<Arc<Vec<MigrationStatus>>>,
    pub(super) healthz_body: Fresh<JsonBody>,
    pub(super) hash_sizes_kept: KeptBodies,
    pub(super) rf_kept: KeptBodies,
    backfill: OnceLock<BackfillDoor>,
    backups: OnceLock<Arc<Backups>>,
    maintenance: OnceLock<Arc<Maintenance>>,
    pub(super) nodes_kept: NodesKept,
    pub(super) observers_kept: Fresh<Dated<JsonBody>>,
    pub(super) channels_kept: KeptBodies,
}

impl AppState {
    /// Makes the state of a process that has not opened its database yet. `routes` are those by
    /// which times are counted.
    pub(super) fn of(
        config: Arc<Config>,
        rules: Arc<Rules>,
        clock: Clock,
        routes: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        let [hash_sizes_kept, rf_kept] =
            ["hashSizes", "rf"].map(|name| KeptBodies::of_analytics(&config, name, &clock));
        let observers_kept = Fresh::new(config.freshness.observers, clock.clone());
        Self {
            pages: Pages::read(&config.public_dir, clock.now_s()),
            addresses: Addresses::new(&config.limits),
            requests: RequestStats::new(clock.clone(), routes),
            loop_lag: Arc::default(),
            window: Arc::new(Window::new(clock.clone())),
            ready_lists: ReadyLists::new(clock.clone()),
            config,
            rules,
            ready: OnceLock::new(),
            counts: Fresh::new(COUNTS_TTL, clock.clone()),
            migrations: Fresh::new(HEALTH_TTL, clock.clone()),
            healthz_body: Fresh::new(HEALTH_TTL, clock.clone()),
            hash_sizes_kept,
            rf_kept,
            backfill: OnceLock::new(),
            backups: OnceLock::new(),
            maintenance: OnceLock::new(),
            nodes_kept: NodesKept::new(&clock),
            observers_kept,
            channels_kept: KeptBodies::new(CHANNELS_TTL, CHANNELS_TTL, clock.clone()),
            clock,
        }
    }

    /// Opens the API. Later calls change nothing.
    pub fn open(&self, ready: Ready) {
        let _ = self.ready.set(ready);
    }

    /// Lets migrations be steered. Later calls change nothing.
    pub fn open_backfill(&self, door: BackfillDoor) {
        let _ = self.backfill.set(door);
    }

    /// Lets copies of the database be made. Later calls change nothing.
    pub fn open_backups(&self, backups: Arc<Backups>) {
        let _ = self.backups.set(backups);
    }

    /// Shows what retention does. Later calls change nothing.
    pub fn open_maintenance(&self, board: Arc<Maintenance>) {
        let _ = self.maintenance.set(board);
    }

    /// What retention does; `None` in a process that does not write.
    pub(super) fn maintenance(&self) -> Option<Arc<Vec<TaskStatus>>> {
        self.maintenance.get().map(|board| board.load_full())
    }

    /// What makes copies; `None` before the database is open.
    pub(crate) fn backups(&self) -> Option<&Backups> {
        self.backups.get().map(|backups| &**backups)
    }

    /// The way to the migrations; `None` in a process that does not write.
    pub(super) fn backfill(&self) -> Option<&BackfillDoor> {
        self.backfill.get()
    }

    /// Returns what there is once the database is open.
    ///
    /// # Errors
    /// 503 before.
    pub fn ready(&self) -> Result<&Ready, ApiError> {
        let starting = || ApiError::busy("starting: the database is being opened");
        self.ready.get().ok_or_else(starting)
    }

    /// Returns the RAM window if lists may be answered from it.
    pub fn current_window(&self) -> Option<Arc<Snapshot>> {
        self.window.current().filter(|window| window.floor() != Floor::Nothing)
    }

    /// As [`Self::current_window`]; while commits are being taken in, waits a moment for it.
    pub async fn window_soon(&self) -> Option<Arc<Snapshot>> {
        let is_whole = |window: &Window| window.latest().floor() == Floor::Everything;
        for _ in 0..WINDOW_LOOKS_MAX {
            let window = self.current_window();
            if window.is_some() || !is_whole(&self.window) {
                return window;
            }
            sleep(WINDOW_LOOK_EVERY).await;
        }
        self.current_window()
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
        Ok(self.ready()?.readers.ask(query).await?)
    }

    /// Runs a query that may pass through a whole table: one at a time.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn ask_scan<T, F>(&self, query: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, DbError> + Send + 'static,
    {
        Ok(self.ready()?.readers.ask_scan(query).await?)
    }

    /// Returns the figures, at most 10 s old.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn counts(&self) -> Result<Arc<Counted>, ApiError> {
        let now_s = self.clock.now_s();
        let window = Arc::clone(&self.window);
        let count = move |reader: &Reader| {
            let counts = crate::db::stats::count(reader, now_s)?;
            Ok(Arc::new(Counted::of(counts, window.latest().bytes())))
        };
        self.counts.get(async || self.ask(count).await).await
    }

    /// Returns the figures that were counted last, if any were.
    pub fn last_counts(&self) -> Option<Arc<Counted>> {
        self.counts.last()
    }

    /// Returns all migrations, as of at most a second ago.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn migrations(&self) -> Result<Arc<Vec<MigrationStatus>>, ApiError> {
        let now_s = self.clock.now_s();
        let list = move |reader: &Reader| reader.list_migrations(now_s).map(Arc::new);
        self.migrations.get(async || self.ask(list).await).await
    }

    /// Returns the migrations that were listed last, if any were.
    pub fn last_migrations(&self) -> Option<Arc<Vec<MigrationStatus>>> {
        self.migrations.last()
    }

    /// Answers that were kept, and hits and misses on them.
    pub fn cache_counts(&self) -> (u64, u64, u64) {
        let (hits, misses) = self.counts.hits_and_misses();
        let counts = (u64::from(self.counts.last().is_some()), hits, misses);
        let analytics = [self.hash_sizes_kept.counts(), self.rf_kept.counts()];
        analytics.iter().fold(counts, |sum, more| (sum.0 + more.0, sum.1 + more.1, sum.2 + more.2))
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
