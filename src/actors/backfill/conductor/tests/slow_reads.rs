//! Reads that are slow without us.

use super::*;

fn slow(p99_ms: f64) -> Readings {
    Readings { reader_p99_ms: Some(p99_ms), ..Readings::QUIET }
}

/// Sends a batch and says how long that took and how many rows it has.
fn sent(stage: &mut Stage, readings: &Readings) -> (i64, u64) {
    let before_s = stage.clock.now_s();
    let request = stage.until_batch(readings).unwrap_or_else(|| panic!("no batch"));
    (stage.clock.now_s() - before_s, request.rows_max)
}

#[test]
fn reads_that_rest_does_not_make_faster_hold_a_run_up_for_half_a_minute_and_then_slow_it_down() {
    let mut stage = Stage::of(State::Pending);
    let rows = stage.batch().rows_max;
    stage.answer(more(10, 10, 1));
    let (waited_s, small) = sent(&mut stage, &slow(300.0));
    assert_eq!(waited_s, 30);
    assert!(small <= rows.div_ceil(2), "{small} of {rows}");
    for cursor in 2..6 {
        stage.answer(more(cursor * 10, 10, 1));
        assert!((1..=2).contains(&sent(&mut stage, &slow(300.0)).0), "{}", stage.story);
    }
    let told = stage.story.matches("reads are as slow without it").count();
    assert_eq!(told, 1, "the books are not filled by it\n{}", stage.story);
    // Once they were fast, they may be slow because of us.
    stage.answer(more(100, 10, 1));
    assert_eq!(sent(&mut stage, &Readings::QUIET).0, 0);
    stage.answer(more(110, 10, 1));
    assert_eq!(sent(&mut stage, &slow(300.0)).0, 30);
}

#[test]
fn reads_that_are_slow_beyond_all_measure_are_spared_after_a_minute() {
    let mut stage = Stage::of(State::Running);
    assert!((60..62).contains(&sent(&mut stage, &slow(5_000.0)).0), "{}", stage.story);
    stage.answer(more(10, 10, 1));
    assert!(sent(&mut stage, &slow(5_000.0)).0 <= 2, "{}", stage.story);
}

#[test]
fn slow_reads_do_not_hold_an_index_up_and_anything_else_does() {
    let mut stage = Stage::with(vec![stored(INDEX, State::Pending)]);
    stage.batch();
    stage.answer(BatchReply { name: INDEX, next: Phase::Index, ..more(0, 0, 1) });
    assert_eq!(sent(&mut stage, &slow(300.0)).0, 0);
    stage.answer(BatchReply { name: INDEX, next: Phase::Index, ..more(0, 0, 1) });
    let busy = Readings { queue_share: Some(0.9), ..slow(300.0) };
    for _ in 0..7_000 {
        assert!(!matches!(stage.conductor.next(&busy, false), Step::Batch(..)));
        stage.pass(Duration::from_millis(10));
    }
}
