//! States: legal moves, who, why and when, in the books and across restarts.

use corescope::actors::backfill::CommandError;
use corescope::clock::Clock;
use corescope::db::migrations::{BatchState, Phase, list_migrations};
use corescope::perf::backfill::{Command, State};

use super::{
    LAST_SEEN, NOW_MS, conduct, conductor, limits, number, open, open_at, read, request, run_all,
    seeded, state_of, text,
};

#[test]
fn a_run_leaves_its_moves_in_the_books() {
    // 002-08, 004-11: its end is told once.
    let (_folder, path) = seeded(1_000);
    run_all(&path);
    let sql = "SELECT group_concat(from_state || '>' || to_state || ':' || by_whom, ' ') \
               FROM _migration_moves";
    let wanted = "pending>running:runner running>verifying:runner verifying>succeeded:runner";
    assert_eq!(text(&path, sql), wanted);
    let sql = format!("SELECT state FROM _migration_states WHERE name = '{LAST_SEEN}'");
    assert_eq!(text(&path, &sql), "succeeded");
    assert_eq!(number(&path, "SELECT COUNT(*) FROM _migration_moves WHERE at_ms > 0"), 3);
}

#[test]
fn the_moves_that_are_kept_are_bounded() {
    let (_folder, path) = seeded(1);
    let clock = Clock::manual(NOW_MS);
    let mut writer = open_at(&path, &clock);
    let mut conductor = conductor(&writer, &clock);
    for _ in 0..1_100 {
        conductor.command(LAST_SEEN, Command::Pause, "ops").unwrap();
        conductor.command(LAST_SEEN, Command::Resume, "ops").unwrap();
        writer.record_moves(&conductor.take_moves()).unwrap();
    }
    assert_eq!(number(&path, "SELECT COUNT(*) FROM _migration_moves"), 2_000);
}

#[test]
fn a_pause_survives_a_restart_and_the_original_reads_it_as_pending() {
    // §10.18, decision 19.
    let (_folder, path) = seeded(1_000);
    let clock = Clock::manual(NOW_MS);
    let mut writer = open_at(&path, &clock);
    let mut before = conductor(&writer, &clock);
    before.command(LAST_SEEN, Command::Pause, "night shift").unwrap();
    writer.record_moves(&before.take_moves()).unwrap();
    writer.close().unwrap();
    let mut writer = open_at(&path, &clock);
    assert_eq!(state_of(&writer, LAST_SEEN), State::Paused);
    let mut after = conductor(&writer, &clock);
    assert_eq!(conduct(&mut writer, &mut after), []);
    let sql = format!("SELECT status FROM _async_migrations WHERE name = '{LAST_SEEN}'");
    assert_eq!(text(&path, &sql), "pending_async");
    let listed = list_migrations(&read(&path), NOW_MS / 1000).unwrap();
    let row = listed.iter().find(|row| row.name == LAST_SEEN).unwrap();
    assert_eq!((row.status, row.state), ("running", "paused"));
    assert_eq!(row.by.as_deref(), Some("night shift"));
    assert_eq!(row.state_reason.as_deref(), Some("pause by night shift"));
    assert_eq!(row.state_since.as_deref(), Some("2026-07-18T08:47:37.000Z"));
    after.command(LAST_SEEN, Command::Resume, "ops").unwrap();
    assert!(!conduct(&mut writer, &mut after).is_empty());
    assert_eq!(state_of(&writer, LAST_SEEN), State::Succeeded);
}

#[test]
fn what_was_interrupted_goes_on_from_its_cursor() {
    // 002-07, §10.19.
    let (_folder, path) = seeded(1_000);
    let clock = Clock::system();
    let mut writer = open_at(&path, &clock);
    let mut before = conductor(&writer, &clock);
    for _ in 0..100 {
        if number(&path, "SELECT COUNT(*) FROM transmissions WHERE last_seen > 0") > 0 {
            break;
        }
        step(&mut writer, &mut before);
    }
    drop(writer);
    let mut writer = open_at(&path, &clock);
    let mut after = conductor(&writer, &clock);
    let batches = conduct(&mut writer, &mut after);
    let changed: u64 = batches.iter().map(|batch| batch.rows_changed).sum();
    assert!(changed > 0 && changed < 1_000, "{changed}: from the beginning");
    let sql = "SELECT COUNT(*) FROM _migration_moves WHERE to_state = 'interrupted' \
               AND by_whom = 'restart'";
    assert_eq!(number(&path, sql), 1);
}

fn step(
    writer: &mut corescope::db::WriteConnection,
    conductor: &mut corescope::actors::backfill::Conductor,
) {
    use corescope::actors::backfill::Step;
    match conductor.next(&corescope::perf::backfill::Readings::QUIET, false) {
        Step::Record(moves) => writer.record_moves(&moves).unwrap(),
        Step::Batch(request, limits) => {
            let answer = writer.run_batch(&request, &limits);
            conductor.note(answer);
        }
        _ => {}
    }
}

#[test]
fn a_run_that_other_code_has_begun_is_not_gone_on_with_and_a_retry_begins_afresh() {
    // §10.19.
    let (_folder, path) = seeded(1_000);
    let mut writer = open(&path);
    writer.run_batch(&request(LAST_SEEN, 100), &limits()).unwrap();
    read(&path).execute("UPDATE _migration_runs SET code_version = 99", []).unwrap();
    let clock = Clock::system();
    let mut conductor = conductor(&writer, &clock);
    conduct(&mut writer, &mut conductor);
    assert_eq!(state_of(&writer, LAST_SEEN), State::Failed);
    let sql = format!("SELECT error FROM _async_migrations WHERE name = '{LAST_SEEN}'");
    assert!(text(&path, &sql).contains("its code has changed"));
    conductor.command(LAST_SEEN, Command::Retry, "ops").unwrap();
    conduct(&mut writer, &mut conductor);
    assert_eq!(state_of(&writer, LAST_SEEN), State::Succeeded);
}

#[test]
fn cancel_keeps_what_is_done_and_retry_clears_the_counts() {
    // 004-20, 004-38: the last counts are in the books, a retry begins with none.
    // 002-15, 004-17, 004-21, 004-25.
    let (_folder, path) = seeded(1_000);
    let clock = Clock::system();
    let mut writer = open_at(&path, &clock);
    writer.run_batch(&request(LAST_SEEN, 100), &limits()).unwrap();
    let mut conductor = conductor(&writer, &clock);
    conductor.command(LAST_SEEN, Command::Cancel, "ops").unwrap();
    conduct(&mut writer, &mut conductor);
    assert_eq!(state_of(&writer, LAST_SEEN), State::Cancelled);
    assert_eq!(number(&path, "SELECT COUNT(*) FROM transmissions WHERE last_seen > 0"), 100);
    let sql = format!(
        "SELECT status || ': ' || error || ' ' || rows_processed FROM _async_migrations \
         WHERE name = '{LAST_SEEN}'"
    );
    assert_eq!(text(&path, &sql), "failed: cancelled by operator 100");
    let refused = conductor.command(LAST_SEEN, Command::Resume, "ops");
    assert!(matches!(refused, Err(CommandError::Refused(_))));
    conductor.command(LAST_SEEN, Command::Retry, "ops").unwrap();
    writer.record_moves(&conductor.take_moves()).unwrap();
    let sql = format!("SELECT rows_processed FROM _async_migrations WHERE name = '{LAST_SEEN}'");
    assert_eq!(number(&path, &sql), 0);
    conduct(&mut writer, &mut conductor);
    assert_eq!(number(&path, "SELECT COUNT(*) FROM transmissions WHERE last_seen = 0"), 0);
}

#[test]
fn what_the_original_says_rules_over_our_finer_state() {
    let (_folder, path) = seeded(10);
    run_all(&path);
    read(&path)
        .execute("UPDATE _async_migrations SET status = 'failed', error = 'theirs'", [])
        .unwrap();
    let listed = list_migrations(&read(&path), 0).unwrap();
    let row = listed.iter().find(|row| row.name == LAST_SEEN).unwrap();
    assert_eq!((row.state, row.state_reason.as_deref()), ("failed", None));
    assert_eq!(row.error_message.as_deref(), Some("theirs"));
}

#[test]
fn new_rows_that_arrive_meanwhile_do_not_keep_it_alive() {
    // 002-02, 004-18: the upper bound is fixed when it begins.
    let (_folder, path) = seeded(500);
    let mut writer = open(&path);
    let conn = read(&path);
    for round in 0.. {
        assert!(round < 50, "it chases new rows");
        let sql = "INSERT INTO transmissions (raw_hex, hash, first_seen) \
                   SELECT 'bb', 'new' || ?1 || '-' || id, '2026-05-17T16:05:57Z' \
                   FROM transmissions WHERE id <= 200";
        conn.execute(sql, [round]).unwrap();
        let reply = writer.run_batch(&request(LAST_SEEN, 100), &limits()).unwrap();
        if reply.state == BatchState::Done {
            break;
        }
        assert!(reply.next != Phase::Index);
    }
}
