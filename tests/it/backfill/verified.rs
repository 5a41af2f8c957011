//! The look at all rows once they are done, and the hash of what it has read (§10.26).

use std::path::Path;

use corescope::clock::Clock;
use corescope::config::MigrationsConfig;
use corescope::db::DbError;
use corescope::db::migrations::{BatchState, Phase, Verification, list_migrations};
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::{
    LAST_SEEN, NOW_MS, conduct, conductor_with, limits, number, open, open_at, read, request,
    run_all, seeded,
};
use crate::support::api::Api;
use crate::support::check_json;
use crate::support::migrations::pending;

pub fn verification(path: &Path, name: &str) -> Option<Verification> {
    let listed = list_migrations(&read(path), 0).unwrap();
    listed.into_iter().find(|row| row.name == name).unwrap().verification
}

/// What has to be the same however a run went: all but the time.
pub fn proof(path: &Path, name: &str) -> (i64, i64, i64, i64, String) {
    let found = verification(path, name).expect("not verified");
    (found.rows_checked, found.rows_differing, found.first_key, found.last_key, found.hash)
}

/// The hash as anybody can make it, by the description in `docs/operating.md`.
fn hash_by_hand(path: &Path) -> String {
    let conn = read(path);
    let mut statement =
        conn.prepare("SELECT id, last_seen FROM transmissions ORDER BY id").unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut hash = [0_u8; 32];
    while let Some(row) = rows.next().unwrap() {
        let mut bytes = hash.to_vec();
        for column in 0..2 {
            bytes.push(b'i');
            bytes.extend(row.get::<_, i64>(column).unwrap().to_be_bytes());
        }
        hash = Sha256::digest(bytes).into();
    }
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Batches of so many rows to the end; the file is opened afresh after every so many of them.
fn run_by(path: &Path, rows: u64, opened_for: usize) {
    for _ in 0..10_000 {
        let mut writer = open(path);
        for _ in 0..opened_for {
            let reply = writer.run_batch(&request(LAST_SEEN, rows), &limits()).unwrap();
            if reply.state == BatchState::Done {
                return writer.close().unwrap();
            }
        }
    }
    panic!("it does not end");
}

#[test]
fn the_hash_is_that_of_all_rows_whatever_the_steps_and_restarts_were() {
    let (_folder, path) = seeded(600);
    run_all(&path);
    let wanted = proof(&path, LAST_SEEN);
    assert_eq!(wanted, (600, 0, 1, 600, hash_by_hand(&path)));
    for (rows, opened_for) in [(1, 10_000), (7, 3), (50, 1), (599, 2), (600, 1), (100_000, 9)] {
        let (_folder, path) = seeded(600);
        run_by(&path, rows, opened_for);
        assert_eq!(proof(&path, LAST_SEEN), wanted, "{rows} rows, opened for {opened_for}");
    }
    // With batches that the servo sizes, the rows in another order on the disk.
    let (_folder, path) = seeded(600);
    read(&path)
        .execute_batch(
            "PRAGMA foreign_keys = OFF; \
             CREATE TEMP TABLE kept AS SELECT * FROM transmissions WHERE id % 3 = 0; \
             DELETE FROM transmissions WHERE id % 3 = 0; \
             INSERT INTO transmissions SELECT * FROM kept ORDER BY id DESC",
        )
        .unwrap();
    let clock = Clock::system();
    let mut writer = open_at(&path, &clock);
    let config = MigrationsConfig { batch_rows_max: 37, ..MigrationsConfig::default() };
    let mut conductor = conductor_with(&writer, &clock, &config);
    conduct(&mut writer, &mut conductor);
    assert_eq!(proof(&path, LAST_SEEN), wanted);
}

#[test]
fn one_row_that_is_different_makes_another_hash_though_nothing_is_left_to_change() {
    let hash_after = |between: &str| {
        let (_folder, path) = seeded(300);
        let mut writer = open(&path);
        while writer.run_batch(&request(LAST_SEEN, 100), &limits()).unwrap().next == Phase::Walk {}
        writer.close().unwrap();
        read(&path).execute_batch(between).unwrap();
        run_by(&path, 100, 100);
        let (rows, differing, _, _, hash) = proof(&path, LAST_SEEN);
        assert_eq!((rows, differing), (300, 0));
        hash
    };
    let undisturbed = hash_after("");
    assert_eq!(hash_after(""), undisturbed);
    assert_ne!(hash_after("UPDATE transmissions SET last_seen = 5 WHERE id = 77"), undisturbed);
    // Another type, another key: no two of them look alike.
    assert_ne!(hash_after("UPDATE transmissions SET last_seen = 'x' WHERE id = 77"), undisturbed);
    assert_ne!(
        hash_after("PRAGMA foreign_keys = OFF; UPDATE transmissions SET id = 301 WHERE id = 300"),
        undisturbed
    );
}

#[test]
fn every_migration_that_walks_has_its_hash_and_a_second_database_the_same() {
    let Some(fixture) = crate::support::data_file("e2e-fixture.db") else { return };
    let mut proofs = Vec::new();
    for rows in [17, 100_000] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mesh.db");
        std::fs::copy(&fixture, &path).unwrap();
        let mut writer = open(&path);
        for name in pending(&writer) {
            let batch = request(name, rows);
            while writer.run_batch(&batch, &limits()).unwrap().state != BatchState::Done {}
        }
        writer.close().unwrap();
        let listed = list_migrations(&read(&path), 0).unwrap();
        let verified = listed.into_iter().filter_map(|row| Some((row.name, row.verification?)));
        let lines = verified.map(|(name, found)| {
            format!(
                "{name}: {} rows, {} differ, {}",
                found.rows_checked, found.rows_differing, found.hash
            )
        });
        proofs.push(lines.collect::<Vec<_>>());
    }
    assert_eq!(proofs[0], proofs[1]);
    assert!(proofs[0].len() >= 9, "{:?}", proofs[0]);
}

#[test]
fn rows_that_never_come_right_are_told() {
    // Whatever the steps: the last of them is judged after what it found is in the books.
    for rows in [500, 34, 50] {
        let (_folder, path) = seeded(100);
        read(&path)
            .execute_batch(
                "CREATE TRIGGER undo AFTER UPDATE OF last_seen ON transmissions \
                 WHEN new.id IN (50, 60) BEGIN \
                 UPDATE transmissions SET last_seen = 0 WHERE id = new.id AND last_seen > 0; END",
            )
            .unwrap();
        let mut writer = open(&path);
        let batch = request(LAST_SEEN, rows);
        let error = (0..100).find_map(|_| writer.run_batch(&batch, &limits()).err()).unwrap();
        assert!(matches!(error, DbError::Stuck { .. }), "{error}");
        let found = verification(&path, LAST_SEEN).unwrap();
        assert_eq!((found.rows_checked, found.rows_differing), (100, 2), "{rows} rows");
    }
}

#[test]
fn a_verification_that_an_earlier_version_has_begun_is_begun_again() {
    // Its table has no place for the hash; open makes one without touching a row.
    let (_folder, path) = seeded(300);
    run_all(&path);
    let wanted = proof(&path, LAST_SEEN);
    let (_folder, path) = seeded(300);
    let mut writer = open(&path);
    while number(&path, "SELECT COALESCE(SUM(verify_rows), 0) FROM _migration_runs") < 150 {
        writer.run_batch(&request(LAST_SEEN, 50), &limits()).unwrap();
    }
    writer.close().unwrap();
    read(&path)
        .execute_batch(
            "ALTER TABLE _migration_runs DROP COLUMN verify_rows; \
             ALTER TABLE _migration_runs DROP COLUMN verify_hash; \
             ALTER TABLE _migration_runs DROP COLUMN verified_at_s",
        )
        .unwrap();
    assert_eq!(verification(&path, LAST_SEEN), None, "who only reads it copes with it");
    run_by(&path, 50, 100);
    assert_eq!(proof(&path, LAST_SEEN), wanted);
}

#[test]
fn rows_that_came_while_the_process_was_away_are_looked_at_too() {
    // Another program may have written them in the old form, though all rows had been walked.
    let (_folder, path) = seeded(300);
    let mut writer = open(&path);
    while writer.run_batch(&request(LAST_SEEN, 100), &limits()).unwrap().next == Phase::Walk {}
    writer.close().unwrap();
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch(
            "INSERT INTO transmissions (id, raw_hex, hash, first_seen) \
             VALUES (301, 'aa', 'theirs', '2026-05-17T16:05:57Z'); \
             INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
             VALUES (301, 1, '[]', 777)",
        )
        .unwrap();
    run_by(&path, 100, 100);
    assert_eq!(number(&path, "SELECT last_seen FROM transmissions WHERE id = 301"), 777);
    assert_eq!(proof(&path, LAST_SEEN), (301, 0, 1, 301, hash_by_hand(&path)));
}

#[test]
fn progress_is_told_by_keys_too() {
    // §10.22: ids have gaps, and rows that are done already are passed over.
    let (_folder, path) = seeded(300);
    read(&path)
        .execute_batch(
            "DELETE FROM observations WHERE transmission_id BETWEEN 11 AND 200; \
             DELETE FROM transmissions WHERE id BETWEEN 11 AND 200; \
             UPDATE transmissions SET last_seen = 7 WHERE id > 290",
        )
        .unwrap();
    let keys = || {
        let listed = list_migrations(&read(&path), 0).unwrap();
        let keys = listed.into_iter().find(|row| row.name == LAST_SEEN).unwrap().keys;
        keys.map(|keys| (keys.first, keys.done, keys.last))
    };
    let mut writer = open(&path);
    assert_eq!(keys(), None);
    writer.run_batch(&request(LAST_SEEN, 15), &limits()).unwrap();
    assert_eq!(keys(), Some((1, Some(205), 300)));
    while writer.run_batch(&request(LAST_SEEN, 50), &limits()).unwrap().next == Phase::Walk {}
    assert_eq!(keys(), Some((1, Some(300), 300)));
}

#[actix_web::test]
async fn the_list_tells_what_was_verified() {
    let Some(api) = Api::over_fixture() else { return };
    api.execute(&format!(
        "UPDATE _async_migrations SET status = 'done' WHERE name = '{LAST_SEEN}'; \
         INSERT OR REPLACE INTO _migration_runs (name, next_key, upper_key, rows_scanned, \
         first_key, verify_key, verify_rows, verify_hash, verified_at_s) VALUES \
         ('{LAST_SEEN}', 500, 499, 499, 1, 500, 499, '{}', {})",
        "4f".repeat(32),
        NOW_MS / 1_000
    ));
    let list = api.json("/api/perf/async-migrations").await;
    let row = list.as_array().unwrap().iter().find(|row| row["name"] == LAST_SEEN).unwrap();
    check_json("async_migration_verified", row);
}
