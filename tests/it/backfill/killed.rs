//! `kill -9` of the real program in every phase: the tables end as if nothing had happened.

use std::path::Path;

use serde_json::{Value, json};

use super::verified::proof;
use super::{LAST_SEEN, content, number, seeded, text, unhindered};
use crate::support::process::{Process, count, wait_for};

const KEY: &str = "a-key-that-is-strong-enough";
const ROWS: i64 = 4_000;

/// Two seconds for the walk and as many for the verification.
fn slowly() -> Value {
    json!({"batchRowsMax": 50, "dutyCycle": 1, "pauseMinMs": 25})
}

/// Longer than any test.
fn crawling() -> Value {
    json!({"batchRowsMax": 2, "dutyCycle": 1, "pauseMinMs": 100})
}

fn quickly() -> Value {
    json!({"dutyCycle": 1})
}

fn config(pace: Value) -> Value {
    json!({
        "apiKey": KEY,
        "migrations": unhindered(pace),
        "mqttSources": [{"name": "nowhere", "broker": "mqtt://127.0.0.1:1", "topics": ["a"]}]
    })
}

/// A program over a copy of `database`.
fn prepare(database: &Path, pace: Value) -> Process {
    let process = Process::prepare(&config(pace));
    std::fs::create_dir(process.folder.path().join("data")).unwrap();
    std::fs::copy(database, process.database()).unwrap();
    process
}

/// Starts it again, in no hurry any more to be slow, and waits for the end.
fn finish(process: &mut Process) {
    let file = process.folder.path().join("config.json");
    std::fs::write(file, config(quickly()).to_string()).unwrap();
    process.start();
    let left = "SELECT COUNT(*) FROM _async_migrations WHERE status <> 'done'";
    let is_done = || (count(&process.database(), left) == 0).then_some(());
    wait_for(is_done).unwrap_or_else(|| panic!("never done\n{}", process.log()));
    assert_eq!(process.stop(), Some(0), "{}", process.log());
}

const FILLED: &str = "SELECT COUNT(*) FROM transmissions WHERE last_seen > 0";
const VERIFIED: &str = "SELECT COALESCE(SUM(verify_rows), 0) FROM _migration_runs";

fn filled(process: &Process) -> i64 {
    count(&process.database(), FILLED)
}

#[test]
fn a_kill_in_any_phase_repeats_no_row_and_loses_none() {
    // §10.26, §10.33, 004-34.
    let (_folder, database) = seeded(ROWS);
    let mut undisturbed = prepare(&database, quickly());
    finish(&mut undisturbed);
    let wanted = (content(&undisturbed.database()), proof(&undisturbed.database(), LAST_SEEN));
    // By progress, so that each kill falls into another phase.
    let walks = [0, 1, 700, 1_900, 3_100, ROWS - 1].map(|rows| (FILLED, rows));
    let verifications = [1, 1_500, 2_500].map(|rows| (VERIFIED, rows));
    for phase in [&walks[..], &verifications[..]] {
        let mut amid = 0;
        for (progress, rows) in phase {
            let mut process = prepare(&database, slowly());
            process.start();
            let done = || count(&process.database(), progress);
            wait_for(|| (done() >= *rows).then_some(())).expect("no progress");
            process.kill();
            amid += i32::from((1..ROWS).contains(&count(&process.database(), progress)));
            finish(&mut process);
            let found = (content(&process.database()), proof(&process.database(), LAST_SEEN));
            assert!(found == wanted, "killed at {rows} rows of {progress}: {:?}", found.1);
            let sql =
                format!("SELECT rows_processed FROM _async_migrations WHERE name = '{LAST_SEEN}'");
            assert_eq!(number(&process.database(), &sql), ROWS, "rows counted once");
        }
        assert!(amid > 1, "no kill came in the middle: {amid}");
    }
}

fn state(process: &Process) -> String {
    let sql = format!("SELECT state FROM _migration_states WHERE name = '{LAST_SEEN}'");
    text(&process.database(), &sql)
}

fn say(process: &Process, command: &str, body: &Value) {
    let url = process.url(&format!("/api/perf/async-migrations/{LAST_SEEN}/{command}"));
    let answer = ureq::post(&url).header("X-API-Key", KEY).send(body.to_string());
    assert_eq!(answer.unwrap().status(), 200, "{command}");
}

/// Leaves another migration something to do that needs nothing: it shows when migrations run.
fn add_another(process: &Process) {
    super::read(&process.database())
        .execute_batch(
            "DELETE FROM _migrations WHERE name = 'noise_floor_real_v1'; \
             DELETE FROM _async_migrations WHERE name = 'noise_floor_real_v1'",
        )
        .unwrap();
}

#[test]
fn a_stop_in_the_middle_leaves_it_running_and_a_pause_leaves_it_paused() {
    // Decision 13, §10.18.
    let (_folder, database) = seeded(ROWS);
    let mut process = prepare(&database, crawling());
    process.start();
    wait_for(|| (filled(&process) > 0).then_some(())).expect("no progress");
    assert_eq!(process.stop(), Some(0));
    assert_eq!(state(&process), "running");

    process.start();
    say(&process, "pause", &json!({"by": "me"}));
    wait_for(|| (state(&process) == "paused").then_some(())).expect("not paused");
    let before = filled(&process);
    process.kill();
    add_another(&process);
    process.start();
    let other = "SELECT COUNT(*) FROM _async_migrations WHERE name = 'noise_floor_real_v1' \
                 AND status = 'done'";
    wait_for(|| (count(&process.database(), other) == 1).then_some(())).expect("none runs");
    assert_eq!((filled(&process), state(&process)), (before, "paused".to_owned()));
    let is_told = || {
        let health = process.get("/api/healthz");
        let tasks = health["pending_warmup_tasks"].as_array()?;
        tasks.iter().find(|task| task["name"] == LAST_SEEN && task["state"] == "paused")?;
        Some(())
    };
    wait_for(is_told).unwrap_or_else(|| panic!("not told\n{}", process.log()));
    say(&process, "tune", &json!({"batchRowsMax": 5_000, "pauseMinMs": 0, "turbo": true}));
    say(&process, "resume", &json!({}));
    let done = || (filled(&process) == ROWS).then_some(());
    wait_for(done).unwrap_or_else(|| panic!("not resumed\n{}", process.log()));
}
