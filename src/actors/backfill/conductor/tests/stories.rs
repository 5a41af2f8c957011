//! Whole runs, told by their moves.

use super::*;

#[test]
fn a_whole_run_in_its_moves() {
    let mut stage = Stage::of(State::Pending);
    let mut cursor = 0;
    for _ in 0..3 {
        let rows = stage.batch().rows_max;
        cursor += i64::try_from(rows).unwrap_or(0);
        let rest = stage.answer(more(cursor, rows, 5));
        assert_eq!(rest, Duration::from_millis(5), "a duty cycle of one half");
        stage.pass(rest);
    }
    let full = Readings { wal_pages: Some(4_000.0), ..Readings::QUIET };
    for _ in 0..100 {
        assert!(!matches!(stage.conductor.next(&full, false), Step::Batch(..)));
        let moves = stage.conductor.take_moves();
        stage.tell(&moves);
        stage.pass(Duration::from_millis(50));
    }
    assert_eq!(stage.live().state, State::Throttled);
    let request = stage.batch();
    let done = BatchReply { next: Phase::Verify, ..more(9_000, request.rows_max, 5) };
    stage.answer(done);
    stage.batch();
    assert_eq!(stage.command(Command::Pause).ok(), Some(State::Pausing));
    stage.answer(BatchReply { state: BatchState::Stopped, next: Phase::Verify, ..more(1, 0, 1) });
    assert_eq!(stage.until_batch(&Readings::QUIET), None);
    assert_eq!(stage.command(Command::Resume).ok(), Some(State::Pending));
    stage.batch();
    stage.answer(BatchReply { state: BatchState::Done, ..more(10_000, 0, 1) });
    assert_eq!(stage.until_batch(&Readings::QUIET), None);
    check_story("migration_run_in_moves", &stage.story);
}

fn check_story(name: &str, story: &str) {
    insta::with_settings!({
        snapshot_path => concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, { insta::assert_snapshot!(name, story) });
}

#[test]
fn a_run_with_every_trouble_in_its_moves() {
    // Approval, cancel, retry, failure, death of the process: every state that the other story
    // lacks.
    let long =
        StoredState { index_hold: Some(Duration::from_secs(11)), ..stored(WALK, State::Pending) };
    let mut stage = Stage::with(vec![long]);
    assert_eq!(stage.until_batch(&Readings::QUIET), None);
    assert_eq!(stage.command(Command::Approve).ok(), Some(State::Running));
    stage.batch();
    assert_eq!(stage.command(Command::Cancel).ok(), Some(State::Cancelling));
    stage.answer(BatchReply { state: BatchState::Stopped, ..more(0, 0, 1) });
    assert_eq!(stage.until_batch(&Readings::QUIET), None);
    assert_eq!(stage.command(Command::Retry).ok(), Some(State::Pending));
    stage.batch();
    stage.conductor.note(Err(DbError::Panicked { migration: WALK.to_owned() }));
    assert_eq!(stage.until_batch(&Readings::QUIET), None);
    assert_eq!(stage.command(Command::Retry).ok(), Some(State::Pending));
    stage.batch();
    let died = stored(WALK, stage.live().state);
    stage.story.push_str("-------- kill -9, start\n");
    let config = MigrationsConfig::default();
    stage.conductor = Conductor::new(vec![died], &config, stage.clock.clone());
    stage.batch();
    stage.answer(BatchReply { state: BatchState::Done, ..more(10_000, 0, 1) });
    assert_eq!(stage.until_batch(&Readings::QUIET), None);
    check_story("migration_run_with_troubles", &stage.story);
}

#[test]
fn what_holds_it_up_for_long_is_told_once_and_so_is_its_end() {
    // 004-10, 002-13: neither books nor log hear of it again and again.
    let mut stage = Stage::of(State::Pending);
    stage.batch();
    stage.answer(more(10, 10, 1));
    stage.story.clear();
    let full = Readings { wal_pages: Some(4_000.0), ..Readings::QUIET };
    while stage.clock.now_s() < 600 {
        match stage.conductor.next(&full, false) {
            Step::Record(moves) => stage.tell(&moves),
            _ => stage.pass(Duration::from_millis(100)),
        }
    }
    stage.batch();
    let moves = stage.conductor.take_moves();
    stage.tell(&moves);
    assert_eq!(stage.story.lines().count(), 2, "{}", stage.story);
}
