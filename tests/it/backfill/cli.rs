//! `corescope migrate`, offline and against a running process.

use std::process::Output;

use serde_json::json;

use super::verified::verification;
use super::{LAST_SEEN, number, seeded, unhindered};
use crate::support::process::{Process, wait_for};

const KEY: &str = "a-key-that-is-strong-enough";

fn prepare() -> Process {
    let process = Process::prepare(&json!({
        "apiKey": KEY,
        // Longer than any test.
        "migrations": unhindered(json!({"batchRowsMax": 1, "dutyCycle": 1, "pauseMinMs": 1_000})),
        "mqttSources": [{"name": "nowhere", "broker": "mqtt://127.0.0.1:1", "topics": ["a"]}]
    }));
    let (_folder, path) = seeded(4_000);
    std::fs::create_dir(process.folder.path().join("data")).unwrap();
    std::fs::copy(path, process.database()).unwrap();
    process
}

fn migrate(process: &Process, arguments: &[&str]) -> Output {
    process.command(&[&["migrate"], arguments].concat()).output().unwrap()
}

fn stdout(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn offline_it_shows_steers_predicts_and_runs() {
    let mut process = prepare();
    let path = process.database();
    let db = ["--db", path.to_str().unwrap()];
    let say = |action: &[&str]| stdout(&migrate(&process, &[&db, action].concat()));
    assert!(say(&[]).lines().any(|line| line.contains(LAST_SEEN) && line.contains("pending")));
    assert!(say(&["--dry-run", LAST_SEEN]).contains("\"rowsLeft\": 4000"));
    assert_eq!(say(&["--pause", LAST_SEEN]), format!("{LAST_SEEN}: paused\n"));
    let output = migrate(&process, &[&db[..], &["--run"]].concat());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "a paused one is not done: {error}");
    assert!(error.contains(&format!("{LAST_SEEN} is paused")), "{error}");
    say(&["--resume", LAST_SEEN]);
    say(&["--run"]);
    assert_eq!(number(&path, "SELECT COUNT(*) FROM transmissions WHERE last_seen = 0"), 0);
    let listed = say(&["--status"]);
    let line = listed.lines().find(|line| line.contains(LAST_SEEN)).unwrap();
    let hash = verification(&path, LAST_SEEN).unwrap().hash;
    let verified = format!("4000 verified, 0 differ, sha256 {hash}");
    assert!(line.contains("succeeded") && line.contains(&verified), "{line}");
    let refused = migrate(&process, &[&db[..], &["--pause", LAST_SEEN]].concat());
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(error.contains("cannot pause: it is succeeded"), "{error}");
    process.start();
    let url = process.url("");
    let listed = stdout(&migrate(&process, &["--url", &url]));
    assert!(listed.contains(&verified), "a running process tells it too: {listed}");
}

#[test]
fn it_steers_a_running_process_and_keeps_its_hands_off_its_database() {
    let mut process = prepare();
    process.start();
    let url = process.url("");
    let online = ["--url", url.as_str(), "--key", KEY];
    let is_listed = || {
        let listed = stdout(&migrate(&process, &online));
        listed.contains(LAST_SEEN).then_some(())
    };
    wait_for(is_listed).expect("not listed");
    let paused = stdout(&migrate(&process, &[&online[..], &["--pause", LAST_SEEN]].concat()));
    assert!(paused.contains("paus"), "{paused}");
    let path = process.database();
    let refused = migrate(&process, &["--db", path.to_str().unwrap(), "--run"]);
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(error.contains("already open for writing by process"), "{error}");
    let unkeyed = migrate(&process, &["--url", &url, "--cancel", LAST_SEEN]);
    let error = String::from_utf8_lossy(&unkeyed.stderr).into_owned();
    assert!(error.contains("401"), "{error}");
}
