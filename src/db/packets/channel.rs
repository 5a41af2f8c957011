//! The group texts of a channel.
//!
//! `channel_hash` is the decoded channel's name, or `enc_XX` (the channel's hash byte in hex) of a
//! text that could not be decrypted. Where it is not filled in yet, the JSON decides.

use crate::db::error::DbError;
use crate::db::reader::Reader;
use crate::db::values::{json_list, stored_text};
use crate::store::WantedChannel;

const JSON: &str = "CASE WHEN json_valid(decoded_json) THEN decoded_json END";

/// Returns the ids of the group texts of a channel.
pub(super) fn ids_in_channel(reader: &Reader, channel: &str) -> Result<Vec<i64>, DbError> {
    let wanted = resolve(reader, channel)?;
    let mut found = ids_named(reader, &wanted.names)?;
    if !wanted.said.is_empty() {
        found.extend(ids_not_filled_in(reader, "channel", &wanted.said)?);
    }
    if let Some(hash_hex) = wanted.said_hash_hex {
        found.extend(ids_not_filled_in(reader, "channelHashHex", &[hash_hex])?);
    }
    Ok(found)
}

/// Returns what the texts of a channel are known by; `enc_XX` also names the decrypted texts with
/// that hash byte.
pub(super) fn resolve(reader: &Reader, channel: &str) -> Result<WantedChannel, DbError> {
    let is_filled_in = reader.is_migrated("channel_hash_v1")?;
    if let Some(hash_hex) = channel.strip_prefix("enc_") {
        let mut names = names_with_hash(reader, hash_hex)?;
        names.push(channel.to_owned());
        let said_hash_hex = (!is_filled_in).then(|| hash_hex.to_owned());
        return Ok(WantedChannel { names, said_hash_hex, ..WantedChannel::default() });
    }
    // The built-in channel had a lower-case name once.
    let is_public = channel.eq_ignore_ascii_case("public");
    let names = if is_public { vec!["Public", "public"] } else { vec![channel] };
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let said = if is_filled_in { Vec::new() } else { names.clone() };
    Ok(WantedChannel { names, said, said_hash_hex: None })
}

fn ids_named(reader: &Reader, names: &[String]) -> Result<Vec<i64>, DbError> {
    let by = by_channel(reader)?;
    let sql = format!(
        "SELECT id FROM transmissions {by} WHERE payload_type = 5 \
         AND channel_hash IN (SELECT value FROM json_each(?1))"
    );
    reader.rows(&sql, [json_list(names)], |row| row.get(0))
}

/// What makes a query use the index of channels, where there is one: without it the planner takes
/// the index of payload types and reads up to two thirds of all rows.
pub(in crate::db) fn by_channel(reader: &Reader) -> Result<&'static str, DbError> {
    let has_index = reader.has_index("idx_tx_channel_hash")?;
    Ok(if has_index { "INDEXED BY idx_tx_channel_hash" } else { "" })
}

fn ids_not_filled_in(reader: &Reader, key: &str, names: &[String]) -> Result<Vec<i64>, DbError> {
    let sql = format!(
        "SELECT id FROM transmissions {} WHERE payload_type = 5 AND channel_hash IS NULL \
         AND {JSON} ->> '$.{key}' IN (SELECT value FROM json_each(?1))",
        by_channel(reader)?
    );
    reader.rows(&sql, [json_list(names)], |row| row.get(0))
}

/// Returns the names of channels with this hash byte. The byte follows from the channel's key, so
/// one text of each name tells it: some steps in the index instead of the JSON of every text.
fn names_with_hash(reader: &Reader, hash_hex: &str) -> Result<Vec<String>, DbError> {
    let by = by_channel(reader)?;
    let texts = format!("FROM transmissions {by} WHERE payload_type = 5 AND channel_hash");
    let hash_of = format!("SELECT {JSON} ->> '$.channelHashHex' {texts} = ?1 LIMIT 1");
    let mut matching = Vec::new();
    for name in names_of_channels(reader, &texts, !by.is_empty())? {
        let hash = reader.first(&hash_of, [&name], |row| stored_text(row, 0))?;
        if hash.flatten().as_deref() == Some(hash_hex) {
            matching.push(name);
        }
    }
    Ok(matching)
}

/// Returns the names of all channels that could be decrypted, hopping from one to the next in the
/// index.
fn names_of_channels(
    reader: &Reader,
    texts: &str,
    has_index: bool,
) -> Result<Vec<String>, DbError> {
    let all = match has_index {
        true => format!(
            "WITH RECURSIVE names(name) AS (SELECT min(channel_hash) {texts} > '' UNION ALL \
             SELECT (SELECT min(channel_hash) {texts} > name) FROM names WHERE name IS NOT NULL) \
             SELECT name FROM names"
        ),
        false => format!("SELECT DISTINCT channel_hash AS name {texts} > ''"),
    };
    let sql = format!("SELECT name FROM ({all}) WHERE name NOT LIKE 'enc\\_%' ESCAPE '\\'");
    Ok(reader.rows(&sql, [], |row| stored_text(row, 0))?.into_iter().flatten().collect())
}
