//! What analytics cost: making the digests of a history, answering from them, and the marks that
//! ingest leaves. `make bench-analytics`.
//!
//! `CORESCOPE_BENCH_DB` names a database of operator scale (made by `corescope seed`), of which a
//! copy beside it is used; without it a small one is made. Answers are made anew each time: what
//! is kept is never asked.
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "support/figures.rs"]
mod figures;
#[path = "support/reception.rs"]
mod reception;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use corescope::clock::Clock;
use corescope::db::analytics::{self, Asked, MIGRATION};
use corescope::db::bulk::{BulkWriter, Era};
use corescope::db::migrations::{BatchLimits, BatchRequest, BatchState, JobRequest, JobWindow};
use corescope::db::{OpenOptions, Reader, ReaderOptions, Readers, WriteConnection, open};
use corescope::ingest::reception::{PacketReception, Record};
use corescope::sim::history::{self, HistoryPlan};
use corescope::sim::network::Network;
use corescope::store::analytics::Window;
use rusqlite::Connection;

const DAY_MS: i64 = 86_400_000;
const END_S: i64 = 1_784_364_457;
/// Packets of a step, as the runner chooses them for its hold target of 10 ms.
const STEP_ROWS: u64 = 128;
const ANSWERS: usize = 15;
const GROUPS: u64 = 60;
const GROUP_ROWS: u64 = 1_000;

fn main() {
    let (_folder, path) = database();
    let mut writer = open(&path, &OpenOptions::new(Clock::system())).unwrap().writer;
    let stored = writer.stored_states().unwrap().into_iter();
    for name in stored.filter(|stored| !stored.state.is_final()).map(|stored| stored.name) {
        if name == MIGRATION {
            build(&mut writer, &path);
        } else {
            let request = BatchRequest { name: name.to_owned(), rows_max: 5_000 };
            while writer.run_batch(&request, &BatchLimits::default()).unwrap().state
                != BatchState::Done
            {}
        }
    }
    let system = actix_web::rt::System::new();
    let readers = Readers::open(&path, ReaderOptions::default()).unwrap();
    println!("answer from digests              | ms p50    max | bytes");
    system.block_on(answers(&readers, &path));
    ingest(&mut writer, &path);
}

fn database() -> (tempfile::TempDir, PathBuf) {
    if let Some(seed) = std::env::var_os("CORESCOPE_BENCH_DB").map(PathBuf::from) {
        let folder = tempfile::tempdir_in(seed.parent().unwrap()).unwrap();
        let path = folder.path().join("mesh.db");
        std::fs::copy(&seed, &path).unwrap();
        return (folder, path);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    let plan = HistoryPlan {
        transmissions: 7_000,
        observations: 150_000,
        seed: 1,
        end_s: END_S,
        span_s: 30 * 86_400,
        padding_bytes: 0,
        era: Era::PreBackfill,
    };
    let options = OpenOptions::new(Clock::manual(END_S * 1_000));
    let writer = BulkWriter::create(&path, plan.era, &options).unwrap();
    history::write(&plan, &Network::new(&plan.network()), &writer, |_| {}).unwrap();
    writer.finish(|_| {}).unwrap();
    (folder, path)
}

/// All digests, step by step.
fn build(writer: &mut WriteConnection, path: &Path) {
    let request = BatchRequest { name: MIGRATION.to_owned(), rows_max: STEP_ROWS };
    let (started, mut holds_ms, mut wal_pages) = (Instant::now(), Vec::new(), 0);
    loop {
        let reply = writer.run_batch(&request, &BatchLimits::default()).unwrap();
        holds_ms.push(reply.hold.as_secs_f64() * 1e3);
        wal_pages += u64::from(reply.wal_pages);
        if reply.state == BatchState::Done {
            break;
        }
    }
    let total_s = started.elapsed().as_secs_f64();
    holds_ms.sort_by(f64::total_cmp);
    let at = |share: f64| holds_ms[((holds_ms.len() - 1) as f64 * share) as usize];
    let one = |sql: &str| {
        Connection::open(path).unwrap().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let bytes = one("SELECT SUM(length(packets) + length(receptions)) FROM _analytics_blocks");
    let receptions = one("SELECT COUNT(*) FROM observations");
    println!("digests of all history: {total_s:.2} s in {} steps of {STEP_ROWS}", holds_ms.len());
    println!("  hold ms p50 {:.1} p99 {:.1} max {:.1}", at(0.5), at(0.99), at(1.0));
    println!(
        "  {} blocks, {:.1} MB, {:.1} bytes a reception, {:.0} MB through the WAL",
        one("SELECT COUNT(*) FROM _analytics_blocks"),
        bytes as f64 / 1e6,
        bytes as f64 / receptions as f64,
        wal_pages as f64 * 4_120.0 / 1e6
    );
}

async fn answers(readers: &Readers, path: &Path) {
    let sql = "SELECT MAX(timestamp) FROM observations";
    let end_s: i64 = Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap();
    let sql = "SELECT upper(iata) FROM observers GROUP BY 1 ORDER BY COUNT(*) DESC LIMIT 1";
    let region: String = Connection::open(path).unwrap().query_row(sql, [], |r| r.get(0)).unwrap();
    let since = |ms: i64| Window { from_ms: Some(end_s * 1_000 - ms), to_ms: None };
    let all = Window::default();
    let none: &[String] = &[];
    let one = std::slice::from_ref(&region);
    let cases = [
        ("rf", none, all),
        ("rf, last day", none, since(DAY_MS)),
        ("rf, last 7 days", none, since(7 * DAY_MS)),
        ("rf, a region", one, all),
        ("rf, a region, last 7 days", one, since(7 * DAY_MS)),
        ("hash-sizes", none, all),
        ("hash-sizes, a region", one, all),
    ];
    for (name, regions, window) in cases {
        let (mut times_ms, mut bytes) = (Vec::new(), 0);
        for _ in 0..ANSWERS {
            let regions = regions.to_vec();
            let is_rf = name.starts_with("rf");
            let started = Instant::now();
            bytes = readers
                .ask(move |reader| {
                    let asked = Asked { regions: &regions, area: None, window };
                    Ok(if is_rf { rf(reader, &asked) } else { hash_sizes(reader, &asked) })
                })
                .await
                .unwrap();
            times_ms.push(started.elapsed().as_secs_f64() * 1e3);
        }
        times_ms.sort_by(f64::total_cmp);
        println!(
            "{name:32} | {:6.1} {:6.1} | {bytes}",
            times_ms[ANSWERS / 2],
            times_ms[ANSWERS - 1]
        );
        let name = name.replace([' ', ','], "-");
        figures::tell(&format!("analytics.{name}"), times_ms[ANSWERS / 2], "ms");
    }
}

fn rf(reader: &Reader, asked: &Asked<'_>) -> usize {
    let body = analytics::rf(reader, asked).unwrap().unwrap();
    corescope::web::json::bytes(&body).len()
}

fn hash_sizes(reader: &Reader, asked: &Asked<'_>) -> usize {
    let body = analytics::hash_sizes(reader, asked, |_, _| true).unwrap().unwrap();
    corescope::web::json::bytes(&body).len()
}

/// The same groups with the marks and without, in turns.
fn ingest(writer: &mut WriteConnection, path: &Path) {
    let mut next = 0;
    let mut group = |writer: &mut WriteConnection| {
        let records: Vec<Record> =
            (next..next + GROUP_ROWS).map(|n| Record::Packet(Box::new(reception(n)))).collect();
        next += GROUP_ROWS;
        let begun = Instant::now();
        writer.commit(&records).unwrap();
        begun.elapsed().as_secs_f64() * 1e6 / GROUP_ROWS as f64
    };
    let conn = Connection::open(path).unwrap();
    let sql = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'";
    let triggers: Vec<(String, String)> = conn
        .prepare(sql)
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..GROUPS {
        with.push(group(writer));
        triggers.iter().for_each(|(name, _)| {
            conn.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
        });
        group(writer);
        without.push(group(writer));
        triggers.iter().for_each(|(_, sql)| conn.execute_batch(sql).unwrap());
        group(writer);
    }
    let median = |mut list: Vec<f64>| {
        list.sort_by(f64::total_cmp);
        list[list.len() / 2]
    };
    let (with, without) = (median(with), median(without));
    println!("ingest, groups of {GROUP_ROWS}: {with:.1} us a packet, {without:.1} without marks");
    let (started, mut blocks, mut after) = (Instant::now(), 0, None);
    let mut hold_max = Duration::ZERO;
    loop {
        let window = JobWindow { after, rows_max: 4_000 };
        let request = JobRequest { job: analytics::refresh_job(), window };
        let done = writer.run_job(&request, &BatchLimits::default()).unwrap();
        (blocks, after) = (blocks + done.rows_changed, done.cursor);
        hold_max = hold_max.max(done.hold);
        if done.state == BatchState::Done {
            break;
        }
    }
    let ms = started.elapsed().as_secs_f64() * 1e3 / blocks.max(1) as f64;
    println!("  {blocks} stale digests made anew, {ms:.1} ms each, hold max {hold_max:?}");
}

/// The `n`th reception: 95 % repeat a packet that is known, as in a real mesh.
fn reception(n: u64) -> PacketReception {
    let packet = n / 20;
    reception::reception(n, format!("new{packet:013x}"), END_S)
}
