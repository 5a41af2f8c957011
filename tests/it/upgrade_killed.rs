//! An older database whose upgrade is cut off by a real `kill -9`: the next start goes on, and the
//! tables end as if nothing had happened.

use std::time::Duration;

use serde_json::json;

use crate::support::data_file;
use crate::support::process::{Process, count, read_only, wait_for};

fn prepare(fixture: &std::path::Path) -> Process {
    let process = Process::prepare(&json!({
        "hashRegions": ["sfo"],
        // Retention begins once migrations are done, a stop may come before it or after.
        "retention": {"nodeDays": 36_500, "observerDays": -1},
        "mqttSources": [{"name": "nowhere", "broker": "mqtt://127.0.0.1:1", "topics": ["a"]}]
    }));
    std::fs::create_dir(process.folder.path().join("data")).unwrap();
    std::fs::write(process.database(), std::fs::read(fixture).unwrap()).unwrap();
    process
}

fn finish(process: &mut Process) {
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

fn done(process: &Process) -> i64 {
    count(&process.database(), "SELECT COUNT(*) FROM _async_migrations WHERE status = 'done'")
}

#[test]
fn an_upgrade_that_is_killed_goes_on_at_the_next_start() {
    let Some(fixture) = data_file("e2e-fixture.db") else { return };
    let mut undisturbed = prepare(&fixture);
    finish(&mut undisturbed);
    let expected = contents(&undisturbed);
    assert!(expected.contains("tx_last_seen_backfill_v1"));

    let all = done(&undisturbed);
    let mut cut_off = 0;
    for pause_ms in [0, 4, 8, 12, 16, 20, 26, 34, 46, 60, 80, 110] {
        let mut process = prepare(&fixture);
        process.launch();
        let was_begun = wait_for(|| {
            let columns = "SELECT COUNT(*) FROM pragma_table_info('transmissions') \
                           WHERE name = 'last_seen'";
            let conn = read_only(&process.database());
            conn.query_row(columns, [], |row| row.get::<_, i64>(0)).ok().filter(|n| *n > 0)
        });
        was_begun.expect("the upgrade never began");
        std::thread::sleep(Duration::from_millis(pause_ms));
        process.kill();
        let done = done(&process);
        cut_off += usize::from(done < all);
        finish(&mut process);
        let differs = first_difference(&expected, &contents(&process));
        assert_eq!(differs, None, "killed after {pause_ms} ms, {done} steps done");
    }
    assert!(cut_off > 0, "no kill came before the end");
}
