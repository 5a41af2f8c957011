//! The registry against the schema.

use std::collections::HashSet;

use super::*;
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
    for (first, then) in [
        ("idx_observations_transmission_id", "cleanup_legacy_null_hash_ts"),
        ("idx_tx_last_seen_zero", "tx_last_seen_backfill_v1"),
        ("idx_observations_tx_ts", "tx_last_seen_backfill_v1"),
        ("observations_observer_idx_v1", "observations_dedup_v1"),
        ("backfill_path_json_from_raw_hex_v1", "observations_dedup_v1"),
        ("backfill_path_json_from_raw_hex_v1", "analytics_blocks_v1"),
        ("observations_observer_idx_v1", "analytics_blocks_v1"),
        ("idx_observations_tx_ts", "analytics_blocks_v1"),
        ("backfill_from_pubkey_v1", "advert_count_unique_v1"),
        ("nodes_lower_case_keys_v1", "advert_count_unique_v1"),
        ("channel_hash_v1", "channel_hash_casing_v1"),
        ("idx_observations_observer_idx", "observers_last_packet_at_v1"),
        ("backfill_from_pubkey_v1", "backfill_default_scope_v1"),
    ] {
        assert!(place(first).is_some() && place(first) < place(then), "{first} before {then}");
    }
}
