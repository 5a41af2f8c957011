//! Who writes.

use std::fmt;

/// A source of writes. Ordered as shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Transmissions and observations.
    Packets,
    /// Nodes, from adverts.
    Adverts,
    /// Observers, from packets and status reports.
    Observers,
    /// `observer_metrics`.
    Metrics,
    /// What companion clients heard.
    ClientReceptions,
    /// Refused adverts.
    DroppedPackets,
    /// A migration, by its short name (see [`Source::backfill`]).
    Backfill(&'static str),
    /// Deletion of old rows.
    Retention,
    /// Giving free pages back.
    Vacuum,
    /// Moving the WAL into the database.
    Checkpoint,
    /// A whole group of receptions: the component of `writer_perf`, never a source of rows.
    MqttHandler,
}

/// What one source had of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The source.
    pub source: Source,
    /// Rows that it inserted, changed or deleted.
    pub rows: u64,
    /// What failed.
    pub errors: u64,
}

/// What the original calls them in `backfillUpdates`, where the names differ by more than affixes.
const RENAMED: &[(&str, &str)] = &[("backfill_path_json_from_raw_hex_v1", "path_json")];

impl Source {
    /// The source of a migration: its name without version and without the word backfill, so that
    /// `backfill_<name>` is the original's key (spec §4.1, 001-05).
    pub fn backfill(migration: &'static str) -> Self {
        if let Some((_, name)) = RENAMED.iter().find(|(long, _)| *long == migration) {
            return Self::Backfill(name);
        }
        let (stem, version) = migration.rsplit_once("_v").unwrap_or((migration, ""));
        let is_version = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
        let name = if is_version { stem } else { migration };
        let name = name.strip_prefix("backfill_").unwrap_or(name);
        Self::Backfill(name.strip_suffix("_backfill").unwrap_or(name))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Packets => "packets",
            Self::Adverts => "adverts",
            Self::Observers => "observers",
            Self::Metrics => "metrics",
            Self::ClientReceptions => "client_receptions",
            Self::DroppedPackets => "dropped_packets",
            Self::Backfill(name) => return write!(out, "backfill_{name}"),
            Self::Retention => "retention",
            Self::Vacuum => "vacuum",
            Self::Checkpoint => "checkpoint",
            Self::MqttHandler => "mqtt_handler",
        };
        out.write_str(name)
    }
}
