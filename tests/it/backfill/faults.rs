//! Bad rows and bad days: each run ends in a named state, with the same rows at the end.

use std::time::Duration;

use corescope::actors::backfill::Step;
use corescope::clock::Clock;
use corescope::config::MigrationsConfig;
use corescope::db::migrations::{BatchState, list_migrations};
use corescope::db::{self, DbError, OpenOptions};
use corescope::perf::backfill::{Readings, State};

use super::verified::proof;
use super::{
    LAST_SEEN, conduct, conductor, conductor_with, content, limits, mark_done, number, open,
    open_at, read, request, run_all, seeded, state_of, text,
};
use crate::faults::SmallVolume;

const WRONG: &str = "SELECT COUNT(*) FROM transmissions WHERE last_seen <> COALESCE((SELECT \
                     MAX(timestamp) FROM observations WHERE transmission_id = transmissions.id), 0)";

fn ends_well(path: &std::path::Path) {
    run_all(path);
    let writer = open(path);
    assert_eq!(state_of(&writer, LAST_SEEN), State::Succeeded);
    assert_eq!(number(path, WRONG), 0);
}

#[test]
fn transmissions_without_observations_end_the_run() {
    // 002-03, 004-13: some, and nothing else.
    for keep in ["id % 3 = 0", "0"] {
        let (_folder, path) = seeded(1_000);
        let sql = format!("DELETE FROM observations WHERE NOT (transmission_id > 0 AND {keep})");
        read(&path).execute_batch(&sql.replace("id % 3", "transmission_id % 3")).unwrap();
        ends_well(&path);
    }
}

#[test]
fn observations_of_the_year_1970_end_the_run() {
    // HZ 9: the newest time is 0, the row stays as it was and is not looked for again.
    let (_folder, path) = seeded(500);
    read(&path).execute("UPDATE observations SET timestamp = 0", []).unwrap();
    ends_well(&path);
}

#[test]
fn an_empty_table_one_row_gaps_zero_and_negative_ids_end_the_run() {
    // Decision 21.
    for change in [
        "DELETE FROM observations; DELETE FROM transmissions",
        "DELETE FROM observations WHERE transmission_id > 1; DELETE FROM transmissions WHERE id > 1",
        "DELETE FROM observations WHERE transmission_id % 7; DELETE FROM transmissions WHERE id % 7",
        "PRAGMA foreign_keys = OFF; UPDATE transmissions SET id = -id WHERE id < 100; \
         UPDATE observations SET transmission_id = -transmission_id WHERE transmission_id < 100; \
         UPDATE transmissions SET id = 0 WHERE id = 100; \
         UPDATE observations SET transmission_id = 0 WHERE transmission_id = 100",
        "PRAGMA foreign_keys = OFF; UPDATE transmissions SET id = 9223372036854775807 \
         WHERE id = 300; UPDATE observations SET transmission_id = 9223372036854775807 \
         WHERE transmission_id = 300",
        "PRAGMA foreign_keys = OFF; UPDATE transmissions SET id = -9223372036854775808 \
         WHERE id = 1; UPDATE observations SET transmission_id = -9223372036854775808 \
         WHERE transmission_id = 1",
    ] {
        let (_folder, path) = seeded(300);
        read(&path).execute_batch(change).unwrap_or_else(|error| panic!("{change}: {error}"));
        ends_well(&path);
    }
}

#[test]
fn a_row_that_cannot_be_written_is_set_aside_and_told() {
    // §10.9.
    let (_folder, path) = seeded(2_000);
    read(&path)
        .execute_batch(
            "CREATE TRIGGER stubborn BEFORE UPDATE ON transmissions WHEN old.id IN (700, 701) \
             BEGIN SELECT RAISE(ABORT, 'not this one'); END",
        )
        .unwrap();
    run_all(&path);
    assert_eq!(state_of(&open(&path), LAST_SEEN), State::Succeeded);
    assert_eq!(number(&path, "SELECT COUNT(*) FROM transmissions WHERE last_seen > 0"), 1_998);
    let listed = list_migrations(&read(&path), 0).unwrap();
    let row = listed.iter().find(|row| row.name == LAST_SEEN).unwrap();
    let keys: Vec<i64> = row.dead_letters.iter().map(|letter| letter.key).collect();
    assert_eq!((row.rows_failed, keys), (2, vec![700, 701]));
    assert!(row.dead_letters[0].error.contains("not this one"), "{}", row.dead_letters[0].error);
}

#[test]
fn too_many_rows_that_cannot_be_written_fail_the_run() {
    let (_folder, path) = seeded(2_000);
    read(&path)
        .execute_batch(
            "CREATE TRIGGER stubborn BEFORE UPDATE ON transmissions WHEN old.id > 1000 \
             BEGIN SELECT RAISE(ABORT, 'not this one'); END",
        )
        .unwrap();
    run_all(&path);
    let sql = format!(
        "SELECT status || ': ' || error FROM _async_migrations \
                       WHERE name = '{LAST_SEEN}'"
    );
    assert_eq!(text(&path, &sql), "failed: 11 of 1011 rows could not be changed");
    let letters = number(&path, "SELECT COUNT(*) FROM _migration_dead_letters");
    assert_eq!(letters, 11);
}

#[test]
fn a_foreign_lock_throttles_and_is_outlived() {
    let (_folder, path) = seeded(500);
    let clock = Clock::manual(0);
    let options =
        OpenOptions { busy_timeout: Duration::from_millis(20), ..OpenOptions::new(clock.clone()) };
    let mut writer = db::open(&path, &options).unwrap().writer;
    let mut conductor = conductor(&writer, &clock);
    let foreign = read(&path);
    foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
    // A minute of it: nothing can be written, not even the books.
    let mut refused = 0;
    while clock.now_ms() < 60_000 {
        match conductor.next(&Readings::QUIET, false) {
            Step::Record(moves) => {
                let answer = writer.record_moves(&moves);
                assert!(matches!(answer, Err(DbError::Busy { .. })), "{answer:?}");
                refused += 1;
                if refused > 1 {
                    continue;
                }
                conductor.put_back(moves);
                clock.advance_ms(5_000);
            }
            Step::Batch(request, limits) => {
                let answer = writer.run_batch(&request, &limits);
                assert!(matches!(answer, Err(DbError::Busy { .. })), "{answer:?}");
                conductor.note(answer);
                refused += 1;
            }
            Step::After(_) => clock.advance_ms(500),
            Step::Job(..) | Step::Idle => panic!("it gave up"),
        }
    }
    let live = conductor.live();
    let run = live.iter().find(|run| run.name == LAST_SEEN).unwrap();
    assert_eq!(run.state, State::Throttled);
    assert!(run.reason.contains("another process holds the database"), "{}", run.reason);
    assert!(refused < 20, "{refused} tries in a minute");
    foreign.execute_batch("ROLLBACK").unwrap();
    clock.advance_ms(60_000);
    conduct(&mut writer, &mut conductor);
    assert_eq!(state_of(&writer, LAST_SEEN), State::Succeeded);
    assert_eq!(number(&path, WRONG), 0);
}

#[test]
fn a_full_disk_throttles_and_goes_on_when_there_is_room() {
    let (_folder, path) = seeded(3_000);
    let clock = Clock::manual(0);
    let mut writer = open_at(&path, &clock);
    let mut conductor = conductor(&writer, &clock);
    let source = || {
        let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
        rusqlite::Error::SqliteFailure(full, None)
    };
    let mut told = false;
    for turn in 0..100_000 {
        match conductor.next(&Readings::QUIET, false) {
            Step::Record(moves) => writer.record_moves(&moves).unwrap(),
            Step::Batch(..) if (3..9).contains(&(turn % 40)) => {
                conductor.note(Err(DbError::from_sqlite("fill last_seen", source())));
                let live = conductor.live();
                told |= live.iter().any(|run| run.reason.contains("the disk is full"));
            }
            Step::Batch(request, limits) => {
                let answer = writer.run_batch(&request, &limits);
                conductor.note(answer);
            }
            Step::After(_) => clock.advance_ms(500),
            Step::Job(..) | Step::Idle => break,
        }
    }
    assert!(told, "nobody was told");
    assert_eq!(state_of(&writer, LAST_SEEN), State::Succeeded);
    assert_eq!(number(&path, WRONG), 0);
}

/// Takes all room of a volume but for some pages.
fn fill(volume: &SmallVolume, pages_left: u64) -> std::path::PathBuf {
    let filler = volume.path().join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    let mut bytes = 0;
    while let Ok(written) = std::io::Write::write(&mut file, &[0; 4_096]) {
        bytes += written as u64;
    }
    file.set_len(bytes.saturating_sub(pages_left * 4_096)).unwrap();
    filler
}

#[test]
fn a_disk_that_is_really_full_amid_a_batch_throttles_and_goes_on_when_there_is_room() {
    let Some(volume) = SmallVolume::mount(16) else {
        eprintln!("SKIPPED: no small volume can be mounted here");
        return;
    };
    let (_folder, seed) = seeded(3_000);
    let path = volume.path().join("mesh.db");
    std::fs::copy(&seed, &path).unwrap();
    run_all(&seed);
    let clock = Clock::manual(0);
    let mut writer = open_at(&path, &clock);
    let config = MigrationsConfig { batch_rows_max: 400, ..MigrationsConfig::default() };
    let mut conductor = conductor_with(&writer, &clock, &config);
    let filled = "SELECT COUNT(*) FROM transmissions WHERE last_seen > 0";
    let (mut filler, mut refused) = (None, 0);
    for _ in 0..100_000 {
        match conductor.next(&Readings::QUIET, false) {
            Step::Record(moves) => {
                if let Err(error) = writer.record_moves(&moves) {
                    assert!(matches!(error, DbError::Full { .. }), "{error}");
                    conductor.put_back(moves);
                    clock.advance_ms(5_000);
                }
            }
            Step::Batch(request, limits) => {
                let before = number(&path, filled);
                // The first pages of the batch have room, those after them have not.
                if before > 1_000 && filler.is_none() {
                    filler = Some(fill(&volume, 3));
                }
                let answer = writer.run_batch(&request, &limits);
                let is_full = matches!(answer, Err(DbError::Full { .. }));
                assert!(is_full || answer.is_ok(), "{answer:?}");
                conductor.note(answer);
                if !is_full {
                    continue;
                }
                assert_eq!(number(&path, filled), before, "the batch is taken back whole");
                let live = conductor.live();
                let run = live.iter().find(|run| run.name == LAST_SEEN).unwrap();
                assert_eq!(run.state, State::Throttled);
                assert!(run.reason.contains("the disk is full"), "{}", run.reason);
                refused += 1;
                if refused == 3 {
                    std::fs::remove_file(filler.as_ref().unwrap()).unwrap();
                }
            }
            Step::After(pause) => {
                clock.advance_ms(i64::try_from(pause.as_millis()).unwrap().max(1));
            }
            Step::Job(..) | Step::Idle => break,
        }
    }
    assert_eq!(refused, 3, "the disk was not full");
    assert_eq!(state_of(&writer, LAST_SEEN), State::Succeeded);
    writer.close().unwrap();
    assert_eq!(content(&path), content(&seed));
    assert_eq!(proof(&path, LAST_SEEN), proof(&seed, LAST_SEEN));
}

#[test]
fn a_low_disk_a_pinned_log_and_a_blind_signal_each_hold_it_up_and_let_it_go() {
    // §10.10, §10.13, §10.14, §10.15.
    for (trouble, word) in [
        (Readings { disk: Some(3.0), ..Readings::QUIET }, "free space"),
        (Readings { wal_pages: Some(3_500.0), ..Readings::QUIET }, "write-ahead log"),
        (Readings { queue_age_ms: Some(9_000.0), ..Readings::QUIET }, "ingest queue"),
        (Readings { wal_pages: None, ..Readings::QUIET }, "cannot be read"),
    ] {
        let (_folder, path) = seeded(300);
        let clock = Clock::manual(0);
        let mut writer = open_at(&path, &clock);
        let mut conductor = conductor(&writer, &clock);
        while clock.now_ms() < 60_000 {
            match conductor.next(&trouble, false) {
                Step::Record(moves) => writer.record_moves(&moves).unwrap(),
                Step::Batch(..) => panic!("a batch in spite of {word}"),
                Step::After(pause) => {
                    clock.advance_ms(i64::try_from(pause.as_millis()).unwrap().max(1));
                }
                Step::Job(..) | Step::Idle => panic!("it gave up"),
            }
        }
        let live = conductor.live();
        let run = live.iter().find(|run| run.name == LAST_SEEN).unwrap();
        assert!(run.state == State::Throttled && run.reason.contains(word), "{}", run.reason);
        // What is critical is looked at again after a minute.
        clock.advance_ms(60_000);
        conduct(&mut writer, &mut conductor);
        assert_eq!(state_of(&writer, LAST_SEEN), State::Succeeded);
    }
}

#[test]
fn a_clock_that_jumps_back_a_day_changes_nothing() {
    // 004-34.
    let (_folder, path) = seeded(1_000);
    let clock = Clock::manual(1_784_364_457_000);
    let mut writer = open_at(&path, &clock);
    let config = MigrationsConfig { batch_rows_max: 100, ..MigrationsConfig::default() };
    let mut conductor = conductor_with(&writer, &clock, &config);
    for turn in 0..200 {
        match conductor.next(&Readings::QUIET, false) {
            Step::Record(moves) => writer.record_moves(&moves).unwrap(),
            Step::Batch(request, limits) => {
                let answer = writer.run_batch(&request, &limits);
                conductor.note(answer);
            }
            Step::After(_) => clock.advance_ms(if turn == 9 { -86_400_000 } else { 20 }),
            Step::Job(..) | Step::Idle => break,
        }
    }
    assert_eq!(state_of(&writer, LAST_SEEN), State::Succeeded);
    assert_eq!(number(&path, WRONG), 0);
}

#[test]
fn a_second_process_may_not_write_and_is_told_who_does() {
    let (_folder, path) = seeded(10);
    let _writer = open(&path);
    let refused = db::open(&path, &OpenOptions::new(Clock::system()));
    let text = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(text.contains("already open for writing by process"), "{text}");
}

#[test]
fn the_columns_of_progress_are_in_a_new_table_and_are_added_once_to_an_old_one() {
    // 002-16, 004-08, 004-09: columns are looked at, in each database; no error is guessed at.
    let columns = "SELECT group_concat(name) FROM pragma_table_info('_async_migrations')";
    for _ in 0..2 {
        let (_folder, path) = seeded(10);
        let wanted = text(&path, columns);
        assert!(wanted.ends_with("rows_processed,rows_total,last_update_at"), "{wanted}");
        read(&path)
            .execute_batch(
                "DROP TABLE _async_migrations; CREATE TABLE _async_migrations (name TEXT PRIMARY \
                 KEY, status TEXT NOT NULL, started_at TEXT, ended_at TEXT, error TEXT); \
                 INSERT INTO _async_migrations VALUES ('theirs', 'done', NULL, NULL, NULL)",
            )
            .unwrap();
        for _ in 0..2 {
            open(&path).close().unwrap();
            assert_eq!(text(&path, columns), wanted);
        }
        let kept = "SELECT status || rows_processed FROM _async_migrations WHERE name = 'theirs'";
        assert_eq!(text(&path, kept), "done0");
    }
}

#[test]
fn a_missing_row_of_the_books_is_an_error_and_no_silent_success() {
    // 004-07, 004-19.
    let (_folder, path) = seeded(100);
    let mut writer = open(&path);
    writer.run_batch(&request(LAST_SEEN, 10), &limits()).unwrap();
    read(&path)
        .execute_batch(
            "CREATE TRIGGER gone AFTER INSERT ON _async_migrations BEGIN \
             DELETE FROM _async_migrations WHERE name = new.name; END; \
             DELETE FROM _async_migrations",
        )
        .unwrap();
    let answer = writer.run_batch(&request(LAST_SEEN, 10), &limits());
    assert!(matches!(answer, Err(DbError::Stuck { .. })), "{answer:?}");
}

#[test]
fn every_order_of_steps_and_sizes_ends_with_the_same_rows() {
    let (_folder, path) = seeded(500);
    run_all(&path);
    let wanted = content(&path);
    for rows in [1, 7, 499, 500, 501, 100_000] {
        let (_folder, path) = seeded(500);
        let mut writer = open(&path);
        while writer.run_batch(&request(LAST_SEEN, rows), &limits()).unwrap().state
            != BatchState::Done
        {}
        writer.close().unwrap();
        mark_done(&path);
        assert_eq!(content(&path), wanted, "{rows} rows a batch");
    }
}
