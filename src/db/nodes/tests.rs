//! What reading nodes costs where there are many, counted in steps of SQLite's machine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, StatementStatus, params_from_iter};

use super::filter::{Conditions, Sorting};
use super::page::{page_sql, sliced};
use super::{AdvertSizes, RelayTally};
use crate::clock::Clock;
use crate::db::{OpenOptions, Reader, open};

const NOW_S: i64 = 1_780_000_000;

/// A database made by `sql`, and a reader of it.
fn reader_of(folder: &Path, sql: &str) -> Reader {
    let path = folder.join("mesh.db");
    let clock = Clock::manual(NOW_S * 1000);
    drop(open(&path, &OpenOptions::new(clock.clone())).unwrap());
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    Reader::open(&path, Duration::from_secs(1), clock, Arc::default()).unwrap()
}

/// So many numbers `i`, from 1.
fn numbers(count: u32) -> String {
    format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})")
}

/// Three are heard a second.
fn steps_of_first_page(nodes: u32, narrow: impl Fn(&mut Conditions)) -> i32 {
    let folder = tempfile::tempdir().unwrap();
    let insert = format!(
        "INSERT INTO nodes (public_key, name, role, last_seen) {} SELECT lower(hex(randomblob(32))), \
         'node ' || i, 'repeater', strftime('%Y-%m-%dT%H:%M:%SZ', {NOW_S} + i / 3, 'unixepoch') \
         FROM n",
        numbers(nodes)
    );
    let reader = reader_of(folder.path(), &insert);
    let mut conditions = Conditions::new(&reader).unwrap();
    narrow(&mut conditions);
    let mut statement = reader.statement(&page_sql(&conditions, Sorting::LastSeen)).unwrap();
    let params = params_from_iter(sliced(conditions, (50, 0)));
    assert_eq!(statement.query_map(params, |_| Ok(())).unwrap().count(), 50);
    statement.get_status(StatementStatus::VmStep)
}

#[test]
fn the_nodes_seen_last_cost_the_same_however_many_there_are() {
    let week = |conditions: &mut Conditions| {
        conditions.add("last_seen > ?", ["2020-01-01T00:00:00Z".to_owned()]);
        conditions.add("role = ?", ["repeater".to_owned()]);
    };
    let few = [steps_of_first_page(500, |_| {}), steps_of_first_page(500, week)];
    let many = [steps_of_first_page(50_000, |_| {}), steps_of_first_page(50_000, week)];
    for (few, many) in few.into_iter().zip(many) {
        assert!(many <= few + few / 10, "{few} steps of few nodes, {many} of many");
    }
}

/// Each has a sender of its own, so that one left out or read twice is noticed.
#[test]
fn a_busy_day_of_adverts_is_read_in_steps_and_none_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let insert = format!(
        "INSERT INTO transmissions (raw_hex, hash, first_seen, route_type, payload_type) {} \
         SELECT '1100' || printf('%064x', i), 'h' || i, \
         strftime('%Y-%m-%dT%H:%M:%SZ', {NOW_S} - i / 900, 'unixepoch'), 1, 4 FROM n",
        numbers(30_000)
    );
    let reader = reader_of(folder.path(), &insert);
    let (mut sizes, mut steps) = (AdvertSizes::before(NOW_S), 1);
    while sizes.read_step(&reader).unwrap() {
        steps += 1;
    }
    assert_eq!(sizes.finish().len(), 30_000);
    assert_eq!(steps, 7 + 3, "8,000 packets or a few more in each");
}

#[test]
fn a_busy_hour_of_receptions_is_read_in_steps_and_each_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let key = "c0ffee".repeat(10) + "c0ff";
    let insert = format!(
        "PRAGMA foreign_keys = off; INSERT INTO observations (transmission_id, timestamp, resolved_path) {} \
         SELECT i, {NOW_S} - i / 900, '[\"{key}\"]' FROM n",
        numbers(70_000)
    );
    let reader = reader_of(folder.path(), &insert);
    let (mut tally, mut steps) = (RelayTally::before(NOW_S), 1);
    while tally.read_step(&reader).unwrap() {
        steps += 1;
    }
    assert_eq!(tally.finish()[&key].packets_1h, 70_000);
    assert_eq!(steps, 12 + 3, "20,000 receptions or a few more in each");
}
