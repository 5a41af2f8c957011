//! Opening: fresh, old, foreign and broken databases; and the migrations of old rows.

mod steps;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use corescope::clock::Clock;
use corescope::db::migrations::{BatchLimits, BatchReply, BatchRequest, BatchState};
use corescope::db::schema::{DEDUP_INDEX, INDEXES, TABLES};
use corescope::db::{self, Database, DbError, OpenOptions, WriteConnection};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support;
use crate::support::migrations::pending;

const NOW_MS: i64 = 1_784_364_457_000;

fn options() -> OpenOptions {
    OpenOptions::new(Clock::manual(NOW_MS))
}

fn with_regions() -> OpenOptions {
    OpenOptions { has_regions: true, ..options() }
}

fn open(path: &Path) -> Database {
    db::open(path, &options()).unwrap()
}

fn fixture() -> Option<(TempDir, PathBuf)> {
    let fixture = support::data_file("e2e-fixture.db")?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    std::fs::copy(fixture, &path).unwrap();
    Some((folder, path))
}

fn blank() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    (folder, path)
}

/// Makes a database by hand, as another version or program would have left it.
fn made_of(sql: &str) -> (TempDir, PathBuf) {
    let (folder, path) = blank();
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    (folder, path)
}

fn batch(writer: &mut WriteConnection, name: &str, rows_max: u64) -> BatchReply {
    writer
        .run_batch(&BatchRequest { name: name.to_owned(), rows_max }, &BatchLimits::default())
        .unwrap()
}

/// Runs one migration to its end and returns the rows that it changed.
fn finish(writer: &mut WriteConnection, name: &str, rows_max: u64) -> u64 {
    let mut changed = 0;
    for _ in 0..10_000 {
        let reply = batch(writer, name, rows_max);
        changed += reply.rows_changed;
        if reply.state == BatchState::Done {
            return changed;
        }
    }
    panic!("{name} does not end");
}

fn finish_all(writer: &mut WriteConnection, rows_max: u64) {
    for name in pending(writer) {
        finish(writer, name, rows_max);
    }
    assert!(pending(writer).is_empty());
}

fn upgraded(path: &Path, options: &OpenOptions) {
    let mut database = db::open(path, options).unwrap();
    finish_all(&mut database.writer, 50);
    database.writer.close().unwrap();
}

fn read(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

fn texts(conn: &Connection, sql: &str) -> BTreeSet<String> {
    let mut statement = conn.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn one<T: rusqlite::types::FromSql>(conn: &Connection, sql: &str) -> T {
    conn.query_row(sql, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Everything that matters of a database, so that two can be compared.
fn content(path: &Path) -> Vec<String> {
    let conn = read(path);
    let mut lines = Vec::new();
    for table in TABLES.iter().map(|table| table.name) {
        if table.starts_with('_') {
            continue;
        }
        let columns: Vec<String> =
            texts(&conn, &format!("SELECT name FROM pragma_table_info('{table}')"))
                .into_iter()
                .map(|name| format!("quote({name})"))
                .collect();
        let sql = format!("SELECT '{table} ' || {} FROM {table}", columns.join("||' '||"));
        lines.extend(texts(&conn, &sql));
    }
    lines.extend(texts(&conn, "SELECT name || tbl_name FROM sqlite_master"));
    lines.extend(texts(&conn, "SELECT name FROM _migrations"));
    lines
}

/// The names that a complete database of the original records (spec §1.8).
const RECORDED: [&str; 21] = [
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
    "scope_name_v1",
    "nodes_default_scope_v1",
    "observations_raw_hex_v1",
    "obs_observer_ts_idx_v1",
    "backfill_path_json_from_raw_hex_v1",
];

#[test]
fn a_fresh_database_has_the_schema_of_july_2026() {
    let (_folder, path) = blank();
    let database = open(&path);
    assert!(database.report.is_created && database.report.pending.is_empty());
    database.writer.close().unwrap();
    let conn = read(&path);
    for table in TABLES {
        let mut statement =
            conn.prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid").unwrap();
        let names: Vec<String> = statement
            .query_map([table.name], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let wanted: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, wanted, "{}", table.name);
    }
    assert_eq!(
        texts(&conn, "SELECT name FROM _migrations"),
        BTreeSet::from(RECORDED.map(String::from))
    );
    let indexes = texts(&conn, "SELECT name FROM sqlite_master WHERE type = 'index'");
    assert!(INDEXES.iter().all(|index| indexes.contains(index.name)));
    assert_eq!(one::<String>(&conn, "PRAGMA journal_mode"), "wal");
    assert_eq!(one::<i64>(&conn, "PRAGMA auto_vacuum"), 2, "incremental");
    let view = texts(&conn, "SELECT name FROM pragma_table_info('packets_v')");
    assert_eq!(view.len(), 15 + 1);
}

#[test]
fn with_regions_a_fresh_database_records_one_name_more() {
    let (_folder, path) = blank();
    db::open(&path, &with_regions()).unwrap().writer.close().unwrap();
    let names = texts(&read(&path), "SELECT name FROM _migrations");
    assert_eq!(names.len(), 22);
    assert!(names.contains("backfill_default_scope_v1"));
}

#[test]
fn the_fixture_is_upgraded_to_what_the_original_demands_at_its_start() {
    let Some((_folder, path)) = fixture() else { return };
    upgraded(&path, &options());
    let conn = read(&path);
    assert_eq!(
        texts(&conn, "SELECT name FROM _migrations"),
        BTreeSet::from(RECORDED.map(String::from))
    );
    for table in TABLES {
        let sql = format!("SELECT name FROM pragma_table_info('{}')", table.name);
        let wanted = table.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(texts(&conn, &sql), wanted, "{}", table.name);
    }
    let indexes = texts(&conn, "SELECT name FROM sqlite_master WHERE type = 'index'");
    let missing: Vec<&str> =
        INDEXES.iter().map(|index| index.name).filter(|name| !indexes.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(one::<i64>(&conn, "SELECT COUNT(*) FROM transmissions"), 499);
    assert_eq!(one::<i64>(&conn, "SELECT COUNT(*) FROM nodes"), 200);
    assert_eq!(one::<i64>(&conn, "SELECT COUNT(*) FROM transmissions WHERE last_seen = 0"), 0);
    let wrong = "SELECT COUNT(*) FROM transmissions t WHERE last_seen <> \
                 (SELECT MAX(timestamp) FROM observations WHERE transmission_id = t.id)";
    assert_eq!(one::<i64>(&conn, wrong), 0);
    assert_eq!(one::<i64>(&conn, "SELECT COUNT(*) FROM packets_v"), 499);
    assert_eq!(
        one::<i64>(&conn, "SELECT COUNT(*) FROM transmissions WHERE channel_hash = 'public'"),
        0
    );
    assert_eq!(
        one::<i64>(&conn, "SELECT COUNT(*) FROM transmissions WHERE channel_hash = 'Public'"),
        13
    );
    let unset = "SELECT COUNT(*) FROM transmissions WHERE payload_type = 4 \
                 AND COALESCE(from_pubkey, '') = ''";
    assert_eq!(one::<i64>(&conn, unset), 0);
    assert_eq!(one::<String>(&conn, "PRAGMA integrity_check"), "ok");
}

#[test]
fn the_duplicate_of_the_fixture_is_merged_and_its_gaps_are_filled() {
    // HZ 2: transmission 85, observer 4, "[]" is there twice, as 85 and 294.
    let Some((_folder, path)) = fixture() else { return };
    read(&path)
        .execute_batch(
            "UPDATE observations SET snr = 4.5, resolved_path = 'first' WHERE id = 85; \
             UPDATE observations SET snr = 9.9, rssi = -80, score = 0.5 WHERE id = 294; \
             UPDATE observations SET resolved_path = 'second' WHERE id = 294",
        )
        .unwrap();
    upgraded(&path, &options());
    let conn = read(&path);
    assert_eq!(one::<i64>(&conn, "SELECT COUNT(*) FROM observations"), 499);
    let kept = conn
        .query_row(
            "SELECT id, snr, rssi, score, resolved_path FROM observations \
             WHERE transmission_id = 85",
            [],
            |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, f64>(1)?,
                    row.get::<_, f64>(2)?,
                    row.get::<_, f64>(3)?,
                    row.get::<_, String>(4)?,
                ))
            },
        )
        .unwrap();
    assert_eq!(kept, (85, 4.5, -80.0, 0.5, "first".to_owned()));
    assert!(texts(&conn, "SELECT name FROM sqlite_master").contains(DEDUP_INDEX));
}

#[test]
fn an_upgraded_database_that_is_opened_again_has_nothing_to_do() {
    let Some((_folder, path)) = fixture() else { return };
    upgraded(&path, &with_regions());
    let before = content(&path);
    let schema_version: i64 = one(&read(&path), "PRAGMA schema_version");
    let again = db::open(&path, &with_regions()).unwrap();
    assert_eq!(again.report, db::OpenReport::default());
    again.writer.close().unwrap();
    assert_eq!(content(&path), before);
    assert_eq!(one::<i64>(&read(&path), "PRAGMA schema_version"), schema_version);
}

#[test]
fn tables_and_columns_that_we_do_not_know_are_kept() {
    let Some((_folder, path)) = fixture() else { return };
    read(&path)
        .execute_batch(
            "CREATE TABLE of_others (what TEXT); INSERT INTO of_others VALUES ('theirs'); \
             ALTER TABLE nodes ADD COLUMN mood TEXT; UPDATE nodes SET mood = 'fine'; \
             ALTER TABLE observations ADD COLUMN weather TEXT DEFAULT 'rain'",
        )
        .unwrap();
    upgraded(&path, &options());
    let conn = read(&path);
    assert_eq!(one::<String>(&conn, "SELECT what FROM of_others"), "theirs");
    assert_eq!(one::<i64>(&conn, "SELECT COUNT(*) FROM nodes WHERE mood = 'fine'"), 200);
    assert_eq!(one::<i64>(&conn, "SELECT COUNT(*) FROM observations WHERE weather = 'rain'"), 499);
}

/// A database of the July 2026 version, by its original bookkeeping.
fn head_database() -> (TempDir, PathBuf) {
    let (folder, path) = blank();
    open(&path).writer.close().unwrap();
    read(&path)
        .execute_batch(
            "DROP TABLE _migration_runs; DROP TABLE _async_migrations; \
             CREATE TABLE _async_migrations (name TEXT PRIMARY KEY, status TEXT NOT NULL, \
             started_at TEXT NOT NULL DEFAULT (datetime('now')), ended_at TEXT, error TEXT); \
             INSERT INTO _async_migrations (name, status) VALUES \
             ('obs_observer_ts_idx_v1', 'done'), ('tx_last_seen_backfill_v1', 'pending_async'); \
             INSERT INTO observers (id) VALUES ('a'); \
             INSERT INTO nodes (public_key) VALUES ('ab'); \
             INSERT INTO transmissions (id, raw_hex, hash, first_seen) VALUES \
             (1, 'x', 'h', '2026-05-17T16:05:57Z'); \
             INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
             VALUES (1, 1, '[]', 77)",
        )
        .unwrap();
    (folder, path)
}

#[test]
fn a_run_that_the_original_left_unfinished_is_done_and_its_columns_are_completed() {
    let (_folder, path) = head_database();
    let mut database = open(&path);
    assert_eq!(
        database.report.columns_added,
        ["rows_processed", "rows_total", "last_update_at"]
            .map(|c| format!("_async_migrations.{c}"))
    );
    assert_eq!(
        pending(&database.writer),
        [
            "tx_last_seen_backfill_v1",
            "analytics_blocks_v1",
            "backfill_from_pubkey_v1",
            "nodes_lower_case_keys_v1",
        ]
    );
    finish_all(&mut database.writer, 10);
    assert_eq!(one::<i64>(&read(&path), "SELECT last_seen FROM transmissions"), 77);
    let row = "SELECT status || (ended_at IS NOT NULL) || rows_processed FROM _async_migrations \
               WHERE name = 'tx_last_seen_backfill_v1'";
    assert_eq!(one::<String>(&read(&path), row), "done11");
}

#[test]
fn the_full_index_of_before_1740_makes_way_for_the_partial_one() {
    let (_folder, path) = head_database();
    read(&path)
        .execute_batch(
            "DROP INDEX idx_tx_last_seen_zero; \
             CREATE INDEX idx_tx_last_seen ON transmissions (last_seen)",
        )
        .unwrap();
    upgraded(&path, &options());
    let indexes = texts(&read(&path), "SELECT name FROM sqlite_master WHERE type = 'index'");
    assert!(indexes.contains("idx_tx_last_seen_zero") && !indexes.contains("idx_tx_last_seen"));
}

#[test]
fn observations_that_name_their_observer_by_text_get_its_rowid() {
    // Spec §1.10, v2.
    let (_folder, path) = made_of(
        "CREATE TABLE observers (id TEXT PRIMARY KEY, name TEXT, iata TEXT, last_seen TEXT, \
         first_seen TEXT, packet_count INTEGER DEFAULT 0); \
         INSERT INTO observers (id, name) VALUES ('known', 'Known'); \
         CREATE TABLE transmissions (id INTEGER PRIMARY KEY AUTOINCREMENT, raw_hex TEXT NOT NULL, \
         hash TEXT NOT NULL UNIQUE, first_seen TEXT NOT NULL, route_type INTEGER, \
         payload_type INTEGER, payload_version INTEGER, decoded_json TEXT, \
         created_at TEXT DEFAULT (datetime('now'))); \
         INSERT INTO transmissions (id, raw_hex, hash, first_seen) VALUES \
         (1, 'x', 'h', '2026-03-17T21:47:58.081Z'); \
         CREATE TABLE observations (id INTEGER PRIMARY KEY AUTOINCREMENT, \
         transmission_id INTEGER NOT NULL REFERENCES transmissions(id), observer_id TEXT, \
         observer_name TEXT, direction TEXT, snr REAL, rssi REAL, score INTEGER, path_json TEXT, \
         timestamp INTEGER NOT NULL); \
         INSERT INTO observations (transmission_id, observer_id, observer_name, path_json, \
         timestamp) VALUES (1, 'known', 'Known', '[]', 100), (1, 'lost', 'Lost', '[]', 200), \
         (1, 'lost', 'Lost', '[]', 300), (1, NULL, NULL, '[]', 400)",
    );
    upgraded(&path, &options());
    let rows = texts(
        &read(&path),
        "SELECT v.id || ' ' || COALESCE(v.observer_id, '-') || ' ' || COALESCE(v.observer_name, \
         '-') || ' ' || COALESCE(s.last_seen, '-') FROM packets_v v \
         LEFT JOIN observers s ON s.id = v.observer_id",
    );
    let wanted = ["1 known Known -", "2 lost Lost 1970-01-01T00:05:00Z", "4 - - -"];
    assert_eq!(rows, BTreeSet::from(wanted.map(String::from)));
    assert_eq!(one::<i64>(&read(&path), "SELECT last_seen FROM transmissions"), 400);
}

fn refusal(path: &Path) -> DbError {
    let before = std::fs::read(path).ok();
    let error = db::open(path, &options()).map(|_| ()).unwrap_err();
    assert_eq!(std::fs::read(path).ok(), before, "the file must be as it was");
    error
}

#[test]
fn the_database_of_another_program_is_refused_and_left_alone() {
    let (_folder, path) = made_of("CREATE TABLE recipes (dish TEXT)");
    assert!(matches!(refusal(&path), DbError::ForeignDatabase { .. }));
    let (_folder, path) = made_of("CREATE TABLE transmissions (gear INTEGER)");
    let error = refusal(&path).to_string();
    assert!(error.contains("its table transmissions has no column"), "{error}");
    let (_folder, path) = made_of(
        "CREATE TABLE transmissions (id INTEGER PRIMARY KEY AUTOINCREMENT, raw_hex TEXT NOT NULL, \
         hash TEXT NOT NULL UNIQUE, first_seen TEXT NOT NULL, colour TEXT NOT NULL)",
    );
    let error = refusal(&path).to_string();
    assert!(error.contains("demands a value for colour"), "{error}");
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let (folder, path) = blank();
    assert!(matches!(refusal(folder.path()), DbError::Directory { .. }));
    std::fs::write(&path, "Dear diary, today the mesh was quiet.").unwrap();
    assert!(matches!(refusal(&path), DbError::NotADatabase { .. }));
    let mut torn = b"SQLite format 3\0".to_vec();
    torn.extend([0xA5; 4096]);
    std::fs::write(&path, torn).unwrap();
    assert!(matches!(refusal(&path), DbError::NotADatabase { .. } | DbError::Corrupt { .. }));
    std::fs::write(folder.path().join("a file"), "").unwrap();
    let below = folder.path().join("a file/mesh.db");
    assert!(matches!(db::open(&below, &options()), Err(DbError::File { .. })));
}

#[test]
fn an_empty_file_becomes_a_database() {
    let (_folder, path) = blank();
    std::fs::write(&path, "").unwrap();
    let database = open(&path);
    assert!(database.report.is_created);
}

#[test]
fn a_second_process_is_refused_by_the_pid_of_the_first() {
    let (folder, path) = blank();
    let first = open(&path);
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let error = db::open(&link, &options()).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    assert_eq!(db::lock::holder(&path), Some(std::process::id()));
    first.writer.close().unwrap();
    open(&path);
}

#[test]
fn a_database_that_was_left_half_made_is_completed() {
    let (_folder, path) = made_of(
        "CREATE TABLE nodes (public_key TEXT PRIMARY KEY, name TEXT, role TEXT, lat REAL, \
         lon REAL, last_seen TEXT, first_seen TEXT, advert_count INTEGER DEFAULT 0)",
    );
    assert!(open(&path).report.tables_added.contains(&"transmissions"));
}
