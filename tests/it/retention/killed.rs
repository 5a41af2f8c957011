//! `kill -9` of the real program in the middle of pruning, and of every task at any step.

use std::path::{Path, PathBuf};
use std::time::Duration;

use corescope::clock::Clock;
use corescope::config::{MigrationsConfig, RetentionConfig};
use corescope::db::{self, OpenOptions};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{is_sound, number, parts, run_all, seeded, ten_days};
use crate::support::process::{Process, count, wait_for};

const PACKETS: &str = "SELECT COUNT(*) FROM transmissions";

fn prepare(database: &std::path::Path) -> Process {
    let process = Process::prepare(&json!({
        "retention": {"packetDays": 10, "observerDays": -1},
        "migrations": {
            "batchRowsMax": 40,
            "dutyCycle": 0.05,
            "signals": {"ioPressure": false, "readerP99Ms": false, "readersWaiting": false}
        },
        "mqttSources": [{"name": "nowhere", "broker": "mqtt://127.0.0.1:1", "topics": ["a"]}]
    }));
    std::fs::create_dir(process.folder.path().join("data")).unwrap();
    std::fs::copy(database, process.database()).unwrap();
    process
}

fn task(process: &Process, name: &str) -> Value {
    let perf = process.get("/api/perf");
    let tasks = perf["maintenance"].as_array().unwrap_or_else(|| panic!("{perf}")).clone();
    tasks.into_iter().find(|task| task["name"] == name).unwrap()
}

#[test]
fn a_kill_in_the_middle_leaves_whole_packets_and_the_next_start_goes_on() {
    let (_folder, database) = seeded(3_000, 500, Clock::system().now_s());
    let mut process = prepare(&database);
    let mut amid = 0;
    for left in [3_300, 2_500, 1_500] {
        process.start();
        wait_for(|| (count(&process.database(), PACKETS) <= left).then_some(()))
            .unwrap_or_else(|| panic!("nothing is pruned\n{}", process.log()));
        process.kill();
        is_sound(&process.database());
        amid += i32::from(number(&process.database(), PACKETS) > 500);
        let halves = "SELECT COUNT(*) FROM transmissions t WHERE (SELECT COUNT(*) \
                      FROM observations WHERE transmission_id = t.id) <> 3";
        assert_eq!(number(&process.database(), halves), 0, "half a packet");
    }
    assert!(amid > 1, "no kill came in the middle");
    process.start();
    wait_for(|| (task(&process, "prune_packets")["state"] == "done").then_some(()))
        .unwrap_or_else(|| panic!("never done\n{}", process.log()));
    wait_for(|| (task(&process, "incremental_vacuum")["state"] == "done").then_some(()))
        .unwrap_or_else(|| panic!("never done\n{}", process.log()));
    let disabled = task(&process, "mark_silent_observers");
    assert_eq!(disabled["state"], "disabled");
    let metrics = ureq::get(&process.url("/metrics")).call().unwrap();
    let metrics = metrics.into_body().read_to_string().unwrap();
    let line = "corescope_maintenance_state{task=\"prune_packets\",state=\"done\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    assert_eq!(process.stop(), Some(0), "{}", process.log());
    assert_eq!(number(&process.database(), PACKETS), 500);
    assert_eq!(number(&process.database(), "SELECT COUNT(*) FROM observations"), 1_500);
    is_sound(&process.database());
}

/// Rows of all kinds, a part of them old, and free pages.
fn everything(now_s: i64) -> (tempfile::TempDir, PathBuf) {
    let (folder, path) = seeded(400, 100, now_s);
    let sql = format!(
        "CREATE TEMP TABLE t AS WITH RECURSIVE n(v) AS \
         (SELECT 0 UNION ALL SELECT v + 1 FROM n WHERE v < 160) \
         SELECT v, strftime('%Y-%m-%dT%H:%M:%SZ', {now_s} - 10800 - v * 21600, 'unixepoch') AS x FROM n; \
         INSERT INTO nodes (public_key, last_seen, advert_count) SELECT 'n' || v, x, v FROM t; \
         INSERT INTO inactive_nodes (public_key, last_seen, advert_count) \
         SELECT 'n' || v, x, 1 FROM t WHERE v % 3 = 0; \
         INSERT INTO observers (id, last_seen) SELECT 'o' || v, x FROM t; \
         INSERT INTO observer_metrics (observer_id, timestamp) \
         SELECT 'o' || v, x FROM t UNION ALL SELECT 'o' || v, '2099' || v FROM t; \
         INSERT INTO dropped_packets (reason, dropped_at) SELECT 'r', replace(x, 'T', ' ') FROM t; \
         INSERT INTO client_receptions (rx_pubkey, heard_key, heard_keylen, lat, lon, rx_at, \
         ingested_at, src) SELECT v, 'b', 1, 0, 0, x, x, 's' FROM t; \
         INSERT INTO client_observers (pubkey, last_seen) SELECT v, x FROM t; \
         INSERT INTO neighbor_edges (node_a, node_b, last_seen) SELECT '', v, x FROM t; \
         CREATE TABLE bulk AS SELECT randomblob(4000) FROM t; DROP TABLE bulk"
    );
    Connection::open(&path).unwrap().execute_batch(&sql).unwrap();
    (folder, path)
}

/// Everything that retention deals with, as one text.
fn dump(path: &Path) -> String {
    let conn = Connection::open(path).unwrap();
    let tables = [
        ("nodes", "public_key || advert_count"),
        ("inactive_nodes", "public_key || advert_count"),
        ("observers", "id || COALESCE(inactive, 0)"),
        ("observer_metrics", "observer_id || timestamp"),
        ("dropped_packets", "id || dropped_at"),
        ("transmissions", "id || hash"),
        ("observations", "id || transmission_id"),
        ("client_receptions", "id || rx_at"),
        ("client_observers", "pubkey"),
        ("neighbor_edges", "node_b"),
    ];
    let of = |(table, row): (&str, &str)| {
        let sql = format!(
            "SELECT COALESCE(group_concat(x, ' '), '') FROM (SELECT {row} AS x FROM {table} ORDER BY 1)"
        );
        let rows: String = conn.query_row(&sql, [], |row| row.get(0)).unwrap();
        format!("{table}: {rows}\n")
    };
    tables.into_iter().map(of).collect()
}

/// The files as they lie on the disk at this moment, as after a power cut.
fn crash_image(path: &Path) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("mesh.db");
    std::fs::copy(path, &copy).unwrap();
    let log = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    std::fs::copy(log(path), log(&copy)).unwrap();
    (folder, copy)
}

#[test]
fn every_task_that_is_cut_short_at_any_step_ends_as_one_that_was_not() {
    let clock = Clock::system();
    let ten = Duration::from_secs(10 * 86_400);
    let keeps = RetentionConfig {
        nodes: ten,
        observers: Some(ten),
        metrics: ten,
        neighbor_edges: ten,
        ..ten_days()
    };
    let (parts, config) = (
        parts(&clock, keeps),
        MigrationsConfig { batch_rows_max: 37, ..MigrationsConfig::default() },
    );
    let (_folder, path) = everything(clock.now_s());
    let before = dump(&path);
    let mut writer = db::open(&path, &OpenOptions::new(clock.clone())).unwrap().writer;
    let (mut images, mut step) = (Vec::new(), 0);
    let steps = run_all(&mut writer, (&parts, &config), |_| {
        step += 1;
        if step % 9 == 0 {
            images.push(crash_image(&path));
        }
    });
    writer.close().unwrap();
    assert_eq!(steps.len(), 11, "every task has run");
    let whole = dump(&path);
    assert_ne!(whole, before);
    assert!(images.len() >= 8, "{} images of {step} steps", images.len());
    for (number_of, (_folder, image)) in images.iter().enumerate() {
        let mut writer = db::open(image, &OpenOptions::new(clock.clone())).unwrap().writer;
        run_all(&mut writer, (&parts, &config), |_| {});
        writer.close().unwrap();
        is_sound(image);
        assert!(dump(image) == whole, "image {number_of}");
        assert_eq!(number(image, "PRAGMA freelist_count"), 0);
    }
}
