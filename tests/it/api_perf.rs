//! `/api/perf` and what is below it, exact under a clock that stands still.

mod metrics;

use std::collections::BTreeSet;
use std::time::Duration;

use actix_web::test::TestRequest;
use corescope::actors::io_sampler::TakeSample;
use corescope::actors::perf::{PerfActors, PerfLines};
use corescope::actors::stats_file::Tick;
use corescope::actors::vitals::TakeVitals;
use corescope::clock::Clock;
use corescope::config::Config;
use corescope::perf::ledger::{Shares, Source, Work};
use serde_json::{Value, json};

use crate::perf::FakeProc;
use crate::support::api::{Api, KEY, ask, with_key};
use crate::support::ordered_json::OrderedJson;
use crate::support::{check_json, data_file};

/// An API that is watched, and a kernel of our own making.
struct Watched {
    api: Api,
    lines: PerfLines,
    kernel: FakeProc,
    _perf: PerfActors,
    seconds: u64,
}

impl Watched {
    fn start(config: Config) -> Option<Self> {
        let kernel = FakeProc::new();
        kernel.machine();
        let (api, perf) = Api::watched(config, kernel.root())?;
        let lines = perf.lines.clone();
        Some(Self { api, lines, kernel, _perf: perf, seconds: 0 })
    }

    /// Lets a second pass in which the process writes `bytes`.
    async fn pass(&mut self, bytes: u64) {
        self.seconds += 1;
        self.api.clock.advance_ms(1_000);
        let total = self.seconds * bytes;
        self.kernel.process([0, total, 0, self.seconds * 2, self.seconds]);
        self.kernel.thread(3, "writer", [0, total / 2, 0, 0, 0]);
        self.look().await;
    }

    async fn look(&self) {
        self.lines.io_sampler.peek::<_, ()>(TakeSample).await.unwrap();
        self.lines.stats_file.peek::<_, ()>(Tick).await.unwrap();
        self.lines.vitals.peek::<_, ()>(TakeVitals).await.unwrap();
    }

    /// A migration writes `rows` rows of `pages` pages.
    fn note_backfill(&self, rows: u64, pages: u32) {
        let shares = Shares::one(Source::backfill("path_json_v1"), rows);
        let work = Work {
            component: Source::backfill("path_json_v1"),
            shares: shares.as_slice(),
            transactions: 1,
            wal_pages: Some(pages),
            checkpointed_pages: 0,
            wait: Duration::from_millis(1),
            hold: Duration::from_millis(4),
        };
        let ledger = &self.lines.write_side.as_ref().unwrap().ledger;
        ledger.note(&work, self.api.clock.monotonic());
    }
}

/// Replaces figures of the machine, after a look at them.
fn mask(body: &mut Value, paths: &[&str]) {
    for path in paths {
        let value = body.pointer_mut(path).unwrap_or_else(|| panic!("{path} is absent"));
        assert!(value.as_f64().is_some_and(|figure| figure > 0.0), "{path}: {value}");
        *value = json!("[positive]");
    }
}

const MACHINE: [&str; 7] = [
    "/goRuntime/goroutines",
    "/goRuntime/heapAllocMB",
    "/goRuntime/heapSysMB",
    "/goRuntime/heapInuseMB",
    "/goRuntime/heapIdleMB",
    "/goRuntime/numCPU",
    "/packetStore/estimatedMB",
];

#[actix_web::test]
async fn perf_has_every_field_of_the_original_in_its_order() {
    let Some(mut watched) = Watched::start(Config::default()) else { return };
    watched.pass(4_096).await;
    for path in ["/api/packets", "/api/packets?limit=1", "/api/nope"] {
        watched.api.get(path).await;
    }
    let mut perf = watched.api.json("/api/perf").await;
    mask(&mut perf, &MACHINE);
    perf["asyncMigrations"].as_array_mut().unwrap().truncate(1);
    check_json("perf", &perf);

    let Some(original) = data_file("original-responses/perf.json") else { return };
    let original = std::fs::read_to_string(original).unwrap();
    check_shape("", &parse(&original), &parse(watched.api.get("/api/perf").await.text()));
}

fn parse(text: &str) -> OrderedJson {
    serde_json::from_str(text).unwrap()
}

/// Every key of the original's objects is in ours, in its order; what it has not comes where it
/// likes. Routes are each program's own.
fn check_shape(place: &str, theirs: &OrderedJson, ours: &OrderedJson) {
    let OrderedJson::Object(theirs) = theirs else { return };
    let OrderedJson::Object(ours) = ours else { panic!("{place} is no object: {ours:?}") };
    if place == "/endpoints" {
        return;
    }
    let names = theirs.iter().map(|(name, _)| name).collect::<Vec<_>>();
    let kept = ours.iter().map(|(name, _)| name).filter(|name| names.contains(name));
    assert_eq!(kept.collect::<Vec<_>>(), names, "{place}");
    for (name, value) in theirs {
        let (_, own) = ours.iter().find(|(own, _)| own == name).unwrap();
        check_shape(&format!("{place}/{name}"), value, own);
    }
}

#[actix_web::test]
async fn perf_before_the_database_is_open_says_what_it_knows() {
    let state = Api::closed(Config::default(), Clock::manual(0));
    let answer = ask(&state, TestRequest::get().uri("/api/perf?mem=1")).await;
    assert_eq!(answer.status, 200);
    let error = answer.header("x-async-migrations-error").unwrap();
    assert_eq!(error, "starting: the database is being opened");
    let mut perf = answer.json();
    mask(&mut perf, &MACHINE[..6]);
    check_json("perf_before_the_database_is_open", &perf);
}

#[actix_web::test]
async fn perf_with_unreadable_migrations_says_so_in_a_header() {
    let Some(watched) = Watched::start(Config::default()) else { return };
    let answer = watched.api.get("/api/perf").await;
    assert!(!answer.json()["asyncMigrations"].as_array().unwrap().is_empty());
    assert_eq!(answer.header("x-async-migrations-error"), None);
    watched.api.execute("DROP TABLE _async_migrations; CREATE TABLE _async_migrations (x)");
    watched.api.clock.advance_ms(1_000);
    let answer = watched.api.get("/api/perf").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["asyncMigrations"], json!([]));
    assert_eq!(answer.header("x-async-migrations-error"), Some("internal error"));
}

#[actix_web::test]
async fn a_reset_needs_the_key_and_is_the_first_request_of_the_new_count() {
    let Some(watched) = Watched::start(with_key()) else { return };
    for _ in 0..3 {
        watched.api.get("/api/stats").await;
    }
    assert_eq!(watched.api.post("/api/perf/reset", "").await.status, 401);
    watched.api.clock.advance_ms(60_000);
    let keyed = TestRequest::post().uri("/api/perf/reset").insert_header(("x-api-key", KEY));
    let answer = ask(&watched.api.state, keyed).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "{\"ok\":true}\n"));
    let perf = watched.api.json("/api/perf").await;
    assert_eq!((&perf["totalRequests"], &perf["uptime"]), (&json!(1), &json!(0)));
    let routes: Vec<&String> = perf["endpoints"].as_object().unwrap().keys().collect();
    assert_eq!(routes, ["/api/perf/reset"]);
}

#[actix_web::test]
async fn sqlite_is_shown_as_it_is_and_not_at_all_when_nobody_has_looked() {
    let Some(mut watched) = Watched::start(Config::default()) else { return };
    check_json("perf_sqlite_missing", &watched.api.json("/api/perf/sqlite").await);
    watched.pass(0).await;
    watched.api.get("/api/packets").await;
    watched.pass(0).await;
    let mut fresh = watched.api.json("/api/perf/sqlite").await;
    mask(&mut fresh, &["/walSize", "/walSizeMB", "/cacheHitRate", "/readerHitRate/value"]);
    check_json("perf_sqlite_fresh", &fresh);
    watched.api.clock.advance_ms(5_001);
    check_json("perf_sqlite_stale", &watched.api.json("/api/perf/sqlite").await);
}

#[actix_web::test]
async fn write_sources_show_the_ledger_beside_the_counters() {
    let Some(mut watched) = Watched::start(Config::default()) else { return };
    watched.note_backfill(12, 3);
    watched.pass(0).await;
    let sources = watched.api.json("/api/perf/write-sources").await;
    assert_eq!(sources["sources"]["backfill_path_json"], 12);
    check_json("perf_write_sources_with_ledger", &sources);
}

/// 000-03, 001-05, 001-08 and the story of the seeds: a loop that rewrites the same rows for ever.
#[actix_web::test]
async fn a_backfill_that_loops_is_named_within_a_minute() {
    let Some(mut watched) = Watched::start(Config::default()) else { return };
    check_json("perf_anomalies_missing", &watched.api.json("/api/perf/anomalies").await);
    for _ in 0..300 {
        watched.pass(1_000).await;
    }
    let calm = watched.api.json("/api/perf/anomalies").await;
    assert_eq!((&calm["anomalies"], calm.get("reason")), (&json!([]), None), "{calm}");
    let mut rules = BTreeSet::new();
    for _ in 0..60 {
        watched.note_backfill(500, 200);
        watched.pass(1_000).await;
        let found = watched.api.json("/api/perf/anomalies").await;
        let named = |it: &&Value| it["source"] == "backfill_path_json";
        let found = found["anomalies"].as_array().unwrap().iter().filter(named);
        rules.extend(found.map(|it| it["rule"].as_str().unwrap().to_owned()));
    }
    assert_eq!(rules, ["baseline", "rate"].map(str::to_owned).into());
    check_json("perf_anomalies", &watched.api.json("/api/perf/anomalies").await);
    watched.api.clock.advance_ms(5_001);
    let stale = watched.api.json("/api/perf/anomalies").await;
    assert_eq!(stale["reason"], "the last look is older than 5 s");
}

#[actix_web::test]
async fn charts_get_an_hour_of_the_sampler_and_of_the_database() {
    let Some(mut watched) = Watched::start(Config::default()) else { return };
    let ask = async |watched: &Watched, query: &str| {
        watched.api.json(&format!("/api/perf/history?{query}")).await
    };
    let none = ask(&watched, "metric=databasePages").await;
    assert_eq!(none, json!({"metric": "databasePages", "atMs": [], "values": []}));
    for _ in 0..3 {
        watched.pass(4_096).await;
    }
    let pages = ask(&watched, "metric=databasePages&seconds=2").await;
    assert_eq!(pages["values"], json!([205, 205]));
    let written = ask(&watched, "metric=writer.writeBytesPerSec&seconds=99999").await;
    assert_eq!(written["values"], json!([null, 2_048, 2_048]));
    assert_eq!(ask(&watched, "metric=anomalies&seconds=-5").await["values"], json!([0]));
}

#[actix_web::test]
async fn an_unknown_metric_is_refused_with_the_known_ones() {
    let Some(watched) = Watched::start(Config::default()) else { return };
    let refused = watched.api.get("/api/perf/history?metric=x").await;
    assert_eq!(refused.status, 400);
    for known in ["writer.writeBytesPerSec", "walDebtPages"] {
        assert!(refused.text().contains(known), "{}", refused.text());
    }
    let refused = watched.api.get("/api/perf/history?metric=rssBytes&seconds=soon").await;
    assert_eq!(refused.status, 400);
}

#[actix_web::test]
async fn health_shows_the_lag_of_the_main_thread() {
    let state = Api::closed(Config::default(), Clock::manual(0));
    let health = async || ask(&state, TestRequest::get().uri("/api/health")).await.json();
    assert_eq!(health().await["eventLoop"]["maxLagMs"], 0);
    state.loop_lag.note(Duration::from_millis(250), Duration::from_millis(290));
    let shown = health().await["eventLoop"].clone();
    for name in ["currentLagMs", "maxLagMs", "p50Ms", "p95Ms", "p99Ms"] {
        assert_eq!(shown[name], 40, "{name}");
    }
}
