//! `/metrics`: what Prometheus is told, by name, and that the documents speak of the same names.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use actix_web::test::TestRequest;
use corescope::clock::Clock;
use corescope::config::{Config, Role};
use corescope::ingest::source_status::Now;
use corescope::ingest::watchdog::Health;
use corescope::perf::prometheus::CONTENT_TYPE;
use corescope::store::load::LoadStatus;
use corescope::web::metrics::names::ALL;
use serde_json::{Value, json};

use super::Watched;
use crate::support::api::{Api, ask};
use crate::support::process::{Process, wait_for};
use crate::support::{check_text, crate_root, skip};

/// A body in which as much happens as can be made to happen.
async fn busy() -> Option<String> {
    let mut watched = Watched::start(Config::default())?;
    for _ in 0..2 {
        watched.note_backfill(12, 3);
        watched.pass(200 << 20).await;
    }
    let now = Now { unix_s: watched.api.clock.now_s(), monotonic: watched.api.clock.monotonic() };
    let ready = watched.api.state.ready().unwrap();
    ready.sources[0].note_connected(now, false, false);
    ready.sources[0].note_receipt(now, false);
    ready.sources[0].note_rejected("bad \"json\"\n");
    ready.sources[0].note_ignored("not ours");
    ready.sources[0].note_health(Health::Ok, false, now.unix_s);
    let gauge = &watched.lines.write_side.as_ref().unwrap().gauge;
    gauge.count_dropped(&"local".into(), watched.api.clock.now_ms());
    let lag = &watched.api.state.loop_lag;
    lag.note(now.monotonic, now.monotonic + std::time::Duration::from_millis(3));
    let loaded = LoadStatus { has_loader: true, ..LoadStatus::default() };
    watched.api.state.window.set_status(loaded);
    watched.api.get("/api/packets").await;
    watched.api.get("/api/nope").await;
    watched.api.clock.advance_ms(11_000);
    watched.pass(200 << 20).await;
    let answer = watched.api.get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some(CONTENT_TYPE));
    Some(answer.text().to_owned())
}

/// The names of the metrics that a body holds.
fn names(body: &str) -> BTreeSet<&str> {
    let heads = body.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    heads.map(|head| head.split(' ').next().unwrap()).collect()
}

fn known() -> BTreeSet<&'static str> {
    ALL.iter().map(|metric| metric.name).collect()
}

/// Lines whose value depends on the machine or the version.
fn is_steady(line: &&str) -> bool {
    let unsteady = ["corescope_build_info{", "corescope_disk_free_bytes ", "corescope_wal_file_"];
    let caches = ["corescope_sqlite_page_lookups_total{", "corescope_sqlite_page_hit_ratio{"];
    !unsteady.iter().chain(&caches).any(|name| line.starts_with(name))
}

#[actix_web::test]
async fn every_figure_is_there_under_its_name() {
    let Some(body) = busy().await else { return };
    check_text("metrics", &body.lines().filter(is_steady).collect::<Vec<_>>().join("\n"));
    // Checkpoints and retention are the affair of actors that do not run here, and no migration
    // has been measured.
    let absent = known().difference(&names(&body)).copied().collect::<Vec<_>>();
    let elsewhere = [
        "corescope_checkpoint_last_duration_seconds",
        "corescope_maintenance_next_run_seconds",
        "corescope_maintenance_rows_total",
        "corescope_maintenance_runs_total",
        "corescope_maintenance_state",
        "corescope_migration_left_seconds",
        "corescope_migration_rows_per_second",
    ];
    assert_eq!(absent, elsewhere);
    assert_eq!(ALL.len(), known().len(), "a name stands for one thing");
}

#[actix_web::test]
async fn prometheus_finds_nothing_to_complain_about() {
    let Some(body) = busy().await else { return };
    promtool(&["check", "metrics"], &body);
    let state = Api::closed(Config::default(), Clock::manual(0));
    let answer = ask(&state, TestRequest::get().uri("/metrics")).await;
    assert!(answer.text().contains("\ncorescope_ready 0\n"), "{}", answer.text());
    promtool(&["check", "metrics"], answer.text());
}

/// Runs Debian's `promtool` (package `prometheus`); its silence is the proof.
fn promtool(arguments: &[&str], input: &str) {
    let spawned = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        skip("promtool is absent (Debian: prometheus)");
        return;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
}

#[actix_web::test]
async fn a_process_that_ingests_only_and_one_that_serves_only_tell_theirs() {
    for role in [Role::Ingest, Role::Server] {
        let state = Api::closed(Config { role, ..Config::default() }, Clock::manual(0));
        let answer = ask(&state, TestRequest::get().uri("/metrics")).await;
        assert_eq!(answer.status, 200);
        let role = format!("role=\"{}\"", role.as_str());
        assert!(answer.text().contains(&role), "{}", answer.text());
    }
    let Some(api) = Api::over_fixture() else { return };
    let body = api.get("/metrics").await;
    let names = names(body.text());
    assert!(names.contains("corescope_readers_waiting"));
    assert!(!names.contains("corescope_ingest_queue_depth"), "there is none, which is not 0");
    assert!(!names.contains("corescope_live_clients"));
}

#[actix_web::test]
async fn unreadable_migrations_are_none_and_said_to_be_unreadable() {
    let Some(api) = Api::over_fixture() else { return };
    let body = api.get("/metrics").await.text().to_owned();
    assert!(body.contains("corescope_migrations_readable 1\n"));
    assert!(body.contains("corescope_migration_state{name="));
    api.execute("DROP TABLE _async_migrations; CREATE TABLE _async_migrations (x)");
    api.clock.advance_ms(1_000);
    let body = api.get("/metrics").await.text().to_owned();
    assert!(body.contains("corescope_migrations_readable 0\n"));
    assert!(!body.contains("corescope_migration_state{"));
}

/// The real program, in the roles that write and serve.
#[test]
fn the_running_program_tells_prometheus() {
    for role in ["all", "ingest"] {
        let mut process = Process::prepare(&json!({"mqttSources": [
            {"name": "nobody", "broker": "mqtt://u:secret@127.0.0.1:9"}
        ]}));
        process.start_as(role);
        let body = || {
            let mut answer = ureq::get(&process.url("/metrics")).call().unwrap();
            answer.body_mut().read_to_string().unwrap()
        };
        let body = wait_for(|| {
            let body = body();
            let is_whole = ["corescope_component_io_b", "corescope_anomalies{", "_lag_seconds_sum"]
                .iter()
                .all(|name| body.contains(name));
            is_whole.then_some(body)
        });
        let body = body.expect("figures are missing");
        promtool(&["check", "metrics"], &body);
        assert!(!body.contains("secret"), "{body}");
        assert!(body.contains("corescope_source_connected{source=\"nobody\"} 0\n"), "{body}");
        assert_eq!(process.stop(), Some(0));
    }
}

fn document(name: &str) -> String {
    std::fs::read_to_string(crate_root().join("docs/monitoring").join(name)).unwrap()
}

/// Every name of ours in a text, without the endings of a summary's parts.
fn mentioned(text: &str) -> BTreeSet<&str> {
    let is_part = |character: char| character.is_ascii_lowercase() || character == '_';
    let starts = text.match_indices("corescope_").map(|(start, _)| &text[start..]);
    let words = starts.map(|rest| rest.split(|c| !is_part(c)).next().unwrap());
    let whole = |word: &'_ str| known().contains(word);
    words
        .map(|word| match word.strip_suffix("_sum").or_else(|| word.strip_suffix("_count")) {
            Some(stem) if !whole(word) => stem,
            _ => word,
        })
        .collect()
}

#[test]
fn the_documents_name_every_metric_and_no_other() {
    let text = document("metrics.md");
    assert_eq!(mentioned(&text), known());
    for metric in ALL {
        assert!(text.contains(metric.help), "the help of {} differs", metric.name);
    }
}

#[test]
fn the_dashboard_asks_for_what_there_is() {
    let dashboard: Value = serde_json::from_str(&document("grafana-dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let queries: Vec<&str> = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().into_iter().flatten())
        .map(|target| target["expr"].as_str().unwrap())
        .collect();
    assert!(queries.len() >= panels.len() / 2, "panels without queries");
    for query in &queries {
        let names = mentioned(query);
        assert!(!names.is_empty(), "{query}");
        assert!(names.is_subset(&known()), "{query}");
    }
}

#[test]
fn the_alerts_are_sound_and_about_what_there_is() {
    let text = document("alerts.yml");
    let unknown: Vec<_> = mentioned(&text).difference(&known()).map(|n| (*n).to_owned()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let path = crate_root().join("docs/monitoring/alerts.yml");
    promtool(&["check", "rules", path.to_str().unwrap()], "");
}
