//! What observations decide: who heard a packet, and which nodes sent or relayed it.

use std::collections::HashSet;

use memchr::memmem::Finder;
use rusqlite::types::ValueRef;

use crate::db::error::{DbError, Doing};
use crate::db::reader::Reader;
use crate::db::values::{json_list, stored_text};

/// The migration after which the JSON of adverts is not looked at any more.
pub(super) const SENDERS_FILLED_IN: &str = "backfill_from_pubkey_v1";

/// Above this many, receptions are not looked up one by one.
const LOOKUPS_MAX: usize = 5_000;

/// Receptions that can be passed through, one after the other, in the time that it takes to find
/// one by its packet.
const PASSED_PER_LOOKUP: i64 = 4;

/// Returns the row ids of observers with one of these ids, exactly.
pub(super) fn observers_named(reader: &Reader, ids: &[String]) -> Result<Vec<i64>, DbError> {
    let sql = "SELECT rowid FROM observers WHERE id IN (SELECT value FROM json_each(?1))";
    reader.rows(sql, [json_list(ids)], |row| row.get(0))
}

/// Returns the row ids of observers in one of these regions (upper case), inactive ones too.
pub(in crate::db) fn observers_in(
    reader: &Reader,
    regions: &[String],
) -> Result<Vec<i64>, DbError> {
    let sql = "SELECT rowid FROM observers \
               WHERE upper(trim(iata)) IN (SELECT value FROM json_each(?1))";
    reader.rows(sql, [json_list(regions)], |row| row.get(0))
}

/// Returns the transmissions that any of `observers` heard: of `among` where that is given. One
/// may come more than once.
///
/// Few receptions are looked up one by one. Many are not: each lookup reads a wide row (14 s for
/// 227,000, cold), while the index that keeps receptions apart holds both columns and tells in
/// 2 µs whether a packet was heard (0.2 s for 71,000 packets).
pub(in crate::db) fn heard_by(
    reader: &Reader,
    observers: &[i64],
    among: Option<&[i64]>,
) -> Result<Vec<i64>, DbError> {
    if observers.is_empty() || among.is_some_and(<[i64]>::is_empty) {
        return Ok(Vec::new());
    }
    let list = json_list(observers);
    let is_short = among.is_some_and(|ids| ids.len() <= LOOKUPS_MAX);
    if !is_short && has_few(reader, &list)? {
        return reader.rows(HEARD_BY_FEW, [list], |row| row.get(0));
    }
    let by = match reader.has_index("idx_observations_dedup")? {
        true => "INDEXED BY idx_observations_dedup",
        false if is_short => "",
        false => return reader.rows(HEARD_BY_MANY, [list], |row| row.get(0)),
    };
    // `+`: a packet has fewer receptions than a region has observers.
    let heard = format!(
        "WHERE EXISTS (SELECT 1 FROM observations o {by} WHERE o.transmission_id = t.id \
         AND +o.observer_idx IN (SELECT value FROM json_each(?1)))"
    );
    let Some(ids) = among else {
        let sql = format!("SELECT id FROM transmissions t {heard}");
        return reader.rows(&sql, [list], |row| row.get(0));
    };
    let sql = format!("SELECT id FROM (SELECT value AS id FROM json_each(?2)) t {heard}");
    reader.rows(&sql, [list, json_list(ids)], |row| row.get(0))
}

const HEARD_BY_FEW: &str = "SELECT transmission_id FROM observations \
                            WHERE observer_idx IN (SELECT value FROM json_each(?1))";

/// Before duplicates have been merged no index holds both columns.
const HEARD_BY_MANY: &str = "SELECT transmission_id FROM observations NOT INDEXED \
                             WHERE observer_idx IN (SELECT value FROM json_each(?1))";

fn has_few(reader: &Reader, observers: &str) -> Result<bool, DbError> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM observations \
               WHERE observer_idx IN (SELECT value FROM json_each(?1)) LIMIT ?2)";
    let max = LOOKUPS_MAX as i64;
    Ok(reader.number(sql, (observers, max + 1))? <= max)
}

/// Returns the query of the adverts by any of some keys; its one parameter is their list. Where
/// `from_pubkey` is not filled in yet, the JSON decides.
pub(super) fn sent_by_sql(reader: &Reader) -> Result<&'static str, DbError> {
    // `+`: few rows have the key, a fifth of all are adverts.
    if reader.is_migrated(SENDERS_FILLED_IN)? {
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
    let found = reader.first(by_key, [&key, key_or_name], |row| stored_text(row, 0))?;
    if found.is_some() {
        return Ok(key);
    }
    let by_name = "SELECT public_key FROM nodes WHERE name = ?1 \
                   ORDER BY last_seen DESC, public_key LIMIT 1";
    let found = reader.first(by_name, [key_or_name], |row| stored_text(row, 0))?.flatten();
    Ok(found.map_or(key, |found| found.to_lowercase()))
}

/// Keeps the transmissions that one of the nodes sent (adverts) or relayed (stored resolved
/// paths). `keys` are public keys in lower case.
///
/// Stored paths have no index: a search among a large part of all transmissions passes through all
/// observations, and where these are too many for the deadline the query is stopped. A side table
/// of (node, transmission) would make it a lookup; it would cost a row per hop of every path
/// (measured 21 receptions a packet), so it waits until somebody needs relays in large databases.
pub(super) fn keep_of_nodes(
    reader: &Reader,
    mut ids: Vec<i64>,
    keys: &[String],
) -> Result<Vec<i64>, DbError> {
    let mut found = sent_by(reader, keys)?;
    if is_lookup_shorter(reader, ids.len())? {
        found.extend(relayed_among(reader, &ids, keys)?);
    } else {
        found.extend(relayed_by(reader, keys)?);
    }
    ids.retain(|id| found.contains(id));
    Ok(ids)
}

/// Estimates the receptions of so many transmissions against all receptions, by the ids in use.
fn is_lookup_shorter(reader: &Reader, transmissions: usize) -> Result<bool, DbError> {
    // Ids may lie as far apart as there are numbers.
    let span = |table| -> Result<i64, DbError> {
        let max = reader.number(&format!("SELECT max(id) FROM {table}"), [])?;
        let min = reader.number(&format!("SELECT min(id) FROM {table}"), [])?;
        Ok(max.saturating_sub(min).saturating_add(1))
    };
    let (all, receptions) = (span("transmissions")?.max(1), span("observations")?);
    let transmissions = i64::try_from(transmissions).unwrap_or(i64::MAX);
    let looked_up = receptions.saturating_mul(transmissions) / all;
    Ok(looked_up.saturating_mul(PASSED_PER_LOOKUP) <= receptions)
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
