//! What anybody feels of a migration: `make bench-backfill`.
//!
//! `tx_last_seen_backfill_v1` on a database of operator scale (`CORESCOPE_BENCH_DB`, made by
//! `corescope seed`; a copy is used), with 500 receptions a second arriving and two readers at
//! full speed. In the same run: nothing at all, our runner at the default duty cycle and at full
//! speed, (a) one UPDATE for all rows, and (b) fixed batches of 5,000 with pauses of 100 ms; then
//! the same on the machine alone. Absolute times depend on the machine; what counts are the ratios.
//!
//! `CORESCOPE_BENCH_ROWS=1000000` adds so many short transmissions first: the log's bound is to
//! hold for a million rows too (`design/backfill.md` §10.34).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

#[path = "support/figures.rs"]
mod figures;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use corescope::actors::backfill::{Conductor, Step};
use corescope::clock::Clock;
use corescope::config::MigrationsConfig;
use corescope::db::migrations::{BatchLimits, BatchRequest, BatchState};
use corescope::db::{CheckpointOptions, Checkpointer, OpenOptions, WriteConnection, open};
use corescope::ingest::reception::{
    NewObservation, NewTransmission, ObserverSeen, PacketReception, Record,
};
use corescope::perf::backfill::{Limits, Readings};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rusqlite::Connection;

const NAME: &str = "tx_last_seen_backfill_v1";
const FILL: &str = "UPDATE transmissions SET last_seen = (SELECT MAX(timestamp) FROM observations \
                    WHERE transmission_id = transmissions.id) WHERE last_seen = 0 AND EXISTS \
                    (SELECT 1 FROM observations WHERE transmission_id = transmissions.id)";
/// Those without observations stay as they are.
const LEFT: &str = "SELECT COUNT(*) FROM transmissions t WHERE last_seen = 0 AND EXISTS \
                    (SELECT 1 FROM observations WHERE transmission_id = t.id)";
const GROUP_EVERY: Duration = Duration::from_millis(250);
const GROUP_ROWS: u64 = 125;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Policy {
    Idle,
    Ours,
    FullSpeed,
    OneUpdate,
    Fixed,
}

/// What one run measured; times are sorted.
struct Figures {
    reads: Vec<Duration>,
    waits: Vec<Duration>,
    holds: Vec<Duration>,
    wal_bytes: u64,
    total: Duration,
    /// The last checkpoint included.
    settled: Duration,
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
    let added: u64 = std::env::var("CORESCOPE_BENCH_ROWS").map_or(0, |rows| rows.parse().unwrap());
    add_rows(&path, added);
    let policies =
        [Policy::Idle, Policy::Ours, Policy::FullSpeed, Policy::OneUpdate, Policy::Fixed];
    for is_busy in [true, false] {
        let scene = if is_busy { "500 receptions/s, 2 readers" } else { "alone" };
        println!(
            "\n{scene:27} | reader ms p50   p95   p99   max | ingest wait ms p99   max | \
             hold ms p99   max | WAL MB | total s, moved"
        );
        let mut told = Vec::new();
        for policy in policies.into_iter().filter(|policy| is_busy || *policy != Policy::Idle) {
            reset(&path);
            let figures = measure(&path, policy, is_busy);
            tell(policy, &figures);
            told.push((policy, figures));
        }
        compare(&told);
        tell_figures(&told, is_busy);
    }
}

fn add_rows(path: &Path, count: u64) {
    if count == 0 {
        return;
    }
    let conn = Connection::open(path).unwrap();
    conn.execute_batch(&format!(
        "PRAGMA synchronous = OFF; \
         CREATE TEMP TABLE n AS WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n \
         LIMIT {count}) SELECT v FROM n; \
         INSERT INTO transmissions (raw_hex, hash, first_seen, route_type, payload_type, \
         decoded_json, last_seen) SELECT '15', 'more' || v, '2026-05-17T16:05:57Z', 1, 5, '{{}}', 0 \
         FROM n; \
         INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
         SELECT id, 1, '[]', 1784364457 FROM transmissions WHERE hash LIKE 'more%'; \
         PRAGMA wal_checkpoint(TRUNCATE);"
    ))
    .unwrap();
}

/// The same for `make bench`.
fn tell_figures(told: &[(Policy, Figures)], is_busy: bool) {
    for (policy, figures) in told {
        let name = match (policy, is_busy) {
            (Policy::Idle | Policy::Fixed, _) => continue,
            (Policy::Ours, true) => "backfill",
            (Policy::Ours, false) => "backfill.alone",
            (Policy::FullSpeed, true) => "backfill.full",
            (Policy::FullSpeed, false) => "backfill.alone.full",
            (Policy::OneUpdate, true) => "backfill.one-update",
            (Policy::OneUpdate, false) => "backfill.alone.one-update",
        };
        let tell = |what: &str, value, unit| figures::tell(&format!("{name}.{what}"), value, unit);
        tell("total", figures.total.as_secs_f64(), "s");
        tell("hold-p99", at(&figures.holds, 0.99), "ms");
        tell("hold-max", at(&figures.holds, 1.0), "ms");
        tell("wal", figures.wal_bytes as f64 / (1 << 20) as f64, "MB");
        if is_busy {
            tell("wait-p99", at(&figures.waits, 0.99), "ms");
        }
    }
    let reads = |wanted: Policy| told.iter().find(|(policy, _)| *policy == wanted);
    if let (Some((_, ours)), Some((_, idle))) = (reads(Policy::Ours), reads(Policy::Idle)) {
        let ratio = at(&ours.reads, 0.99) / at(&idle.reads, 0.99);
        figures::tell("backfill.reader-ratio", ratio, "");
    }
}

/// The limits of the same run beside ours (decision 40), and the goals.
fn compare(told: &[(Policy, Figures)]) {
    let of = |wanted| told.iter().find(|(policy, _)| *policy == wanted).map(|(_, figures)| figures);
    let (Some(ours), Some(full), Some(limit)) =
        (of(Policy::Ours), of(Policy::FullSpeed), of(Policy::OneUpdate))
    else {
        return;
    };
    let ratio = |figures: &Figures| figures.settled.as_secs_f64() / limit.settled.as_secs_f64();
    println!("total, moved ÷ one UPDATE: {:.2}, at full speed {:.2}", ratio(ours), ratio(full));
    let held = ours.holds.iter().sum::<Duration>().as_secs_f64();
    println!("time held ÷ one UPDATE: {:.2}", held / limit.total.as_secs_f64());
    if let Some(idle) = of(Policy::Idle) {
        let p99 = |figures: &Figures| at(&figures.reads, 0.99);
        println!("reader p99 ÷ idle: {:.2} (goal 1.5)", p99(ours) / p99(idle));
    }
    println!("goals: ingest wait p99 25 ms, hold p99 10 and max 30 ms, WAL 16 MB (32 for 1M rows)");
}

/// Does everything once, so that all of them find the same indexes and nothing else to do.
fn prepare(path: &Path) {
    let mut writer = writer(path);
    let stored = writer.stored_states().unwrap().into_iter();
    for name in stored.filter(|stored| !stored.state.is_final()).map(|stored| stored.name) {
        let request = BatchRequest { name: name.to_owned(), rows_max: 5_000 };
        while writer.run_batch(&request, &BatchLimits::default()).unwrap().state != BatchState::Done
        {
        }
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

fn measure(path: &Path, policy: Policy, is_busy: bool) -> Figures {
    let clock = Clock::system();
    let mut writer = writer(path);
    let options = CheckpointOptions { gauges: writer.wal(), ..CheckpointOptions::default() };
    let checkpointer = Checkpointer::start(path, options, clock.clone()).unwrap();
    let gauges = checkpointer.gauges();
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> =
        (0..if is_busy { 2 } else { 0 }).map(|_| reader(path, Arc::clone(&stop))).collect();
    let (door, groups) = bounded(64);
    let source = is_busy.then(|| ingest(door.clone(), Arc::clone(&stop)));
    let wal = watch_wal(path, Arc::clone(&stop));

    let raw = Connection::open(path).unwrap();
    raw.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0").unwrap();
    let stored = writer.stored_states().unwrap();
    let is_turbo = policy == Policy::FullSpeed;
    let config = MigrationsConfig { is_turbo, ..MigrationsConfig::default() };
    let mut conductor = Conductor::new(stored, &config, clock);
    let gate = Limits::default().wal_pages.throttle_at;
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
                let some = "AND id IN (SELECT id FROM transmissions t WHERE last_seen = 0 AND \
                    EXISTS (SELECT 1 FROM observations WHERE transmission_id = t.id) \
                    ORDER BY id LIMIT 5000)";
                let some = if policy == Policy::Fixed { some } else { "" };
                let rows = raw.execute(&format!("{FILL} {some}"), []).unwrap();
                holds.push(begun.elapsed());
                if rows == 0 || policy == Policy::OneUpdate {
                    break;
                }
                Duration::from_millis(100)
            }
            Policy::Ours | Policy::FullSpeed => {
                let wal_pages = gauges.unsettled_pages(gate);
                let readings = Readings { wal_pages, ..Readings::QUIET };
                match conductor.next(&readings, !groups.is_empty()) {
                    Step::Record(moves) => {
                        writer.record_moves(&moves).unwrap();
                        Duration::ZERO
                    }
                    Step::Batch(request, limits) => {
                        let answer = writer.run_batch(&request, &limits);
                        if let Ok(reply) = &answer {
                            holds.push(reply.hold);
                        }
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
    // What one UPDATE leaves in the log has still to be moved: the others have paid for it.
    raw.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
    let settled = started.elapsed();
    // Receptions that a long hold has kept waiting.
    serve(&groups, &mut writer, Instant::now() + GROUP_EVERY, &mut waits);
    stop.store(true, Ordering::Relaxed);
    if let Some(source) = source {
        source.join().unwrap();
    }
    drop(door);
    let reads = readers.into_iter().flat_map(|reader| reader.join().unwrap()).collect();
    let wal_bytes = wal.join().unwrap();
    checkpointer.stop();
    writer.close().unwrap();
    let left: u64 = raw.query_row(LEFT, [], |row| row.get(0)).unwrap();
    assert!(policy == Policy::Idle || left == 0, "{left} rows were not filled by {policy:?}");
    let [reads, waits, holds] = [reads, waits, holds].map(|mut times: Vec<Duration>| {
        times.sort();
        times
    });
    Figures { reads, waits, holds, wal_bytes, total, settled }
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

/// Milliseconds of which this share of the times is no longer.
fn at(times: &[Duration], share: f64) -> f64 {
    let index = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
    times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

fn tell(policy: Policy, figures: &Figures) {
    let Figures { reads, waits, holds, wal_bytes, total, settled } = figures;
    println!(
        "{:27} | {:13.2} {:5.2} {:5.2} {:5.1} | {:18.2} {:5.1} | {:11.2} {:5.1} | {:6.1} | {:7.2} {:7.2}",
        format!("{policy:?}"),
        at(reads, 0.5),
        at(reads, 0.95),
        at(reads, 0.99),
        at(reads, 1.0),
        at(waits, 0.99),
        at(waits, 1.0),
        at(holds, 0.99),
        at(holds, 1.0),
        *wal_bytes as f64 / (1 << 20) as f64,
        total.as_secs_f64(),
        settled.as_secs_f64()
    );
}
