//! Every batch is bounded, by time, pages and rows, and costs the same for ever.

use std::sync::atomic::Ordering;
use std::time::Duration;

use corescope::clock::Clock;
use corescope::config::MigrationsConfig;
use corescope::db::migrations::{BatchLimits, BatchState, Phase};
use corescope::db::{self, OpenOptions};
use rusqlite::{Connection, StatementStatus};

use super::{
    LAST_SEEN, conduct, conductor, conductor_with, content, limits, number, open, open_at, read,
    request, run_all, seeded, text,
};
use crate::support::migrations::begin_again;

#[test]
fn a_step_that_overruns_is_taken_back_and_half_of_it_goes_through() {
    // §10.8: nothing of it is left, and ingest's statements are never stopped.
    let (_folder, path) = seeded(5_000);
    let mut writer = open(&path);
    let hasty = BatchLimits { hold_max: Some(Duration::ZERO), ..limits() };
    let reply = writer.run_batch(&request(LAST_SEEN, 5_000), &hasty).unwrap();
    assert_eq!((reply.state, reply.rows_changed), (BatchState::Overran, 0));
    assert_eq!(number(&path, "SELECT COUNT(*) FROM transmissions WHERE last_seen > 0"), 0);
    let one = writer.run_batch(&request(LAST_SEEN, 1), &hasty).unwrap();
    assert_eq!((one.state, one.rows_changed), (BatchState::More, 1), "a row cannot be halved");
    let reply = writer.run_batch(&request(LAST_SEEN, 100), &limits()).unwrap();
    assert_eq!(reply.rows_changed, 100);
}

#[test]
fn a_step_whose_time_is_up_keeps_what_it_has() {
    // §10.6, 004-33: rows that cost more than the last ones did make a step shorter, not longer.
    let (_folder, path) = seeded(5_000);
    let mut writer = open(&path);
    let brief = BatchLimits { hold_aim: Some(Duration::ZERO), ..limits() };
    let reply = writer.run_batch(&request(LAST_SEEN, 800), &brief).unwrap();
    assert_eq!((reply.state, reply.rows_scanned, reply.rows_changed), (BatchState::More, 100, 100));
    let filled = "SELECT COUNT(*) FROM transmissions WHERE last_seen > 0 AND id <= 100";
    assert_eq!(number(&path, filled), 100);
    while writer.run_batch(&request(LAST_SEEN, 800), &brief).unwrap().state != BatchState::Done {}
    assert_eq!(number(&path, "SELECT COUNT(*) FROM transmissions WHERE last_seen <> 2000 + id"), 0);
}

#[test]
fn what_is_left_is_told_from_the_first_step_on_and_counted_no_further_than_it_is_cheap() {
    // 004-31, §10.22.
    let (_folder, path) = seeded(1_000);
    read(&path).execute("UPDATE transmissions SET last_seen = 5 WHERE id > 90", []).unwrap();
    let mut writer = open(&path);
    let reply = writer.run_batch(&request(LAST_SEEN, 10), &limits()).unwrap();
    assert_eq!((reply.rows_done, reply.rows_total), (10, 90));
}

#[test]
fn a_step_that_is_told_to_stop_leaves_nothing_behind() {
    // §10.18: pause and cancel take effect within a batch.
    let (_folder, path) = seeded(5_000);
    let mut writer = open(&path);
    let stopped = limits();
    stopped.stop.as_ref().unwrap().store(true, Ordering::Relaxed);
    let reply = writer.run_batch(&request(LAST_SEEN, 5_000), &stopped).unwrap();
    assert_eq!((reply.state, reply.rows_changed), (BatchState::Stopped, 0));
    assert_eq!(number(&path, "SELECT COUNT(*) FROM transmissions WHERE last_seen > 0"), 0);
}

#[test]
fn a_run_is_many_transactions_none_of_which_is_large() {
    // 002-01, 004-A2, 004-14: red against one UPDATE for all rows (one transaction) and against
    // fixed batches of 5,000 (their pages).
    let (_folder, path) = seeded(30_000);
    let clock = Clock::system();
    let mut writer = open_at(&path, &clock);
    let config = MigrationsConfig { batch_rows_max: 1_000, ..MigrationsConfig::default() };
    let mut conductor = conductor_with(&writer, &clock, &config);
    let batches = conduct(&mut writer, &mut conductor);
    let walks: Vec<_> = batches.iter().filter(|batch| batch.rows_changed > 0).collect();
    assert!(walks.len() >= 30, "{} transactions for 30,000 rows", walks.len());
    let largest = walks.iter().map(|batch| batch.rows_changed).max().unwrap();
    assert!(largest <= 1_000, "{largest}");
    assert!(walks.iter().all(|batch| batch.wal_pages < 1_000));
    assert_eq!(number(&path, "SELECT COUNT(*) FROM transmissions WHERE last_seen <> 2000 + id"), 0);
}

#[test]
fn readers_get_in_between_and_see_ever_more() {
    // 002-21, 004-14: a reader after each batch sees its rows; a single transaction shows them all
    // at once, at the end.
    let (_folder, path) = seeded(4_000);
    let mut writer = open(&path);
    let reader = read(&path);
    let seen = || -> i64 {
        let sql = "SELECT COUNT(*) FROM transmissions WHERE last_seen > 0";
        reader.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let mut steps = Vec::new();
    while writer.run_batch(&request(LAST_SEEN, 500), &limits()).unwrap().next == Phase::Walk {
        steps.push(seen());
    }
    assert!(steps.len() >= 7 && steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
}

#[test]
fn a_batch_scans_no_table_however_far_the_run_is() {
    // 002-11, 004-29: the counters of the walk's own statements, first batch against last.
    let (_folder, path) = seeded(10_000);
    let conn = Connection::open(&path).unwrap();
    let steps = |first: i64| -> (i32, i32) {
        let mut statement = conn
            .prepare(
                "SELECT MAX(k), COUNT(*) FROM (SELECT rowid AS k FROM transmissions \
                 WHERE rowid >= ?1 AND rowid <= ?2 AND last_seen = 0 ORDER BY rowid LIMIT 500)",
            )
            .unwrap();
        statement.query_row([first, 10_000], |_| Ok(())).unwrap();
        (
            statement.get_status(StatementStatus::FullscanStep),
            statement.get_status(StatementStatus::VmStep),
        )
    };
    let mut writer = open(&path);
    let (scans, vm) = steps(1);
    for _ in 0..18 {
        writer.run_batch(&request(LAST_SEEN, 500), &limits()).unwrap();
    }
    let (scans_late, vm_late) = steps(9_001);
    assert_eq!((scans, scans_late), (0, 0));
    assert!(vm_late <= vm + vm / 4, "{vm} steps grew to {vm_late}");
}

#[test]
fn a_second_run_writes_no_row() {
    // §10.24.
    // §10.24: a rewrite that changes nothing costs no pages but those of the books.
    let (_folder, path) = seeded(2_000);
    run_all(&path);
    let clock = Clock::system();
    let mut writer = open_at(&path, &clock);
    begin_again(&mut writer, LAST_SEEN);
    let mut conductor = conductor(&writer, &clock);
    let batches = conduct(&mut writer, &mut conductor);
    assert!(batches.iter().all(|batch| batch.rows_changed == 0 && batch.wal_pages < 12));
}

#[test]
fn all_rows_are_looked_at_once_more_before_it_is_done() {
    // §10.26: a row that is put back behind the walk's back is found and mended.
    let (_folder, path) = seeded(2_000);
    let mut writer = open(&path);
    while writer.run_batch(&request(LAST_SEEN, 300), &limits()).unwrap().next == Phase::Walk {}
    read(&path).execute("UPDATE transmissions SET last_seen = 0 WHERE id = 77", []).unwrap();
    let mut rounds = 0;
    loop {
        let reply = writer.run_batch(&request(LAST_SEEN, 300), &limits()).unwrap();
        rounds += i32::from(reply.next == Phase::Walk);
        if reply.state == BatchState::Done {
            break;
        }
    }
    assert!(rounds > 0, "the row was not noticed");
    assert_eq!(number(&path, "SELECT last_seen FROM transmissions WHERE id = 77"), 2_077);
}

#[test]
fn a_row_that_never_comes_right_fails_the_run() {
    let (_folder, path) = seeded(100);
    read(&path)
        .execute_batch(
            "CREATE TRIGGER undo AFTER UPDATE OF last_seen ON transmissions WHEN new.id = 50 \
             BEGIN UPDATE transmissions SET last_seen = 0 WHERE id = 50 AND last_seen > 0; END",
        )
        .unwrap();
    run_all(&path);
    let sql = format!("SELECT error FROM _async_migrations WHERE name = '{LAST_SEEN}'");
    assert!(text(&path, &sql).contains("after a second pass"));
}

#[test]
fn a_dry_run_predicts_and_changes_nothing() {
    // §10.20, §10.25.
    let (_folder, path) = seeded(5_000);
    let before = content(&path);
    let mut writer = open(&path);
    let predicted = writer.dry_run(LAST_SEEN).unwrap();
    assert_eq!((predicted.rows_left, predicted.rows_sampled), (5_000, 1_000));
    assert_eq!(predicted.rows_changed, 1_000);
    assert!(predicted.duration_high_sec >= predicted.duration_sec && predicted.indexes > 3);
    assert_eq!(predicted.advice.is_some(), predicted.is_amplified);
    assert!(predicted.rows_per_sec.unwrap() > 0.0 && predicted.wal_bytes > 4_096);
    assert!(predicted.disk_bytes > predicted.wal_bytes.min(1 << 20));
    let index = writer.dry_run("obs_observer_ts_idx_v1").unwrap();
    assert!(index.index_hold_sec.is_some() && index.rows_sampled == 0);
    writer.close().unwrap();
    assert_eq!(content(&path), before);
    assert_eq!(number(&path, "SELECT COUNT(*) FROM _migration_runs"), 0);
}

#[test]
fn a_batch_of_no_rows_counts_as_one() {
    // 004-16: `batchRowsMax: 0` is refused by the configuration; asked for in code it is one row.
    let (_folder, path) = seeded(3);
    let mut writer = open(&path);
    let reply = writer.run_batch(&request(LAST_SEEN, 0), &limits()).unwrap();
    assert_eq!(reply.rows_changed, 1);
}

#[test]
fn the_wait_for_a_foreign_lock_is_no_hold() {
    // §10.7: the servo's time excludes the wait in the queue. Time passes only while it waits.
    let (_folder, path) = seeded(100);
    let clock = Clock::manual(0);
    let busy_timeout = Duration::from_secs(60);
    let options = OpenOptions { busy_timeout, ..OpenOptions::new(clock.clone()) };
    let mut writer = db::open(&path, &options).unwrap().writer;
    let foreign = read(&path);
    foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
    let held = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        clock.advance_ms(10_000);
        foreign.execute_batch("ROLLBACK").unwrap();
    });
    let reply = writer.run_batch(&request(LAST_SEEN, 10), &limits()).unwrap();
    held.join().unwrap();
    assert_eq!((reply.rows_changed, reply.hold), (10, Duration::ZERO));
}
