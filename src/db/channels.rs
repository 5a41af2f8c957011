//! Reading channels and what was said in them.

use rusqlite::{OptionalExtension, Row};

use super::error::{DbError, Doing};
use super::packets::{Depth, Page, Transmission, json_list, observers_in};
use super::reader::{Reader, integer, stored_text};

/// A channel, as its texts tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// Its name, or `enc_` and the hash byte in hex.
    pub hash: String,
    /// The latest `first_seen`.
    pub last_activity: Option<String>,
    /// The text of that, `sender: text` as it was sent.
    pub last_text: Option<String>,
    /// Its sender, as decoded.
    pub last_sender: Option<String>,
    /// Texts.
    pub messages: i64,
}

/// Where `channel_hash` is not filled in yet, the JSON decides.
const FROM_JSON: &str = "coalesce(channel_hash, CASE WHEN json_valid(decoded_json) THEN \
     coalesce(decoded_json ->> '$.channel', 'enc_' || (decoded_json ->> '$.channelHashHex')) END)";

/// Which channels are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Those that could be decrypted.
    Plain,
    /// The others.
    Encrypted,
}

/// Returns the channels of one kind, the latest active first; with `regions` (upper case) only
/// what was heard there counts.
///
/// # Errors
/// Any failure of the database, and the deadline.
pub fn list(reader: &Reader, kind: Kind, regions: &[String]) -> Result<Vec<Channel>, DbError> {
    let name = name_sql(reader)?;
    let like = if kind == Kind::Plain { "NOT LIKE" } else { "LIKE" };
    let (heard, observers) = heard_sql(reader, regions)?;
    // With `max` the other columns are of the row that has it.
    let sql = format!(
        "SELECT {name} AS channel, max(first_seen) AS latest, count(*), \
         CASE WHEN json_valid(decoded_json) THEN decoded_json ->> '$.text' END, \
         CASE WHEN json_valid(decoded_json) THEN decoded_json ->> '$.sender' END \
         FROM transmissions t WHERE payload_type = 5 AND channel > '' \
         AND channel {like} 'enc\\_%' ESCAPE '\\' AND {heard} \
         GROUP BY channel ORDER BY latest DESC, channel"
    );
    reader.rows(&sql, [observers], channel_of)
}

fn channel_of(row: &Row<'_>) -> rusqlite::Result<Channel> {
    Ok(Channel {
        hash: stored_text(row, 0)?.unwrap_or_default(),
        last_activity: stored_text(row, 1)?,
        messages: integer(row, 2)?.unwrap_or(0),
        last_text: stored_text(row, 3)?,
        last_sender: stored_text(row, 4)?,
    })
}

/// A part of the texts of a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Messages {
    /// Ids in the order of the page, oldest first.
    pub page: Page,
}

/// Selects the texts of a channel by their latest reception: `limit` of them, `offset` back from
/// the newest, oldest first.
///
/// # Errors
/// As [`list`].
pub fn messages(
    reader: &Reader,
    channel: &str,
    regions: &[String],
    (limit, offset): (usize, usize),
) -> Result<Messages, DbError> {
    let name = name_sql(reader)?;
    let (heard, observers) = heard_sql(reader, regions)?;
    let sql = format!(
        "SELECT id FROM transmissions t WHERE payload_type = 5 AND {name} = ?2 AND {heard}"
    );
    let ids: Vec<i64> = reader.rows(&sql, (observers, channel), |row| row.get(0))?;
    let total = ids.len();
    let mut newest =
        reader.statement("SELECT max(timestamp) FROM observations WHERE transmission_id = ?1")?;
    let mut ordered = Vec::with_capacity(total);
    for id in ids {
        let newest_s: Option<Option<i64>> =
            newest.query_row([id], |row| row.get(0)).optional().doing("order messages")?;
        ordered.push((newest_s.flatten().unwrap_or(0), id));
    }
    ordered.sort_unstable_by(|a, b| b.cmp(a));
    let mut ids: Vec<i64> =
        ordered.into_iter().skip(offset).take(limit).map(|(_, id)| id).collect();
    ids.reverse();
    Ok(Messages { page: Page { ids, total } })
}

impl Messages {
    /// Hands the texts to `show` one after the other; it says whether to go on.
    ///
    /// # Errors
    /// As [`list`].
    pub fn visit(
        &self,
        reader: &Reader,
        show: impl FnMut(&Transmission) -> bool,
    ) -> Result<(), DbError> {
        self.page.visit(reader, Depth::All, show)
    }
}

fn name_sql(reader: &Reader) -> Result<&'static str, DbError> {
    Ok(if reader.is_migrated("channel_hash_v1")? { "channel_hash" } else { FROM_JSON })
}

/// The condition that a packet was heard in one of `regions`, and its parameter `?1`.
fn heard_sql(reader: &Reader, regions: &[String]) -> Result<(&'static str, String), DbError> {
    if regions.is_empty() {
        return Ok(("?1 = ''", String::new()));
    }
    let heard = "EXISTS (SELECT 1 FROM observations o WHERE o.transmission_id = t.id \
                 AND +o.observer_idx IN (SELECT value FROM json_each(?1)))";
    Ok((heard, json_list(&observers_in(reader, regions)?)))
}
