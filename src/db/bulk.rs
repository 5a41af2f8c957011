//! Fills a new database at the greatest speed: no journal, no sync, indexes at the end. For
//! databases that are made up (`seed`, `--demo`), never for one that holds anything.
//!
//! It is built under another name, so that an interrupted run leaves nothing under the real one.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::analytics;
use super::error::{DbError, Doing};
use super::lock::lock_path;
use super::markers;
use super::open::open;
use super::options::OpenOptions;
use super::schema::INDEXES;
use super::write::WriteConnection;
use crate::clock::iso_s;
use crate::ingest::reception::NewTransmission;

/// What a database looks like when it is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// As we leave it: nothing to migrate.
    Present,
    /// As a CoreScope of early 2026 left it: the async migrations have not run.
    PreBackfill,
}

/// Indexes that a CoreScope of early 2026 did not have.
const YOUNG_INDEXES: &[&str] =
    &["idx_tx_last_seen_zero", "idx_observations_observer_idx_timestamp"];
/// What such a CoreScope had recorded in `_migrations`.
const OLD_MARKERS: &[&str] = &[
    "advert_count_unique_v1",
    "noise_floor_real_v1",
    "node_telemetry_v1",
    "obs_timestamp_index_v1",
    "observer_metrics_v1",
    "observer_metrics_ts_idx",
    "observers_inactive_v1",
    "observer_metrics_packets_v1",
    "channel_hash_v1",
    "dropped_packets_v1",
    "observers_last_packet_at_v1",
    "observers_clock_naive_v1",
    "cleanup_legacy_null_hash_ts",
    "foreign_advert_v1",
    "from_pubkey_v1",
    "scope_name_v1",
    "nodes_default_scope_v1",
    "observations_raw_hex_v1",
];
/// A packet and all who heard it.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkTransmission {
    /// The packet.
    pub transmission: NewTransmission,
    /// Unix seconds.
    pub first_seen_s: i64,
    /// Unix seconds; 0 for a row that the backfill has still to fill.
    pub last_seen_s: i64,
    /// Who heard it; no two the same in observer and path.
    pub observations: Vec<BulkObservation>,
}

/// One who heard it.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkObservation {
    /// The observer's place in the order of [`BulkWriter::add_observers`], from 1.
    pub observer_idx: i64,
    /// Unix seconds.
    pub heard_at_s: i64,
    /// dB.
    pub snr: f64,
    /// dBm.
    pub rssi: f64,
    /// `None` for a row that the backfill has still to fill.
    pub path_json: Option<String>,
    /// JSON array of keys and nulls.
    pub resolved_path: Option<String>,
    /// This observer's own bytes.
    pub raw_hex: String,
}

/// A row of `nodes`.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkNode {
    /// Lower-case hex.
    pub public_key: String,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: &'static str,
    /// Degrees.
    pub lat: f64,
    /// Degrees.
    pub lon: f64,
    /// Unix seconds.
    pub last_seen_s: i64,
    /// Unix seconds.
    pub first_seen_s: i64,
    /// Adverts of its own among the transmissions.
    pub advert_count: i64,
    /// The region of its scoped adverts.
    pub default_scope: Option<String>,
}

/// A row of `observers`.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkObserver {
    /// As in the topic.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its airport.
    pub iata: &'static str,
    /// Unix seconds.
    pub last_seen_s: i64,
    /// Unix seconds.
    pub first_seen_s: i64,
    /// Packets it heard.
    pub packet_count: i64,
    /// Hardware.
    pub model: &'static str,
    /// Firmware.
    pub firmware: &'static str,
    /// Software that forwards.
    pub client_version: &'static str,
    /// `MHz,kHz,SF,CR`.
    pub radio: &'static str,
    /// Millivolts.
    pub battery_mv: i64,
    /// dBm.
    pub noise_floor: f64,
}

/// A row of `observer_metrics`.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkMetrics {
    /// Whose.
    pub observer_id: String,
    /// Unix seconds.
    pub at_s: i64,
    /// dBm.
    pub noise_floor: f64,
    /// Seconds on air, sending.
    pub tx_air_secs: i64,
    /// Seconds on air, receiving.
    pub rx_air_secs: i64,
    /// Millivolts.
    pub battery_mv: i64,
    /// Packets received.
    pub packets_recv: i64,
}

/// A row of `neighbor_edges`; the keys may stand in either order.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkEdge {
    /// Both ends, lower-case hex.
    pub keys: (String, String),
    /// How often it was seen.
    pub count: i64,
    /// Unix seconds.
    pub last_seen_s: i64,
}

/// A database in the making.
#[derive(Debug)]
pub struct BulkWriter {
    writer: WriteConnection,
    path: PathBuf,
    era: Era,
}

impl BulkWriter {
    /// Begins a database that will be at `path`; `created_at` of its rows is the options' time.
    ///
    /// # Errors
    /// [`DbError::File`] if something is there already; those of [`open`].
    pub fn create(path: &Path, era: Era, options: &OpenOptions) -> Result<Self, DbError> {
        const ACTION: &str = "prepare a new database";
        let file_error = |source| DbError::File { path: path.to_owned(), source };
        if fs::metadata(path).is_ok_and(|there| there.is_dir() || there.len() > 0) {
            return Err(file_error(std::io::ErrorKind::AlreadyExists.into()));
        }
        let making = making_path(path);
        discard(&making).map_err(file_error)?;
        let writer = open(&making, options)?.writer;
        let conn = &writer.conn;
        for index in INDEXES {
            conn.execute_batch(&format!("DROP INDEX IF EXISTS {}", index.name)).doing(ACTION)?;
        }
        if era == Era::PreBackfill {
            analytics::uninstall(conn)?;
            conn.execute_batch(
                "DELETE FROM _migrations; DELETE FROM _async_migrations; \
                 DROP TABLE _migration_runs; DROP TABLE _migration_states; \
                 DROP TABLE _migration_moves; DROP TABLE _migration_dead_letters;",
            )
            .doing(ACTION)?;
        }
        conn.execute_batch(
            "PRAGMA foreign_keys = OFF; PRAGMA locking_mode = EXCLUSIVE; \
             PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; \
             PRAGMA temp_store = MEMORY; PRAGMA threads = 2;",
        )
        .doing(ACTION)?;
        Ok(Self { writer, path: path.to_owned(), era })
    }

    fn conn(&self) -> &Connection {
        &self.writer.conn
    }

    /// Adds observers; the first is number 1.
    ///
    /// # Errors
    /// Those of the statements.
    pub fn add_observers(&self, observers: &[BulkObserver]) -> Result<(), DbError> {
        let sql = "INSERT INTO observers (id, name, iata, last_seen, first_seen, packet_count, \
                   model, firmware, client_version, radio, battery_mv, noise_floor, \
                   last_packet_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?4)";
        self.in_one_go("add an observer", sql, |statement| {
            for o in observers {
                statement.execute(params![
                    o.id,
                    o.name,
                    o.iata,
                    iso_s(o.last_seen_s),
                    iso_s(o.first_seen_s),
                    o.packet_count,
                    o.model,
                    o.firmware,
                    o.client_version,
                    o.radio,
                    o.battery_mv,
                    o.noise_floor,
                ])?;
            }
            Ok(())
        })
    }

    /// Adds nodes.
    ///
    /// # Errors
    /// Those of the statements.
    pub fn add_nodes(&self, nodes: &[BulkNode]) -> Result<(), DbError> {
        let sql = "INSERT INTO nodes (public_key, name, role, lat, lon, last_seen, first_seen, \
                   advert_count, default_scope) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        self.in_one_go("add a node", sql, |statement| {
            for n in nodes {
                let (last_seen, first_seen) = (iso_s(n.last_seen_s), iso_s(n.first_seen_s));
                statement.execute(params![
                    n.public_key,
                    n.name,
                    n.role,
                    n.lat,
                    n.lon,
                    last_seen,
                    first_seen,
                    n.advert_count,
                    n.default_scope,
                ])?;
            }
            Ok(())
        })
    }

    /// Adds edges.
    ///
    /// # Errors
    /// Those of the statements.
    pub fn add_edges(&self, edges: &[BulkEdge]) -> Result<(), DbError> {
        let sql = "INSERT OR IGNORE INTO neighbor_edges (node_a, node_b, count, last_seen) \
                   VALUES (min(?1, ?2), max(?1, ?2), ?3, ?4)";
        self.in_one_go("add an edge", sql, |statement| {
            for edge in edges {
                let last_seen = iso_s(edge.last_seen_s);
                statement.execute(params![edge.keys.0, edge.keys.1, edge.count, last_seen])?;
            }
            Ok(())
        })
    }

    /// Adds observers' figures.
    ///
    /// # Errors
    /// Those of the statements.
    pub fn add_metrics(&self, metrics: &[BulkMetrics]) -> Result<(), DbError> {
        let sql = "INSERT OR IGNORE INTO observer_metrics (observer_id, timestamp, noise_floor, \
                   tx_air_secs, rx_air_secs, battery_mv, packets_recv) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        self.in_one_go("add an observer's figures", sql, |statement| {
            for m in metrics {
                statement.execute(params![
                    m.observer_id,
                    iso_s(m.at_s),
                    m.noise_floor,
                    m.tx_air_secs,
                    m.rx_air_secs,
                    m.battery_mv,
                    m.packets_recv,
                ])?;
            }
            Ok(())
        })
    }

    /// Adds packets and who heard them, in one transaction.
    ///
    /// # Errors
    /// Those of the statements; a hash that is there already is one.
    pub fn add_transmissions(&self, group: &[BulkTransmission]) -> Result<(), DbError> {
        let created_at = self.created_at();
        let sql = "INSERT INTO transmissions (raw_hex, hash, first_seen, route_type, \
                   payload_type, payload_version, decoded_json, from_pubkey, last_seen, \
                   created_at, channel_hash, scope_name) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
        self.in_one_go("add a transmission", sql, |statement| {
            for row in group {
                let t = &row.transmission;
                statement.execute(params![
                    t.raw_hex,
                    t.hash,
                    iso_s(row.first_seen_s),
                    t.route_type,
                    t.payload_type,
                    t.payload_version,
                    t.decoded_json,
                    t.from_pubkey,
                    row.last_seen_s,
                    created_at,
                    t.channel_hash,
                    t.scope_name,
                ])?;
                self.add_observations(&row.observations)?;
            }
            Ok(())
        })
    }

    /// Adds observations to the transmission that was added last.
    fn add_observations(&self, observations: &[BulkObservation]) -> rusqlite::Result<()> {
        let transmission_id = self.conn().last_insert_rowid();
        let mut statement = self.conn().prepare_cached(
            "INSERT INTO observations (transmission_id, observer_idx, direction, snr, rssi, \
             path_json, timestamp, resolved_path, raw_hex) \
             VALUES (?1, ?2, 'rx', ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        for o in observations {
            statement.execute(params![
                transmission_id,
                o.observer_idx,
                o.snr,
                o.rssi,
                o.path_json,
                o.heard_at_s,
                o.resolved_path,
                o.raw_hex,
            ])?;
        }
        Ok(())
    }

    fn created_at(&self) -> String {
        iso_s(self.writer.options.clock.now_s()).replace('T', " ").replace('Z', "")
    }

    fn in_one_go(
        &self,
        action: &'static str,
        sql: &str,
        work: impl FnOnce(&mut rusqlite::CachedStatement<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), DbError> {
        let conn = self.conn();
        conn.execute_batch("BEGIN").doing(action)?;
        conn.prepare_cached(sql).and_then(|mut statement| work(&mut statement)).doing(action)?;
        conn.execute_batch("COMMIT").doing(action)
    }

    /// Builds the indexes, calling `on_step` before each with its name, records what is done, and
    /// puts the database in its place.
    ///
    /// # Errors
    /// Those of the statements and of the file system; what was made is then removed.
    pub fn finish(self, mut on_step: impl FnMut(&str)) -> Result<(), DbError> {
        const ACTION: &str = "finish a new database";
        let conn = self.conn();
        let is_young = |name: &&str| YOUNG_INDEXES.contains(name);
        for index in INDEXES {
            if self.era == Era::Present || !is_young(&index.name) {
                on_step(index.name);
                conn.execute_batch(&index.create_sql()).doing("build an index")?;
            }
        }
        on_step("writing to disk");
        if self.era == Era::PreBackfill {
            for name in OLD_MARKERS {
                markers::record_done(conn, name)?;
            }
        }
        conn.execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA journal_mode = DELETE; \
             PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = WAL;",
        )
        .doing(ACTION)?;
        self.put_in_place()
    }

    fn put_in_place(self) -> Result<(), DbError> {
        let Self { writer, path, .. } = self;
        let making = making_path(&path);
        writer.close()?;
        let failed = |source| DbError::File { path: path.clone(), source };
        fs::File::open(&making).and_then(|file| file.sync_all()).map_err(failed)?;
        fs::rename(&making, &path).map_err(failed)?;
        discard(&making).map_err(failed)
    }
}

fn making_path(path: &Path) -> PathBuf {
    beside(path, ".seeding")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Removes what an interrupted run left behind.
fn discard(making: &Path) -> std::io::Result<()> {
    let wal = [beside(making, "-wal"), beside(making, "-shm"), beside(making, "-journal")];
    for path in wal.into_iter().chain([making.to_owned(), lock_path(making)]) {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
