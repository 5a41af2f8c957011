//! The independent count: the file that the program left, against what the broker acknowledged and
//! against the older database as it was. It shares no code with the program.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::Value;

use super::message::{self, Expected};
use super::world::{PACKET_DAYS, World};
use crate::support::process::{count, read_only};

/// Our messages that are stored.
pub fn stored(database: &Path) -> i64 {
    let sql = format!(
        "SELECT COUNT(*) FROM observations WHERE raw_hex LIKE '15__%{}%'",
        message::mark_hex()
    );
    count(database, &sql)
}

/// Compares everything; the clock of the program was wrong by `clock_off_s` at most.
pub fn check(world: &World, began_s: i64, clock_off_s: i64) -> String {
    let database = world.process.database();
    let conn = read_only(&database);
    let verdict: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let broken: Vec<String> = conn
        .prepare("PRAGMA foreign_key_check")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(broken.is_empty(), "rows refer to nothing: {broken:?}");
    let ours = check_messages(world, began_s - clock_off_s);
    let kept = check_seeded(world, clock_off_s);
    format!("{ours} messages acknowledged and stored once, {kept} older packets unharmed")
}

/// Numbers of messages that are acknowledged and not stored.
pub fn missing(world: &World) -> Vec<u64> {
    let rows = stored_rows(&world.process.database(), 0);
    let acknowledged = world.publisher.acknowledged();
    acknowledged.into_iter().filter(|number| !rows.contains_key(number)).collect()
}

fn check_messages(world: &World, since_s: i64) -> usize {
    let rows = stored_rows(&world.process.database(), since_s);
    let acknowledged = world.publisher.acknowledged();
    let sent = world.publisher.sent();
    let lost = missing(world);
    let doubled: Vec<u64> =
        rows.iter().filter(|(_, rows)| rows.len() > 1).map(|(number, _)| *number).collect();
    let wrong: Vec<(u64, &Expected)> = rows
        .iter()
        .filter(|(number, rows)| **number >= sent || rows[0] != message::expected(**number))
        .map(|(number, rows)| (*number, &rows[0]))
        .collect();
    assert!(
        lost.is_empty() && doubled.is_empty() && wrong.is_empty(),
        "of {} acknowledged: {} lost {:?}, {} doubled {:?}, {} wrong {:?}\n{}",
        acknowledged.len(),
        lost.len(),
        &lost[..lost.len().min(20)],
        doubled.len(),
        &doubled[..doubled.len().min(20)],
        wrong.len(),
        &wrong[..wrong.len().min(3)],
        world.process.log(),
    );
    acknowledged.len()
}

/// What is stored, by the number of the message that its own bytes tell.
fn stored_rows(database: &Path, since_s: i64) -> BTreeMap<u64, Vec<Expected>> {
    let conn = read_only(database);
    let sql = format!(
        "SELECT t.hash, r.id, o.path_json, o.raw_hex, o.snr, o.rssi, o.timestamp, t.first_seen \
         FROM observations o JOIN transmissions t ON t.id = o.transmission_id \
         LEFT JOIN observers r ON r.rowid = o.observer_idx \
         WHERE o.raw_hex LIKE '15__%{}%'",
        message::mark_hex()
    );
    let mut statement = conn.prepare(&sql).unwrap();
    let mut found = statement.query([]).unwrap();
    let mut rows: BTreeMap<u64, Vec<Expected>> = BTreeMap::new();
    while let Some(row) = found.next().unwrap() {
        let observer: Option<String> = row.get(1).unwrap();
        let expected = Expected {
            hash: row.get(0).unwrap(),
            observer: observer.unwrap_or_default(),
            path_json: row.get(2).unwrap(),
            raw_hex: row.get(3).unwrap(),
            snr: row.get(4).unwrap(),
            rssi: row.get(5).unwrap(),
        };
        assert!(row.get::<_, i64>(6).unwrap() >= since_s, "a wrong time: {expected:?}");
        assert!(row.get::<_, String>(7).unwrap().ends_with('Z'));
        rows.entry(number_of(&expected)).or_default().push(expected);
    }
    rows
}

fn number_of(row: &Expected) -> u64 {
    let raw = hex::decode(&row.raw_hex).unwrap();
    let copy = u64::from(raw[1]);
    let start = 2 + raw[1] as usize + message::mark_hex().len() / 2;
    u64::from_be_bytes(raw[start..start + 8].try_into().unwrap()) * message::COPIES + copy
}

/// A packet of the older database is there whole, but for one that retention may have taken.
fn check_seeded(world: &World, clock_off_s: i64) -> usize {
    let columns = "t.id, t.hash, t.raw_hex, t.first_seen, t.decoded_json, \
                   (SELECT COUNT(*) FROM observations WHERE transmission_id = t.id), \
                   (SELECT MAX(timestamp) FROM observations WHERE transmission_id = t.id)";
    let before = rows_by_id(&world.original, columns);
    let after = rows_by_id(&world.process.database(), columns);
    let now_s = count(&world.process.database(), "SELECT unixepoch()");
    let cutoff_s = now_s - PACKET_DAYS * 86_400;
    let mut kept = 0;
    for (id, row) in &before {
        // One in a thousand was heard by nobody.
        let heard_s = if let Value::Integer(heard_s) = row[6] { heard_s } else { 0 };
        match after.get(id) {
            Some(present) => {
                kept += 1;
                assert_eq!(present, row, "an older packet was changed");
            }
            None => assert!(heard_s < cutoff_s + clock_off_s, "an older packet is lost: {row:?}"),
        }
    }
    // A message that is delivered again raises it (spec §2.7), so it may be later.
    let unfilled = "SELECT COUNT(*) FROM transmissions t WHERE last_seen < (SELECT \
                    MAX(timestamp) FROM observations WHERE transmission_id = t.id)";
    if clock_off_s == 0 {
        assert_eq!(count(&world.process.database(), unfilled), 0, "last_seen is wrong");
    }
    kept
}

fn rows_by_id(database: &Path, columns: &str) -> BTreeMap<i64, Vec<Value>> {
    let conn = read_only(database);
    let mut statement = conn.prepare(&format!("SELECT {columns} FROM transmissions t")).unwrap();
    let width = statement.column_count();
    let mut found = statement.query([]).unwrap();
    let mut rows = BTreeMap::new();
    while let Some(row) = found.next().unwrap() {
        let values: Vec<Value> = (0..width).map(|column| row.get(column).unwrap()).collect();
        rows.insert(row.get(0).unwrap(), values);
    }
    rows
}
