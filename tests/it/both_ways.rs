//! One file, two programs in turn: what we upgraded, wrote to and half backfilled is acceptable to
//! the original by its written rules, and what the original writes then is taken back by us.
//!
//! The original itself is not here: its statements are made from what is written of it (spec §1.7
//! to §1.9, §2.7 to §2.11, §5.1), not from its code.

use std::path::{Path, PathBuf};

use corescope::clock::Clock;
use corescope::config::Config;
use corescope::db::migrations::{BatchLimits, BatchRequest, BatchState};
use corescope::db::{self, OpenOptions, WriteConnection};
use corescope::ingest::{Arrival, Received, Rules, SourceRules};
use rusqlite::{Connection, params};
use serde_json::json;

use crate::backfill::unhindered;
use crate::support::data_file;
use crate::support::migrations::pending;
use crate::support::process::{Process, wait_for};

const LAST_SEEN: &str = "tx_last_seen_backfill_v1";
const NOW_S: i64 = 1_779_041_400;

/// Spec §1.9: without any of these the original's server refuses to start.
const ASSERTED: [(&str, &[&str]); 6] = [
    ("neighbor_edges", &["node_a", "node_b"]),
    ("observations", &["resolved_path", "raw_hex"]),
    (
        "observers",
        &[
            "inactive",
            "last_packet_at",
            "iata",
            "clock_skew_seconds",
            "clock_skew_count_24h",
            "clock_last_naive_at",
            "can_relay",
            "can_relay_seen",
        ],
    ),
    ("nodes", &["foreign_advert", "default_scope", "multibyte_sup", "multibyte_evidence"]),
    ("inactive_nodes", &["foreign_advert", "default_scope", "multibyte_sup", "multibyte_evidence"]),
    ("transmissions", &["from_pubkey", "last_seen", "scope_name"]),
];

/// Spec §1.8: what the original's ingestor would do again, if it were not recorded.
const PASS_A: [&str; 16] = [
    "advert_count_unique_v1",
    "noise_floor_real_v1",
    "node_telemetry_v1",
    "obs_timestamp_index_v1",
    "observer_metrics_v1",
    "observer_metrics_ts_idx",
    "observers_inactive_v1",
    "observer_metrics_packets_v1",
    "channel_hash_v1",
    "dropped_packets_v1",
    "observers_last_packet_at_v1",
    "observers_clock_naive_v1",
    "cleanup_legacy_null_hash_ts",
    "foreign_advert_v1",
    "from_pubkey_v1",
    "channel_hash_casing_v1",
];

fn open(path: &Path) -> WriteConnection {
    db::open(path, &OpenOptions::new(Clock::manual(NOW_S * 1_000))).unwrap().writer
}

fn step(writer: &mut WriteConnection, name: &str) -> BatchState {
    writer
        .run_batch(&BatchRequest { name: name.to_owned(), rows_max: 50 }, &BatchLimits::default())
        .unwrap()
        .state
}

/// The fixture with all migrations done but one, which is in its middle, and with a packet of ours.
fn half_done(folder: &Path) -> Option<PathBuf> {
    let path = folder.join("meshcore.db");
    std::fs::write(&path, std::fs::read(data_file("e2e-fixture.db")?).unwrap()).unwrap();
    let mut writer = open(&path);
    for name in pending(&writer) {
        while step(&mut writer, name) != BatchState::Done && name != LAST_SEEN {}
    }
    let frame = "15000F62BB12A7C1E5CAFE0102030405060708";
    let rules = Rules::new(&Config::default());
    let source = SourceRules { tag: "ours".into(), iata_filter: vec![], region: None };
    let envelope = json!({"origin": "Ours", "raw": frame, "SNR": 4.5}).to_string();
    let received = rules.receive(
        &source,
        &Arrival {
            topic: "meshcore/PAR/0A0B0C/packets",
            payload: envelope.as_bytes(),
            is_retained: false,
            now_s: NOW_S,
            away_s: None,
        },
    );
    let Received::Record(record) = received else { panic!("{received:?}") };
    writer.commit(&[record]).unwrap();
    writer.close().unwrap();
    Some(path)
}

fn number(conn: &Connection, sql: &str) -> i64 {
    conn.query_row(sql, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn texts(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn the_original_finds_all_that_it_asserts_and_nothing_to_do_again() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = half_done(folder.path()) else { return };
    let conn = Connection::open(&path).unwrap();
    for (table, columns) in ASSERTED {
        let present = texts(&conn, &format!("SELECT name FROM pragma_table_info('{table}')"));
        for column in columns {
            assert!(present.iter().any(|name| name == column), "{table}.{column} is missing");
        }
    }
    let recorded = texts(&conn, "SELECT name FROM _migrations");
    for name in PASS_A {
        assert!(recorded.iter().any(|found| found == name), "{name} would be done again");
    }
    let strings = texts(&conn, "SELECT DISTINCT status FROM _async_migrations ORDER BY 1");
    assert_eq!(strings, ["done", "pending_async"], "the original knows three words");
    let status = format!("SELECT status FROM _async_migrations WHERE name = '{LAST_SEEN}'");
    assert_eq!(texts(&conn, &status), ["pending_async"]);
    let half = number(&conn, "SELECT COUNT(*) FROM transmissions WHERE last_seen = 0");
    assert!((1..499).contains(&half), "it is not half done: {half}");
    // §7: nodes move by position: both tables have the same columns in the same order.
    let columns = |table| texts(&conn, &format!("SELECT name FROM pragma_table_info('{table}')"));
    assert_eq!(columns("nodes"), columns("inactive_nodes"));
    // No WAL is left that a program of another SQLite would have to understand.
    let wal = path.with_extension("db-wal");
    assert!(std::fs::metadata(wal).map_or(0, |file| file.len()) == 0);
}

/// What the original does at its start and while it runs, on our file. §1.1, §1.5, §1.8, §5.1.
fn original_starts(conn: &Connection) {
    conn.execute_batch(
        "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; \
         DROP VIEW IF EXISTS packets_v; \
         CREATE VIEW packets_v AS SELECT o.id, COALESCE(o.raw_hex, t.raw_hex) AS raw_hex, \
         datetime(o.timestamp, 'unixepoch') AS timestamp, r.id AS observer_id, \
         r.name AS observer_name, o.direction, o.snr, o.rssi, o.score, t.hash, t.route_type, \
         t.payload_type, t.payload_version, o.path_json, t.decoded_json, t.created_at \
         FROM observations o JOIN transmissions t ON t.id = o.transmission_id LEFT JOIN \
         observers r ON r.rowid = o.observer_idx AND COALESCE(r.inactive, 0) = 0; \
         CREATE INDEX IF NOT EXISTS idx_observations_tx_ts ON observations (transmission_id, \
         timestamp); \
         CREATE INDEX IF NOT EXISTS idx_tx_last_seen_zero ON transmissions (id) \
         WHERE last_seen = 0; DROP INDEX IF EXISTS idx_tx_last_seen; \
         UPDATE nodes SET public_key = LOWER(public_key) WHERE public_key <> LOWER(public_key);",
    )
    .unwrap();
    assert!(number(conn, "SELECT COUNT(*) FROM packets_v") > 0);
    // It takes the unfinished migration up again, from the beginning.
    let reset = "UPDATE _async_migrations SET status = 'pending_async', started_at = \
                 datetime('now'), ended_at = NULL, error = NULL, rows_processed = 0, \
                 rows_total = 0, last_update_at = NULL \
                 WHERE name = ?1 AND status IN ('pending_async', 'failed')";
    assert_eq!(conn.execute(reset, [LAST_SEEN]).unwrap(), 1);
}

/// A packet as the original stores it (§2.7): the observation before its observer, whose first
/// packet so has none. `has_last_seen`: the original of #1690 and later.
fn original_writes(conn: &Connection, number_of: i64, has_last_seen: bool) {
    let (hash, at_s) = (format!("0f0f0f0f{number_of:08x}"), NOW_S + number_of);
    let observer = format!("0F{:062}", number_of % 3);
    let iso = corescope::clock::iso_s(at_s);
    let row = params![
        "0500AABBCCDD0000000000000000000000000000",
        hash,
        iso,
        json!({"type": "GRP_TXT", "channelHashHex": "AA"}).to_string(),
    ];
    conn.execute(
        "INSERT INTO transmissions (raw_hex, hash, first_seen, route_type, payload_type, \
         payload_version, decoded_json, channel_hash) VALUES (?1, ?2, ?3, 1, 5, 0, ?4, 'enc_AA')",
        row,
    )
    .unwrap();
    let id = conn.last_insert_rowid();
    let upsert = "INSERT INTO observations (transmission_id, observer_idx, direction, snr, rssi, \
                  score, path_json, timestamp, raw_hex) VALUES (?1, (SELECT rowid FROM observers \
                  WHERE id = ?2), 'rx', 7.5, -80, NULL, ?3, ?4, NULL) \
                  ON CONFLICT (transmission_id, observer_idx, COALESCE(path_json, '')) \
                  DO UPDATE SET snr = COALESCE(excluded.snr, snr)";
    conn.execute(upsert, params![id, observer, "[]", at_s]).unwrap();
    conn.execute(upsert, params![id, observer, "[\"AABB\"]", at_s + 1]).unwrap();
    if has_last_seen {
        let raise = "UPDATE transmissions SET last_seen = ?2 WHERE id = ?1 AND last_seen < ?2";
        conn.execute(raise, params![id, at_s + 1]).unwrap();
    }
    conn.execute(
        "INSERT INTO observers (id, name, iata, last_seen, first_seen, packet_count) \
         VALUES (?1, 'Theirs', 'PAR', ?2, ?2, 1) ON CONFLICT (id) DO UPDATE SET \
         last_seen = excluded.last_seen, packet_count = packet_count + 1",
        params![observer, iso],
    )
    .unwrap();
}

/// Starts the program on the file and waits until it has nothing left to do.
fn taken_back(path: &Path) -> Process {
    let mut process = Process::prepare(&json!({
        "dbPath": path,
        "migrations": unhindered(json!({"dutyCycle": 1})),
        "mqttSources": [{"name": "nowhere", "broker": "mqtt://127.0.0.1:1", "topics": ["a"]}],
    }));
    process.start();
    let is_done = || {
        let health = process.get("/api/healthz");
        let is_done = health["async_migrations_running"] == false;
        is_done.then(|| health["async_migrations"].clone())
    };
    let migrations = wait_for(is_done).unwrap_or_else(|| panic!("{}", process.log()));
    for migration in migrations.as_array().unwrap() {
        assert_eq!(migration["status"], "done", "{migration}");
    }
    process
}

/// Every row that has been heard says when it was heard last.
fn unfilled(path: &Path) -> i64 {
    let sql = "SELECT COUNT(*) FROM transmissions WHERE last_seen <> (SELECT MAX(timestamp) \
               FROM observations WHERE transmission_id = transmissions.id)";
    number(&Connection::open(path).unwrap(), sql)
}

fn served(process: &Process, path: &Path, newest: &str) {
    let conn = Connection::open(path).unwrap();
    let stats = process.get("/api/stats");
    let transmissions = number(&conn, "SELECT COUNT(*) FROM transmissions");
    assert_eq!(stats["totalTransmissions"], transmissions, "{stats}");
    let observations = number(&conn, "SELECT COUNT(*) FROM observations");
    assert_eq!(stats["totalObservations"], observations, "{stats}");
    let list = process.get("/api/packets?limit=50");
    let hashes: Vec<&str> =
        list["packets"].as_array().unwrap().iter().filter_map(|row| row["hash"].as_str()).collect();
    assert!(hashes.contains(&newest), "{newest} is not served: {hashes:?}");
    let one = process.get(&format!("/api/packets/{newest}"));
    assert_eq!(one["observations"].as_array().map(Vec::len), Some(2), "{one}");
}

#[test]
fn what_the_original_wrote_meanwhile_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = half_done(folder.path()) else { return };
    let conn = Connection::open(&path).unwrap();
    original_starts(&conn);
    for number in 0..40 {
        original_writes(&conn, number, true);
    }
    // Its own backfill was cut off too (§5.3): a batch is done, the books say pending.
    conn.execute_batch(
        "UPDATE transmissions SET last_seen = (SELECT MAX(timestamp) FROM observations WHERE \
         transmission_id = transmissions.id) WHERE id IN (SELECT id FROM transmissions WHERE \
         last_seen = 0 AND EXISTS (SELECT 1 FROM observations WHERE transmission_id = \
         transmissions.id) ORDER BY id LIMIT 100)",
    )
    .unwrap();
    assert!(unfilled(&path) > 0);
    drop(conn);
    let mut process = taken_back(&path);
    assert_eq!(unfilled(&path), 0);
    served(&process, &path, "0f0f0f0f00000027");
    assert_eq!(process.stop(), Some(0));
}

#[test]
fn rows_of_an_original_without_last_seen_are_filled_while_the_walk_is_in_its_middle() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = half_done(folder.path()) else { return };
    let conn = Connection::open(&path).unwrap();
    for number in 0..40 {
        original_writes(&conn, number, false);
    }
    drop(conn);
    let mut process = taken_back(&path);
    assert_eq!(unfilled(&path), 0, "rows beyond the end of the interrupted walk");
    served(&process, &path, "0f0f0f0f00000027");
    assert_eq!(process.stop(), Some(0));
}

#[test]
fn rows_of_an_original_without_last_seen_are_filled_after_all_was_done() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = half_done(folder.path()) else { return };
    assert_eq!(taken_back(&path).stop(), Some(0));
    let conn = Connection::open(&path).unwrap();
    original_writes(&conn, 1, false);
    conn.execute_batch(
        "UPDATE transmissions SET payload_type = 4, from_pubkey = NULL, \
         decoded_json = '{\"pubKey\":\"AB12\"}' WHERE hash = '0f0f0f0f00000001'",
    )
    .unwrap();
    assert_eq!(unfilled(&path), 1);
    drop(conn);
    let mut process = taken_back(&path);
    assert_eq!(unfilled(&path), 0, "done once is not done for ever");
    served(&process, &path, "0f0f0f0f00000001");
    assert_eq!(process.stop(), Some(0));
    let conn = Connection::open(&path).unwrap();
    let key = "SELECT from_pubkey FROM transmissions WHERE hash = '0f0f0f0f00000001'";
    assert_eq!(texts(&conn, key), ["ab12"]);
}
