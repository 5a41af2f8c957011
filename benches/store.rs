//! The RAM window at operator scale: how long it takes to fill, to publish and to ask, and how
//! many bytes it holds for an observation.
//!
//! `cargo bench --bench store`; `CORESCOPE_BENCH_DB` names a database (`corescope seed`), which is
//! opened for reading; without it a small one is made.
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use corescope::clock::Clock;
use corescope::db::bulk::{BulkWriter, Era};
use corescope::db::packets::records;
use corescope::db::{OpenOptions, ReaderOptions, Readers};
use corescope::sim::history::{self, HistoryPlan};
use corescope::sim::network::Network;
use corescope::store::{Floor, Record, Snapshot, Store, Wanted};
use rusqlite::Connection;

const CHUNK: usize = 500;
const RUNS: u32 = 20;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = ReaderOptions { deadline: Duration::from_secs(60), ..Default::default() };
    let readers = Readers::open(&path, options).unwrap();
    let mut store = Store::new();
    let ids = ids(&path);
    let (mut read, mut put) = (Duration::ZERO, Duration::ZERO);
    let mut touched = Vec::new();
    for chunk in ids.chunks(CHUNK) {
        let chunk = chunk.to_vec();
        let begun = Instant::now();
        let rows = runtime.block_on(readers.ask(move |reader| records(reader, &chunk))).unwrap();
        read += begun.elapsed();
        touched.extend(rows.first().cloned());
        let begun = Instant::now();
        rows.into_iter().for_each(|row| store.put(row));
        put += begun.elapsed();
    }
    store.set_floor(Floor::Everything);
    let snapshot = store.publish();
    report(&snapshot, read, put);
    publish(&mut store, &touched);
    ask(&snapshot, &touched);
}

fn report(snapshot: &Snapshot, read: Duration, put: Duration) {
    let (rows, seen) = (snapshot.transmissions(), snapshot.observations());
    println!("{rows} transmissions, {seen} observations, {} bytes", snapshot.bytes());
    println!("bytes per observation: {:.1}", snapshot.bytes() as f64 / seen as f64);
    println!("read from SQLite: {read:.1?}; put in: {put:.1?}");
    let begun = Instant::now();
    println!("{:?} in {:.1?}", snapshot.figures(), begun.elapsed());
}

fn publish(store: &mut Store, touched: &[Record]) {
    let step = (touched.len() / 100).max(1);
    let hundred: Vec<&Record> = touched.iter().step_by(step).take(100).collect();
    let begun = Instant::now();
    hundred.iter().for_each(|record| store.put((*record).clone()));
    let put = begun.elapsed();
    let begun = Instant::now();
    drop(store.publish());
    println!("{} spread repeats: put {put:.2?}, publish {:.2?}", hundred.len(), begun.elapsed());
}

fn ask(snapshot: &Snapshot, touched: &[Record]) {
    let middle = &touched[touched.len() / 2];
    let relay = touched.iter().flat_map(|row| &row.seen).find_map(|seen| seen.relays.first());
    let cases = [
        ("everything", Wanted::default()),
        ("hash", Wanted { hashes: Some(vec![middle.hash.clone()]), ..Wanted::default() }),
        ("type", Wanted { payload_type: Some(4), ..Wanted::default() }),
        ("since", Wanted { since: Some(middle.first_seen.clone()), ..Wanted::default() }),
        ("observer", Wanted { heard_by: vec![vec![3]], ..Wanted::default() }),
        ("region", Wanted { heard_by: vec![(1..40).collect()], ..Wanted::default() }),
        ("node", Wanted { nodes: relay.map(|key| vec![key.clone()]), ..Wanted::default() }),
    ];
    for (name, wanted) in cases {
        let plain = best_of(|| snapshot.matching(&wanted).len());
        let grouped = best_of(|| snapshot.newest(&wanted, &[], (0, 50)).1);
        println!("{name}: {} rows, by id {:.2?}, by latest {:.2?}", plain.0, plain.1, grouped.1);
    }
}

fn best_of(query: impl Fn() -> usize) -> (usize, Duration) {
    let run = |_| {
        let begun = Instant::now();
        (query(), begun.elapsed())
    };
    (0..RUNS).map(run).min_by_key(|(_, took)| *took).unwrap()
}

fn ids(path: &Path) -> Vec<i64> {
    let conn = Connection::open(path).unwrap();
    let mut rows = conn.prepare("SELECT id FROM transmissions ORDER BY id DESC").unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn database(folder: &Path) -> PathBuf {
    if let Some(path) = std::env::var_os("CORESCOPE_BENCH_DB") {
        return path.into();
    }
    let path = folder.join("meshcore.db");
    let plan = HistoryPlan {
        transmissions: 2_000,
        observations: 40_000,
        seed: 1,
        end_s: 1_784_332_800,
        span_s: 30 * 86_400,
        padding_bytes: 0,
        era: Era::Present,
    };
    let options = OpenOptions::new(Clock::system());
    let writer = BulkWriter::create(&path, plan.era, &options).unwrap();
    history::write(&plan, &Network::new(&plan.network()), &writer, |_| {}).unwrap();
    writer.finish(|_| {}).unwrap();
    path
}
