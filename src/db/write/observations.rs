//! What one observer adds to a transmission (spec §2.7).

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row, params};

use super::group::{Group, HeardAt};
use crate::db::error::{DbError, Doing};
use crate::ingest::reception::NewObservation;

/// Where an observation is stored.
pub(super) struct StoredObservation {
    pub(super) id: i64,
    pub(super) is_new: bool,
}

/// Reads a number; what an older database holds there that is none counts as a gap.
fn number(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<f64>> {
    Ok(match row.get_ref(index)? {
        ValueRef::Real(value) => Some(value),
        #[expect(clippy::cast_precision_loss, reason = "signals and scores are small")]
        ValueRef::Integer(value) => Some(value as f64),
        ValueRef::Null | ValueRef::Text(_) | ValueRef::Blob(_) => None,
    })
}

/// The columns that a repetition may fill.
struct Gaps {
    id: i64,
    snr: Option<f64>,
    rssi: Option<f64>,
    score: Option<f64>,
    raw_hex: Option<String>,
}

impl Gaps {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            snr: number(row, 1)?,
            rssi: number(row, 2)?,
            score: number(row, 3)?,
            raw_hex: row.get_ref(4)?.as_str().ok().map(str::to_owned),
        })
    }

    fn are_changed_by(&self, new: &NewObservation) -> bool {
        fn differs<T: PartialEq>(old: &Option<T>, new: &Option<T>) -> bool {
            new.is_some() && old != new
        }
        differs(&self.snr, &new.snr)
            || differs(&self.rssi, &new.rssi)
            || differs(&self.score, &new.score)
            || differs(&self.raw_hex, &new.raw_hex)
    }
}

/// With the unique index this is one seek.
pub(super) const FIND_INDEXED: &str = "SELECT id, snr, rssi, score, raw_hex FROM observations \
     WHERE transmission_id = ?1 AND observer_idx = ?2 AND COALESCE(path_json, '') = ?3 \
     ORDER BY id LIMIT 1";

/// Without it the transmission's few observations are read; the `+` keeps SQLite from choosing
/// the observer's many.
pub(super) const FIND_UNINDEXED: &str = "SELECT id, snr, rssi, score, raw_hex FROM observations \
     WHERE transmission_id = ?1 AND +observer_idx = ?2 AND COALESCE(path_json, '') = ?3 \
     ORDER BY id LIMIT 1";

impl Group<'_> {
    /// Finds the observation by (transmission, observer, path), or inserts it. A repetition fills
    /// signal, score and bytes; direction, time and path stay those of the first.
    pub(super) fn store_observation(
        &mut self,
        transmission_id: i64,
        observer: i64,
        new: &NewObservation,
        heard: &HeardAt,
    ) -> Result<StoredObservation, DbError> {
        let sql = if self.tables.has_dedup_index { FIND_INDEXED } else { FIND_UNINDEXED };
        let found = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut row| {
                row.query_row(params![transmission_id, observer, new.path_json], Gaps::read)
                    .optional()
            })
            .doing("look up an observation")?;
        let stored = match found {
            Some(old) => self.fill_observation(&old, new)?,
            None => self.insert_observation(transmission_id, observer, new, heard)?,
        };
        self.counts.obs_inserted += 1;
        Ok(stored)
    }

    fn fill_observation(
        &self,
        old: &Gaps,
        new: &NewObservation,
    ) -> Result<StoredObservation, DbError> {
        if old.are_changed_by(new) {
            self.run(
                "fill an observation",
                "UPDATE observations SET snr = COALESCE(?2, snr), rssi = COALESCE(?3, rssi), \
                 score = COALESCE(?4, score), raw_hex = COALESCE(?5, raw_hex) WHERE id = ?1",
                params![old.id, new.snr, new.rssi, new.score, new.raw_hex],
            )?;
        }
        Ok(StoredObservation { id: old.id, is_new: false })
    }

    fn insert_observation(
        &self,
        transmission_id: i64,
        observer: i64,
        new: &NewObservation,
        heard: &HeardAt,
    ) -> Result<StoredObservation, DbError> {
        self.run(
            "insert an observation",
            "INSERT INTO observations (transmission_id, observer_idx, direction, snr, rssi, \
             score, path_json, timestamp, raw_hex) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                transmission_id,
                observer,
                new.direction,
                new.snr,
                new.rssi,
                new.score,
                new.path_json,
                heard.unix_s,
                new.raw_hex,
            ],
        )?;
        Ok(StoredObservation { id: self.conn.last_insert_rowid(), is_new: true })
    }

    pub(super) fn count_observations(&self, transmission_id: i64) -> Result<i64, DbError> {
        self.conn
            .prepare_cached("SELECT COUNT(*) FROM observations WHERE transmission_id = ?1")
            .and_then(|mut row| row.query_row([transmission_id], |row| row.get(0)))
            .doing("count the observations of a transmission")
    }
}
