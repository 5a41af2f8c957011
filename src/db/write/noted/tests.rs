//! The ledger's sums are the connection's own totals, on a real database.

use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::hooks::Wal;

use super::super::tests::{statuses, writer};
use super::*;
use crate::clock::Clock;
use crate::db::counters;
use crate::db::migrations::{BatchLimits, BatchRequest, BatchState};
use crate::db::options::OpenOptions;
use crate::ingest::reception::Record;
use crate::ingest::reception::{
    AdvertSeen, NewObservation, NewTransmission, ObserverMetrics, ObserverSeen, PacketReception,
    StatusReport,
};
use crate::perf::backfill::{Move, State};
use crate::perf::ledger::Sums;

/// What SQLite itself says of the connection, by ways that the ledger does not use.
struct Witness {
    commits: Arc<AtomicU64>,
    frames: Arc<AtomicU64>,
    written: u32,
    changes: u64,
}

impl Witness {
    /// Watches from now on. The WAL must not be cut meanwhile.
    fn of(writer: &mut WriteConnection) -> Self {
        let (commits, frames) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (count, sum, mut before) = (commits.clone(), frames.clone(), log_frames(writer));
        writer
            .conn
            .commit_hook(Some(move || {
                count.fetch_add(1, Ordering::Relaxed);
                false
            }))
            .unwrap();
        let hook = move |_: &mut Wal, log: i32| {
            let log = u64::try_from(log).unwrap();
            sum.fetch_add(log - before, Ordering::Relaxed);
            before = log;
            Ok(())
        };
        writer.conn.wal_hook(Some(hook)).unwrap();
        let written = counters::pages_written(&writer.conn).unwrap();
        Self { commits, frames, written, changes: writer.conn.total_changes() }
    }

    fn written(&self, writer: &WriteConnection) -> u64 {
        counters::pages_since(&writer.conn, Some(self.written)).into()
    }
}

fn log_frames(writer: &WriteConnection) -> u64 {
    let sql = "PRAGMA wal_checkpoint(NOOP)";
    writer.conn.query_row(sql, [], |row| row.get::<_, u64>(1)).unwrap()
}

fn sums(writer: &WriteConnection) -> Sums {
    let mut all = Sums::default();
    writer.ledger().snapshot().sums.into_values().for_each(|sums| all += sums);
    all
}

fn packet(number: u64) -> Record {
    let advert = number.is_multiple_of(3).then(|| AdvertSeen {
        public_key: format!("{number:064x}"),
        name: Some(format!("Node {number}")),
        role: "repeater".to_owned(),
        ..AdvertSeen::default()
    });
    Record::Packet(Box::new(PacketReception {
        heard_at_s: 1_784_364_457,
        observer: ObserverSeen { id: format!("observer {}", number % 7), ..Default::default() },
        naive_clock_skew_s: None,
        received_at_s: None,
        transmission: NewTransmission {
            hash: format!("{number:016x}"),
            raw_hex: "15".repeat(40),
            route_type: 1,
            payload_type: 4,
            payload_version: 0,
            decoded_json: "{}".repeat(30),
            channel_hash: None,
            scope_name: None,
            from_pubkey: None,
        },
        observation: NewObservation { path_json: "[]".to_owned(), ..Default::default() },
        advert,
    }))
}

fn status_with_metrics() -> Record {
    Record::Status(Box::new(StatusReport {
        heard_at_s: 1_784_364_457,
        observer: ObserverSeen { id: "observer 1".to_owned(), ..Default::default() },
        metrics: Some(ObserverMetrics { battery_mv: Some(3_900), ..Default::default() }),
        ..Default::default()
    }))
}

/// Rows that some migration has to change: receptions whose paths are not known.
fn add_unfinished_rows(writer: &WriteConnection, count: u64) {
    writer
        .conn
        .execute_batch(&format!(
            "INSERT INTO observers (id) VALUES ('someone');
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO transmissions (raw_hex, hash, first_seen, last_seen)
             SELECT '15', 'unfinished ' || i, '2026-07-18T08:47:37Z', 0 FROM n;
         INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp)
             SELECT id, 1, '[]', 1784364457 FROM transmissions WHERE last_seen = 0;"
        ))
        .unwrap();
}

fn run_to_the_end(writer: &mut WriteConnection, name: &str) -> u64 {
    let request = BatchRequest { name: name.to_owned(), rows_max: 50 };
    let mut changed = 0;
    loop {
        let reply = writer.run_batch(&request, &BatchLimits::default()).unwrap();
        changed += reply.rows_changed;
        if reply.state == BatchState::Done {
            return changed;
        }
    }
}

fn shift(writer: &mut WriteConnection, from: State, to: State) {
    let name = "tx_last_seen_backfill_v1";
    let (why, by) = ("a test".to_owned(), "a test".to_owned());
    writer.record_moves(&[Move { name, from, to, why, by, at_ms: 1 }]).unwrap();
}

#[test]
fn the_sums_of_the_ledger_are_the_totals_of_the_connection() {
    // 001-04, 001-05, HZ 17, backfill.md §10.31
    let (_folder, mut writer) = writer();
    add_unfinished_rows(&writer, 240);
    writer.meter.read(&writer.conn);
    let witness = Witness::of(&mut writer);
    for group in 0..20_u64 {
        let mut records: Vec<Record> = (0..40).map(|n| packet(group * 30 + n)).collect();
        records.push(status_with_metrics());
        writer.commit(&records).unwrap();
    }
    let changes_of_groups = writer.conn.total_changes() - witness.changes;
    assert_eq!(sums(&writer).rows, changes_of_groups, "every row of a group has a source");
    shift(&mut writer, State::Failed, State::Pending);
    let changed = run_to_the_end(&mut writer, "tx_last_seen_backfill_v1");
    assert_eq!(changed, 240);
    shift(&mut writer, State::Running, State::Failed);

    let all = sums(&writer);
    assert_eq!(all.wal_pages, witness.written(&writer), "SQLITE_DBSTATUS_CACHE_WRITE");
    assert_eq!(all.wal_pages, witness.frames.load(Ordering::Relaxed), "frames of the WAL");
    assert_eq!(all.transactions, witness.commits.load(Ordering::Relaxed), "commits");
    let by_source = writer.ledger().snapshot().sums;
    let snapshot = writer.ledger().snapshot();
    assert_eq!(snapshot.backfill_updates()["tx_last_seen"], 240, "one a row");
    assert_eq!(snapshot.commits(), all.transactions);
    for source in [Source::Packets, Source::Adverts, Source::Observers, Source::Metrics] {
        assert!(by_source[&source].rows > 0 && by_source[&source].wal_pages > 0, "{source}");
    }
    assert_eq!(all.errors, 0);
}

#[test]
fn what_is_rolled_back_is_an_error_and_its_pages_are_not_forgotten() {
    let (_folder, mut writer) = writer();
    let witness = Witness::of(&mut writer);
    // A cache this small spills: pages reach the WAL before the transaction has ended.
    writer.conn.pragma_update(None, "cache_size", 10).unwrap();
    let pages: i64 = writer.conn.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    writer.conn.pragma_update_and_check(None, "max_page_count", pages + 40, |_| Ok(())).unwrap();
    writer.commit(&statuses(1_000)).unwrap_err();
    let all = sums(&writer);
    assert_eq!((all.errors, all.transactions, all.rows), (1, 0, 0));
    assert!(all.wal_pages > 0 && all.wal_pages == witness.written(&writer), "{all:?}");
    assert_eq!(writer.ledger().snapshot().components["mqtt_handler"].count, 1, "spec §4.2");
}

#[test]
fn a_record_that_is_refused_leaves_an_error_and_no_rows() {
    let (_folder, mut writer) = writer();
    writer
        .conn
        .execute_batch(
            "CREATE TRIGGER no_more BEFORE INSERT ON transmissions WHEN NEW.hash LIKE '%7' \
         BEGIN SELECT RAISE(ABORT, 'refused'); END",
        )
        .unwrap();
    writer.meter.read(&writer.conn);
    let witness = Witness::of(&mut writer);
    let records: Vec<Record> = (0..10).map(packet).collect();
    let commit = writer.commit(&records).unwrap();
    assert_eq!(commit.counts.write_errors, 1);
    let by_source = writer.ledger().snapshot().sums;
    assert_eq!((by_source[&Source::Packets].errors, by_source[&Source::Packets].rows), (1, 18));
    let all = sums(&writer);
    assert_eq!((all.transactions, witness.commits.load(Ordering::Relaxed)), (1, 1));
    assert_eq!(all.wal_pages, witness.written(&writer));
}

#[test]
fn waits_count_from_the_moment_of_being_handed_over() {
    let clock = Clock::manual(1_784_364_457_000);
    let folder = tempfile::tempdir().unwrap();
    let options = OpenOptions::new(clock.clone());
    let mut writer = crate::db::open(&folder.path().join("mesh.db"), &options).unwrap().writer;
    let sent_at = clock.monotonic();
    clock.advance_ms(250);
    writer.note_sent(sent_at);
    writer.commit(&statuses(1)).unwrap();
    writer.commit(&statuses(1)).unwrap();
    let perf = writer.ledger().snapshot().components["mqtt_handler"];
    assert_eq!((perf.count, perf.contention_total, perf.wait_ms_max), (2, 1, 250.0));
}
