//! Transmissions with their observations.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{CachedStatement, OptionalExtension, Row};

use crate::db::error::{DbError, Doing};
use crate::db::reader::Reader;
use crate::db::values::{integer, real, text};
use crate::store::{Outline, SeenOutline, hop_count};

/// One packet and all who heard it. Empty texts are `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct Transmission {
    /// May be 0 or negative.
    pub id: i64,
    /// The frame in hex.
    pub raw_hex: Option<String>,
    /// Content hash.
    pub hash: String,
    /// ISO text, as stored.
    pub first_seen: String,
    /// 0 to 3.
    pub route_type: Option<i64>,
    /// 0 to 15.
    pub payload_type: Option<i64>,
    /// As stored.
    pub decoded_json: Option<String>,
    /// Latest first; each (observer, path) once.
    pub observations: Vec<Observation>,
}

impl Transmission {
    /// Returns the observation that stands for the packet in lists: the one with the most hops,
    /// of these the first.
    pub fn best(&self) -> Option<&Observation> {
        best_of(&self.observations).map(|index| &self.observations[index])
    }
}

fn best_of(observations: &[Observation]) -> Option<usize> {
    let hops = |index: &usize| (observations[*index].hop_count(), Reverse(*index));
    (0..observations.len()).max_by_key(hops)
}

/// One observer's reception.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// May be 0 or negative.
    pub id: i64,
    /// Row id of the observer.
    observer_idx: Option<i64>,
    /// `None` if the row names no observer that exists.
    pub observer: Option<Arc<ObserverName>>,
    /// `rx` or `tx`.
    pub direction: Option<String>,
    /// dB.
    pub snr: Option<f64>,
    /// dBm.
    pub rssi: Option<f64>,
    /// As the observer computed it.
    pub score: Option<f64>,
    /// JSON array of hops, as stored.
    pub path_json: Option<String>,
    /// Unix seconds.
    pub timestamp_s: i64,
    /// JSON array of public keys and nulls, as stored.
    pub resolved_path: Option<String>,
    /// This observer's own bytes in hex.
    pub raw_hex: Option<String>,
}

impl Observation {
    /// Returns the number of hops, 0 if the path is no JSON array.
    pub fn hop_count(&self) -> usize {
        hop_count(self.path_json.as_deref())
    }

    fn key(&self) -> (Option<i64>, &str) {
        (self.observer_idx, self.path_json.as_deref().unwrap_or(""))
    }

    /// Fills what is missing from a duplicate (ingest spec §1.10).
    fn fill_from(&mut self, other: Self) {
        self.snr = self.snr.or(other.snr);
        self.rssi = self.rssi.or(other.rssi);
        self.score = self.score.or(other.score);
        self.raw_hex = self.raw_hex.take().or(other.raw_hex);
        self.resolved_path = self.resolved_path.take().or(other.resolved_path);
    }
}

impl From<SeenOutline> for Observation {
    fn from(seen: SeenOutline) -> Self {
        Self {
            id: seen.id,
            observer_idx: seen.observer_idx,
            observer: None,
            direction: None,
            snr: None,
            rssi: None,
            score: None,
            path_json: None,
            timestamp_s: seen.timestamp_s,
            resolved_path: None,
            raw_hex: None,
        }
    }
}

/// Who heard it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObserverName {
    /// As in the topic.
    pub id: Option<String>,
    /// Display name.
    pub name: Option<String>,
    /// Region.
    pub iata: Option<String>,
}

/// How much of a transmission is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Of its observations the observer, path and time; the [best](Transmission::best) is whole.
    Best,
    /// Everything.
    All,
}

/// Reads transmissions by id; keeps statements and observers for the next one.
pub(super) struct Loader<'r> {
    transmission: CachedStatement<'r>,
    observations: CachedStatement<'r>,
    outlines: CachedStatement<'r>,
    observation: CachedStatement<'r>,
    reader: &'r Reader,
    observer: CachedStatement<'r>,
    observers: HashMap<i64, Option<Arc<ObserverName>>>,
}

impl<'r> Loader<'r> {
    pub(super) fn new(reader: &'r Reader) -> Result<Self, DbError> {
        Ok(Self {
            transmission: reader.statement(
                "SELECT id, raw_hex, hash, first_seen, route_type, payload_type, decoded_json \
                 FROM transmissions WHERE id = ?1",
            )?,
            observations: reader.statement(
                "SELECT id, observer_idx, direction, snr, rssi, score, path_json, timestamp, \
                 resolved_path, raw_hex FROM observations WHERE transmission_id = ?1 \
                 ORDER BY timestamp DESC, id DESC",
            )?,
            outlines: reader.statement(
                "SELECT id, observer_idx, NULL, NULL, NULL, NULL, path_json, timestamp, NULL, NULL \
                 FROM observations WHERE transmission_id = ?1 ORDER BY timestamp DESC, id DESC",
            )?,
            observation: reader.statement(
                "SELECT id, observer_idx, direction, snr, rssi, score, path_json, timestamp, \
                 resolved_path, raw_hex FROM observations WHERE id = ?1",
            )?,
            reader,
            observer: reader.statement("SELECT id, name, iata FROM observers WHERE rowid = ?1")?,
            observers: HashMap::new(),
        })
    }

    /// Returns one transmission with its observations.
    pub(super) fn load(&mut self, id: i64) -> Result<Option<Transmission>, DbError> {
        self.load_to(id, Depth::All)
    }

    /// Returns one transmission, read as deep as asked.
    ///
    /// # Errors
    /// Also when the deadline has passed: what is done with rows counts too.
    pub(super) fn load_to(
        &mut self,
        id: i64,
        depth: Depth,
    ) -> Result<Option<Transmission>, DbError> {
        self.reader.check_deadline("read a packet")?;
        let row = self.transmission.query_row([id], transmission_of).optional();
        let Some(mut transmission) = row.doing("read a packet")? else { return Ok(None) };
        transmission.observations = match depth {
            Depth::Best => self.load_best(id)?,
            Depth::All => merge_duplicates(read_all(&mut self.observations, id)?),
        };
        self.name_observers(&mut transmission)?;
        Ok(Some(transmission))
    }

    /// As [`Depth::Best`], where the receptions are known: only the one that stands for the packet
    /// is read. `None` too if that does not exist.
    pub(super) fn load_outlined(
        &mut self,
        id: i64,
        outline: Outline,
    ) -> Result<Option<Transmission>, DbError> {
        self.reader.check_deadline("read a packet")?;
        let row = self.transmission.query_row([id], transmission_of).optional();
        let Some(mut transmission) = row.doing("read a packet")? else { return Ok(None) };
        let best = self.observation.query_row([outline.best], observation_of).optional();
        let Some(best) = best.doing("read a reception")? else { return Ok(None) };
        transmission.observations = outline.seen.into_iter().map(Observation::from).collect();
        let place = transmission.observations.iter_mut().find(|seen| seen.id == best.id);
        let Some(place) = place else { return Ok(None) };
        *place = best;
        self.name_observers(&mut transmission)?;
        Ok(Some(transmission))
    }

    fn name_observers(&mut self, transmission: &mut Transmission) -> Result<(), DbError> {
        for index in 0..transmission.observations.len() {
            let observer = transmission.observations[index].observer_idx;
            transmission.observations[index].observer = self.observer(observer)?;
        }
        Ok(())
    }

    fn load_best(&mut self, id: i64) -> Result<Vec<Observation>, DbError> {
        let mut outlines = read_all(&mut self.outlines, id)?;
        if has_duplicates(&outlines) {
            return Ok(merge_duplicates(read_all(&mut self.observations, id)?));
        }
        if let Some(best) = best_of(&outlines) {
            let whole = self.observation.query_row([outlines[best].id], observation_of);
            outlines[best] = whole.doing("read a reception")?;
        }
        Ok(outlines)
    }

    fn observer(&mut self, rowid: Option<i64>) -> Result<Option<Arc<ObserverName>>, DbError> {
        let Some(rowid) = rowid else { return Ok(None) };
        if let Some(known) = self.observers.get(&rowid) {
            return Ok(known.clone());
        }
        let read = |row: &Row<'_>| {
            Ok(Arc::new(ObserverName {
                id: text(row, 0)?,
                name: text(row, 1)?,
                iata: text(row, 2)?,
            }))
        };
        let found = self.observer.query_row([rowid], read).optional().doing("read an observer")?;
        self.observers.insert(rowid, found.clone());
        Ok(found)
    }
}

fn read_all(statement: &mut CachedStatement<'_>, id: i64) -> Result<Vec<Observation>, DbError> {
    let rows = statement.query_map([id], observation_of).doing("read receptions")?;
    rows.collect::<rusqlite::Result<Vec<_>>>().doing("read receptions")
}

fn transmission_of(row: &Row<'_>) -> rusqlite::Result<Transmission> {
    Ok(Transmission {
        id: row.get(0)?,
        raw_hex: text(row, 1)?,
        hash: text(row, 2)?.unwrap_or_default(),
        first_seen: text(row, 3)?.unwrap_or_default(),
        route_type: integer(row, 4)?,
        payload_type: integer(row, 5)?,
        decoded_json: text(row, 6)?,
        observations: Vec::new(),
    })
}

fn observation_of(row: &Row<'_>) -> rusqlite::Result<Observation> {
    Ok(Observation {
        id: row.get(0)?,
        observer_idx: integer(row, 1)?,
        observer: None,
        direction: text(row, 2)?,
        snr: real(row, 3)?,
        rssi: real(row, 4)?,
        score: real(row, 5)?,
        path_json: text(row, 6)?,
        timestamp_s: integer(row, 7)?.unwrap_or(0),
        resolved_path: text(row, 8)?,
        raw_hex: text(row, 9)?,
    })
}

/// Of observations with the same observer and path the one with the lowest id stays, as the
/// migration that merges them for good decides it.
fn merge_duplicates(observations: Vec<Observation>) -> Vec<Observation> {
    if !has_duplicates(&observations) {
        return observations;
    }
    let mut by_id = observations;
    by_id.sort_by_key(|seen| seen.id);
    let mut merged: Vec<Observation> = Vec::with_capacity(by_id.len());
    for seen in by_id {
        match merged.iter_mut().find(|kept| kept.key() == seen.key()) {
            Some(kept) => kept.fill_from(seen),
            None => merged.push(seen),
        }
    }
    merged.sort_by_key(|seen| Reverse((seen.timestamp_s, seen.id)));
    merged
}

fn has_duplicates(observations: &[Observation]) -> bool {
    let mut keys: Vec<_> = observations.iter().map(Observation::key).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}
