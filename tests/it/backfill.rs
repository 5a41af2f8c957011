//! Migrations: bounds, states, faults (requirements 002-…, 004-…; `design/backfill.md` §10).

mod api;
mod bounds;
mod cli;
mod contract;
mod faults;
mod jobs;
mod killed;
mod states;
mod verified;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use corescope::actors::backfill::{Conductor, Step};
use corescope::clock::Clock;
use corescope::config::{MigrationsConfig, SIGNALS};
use corescope::db::migrations::{BatchLimits, BatchReply, BatchRequest};
use corescope::db::{self, OpenOptions, WriteConnection};
use corescope::perf::backfill::{Readings, State};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

/// Migrations of a real process that nothing but their own pace holds up, and that nothing makes
/// hibernate: a slow machine is none of a test's business.
pub fn unhindered(pace: Value) -> Value {
    let mut migrations = pace;
    migrations["signals"] = SIGNALS.into_iter().map(|(name, _)| (name, false)).collect();
    migrations
}

pub const LAST_SEEN: &str = "tx_last_seen_backfill_v1";
pub const NOW_MS: i64 = 1_784_364_457_000;

/// A database with `rows` transmissions of two observations each, whose `last_seen` is to be
/// filled; every other migration has been done.
pub fn seeded(rows: i64) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    open(&path).close().unwrap();
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(&format!(
        "INSERT INTO observers (id, last_seen, last_packet_at) VALUES ('a', '2026', '2026'); \
         INSERT INTO transmissions (id, raw_hex, hash, first_seen) \
         WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < {rows}) \
         SELECT v, 'aa', 'h' || v, '2026-05-17T16:05:57Z' FROM n WHERE v <= {rows}; \
         INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
         SELECT id, 1, '[]', 1000 + id FROM transmissions; \
         INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
         SELECT id, 1, '[\"AA\"]', 2000 + id FROM transmissions; \
         DELETE FROM _async_migrations;"
    ))
    .unwrap();
    drop(conn);
    mark_done(&path);
    (folder, path)
}

/// Leaves only `last_seen` to be filled.
pub fn mark_done(path: &Path) {
    open(path).close().unwrap();
    Connection::open(path)
        .unwrap()
        .execute("UPDATE _async_migrations SET status = 'done' WHERE name <> ?1", [LAST_SEEN])
        .unwrap();
}

pub fn open(path: &Path) -> WriteConnection {
    open_at(path, &Clock::system())
}

pub fn open_at(path: &Path, clock: &Clock) -> WriteConnection {
    db::open(path, &OpenOptions::new(clock.clone())).unwrap().writer
}

pub fn read(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

pub fn number(path: &Path, sql: &str) -> i64 {
    read(path).query_row(sql, [], |row| row.get(0)).unwrap()
}

pub fn text(path: &Path, sql: &str) -> String {
    read(path).query_row(sql, [], |row| row.get(0)).unwrap()
}

/// What matters of the tables that migrations change.
pub fn content(path: &Path) -> Vec<String> {
    let conn = read(path);
    let mut lines = Vec::new();
    for sql in [
        "SELECT id || ' ' || hash || ' ' || last_seen FROM transmissions ORDER BY id",
        "SELECT id || ' ' || transmission_id || ' ' || COALESCE(path_json, '-') || ' ' || \
         timestamp FROM observations ORDER BY id",
        "SELECT name || ' ' || status FROM _async_migrations ORDER BY name",
    ] {
        let mut statement = conn.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        lines.extend(rows.map(Result::unwrap));
    }
    lines
}

pub fn request(name: &str, rows_max: u64) -> BatchRequest {
    BatchRequest { name: name.to_owned(), rows_max }
}

pub fn limits() -> BatchLimits {
    BatchLimits {
        hold_aim: None,
        hold_max: Some(Duration::from_secs(5)),
        stop: Some(Arc::new(AtomicBool::new(false))),
        sets_aside: true,
        verifies: true,
    }
}

/// Does what the conductor says until it has nothing to say; returns all batches.
pub fn conduct(writer: &mut WriteConnection, conductor: &mut Conductor) -> Vec<BatchReply> {
    let mut batches = Vec::new();
    for _ in 0..100_000 {
        match conductor.next(&Readings::QUIET, false) {
            Step::Record(moves) => writer.record_moves(&moves).unwrap(),
            Step::Batch(request, limits) => {
                let answer = writer.run_batch(&request, &limits);
                batches.extend(answer.as_ref().ok().cloned());
                conductor.note(answer);
            }
            Step::Job(request, limits) => {
                let answer = writer.run_job(&request, &limits);
                batches.extend(answer.as_ref().ok().cloned());
                conductor.note(answer);
            }
            Step::After(_) => {}
            Step::Idle => return batches,
        }
    }
    panic!("it does not end");
}

pub fn conductor(writer: &WriteConnection, clock: &Clock) -> Conductor {
    conductor_with(writer, clock, &MigrationsConfig::default())
}

pub fn conductor_with(
    writer: &WriteConnection,
    clock: &Clock,
    config: &MigrationsConfig,
) -> Conductor {
    Conductor::new(writer.stored_states().unwrap(), config, clock.clone())
}

/// Opens, runs everything to its end, closes.
pub fn run_all(path: &Path) -> Vec<BatchReply> {
    let clock = Clock::system();
    let mut writer = open_at(path, &clock);
    let mut conductor = conductor(&writer, &clock);
    let batches = conduct(&mut writer, &mut conductor);
    writer.close().unwrap();
    batches
}

pub fn state_of(writer: &WriteConnection, name: &str) -> State {
    let states = writer.stored_states().unwrap();
    states.iter().find(|state| state.name == name).unwrap().state
}
