//! What the writer does when the disk, and not the record, is at fault.

use std::time::Duration;

use rusqlite::Connection;

use super::WriteConnection;
use crate::clock::Clock;
use crate::db::migrations::{BatchLimits, BatchRequest};
use crate::db::{DbError, OpenOptions, open};
use crate::ingest::reception::{ObserverSeen, Record, StatusReport};

pub(super) fn writer() -> (tempfile::TempDir, WriteConnection) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = OpenOptions::new(Clock::manual(1_784_364_457_000));
    options.busy_timeout = Duration::from_millis(1);
    let writer = open(&folder.path().join("mesh.db"), &options).unwrap().writer;
    (folder, writer)
}

pub(super) fn statuses(count: usize) -> Vec<Record> {
    let status = |index| StatusReport {
        heard_at_s: 1_784_364_457,
        observer: ObserverSeen { id: format!("observer {index:0200}"), ..Default::default() },
        ..Default::default()
    };
    (0..count).map(|index| Record::Status(Box::new(status(index)))).collect()
}

fn observers(writer: &WriteConnection) -> i64 {
    writer.conn.query_row("SELECT COUNT(*) FROM observers", [], |row| row.get(0)).unwrap()
}

fn pragma(writer: &WriteConnection, name: &str) -> i64 {
    writer.conn.pragma_query_value(None, name, |row| row.get(0)).unwrap()
}

#[test]
fn a_full_disk_stores_nothing_of_the_group_and_the_same_group_succeeds_later() {
    let (_folder, mut writer) = writer();
    let pages = pragma(&writer, "page_count");
    writer.conn.pragma_update_and_check(None, "max_page_count", pages + 4, |_| Ok(())).unwrap();
    let group = statuses(500);
    let error = writer.commit(&group).unwrap_err();
    assert!(matches!(error, DbError::Full { .. }) && error.is_transient(), "{error:?}");
    assert_eq!(observers(&writer), 0);
    writer.conn.pragma_update_and_check(None, "max_page_count", 1 << 30, |_| Ok(())).unwrap();
    assert_eq!(writer.commit(&group).unwrap().outcomes.len(), 500);
    assert_eq!(observers(&writer), 500);
}

#[test]
fn a_full_disk_while_records_are_set_apart_is_still_the_disks_fault() {
    let (_folder, mut writer) = writer();
    let pages = pragma(&writer, "page_count");
    writer.conn.pragma_update_and_check(None, "max_page_count", pages + 4, |_| Ok(())).unwrap();
    let error = writer.commit_group(&statuses(500), true).unwrap_err();
    assert!(matches!(error, DbError::Full { .. }), "{error:?}");
    assert_eq!(observers(&writer), 0);
}

#[test]
fn a_read_only_database_stores_nothing_and_recovers() {
    let (_folder, mut writer) = writer();
    writer.conn.pragma_update(None, "query_only", true).unwrap();
    let error = writer.commit(&statuses(1)).unwrap_err();
    assert!(matches!(error, DbError::ReadOnly { .. }) && error.is_transient(), "{error:?}");
    writer.conn.pragma_update(None, "query_only", false).unwrap();
    writer.commit(&statuses(1)).unwrap();
}

#[test]
fn a_database_that_another_process_holds_is_busy_and_then_free() {
    let (_folder, mut writer) = writer();
    let other = Connection::open(writer.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = writer.commit(&statuses(1)).unwrap_err();
    assert!(matches!(error, DbError::Busy { .. }) && error.is_transient(), "{error:?}");
    let step = BatchRequest { name: "channel_hash_v1".to_owned(), rows_max: 1 };
    assert!(matches!(writer.run_batch(&step, &BatchLimits::default()), Err(DbError::Busy { .. })));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(writer.commit(&statuses(1)).unwrap().outcomes.len(), 1);
}

#[test]
fn groups_are_synced_and_migrations_are_not() {
    // Decision 2.
    const NORMAL: i64 = 1;
    const FULL: i64 = 2;
    let (_folder, mut writer) = writer();
    assert_eq!(pragma(&writer, "synchronous"), NORMAL);
    writer.commit(&statuses(1)).unwrap();
    assert_eq!(pragma(&writer, "synchronous"), FULL);
    let step = BatchRequest { name: "channel_hash_v1".to_owned(), rows_max: 1 };
    writer.run_batch(&step, &BatchLimits::default()).unwrap();
    assert_eq!(pragma(&writer, "synchronous"), NORMAL);
}

#[test]
fn the_connection_is_set_up_as_the_spec_asks() {
    let (_folder, writer) = writer();
    assert_eq!(pragma(&writer, "foreign_keys"), 1);
    assert_eq!(pragma(&writer, "wal_autocheckpoint"), 0);
    assert_eq!(pragma(&writer, "auto_vacuum"), 2);
}

#[test]
fn every_transaction_has_the_lock_before_its_first_statement() {
    // 004-30, HZ 20: the books of migrations and the rebuild begin theirs without saying how.
    let (_folder, mut writer) = writer();
    let other = Connection::open(writer.path()).unwrap();
    other.busy_timeout(Duration::ZERO).unwrap();
    let tx = writer.conn.transaction().unwrap();
    assert!(other.execute_batch("BEGIN IMMEDIATE").is_err(), "it is taken");
    drop(tx);
    other.execute_batch("BEGIN IMMEDIATE; ROLLBACK").unwrap();
}

/// The plans that the writer's speed depends on, whatever indexes are there (decision 16).
#[test]
fn an_observation_is_found_through_its_transmission() {
    let (_folder, mut writer) = writer();
    let plan = |writer: &WriteConnection, sql: &str| -> String {
        let mut statement = writer.conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        statement.query_row((1, 1, "[]"), |row| row.get(3)).unwrap()
    };
    let with = plan(&writer, super::observations::FIND_INDEXED);
    assert!(with.contains("idx_observations_dedup"), "{with}");
    writer.conn.execute_batch("DROP INDEX idx_observations_dedup").unwrap();
    writer.reread_tables().unwrap();
    assert!(!writer.tables.has_dedup_index);
    let without = plan(&writer, super::observations::FIND_UNINDEXED);
    assert!(without.contains("(transmission_id=?)"), "{without}");
}
