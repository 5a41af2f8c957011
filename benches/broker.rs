//! From a real Mosquitto into a database of operator scale, QoS 1: how many messages a second are
//! stored, synced and acknowledged, what is written for each, and what ten a second cost.
//! `CORESCOPE_BENCH_DB=… cargo bench --bench broker`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

#[path = "../tests/it/support/broker.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod broker;
mod support;

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::figures::tell;
use support::program::{Program, binary, folder_over, seed};

const CAPTURE: &str = "paris-capture-6000.ndjson.gz";
const TIMES: u32 = 10;
const QUIET_S: u64 = 30;

/// Of the tests' broker: says why there is none.
fn skip(why: &str) {
    eprintln!("{why}: nothing done");
}

fn main() {
    let Some(seed) = seed() else { return };
    let data = std::env::var("CORESCOPE_TEST_DATA").unwrap_or("../shared/data".to_owned());
    let capture = std::path::Path::new(&data).join(CAPTURE);
    if !capture.exists() {
        return skip(&format!("{} is missing", capture.display()));
    }
    let options = broker::BrokerOptions { inflight_max: 0, ..Default::default() };
    let Some(broker) = broker::Broker::start_with(options) else { return };
    let source =
        json!({ "name": "home", "broker": broker.url(), "topics": ["meshcore/#"], "qos": 1 });
    let folder = folder_over(&seed, &json!({ "mqttSources": [source] }));
    let program = Program::start(folder.path());
    program.wait_for_migrations();
    program.wait_for_window();
    program
        .wait_for("/api/mqtt/status", |status| status.to_string().contains("\"connected\":true"));
    flood(&program, &broker.url(), &capture);
    idle(&program, &broker.url());
    program.stop();
}

fn received(program: &Program) -> f64 {
    let body: Value = program.get("/api/mqtt/status").unwrap_or_default();
    let sources = body["sources"].as_array().cloned().unwrap_or_default();
    sources.iter().filter_map(|source| source["packetsTotal"].as_f64()).sum()
}

fn flood(program: &Program, url: &str, capture: &std::path::Path) {
    let (before, bytes) = (received(program), program.written_bytes());
    let begun = Instant::now();
    for _ in 0..TIMES {
        let mut replay = Command::new(binary());
        replay.args(["replay", "--mqtt", url, "--qos", "1"]).arg(capture);
        assert!(replay.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    }
    let wanted = before + f64::from(TIMES) * 6_000.0;
    while (received(program) < wanted
        || program.metric("corescope_ingest_queue_depth") != Some(0.0))
        && begun.elapsed() < Duration::from_secs(120)
    {
        sleep(Duration::from_millis(5));
    }
    let count = received(program) - before;
    tell("broker.per-s", count / begun.elapsed().as_secs_f64(), "messages/s");
    tell("broker.lost", wanted - before - count, "messages");
    tell("broker.bytes-each", (program.written_bytes() - bytes) / count / 1024.0, "KB");
}

/// Ten receptions a second, all telemetry on.
fn idle(program: &Program, url: &str) {
    sleep(Duration::from_secs(5));
    let mut simulate = Command::new(binary());
    simulate.args(["simulate", "--mqtt", url, "--rate", "10"]);
    let child = simulate.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let (used, begun) = (program.processor_s(), Instant::now());
    sleep(Duration::from_secs(QUIET_S));
    let share = (program.processor_s() - used) / begun.elapsed().as_secs_f64();
    tell("broker.processor-at-10-per-s", share * 100.0, "%");
    if let Ok(mut child) = child {
        let _ = child.kill();
        let _ = child.wait();
    }
}
