//! Rows a second of a commit, by rows in a commit, beside the least that the same statements cost
//! (`limit`: a bare rusqlite loop over the same tables and indexes).
//!
//! `cargo bench --bench commit`; the folder is `CORESCOPE_BENCH_DIR`, else the system's temporary
//! one, and what counts is the ratio in one run. `CORESCOPE_BENCH_DB` names a database of operator
//! scale of which a copy is used (`corescope seed`); without it the database is new and small.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/reception.rs"]
mod reception;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use corescope::clock::Clock;
use corescope::db::{
    CheckpointOptions, Checkpointer, OpenOptions, WalGauges, WriteConnection, open,
};
use corescope::ingest::reception::{PacketReception, Record};
use divan::Bencher;
use divan::counter::ItemsCount;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

const BATCHES: [u64; 4] = [1, 10, 100, 1000];
const KNOWN_HASHES: u64 = 2_000;

fn main() {
    divan::main();
}

/// The `n`th reception: 95 % repeat a hash that is known, as in a real mesh.
fn reception(n: u64) -> PacketReception {
    let is_new = n.is_multiple_of(20);
    let (kind, hash) = if is_new { ("new", n) } else { ("old", n * 7919 % KNOWN_HASHES) };
    reception::reception(n, format!("{kind}{hash:013x}"), 1_784_364_457)
}

struct Place {
    _folder: tempfile::TempDir,
    path: PathBuf,
    next: AtomicU64,
}

impl Place {
    fn next(&self, rows: u64) -> std::ops::Range<u64> {
        let first = self.next.fetch_add(rows, Ordering::Relaxed);
        first..first + rows
    }
}

fn place() -> Place {
    let base =
        std::env::var_os("CORESCOPE_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(base).unwrap();
    let path = folder.path().join("mesh.db");
    if let Some(seed) = std::env::var_os("CORESCOPE_BENCH_DB") {
        std::fs::copy(seed, &path).unwrap();
    }
    let mut writer = writer(&path);
    for first in (0..KNOWN_HASHES * 20).step_by(1000) {
        writer.commit(&records(first..first + 1000)).unwrap();
    }
    writer.close().unwrap();
    let next = AtomicU64::new(1_000_000);
    Place { _folder: folder, path, next }
}

fn writer(path: &Path) -> WriteConnection {
    open(path, &OpenOptions::new(Clock::system())).unwrap().writer
}

fn checkpointer(path: &Path, gauges: Arc<WalGauges>) -> Checkpointer {
    let options = CheckpointOptions { gauges, ..CheckpointOptions::default() };
    Checkpointer::start(path, options, Clock::system()).unwrap()
}

fn records(range: std::ops::Range<u64>) -> Vec<Record> {
    range.map(|n| Record::Packet(Box::new(reception(n)))).collect()
}

#[divan::bench(args = BATCHES, sample_count = 50, min_time = 2)]
fn commit_full(bencher: Bencher, rows: u64) {
    let place = place();
    let mut writer = writer(&place.path);
    let _checkpointer = checkpointer(&place.path, writer.wal());
    bencher
        .counter(ItemsCount::new(rows))
        .with_inputs(|| records(place.next(rows)))
        .bench_local_refs(|records| writer.commit(records).unwrap());
}

#[divan::bench(args = BATCHES, sample_count = 50, min_time = 2)]
fn limit_full(bencher: Bencher, rows: u64) {
    bare(bencher, rows, "FULL");
}

#[divan::bench(args = BATCHES, sample_count = 50, min_time = 2)]
fn limit_normal(bencher: Bencher, rows: u64) {
    bare(bencher, rows, "NORMAL");
}

fn bare(bencher: Bencher, rows: u64, synchronous: &str) {
    let place = place();
    let mut conn = Connection::open(&place.path).unwrap();
    conn.pragma_update(None, "synchronous", synchronous).unwrap();
    conn.pragma_update(None, "cache_size", -(32 << 10)).unwrap();
    conn.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(())).unwrap();
    conn.set_prepared_statement_cache_capacity(64);
    let _checkpointer = checkpointer(&place.path, Arc::default());
    bencher
        .counter(ItemsCount::new(rows))
        .with_inputs(|| place.next(rows).map(reception).collect::<Vec<_>>())
        .bench_local_refs(|receptions| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
            receptions.iter().for_each(|reception| store_bare(&tx, reception));
            tx.commit().unwrap();
        });
}

/// The least that keeps the tables right: look up, insert or raise, observe.
fn store_bare(tx: &Connection, heard: &PacketReception) {
    let id = transmission_bare(tx, heard);
    let touch = "UPDATE observers SET last_seen = '2026-07-18T08:47:37Z', \
                 packet_count = packet_count + 1 WHERE id = ?1 RETURNING rowid";
    let mut touch = tx.prepare_cached(touch).unwrap();
    let observer: i64 = touch.query_row([&heard.observer.id], |row| row.get(0)).unwrap();
    let seen = &heard.observation;
    let observe = "INSERT INTO observations (transmission_id, observer_idx, direction, snr, rssi, \
                   path_json, timestamp, raw_hex) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
                   ON CONFLICT (transmission_id, observer_idx, COALESCE(path_json, '')) \
                   DO UPDATE SET snr = COALESCE(excluded.snr, snr)";
    tx.prepare_cached(observe)
        .unwrap()
        .execute(params![
            id,
            observer,
            seen.direction,
            seen.snr,
            seen.rssi,
            seen.path_json,
            heard.heard_at_s,
            seen.raw_hex,
        ])
        .unwrap();
}

fn transmission_bare(tx: &Connection, heard: &PacketReception) -> i64 {
    let new = &heard.transmission;
    let mut known = tx.prepare_cached("SELECT id FROM transmissions WHERE hash = ?1").unwrap();
    let known: Option<i64> = known.query_row([&new.hash], |row| row.get(0)).optional().unwrap();
    let Some(id) = known else {
        let insert = "INSERT INTO transmissions (raw_hex, hash, first_seen, route_type, \
                      payload_type, decoded_json, last_seen, channel_hash) \
                      VALUES (?1, ?2, '2026-07-18T08:47:37Z', 1, 5, ?3, ?4, ?5)";
        let values =
            params![new.raw_hex, new.hash, new.decoded_json, heard.heard_at_s, new.channel_hash];
        tx.prepare_cached(insert).unwrap().execute(values).unwrap();
        return tx.last_insert_rowid();
    };
    let raise = "UPDATE transmissions SET last_seen = ?2 WHERE id = ?1 AND last_seen < ?2";
    tx.prepare_cached(raise).unwrap().execute(params![id, heard.heard_at_s]).unwrap();
    id
}
