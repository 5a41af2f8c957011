//! The whole program: what one process publishes another shows.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use crate::support::process::{Process, wait_for};

/// No broker is there: the source says so.
fn config() -> Value {
    json!({"mqttSources": [{"name": "nobody", "broker": "mqtt://u:secret@127.0.0.1:9"}]})
}

fn get(address: &str, path: &str) -> Value {
    let mut answer = ureq::get(format!("http://{address}{path}")).call().unwrap();
    serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
}

#[test]
fn one_process_publishes_and_another_shows_it() {
    let mut process = Process::prepare(&config());
    process.start();
    let io = wait_for(|| {
        let io = process.get("/api/perf/io");
        (io["components"]["writer"].is_object() && io["ingestor"].is_object()).then_some(io)
    });
    let io = io.expect("it never knew its own rates");
    let share = "this process: its writer and MQTT threads";
    assert_eq!(io["ingestorStatus"], json!({"state": "fresh", "source": share}));
    for component in ["writer", "readers", "checkpointer", "mqtt", "rest"] {
        assert!(io["components"][component].is_object(), "{component}: {io}");
    }
    assert!(io["rssBytes"].as_u64().unwrap() > 1 << 20);
    let history = process.get("/api/perf/history?metric=rssBytes&seconds=60");
    assert!(history["values"][0].as_f64().unwrap() > 0.0);
    let refused = ureq::get(&process.url("/api/perf/history?metric=x")).call();
    assert!(matches!(refused, Err(ureq::Error::StatusCode(400))));

    let mut beside = process.command(&["serve", "--role", "server"]).spawn().unwrap();
    let line = BufReader::new(beside.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let address = line.rsplit("http://").next().unwrap().to_owned();
    let shown = wait_for(|| {
        let io = get(&address, "/api/perf/io");
        (io["ingestor"].is_object() && io["components"]["rest"].is_object()).then_some(io)
    });
    let status = get(&address, "/api/mqtt/status");
    let sources = get(&address, "/api/perf/write-sources");
    assert_eq!(process.stop(), Some(0));
    let last = std::fs::read_to_string(process.folder.path().join("stats.json")).unwrap();
    let stale = wait_for(|| {
        let io = get(&address, "/api/perf/io");
        (io["ingestorStatus"]["state"] == "stale").then_some(io)
    });
    beside.kill().unwrap();
    beside.wait().unwrap();

    let shown = shown.expect("the other process never showed the file");
    assert_eq!(shown["ingestorStatus"], json!({"state": "fresh", "source": "stats file"}));
    assert_eq!(shown["missing"]["components.writer"], "no such thread is running");
    assert_eq!(status["sources"][0]["broker"], "mqtt://u:****@127.0.0.1:9");
    assert_eq!(sources["sources"]["tx_inserted"], 0);
    assert!(!last.contains("secret"), "{last}");
    assert_eq!(stale.expect("a dead process's rates were shown for ever").get("ingestor"), None);
}
