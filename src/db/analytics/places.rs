//! Nodes, regions and areas as queries need them.

use std::collections::{HashMap, HashSet};

use crate::db::error::DbError;
use crate::db::reader::Reader;
use crate::db::values::{integer, real, text};
use crate::store::analytics::capability::Node;

/// Returns all nodes, by key.
pub(super) fn nodes(reader: &Reader) -> Result<Vec<Node>, DbError> {
    let sql = "SELECT public_key, name, role, last_seen, lat, lon, multibyte_sup, \
               multibyte_evidence FROM nodes ORDER BY public_key";
    reader.rows(sql, [], |row| {
        Ok(Node {
            key: text(row, 0)?.unwrap_or_default().to_lowercase(),
            name: text(row, 1)?,
            role: text(row, 2)?,
            last_seen: text(row, 3)?,
            place: real(row, 4)?.zip(real(row, 5)?),
            known_support: integer(row, 6)?.unwrap_or(0),
            known_evidence: text(row, 7)?,
        })
    })
}

/// Returns the region of every observer that has one, inactive ones too, upper case, by row id.
pub(super) fn regions(reader: &Reader) -> Result<HashMap<i64, String>, DbError> {
    let sql = "SELECT rowid, upper(trim(iata)) FROM observers";
    let regions = reader.rows(sql, [], |row| Ok((row.get(0)?, text(row, 1)?)))?;
    Ok(regions.into_iter().filter_map(|(rowid, region)| Some((rowid, region?))).collect())
}

/// Returns the observers of the regions asked for (upper case); `None`, no filter, if these have
/// none (contract §4.6).
pub(super) fn observers_in(
    regions: &HashMap<i64, String>,
    asked: &HashSet<String>,
) -> Option<HashSet<i64>> {
    let is_asked = |(_, region): &(&i64, &String)| asked.contains(*region);
    let observers: HashSet<i64> =
        regions.iter().filter(is_asked).map(|(rowid, _)| *rowid).collect();
    Some(observers).filter(|observers| !observers.is_empty())
}
