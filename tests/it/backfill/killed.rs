//! `kill -9` of the real program in every phase: the tables end as if nothing had happened.

use std::time::Duration;

use serde_json::json;

use super::{LAST_SEEN, content, number, seeded};
use crate::support::process::{Process, count, wait_for};

const KEY: &str = "a-key-that-is-strong-enough";

/// A program over a copy of `database`, with batches so small that there are many.
fn prepare(database: &std::path::Path) -> Process {
    let process = Process::prepare(&json!({
        "apiKey": KEY,
        "migrations": {"batchRowsMax": 50, "dutyCycle": 0.05},
        "mqttSources": [{"name": "nowhere", "broker": "mqtt://127.0.0.1:1", "topics": ["a"]}]
    }));
    std::fs::create_dir(process.folder.path().join("data")).unwrap();
    std::fs::copy(database, process.database()).unwrap();
    process
}

fn finish(process: &mut Process) {
    process.start();
    let is_done = || {
        let listed = process.get("/api/perf/async-migrations");
        listed.as_array().unwrap().iter().all(|row| row["status"] == "done").then_some(())
    };
    wait_for(is_done).unwrap_or_else(|| panic!("never done\n{}", process.log()));
    assert_eq!(process.stop(), Some(0), "{}", process.log());
}

fn filled(process: &Process) -> i64 {
    count(&process.database(), "SELECT COUNT(*) FROM transmissions WHERE last_seen > 0")
}

#[test]
fn a_kill_in_any_phase_repeats_no_row_and_loses_none() {
    // §10.33, 004-34.
    let (_folder, database) = seeded(4_000);
    let mut undisturbed = prepare(&database);
    finish(&mut undisturbed);
    let wanted = content(&undisturbed.database());
    let mut amid = 0;
    // By progress, so that each kill falls into another phase; 4,000 is the verification.
    for rows in [0, 1, 700, 1_900, 3_100, 3_999, 4_000] {
        let mut process = prepare(&database);
        process.start();
        wait_for(|| (filled(&process) >= rows).then_some(())).expect("no progress");
        process.kill();
        amid += i32::from((1..4_000).contains(&filled(&process)));
        finish(&mut process);
        assert!(content(&process.database()) == wanted, "killed at {rows} rows");
        let sql =
            format!("SELECT rows_processed FROM _async_migrations WHERE name = '{LAST_SEEN}'");
        assert_eq!(number(&process.database(), &sql), 4_000, "rows counted once");
    }
    assert!(amid > 1, "no kill came in the middle");
}

#[test]
fn a_stop_in_the_middle_leaves_it_running_and_a_pause_leaves_it_paused() {
    // Decision 13, §10.18.
    let (_folder, database) = seeded(4_000);
    let mut process = prepare(&database);
    process.start();
    wait_for(|| (filled(&process) > 0).then_some(())).expect("no progress");
    assert_eq!(process.stop(), Some(0));
    let state = format!("SELECT state FROM _migration_states WHERE name = '{LAST_SEEN}'");
    assert_eq!(super::text(&process.database(), &state), "running");

    process.start();
    let url = process.url(&format!("/api/perf/async-migrations/{LAST_SEEN}/pause"));
    let answer = ureq::post(&url).header("X-API-Key", KEY).send(r#"{"by": "me"}"#);
    assert_eq!(answer.unwrap().status(), 200);
    let paused = || (super::text(&process.database(), &state) == "paused").then_some(());
    wait_for(paused).expect("not paused");
    let before = filled(&process);
    process.kill();
    process.start();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(filled(&process), before, "it went on though it is paused");
    let health = process.get("/api/healthz");
    assert_eq!(health["pending_warmup_tasks"][0]["state"], "paused");
    let url = process.url(&format!("/api/perf/async-migrations/{LAST_SEEN}/resume"));
    ureq::post(&url).header("X-API-Key", KEY).send_empty().unwrap();
    let done = || (filled(&process) == 4_000).then_some(());
    wait_for(done).unwrap_or_else(|| panic!("not resumed\n{}", process.log()));
}
