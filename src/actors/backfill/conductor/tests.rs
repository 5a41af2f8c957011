//! The course of migrations under a clock that is moved by hand.

mod slow_reads;
mod stories;

use rusqlite::ffi;

use super::*;
use crate::db::migrations::{BatchReply, BatchState};
use crate::perf::backfill::Command;
use crate::perf::backfill::Eta;
use crate::perf::backfill::knobs::Setting;

const WALK: &str = "tx_last_seen_backfill_v1";
const INDEX: &str = "obs_observer_ts_idx_v1";

fn stored(name: &'static str, state: State) -> StoredState {
    StoredState { state, ..StoredState::pending(name, "", 0) }
}

/// A conductor, its clock, and a text of what happened.
struct Stage {
    conductor: Conductor,
    clock: Clock,
    story: String,
}

impl Stage {
    fn with(states: Vec<StoredState>) -> Self {
        let clock = Clock::manual(0);
        let config = MigrationsConfig::default();
        let conductor = Conductor::new(states, &config, clock.clone());
        Self { conductor, clock, story: String::new() }
    }

    fn of(state: State) -> Self {
        Self::with(vec![stored(WALK, state)])
    }

    /// Goes on until there is a batch to run or nothing to do; moves are told on the way.
    fn until_batch(&mut self, readings: &Readings) -> Option<BatchRequest> {
        for _ in 0..10_000 {
            match self.conductor.next(readings, false) {
                Step::Record(moves) => self.tell(&moves),
                Step::Batch(request, _) => return Some(request),
                Step::After(pause) => self.pass(pause.max(Duration::from_millis(1))),
                Step::Job(..) | Step::Idle => return None,
            }
        }
        None
    }

    fn batch(&mut self) -> BatchRequest {
        self.until_batch(&Readings::QUIET).unwrap_or_else(|| panic!("no batch\n{}", self.story))
    }

    fn pass(&mut self, time: Duration) {
        self.clock.advance_ms(i64::try_from(time.as_millis()).unwrap_or(0));
    }

    fn tell(&mut self, moves: &[Move]) {
        for Move { name, from, to, why, by, at_ms } in moves {
            let (from, to) = (from.as_str(), to.as_str());
            self.story.push_str(&format!("{at_ms:>6} ms  {name}: {from} → {to} ({by}: {why})\n"));
        }
    }

    fn answer(&mut self, reply: BatchReply) -> Duration {
        self.clock.advance_ms(i64::try_from(reply.hold.as_millis()).unwrap_or(0));
        self.conductor.note(Ok(reply))
    }

    fn command(&mut self, command: Command) -> Result<State, CommandError> {
        self.conductor.command(WALK, command, "ops")
    }

    fn live(&mut self) -> LiveRun {
        self.conductor.live().remove(0)
    }
}

fn more(cursor: i64, scanned: u64, hold_ms: u64) -> BatchReply {
    BatchReply {
        name: WALK,
        state: BatchState::More,
        rows_changed: scanned,
        rows_scanned: scanned,
        rows_done: cursor.unsigned_abs(),
        rows_total: 10_000,
        cursor: Some(cursor),
        rows_changed_total: cursor.unsigned_abs(),
        rows_failed: 0,
        rows_verified: (0, 0),
        next: Phase::Walk,
        hold: Duration::from_millis(hold_ms),
        wal_pages: 1,
        touched_transmissions: Vec::new(),
    }
}

fn failure(code: i32) -> DbError {
    let source = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
    DbError::from_sqlite("fill last_seen", source)
}

#[test]
fn a_critical_signal_is_looked_at_again_after_a_minute_and_nothing_is_lost() {
    // §10.15.
    for (disk, waits) in [(1.5, 0..1), (3.0, 60..62)] {
        let mut stage = Stage::of(State::Pending);
        stage.batch();
        stage.answer(more(10, 10, 1));
        let low = Readings { disk: Some(disk), ..Readings::QUIET };
        while stage.live().state != State::Throttled {
            assert!(!matches!(stage.conductor.next(&low, false), Step::Batch(..)));
        }
        let before_s = stage.clock.now_s();
        stage.batch();
        let waited = stage.clock.now_s() - before_s;
        assert!(waits.contains(&waited), "{disk}: {waited} s");
    }
}

#[test]
fn batches_become_shorter_while_ingest_waits_longer_than_it_should() {
    // §10.3: down to a quarter, because it may not be their doing.
    for (wait_ms, aim_us) in
        [(None, 6_000), (Some(5.0), 6_000), (Some(50.0), 3_000), (Some(900.0), 1_500)]
    {
        let mut stage = Stage::of(State::Running);
        stage.conductor.see_ingest_wait(wait_ms);
        let aim = (0..10).find_map(|_| match stage.conductor.next(&Readings::QUIET, false) {
            Step::Batch(_, limits) => limits.hold_aim,
            _ => None,
        });
        assert_eq!(aim, Some(Duration::from_micros(aim_us)), "{wait_ms:?}");
    }
}

#[test]
fn nothing_is_sent_while_receptions_are_on_their_way() {
    // Decision 8.
    let mut stage = Stage::of(State::Running);
    while !matches!(stage.conductor.next(&Readings::QUIET, true), Step::After(LANE_POLL)) {}
    assert!(matches!(stage.conductor.next(&Readings::QUIET, true), Step::After(_)));
    assert!(matches!(stage.conductor.next(&Readings::QUIET, false), Step::Batch(..)));
    assert!(matches!(stage.conductor.next(&Readings::QUIET, false), Step::Idle), "one batch only");
}

#[test]
fn a_batch_that_overran_is_halved() {
    let mut stage = Stage::of(State::Pending);
    let rows = stage.batch().rows_max;
    stage.answer(BatchReply { state: BatchState::Overran, rows_scanned: 0, ..more(0, 0, 30) });
    assert_eq!(stage.batch().rows_max, rows / 2);
}

#[test]
fn a_failing_batch_is_halved_down_to_the_row_and_the_run_goes_on() {
    let mut stage = Stage::of(State::Pending);
    let mut sizes = Vec::new();
    loop {
        let rows = stage.batch().rows_max;
        sizes.push(rows);
        if rows == 1 {
            break;
        }
        stage.conductor.note(Err(failure(ffi::SQLITE_CONSTRAINT)));
    }
    assert_eq!(sizes, [500, 250, 125, 62, 31, 15, 7, 3, 1]);
    stage.answer(BatchReply { rows_failed: 1, rows_changed: 0, ..more(1, 1, 1) });
    assert_eq!(stage.live().state, State::Running);
    assert!(stage.batch().rows_max > 1, "normal sizes again");
}

#[test]
fn too_many_rows_at_fault_end_the_run() {
    let mut stage = Stage::of(State::Pending);
    stage.batch();
    stage.answer(BatchReply { rows_failed: 49, ..more(100, 1, 1) });
    stage.batch();
    stage.answer(BatchReply { rows_failed: 50, ..more(101, 1, 1) });
    assert_eq!(stage.live().state, State::Failed);
    let mut stage = Stage::of(State::Pending);
    stage.batch();
    stage.answer(BatchReply { rows_failed: 11, ..more(1_000, 1, 1) });
    assert_eq!(stage.live().reason, "11 of 1000 rows could not be changed");
}

#[test]
fn what_may_pass_throttles_and_is_tried_again_ever_more_rarely() {
    // 004-38: what succeeds begins with the shortest pause again.
    let mut stage = Stage::of(State::Pending);
    let mut pauses = Vec::new();
    for _ in 0..8 {
        stage.batch();
        stage.conductor.note(Err(failure(ffi::SQLITE_FULL)));
        let live = stage.live();
        assert_eq!(live.state, State::Throttled);
        assert!(live.reason.contains("the disk is full"), "{}", live.reason);
        let before = stage.clock.now_s();
        stage.batch();
        pauses.push(stage.clock.now_s() - before);
        stage.conductor.give_up_batch();
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    stage.batch();
    stage.answer(more(10, 10, 1));
    assert_eq!(stage.live().state, State::Running);
}

#[test]
fn what_will_not_pass_fails_the_run_and_the_next_begins() {
    // 002-04, 002-05, 004-15: an error or a panic fails the migration, and only it.
    let mut stage = Stage::with(vec![stored(WALK, State::Pending), stored(INDEX, State::Pending)]);
    stage.batch();
    stage.conductor.note(Err(DbError::Panicked { migration: WALK.to_owned() }));
    assert_eq!(stage.live().state, State::Failed);
    assert_eq!(stage.batch().name, INDEX);
    stage.conductor.note(Err(failure(ffi::SQLITE_CORRUPT)));
    assert_eq!(stage.until_batch(&Readings::QUIET), None);
}

#[test]
fn a_run_that_gets_nowhere_fails() {
    // §10.23: rows changed, cursor where it was.
    let mut stage = Stage::of(State::Pending);
    for _ in 0..2 {
        stage.batch();
        stage.answer(more(5, 10, 1));
    }
    let live = stage.live();
    assert_eq!(live.state, State::Failed);
    assert!(live.reason.starts_with("no progress"), "{}", live.reason);
}

#[test]
fn a_paused_one_holds_up_those_that_need_it_and_no_other_and_is_resumed() {
    let (needed, needy) = ("idx_observations_tx_ts", WALK);
    let all = [needed, needy, INDEX].map(|name| stored(name, State::Pending));
    let mut stage = Stage::with(all.to_vec());
    let pause = stage.conductor.command(needed, Command::Pause, "ops");
    assert_eq!(pause.ok(), Some(State::Paused));
    assert_eq!(stage.batch().name, INDEX, "it needs nothing of the paused one");
    stage.answer(BatchReply { state: BatchState::Done, ..more(1, 1, 1) });
    assert_eq!(stage.until_batch(&Readings::QUIET), None, "the other one waits");
    assert_eq!(stage.live().eta, Eta::Paused);
    let resume = stage.conductor.command(needed, Command::Resume, "ops");
    assert_eq!(resume.ok(), Some(State::Pending));
    assert_eq!(stage.batch().name, needed);
    stage.answer(BatchReply { state: BatchState::Done, ..more(1, 1, 1) });
    assert_eq!(stage.batch().name, needy);
}

#[test]
fn what_ingest_waits_is_told_as_before_and_during() {
    // §10.3, §10.30.
    let mut stage = Stage::of(State::Pending);
    stage.conductor.see_ingest_wait(Some(2.0));
    stage.batch();
    stage.conductor.see_ingest_wait(Some(9.0));
    stage.conductor.see_ingest_wait(None);
    let wait = stage.live().ingest_wait_p99_ms;
    assert_eq!((wait.before, wait.during), (Some(2.0), Some(9.0)));
}

#[test]
fn what_is_left_to_verify_is_what_the_books_say_and_not_what_this_process_has_done() {
    // §10.21: after a restart in the middle the first answer says how far it was.
    let mut stage = Stage::of(State::Interrupted);
    stage.batch();
    let far =
        |rows| BatchReply { next: Phase::Verify, rows_verified: (rows, 9_000), ..more(1, 0, 1) };
    stage.answer(far(6_000));
    assert_eq!(stage.live().rows_verified, 6_000);
    for rows in 1..=30 {
        stage.batch();
        stage.pass(Duration::from_secs(1));
        stage.answer(BatchReply { rows_scanned: 100, ..far(6_000 + 100 * rows) });
    }
    assert_eq!(stage.live().rows_verified, 9_000);
    assert_eq!(stage.live().eta, Eta::Estimate { low_s: 0.0, high_s: 0.0 });
}

#[test]
fn a_batch_of_which_nobody_knows_what_became_does_not_leave_a_pause_half_way() {
    let mut stage = Stage::of(State::Pending);
    stage.batch();
    assert_eq!(stage.command(Command::Pause).ok(), Some(State::Pausing));
    stage.conductor.give_up_batch();
    assert_eq!(stage.live().state, State::Paused);
}

#[test]
fn an_index_build_on_a_full_disk_is_tried_again_ever_more_rarely_and_never_fails() {
    // 004-13's rule for a step that cannot be halved: nothing is given up, nothing is hammered.
    let mut stage = Stage::with(vec![stored(INDEX, State::Pending)]);
    let mut pauses = Vec::new();
    for _ in 0..9 {
        stage.batch();
        let before_ms = stage.clock.now_ms();
        stage.conductor.note(Err(failure(ffi::SQLITE_FULL)));
        assert_eq!(stage.live().state, State::Throttled);
        assert!(stage.live().reason.contains("the disk is full"), "{}", stage.live().reason);
        stage.batch();
        pauses.push(stage.clock.now_ms() - before_ms);
        stage.conductor.note(Err(failure(ffi::SQLITE_FULL)));
        stage.batch();
        stage.answer(BatchReply { name: INDEX, next: Phase::Index, ..more(0, 0, 1) });
    }
    assert!(pauses.iter().all(|pause| *pause >= 1_000), "{pauses:?}");
    stage.batch();
    let mut longest = 0;
    for _ in 0..10 {
        let before_ms = stage.clock.now_ms();
        stage.conductor.note(Err(failure(ffi::SQLITE_FULL)));
        stage.batch();
        longest = stage.clock.now_ms() - before_ms;
    }
    assert!((60_000..62_000).contains(&longest), "{longest} ms");
    stage.answer(BatchReply { name: INDEX, state: BatchState::Done, ..more(0, 0, 1) });
    assert_eq!(stage.live().state, State::Succeeded);
}

#[test]
fn cancel_stops_the_batch_that_is_under_way() {
    let mut stage = Stage::of(State::Pending);
    let stop = loop {
        match stage.conductor.next(&Readings::QUIET, false) {
            Step::Batch(_, limits) => break limits.stop,
            Step::Job(..) | Step::Idle => panic!("nothing to do"),
            _ => {}
        }
    };
    let is_stopped = || stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed));
    assert!(!is_stopped());
    assert_eq!(stage.command(Command::Cancel).ok(), Some(State::Cancelling));
    assert!(is_stopped());
    stage.answer(BatchReply { state: BatchState::Stopped, ..more(0, 0, 1) });
    assert_eq!(stage.live().state, State::Cancelled);
    assert_eq!(stage.command(Command::Retry).ok(), Some(State::Pending));
    stage.batch();
    assert!(!is_stopped(), "the next batch is not stopped before it begins");
}

#[test]
fn cancel_while_paused_and_retry_of_a_failed_one() {
    let mut stage = Stage::of(State::Paused);
    assert_eq!(stage.command(Command::Cancel).ok(), Some(State::Cancelled));
    assert!(matches!(stage.command(Command::Pause), Err(CommandError::Refused(_))));
    let mut stage = Stage::of(State::Failed);
    assert_eq!(stage.until_batch(&Readings::QUIET), None);
    assert_eq!(stage.command(Command::Retry).ok(), Some(State::Pending));
    assert_eq!(stage.batch().name, WALK);
    let unknown = stage.conductor.command("nothing", Command::Pause, "ops");
    assert!(matches!(unknown, Err(CommandError::Unknown(_))));
}

#[test]
fn a_restart_goes_on_with_what_ran_and_leaves_what_was_paused() {
    let mut stage = Stage::of(State::Throttled);
    stage.batch();
    let told: Vec<&str> = stage.story.lines().collect();
    assert_eq!(told.len(), 2, "{}", stage.story);
    assert!(told[0].contains("throttled → interrupted (restart: the process ended)"));
    assert!(told[1].contains("interrupted → running"));
    assert_eq!(Stage::of(State::Paused).until_batch(&Readings::QUIET), None);
    assert_eq!(Stage::of(State::Pausing).live().state, State::Paused);
}

#[test]
fn a_long_index_build_waits_for_approval_and_a_short_one_does_not() {
    // Decision 18.
    let long = |seconds| StoredState {
        index_hold: Some(Duration::from_secs(seconds)),
        ..stored(WALK, State::Pending)
    };
    assert!(Stage::with(vec![long(10)]).until_batch(&Readings::QUIET).is_some());
    let mut stage = Stage::with(vec![long(11)]);
    assert_eq!(stage.until_batch(&Readings::QUIET), None);
    assert_eq!(stage.live().state, State::AwaitingApproval);
    assert_eq!(stage.command(Command::Approve).ok(), Some(State::Running));
    assert!(stage.until_batch(&Readings::QUIET).is_some());
}

#[test]
fn knobs_hold_for_the_next_batch_and_end_by_themselves() {
    // 002-25, 004-24, §10.28.
    let mut stage = Stage::of(State::Pending);
    let setting = Setting {
        knob: "",
        value: 7.0,
        by: "ops".into(),
        reason: "gently".into(),
        until_ms: stage.clock.now_ms() + 60_000,
    };
    let settings = [("batchRowsMax".to_owned(), setting.clone())];
    assert!(stage.conductor.tune(WALK, &settings).is_ok());
    assert_eq!(stage.batch().rows_max, 7);
    let live = stage.live();
    assert_eq!((live.settings.len(), live.settings[0].knob), (1, "batchRowsMax"));
    stage.conductor.give_up_batch();
    stage.pass(Duration::from_secs(60));
    assert_eq!(stage.batch().rows_max, 500);
    let both = [
        ("dutyCycle".to_owned(), Setting { value: 0.1, until_ms: 200_000, ..setting.clone() }),
        ("nonsense".to_owned(), Setting { until_ms: 200_000, ..setting }),
    ];
    assert!(stage.conductor.tune(WALK, &both).is_err());
    assert!(stage.live().settings.is_empty(), "all or none");
}

#[test]
fn moves_that_could_not_be_recorded_come_first_again() {
    let mut stage = Stage::of(State::Running);
    let Step::Record(moves) = stage.conductor.next(&Readings::QUIET, false) else {
        panic!("the interruption is not recorded")
    };
    stage.conductor.put_back(moves.clone());
    assert!(
        matches!(stage.conductor.next(&Readings::QUIET, false), Step::Record(again) if again == moves)
    );
}

#[test]
fn a_clock_that_jumps_back_neither_ends_nor_hangs_a_run() {
    let mut stage = Stage::of(State::Pending);
    for cursor in 1..50 {
        stage.batch();
        stage.answer(more(cursor * 100, 100, 2));
        stage.clock.advance_ms(if cursor == 20 { -3_600_000 } else { 10 });
    }
    assert_eq!(stage.live().state, State::Running);
}
