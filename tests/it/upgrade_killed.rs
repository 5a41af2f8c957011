//! An older database whose upgrade is cut off by a real `kill -9`: the next start goes on, and the
//! tables end as if nothing had happened.

use std::path::Path;

use serde_json::{Value, json};

use crate::backfill::unhindered;
use crate::support::data_file;
use crate::support::process::{Process, read_only, wait_for};

fn config(pause_min_ms: u32) -> Value {
    json!({
        "hashRegions": ["sfo"],
        "migrations": unhindered(json!({"dutyCycle": 1, "pauseMinMs": pause_min_ms})),
        // Retention begins once migrations are done, a stop may come before it or after.
        "retention": {"nodeDays": 36_500, "observerDays": -1},
        "mqttSources": [{"name": "nowhere", "broker": "mqtt://127.0.0.1:1", "topics": ["a"]}]
    })
}

/// A program that rests between the steps of its upgrade, so that a kill comes between them.
fn prepare(fixture: &Path) -> Process {
    let process = Process::prepare(&config(20));
    std::fs::create_dir(process.folder.path().join("data")).unwrap();
    std::fs::write(process.database(), std::fs::read(fixture).unwrap()).unwrap();
    process
}

/// Starts it again and waits for the end.
fn finish(process: &mut Process) {
    std::fs::write(process.folder.path().join("config.json"), config(0).to_string()).unwrap();
    process.start();
    let is_done = wait_for(|| {
        let health = process.get("/api/healthz");
        (health["async_migrations_running"] == json!(false)).then_some(health)
    });
    let health = is_done.unwrap_or_else(|| panic!("never done\n{}", process.log()));
    for migration in health["async_migrations"].as_array().unwrap() {
        assert_eq!(migration["status"], "done", "{migration}");
    }
    assert_eq!(process.stop(), Some(0));
}

/// Everything that an upgrade may touch, as text.
fn contents(process: &Process) -> String {
    let conn = read_only(&process.database());
    let mut text = String::new();
    for sql in [
        "SELECT * FROM transmissions ORDER BY id",
        "SELECT * FROM observations ORDER BY id",
        "SELECT * FROM nodes ORDER BY public_key",
        "SELECT * FROM observers ORDER BY rowid",
        "SELECT name FROM _migrations ORDER BY name",
        "SELECT name, status FROM _async_migrations ORDER BY name",
        "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name",
    ] {
        let mut statement = conn.prepare(sql).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                let value: rusqlite::types::Value = row.get(column).unwrap();
                text.push_str(&format!("{value:?}|"));
            }
            text.push('\n');
        }
    }
    text
}

/// The first line that only one has, and which line it is: expected, found.
fn first_difference(expected: &str, found: &str) -> Option<(usize, String, String)> {
    let (mut expected, mut found) = (expected.lines(), found.lines());
    (1..).find_map(|number| match (expected.next(), found.next()) {
        (None, None) => Some(None),
        (expected, found) if expected == found => None,
        (expected, found) => {
            let text = |line: Option<&str>| line.unwrap_or("nothing").to_owned();
            Some(Some((number, text(expected), text(found))))
        }
    })?
}

/// Steps of the upgrade that are done; `None` before its tables are there.
fn done(process: &Process) -> Option<i64> {
    let sql = "SELECT COUNT(*) FROM _async_migrations WHERE status = 'done'";
    read_only(&process.database()).query_row(sql, [], |row| row.get(0)).ok()
}

#[test]
fn an_upgrade_that_is_killed_goes_on_at_the_next_start() {
    let Some(fixture) = data_file("e2e-fixture.db") else { return };
    let mut undisturbed = prepare(&fixture);
    finish(&mut undisturbed);
    let expected = contents(&undisturbed);
    assert!(expected.contains("tx_last_seen_backfill_v1"));

    let all = done(&undisturbed).unwrap();
    assert!(all >= 12, "{all}");
    let mut cut_off = 0;
    // By progress: as soon as its tables are there, then further and further.
    for part in 0..12 {
        let mut process = prepare(&fixture);
        // Nobody reads what it prints: that must not end it.
        drop(process.launch());
        let wanted = all * part / 12;
        let is_there = || done(&process).filter(|done| *done >= wanted);
        wait_for(is_there).unwrap_or_else(|| panic!("{wanted} are never done\n{}", process.log()));
        process.kill();
        let done = done(&process).unwrap();
        cut_off += usize::from(done < all);
        finish(&mut process);
        let differs = first_difference(&expected, &contents(&process));
        assert_eq!(differs, None, "killed with {done} of {all} steps done");
    }
    assert!(cut_off > 0, "no kill came before the end");
}
