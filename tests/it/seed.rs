//! Databases that are made up: exact, deterministic, valid, and work for the migrations.

use std::path::{Path, PathBuf};
use std::process::Command;

use corescope::clock::Clock;
use corescope::config::Config;
use corescope::db::bulk::{BulkWriter, Era};
use corescope::db::migrations::{BatchLimits, BatchRequest, BatchState};
use corescope::db::{self, DbError, OpenOptions};
use corescope::ingest::reception::Record;
use corescope::ingest::{Arrival, Received, Rules, SourceRules};
use corescope::sim::history::{self, HistoryError, HistoryPlan};
use corescope::sim::names;
use corescope::sim::network::Network;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const END_S: i64 = 1_784_332_800;

fn plan(era: Era) -> HistoryPlan {
    HistoryPlan {
        transmissions: 600,
        observations: 6_000,
        seed: 1,
        end_s: END_S,
        span_s: 30 * 86_400,
        padding_bytes: 0,
        era,
    }
}

fn make(folder: &TempDir, name: &str, plan: &HistoryPlan) -> PathBuf {
    let path = folder.path().join(name);
    let options = OpenOptions::new(Clock::manual(END_S * 1000));
    let writer = BulkWriter::create(&path, plan.era, &options).unwrap();
    history::write(plan, &Network::new(&plan.network()), &writer, |_| {}).unwrap();
    writer.finish(|_| {}).unwrap();
    path
}

fn number(path: &Path, sql: &str) -> f64 {
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// A digest of every value of every table.
fn digest(path: &Path) -> String {
    let conn = Connection::open(path).unwrap();
    let mut digest = Sha256::new();
    for table in [
        "transmissions",
        "observations",
        "nodes",
        "observers",
        "neighbor_edges",
        "observer_metrics",
    ] {
        let mut statement = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                match row.get_ref(column).unwrap() {
                    ValueRef::Null => digest.update(b"null"),
                    ValueRef::Integer(value) => digest.update(value.to_le_bytes()),
                    ValueRef::Real(value) => digest.update(value.to_le_bytes()),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => digest.update(bytes),
                }
            }
        }
    }
    hex::encode(digest.finalize())
}

#[test]
fn the_same_plan_makes_the_same_rows_and_another_seed_others() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(Era::PreBackfill);
    let first = digest(&make(&folder, "first.db", &plan));
    assert_eq!(first, digest(&make(&folder, "second.db", &plan)));
    let other = HistoryPlan { seed: 2, ..plan };
    assert_ne!(first, digest(&make(&folder, "other.db", &other)));
}

#[test]
fn a_seeded_database_is_sound_and_has_exactly_the_rows_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = make(&folder, "mesh.db", &plan(Era::PreBackfill));
    let conn = Connection::open(&path).unwrap();
    let verdict: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let mode: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    assert_eq!(number(&path, "SELECT count(*) FROM transmissions"), 600.0);
    assert_eq!(number(&path, "SELECT count(*) FROM observations"), 6_000.0);
    let outside = format!(
        "SELECT count(*) FROM observations WHERE timestamp NOT BETWEEN {} AND {END_S}",
        END_S - 30 * 86_400
    );
    assert_eq!(number(&path, &outside), 0.0);
    let strangers = "SELECT count(*) FROM observations WHERE observer_idx NOT IN \
                     (SELECT rowid FROM observers)";
    assert_eq!(number(&path, strangers), 0.0);
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(left.iter().all(|file| !file.to_string_lossy().contains("seeding")), "{left:?}");
}

/// Decision 23, as far as a small mesh with its short paths can show it.
#[test]
fn rows_are_as_large_as_in_the_field() {
    let folder = tempfile::tempdir().unwrap();
    let padded = HistoryPlan { padding_bytes: 13_000, ..plan(Era::PreBackfill) };
    let path = make(&folder, "mesh.db", &padded);
    let frame = number(&path, "SELECT avg(length(raw_hex)) FROM observations");
    assert!((100.0..180.0).contains(&frame), "{frame}");
    let resolved = number(&path, "SELECT avg(resolved_path IS NOT NULL) FROM observations");
    assert!((0.72..0.88).contains(&resolved), "{resolved}");
    let most = number(
        &path,
        "SELECT max(n) FROM (SELECT count(*) n FROM observations GROUP BY transmission_id)",
    );
    assert!(most > 40.0, "some packets are heard by very many: {most}");
    let padding =
        number(&path, "SELECT avg(length(decoded_json ->> '$.padding')) FROM transmissions");
    assert_eq!(padding, 13_000.0);
    let newest = "SELECT max(length(decoded_json)) FROM transmissions WHERE id > 588";
    assert!(number(&path, newest) < 1_000.0, "the newest fiftieth is not padded");
}

#[test]
fn a_seeded_database_is_upgraded_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = make(&folder, "mesh.db", &plan(Era::PreBackfill));
    assert_eq!(number(&path, "SELECT sum(last_seen) FROM transmissions"), 0.0);
    assert!(number(&path, "SELECT sum(path_json IS NULL) FROM observations") > 20.0);
    let database = db::open(&path, &OpenOptions::new(Clock::manual(END_S * 1000))).unwrap();
    let mut writer = database.writer;
    let pending = database.report.pending;
    for name in [
        "tx_last_seen_backfill_v1",
        "obs_observer_ts_idx_v1",
        "backfill_path_json_from_raw_hex_v1",
        "backfill_from_pubkey_v1",
        "channel_hash_casing_v1",
    ] {
        assert!(pending.contains(&name), "{name} has no work, only {pending:?}");
    }
    for name in pending {
        let batch = BatchRequest { name: name.to_owned(), rows_max: 500 };
        while writer.run_batch(&batch, &BatchLimits::default()).unwrap().state == BatchState::More {
        }
    }
    writer.close().unwrap();
    let wrong = "SELECT count(*) FROM transmissions t WHERE last_seen <> \
                 (SELECT max(timestamp) FROM observations WHERE transmission_id = t.id)";
    assert_eq!(number(&path, wrong), 0.0);
    assert_eq!(number(&path, "SELECT sum(path_json IS NULL) FROM observations"), 0.0);
    let unnamed = "SELECT count(*) FROM transmissions WHERE payload_type = 4 \
                   AND length(COALESCE(from_pubkey, '')) <> 64";
    assert_eq!(number(&path, unnamed), 0.0);
    assert_eq!(number(&path, "SELECT count(*) FROM observations"), 6_000.0);
}

#[test]
fn a_database_of_the_present_has_nothing_to_migrate() {
    let folder = tempfile::tempdir().unwrap();
    let path = make(&folder, "mesh.db", &plan(Era::Present));
    let database = db::open(&path, &OpenOptions::new(Clock::manual(END_S * 1000))).unwrap();
    assert_eq!(database.report.pending, Vec::<&str>::new());
}

/// What the database says of each packet is what ingest would have made of it.
#[test]
fn seeded_packets_read_as_if_they_had_been_ingested() {
    let folder = tempfile::tempdir().unwrap();
    let path = make(&folder, "mesh.db", &plan(Era::Present));
    let mut config = Config::default();
    config.channels.hash_channels = names::HASHTAG_CHANNELS.map_to_owned();
    config.channels.hash_regions = names::REGIONS.map_to_owned();
    let rules = Rules::new(&config);
    let source = SourceRules { tag: "test".into(), iata_filter: Vec::new(), region: None };
    let conn = Connection::open(&path).unwrap();
    let mut statement = conn
        .prepare(
            "SELECT t.raw_hex, hash, decoded_json, channel_hash, scope_name, from_pubkey, \
             o.raw_hex, path_json FROM transmissions t JOIN observations o \
             ON transmission_id = t.id",
        )
        .unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut scoped = 0;
    while let Some(row) = rows.next().unwrap() {
        let heard: String = row.get(6).unwrap();
        let payload = format!("{{\"raw\":\"{heard}\"}}");
        let arrival = Arrival {
            topic: "meshcore/MUC/AA/packets",
            payload: payload.as_bytes(),
            is_retained: false,
            now_s: END_S,
            away_s: None,
        };
        let Received::Record(Record::Packet(packet)) = rules.receive(&source, &arrival) else {
            panic!("refused: {heard}");
        };
        let stored = packet.transmission;
        assert_eq!(stored.hash, row.get::<_, String>(1).unwrap());
        assert_eq!(stored.decoded_json, row.get::<_, String>(2).unwrap());
        assert_eq!(stored.channel_hash, row.get::<_, Option<String>>(3).unwrap());
        assert_eq!(stored.scope_name, row.get::<_, Option<String>>(4).unwrap());
        assert_eq!(stored.from_pubkey, row.get::<_, Option<String>>(5).unwrap());
        assert_eq!(packet.observation.path_json, row.get::<_, String>(7).unwrap());
        scoped += usize::from(stored.scope_name.is_some());
    }
    assert!(scoped > 50, "{scoped}");
}

#[test]
fn what_exists_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    std::fs::write(&path, "precious").unwrap();
    let options = OpenOptions::new(Clock::manual(0));
    let refused = BulkWriter::create(&path, Era::Present, &options);
    assert!(matches!(refused, Err(DbError::File { .. })), "{refused:?}");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn impossible_numbers_are_refused() {
    let few = HistoryPlan { observations: 599, ..plan(Era::Present) };
    assert!(matches!(few.check(), Err(HistoryError::Ratio)));
    let many = HistoryPlan { observations: 600 * 500 + 1, ..plan(Era::Present) };
    assert!(matches!(many.check(), Err(HistoryError::Ratio)));
    let none = HistoryPlan { transmissions: 0, observations: 0, ..plan(Era::Present) };
    assert!(none.check().is_ok());
}

#[test]
fn the_command_says_how_large_it_became() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    let seed = |observations: &str| {
        Command::new(env!("CARGO_BIN_EXE_corescope"))
            .args(["seed", "--transmissions", "50", "--observations", observations, "--lean"])
            .args(["--end", "2026-07-18T00:00:00Z", "--db"])
            .arg(&path)
            .output()
            .unwrap()
    };
    let refused = seed("49");
    assert_eq!(refused.status.code(), Some(1));
    assert!(!path.exists());
    let done = seed("200");
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success() && told.contains("50 transmissions, 200 observations"), "{told}");
    let again = seed("200");
    let told = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && told.contains("already exists"), "{told}");
}

trait MapToOwned {
    fn map_to_owned(&self) -> Vec<String>;
}

impl MapToOwned for [&str] {
    fn map_to_owned(&self) -> Vec<String> {
        self.iter().map(|text| (*text).to_owned()).collect()
    }
}
