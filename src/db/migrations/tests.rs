//! The registry against the schema.

use std::collections::HashSet;

use rusqlite::Connection;

use super::batch::next_keys_sql;
use super::registry::NEEDS;
use super::transmissions::FILL_LAST_SEEN;
use super::*;
use crate::clock::Clock;
use crate::db::OpenOptions;
use crate::db::schema::{INDEX_MARKERS, INDEXES, LEGACY_INDEXES, TABLE_MARKERS};

#[test]
fn every_index_is_built_by_exactly_one_migration() {
    for index in INDEXES {
        let builders = MIGRATIONS.iter().filter(|migration| migration.index == Some(index.name));
        assert_eq!(builders.count(), 1, "{}", index.name);
    }
}

#[test]
fn names_are_unique_and_each_migration_has_something_to_do() {
    let mut names = HashSet::new();
    for migration in MIGRATIONS {
        assert!(names.insert(migration.name), "{}", migration.name);
        assert!(migration.walk.is_some() || migration.index.is_some(), "{}", migration.name);
    }
}

#[test]
fn what_is_recorded_adds_up_to_the_originals_22_names() {
    let recorded = MIGRATIONS.iter().filter_map(|migration| migration.recorded_as);
    let markers = INDEX_MARKERS.iter().map(|(name, _)| *name);
    let all: HashSet<&str> = recorded.chain(markers).chain(TABLE_MARKERS.iter().copied()).collect();
    assert_eq!(all.len(), 22);
}

#[test]
fn an_old_index_is_dropped_with_an_index_that_is_built() {
    for (_, successor) in LEGACY_INDEXES {
        assert!(INDEXES.iter().any(|index| index.name == *successor), "{successor}");
    }
}

#[test]
fn what_a_walk_needs_is_built_before_it() {
    let place = |name: &str| MIGRATIONS.iter().position(|migration| migration.name == name);
    for (first, then) in NEEDS {
        assert!(place(first).is_some() && place(first) < place(then), "{first} before {then}");
    }
}

/// What SQLite does for a statement, in a new database.
fn plan(sql: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    crate::db::open(&path, &OpenOptions::new(Clock::system())).unwrap().writer.close().unwrap();
    let conn = Connection::open(&path).unwrap();
    let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let bounds = [1_i64, 500, 500];
    let bounds = rusqlite::params_from_iter(&bounds[..plan.parameter_count()]);
    let lines = plan.query_map(bounds, |row| row.get::<_, String>(3)).unwrap();
    lines.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_newest_time_of_a_transmission_is_one_seek_in_an_index() {
    // 002-12, 004-26, 004-32.
    let plan = plan(FILL_LAST_SEEN);
    let looks: Vec<&str> = plan.lines().filter(|line| line.contains(" observations ")).collect();
    assert_eq!(looks.len(), 1, "{plan}");
    assert!(looks[0].starts_with("SEARCH observations USING COVERING INDEX"), "{plan}");
    assert!(looks[0].contains("idx_observations_tx_ts"), "{plan}");
}

#[test]
fn the_rows_that_are_left_are_found_in_order_without_sorting_or_passing_through_the_table() {
    // 002-11, 004-27, 004-29.
    for migration in MIGRATIONS {
        let Some(walk) = &migration.walk else { continue };
        let plan = plan(&next_keys_sql(walk));
        assert!(!plan.contains("TEMP B-TREE"), "{}: {plan}", migration.name);
        assert!(plan.contains(&format!("SEARCH {}", walk.table)), "{}: {plan}", migration.name);
        let is_partial = !walk.only.is_empty();
        assert_eq!(plan.contains("idx_tx_last_seen_zero"), is_partial, "{plan}");
    }
}
