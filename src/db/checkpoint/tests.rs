//! Checkpoints under a clock that is moved by hand.

use super::*;
use crate::db::{OpenOptions, WriteConnection, open};

struct Bench {
    _folder: tempfile::TempDir,
    writer: WriteConnection,
    keeper: Keeper,
    clock: Clock,
}

fn bench(options: CheckpointOptions) -> Bench {
    bench_at(options, Clock::manual(0))
}

fn bench_at(options: CheckpointOptions, clock: Clock) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    let writer = open(&path, &OpenOptions::new(clock.clone())).unwrap().writer;
    let keeper = Keeper::open(&path, options, clock.clone()).unwrap();
    Bench { _folder: folder, writer, keeper, clock }
}

impl Bench {
    fn write(&self, bytes: usize) {
        let sql = "INSERT INTO dropped_packets (reason, raw_hex) VALUES ('x', randomblob(?1))";
        self.writer.conn.execute(sql, [bytes]).unwrap();
    }

    fn look(&mut self) -> (u32, u32) {
        self.keeper.look().unwrap();
        let gauges = &self.keeper.gauges;
        (gauges.log_pages().unwrap(), gauges.debt_pages().unwrap())
    }
}

#[test]
fn debt_is_paid_when_it_is_large_or_nobody_writes() {
    let mut bench = bench(CheckpointOptions { debt_pages_max: 100, ..Default::default() });
    bench.look();
    bench.clock.advance_ms(5_000);
    bench.look();
    bench.write(200_000);
    let (log, debt) = bench.look();
    assert!(debt > 40 && debt < 100 && log >= debt, "a small debt may wait: {debt}");
    bench.write(400_000);
    assert_eq!(bench.look().1, 0, "a large one may not");
    bench.write(4_000);
    assert!(bench.look().1 > 0);
    bench.clock.advance_ms(2_000);
    assert_eq!(bench.look().1, 0, "when nobody writes none is left");
}

#[test]
fn an_idle_wal_file_is_cut_and_a_reader_cannot_hold_it_up_for_long() {
    let options = CheckpointOptions { file_bytes_max: 100_000, ..Default::default() };
    let mut bench = bench(options);
    bench.write(400_000);
    bench.look();
    assert!(bench.keeper.gauges.file_bytes() > 100_000);
    let reader = Connection::open(bench.writer.path()).unwrap();
    reader.execute_batch("BEGIN; SELECT COUNT(*) FROM nodes").unwrap();
    bench.write(4_000);
    bench.look();
    bench.clock.advance_ms(10_000);
    assert!(bench.look().0 > 0, "the reader still needs it");
    reader.execute_batch("COMMIT").unwrap();
    bench.clock.advance_ms(10_000);
    bench.look();
    assert_eq!(bench.keeper.gauges.file_bytes(), 0);
}

#[test]
fn a_long_wal_starts_again_though_writers_go_on() {
    let mut bench = bench(CheckpointOptions { log_pages_max: 200, ..Default::default() });
    bench.write(1_200_000);
    assert!(bench.look().0 > 200);
    bench.write(4_000);
    assert!(bench.look().0 < 20, "written from the beginning of the WAL");
}

#[test]
fn a_reader_that_pins_a_long_wal_is_asked_once_a_second_only() {
    // Each question holds writers up (decision 20).
    let mut bench = bench(CheckpointOptions { log_pages_max: 30, ..Default::default() });
    bench.write(60_000);
    let reader = Connection::open(bench.writer.path()).unwrap();
    reader.execute_batch("BEGIN; SELECT COUNT(*) FROM dropped_packets").unwrap();
    let checkpoints = |bench: &Bench| bench.keeper.gauges.checkpoints();
    bench.look();
    let before = checkpoints(&bench);
    assert_eq!(before, 2, "it is moved, then writers are asked for a gap");
    for _ in 0..5 {
        bench.clock.advance_ms(20);
        bench.look();
    }
    assert_eq!(checkpoints(&bench), before, "it was asked again at once");
    bench.clock.advance_ms(1_000);
    bench.look();
    assert!(checkpoints(&bench) > before);
}

#[test]
fn a_far_too_long_wal_starts_again_though_somebody_reads() {
    let mut bench = bench(CheckpointOptions { log_pages_max: 10, ..Default::default() });
    let reader = Connection::open(bench.writer.path()).unwrap();
    reader.execute_batch("BEGIN; SELECT COUNT(*) FROM dropped_packets").unwrap();
    bench.write(400_000);
    let read = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        reader.execute_batch("COMMIT").unwrap();
    });
    assert!(bench.look().0 > 40);
    read.join().unwrap();
    bench.write(4_000);
    let (log, _) = bench.look();
    assert!(log < 20, "writers were not held up until the read had ended: {log}");
    let pause = bench.keeper.restart_after - bench.clock.monotonic();
    assert!(pause <= RESTART_PAUSE, "{pause:?}: a second time need not wait for long");
}

#[test]
fn writers_are_held_up_in_vain_for_a_part_of_the_time_only() {
    let options = CheckpointOptions { log_pages_max: 10, ..Default::default() };
    let mut bench = bench_at(options, Clock::system());
    let reader = Connection::open(bench.writer.path()).unwrap();
    reader.execute_batch("BEGIN; SELECT COUNT(*) FROM dropped_packets").unwrap();
    bench.write(400_000);
    let looked_at = bench.clock.monotonic();
    assert!(bench.look().0 > 40);
    let hold = bench.keeper.gauges.last_hold();
    assert!(hold >= RESTART_WAIT_FOR_READS / 2, "{hold:?}");
    assert!(bench.keeper.restart_after - looked_at >= hold * RESTART_SHARE);
    reader.execute_batch("COMMIT").unwrap();
}

#[test]
fn a_single_look_that_fails_is_no_failure_and_a_row_of_them_is() {
    let mut bench = bench(CheckpointOptions::default());
    let fail =
        |keeper: &mut Keeper| keeper.conn.execute_batch("SELECT * FROM nothing").doing("look");
    (0..2).for_each(|_| bench.keeper.tell(fail));
    assert_eq!(bench.keeper.failures_in_a_row, 2);
    bench.keeper.tell(|_| Ok(()));
    assert_eq!(bench.keeper.failures_in_a_row, 0);
    assert_eq!(bench.keeper.gauges.failures(), 2, "all are counted");
}

#[test]
fn the_thread_is_named_and_ends_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    let clock = Clock::system();
    let database = open(&path, &OpenOptions::new(clock.clone())).unwrap();
    let checkpointer = Checkpointer::start(&path, CheckpointOptions::default(), clock).unwrap();
    assert_eq!(checkpointer.thread.thread().name(), Some("checkpointer"));
    assert_eq!(checkpointer.gauges().failures(), 0);
    assert!(checkpointer.stop());
    database.writer.close().unwrap();
    let wal = format!("{}-wal", path.display());
    assert!(!Path::new(&wal).exists(), "the last one out leaves no WAL");
}

#[test]
fn writers_do_not_wait_for_a_far_too_long_wal_of_which_much_is_still_to_be_moved() {
    let mut bench = bench(CheckpointOptions { log_pages_max: 1_000, ..Default::default() });
    let reader = Connection::open(bench.writer.path()).unwrap();
    reader.execute_batch("BEGIN; SELECT COUNT(*) FROM dropped_packets").unwrap();
    for _ in 0..5 {
        bench.write(4_000_000);
    }
    let (log, debt) = bench.look();
    assert!(log > 4_000 && debt > RESTART_DEBT_PAGES_WHEN_FAR, "{log} {debt}");
    let paused = bench.keeper.restart_after;
    assert_eq!(paused, bench.clock.monotonic() + RESTART_PAUSE, "writers were held up");
    reader.execute_batch("COMMIT").unwrap();
    bench.clock.advance_ms(1_000);
    bench.look();
    bench.write(4_000);
    assert!(bench.look().0 < 20, "it begins anew as soon as it is in the database");
}
