//! What nobody may feel of a migration: against fakes that do it otherwise, and with receptions,
//! bursts and readers beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use corescope::actors::backfill::{Conductor, ListMigrations, Quiesce, Step};
use corescope::clock::Clock;
use corescope::config::{Config, MigrationsConfig};
use corescope::db::migrations::BatchState;
use corescope::db::{CheckpointOptions, Checkpointer, DbError, WriteConnection};
use corescope::ingest::reception::{
    NewObservation, NewTransmission, ObserverSeen, PacketReception, Record,
};
use corescope::perf::backfill::{Limits, Readings, State};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{
    LAST_SEEN, conductor_with, limits, number, open, open_at, read, request, run_all, seeded,
};
use crate::support::api::Api;

/// Pages of the log; the page size is SQLite's usual one.
const FRAME_BYTES: u64 = 4_096 + 24;

fn wal_bytes(path: &Path) -> u64 {
    let wal = PathBuf::from(format!("{}-wal", path.display()));
    std::fs::metadata(wal).map_or(0, |file| file.len())
}

/// As [`seeded`], with long rows, times in no order, and an index on the column that is filled.
fn hard(rows: i64, row_bytes: usize) -> (TempDir, PathBuf) {
    let (folder, path) = seeded(rows);
    read(&path)
        .execute_batch(&format!(
            "UPDATE transmissions SET raw_hex = '{}'; \
             UPDATE observations SET timestamp = 1000 + (transmission_id * 7919) % 100003; \
             CREATE INDEX probe ON transmissions (last_seen); \
             PRAGMA wal_checkpoint(TRUNCATE);",
            "15".repeat(row_bytes / 2)
        ))
        .unwrap();
    (folder, path)
}

/// Pages that each transaction added to the log, as anybody can see them from outside.
#[derive(Default)]
struct Transactions(Vec<u64>);

impl Transactions {
    fn note(&mut self, path: &Path, before: u64) {
        self.0.push(wal_bytes(path).saturating_sub(before) / FRAME_BYTES);
    }

    /// Readers and ingest get in often, and nothing between two of their turns is large.
    fn lets_others_in(&self, rows: u64) -> bool {
        let budget = MigrationsConfig::default().wal_pages_max;
        let largest = self.0.iter().max().copied().unwrap_or(u64::MAX);
        let total: u64 = self.0.iter().sum();
        self.0.len() as u64 >= rows / 5_000 && largest <= 2 * budget && largest * 5 <= total
    }
}

const ROWS: i64 = 20_000;

/// What the fakes do: everything at once, or so many rows a time.
fn fake(rows_a_time: i64) -> Transactions {
    let (_folder, path) = hard(ROWS, 600);
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("PRAGMA wal_autocheckpoint = 0").unwrap();
    let mut transactions = Transactions::default();
    let mut first = 1;
    while first <= ROWS {
        let before = wal_bytes(&path);
        let sql = "UPDATE transmissions SET last_seen = (SELECT MAX(timestamp) FROM observations \
                   WHERE transmission_id = transmissions.id) WHERE id BETWEEN ?1 AND ?2";
        conn.execute(sql, [first, first + rows_a_time - 1]).unwrap();
        transactions.note(&path, before);
        first += rows_a_time;
    }
    transactions
}

#[test]
fn a_single_transaction_and_fixed_batches_are_told_from_ours() {
    // 004-14, 002-21, 004-33: the judge must be able to say no.
    assert!(!fake(ROWS).lets_others_in(ROWS.unsigned_abs()), "one UPDATE for all rows");
    assert!(!fake(5_000).lets_others_in(ROWS.unsigned_abs()), "5,000 rows a time");

    let (_folder, path) = hard(ROWS, 600);
    let clock = Clock::system();
    let mut writer = open_at(&path, &clock);
    // Time is no bound here: the machine that tests may be slow.
    let second = std::time::Duration::from_secs(1);
    let config =
        MigrationsConfig { hold_target: second, hold_max: 30 * second, ..Default::default() };
    let mut conductor = conductor_with(&writer, &clock, &config);
    let mut transactions = Transactions::default();
    loop {
        match conductor.next(&Readings::QUIET, false) {
            Step::Record(moves) => writer.record_moves(&moves).unwrap(),
            Step::Batch(request, limits) => {
                let before = wal_bytes(&path);
                let answer = writer.run_batch(&request, &limits);
                transactions.note(&path, before);
                conductor.note(answer);
            }
            Step::After(_) => {}
            Step::Job(..) | Step::Idle => break,
        }
    }
    assert!(transactions.lets_others_in(ROWS.unsigned_abs()), "{:?}", transactions.0);
    assert_eq!(number(&path, "SELECT COUNT(*) FROM transmissions WHERE last_seen = 0"), 0);
}

fn reception(number: u64) -> Record {
    Record::Packet(Box::new(PacketReception {
        heard_at_s: 1_784_364_457,
        observer: ObserverSeen { id: format!("{:064X}", number % 60), ..ObserverSeen::default() },
        naive_clock_skew_s: None,
        received_at_s: None,
        transmission: NewTransmission {
            hash: format!("be{number:014x}"),
            raw_hex: "15".repeat(65),
            route_type: 1,
            payload_type: 5,
            payload_version: 0,
            decoded_json: "{}".to_owned(),
            channel_hash: None,
            scope_name: None,
            from_pubkey: None,
        },
        observation: NewObservation { path_json: "[]".to_owned(), ..NewObservation::default() },
        advert: None,
    }))
}

/// A migration, receptions in between, a reader that comes and goes, a checkpointer.
struct Busy {
    writer: WriteConnection,
    conductor: Conductor,
    received: u64,
    peak_bytes: u64,
    /// Keeps the log from beginning anew until the run has been held up so many times.
    pin: Option<(Connection, u32)>,
}

impl Busy {
    fn run(&mut self, path: &Path, checkpointer: &Checkpointer) {
        let gauges = checkpointer.gauges();
        let gate = Limits::default().wal_pages.throttle_at;
        let mut batches = 0_u64;
        loop {
            let wal_pages = gauges.unsettled_pages(gate);
            let readings = Readings { wal_pages, ..Readings::QUIET };
            self.peak_bytes = self.peak_bytes.max(wal_bytes(path));
            match self.conductor.next(&readings, false) {
                Step::Record(moves) => self.writer.record_moves(&moves).unwrap(),
                Step::Batch(request, limits) => {
                    let answer = self.writer.run_batch(&request, &limits);
                    std::thread::sleep(self.conductor.note(answer));
                    batches += 1;
                    // Ten times the usual rate for a moment, now and then.
                    let groups = if batches.is_multiple_of(50) { 10 } else { 1 };
                    (0..groups).for_each(|_| self.receive());
                }
                Step::After(pause) => {
                    self.unpin();
                    std::thread::sleep(pause);
                }
                Step::Job(..) | Step::Idle => return,
            }
        }
    }

    /// Lets the log go when it has been wanted often enough. Ingest is never held up.
    fn unpin(&mut self) {
        let runs = self.conductor.live();
        let is_held = runs.iter().any(|run| run.reason.contains("write-ahead log"));
        let Some((pin, turns)) = self.pin.take().filter(|(_, turns)| *turns > 0) else { return };
        self.pin = Some((pin, turns - u32::from(is_held)));
        if is_held && turns.is_multiple_of(10) {
            self.receive();
        }
    }

    fn receive(&mut self) {
        let group: Vec<Record> = (self.received..self.received + 20).map(reception).collect();
        self.writer.commit(&group).unwrap();
        self.received += 20;
    }
}

fn long_run_with_everything(rows: i64, pinned_turns: u32) {
    let (_folder, path) = hard(rows, 1_000);
    let clock = Clock::system();
    let mut writer = open_at(&path, &clock);
    let config = MigrationsConfig { is_turbo: true, ..MigrationsConfig::default() };
    let conductor = conductor_with(&writer, &clock, &config);
    let options = CheckpointOptions { gauges: writer.wal(), ..CheckpointOptions::default() };
    let checkpointer = Checkpointer::start(&path, options, clock).unwrap();
    writer.commit(&[reception(u64::MAX)]).unwrap();
    let (stop, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let reader = std::thread::spawn({
        let (path, stop, reads) = (path.clone(), Arc::clone(&stop), Arc::clone(&reads));
        move || {
            let conn = read(&path);
            while !stop.load(Ordering::Relaxed) {
                let sql = "SELECT COUNT(*) FROM (SELECT 1 FROM transmissions LIMIT 1000)";
                let _: i64 = conn.query_row(sql, [], |row| row.get(0)).unwrap();
                reads.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let pin = read(&path);
    pin.execute_batch("BEGIN; SELECT COUNT(*) FROM observers").unwrap();
    let pin = Some((pin, pinned_turns)).filter(|(_, turns)| *turns > 0);
    let mut busy = Busy { writer, conductor, received: 0, peak_bytes: 0, pin };
    busy.run(&path, &checkpointer);
    stop.store(true, Ordering::Relaxed);
    reader.join().unwrap();
    checkpointer.stop();
    let Busy { writer, received, peak_bytes, pin, .. } = busy;
    assert!(pin.is_none(), "the log was pinned and nobody minded");
    writer.close().unwrap();

    let sql = "SELECT COUNT(*) FROM transmissions WHERE last_seen = 0";
    assert_eq!(number(&path, sql), 0, "it ended");
    let kept = number(&path, "SELECT COUNT(*) FROM transmissions WHERE hash LIKE 'be%'");
    assert_eq!(kept.unsigned_abs(), received + 1, "no reception is lost");
    let written = rows.unsigned_abs() * 1_000;
    assert!(written > 32 << 20, "the run must write more than the bound");
    assert!(peak_bytes <= 32 << 20, "{} MB of log", peak_bytes >> 20);
    assert!(reads.load(Ordering::Relaxed) > 0);
}

#[test]
fn the_log_stays_short_with_bursts_of_receptions_and_readers_beside_a_long_run() {
    // §10.33, §10.34 in small, 004-30.
    long_run_with_everything(36_000, 0);
}

#[test]
fn a_reader_that_pins_the_log_holds_the_run_up_and_ingest_not_until_it_goes() {
    // §10.10, §10.33.
    long_run_with_everything(36_000, 60);
}

#[test]
#[ignore = "minutes: a million rows (§10.34); cargo test -- --ignored"]
fn the_log_stays_below_32_mb_for_a_million_rows() {
    // 004-35 beside `make bench-backfill`.
    long_run_with_everything(1_000_000, 0);
}

#[test]
fn a_table_that_cannot_be_looked_at_is_an_error_and_never_done_with_no_rows() {
    // 002-04, 002-05.
    let (_folder, path) = seeded(10);
    let mut writer = open(&path);
    read(&path).execute_batch("ALTER TABLE transmissions RENAME TO gone").unwrap();
    let answer = writer.run_batch(&request(LAST_SEEN, 5), &limits());
    assert!(matches!(answer, Err(DbError::Statement { .. })), "{answer:?}");
    let status = "SELECT status = 'pending_async' FROM _async_migrations WHERE name = \
                  'tx_last_seen_backfill_v1'";
    assert_eq!(number(&path, status), 1);
}

#[test]
fn receptions_that_arrive_during_a_run_are_in_the_new_form_and_not_touched_by_it() {
    // 002-24, §10.4.
    let (_folder, path) = seeded(1_000);
    let mut writer = open(&path);
    let first = writer.run_batch(&request(LAST_SEEN, 100), &limits()).unwrap();
    assert_eq!(first.state, BatchState::More);
    writer.commit(&[reception(1)]).unwrap();
    let heard = "SELECT last_seen FROM transmissions WHERE hash LIKE 'be%'";
    assert_eq!(number(&path, heard), 1_784_364_457);
    drop(writer);
    let changed: u64 = run_all(&path).iter().map(|batch| batch.rows_changed).sum();
    assert_eq!(changed, 900);
    assert_eq!(number(&path, heard), 1_784_364_457);
}

#[actix_web::test]
async fn quiescing_ends_the_batches_and_pauses_nothing() {
    // Decision 13: it stays as it is and goes on at the next start.
    let Some(api) = Api::that_writes(Config::default()) else { return };
    let actors = api.actors.as_ref().unwrap();
    actors.begin_backfill();
    let quiesced = actors.backfill.peek::<_, DbError>(Quiesce).await;
    assert!(quiesced.is_ok());
    let mut batches = None;
    for _ in 0..100 {
        let runs = actors.backfill.peek::<_, DbError>(ListMigrations).await.unwrap();
        assert!(runs.iter().all(|run| !matches!(run.state, State::Paused | State::Cancelled)));
        let sum: u64 = runs.iter().map(|run| run.batches).sum();
        assert_eq!(*batches.get_or_insert(sum), sum, "a batch after it was told to be quiet");
    }
}

#[actix_web::test]
async fn the_moves_of_a_migration_can_be_read_newest_first_and_bounded() {
    // §10.17: who, why, when.
    let Some(api) = Api::that_writes(crate::support::api::with_key()) else { return };
    let actors = api.actors.as_ref().unwrap();
    use corescope::perf::backfill::Command;
    for command in [Command::Pause, Command::Resume, Command::Cancel] {
        let (name, by) = (LAST_SEEN.to_owned(), "ops".to_owned());
        let steer = corescope::actors::backfill::Steer { name, command, by };
        actors.backfill.ask(steer).await.unwrap();
    }
    let url = format!("/api/perf/async-migrations/{LAST_SEEN}/moves");
    let moves = api.json(&url).await;
    let told: Vec<_> = moves
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} to {} by {}", one["from"], one["to"], one["by"]).replace('"', ""))
        .collect();
    assert_eq!(
        told,
        ["pending to cancelled by ops", "paused to pending by ops", "pending to paused by ops"]
    );
    assert_eq!(api.json(&format!("{url}?limit=1")).await.as_array().unwrap().len(), 1);
    let none = api.json("/api/perf/async-migrations/nonsense/moves").await;
    assert_eq!(none, serde_json::json!([]));
}

#[actix_web::test]
async fn a_failed_migration_is_shown_and_keeps_no_banner_up() {
    // 002-09, 002-19, 002-20, 004-02, 004-28: what is left to do and what has failed are told apart.
    let Some(api) = Api::over_fixture() else { return };
    api.execute(
        "UPDATE _async_migrations SET status = 'done'; UPDATE _async_migrations SET \
         status = 'failed', error = 'a reason' WHERE name = 'tx_last_seen_backfill_v1'",
    );
    for status in ["failed", "pending_async"] {
        api.execute(&format!(
            "UPDATE _async_migrations SET status = '{status}' WHERE name = '{LAST_SEEN}'"
        ));
        let is_left = status != "failed";
        let mut told = serde_json::Value::Null;
        for _ in 0..200 {
            api.clock.advance_ms(1_000);
            told = api.json("/api/healthz").await;
            let listed = told["async_migrations"].as_array().cloned().unwrap_or_default();
            let row = listed.iter().find(|row| row["name"] == LAST_SEEN).cloned();
            let is_told = |row: &serde_json::Value| (row["status"] == "failed") != is_left;
            if row.as_ref().is_some_and(is_told) {
                break;
            }
        }
        assert_eq!(told["async_migrations_running"], is_left, "{told}");
        let tasks = told["pending_warmup_tasks"].as_array().unwrap();
        assert_eq!(tasks.iter().any(|task| task["name"] == LAST_SEEN), is_left, "{told}");
    }
}
