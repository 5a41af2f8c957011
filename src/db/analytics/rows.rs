//! A block made from its rows, with the rules of the packet lists: each (observer, path) once, the
//! best reception is the one with the most hops, of these the latest.

use std::cmp::Reverse;
use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, Row, params};
use serde::Deserialize;

use crate::db::error::{DbError, Doing};
use crate::db::values::{integer, real, text};
use crate::store::analytics::{Advert, BLOCK_BITS, BLOCK_PACKETS, Block, BlockBuilder};
use crate::store::analytics::{Heard, NewPacket};

const ACTION: &str = "read packets for analytics";
const ADVERT: i64 = 4;

/// Reads blocks from the rows.
pub(super) struct Rows<'c> {
    transmissions: CachedStatement<'c>,
    observations: CachedStatement<'c>,
    count: CachedStatement<'c>,
}

/// A row of `transmissions`.
struct Transmission {
    id: i64,
    raw_hex: Option<String>,
    first_seen: Option<String>,
    route_type: Option<i64>,
    payload_type: Option<i64>,
    advert: Option<Advert<'static>>,
}

/// A row of `observations`.
struct Observation {
    id: i64,
    path: Option<String>,
    heard: Heard,
}

impl<'c> Rows<'c> {
    pub(super) fn new(conn: &'c Connection) -> Result<Self, DbError> {
        // What stands behind the columns that are read, such as padded JSON, is not touched.
        let transmissions = "SELECT id, raw_hex, first_seen, route_type, payload_type, \
             IIF(payload_type = 4, decoded_json, NULL) FROM transmissions WHERE id BETWEEN ?1 AND ?2 AND hash <> '' ORDER BY id";
        let observations = "SELECT id, observer_idx, snr, rssi, path_json, timestamp \
             FROM observations WHERE transmission_id = ?1 ORDER BY timestamp DESC, id DESC";
        let count = "SELECT COUNT(*) FROM (SELECT 1 FROM observations \
             WHERE transmission_id BETWEEN ?1 AND ?2 LIMIT ?3)";
        Ok(Self {
            count: conn.prepare_cached(count).doing(ACTION)?,
            transmissions: conn.prepare_cached(transmissions).doing(ACTION)?,
            observations: conn.prepare_cached(observations).doing(ACTION)?,
        })
    }

    /// Counts the receptions of a block, up to `max`: an index has them.
    pub(super) fn count(&mut self, block: i64, max: u64) -> Result<u64, DbError> {
        let (first, last) = ids_of(block);
        self.count.query_row(params![first, last, max], |row| row.get(0)).doing(ACTION)
    }

    /// Returns the block; it has no packets if there are no rows.
    pub(super) fn read(&mut self, block: i64) -> Result<Block<'static>, DbError> {
        let (first, last) = ids_of(block);
        let packets = self
            .transmissions
            .query_map(params![first, last], transmission_of)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .doing(ACTION)?;
        let mut builder = BlockBuilder::default();
        for packet in packets {
            let observations = self
                .observations
                .query_map([packet.id], observation_of)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .doing(ACTION)?;
            let observations = merge_duplicates(observations);
            let new = NewPacket {
                first_seen: packet.first_seen.as_deref().unwrap_or_default(),
                raw_hex: packet.raw_hex.as_deref().unwrap_or_default(),
                payload_type: packet.payload_type,
                route_type: packet.route_type,
                path: best_path(&observations),
                advert: packet.advert,
            };
            builder.add(new, observations.iter().map(|observation| observation.heard));
        }
        Ok(builder.finish())
    }
}

fn ids_of(block: i64) -> (i64, i64) {
    let first = block << BLOCK_BITS;
    (first, first + (BLOCK_PACKETS - 1))
}

fn transmission_of(row: &Row<'_>) -> rusqlite::Result<Transmission> {
    let payload_type = integer(row, 4)?;
    let advert = match payload_type {
        Some(ADVERT) => text(row, 5)?.and_then(|json| advert_of(&json)),
        _ => None,
    };
    Ok(Transmission {
        id: row.get(0)?,
        raw_hex: text(row, 1)?,
        first_seen: text(row, 2)?,
        route_type: integer(row, 3)?,
        payload_type,
        advert,
    })
}

/// By the JSON alone: `from_pubkey` is filled in later and says the same.
fn advert_of(decoded_json: &str) -> Option<Advert<'static>> {
    #[derive(Deserialize)]
    struct Decoded {
        #[serde(rename = "pubKey", default)]
        key: serde_json::Value,
        #[serde(default)]
        name: serde_json::Value,
    }
    let decoded: Decoded = serde_json::from_str(decoded_json).ok()?;
    let key = decoded.key.as_str()?.to_lowercase();
    let name = decoded.name.as_str().unwrap_or_default().to_owned();
    (!key.is_empty()).then_some(Advert { key: key.into(), name: name.into() })
}

fn observation_of(row: &Row<'_>) -> rusqlite::Result<Observation> {
    let heard = Heard {
        at_s: integer(row, 5)?,
        observer: integer(row, 1)?,
        snr: real(row, 2)?,
        rssi: real(row, 3)?,
    };
    Ok(Observation { id: row.get(0)?, path: text(row, 4)?, heard })
}

/// Of the same observer and path the row with the lowest id stays and takes what it lacks from the
/// others, as the migration does it for good.
fn merge_duplicates(observations: Vec<Observation>) -> Vec<Observation> {
    let mut firsts: HashMap<(Option<i64>, &str), usize> = HashMap::new();
    let mut twins: Vec<(usize, usize)> = Vec::new();
    for index in by_id(&observations) {
        let Observation { path, heard, .. } = &observations[index];
        let key = (heard.observer, path.as_deref().unwrap_or_default());
        match firsts.get(&key) {
            Some(first) => twins.push((*first, index)),
            None => {
                firsts.insert(key, index);
            }
        }
    }
    if twins.is_empty() {
        return observations;
    }
    let mut merged: Vec<Option<Observation>> = observations.into_iter().map(Some).collect();
    for (first, twin) in twins {
        let twin = merged[twin].take();
        if let (Some(first), Some(twin)) = (&mut merged[first], twin) {
            first.heard.snr = first.heard.snr.or(twin.heard.snr);
            first.heard.rssi = first.heard.rssi.or(twin.heard.rssi);
        }
    }
    merged.into_iter().flatten().collect()
}

fn by_id(observations: &[Observation]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..observations.len()).collect();
    order.sort_unstable_by_key(|index| observations[*index].id);
    order
}

/// The hops of the best reception; none if its path is no list of texts.
fn best_path(observations: &[Observation]) -> Vec<String> {
    let hops = |(index, observation): (usize, &Observation)| {
        let path = observation.path.as_deref().unwrap_or("[]");
        let count =
            serde_json::from_str::<Vec<serde::de::IgnoredAny>>(path).map_or(0, |hops| hops.len());
        (count, Reverse(index))
    };
    let best = observations.iter().enumerate().max_by_key(|candidate| hops(*candidate));
    let path = best.and_then(|(_, observation)| observation.path.as_deref()).unwrap_or("[]");
    serde_json::from_str(path).unwrap_or_default()
}
