//! What anybody feels of a migration: `make bench-backfill`.
//!
//! `tx_last_seen_backfill_v1` on a database of operator scale (`CORESCOPE_BENCH_DB`, made by
//! `corescope seed`; a copy is used), with 500 receptions a second arriving and two readers at
//! full speed. In the same run: nothing at all, our runner, (a) one UPDATE for all rows, and (b)
//! fixed batches of 5,000 with pauses of 100 ms. Absolute times depend on the machine; what counts
//! are the ratios.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use corescope::actors::backfill::{Conductor, Step};
use corescope::clock::Clock;
use corescope::config::MigrationsConfig;
use corescope::db::migrations::{BatchRequest, BatchState};
use corescope::db::{CheckpointOptions, Checkpointer, OpenOptions, WriteConnection, open};
use corescope::ingest::reception::{
    NewObservation, NewTransmission, ObserverSeen, PacketReception, Record,
};
use corescope::perf::backfill::Readings;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rusqlite::Connection;

const NAME: &str = "tx_last_seen_backfill_v1";
const FILL: &str = "UPDATE transmissions SET last_seen = (SELECT MAX(timestamp) FROM observations \
                    WHERE transmission_id = transmissions.id) WHERE last_seen = 0 AND EXISTS \
                    (SELECT 1 FROM observations WHERE transmission_id = transmissions.id)";
const GROUP_EVERY: Duration = Duration::from_millis(250);
const GROUP_ROWS: u64 = 125;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Policy {
    Idle,
    Ours,
    OneUpdate,
    Fixed,
}

fn main() {
    let Some(seed) = std::env::var_os("CORESCOPE_BENCH_DB").map(PathBuf::from) else {
        eprintln!("CORESCOPE_BENCH_DB names no database (corescope seed makes one): nothing done");
        return;
    };
    let folder = tempfile::tempdir_in(seed.parent().unwrap()).unwrap();
    let path = folder.path().join("mesh.db");
    std::fs::copy(&seed, &path).unwrap();
    prepare(&path);
    println!(
        "policy     | reader ms p50   p95   p99   max | ingest wait ms p99   max | hold ms p99   max | WAL MB | total s"
    );
    for policy in [Policy::Idle, Policy::Ours, Policy::OneUpdate, Policy::Fixed] {
        reset(&path);
        measure(&path, policy);
    }
}

/// Does everything once, so that all of them find the same indexes and nothing else to do.
fn prepare(path: &Path) {
    let mut writer = writer(path);
    for name in writer.pending_migrations().unwrap() {
        let request = BatchRequest { name: name.to_owned(), rows_max: 5_000 };
        while writer.run_batch(&request).unwrap().state != BatchState::Done {}
    }
    writer.close().unwrap();
}

fn reset(path: &Path) {
    writer(path).close().unwrap();
    let conn = Connection::open(path).unwrap();
    conn.execute_batch(&format!(
        "UPDATE transmissions SET last_seen = 0; DELETE FROM _migration_runs; \
         DELETE FROM _migration_states; UPDATE _async_migrations SET status = 'done'; \
         INSERT OR REPLACE INTO _async_migrations (name, status) VALUES ('{NAME}', 'pending_async'); \
         PRAGMA wal_checkpoint(TRUNCATE);"
    ))
    .unwrap();
}

fn writer(path: &Path) -> WriteConnection {
    open(path, &OpenOptions::new(Clock::system())).unwrap().writer
}

struct Group {
    records: Vec<Record>,
    sent: Instant,
}

fn measure(path: &Path, policy: Policy) {
    let clock = Clock::system();
    let mut writer = writer(path);
    let checkpointer =
        Checkpointer::start(path, CheckpointOptions::default(), clock.clone()).unwrap();
    let gauges = checkpointer.gauges();
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2).map(|_| reader(path, Arc::clone(&stop))).collect();
    let (door, groups) = bounded(64);
    let source = ingest(door, Arc::clone(&stop));
    let wal = watch_wal(path, Arc::clone(&stop));

    let raw = Connection::open(path).unwrap();
    raw.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0").unwrap();
    let stored = writer.stored_states().unwrap();
    let mut conductor = Conductor::new(stored, &MigrationsConfig::default(), clock);
    let (mut waits, mut holds) = (Vec::new(), Vec::new());
    let started = Instant::now();
    let mut next = Instant::now();
    loop {
        serve(&groups, &mut writer, next, &mut waits);
        let begun = Instant::now();
        let pause = match policy {
            Policy::Idle if started.elapsed() > Duration::from_secs(5) => break,
            Policy::Idle => Duration::from_millis(50),
            Policy::OneUpdate | Policy::Fixed => {
                let limit = if policy == Policy::Fixed { 5_000 } else { 100_000_000 };
                let sql = format!(
                    "{FILL} AND id IN (SELECT id FROM transmissions t WHERE \
                    last_seen = 0 AND EXISTS (SELECT 1 FROM observations WHERE transmission_id = \
                    t.id) ORDER BY id LIMIT {limit})"
                );
                let rows = raw.execute(&sql, []).unwrap();
                holds.push(begun.elapsed());
                if rows == 0 || policy == Policy::OneUpdate {
                    break;
                }
                Duration::from_millis(100)
            }
            Policy::Ours => {
                let (log, debt) = (gauges.log_pages().unwrap(), gauges.debt_pages().unwrap());
                gauges.want_checkpoint(log >= 2_000 && debt > 0);
                let pages = if debt == 0 { 0.0 } else { f64::from(log) };
                let readings = Readings { wal_pages: Some(pages), ..Readings::QUIET };
                match conductor.next(&readings, !groups.is_empty()) {
                    Step::Record(moves) => {
                        writer.record_moves(&moves).unwrap();
                        Duration::ZERO
                    }
                    Step::Batch(request, limits) => {
                        let answer = writer.run_bounded(&request, &limits);
                        holds.extend(answer.as_ref().ok().map(|reply| reply.hold));
                        conductor.note(answer)
                    }
                    Step::After(pause) => pause,
                    Step::Job(..) | Step::Idle => break,
                }
            }
        };
        next = Instant::now() + pause;
    }
    let total = started.elapsed();
    // Receptions that a long hold has kept waiting.
    serve(&groups, &mut writer, Instant::now() + GROUP_EVERY, &mut waits);
    stop.store(true, Ordering::Relaxed);
    source.join().unwrap();
    let reads: Vec<Duration> =
        readers.into_iter().flat_map(|reader| reader.join().unwrap()).collect();
    let wal_bytes = wal.join().unwrap();
    checkpointer.stop();
    writer.close().unwrap();
    tell(policy, [reads, waits, holds], wal_bytes, total);
}

/// Commits what arrives until `until`, and what waits already.
fn serve(
    groups: &Receiver<Group>,
    writer: &mut WriteConnection,
    until: Instant,
    waits: &mut Vec<Duration>,
) {
    loop {
        let patience = until.saturating_duration_since(Instant::now());
        match groups.recv_timeout(patience) {
            Ok(group) => {
                waits.push(group.sent.elapsed());
                writer.commit(&group.records).unwrap();
            }
            Err(RecvTimeoutError::Timeout) if groups.is_empty() => return,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn ingest(door: Sender<Group>, stop: Arc<AtomicBool>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            let records = (number..number + GROUP_ROWS).map(record).collect();
            number += GROUP_ROWS;
            // A full door is a writer that is held: nothing is lost, the source waits.
            let _ = door.send_timeout(Group { records, sent: Instant::now() }, GROUP_EVERY);
            sleep(GROUP_EVERY);
        }
    })
}

fn record(number: u64) -> Record {
    let hash = if number.is_multiple_of(20) { number } else { number % 997 };
    Record::Packet(Box::new(PacketReception {
        heard_at_s: 1_784_364_457 + i64::try_from(number / 100).unwrap(),
        observer: ObserverSeen { id: format!("{:064X}", number % 60), ..ObserverSeen::default() },
        naive_clock_skew_s: None,
        received_at_s: None,
        transmission: NewTransmission {
            hash: format!("be{hash:014x}"),
            raw_hex: "15".repeat(65),
            route_type: 1,
            payload_type: 5,
            payload_version: 0,
            decoded_json: "{}".to_owned(),
            channel_hash: None,
            scope_name: None,
            from_pubkey: None,
        },
        observation: NewObservation {
            path_json: format!("[\"{:02X}\"]", number % 251),
            ..NewObservation::default()
        },
        advert: None,
    }))
}

fn reader(path: &Path, stop: Arc<AtomicBool>) -> JoinHandle<Vec<Duration>> {
    let path = path.to_owned();
    std::thread::spawn(move || {
        let conn = Connection::open(path).unwrap();
        conn.execute_batch("PRAGMA query_only = 1; PRAGMA cache_size = -8000").unwrap();
        let mut times = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let started = Instant::now();
            let mut page = conn
                .prepare_cached(
                    "SELECT id, hash, decoded_json, (SELECT COUNT(*) FROM observations WHERE \
                     transmission_id = t.id) FROM transmissions t ORDER BY first_seen DESC LIMIT 50",
                )
                .unwrap();
            let mut rows = page.query([]).unwrap();
            while rows.next().unwrap().is_some() {}
            times.push(started.elapsed());
            sleep(Duration::from_millis(1));
        }
        times
    })
}

fn watch_wal(path: &Path, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    let wal = PathBuf::from(format!("{}-wal", path.display()));
    std::thread::spawn(move || {
        let mut most = 0;
        while !stop.load(Ordering::Relaxed) {
            most = most.max(std::fs::metadata(&wal).map_or(0, |file| file.len()));
            sleep(Duration::from_millis(5));
        }
        most
    })
}

fn tell(policy: Policy, series: [Vec<Duration>; 3], wal_bytes: u64, total: Duration) {
    let [reads, waits, holds] = series.map(|mut times| {
        times.sort();
        times
    });
    let at = |times: &[Duration], share: f64| -> f64 {
        let index = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
        times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    println!(
        "{:10} | {:11.2} {:7.2} {:5.2} {:6.1} | {:18.2} {:7.1} | {:11.2} {:6.1} | {:6.1} | {:6.2}",
        format!("{policy:?}"),
        at(&reads, 0.5),
        at(&reads, 0.95),
        at(&reads, 0.99),
        at(&reads, 1.0),
        at(&waits, 0.99),
        at(&waits, 1.0),
        at(&holds, 0.99),
        at(&holds, 1.0),
        wal_bytes as f64 / (1 << 20) as f64,
        total.as_secs_f64()
    );
}
