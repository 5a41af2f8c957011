//! The group texts of a channel.
//!
//! `channel_hash` is the decoded channel's name, or `enc_XX` (the channel's hash byte in hex) of a
//! text that could not be decrypted. Where it is not filled in yet, the JSON decides.

use rusqlite::params_from_iter;

use super::matching::json_list;
use crate::db::error::DbError;
use crate::db::reader::Reader;

const JSON: &str = "CASE WHEN json_valid(decoded_json) THEN decoded_json END";

/// Returns the ids of the group texts of a channel; `enc_XX` also names the decrypted texts with
/// that hash byte.
pub(super) fn ids_in_channel(reader: &Reader, channel: &str) -> Result<Vec<i64>, DbError> {
    let (names, key) = match channel.strip_prefix("enc_") {
        Some(hash_hex) => (names_with_hash(reader, hash_hex)?, ("channelHashHex", hash_hex)),
        None => (Vec::new(), ("channel", channel)),
    };
    let mut names = names;
    names.push(channel.to_owned());
    // The built-in channel had a lower-case name once.
    if channel.eq_ignore_ascii_case("public") {
        names.extend(["Public".to_owned(), "public".to_owned()]);
    }
    let sql = format!(
        "SELECT id FROM transmissions {} WHERE payload_type = 5 \
         AND channel_hash IN (SELECT value FROM json_each(?1))",
        indexed_by(reader)?
    );
    let mut found = reader.rows(&sql, [json_list(&names)], |row| row.get(0))?;
    if !reader.is_migrated("channel_hash_v1")? {
        found.extend(ids_not_filled_in(
            reader,
            key.0,
            &[&names[..], &[key.1.to_owned()]].concat(),
        )?);
    }
    Ok(found)
}

/// Without it the planner takes the index of payload types and reads two thirds of all rows.
fn indexed_by(reader: &Reader) -> Result<&'static str, DbError> {
    let has_index = reader.has_index("idx_tx_channel_hash")?;
    Ok(if has_index { "INDEXED BY idx_tx_channel_hash" } else { "" })
}

fn ids_not_filled_in(reader: &Reader, key: &str, names: &[String]) -> Result<Vec<i64>, DbError> {
    let sql = format!(
        "SELECT id FROM transmissions {} WHERE payload_type = 5 AND channel_hash IS NULL \
         AND {JSON} ->> '$.{key}' IN (SELECT value FROM json_each(?1))",
        indexed_by(reader)?
    );
    reader.rows(&sql, [json_list(names)], |row| row.get(0))
}

/// Returns the names of channels with this hash byte. The byte follows from the channel's key, so
/// one text of each name tells it: some steps in the index instead of the JSON of every text.
fn names_with_hash(reader: &Reader, hash_hex: &str) -> Result<Vec<String>, DbError> {
    let by = indexed_by(reader)?;
    let texts = format!("FROM transmissions {by} WHERE payload_type = 5 AND channel_hash");
    let names = format!(
        "WITH RECURSIVE names(name) AS (SELECT min(channel_hash) {texts} > '' UNION ALL \
         SELECT (SELECT min(channel_hash) {texts} > name) FROM names WHERE name IS NOT NULL) \
         SELECT name FROM names WHERE name IS NOT NULL AND name NOT LIKE 'enc\\_%' ESCAPE '\\'"
    );
    let names: Vec<String> = reader.rows(&names, [], |row| row.get(0))?;
    let hash_of = format!("SELECT {JSON} ->> '$.channelHashHex' {texts} = ?1 LIMIT 1");
    let mut matching = Vec::new();
    for name in names {
        let hash: Option<Option<String>> =
            reader.first(&hash_of, params_from_iter([&name]), |row| row.get(0))?;
        if hash.flatten().as_deref() == Some(hash_hex) {
            matching.push(name);
        }
    }
    Ok(matching)
}
