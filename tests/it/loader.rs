//! The Loader over the fixture: what it says, what it shows, and that no answer is older than the
//! database.

mod faults;
mod live;
mod upkeep;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use corescope::actors::lifeline::Lifelines;
use corescope::actors::loader::{Hook, LoadSource, LoaderReaders};
use corescope::config::Config;
use corescope::store::Floor;
use corescope::store::load::{Event, Load, LoadRules};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::support::api::{Api, NOW_MS};

const PATIENCE: Duration = Duration::from_secs(120);

/// Between two moves of the clock: the deadline of a read goes by the clock that is moved, and a
/// busy machine needs its time.
const STEP_EVERY: Duration = Duration::from_millis(200);

/// A Loader beside an API.
struct Loading {
    loader: LoaderReaders,
    events: Arc<Mutex<Vec<Event>>>,
    deaths: UnboundedReceiver<&'static str>,
}

fn hours(hours: u64) -> Option<Duration> {
    (hours > 0).then(|| Duration::from_secs(hours * 3_600))
}

fn rules(hot: u64, retention: u64) -> LoadRules {
    LoadRules::new(hours(hot), hours(retention), 64 << 20, 40)
}

fn path_of(api: &Api) -> PathBuf {
    api.folder.path().join("meshcore.db")
}

impl Loading {
    fn start(api: &Api, rules: LoadRules) -> Self {
        Self::start_over(api, rules, |source| source)
    }

    /// `over` stands between the Loader and its reader.
    fn start_over(
        api: &Api,
        rules: LoadRules,
        over: impl FnOnce(Arc<dyn LoadSource>) -> Arc<dyn LoadSource>,
    ) -> Self {
        Self::start_with(api, rules, |source, load| (over(source), load))
    }

    fn start_with(
        api: &Api,
        rules: LoadRules,
        adapt: impl FnOnce(Arc<dyn LoadSource>, Load) -> (Arc<dyn LoadSource>, Load),
    ) -> Self {
        let (lifelines, deaths) = Lifelines::new();
        let events = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&events);
        let hook: Hook = Arc::new(move |event: &Event| told.lock().unwrap().push(event.clone()));
        let parts = (&api.state.window, &api.clock, &lifelines);
        let loader = LoaderReaders::start_with(&path_of(api), rules, parts, |source, load| {
            let (source, load) = adapt(source, load);
            (source, load, Some(hook))
        });
        Self { loader: loader.unwrap(), events, deaths }
    }

    fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    async fn settled(&self) {
        wait_until(|| self.events().contains(&Event::Settled)).await;
    }
}

/// Waits on a condition.
async fn wait_until(is_met: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_met() {
        assert!(start.elapsed() < PATIENCE, "waited for too long");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Moves the clock step by step until a condition is met.
async fn pass_time(api: &Api, step_ms: i64, is_met: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_met() {
        assert!(start.elapsed() < PATIENCE, "waited for too long");
        api.clock.advance_ms(step_ms);
        let moved = Instant::now();
        while !is_met() && moved.elapsed() < STEP_EVERY {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A probe waits for no query: what it shows is asked for before.
async fn healthz(api: &Api) -> serde_json::Value {
    api.state.migrations().await.unwrap();
    api.json("/api/healthz").await
}

/// Makes nine of ten rows of the fixture older than a day (003-12).
fn spread(api: &Api) {
    api.execute(SPREAD);
    api.execute("UPDATE transmissions SET last_seen = 0");
}

const SPREAD: &str = "
    UPDATE transmissions SET first_seen = strftime('%Y-%m-%dT%H:%M:%SZ', first_seen, '-5 days')
      WHERE id % 10 <> 0;
    UPDATE observations SET timestamp = timestamp - 5 * 86400 WHERE transmission_id % 10 <> 0;";

/// 003-01, 003-12, 003-13, and 003-08: each phase begins once; rows with `last_seen` 0.
#[actix_web::test]
async fn the_load_is_told_in_order_and_every_row_is_in_at_its_end() {
    let Some(mut api) = Api::over_fixture() else { return };
    api.migrate();
    spread(&api);
    let rows = count(&api, "transmissions");
    let loading = Loading::start(&api, rules(24, 0));
    loading.settled().await;
    let hot_floor = Floor::Since(NOW_MS / 1_000 - 86_400);
    let expected = [
        Event::HotBegan,
        Event::HotLoaded { floor: hot_floor },
        Event::BackgroundBegan,
        Event::Settled,
    ];
    assert_eq!(loading.events(), expected);
    let snapshot = api.state.window.latest();
    assert_eq!(snapshot.transmissions() as i64, rows);
    assert_eq!(snapshot.observations() as i64, count(&api, "observations"));
    assert_eq!(snapshot.floor(), Floor::Everything);
    let store = &api.json("/api/perf").await["packetStore"];
    assert_eq!(store["totalLoaded"], rows);
    assert_eq!(store["backgroundLoadComplete"], true);
    assert_eq!(store["backgroundLoadFailed"], false);
    assert_eq!(store["backgroundLoadProgress"], 100);
    assert_eq!(store["backgroundLoadError"], serde_json::Value::Null);
    assert_eq!(store["loadCoverageRatio"], 1.0);
    assert_eq!(store["hotStartupHours"], 24.0);
    assert_eq!(store["sqliteOnly"], false);
    assert!(store["trackedMB"].as_f64().unwrap() > 0.0);
    let stats = api.get("/api/stats").await;
    assert_eq!(stats.header("x-corescope-load-status"), Some("ready"));
    assert!(stats.json()["trackedMB"].as_f64().unwrap() > 0.0);
    let healthz = healthz(&api).await;
    assert_eq!((&healthz["loadedTx"], &healthz["ready"]), (&rows.into(), &true.into()));
    loading.loader.stop(PATIENCE).await;
}

/// 003-02 (as decision 39 has it) and decision 26: answers do not wait for the load, and the header says how it stands.
#[actix_web::test]
async fn while_it_loads_answers_are_whole_and_the_state_says_so() {
    let Some(mut api) = Api::over_fixture() else { return };
    api.migrate();
    let before = api.get("/api/packets?limit=5").await;
    let gate = faults::Gate::default();
    let loading = Loading::start_over(&api, rules(0, 0), |source| gate.before(source));
    gate.let_through(6);
    wait_until(|| gate.waiting()).await;
    let during = api.get("/api/packets?limit=5").await;
    assert_eq!(during.body, before.body);
    let header = during.header("x-corescope-load-status").unwrap().to_owned();
    assert!(header.starts_with("loading; progress="), "{header}");
    let healthz = healthz(&api).await;
    assert_eq!(healthz["ready"], true);
    let task = healthz["pending_warmup_tasks"].as_array().unwrap().iter();
    assert!(task.into_iter().any(|task| task["kind"] == "load" && task["state"] == "running"));
    assert_eq!(api.json("/api/perf").await["packetStore"]["backgroundLoadComplete"], false);
    gate.open();
    loading.settled().await;
    assert_eq!(api.get("/api/packets?limit=5").await.body, before.body);
    loading.loader.stop(PATIENCE).await;
}

/// 003-04, 003-05.
#[actix_web::test]
async fn an_empty_database_and_one_without_a_hot_window_are_done_at_once() {
    for (is_empty, hot) in [(true, 24), (true, 0), (false, 0)] {
        let Some(mut api) = Api::with(Config::default()) else { return };
        api.migrate();
        if is_empty {
            api.execute("DELETE FROM observations; DELETE FROM transmissions");
        }
        let loading = Loading::start(&api, rules(hot, 0));
        loading.settled().await;
        let status = api.state.window.status();
        assert!(status.is_complete && !status.has_failed, "{status:?}");
        assert_eq!((status.progress, status.coverage), (100, 1.0));
        assert_eq!(loading.events().contains(&Event::BackgroundBegan), hot > 0);
        loading.loader.stop(PATIENCE).await;
    }
}

/// An old database whose indexes are still to be built.
#[actix_web::test]
async fn without_its_indexes_a_database_is_loaded_all_the_same() {
    let Some(mut api) = Api::over_fixture() else { return };
    api.migrate();
    api.execute("DROP INDEX idx_observations_tx_ts; DROP INDEX idx_transmissions_first_seen");
    let loading = Loading::start(&api, rules(24, 0));
    loading.settled().await;
    assert_eq!(api.state.window.latest().floor(), Floor::Everything);
    assert_eq!(api.state.window.latest().transmissions() as i64, count(&api, "transmissions"));
    loading.loader.stop(PATIENCE).await;
}

fn count(api: &Api, table: &str) -> i64 {
    crate::support::process::count(&path_of(api), &format!("SELECT count(*) FROM {table}"))
}
