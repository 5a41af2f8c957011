//! Transmissions as the RAM window takes them in.

use rusqlite::{OptionalExtension, Row};

use crate::db::error::{DbError, Doing};
use crate::db::reader::{Reader, integer, text};
use crate::store::{Record, Seen};

const TRANSMISSION: &str = "SELECT id, hash, first_seen, last_seen, route_type, payload_type, \
     from_pubkey, channel_hash, CASE WHEN json_valid(decoded_json) THEN decoded_json END \
     FROM transmissions WHERE id = ?1";

const OBSERVATIONS: &str = "SELECT id, observer_idx, timestamp, path_json, resolved_path \
     FROM observations WHERE transmission_id = ?1 ORDER BY id";

/// Returns the transmissions with these ids that exist, whole, in the same order.
///
/// # Errors
/// Any failure of the database, and the deadline.
pub fn records(reader: &Reader, ids: &[i64]) -> Result<Vec<Record>, DbError> {
    let mut transmission = reader.statement(TRANSMISSION)?;
    let mut observations = reader.statement(OBSERVATIONS)?;
    let mut found = Vec::with_capacity(ids.len());
    for &id in ids {
        reader.check_deadline("read a packet")?;
        let record = transmission.query_row([id], record_of).optional();
        let Some(mut record) = record.doing("read a packet")? else { continue };
        let seen = observations.query_map([id], seen_of).doing("read receptions")?;
        record.seen = seen.collect::<rusqlite::Result<_>>().doing("read receptions")?;
        found.push(record);
    }
    Ok(found)
}

fn record_of(row: &Row<'_>) -> rusqlite::Result<Record> {
    let payload_type = integer(row, 5)?;
    let json: serde_json::Value =
        text(row, 8)?.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    let said = |key: &str| json.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    let sender = text(row, 6)?.or_else(|| said("pubKey")).map(|key| key.to_lowercase());
    let channel = text(row, 7)?.or_else(|| said("channel"));
    Ok(Record {
        id: row.get(0)?,
        hash: text(row, 1)?.unwrap_or_default(),
        first_seen: text(row, 2)?.unwrap_or_default(),
        last_seen_s: integer(row, 3)?.unwrap_or(0),
        route_type: integer(row, 4)?,
        payload_type,
        sender: sender.filter(|_| payload_type == Some(4)),
        channel: channel.filter(|_| payload_type == Some(5)),
        channel_hash_hex: said("channelHashHex").filter(|_| payload_type == Some(5)),
        seen: Vec::new(),
    })
}

fn seen_of(row: &Row<'_>) -> rusqlite::Result<Seen> {
    let relays: Option<Vec<Option<String>>> =
        text(row, 4)?.and_then(|path| serde_json::from_str(&path).ok());
    Ok(Seen {
        id: row.get(0)?,
        observer_idx: integer(row, 1)?,
        timestamp_s: integer(row, 2)?.unwrap_or(0),
        path_json: text(row, 3)?,
        relays: relays.unwrap_or_default().into_iter().flatten().collect(),
    })
}
