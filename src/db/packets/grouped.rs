//! The order by latest reception.
//!
//! `latest` of a transmission is the later of its `first_seen` and its newest observation, as
//! text. No column holds it: `last_seen` is not filled in everywhere, and repeats move it past
//! the newest observation. So the newest transmissions are found by walking two indexes backwards,
//! by observation time and by `first_seen`: whatever belongs to the first K by the later of two
//! keys is among the first K by one of them.

use std::collections::HashSet;

use rusqlite::CachedStatement;

use super::filter::{Filter, blank_ids, matching_ids};
use super::page::{Page, Slice};
use super::rows::{Loader, Transmission};
use crate::clock;
use crate::db::error::{DbError, Doing};
use crate::db::reader::Reader;

/// Below this many transmissions all are looked at: less work than a walk that skips most rows.
const LOOKED_AT_MAX: usize = 2_000;

/// How many times the wanted rows the matches must be for a walk to be the shorter way.
const WALK_FACTOR: usize = 20;

impl Transmission {
    /// Returns the later, as text, of `first_seen` and the newest observation's time.
    pub fn latest(&self) -> String {
        let newest_s = self.observations.iter().map(|seen| seen.timestamp_s).max();
        later(&self.first_seen, newest_s)
    }
}

/// Returns transmissions by latest reception, newest first; `slice.is_ascending` is not looked at.
///
/// # Errors
/// Any failure of the database, and the deadline.
pub fn list_grouped(reader: &Reader, filter: &Filter, slice: Slice) -> Result<Page, DbError> {
    let matches = Matches::find(reader, filter)?;
    let wanted = slice.offset.saturating_add(slice.limit);
    let is_walk_shorter = matches.total > LOOKED_AT_MAX.max(wanted.saturating_mul(WALK_FACTOR));
    let candidates = match is_walk_shorter && reader.has_index("idx_observations_timestamp")? {
        true => newest_of(reader, &matches, wanted)?,
        false => matches.all(reader)?,
    };
    let mut ordered = with_latest(reader, &candidates)?;
    ordered.sort_unstable_by(|a, b| b.cmp(a));
    let ids: Vec<i64> =
        ordered.iter().skip(slice.offset).take(slice.limit).map(|(_, id)| *id).collect();
    let transmissions = Loader::new(reader)?.load_all(&ids)?;
    Ok(Page { transmissions, total: matches.total })
}

/// The transmissions of the list: those of `ids`, or all but `blank`.
struct Matches {
    ids: Option<HashSet<i64>>,
    blank: HashSet<i64>,
    total: usize,
}

impl Matches {
    fn find(reader: &Reader, filter: &Filter) -> Result<Self, DbError> {
        if !filter.is_empty() {
            let ids: HashSet<i64> = matching_ids(reader, filter)?.into_iter().collect();
            return Ok(Self { total: ids.len(), ids: Some(ids), blank: HashSet::new() });
        }
        let blank = blank_ids(reader)?;
        let rows = reader.number("SELECT count(*) FROM transmissions", [])?;
        let total = usize::try_from(rows).unwrap_or(0).saturating_sub(blank.len());
        Ok(Self { ids: None, blank, total })
    }

    fn contains(&self, id: i64) -> bool {
        match &self.ids {
            Some(ids) => ids.contains(&id),
            None => !self.blank.contains(&id),
        }
    }

    fn all(&self, reader: &Reader) -> Result<Vec<i64>, DbError> {
        match &self.ids {
            Some(ids) => Ok(ids.iter().copied().collect()),
            None => matching_ids(reader, &Filter::default()),
        }
    }
}

/// Returns every transmission that can be among the first `wanted` by latest reception.
fn newest_of(reader: &Reader, matches: &Matches, wanted: usize) -> Result<Vec<i64>, DbError> {
    const BY_OBSERVATION: &str = "SELECT transmission_id, timestamp FROM observations \
         INDEXED BY idx_observations_timestamp ORDER BY timestamp DESC";
    const BY_FIRST_SEEN: &str = "SELECT id, first_seen FROM transmissions ORDER BY first_seen DESC";
    let mut newest = walk(reader, BY_OBSERVATION, matches, wanted)?;
    newest.extend(walk(reader, BY_FIRST_SEEN, matches, wanted)?);
    Ok(newest.into_iter().collect())
}

/// Collects ids in the order of `sql` (id, key) until `wanted` are there and the key changes.
fn walk(
    reader: &Reader,
    sql: &str,
    matches: &Matches,
    wanted: usize,
) -> Result<HashSet<i64>, DbError> {
    let mut found = HashSet::with_capacity(wanted);
    let mut last_key = rusqlite::types::Value::Null;
    let mut statement = reader.statement(sql)?;
    let mut rows = statement.query([]).doing("order packets")?;
    while let Some(row) = rows.next().doing("order packets")? {
        if found.len() >= wanted && row.get_ref(1).doing("order packets")? != (&last_key).into() {
            break;
        }
        let id: i64 = row.get(0).doing("order packets")?;
        if matches.contains(id) && found.insert(id) && found.len() == wanted {
            last_key = row.get(1).doing("order packets")?;
        }
    }
    Ok(found)
}

fn with_latest(reader: &Reader, ids: &[i64]) -> Result<Vec<(String, i64)>, DbError> {
    let mut first_seen = reader.statement("SELECT first_seen FROM transmissions WHERE id = ?1")?;
    let mut newest =
        reader.statement("SELECT max(timestamp) FROM observations WHERE transmission_id = ?1")?;
    let mut latest = Vec::with_capacity(ids.len());
    for &id in ids {
        latest.push((latest_of(&mut first_seen, &mut newest, id).doing("order packets")?, id));
    }
    Ok(latest)
}

fn latest_of(
    first_seen: &mut CachedStatement<'_>,
    newest: &mut CachedStatement<'_>,
    id: i64,
) -> rusqlite::Result<String> {
    let first_seen: String = first_seen.query_row([id], |row| row.get(0))?;
    let newest_s: Option<i64> = newest.query_row([id], |row| row.get(0))?;
    Ok(later(&first_seen, newest_s))
}

fn later(first_seen: &str, newest_s: Option<i64>) -> String {
    let newest = newest_s.map(|s| clock::iso_ms(s.saturating_mul(1000))).unwrap_or_default();
    if newest.as_str() > first_seen { newest } else { first_seen.to_owned() }
}
