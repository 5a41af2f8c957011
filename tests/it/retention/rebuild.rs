//! `db.vacuumOnStartup` (decision 22): into incremental mode, with every observer's rowid.

use std::path::Path;

use corescope::clock::Clock;
use corescope::db::retention::{AutoVacuum, Rebuilt};
use corescope::db::{self, OpenOptions, WriteConnection};
use rusqlite::Connection;

use super::{is_sound, number, seeded};

fn open(path: &Path) -> WriteConnection {
    db::open(path, &OpenOptions::new(Clock::system())).unwrap().writer
}

/// The file as a program made it that chose no mode.
fn without_mode(path: &Path) {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM").unwrap();
}

#[test]
fn a_file_that_never_shrinks_is_written_anew_and_observers_keep_their_rowids() {
    let (_folder, path) = seeded(200, 0, 1_784_364_457);
    without_mode(&path);
    let mut writer = open(&path);
    assert_eq!(writer.auto_vacuum().unwrap(), AutoVacuum::Off);
    assert_eq!(writer.rebuild().unwrap(), Rebuilt::Done { put_right: 0 });
    assert_eq!(writer.auto_vacuum().unwrap(), AutoVacuum::Incremental);
    assert_eq!(writer.rebuild().unwrap(), Rebuilt::NotNeeded);
    writer.close().unwrap();
    is_sound(&path);
    assert_eq!(number(&path, "SELECT COUNT(*) FROM observations"), 600);
    assert_eq!(number(&path, "PRAGMA auto_vacuum"), 2);
}

#[test]
fn rowids_that_a_rebuild_has_changed_are_put_right_even_after_a_death() {
    let (_folder, path) = seeded(1, 0, 1_784_364_457);
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(
        "INSERT INTO observers (rowid, id) VALUES (5, 'x'), (9, 'y'); \
         CREATE TABLE _observer_rowids AS SELECT rowid AS kept, id FROM observers; \
         UPDATE observers SET rowid = -rowid; \
         UPDATE observers SET rowid = CASE id WHEN 'here' THEN 5 WHEN 'x' THEN 2 ELSE 1 END; \
         INSERT INTO observers (rowid, id) VALUES (9, 'new')",
    )
    .unwrap();
    drop(conn);
    let mut writer = open(&path);
    assert_eq!(writer.restore_observers().unwrap(), 3);
    assert_eq!(writer.restore_observers().unwrap(), 0);
    writer.close().unwrap();
    is_sound(&path);
    assert_eq!(number(&path, "SELECT rowid FROM observers WHERE id = 'x'"), 5);
    assert_eq!(number(&path, "SELECT rowid FROM observers WHERE id = 'y'"), 9);
    assert!(number(&path, "SELECT rowid FROM observers WHERE id = 'new'") > 9);
}
