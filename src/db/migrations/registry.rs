//! The list of all migrations, in the order in which they run: first what the writer and the other
//! migrations need, walks before the indexes that they would otherwise keep up to date.

use super::{Applies, KeyRange, Migration, Walk, nodes, observations, transmissions};
use crate::db::analytics;
use crate::db::error::DbError;
use crate::db::schema::DEDUP_INDEX;

type Apply = fn(&rusqlite::Connection, KeyRange) -> Result<u64, DbError>;

/// Every migration, in order.
pub const MIGRATIONS: &[Migration] = &[
    build("idx_observations_transmission_id"),
    build("idx_transmissions_hash"),
    build("idx_inactive_nodes_last_seen"),
    build("idx_tx_last_seen_zero"),
    build("idx_observations_tx_ts"),
    Migration {
        name: "cleanup_legacy_null_hash_ts",
        walk: walk("transmissions", transmissions::delete_unusable, "hash, first_seen"),
        ..recorded("cleanup_legacy_null_hash_ts")
    },
    Migration {
        applies: Applies::WithTextObservers,
        walk: walk("observations", observations::resolve_text_observers, "observer_idx"),
        ..unrecorded("observations_observer_idx_v1")
    },
    Migration {
        walk: Some(Walk {
            table: "transmissions",
            // A copy takes the newest observation itself.
            touches: None,
            key: "id",
            only: "last_seen = 0",
            apply: transmissions::fill_last_seen,
            target: "last_seen",
        }),
        left: Some(transmissions::LAST_SEEN_LEFT),
        ..unrecorded("tx_last_seen_backfill_v1")
    },
    build("idx_transmissions_first_seen"),
    build("idx_transmissions_payload_type"),
    Migration { index: Some("idx_observations_timestamp"), ..unrecorded("obs_timestamp_index_v1") },
    build("idx_observations_observer_idx"),
    Migration {
        walk: walk("observations", observations::fill_paths, "path_json"),
        ..recorded("backfill_path_json_from_raw_hex_v1")
    },
    // After what changes paths and makes digests stale, before what does not.
    Migration {
        walk: Some(Walk {
            table: "transmissions",
            touches: None,
            key: "id",
            only: "",
            apply: analytics::build_blocks,
            // What is in a digest changes with each reception.
            target: analytics::HAS_DIGEST,
        }),
        ..unrecorded(analytics::MIGRATION)
    },
    Migration {
        walk: Some(Walk {
            table: "observations",
            touches: Some(
                "SELECT DISTINCT transmission_id FROM observations \
                 WHERE transmission_id BETWEEN ?1 AND ?2",
            ),
            key: "transmission_id",
            only: "",
            apply: observations::merge_duplicates,
            target: "id, observer_idx, path_json",
        }),
        index: Some(DEDUP_INDEX),
        ..unrecorded("observations_dedup_v1")
    },
    Migration {
        walk: walk("transmissions", transmissions::fill_from_pubkey, "from_pubkey"),
        index: Some("idx_transmissions_from_pubkey"),
        left: Some(transmissions::FROM_PUBKEY_LEFT),
        ..unrecorded("backfill_from_pubkey_v1")
    },
    Migration {
        walk: walk("nodes", nodes::lower_keys, "public_key"),
        ..unrecorded("nodes_lower_case_keys_v1")
    },
    Migration {
        walk: walk("nodes", nodes::count_adverts, "advert_count"),
        ..recorded("advert_count_unique_v1")
    },
    Migration {
        walk: walk("transmissions", transmissions::fill_channel_hash, "channel_hash"),
        ..recorded("channel_hash_v1")
    },
    Migration {
        walk: walk("transmissions", transmissions::raise_public, "channel_hash"),
        index: Some("idx_tx_channel_hash"),
        ..recorded("channel_hash_casing_v1")
    },
    build("idx_tx_scope_name"),
    Migration {
        applies: Applies::WithRegions,
        walk: walk("nodes", nodes::fill_default_scope, "default_scope"),
        ..recorded("backfill_default_scope_v1")
    },
    Migration {
        walk: walk("observers", nodes::make_noise_floor_real, "noise_floor"),
        ..recorded("noise_floor_real_v1")
    },
    Migration {
        walk: walk("observers", nodes::fill_last_packet_at, "last_packet_at"),
        ..recorded("observers_last_packet_at_v1")
    },
    build("idx_nodes_last_seen"),
    build("idx_nodes_foreign_advert"),
    build("idx_observers_last_seen"),
    build("idx_observer_metrics_timestamp"),
    build("idx_dropped_observer"),
    build("idx_dropped_node"),
    build("idx_client_recept_heard_geo"),
    build("idx_client_recept_latlon"),
    build("idx_client_recept_rxat"),
    Migration {
        index: Some("idx_observations_observer_idx_timestamp"),
        ..unrecorded("obs_observer_ts_idx_v1")
    },
];

/// What must be at its end, well or not, before another begins: one of them reads what the other
/// changes or deletes, or an index of it keeps its steps from passing through a whole table. All
/// others are independent, and the rows at the end are the same in any order: one that waits for
/// an operator does not hold them up.
pub(super) const NEEDS: &[(&str, &str)] = &[
    ("idx_observations_transmission_id", "cleanup_legacy_null_hash_ts"),
    ("idx_observations_transmission_id", "backfill_path_json_from_raw_hex_v1"),
    ("idx_observations_transmission_id", "observations_dedup_v1"),
    ("cleanup_legacy_null_hash_ts", "observations_observer_idx_v1"),
    ("cleanup_legacy_null_hash_ts", "observers_last_packet_at_v1"),
    ("cleanup_legacy_null_hash_ts", "advert_count_unique_v1"),
    ("cleanup_legacy_null_hash_ts", "backfill_default_scope_v1"),
    ("idx_tx_last_seen_zero", "tx_last_seen_backfill_v1"),
    ("idx_observations_tx_ts", "tx_last_seen_backfill_v1"),
    ("idx_observations_tx_ts", "analytics_blocks_v1"),
    ("idx_observations_observer_idx", "observers_last_packet_at_v1"),
    // The double that is merged away may be the newest.
    ("tx_last_seen_backfill_v1", "backfill_path_json_from_raw_hex_v1"),
    ("tx_last_seen_backfill_v1", "observations_dedup_v1"),
    ("observations_observer_idx_v1", "observers_last_packet_at_v1"),
    ("observations_observer_idx_v1", "idx_observations_observer_idx"),
    ("observations_observer_idx_v1", "observations_dedup_v1"),
    ("observations_observer_idx_v1", "analytics_blocks_v1"),
    ("observations_observer_idx_v1", "obs_observer_ts_idx_v1"),
    ("backfill_path_json_from_raw_hex_v1", "observations_dedup_v1"),
    ("backfill_path_json_from_raw_hex_v1", "analytics_blocks_v1"),
    ("backfill_from_pubkey_v1", "advert_count_unique_v1"),
    ("backfill_from_pubkey_v1", "backfill_default_scope_v1"),
    ("nodes_lower_case_keys_v1", "advert_count_unique_v1"),
    ("nodes_lower_case_keys_v1", "backfill_default_scope_v1"),
    ("channel_hash_v1", "channel_hash_casing_v1"),
];

/// Finds a migration by its name.
///
/// # Errors
/// [`DbError::UnknownMigration`].
pub fn find(name: &str) -> Result<&'static Migration, DbError> {
    MIGRATIONS
        .iter()
        .find(|migration| migration.name == name)
        .ok_or_else(|| DbError::UnknownMigration { name: name.to_owned() })
}

/// The migrations that must be at their end before this one begins.
pub fn needs_of(name: &str) -> impl Iterator<Item = &'static str> {
    NEEDS.iter().filter(move |(_, then)| *then == name).map(|(first, _)| *first)
}

/// A migration that only builds an index and is called like it.
const fn build(index: &'static str) -> Migration {
    Migration { index: Some(index), ..unrecorded(index) }
}

const fn unrecorded(name: &'static str) -> Migration {
    Migration {
        name,
        version: 1,
        walk: None,
        index: None,
        recorded_as: None,
        applies: Applies::Always,
        left: None,
    }
}

const fn recorded(name: &'static str) -> Migration {
    Migration { recorded_as: Some(name), ..unrecorded(name) }
}

const fn walk(table: &'static str, apply: Apply, target: &'static str) -> Option<Walk> {
    let touches = match table.as_bytes() {
        b"transmissions" => Some("SELECT id FROM transmissions WHERE id BETWEEN ?1 AND ?2"),
        b"observations" => {
            Some("SELECT DISTINCT transmission_id FROM observations WHERE id BETWEEN ?1 AND ?2")
        }
        _ => None,
    };
    Some(Walk { table, touches, key: "rowid", only: "", apply, target })
}
