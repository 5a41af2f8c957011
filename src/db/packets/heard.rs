//! What observations decide: who heard a packet, and which nodes sent or relayed it.

use std::collections::HashSet;

use memchr::memmem::Finder;
use rusqlite::types::ValueRef;

use super::filter::json_list;
use crate::db::error::{DbError, Doing};
use crate::db::reader::Reader;

/// Above this many observations, reading them one by one through the observer's index (2 µs each)
/// costs more than passing through all of them once (0.3 µs each).
const LOOKUPS_MAX: i64 = 150_000;

/// Up to this many transmissions are searched one by one for a relay.
const SEARCHED_BY_ID_MAX: usize = 4_000;

/// Returns the row ids of observers with one of these ids, exactly.
pub(super) fn observers_named(reader: &Reader, ids: &[String]) -> Result<Vec<i64>, DbError> {
    let sql = "SELECT rowid FROM observers WHERE id IN (SELECT value FROM json_each(?1))";
    reader.rows(sql, [json_list(ids)], |row| row.get(0))
}

/// Returns the row ids of observers in one of these regions (upper case), inactive ones too.
pub(super) fn observers_in(reader: &Reader, regions: &[String]) -> Result<Vec<i64>, DbError> {
    let sql = "SELECT rowid FROM observers \
               WHERE upper(trim(iata)) IN (SELECT value FROM json_each(?1))";
    reader.rows(sql, [json_list(regions)], |row| row.get(0))
}

/// Returns the query of the transmissions that any of `observers` heard; its one parameter is
/// their list.
pub(super) fn heard_by_sql(reader: &Reader, observers: &[i64]) -> Result<&'static str, DbError> {
    let count = "SELECT count(*) FROM observations \
                 WHERE observer_idx IN (SELECT value FROM json_each(?1))";
    if reader.number(count, [json_list(observers)])? <= LOOKUPS_MAX {
        return Ok("SELECT transmission_id FROM observations \
                   WHERE observer_idx IN (SELECT value FROM json_each(?))");
    }
    // This index holds both columns; it is there once duplicates have been merged.
    if reader.has_index("idx_observations_dedup")? {
        return Ok("SELECT transmission_id FROM observations INDEXED BY idx_observations_dedup \
                   WHERE +observer_idx IN (SELECT value FROM json_each(?))");
    }
    Ok("SELECT transmission_id FROM observations NOT INDEXED \
        WHERE observer_idx IN (SELECT value FROM json_each(?))")
}

/// Returns the query of the adverts by any of some keys; its one parameter is their list. Where
/// `from_pubkey` is not filled in yet, the JSON decides.
pub(super) fn sent_by_sql(reader: &Reader) -> Result<&'static str, DbError> {
    // `+`: few rows have the key, a fifth of all are adverts.
    if reader.is_migrated("backfill_from_pubkey_v1")? {
        return Ok("SELECT id FROM transmissions WHERE +payload_type = 4 \
                   AND from_pubkey IN (SELECT value FROM json_each(?))");
    }
    Ok("WITH keys AS (SELECT value FROM json_each(?)) \
        SELECT id FROM transmissions WHERE +payload_type = 4 AND from_pubkey IN keys \
        UNION ALL \
        SELECT id FROM transmissions WHERE payload_type = 4 AND from_pubkey IS NULL \
        AND lower(CASE WHEN json_valid(decoded_json) THEN decoded_json END ->> '$.pubKey') IN keys")
}

/// Returns the public key of a node given by key or exact name; what is neither is taken for a
/// key. Of nodes with the same name the one seen last.
pub fn resolve_node(reader: &Reader, key_or_name: &str) -> Result<String, DbError> {
    let key = key_or_name.to_lowercase();
    let by_key = "SELECT public_key FROM nodes WHERE public_key IN (?1, ?2)";
    let found: Option<String> = reader.first(by_key, [&key, key_or_name], |row| row.get(0))?;
    if found.is_some() {
        return Ok(key);
    }
    let by_name = "SELECT public_key FROM nodes WHERE name = ?1 \
                   ORDER BY last_seen DESC, public_key LIMIT 1";
    let found: Option<String> = reader.first(by_name, [key_or_name], |row| row.get(0))?;
    Ok(found.map_or(key, |found| found.to_lowercase()))
}

/// Keeps the transmissions that one of the nodes sent (adverts) or relayed (stored resolved
/// paths). `keys` are public keys in lower case.
///
/// Stored paths have no index: a search through more than a few thousand transmissions passes
/// through all observations, and where these are too many for the deadline the query is stopped.
pub(super) fn keep_of_nodes(
    reader: &Reader,
    mut ids: Vec<i64>,
    keys: &[String],
) -> Result<Vec<i64>, DbError> {
    let mut found = sent_by(reader, keys)?;
    if ids.len() <= SEARCHED_BY_ID_MAX {
        found.extend(relayed_among(reader, &ids, keys)?);
    } else {
        found.extend(relayed_by(reader, keys)?);
    }
    ids.retain(|id| found.contains(id));
    Ok(ids)
}

fn sent_by(reader: &Reader, keys: &[String]) -> Result<HashSet<i64>, DbError> {
    let sql = sent_by_sql(reader)?;
    Ok(reader.rows(sql, [json_list(keys)], |row| row.get(0))?.into_iter().collect())
}

fn relayed_among(reader: &Reader, ids: &[i64], keys: &[String]) -> Result<Vec<i64>, DbError> {
    let finders = finders(keys);
    let sql = "SELECT resolved_path FROM observations \
               WHERE transmission_id = ?1 AND resolved_path IS NOT NULL";
    let mut found = Vec::new();
    let mut statement = reader.statement(sql)?;
    for &id in ids {
        let mut rows = statement.query([id]).doing("search relayed packets")?;
        while let Some(row) = rows.next().doing("search relayed packets")? {
            if names_any(row.get_ref(0).doing("search relayed packets")?, &finders) {
                found.push(id);
                break;
            }
        }
    }
    Ok(found)
}

fn relayed_by(reader: &Reader, keys: &[String]) -> Result<HashSet<i64>, DbError> {
    let finders = finders(keys);
    let sql = "SELECT transmission_id, resolved_path FROM observations NOT INDEXED \
               WHERE resolved_path IS NOT NULL";
    let mut found = HashSet::new();
    let mut statement = reader.statement(sql)?;
    let mut rows = statement.query([]).doing("search relayed packets")?;
    while let Some(row) = rows.next().doing("search relayed packets")? {
        if names_any(row.get_ref(1).doing("search relayed packets")?, &finders) {
            found.insert(row.get(0).doing("search relayed packets")?);
        }
    }
    Ok(found)
}

/// A key in quotes: no part of a longer text matches.
fn finders(keys: &[String]) -> Vec<Finder<'static>> {
    keys.iter().map(|key| Finder::new(format!("\"{key}\"").as_bytes()).into_owned()).collect()
}

fn names_any(path: ValueRef<'_>, finders: &[Finder<'_>]) -> bool {
    matches!(path, ValueRef::Text(path) if finders.iter().any(|key| key.find(path).is_some()))
}
