//! Reading channels and what was said in them.
//!
//! Rows of transmissions are wide, so that which texts there are, when they came and who heard
//! them is read from indexes; rows are read of one text a channel, or of one page.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use rusqlite::{OptionalExtension, Row};
use serde::Deserialize;
use serde_json::Value;

use super::error::{DbError, Doing};
use super::packets::{blank_ids, by_channel, heard_among, observers_in};
use super::reader::Reader;
use super::values::stored_text;
use crate::store::Snapshot;

mod messages;

pub use messages::{FirstHeard, Message, Messages, messages};

/// A channel, as its texts tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// Its name, or `enc_` and the hash byte in hex.
    pub hash: String,
    /// The latest `first_seen`.
    pub last_activity: String,
    /// The text of that, `sender: text` as it was sent.
    pub last_text: Option<String>,
    /// Its sender, as decoded.
    pub last_sender: Option<String>,
    /// Texts.
    pub message_count: usize,
}

impl Channel {
    /// Whether nobody could read it.
    pub fn is_encrypted(&self) -> bool {
        self.hash.starts_with("enc_")
    }
}

/// The parts of `decoded_json` that are shown. They may be of any type.
#[derive(Debug, Default, Deserialize)]
struct Decoded {
    #[serde(default)]
    text: Value,
    #[serde(default)]
    sender: Value,
    #[serde(default)]
    sender_timestamp: Value,
}

/// Returns all channels, the latest active first; with `regions` (upper case) only what was heard
/// there counts.
///
/// # Errors
/// Any failure of the database, and the deadline.
pub fn list(
    reader: &Reader,
    window: Option<&Snapshot>,
    regions: &[String],
) -> Result<Vec<Channel>, DbError> {
    let mut texts = texts_of_all(reader)?;
    if !regions.is_empty() {
        keep_heard_in((reader, window), &mut texts, regions)?;
    }
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for channel in texts.values() {
        *counts.entry(channel).or_default() += 1;
    }
    let mut channels = Vec::with_capacity(counts.len());
    visit_latest(reader, |id, first_seen| {
        // The first of a channel that is come across is its latest.
        let Some((hash, count)) = texts.get(&id).and_then(|name| counts.remove_entry(&**name))
        else {
            return Ok(!counts.is_empty());
        };
        let decoded = decoded_of(reader, id)?.unwrap_or_default();
        channels.push(Channel {
            hash: hash.to_owned(),
            last_activity: first_seen,
            last_text: decoded.text.as_str().map(str::to_owned),
            last_sender: decoded.sender.as_str().map(str::to_owned),
            message_count: count,
        });
        Ok(!counts.is_empty())
    })?;
    Ok(channels)
}

/// Returns the channel of every text, by the text's id.
fn texts_of_all(reader: &Reader) -> Result<HashMap<i64, Rc<str>>, DbError> {
    let mut names: HashSet<Rc<str>> = HashSet::new();
    let mut texts = HashMap::new();
    let mut add = |row: &Row<'_>| {
        let Some(name) = stored_text(row, 1)?.filter(|name| !name.is_empty()) else {
            return Ok(());
        };
        // The built-in channel had a lower-case name once.
        let name = if name == "public" { "Public" } else { &name };
        let name = names.get(name).cloned().unwrap_or_else(|| {
            let name: Rc<str> = name.into();
            names.insert(name.clone());
            name
        });
        texts.insert(row.get(0)?, name);
        Ok(())
    };
    let by = by_channel(reader)?;
    let filled = format!(
        "SELECT id, channel_hash FROM transmissions {by} \
         WHERE payload_type = 5 AND channel_hash IS NOT NULL"
    );
    reader.rows(&filled, [], &mut add)?;
    if !is_filled(reader)? {
        let missing = format!(
            "SELECT id, {CHANNEL_OF_JSON} FROM transmissions {by} \
             WHERE payload_type = 5 AND channel_hash IS NULL"
        );
        reader.rows(&missing, [], &mut add)?;
    }
    for id in blank_ids(reader)? {
        texts.remove(&id);
    }
    Ok(texts)
}

/// As the migration fills it in.
const CHANNEL_OF_JSON: &str = "CASE WHEN json_valid(decoded_json) THEN \
     CASE decoded_json ->> '$.type' WHEN 'CHAN' THEN decoded_json ->> '$.channel' \
     WHEN 'GRP_TXT' THEN 'enc_' || (decoded_json ->> '$.channelHashHex') END END";

fn is_filled(reader: &Reader) -> Result<bool, DbError> {
    reader.is_migrated("channel_hash_v1")
}

fn keep_heard_in<T>(
    (reader, window): (&Reader, Option<&Snapshot>),
    texts: &mut HashMap<i64, T>,
    regions: &[String],
) -> Result<(), DbError> {
    let mut ids: Vec<i64> = texts.keys().copied().collect();
    ids.sort_unstable();
    let heard = heard_among(window, reader, &observers_in(reader, regions)?, &ids)?;
    texts.retain(|id, _| heard.contains(id));
    Ok(())
}

/// Walks from the packet that was first seen last to the oldest, in an index that holds both.
fn visit_latest(
    reader: &Reader,
    mut visit: impl FnMut(i64, String) -> Result<bool, DbError>,
) -> Result<(), DbError> {
    const ACTION: &str = "find the latest text of channels";
    let sql = "SELECT id, first_seen FROM transmissions ORDER BY first_seen DESC, id DESC";
    let mut statement = reader.statement(sql)?;
    let mut rows = statement.query([]).doing(ACTION)?;
    while let Some(row) = rows.next().doing(ACTION)? {
        let first_seen = stored_text(row, 1).doing(ACTION)?.unwrap_or_default();
        if !visit(row.get(0).doing(ACTION)?, first_seen)? {
            break;
        }
    }
    Ok(())
}

/// `None` if it is no JSON object.
fn decoded_of(reader: &Reader, id: i64) -> Result<Option<Decoded>, DbError> {
    let mut statement = reader.statement("SELECT decoded_json FROM transmissions WHERE id = ?1")?;
    let json = statement.query_row([id], |row| stored_text(row, 0)).optional();
    let json = json.doing("read a text")?.flatten();
    Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
}
