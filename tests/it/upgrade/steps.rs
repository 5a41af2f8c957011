//! Migrations of old rows, step by step.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use corescope::db::migrations::{BatchLimits, BatchRequest, BatchState, list_migrations, needs_of};
use corescope::db::{self, DbError};
use corescope::perf::backfill::State;
use rusqlite::Connection;

use super::{
    NOW_MS, batch, blank, content, finish, finish_all, fixture, one, open, options, read, texts,
    upgraded, with_regions,
};
use crate::support::migrations::{begin_again, pending, shift};

#[test]
fn an_upgrade_that_is_killed_after_any_number_of_steps_ends_the_same() {
    let Some((_folder, path)) = fixture() else { return };
    let bytes = std::fs::read(&path).unwrap();
    upgraded(&path, &options());
    let wanted = content(&path);
    for steps in 0.. {
        let (folder, path) = blank();
        std::fs::write(&path, &bytes).unwrap();
        let was_done = run_and_die(&path, steps);
        let copy = folder.path().join("after.db");
        copy_as_a_kill_leaves_it(&path, &copy);
        upgraded(&copy, &options());
        assert_eq!(content(&copy), wanted, "killed after {steps} steps");
        if was_done {
            break;
        }
    }
}

#[test]
fn whichever_migration_is_held_back_the_rows_at_the_end_are_the_same() {
    // A paused one holds up only those that need it: the others go before it.
    let Some((_folder, path)) = fixture() else { return };
    // An advert that is deleted, by an observer that has nothing else; a double that is the newest.
    read(&path)
        .execute_batch(
            "INSERT INTO observers (id, last_seen) VALUES ('lonely', '2026-05-17T16:05:57Z'); \
             INSERT INTO transmissions (id, raw_hex, hash, first_seen, payload_type, decoded_json) \
             SELECT 9100, 'aa', '', '2026-05-17T16:05:57Z', 4, json_object('pubKey', public_key) \
             FROM nodes ORDER BY public_key LIMIT 1; \
             INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
             SELECT 9100, rowid, '[]', 1779041400 FROM observers WHERE id = 'lonely'; \
             UPDATE observations SET timestamp = 1900000000 WHERE id = 294;",
        )
        .unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let mut first = db::open(&path, &with_regions()).unwrap().writer;
    let names = pending(&first);
    finish_all(&mut first, 50);
    first.close().unwrap();
    let wanted = content(&path);
    assert!(names.len() > 15, "{names:?}");
    for held in names {
        let (_folder, path) = blank();
        std::fs::write(&path, &bytes).unwrap();
        let mut writer = db::open(&path, &with_regions()).unwrap().writer;
        loop {
            let pending = pending(&writer);
            let is_due = |name: &&str| needs_of(name).all(|need| !pending.contains(&need));
            let mut due = pending.iter().copied().filter(is_due);
            let Some(name) = due.find(|name| *name != held) else { break };
            finish(&mut writer, name, 50);
        }
        finish_all(&mut writer, 50);
        writer.close().unwrap();
        let found = content(&path);
        let differing = wanted.iter().zip(&found).find(|(wanted, found)| wanted != found);
        assert_eq!((differing, found.len()), (None, wanted.len()), "{held} came last");
    }
}

/// Runs some steps and leaves without closing: what is committed lies in the WAL. Returns whether
/// nothing was left to do.
fn run_and_die(path: &Path, steps: usize) -> bool {
    let mut writer = open(path).writer;
    for _ in 0..steps {
        let Some(name) = pending(&writer).first().copied() else { break };
        batch(&mut writer, name, 100);
    }
    let was_done = pending(&writer).is_empty();
    std::mem::forget(writer);
    was_done
}

fn copy_as_a_kill_leaves_it(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
    let wal = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    std::fs::copy(wal(from), wal(to)).unwrap();
}

#[test]
fn an_interrupted_migration_goes_on_from_its_cursor() {
    let Some((_folder, path)) = fixture() else { return };
    let mut writer = open(&path).writer;
    finish(&mut writer, "idx_tx_last_seen_zero", 1);
    finish(&mut writer, "idx_observations_tx_ts", 1);
    let first = batch(&mut writer, "tx_last_seen_backfill_v1", 200);
    assert_eq!((first.state, first.rows_changed, first.rows_scanned), (BatchState::More, 200, 200));
    drop(writer);
    let mut writer = open(&path).writer;
    let next = batch(&mut writer, "tx_last_seen_backfill_v1", 200);
    assert!(next.cursor > first.cursor);
    assert_eq!((next.rows_changed, next.rows_done, next.rows_total), (200, 400, 499));
    let listed = list_migrations(&read(&path), NOW_MS / 1000 + 10).unwrap();
    let row = listed.iter().find(|row| row.name == "tx_last_seen_backfill_v1").unwrap();
    assert_eq!((row.status, row.rows_processed, row.rows_total), ("running", 400, 499));
    assert_eq!((row.elapsed_sec, row.rate_per_sec, row.eta_sec), (10.0, 40.0, 99.0 / 40.0));
}

#[test]
fn ids_below_zero_and_rows_without_observations_do_not_stop_a_walk() {
    // Decision 21; HZ 9: a newest time of 0 or no observation at all leaves 0 and terminates.
    let Some((_folder, path)) = fixture() else { return };
    read(&path)
        .execute_batch(
            "INSERT INTO transmissions (id, raw_hex, hash, first_seen) VALUES \
             (0, 'aa', 'zero', '2026-05-17T16:05:57Z'), \
             (-1000000, 'bb', 'negative', '2026-05-17T16:05:57Z'), \
             (9000, 'cc', 'orphan', '2026-05-17T16:05:57Z'), \
             (9001, 'dd', 'epoch', '2026-05-17T16:05:57Z'); \
             INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
             VALUES (0, 1, '[]', 11), (-1000000, 1, '[]', 12), (9001, 1, '[]', 0)",
        )
        .unwrap();
    upgraded(&path, &options());
    let conn = read(&path);
    let last_seen = |hash: &str| -> i64 {
        one(&conn, &format!("SELECT last_seen FROM transmissions WHERE hash = '{hash}'"))
    };
    assert_eq!((last_seen("zero"), last_seen("negative")), (11, 12));
    assert_eq!((last_seen("orphan"), last_seen("epoch")), (0, 0));
}

#[test]
fn a_path_that_makes_two_observations_one_does_not_stop_the_path_migration() {
    // HZ 8, with the unique index in place.
    let (_folder, path) = blank();
    open(&path).writer.close().unwrap();
    read(&path)
        .execute_batch(
            "INSERT INTO observers (id) VALUES ('a'); \
             INSERT INTO transmissions (id, raw_hex, hash, first_seen, last_seen) VALUES \
             (1, 'x', 'h', '2026-05-17T16:05:57Z', 5); \
             INSERT INTO observations (id, transmission_id, observer_idx, path_json, timestamp, \
             snr, raw_hex) VALUES \
             (1, 1, 1, NULL, 5, NULL, '0542AABBCCDD0000000000000000000000000000'), \
             (2, 1, 1, '[\"AABB\",\"CCDD\"]', 6, 7.5, NULL), \
             (3, 1, 1, 'other', 6, NULL, NULL), \
             (4, 1, NULL, '', 7, NULL, 'no hex'), (5, 1, NULL, NULL, 7, NULL, NULL); \
             DELETE FROM _migrations WHERE name = 'backfill_path_json_from_raw_hex_v1'",
        )
        .unwrap();
    let mut writer = open(&path).writer;
    assert_eq!(pending(&writer), ["backfill_path_json_from_raw_hex_v1"]);
    assert_eq!(finish(&mut writer, "backfill_path_json_from_raw_hex_v1", 1), 2);
    let rows = texts(
        &read(&path),
        "SELECT id || ' ' || COALESCE(path_json, 'NULL') || ' ' || COALESCE(snr, '-') \
         FROM observations",
    );
    let wanted = ["1 [\"AABB\",\"CCDD\"] 7.5", "3 other -", "4 [] -", "5 NULL -"];
    assert_eq!(rows, BTreeSet::from(wanted.map(String::from)));
}

#[test]
fn keys_are_lower_cased_and_two_spellings_become_one_node() {
    let (_folder, path) = blank();
    open(&path).writer.close().unwrap();
    read(&path)
        .execute_batch(
            "INSERT INTO nodes (public_key, name, advert_count, first_seen, last_seen) VALUES \
             ('AB', 'upper', 3, '2026-01-01T00:00:00Z', '2026-03-01T00:00:00Z'), \
             ('ab', NULL, 4, '2026-02-01T00:00:00Z', '2026-02-02T00:00:00Z'), \
             ('Ab', NULL, 5, '2026-02-01T00:00:00Z', '2026-02-02T00:00:00Z'), \
             ('CD', 'alone', 1, NULL, NULL); \
             DELETE FROM _async_migrations WHERE name = 'nodes_lower_case_keys_v1'",
        )
        .unwrap();
    let mut writer = open(&path).writer;
    finish(&mut writer, "nodes_lower_case_keys_v1", 10);
    let rows = texts(
        &read(&path),
        "SELECT public_key || ' ' || name || ' ' || advert_count || ' ' || \
         COALESCE(first_seen, '') || ' ' || COALESCE(last_seen, '') FROM nodes",
    );
    let wanted = ["ab upper 12 2026-01-01T00:00:00Z 2026-03-01T00:00:00Z", "cd alone 1  "];
    assert_eq!(rows, BTreeSet::from(wanted.map(String::from)));
}

#[test]
fn a_walk_looks_at_each_row_once_and_rewrites_nothing_twice() {
    let Some((_folder, path)) = fixture() else { return };
    let mut writer = open(&path).writer;
    finish_all(&mut writer, 64);
    for name in ["channel_hash_v1", "nodes_lower_case_keys_v1", "advert_count_unique_v1"] {
        begin_again(&mut writer, name);
        assert_eq!(finish(&mut writer, name, 64), 0, "{name}");
    }
}

#[test]
fn a_failed_migration_is_tried_again_at_the_next_start_but_a_cancelled_one_is_not() {
    let Some((_folder, path)) = fixture() else { return };
    let mut writer = open(&path).writer;
    batch(&mut writer, "channel_hash_v1", 10);
    shift(&mut writer, "channel_hash_v1", (State::Running, State::Failed), "no luck");
    shift(&mut writer, "noise_floor_real_v1", (State::Pending, State::Cancelled), "by a test");
    let listed = list_migrations(&read(&path), NOW_MS / 1000).unwrap();
    let failed: Vec<_> = listed.iter().filter(|row| row.status == "failed").collect();
    assert_eq!(failed.len(), 2);
    assert_eq!(failed[0].error_message.as_deref(), Some("no luck"));
    drop(writer);
    let mut writer = open(&path).writer;
    let pending = pending(&writer);
    assert!(pending.contains(&"channel_hash_v1") && !pending.contains(&"noise_floor_real_v1"));
    let listed = list_migrations(&read(&path), NOW_MS / 1000).unwrap();
    let retried = listed.iter().find(|row| row.name == "channel_hash_v1").unwrap();
    assert_eq!((retried.status, retried.rows_processed), ("running", 0), "002-15");
    assert!(matches!(
        writer.run_batch(
            &BatchRequest { name: "nothing".into(), rows_max: 1 },
            &BatchLimits::default()
        ),
        Err(DbError::UnknownMigration { .. })
    ));
}

#[test]
fn migrations_of_a_database_without_the_table_are_none() {
    // HZ 23, 004-12.
    let conn = Connection::open_in_memory().unwrap();
    assert_eq!(list_migrations(&conn, 0).unwrap(), []);
}

#[test]
fn unknown_states_and_times_are_told_not_guessed() {
    // 002-17, 004-06.
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(
        "CREATE TABLE _async_migrations (name TEXT PRIMARY KEY, status TEXT NOT NULL, \
         started_at TEXT NOT NULL, ended_at TEXT, error TEXT); \
         INSERT INTO _async_migrations VALUES \
         ('a', 'paused', '2026-07-18 08:47:37', NULL, 'ignored'), \
         ('b', 'failed', 'soon', '2026-07-18T08:47:37Z', 'broken'), \
         ('c', 'done', '2026-07-18 08:47:37', '2026-07-18T08:48:37Z', NULL)",
    )
    .unwrap();
    let listed = list_migrations(&conn, 0).unwrap();
    assert_eq!((listed[0].status, listed[0].error_message.as_deref()), ("unknown", None));
    assert_eq!(listed[1].error_message.as_deref(), Some("broken | startedAt: \"soon\" is no time"));
    assert_eq!((listed[2].status, listed[2].elapsed_sec), ("done", 60.0));
}
