//! `/api/analytics/*`: figures from digests are those of all rows, whatever stands in them and
//! whatever happens to them.

mod api;
pub mod naive;
mod random_mesh;

use std::path::{Path, PathBuf};

use corescope::clock::Clock;
use corescope::db::analytics::{self, Asked, MIGRATION};
use corescope::db::migrations::{BatchLimits, BatchRequest, BatchState, JobRequest, JobWindow};
use corescope::db::{self, OpenOptions, ReaderOptions, Readers, WriteConnection};
use corescope::store::analytics::Window;
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use naive::{Question, Rows};
use random_mesh::NOON_S;

use crate::support::migrations::pending;

const SEEDS: std::ops::Range<u64> = 0..8;

struct Mesh {
    _folder: TempDir,
    path: PathBuf,
    writer: WriteConnection,
    readers: Readers,
}

fn open(path: &Path) -> WriteConnection {
    db::open(path, &OpenOptions::new(Clock::manual(NOON_S * 1_000))).unwrap().writer
}

fn readers(path: &Path) -> Readers {
    let deadline = std::time::Duration::from_secs(60);
    Readers::open(path, ReaderOptions { threads: 1, deadline, ..Default::default() }).unwrap()
}

/// Runs the job that makes stale digests anew, in steps of so many rows.
fn refresh(writer: &mut WriteConnection, rows_max: u64) {
    let mut after = None;
    loop {
        let window = JobWindow { after, rows_max };
        let request = JobRequest { job: analytics::refresh_job(), window };
        let reply = writer.run_job(&request, &BatchLimits::default()).unwrap();
        if reply.state == BatchState::Done {
            return;
        }
        after = reply.cursor;
    }
}

/// Of a program that leaves orphans behind.
fn connect(path: &Path) -> Connection {
    let conn = Connection::open(path).unwrap();
    conn.pragma_update(None, "foreign_keys", false).unwrap();
    conn
}

impl Mesh {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mesh.db");
        let writer = open(&path);
        random_mesh::fill(&connect(&path), seed);
        Self { readers: readers(&path), _folder: folder, path, writer }
    }

    /// As after a restart.
    fn reopened(self) -> Self {
        let Self { _folder, path, writer, readers: before } = self;
        before.close();
        writer.close().unwrap();
        Self { writer: open(&path), readers: readers(&path), _folder, path }
    }

    fn conn(&self) -> Connection {
        connect(&self.path)
    }

    fn refresh(&mut self) {
        refresh(&mut self.writer, 200);
    }

    fn count(&self, sql: &str) -> i64 {
        self.conn().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    async fn ask(&self, question: &Question) -> [Value; 2] {
        let question = question.clone();
        let answers = self.readers.ask(move |reader| {
            let is_inside = |lat: f64, lon: f64| question.is_inside(lat, lon);
            let asked = Asked {
                regions: &question.regions,
                area: if question.area.is_some() { Some(&is_inside) } else { None },
                window: Window { from_ms: question.from_ms, to_ms: question.to_ms },
            };
            let rf = analytics::rf(reader, &asked)?.unwrap();
            let sizes = analytics::hash_sizes(reader, &asked, |_, _| true)?.unwrap();
            Ok([serde_json::to_value(&rf).unwrap(), serde_json::to_value(&sizes).unwrap()])
        });
        answers.await.unwrap()
    }

    /// Every question is answered as a look at every row answers it.
    async fn check(&self, moment: &str) {
        let rows = Rows::read(&self.conn());
        for question in questions() {
            let [rf, sizes] = self.ask(&question).await;
            let context = format!("{moment}, {question:?}");
            assert_alike(&rf, &rows.rf(&question), &format!("{context}: rf"));
            assert_alike(&sizes, &rows.hash_sizes(&question), &format!("{context}: sizes"));
        }
    }
}

fn questions() -> Vec<Question> {
    let region = |codes: &[&str]| Question {
        regions: codes.iter().map(|code| (*code).to_owned()).collect(),
        ..Question::default()
    };
    let noon_ms = NOON_S * 1_000;
    let window = Question {
        from_ms: Some(noon_ms - 50_000_000),
        to_ms: Some(noon_ms + 30_000_500),
        ..Question::default()
    };
    let area = Question { area: Some([5.0, 5.0, 20.0, 20.0]), ..Question::default() };
    vec![
        Question::default(),
        region(&["SJC"]),
        region(&["OAK", "MRY", "LHR"]),
        region(&["LHR"]),
        window.clone(),
        Question { to_ms: None, ..window.clone() },
        Question { from_ms: None, ..window.clone() },
        Question { regions: vec!["SJC".to_owned()], ..window.clone() },
        area.clone(),
        Question { area: Some([80.0, 80.0, 81.0, 81.0]), ..Question::default() },
        Question { regions: vec!["OAK".to_owned()], area: area.area, ..window },
    ]
}

/// Equal but for the last digits of numbers; what has no number is `null` in both.
pub fn assert_alike(ours: &Value, theirs: &Value, at: &str) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{at}");
            a.iter().for_each(|(key, value)| assert_alike(value, &b[key], &format!("{at}.{key}")));
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{at}: {ours} {theirs}");
            a.iter().zip(b).enumerate().for_each(|(index, (a, b))| {
                assert_alike(a, b, &format!("{at}[{index}]"));
            });
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            let is_close = (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0);
            assert!(is_close, "{at}: {a} {b}");
        }
        _ => assert_eq!(ours, theirs, "{at}"),
    }
}

#[actix_web::test]
async fn answers_are_those_of_all_rows_before_and_after_digests_are_made_and_rows_changed() {
    for seed in SEEDS {
        let mut mesh = Mesh::new(seed);
        mesh.check(&format!("seed {seed}, no digest")).await;
        mesh.refresh();
        mesh.check(&format!("seed {seed}, fresh digests")).await;
        random_mesh::change(&mesh.conn(), seed + 1_000);
        mesh.check(&format!("seed {seed}, rows have changed")).await;
        mesh.refresh();
        mesh.check(&format!("seed {seed}, digests made anew")).await;
    }
}

#[actix_web::test]
async fn a_database_of_another_program_is_answered_for_exactly_while_its_digests_are_made() {
    for seed in SEEDS {
        let mut mesh = Mesh::new(seed);
        for sql in [
            "SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger'",
            "SELECT 'DROP TABLE ' || name FROM sqlite_master WHERE name LIKE '\\_%' ESCAPE '\\'",
        ] {
            let conn = mesh.conn();
            let mut statement = conn.prepare(sql).unwrap();
            let drops = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
            drops.for_each(|sql| mesh.conn().execute_batch(&sql.unwrap()).unwrap());
        }
        mesh.check(&format!("seed {seed}, of another program")).await;
        mesh = mesh.reopened();
        for name in pending(&mesh.writer) {
            let request = BatchRequest { name: name.to_owned(), rows_max: 17 };
            while mesh.writer.run_batch(&request, &BatchLimits::default()).unwrap().state
                == BatchState::More
            {
                if name == MIGRATION {
                    mesh.check(&format!("seed {seed}, while digests are made")).await;
                }
            }
        }
        let stale = "SELECT COUNT(*) FROM _analytics_stale \
                     WHERE block IN (SELECT id >> 6 FROM transmissions)";
        assert_eq!(mesh.count(stale), 0, "nobody wrote");
        mesh.check(&format!("seed {seed}, all digests made")).await;
    }
}

#[actix_web::test]
async fn after_a_restart_answers_come_from_digests_without_a_look_at_the_rows() {
    let mut mesh = Mesh::new(3);
    // The newest block is never digested, so it is one that holds nothing else.
    let newest = "INSERT INTO transmissions (id, raw_hex, hash, first_seen) \
                  VALUES (9000000, '15', 'newest', '2026-07-18T08:47:37Z')";
    mesh.conn().execute_batch(newest).unwrap();
    mesh.refresh();
    mesh = mesh.reopened();
    let before = mesh.ask(&Question::default()).await;
    let triggers = "SELECT group_concat('DROP TRIGGER ' || name, ';') FROM sqlite_master \
                    WHERE type = 'trigger'";
    let drop: String = mesh.conn().query_row(triggers, [], |row| row.get(0)).unwrap();
    mesh.conn().execute_batch(&drop).unwrap();
    let delete = "DELETE FROM observations; DELETE FROM transmissions WHERE id < 9000000";
    mesh.conn().execute_batch(delete).unwrap();
    assert_eq!(mesh.ask(&Question::default()).await, before);
    assert!(before[0]["totalTransmissions"].as_u64() > Some(100), "{}", before[0]);
}

#[actix_web::test]
async fn a_damaged_digest_is_not_believed() {
    let mut mesh = Mesh::new(5);
    mesh.refresh();
    let damage = "UPDATE _analytics_blocks SET packets = x'ff00ff' WHERE block % 2 = 0; \
                  UPDATE _analytics_blocks SET receptions = 'text' WHERE block % 2 <> 0";
    mesh.conn().execute_batch(damage).unwrap();
    mesh.check("damaged").await;
}

#[actix_web::test]
async fn only_what_analytics_use_makes_a_digest_stale_and_it_does_so_once() {
    let mut mesh = Mesh::new(7);
    mesh.conn()
        .execute_batch(
            "INSERT INTO transmissions (id, raw_hex, hash, first_seen) \
        VALUES (9000000, '15', 'newest', '2026-07-18T08:47:37Z')",
        )
        .unwrap();
    mesh.refresh();
    let stale = "SELECT COUNT(*) FROM _analytics_stale";
    assert_eq!(mesh.count(stale), 1, "the newest block stays as it is");
    let unused = "UPDATE transmissions SET last_seen = 5, scope_name = 'x'; \
                  UPDATE observations SET resolved_path = '[]', score = 1, raw_hex = ''";
    mesh.conn().execute_batch(unused).unwrap();
    assert_eq!(mesh.count(stale), 1);
    let one = "UPDATE observations SET snr = 1 WHERE transmission_id = \
               (SELECT MIN(transmission_id) FROM observations)";
    mesh.conn().execute_batch(one).unwrap();
    mesh.conn().execute_batch(one).unwrap();
    assert_eq!(mesh.count(stale), 2);
    mesh.refresh();
    assert_eq!(mesh.count(stale), 1);
}

#[actix_web::test]
async fn a_block_whose_packets_are_all_deleted_leaves_no_digest() {
    let mut mesh = Mesh::new(9);
    mesh.refresh();
    mesh.conn().execute_batch("DELETE FROM observations; DELETE FROM transmissions").unwrap();
    mesh.refresh();
    assert_eq!(mesh.count("SELECT COUNT(*) FROM _analytics_blocks"), 0);
    mesh.check("emptied").await;
}

#[actix_web::test]
async fn a_packet_that_is_heard_without_end_does_not_hold_the_writer_and_is_still_counted() {
    let mut mesh = Mesh::new(11);
    mesh.refresh();
    let before = mesh.ask(&Question::default()).await[0]["totalAllPackets"].as_u64().unwrap();
    let flood = "INSERT INTO transmissions (id, raw_hex, hash, first_seen) VALUES \
                 (5000000, '15', 'flood', '2026-07-18T08:47:37Z'), \
                 (9000000, '15', 'newest', '2026-07-18T08:47:37Z'); \
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) \
                 INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
                 SELECT 5000000, 1, '[\"' || i || '\"]', 1784364457 + i FROM n";
    mesh.conn().execute_batch(flood).unwrap();
    for _ in 0..2 {
        mesh.refresh();
        let stale = "SELECT MIN(block) = 5000000 >> 6 FROM _analytics_stale";
        assert_eq!(mesh.count(stale), 1, "it stays stale");
    }
    let after = mesh.ask(&Question::default()).await[0]["totalAllPackets"].as_u64().unwrap();
    assert_eq!(after, before + 100_000);
}
