//! Transmissions as the RAM window takes them in.

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row};

use crate::db::error::{DbError, Doing};
use crate::db::reader::Reader;
use crate::db::values::{integer, text};
use crate::store::{Record, Seen};

/// What the JSON says is computed by the expressions that lists use (see [`super::heard`] and
/// [`super::channel`]): the window must agree with them to the letter.
const TRANSMISSION: &str = "SELECT id, hash, first_seen, last_seen, route_type, payload_type, \
     from_pubkey, channel_hash, \
     CASE WHEN payload_type = 4 AND from_pubkey IS NULL THEN \
       lower(CASE WHEN json_valid(decoded_json) THEN decoded_json END ->> '$.pubKey') END, \
     CASE WHEN payload_type = 5 AND channel_hash IS NULL THEN \
       CASE WHEN json_valid(decoded_json) THEN decoded_json END ->> '$.channel' END, \
     CASE WHEN payload_type = 5 AND channel_hash IS NULL THEN \
       CASE WHEN json_valid(decoded_json) THEN decoded_json END ->> '$.channelHashHex' END \
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
        let mut rows = observations.query([id]).doing("read receptions")?;
        let mut relays = Named::default();
        while let Some(row) = rows.next().doing("read receptions")? {
            record.is_odd |= !matches!(row.get_ref(2), Ok(ValueRef::Integer(_)));
            record.seen.push(seen_of(row, &mut relays).doing("read receptions")?);
        }
        found.push(record);
    }
    Ok(found)
}

fn record_of(row: &Row<'_>) -> rusqlite::Result<Record> {
    let payload_type = integer(row, 5)?;
    let (is_advert, is_group_text) = (payload_type == Some(4), payload_type == Some(5));
    let is_null = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)? == ValueRef::Null);
    let (is_sender_said, is_channel_said) = (is_null(6)?, is_null(7)?);
    let sender = exact_text(row, if is_sender_said { 8 } else { 6 })?;
    let channel = exact_text(row, if is_channel_said { 9 } else { 7 })?;
    let (hash, first_seen) = (exact_text(row, 1)?, exact_text(row, 2)?);
    Ok(Record {
        id: row.get(0)?,
        is_odd: hash.is_none() || first_seen.is_none(),
        hash: hash.unwrap_or_default(),
        first_seen: first_seen.unwrap_or_default(),
        last_seen_s: integer(row, 3)?.unwrap_or(0),
        route_type: integer(row, 4)?,
        payload_type,
        sender: sender.filter(|_| is_advert),
        is_sender_said: is_sender_said && is_advert,
        channel: channel.filter(|_| is_group_text),
        is_channel_said: is_channel_said && is_group_text,
        channel_hash_hex: exact_text(row, 10)?,
        seen: Vec::new(),
    })
}

/// Reads a text as it is; `None` if it is none or no UTF-8: no parameter equals that.
fn exact_text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok().map(str::to_owned),
        _ => None,
    })
}

/// The keys that receptions of one transmission have named so far, by their first bytes: some
/// dozens, which are sooner compared than hashed.
#[derive(Default)]
struct Named(Vec<(u64, Box<[u8]>)>);

impl Named {
    /// Whether a key was not named before; what is no key never is.
    fn is_new(&mut self, between: &[u8]) -> bool {
        if !between.first().is_some_and(u8::is_ascii_alphanumeric) {
            return false;
        }
        let start = between.first_chunk().map_or(0, |start| u64::from_be_bytes(*start));
        let at = self.0.partition_point(|(known, _)| *known < start);
        let mut alike = self.0[at..].iter().take_while(|(known, _)| *known == start);
        if alike.any(|(_, key)| **key == *between) || !is_key(between) {
            return false;
        }
        self.0.insert(at, (start, between.into()));
        true
    }
}

fn is_key(between: &[u8]) -> bool {
    between.iter().all(u8::is_ascii_alphanumeric)
}

/// A key is listed with the first observation that names it.
fn seen_of(row: &Row<'_>, named: &mut Named) -> rusqlite::Result<Seen> {
    let resolved_path = match row.get_ref(4)? {
        ValueRef::Text(path) => path,
        _ => &[],
    };
    let new = quoted(resolved_path).filter(|key| named.is_new(key));
    let relays = new.map(|key| String::from_utf8_lossy(key).into_owned()).collect();
    Ok(Seen {
        id: row.get(0)?,
        observer_idx: integer(row, 1)?,
        timestamp_s: integer(row, 2)?.unwrap_or(0),
        path_json: text(row, 3)?,
        relays,
    })
}

/// Returns everything between two quotes next to each other. A list looks for `"key"` anywhere in
/// the text, whatever that is: of what [is a key](is_key) this finds the same.
fn quoted(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut last_quote = None;
    memchr::memchr_iter(b'"', text).filter_map(move |quote| {
        let start = last_quote.replace(quote)? + 1;
        Some(&text[start..quote])
    })
}
