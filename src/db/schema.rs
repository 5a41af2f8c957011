//! The tables, indexes and the view of CoreScope as of July 2026 (spec §1.3 to §1.5), as data:
//! a fresh database is made from it, and an old one is completed to it.

/// One table; the order of its columns is that of a fresh database.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Name and declaration of every column.
    pub columns: &'static [(&'static str, &'static str)],
    /// What stands after the columns, such as a primary key of two columns; may be empty.
    pub constraint: &'static str,
}

impl Table {
    /// Returns the statement that makes the table.
    pub fn create_sql(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|(name, declaration)| format!("{name} {declaration}"))
            .collect();
        let constraint = if self.constraint.is_empty() {
            String::new()
        } else {
            format!(", {}", self.constraint)
        };
        format!("CREATE TABLE {} ({}{constraint})", self.name, columns.join(", "))
    }
}

/// Whether a database without this column cannot be one of ours: it cannot be added later.
pub fn is_essential(declaration: &str) -> bool {
    declaration.contains("PRIMARY KEY")
        || (declaration.contains("NOT NULL") && addable(declaration) != Some(declaration))
}

/// Returns the declaration with which `ALTER TABLE` adds the column without touching a row, or
/// `None` if that is not possible. SQLite adds no column whose default is an expression.
pub fn addable(declaration: &'_ str) -> Option<&'_ str> {
    let (plain, default) = declaration
        .split_once(" DEFAULT ")
        .map_or((declaration, ""), |(plain, default)| (plain, default));
    let is_constant = !default.starts_with('(') && !default.starts_with("CURRENT");
    match (plain.contains("NOT NULL"), default.is_empty(), is_constant) {
        (true, true, _) | (true, _, false) => None,
        (false, false, false) => Some(plain),
        _ => Some(declaration),
    }
}

const NODE_COLUMNS: &[(&str, &str)] = &[
    ("public_key", "TEXT PRIMARY KEY"),
    ("name", "TEXT"),
    ("role", "TEXT"),
    ("lat", "REAL"),
    ("lon", "REAL"),
    ("last_seen", "TEXT"),
    ("first_seen", "TEXT"),
    ("advert_count", "INTEGER DEFAULT 0"),
    ("battery_mv", "INTEGER"),
    ("temperature_c", "REAL"),
    ("foreign_advert", "INTEGER DEFAULT 0"),
    ("default_scope", "TEXT DEFAULT NULL"),
    ("multibyte_sup", "INTEGER NOT NULL DEFAULT 0"),
    ("multibyte_evidence", "TEXT"),
];

/// Every table. Those that begin with `_migration_` are our own, beside `_async_migrations`: where
/// a migration stands, how it came there, and rows that it could not change. So are those of
/// analytics: digests of packets, which of them are stale, and which rows they know.
pub const TABLES: &[Table] = &[
    Table { name: "nodes", columns: NODE_COLUMNS, constraint: "" },
    Table { name: "inactive_nodes", columns: NODE_COLUMNS, constraint: "" },
    Table {
        name: "observers",
        columns: &[
            ("id", "TEXT PRIMARY KEY"),
            ("name", "TEXT"),
            ("iata", "TEXT"),
            ("last_seen", "TEXT"),
            ("first_seen", "TEXT"),
            ("packet_count", "INTEGER DEFAULT 0"),
            ("model", "TEXT"),
            ("firmware", "TEXT"),
            ("client_version", "TEXT"),
            ("radio", "TEXT"),
            ("battery_mv", "INTEGER"),
            ("uptime_secs", "INTEGER"),
            ("noise_floor", "REAL"),
            ("inactive", "INTEGER DEFAULT 0"),
            ("last_packet_at", "TEXT DEFAULT NULL"),
            ("clock_skew_seconds", "INTEGER DEFAULT NULL"),
            ("clock_skew_count_24h", "INTEGER DEFAULT 0"),
            ("clock_last_naive_at", "TEXT DEFAULT NULL"),
            ("can_relay", "INTEGER DEFAULT 1"),
            ("can_relay_seen", "INTEGER DEFAULT 0"),
        ],
        constraint: "",
    },
    Table {
        name: "transmissions",
        columns: &[
            ("id", "INTEGER PRIMARY KEY AUTOINCREMENT"),
            ("raw_hex", "TEXT NOT NULL"),
            ("hash", "TEXT NOT NULL UNIQUE"),
            ("first_seen", "TEXT NOT NULL"),
            ("route_type", "INTEGER"),
            ("payload_type", "INTEGER"),
            ("payload_version", "INTEGER"),
            ("decoded_json", "TEXT"),
            ("from_pubkey", "TEXT"),
            ("last_seen", "INTEGER NOT NULL DEFAULT 0"),
            ("created_at", "TEXT DEFAULT (datetime('now'))"),
            ("channel_hash", "TEXT DEFAULT NULL"),
            ("scope_name", "TEXT DEFAULT NULL"),
        ],
        constraint: "",
    },
    Table {
        name: "observations",
        columns: &[
            ("id", "INTEGER PRIMARY KEY AUTOINCREMENT"),
            ("transmission_id", "INTEGER NOT NULL REFERENCES transmissions(id)"),
            ("observer_idx", "INTEGER"),
            ("direction", "TEXT"),
            ("snr", "REAL"),
            ("rssi", "REAL"),
            ("score", "INTEGER"),
            ("path_json", "TEXT"),
            ("timestamp", "INTEGER NOT NULL"),
            ("resolved_path", "TEXT"),
            ("raw_hex", "TEXT"),
        ],
        constraint: "",
    },
    Table {
        name: "observer_metrics",
        columns: &[
            ("observer_id", "TEXT NOT NULL"),
            ("timestamp", "TEXT NOT NULL"),
            ("noise_floor", "REAL"),
            ("tx_air_secs", "INTEGER"),
            ("rx_air_secs", "INTEGER"),
            ("recv_errors", "INTEGER"),
            ("battery_mv", "INTEGER"),
            ("packets_sent", "INTEGER"),
            ("packets_recv", "INTEGER"),
        ],
        constraint: "PRIMARY KEY (observer_id, timestamp)",
    },
    Table {
        name: "dropped_packets",
        columns: &[
            ("id", "INTEGER PRIMARY KEY AUTOINCREMENT"),
            ("hash", "TEXT"),
            ("raw_hex", "TEXT"),
            ("reason", "TEXT NOT NULL"),
            ("observer_id", "TEXT"),
            ("observer_name", "TEXT"),
            ("node_pubkey", "TEXT"),
            ("node_name", "TEXT"),
            ("dropped_at", "DATETIME DEFAULT CURRENT_TIMESTAMP"),
        ],
        constraint: "",
    },
    Table {
        name: "neighbor_edges",
        columns: &[
            ("node_a", "TEXT NOT NULL"),
            ("node_b", "TEXT NOT NULL"),
            ("count", "INTEGER DEFAULT 1"),
            ("last_seen", "TEXT"),
        ],
        constraint: "PRIMARY KEY (node_a, node_b)",
    },
    Table {
        name: "client_receptions",
        columns: &[
            ("id", "INTEGER PRIMARY KEY AUTOINCREMENT"),
            ("rx_pubkey", "TEXT NOT NULL"),
            ("heard_key", "TEXT NOT NULL"),
            ("heard_keylen", "INTEGER NOT NULL"),
            ("rssi", "INTEGER"),
            ("snr", "REAL"),
            ("lat", "REAL NOT NULL"),
            ("lon", "REAL NOT NULL"),
            ("pos_acc_m", "REAL"),
            ("rx_at", "TEXT NOT NULL"),
            ("ingested_at", "TEXT NOT NULL"),
            ("src", "TEXT NOT NULL"),
        ],
        constraint: "UNIQUE (rx_pubkey, heard_key, rx_at)",
    },
    Table {
        name: "client_observers",
        columns: &[("pubkey", "TEXT PRIMARY KEY"), ("name", "TEXT"), ("last_seen", "TEXT")],
        constraint: "",
    },
    Table { name: "_migrations", columns: &[("name", "TEXT PRIMARY KEY")], constraint: "" },
    Table {
        name: "_async_migrations",
        columns: &[
            ("name", "TEXT PRIMARY KEY"),
            ("status", "TEXT NOT NULL"),
            ("started_at", "TEXT NOT NULL DEFAULT (datetime('now'))"),
            ("ended_at", "TEXT"),
            ("error", "TEXT"),
            ("rows_processed", "INTEGER NOT NULL DEFAULT 0"),
            ("rows_total", "INTEGER NOT NULL DEFAULT 0"),
            ("last_update_at", "TEXT"),
        ],
        constraint: "",
    },
    Table {
        name: "_migration_runs",
        columns: &[
            ("name", "TEXT PRIMARY KEY"),
            ("next_key", "INTEGER NOT NULL"),
            ("upper_key", "INTEGER NOT NULL"),
            ("rows_scanned", "INTEGER NOT NULL DEFAULT 0"),
            ("rows_changed", "INTEGER NOT NULL DEFAULT 0"),
            ("rows_failed", "INTEGER NOT NULL DEFAULT 0"),
            ("first_key", "INTEGER NOT NULL DEFAULT 0"),
            ("verify_key", "INTEGER"),
            ("verify_rounds", "INTEGER NOT NULL DEFAULT 0"),
            ("rows_differing", "INTEGER NOT NULL DEFAULT 0"),
            ("code_version", "INTEGER NOT NULL DEFAULT 1"),
            ("verify_rows", "INTEGER NOT NULL DEFAULT 0"),
            ("verify_hash", "TEXT"),
            ("verified_at_s", "INTEGER"),
        ],
        constraint: "",
    },
    Table {
        name: "_migration_states",
        columns: &[
            ("name", "TEXT PRIMARY KEY"),
            ("state", "TEXT NOT NULL"),
            ("reason", "TEXT NOT NULL"),
            ("by_whom", "TEXT NOT NULL"),
            ("since_ms", "INTEGER NOT NULL"),
        ],
        constraint: "",
    },
    Table {
        name: "_migration_moves",
        columns: &[
            ("id", "INTEGER PRIMARY KEY"),
            ("name", "TEXT NOT NULL"),
            ("from_state", "TEXT NOT NULL"),
            ("to_state", "TEXT NOT NULL"),
            ("reason", "TEXT NOT NULL"),
            ("by_whom", "TEXT NOT NULL"),
            ("at_ms", "INTEGER NOT NULL"),
        ],
        constraint: "",
    },
    Table {
        name: "_migration_dead_letters",
        columns: &[
            ("name", "TEXT NOT NULL"),
            ("row_key", "INTEGER NOT NULL"),
            ("error", "TEXT NOT NULL"),
            ("at_ms", "INTEGER NOT NULL"),
        ],
        constraint: "PRIMARY KEY (name, row_key)",
    },
    Table {
        name: "_analytics_blocks",
        columns: &[
            ("block", "INTEGER PRIMARY KEY"),
            ("first_seen_min_ms", "INTEGER"),
            ("first_seen_max_ms", "INTEGER"),
            ("heard_min_s", "INTEGER"),
            ("heard_max_s", "INTEGER"),
            ("packets", "BLOB"),
            ("receptions", "BLOB"),
        ],
        constraint: "",
    },
    Table {
        name: "_analytics_stale",
        columns: &[("block", "INTEGER PRIMARY KEY")],
        constraint: "",
    },
    Table {
        name: "_analytics_reach",
        columns: &[
            ("id", "INTEGER PRIMARY KEY"),
            ("transmission_id", "INTEGER NOT NULL DEFAULT 0"),
            ("observation_id", "INTEGER NOT NULL DEFAULT 0"),
        ],
        constraint: "",
    },
];

/// One index.
#[derive(Debug)]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// The table it is on.
    pub table: &'static str,
    /// Everything after the table's name: columns and condition.
    pub on: &'static str,
    /// Whether it is unique.
    pub is_unique: bool,
}

impl Index {
    /// Returns the statement that builds the index unless it is there.
    pub fn create_sql(&self) -> String {
        let unique = if self.is_unique { "UNIQUE " } else { "" };
        format!("CREATE {unique}INDEX IF NOT EXISTS {} ON {}{}", self.name, self.table, self.on)
    }
}

const fn index(name: &'static str, table: &'static str, on: &'static str) -> Index {
    Index { name, table, on, is_unique: false }
}

/// The name of the one unique index; the writer is right with and without it (decision 16).
pub const DEDUP_INDEX: &str = "idx_observations_dedup";

/// Every index. On a table with rows they are built by migrations in this order: what the writer
/// and the other migrations need comes first.
pub const INDEXES: &[Index] = &[
    index("idx_observations_transmission_id", "observations", "(transmission_id)"),
    index("idx_transmissions_hash", "transmissions", "(hash)"),
    index("idx_tx_last_seen_zero", "transmissions", "(id) WHERE last_seen = 0"),
    index("idx_observations_tx_ts", "observations", "(transmission_id, timestamp)"),
    index("idx_transmissions_first_seen", "transmissions", "(first_seen)"),
    index("idx_transmissions_payload_type", "transmissions", "(payload_type)"),
    index("idx_observations_timestamp", "observations", "(timestamp)"),
    index("idx_observations_observer_idx", "observations", "(observer_idx)"),
    index("idx_transmissions_from_pubkey", "transmissions", "(from_pubkey)"),
    index("idx_tx_channel_hash", "transmissions", "(channel_hash) WHERE payload_type = 5"),
    index("idx_tx_scope_name", "transmissions", "(scope_name) WHERE scope_name IS NOT NULL"),
    index("idx_nodes_last_seen", "nodes", "(last_seen)"),
    index("idx_nodes_foreign_advert", "nodes", "(foreign_advert) WHERE foreign_advert = 1"),
    index("idx_inactive_nodes_last_seen", "inactive_nodes", "(last_seen)"),
    index("idx_observers_last_seen", "observers", "(last_seen)"),
    index("idx_observer_metrics_timestamp", "observer_metrics", "(timestamp)"),
    index("idx_dropped_observer", "dropped_packets", "(observer_id)"),
    index("idx_dropped_node", "dropped_packets", "(node_pubkey)"),
    index(
        "idx_client_recept_heard_geo",
        "client_receptions",
        "(heard_key, heard_keylen, lat, lon)",
    ),
    index("idx_client_recept_latlon", "client_receptions", "(lat, lon)"),
    index("idx_client_recept_rxat", "client_receptions", "(rx_at)"),
    index("idx_observations_observer_idx_timestamp", "observations", "(observer_idx, timestamp)"),
    Index {
        name: DEDUP_INDEX,
        table: "observations",
        on: "(transmission_id, observer_idx, COALESCE(path_json, ''))",
        is_unique: true,
    },
];

/// Indexes of older versions that only cost: dropped once their successor is there.
pub const LEGACY_INDEXES: &[(&str, &str)] = &[
    ("idx_tx_last_seen", "idx_tx_last_seen_zero"),
    ("idx_client_recept_rxpk", "idx_client_recept_rxat"),
];

/// The view of flat packets (spec §1.5), exactly as `sqlite_master` keeps it.
pub const PACKETS_VIEW: &str = "CREATE VIEW packets_v AS \
SELECT o.id AS id, \
COALESCE(o.raw_hex, t.raw_hex) AS raw_hex, \
datetime(o.timestamp, 'unixepoch') AS timestamp, \
s.id AS observer_id, \
s.name AS observer_name, \
o.direction AS direction, \
o.snr AS snr, \
o.rssi AS rssi, \
o.score AS score, \
t.hash AS hash, \
t.route_type AS route_type, \
t.payload_type AS payload_type, \
t.payload_version AS payload_version, \
o.path_json AS path_json, \
t.decoded_json AS decoded_json, \
t.created_at AS created_at \
FROM observations o \
JOIN transmissions t ON t.id = o.transmission_id \
LEFT JOIN observers s ON s.rowid = o.observer_idx AND (s.inactive IS NULL OR s.inactive = 0)";

/// Names that the original records in `_migrations` for steps which only complete tables: true as
/// soon as the tables are complete.
pub const TABLE_MARKERS: &[&str] = &[
    "node_telemetry_v1",
    "observer_metrics_v1",
    "observers_inactive_v1",
    "observer_metrics_packets_v1",
    "observers_clock_naive_v1",
    "nodes_default_scope_v1",
    "observations_raw_hex_v1",
];

/// Names that the original records when an index (and what it belongs to) is there.
pub const INDEX_MARKERS: &[(&str, &[&str])] = &[
    ("obs_timestamp_index_v1", &["idx_observations_timestamp"]),
    ("observer_metrics_ts_idx", &["idx_observer_metrics_timestamp"]),
    ("dropped_packets_v1", &["idx_dropped_observer", "idx_dropped_node"]),
    ("foreign_advert_v1", &["idx_nodes_foreign_advert"]),
    ("from_pubkey_v1", &["idx_transmissions_from_pubkey"]),
    ("scope_name_v1", &["idx_tx_scope_name"]),
    ("obs_observer_ts_idx_v1", &["idx_observations_observer_idx_timestamp"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_constant_defaults_are_added_to_a_table() {
        assert_eq!(addable("TEXT"), Some("TEXT"));
        assert_eq!(addable("INTEGER NOT NULL DEFAULT 0"), Some("INTEGER NOT NULL DEFAULT 0"));
        assert_eq!(addable("TEXT DEFAULT (datetime('now'))"), Some("TEXT"));
        assert_eq!(addable("DATETIME DEFAULT CURRENT_TIMESTAMP"), Some("DATETIME"));
        assert_eq!(addable("TEXT NOT NULL"), None);
        assert_eq!(addable("TEXT NOT NULL DEFAULT (datetime('now'))"), None);
    }

    #[test]
    fn what_cannot_be_added_is_essential() {
        assert!(is_essential("TEXT NOT NULL UNIQUE"));
        assert!(is_essential("INTEGER PRIMARY KEY AUTOINCREMENT"));
        assert!(!is_essential("INTEGER NOT NULL DEFAULT 0"));
        assert!(!is_essential("TEXT DEFAULT (datetime('now'))"));
    }
}
