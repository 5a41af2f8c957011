//! The texts of one channel.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use rusqlite::{CachedStatement, OptionalExtension};
use serde::de::IgnoredAny;
use serde_json::Number;

use super::{CHANNEL_OF_JSON, Decoded, is_filled, keep_heard_in};
use crate::db::error::{DbError, Doing};
use crate::db::packets::{blank_ids, by_channel};
use crate::db::reader::Reader;
use crate::db::schema::DEDUP_INDEX;
use crate::db::values::{integer, json_list, real, stored_text};
use crate::store::Snapshot;

/// In smaller channels the receptions of every text are looked at.
const LOOKED_AT_MAX: usize = 2_000;

/// How many times the wanted texts a channel must have for a walk to be the shorter way.
const WALK_FACTOR: usize = 20;

/// A walk is given up after so many receptions.
const WALK_STEPS_MAX: i64 = 20_000;

/// A part of the texts of a channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Messages {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// Texts in the channel; those without receptions or JSON are counted and not shown.
    pub total: usize,
}

/// One text.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Content hash.
    pub hash: String,
    /// ISO text.
    pub first_seen: String,
    /// `sender: text`, or a text alone.
    pub text: Option<String>,
    /// As decoded.
    pub sender: Option<String>,
    /// The sender's clock, as decoded.
    pub sender_timestamp: Option<Number>,
    /// Receptions.
    pub observation_count: i64,
    /// Of the latest reception, Unix seconds; 0 if it is not known.
    pub latest_s: i64,
    /// Who was first to hear it.
    pub first: FirstHeard,
}

/// The first reception of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FirstHeard {
    /// Of the observation.
    pub id: i64,
    /// Name of the observer, else its id; `None` of an observer that is not there.
    pub observer: Option<String>,
    /// dB.
    pub snr: Option<f64>,
    /// Hops of its path.
    pub hop_count: usize,
}

/// Returns `limit` texts, `offset` back from the newest by their latest reception; with `regions`
/// (upper case) only those that were heard there.
///
/// # Errors
/// Any failure of the database, and the deadline.
pub fn messages(
    (reader, window): (&Reader, Option<&Snapshot>),
    channel: &str,
    regions: &[String],
    (limit, offset): (usize, usize),
) -> Result<Messages, DbError> {
    let mut ids = ids_of((reader, window), channel, regions)?;
    let total = ids.len();
    let mut loader = Loader::new(reader)?;
    if let Some(newest) = newest_of(reader, &ids, limit.saturating_add(offset))? {
        ids = newest;
    }
    let mut ordered = Vec::with_capacity(ids.len());
    for id in ids {
        ordered.push(Reverse((loader.latest_s(id)?, id)));
    }
    ordered.sort_unstable();
    let page: Vec<_> = ordered.into_iter().skip(offset).take(limit).collect();
    let mut messages = Vec::with_capacity(page.len());
    for Reverse((latest_s, id)) in page.into_iter().rev() {
        messages.extend(loader.load(id, latest_s)?);
    }
    Ok(Messages { messages, total })
}

/// Walks back from the newest reception until so many texts were come across: cheaper than to look
/// at the receptions of every text of a large channel. `None` where it is not.
fn newest_of(
    reader: &Reader,
    ids: &HashSet<i64>,
    wanted: usize,
) -> Result<Option<HashSet<i64>>, DbError> {
    const ACTION: &str = "find the newest texts";
    let is_long = ids.len() > LOOKED_AT_MAX.max(wanted.saturating_mul(WALK_FACTOR));
    if !is_long || !reader.has_index("idx_observations_timestamp")? {
        return Ok(None);
    }
    let sql = "SELECT transmission_id, timestamp FROM observations \
               INDEXED BY idx_observations_timestamp WHERE typeof(timestamp) = 'integer' \
               ORDER BY timestamp DESC LIMIT ?1";
    let mut statement = reader.statement(sql)?;
    let mut rows = statement.query([WALK_STEPS_MAX]).doing(ACTION)?;
    let (mut found, mut last_s) = (HashSet::with_capacity(wanted), None);
    while let Some(row) = rows.next().doing(ACTION)? {
        let (id, at_s) = (integer(row, 0).doing(ACTION)?, integer(row, 1).doing(ACTION)?);
        if found.len() >= wanted && at_s != last_s {
            return Ok(Some(found));
        }
        let is_new = id.is_some_and(|id| ids.contains(&id) && found.insert(id));
        if is_new && found.len() == wanted {
            last_s = at_s;
        }
    }
    Ok(None)
}

fn ids_of(
    (reader, window): (&Reader, Option<&Snapshot>),
    channel: &str,
    regions: &[String],
) -> Result<HashSet<i64>, DbError> {
    // The built-in channel had a lower-case name once.
    let old_name = if channel == "Public" { "public" } else { channel };
    let names = json_list(&[channel, old_name]);
    let by = by_channel(reader)?;
    let filled = format!(
        "SELECT id FROM transmissions {by} WHERE payload_type = 5 \
         AND channel_hash IN (SELECT value FROM json_each(?1))"
    );
    let mut ids: Vec<i64> = reader.rows(&filled, [&names], |row| row.get(0))?;
    if !is_filled(reader)? {
        let missing = format!(
            "SELECT id FROM transmissions {by} WHERE payload_type = 5 AND channel_hash IS NULL \
             AND {CHANNEL_OF_JSON} IN (SELECT value FROM json_each(?1))"
        );
        ids.extend(reader.rows(&missing, [&names], |row| row.get::<_, i64>(0))?);
    }
    let mut texts: HashMap<i64, ()> = ids.into_iter().map(|id| (id, ())).collect();
    for id in blank_ids(reader)? {
        texts.remove(&id);
    }
    if !regions.is_empty() {
        keep_heard_in((reader, window), &mut texts, regions)?;
    }
    Ok(texts.into_keys().collect())
}

/// Reads texts by id; keeps statements for the next one.
struct Loader<'r> {
    reader: &'r Reader,
    latest: CachedStatement<'r>,
    text: CachedStatement<'r>,
    count: CachedStatement<'r>,
    first: CachedStatement<'r>,
}

impl<'r> Loader<'r> {
    fn new(reader: &'r Reader) -> Result<Self, DbError> {
        // Duplicates that have not been merged yet count once.
        let count = match reader.has_index(DEDUP_INDEX)? {
            true => "SELECT count(*) FROM observations WHERE transmission_id = ?1",
            false => {
                "SELECT count(*) FROM (SELECT DISTINCT observer_idx, coalesce(path_json, '') \
                 FROM observations WHERE transmission_id = ?1)"
            }
        };
        Ok(Self {
            reader,
            latest: reader
                .statement("SELECT max(timestamp) FROM observations WHERE transmission_id = ?1")?,
            text: reader.statement(
                "SELECT hash, first_seen, decoded_json FROM transmissions WHERE id = ?1",
            )?,
            count: reader.statement(count)?,
            first: reader.statement(
                "SELECT o.id, coalesce(nullif(s.name, ''), s.id), o.snr, o.path_json \
                 FROM observations o LEFT JOIN observers s ON s.rowid = o.observer_idx \
                 WHERE o.transmission_id = ?1 ORDER BY o.timestamp, o.id LIMIT 1",
            )?,
        })
    }

    fn latest_s(&mut self, id: i64) -> Result<i64, DbError> {
        const ACTION: &str = "order texts";
        self.reader.check_deadline(ACTION)?;
        let latest_s = self.latest.query_row([id], |row| integer(row, 0));
        Ok(latest_s.doing(ACTION)?.unwrap_or(0))
    }

    /// `None` for a text without receptions, or whose JSON is none.
    fn load(&mut self, id: i64, latest_s: i64) -> Result<Option<Message>, DbError> {
        const ACTION: &str = "read a text";
        self.reader.check_deadline(ACTION)?;
        let first = self.first.query_row([id], |row| {
            let path = stored_text(row, 3)?.unwrap_or_default();
            let hops = serde_json::from_str::<Vec<IgnoredAny>>(&path).unwrap_or_default();
            let observer = stored_text(row, 1)?;
            Ok(FirstHeard { id: row.get(0)?, observer, snr: real(row, 2)?, hop_count: hops.len() })
        });
        let Some(first) = first.optional().doing(ACTION)? else { return Ok(None) };
        let observation_count = self.count.query_row([id], |row| row.get(0)).doing(ACTION)?;
        let texts = self.text.query_row([id], |row| {
            Ok((stored_text(row, 0)?, stored_text(row, 1)?, stored_text(row, 2)?))
        });
        let (hash, first_seen, json) = texts.doing(ACTION)?;
        let decoded = json.and_then(|json| serde_json::from_str::<Decoded>(&json).ok());
        Ok(decoded.map(|decoded| Message {
            hash: hash.unwrap_or_default(),
            first_seen: first_seen.unwrap_or_default(),
            text: decoded.text.as_str().map(str::to_owned),
            sender: decoded.sender.as_str().map(str::to_owned),
            sender_timestamp: decoded.sender_timestamp.as_number().cloned(),
            observation_count,
            latest_s,
            first,
        }))
    }
}
