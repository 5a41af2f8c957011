//! The order by latest reception.
//!
//! `latest` of a transmission is the later of its `first_seen` and its newest observation, as
//! text. No column holds it: `last_seen` is not filled in everywhere, and repeats move it past
//! the newest observation. So the newest transmissions are found by walking two indexes backwards,
//! by observation time and by `first_seen`: whatever belongs to the first K by the later of two
//! keys is among the first K by one of them.

use std::collections::{HashMap, HashSet};

use rusqlite::params_from_iter;
use rusqlite::types::{Value, ValueRef};

use super::filter::{Filter, Span};
use super::matching::{blank_ids, matching_ids, span_sql};
use super::page::{Page, Slice};
use super::rows::Transmission;
use crate::clock;
use crate::db::error::{DbError, Doing};
use crate::db::reader::Reader;
use crate::db::values::stored_text;

/// Below this many transmissions all are looked at: less work than a walk that skips most rows.
const LOOKED_AT_MAX: usize = 2_000;

/// As [`LOOKED_AT_MAX`] once an index holds the time of each transmission's newest observation
/// (1 µs each).
const LOOKED_AT_INDEXED_MAX: usize = 20_000;

/// How many times the wanted rows the matches must be for a walk to be the shorter way.
const WALK_FACTOR: usize = 20;

/// A walk that has not come across enough matches after so many steps is given up: the matches
/// are old or rare, and looking at all of them is the shorter way after all.
const WALK_STEPS_MAX: usize = 20_000;

/// Up to this many, the times of transmissions are read from their rows.
const LOOKED_UP_MAX: usize = 500;

impl Transmission {
    /// Returns the later, as text, of `first_seen` and the newest observation's time.
    pub fn latest(&self) -> String {
        let newest_s = self.observations.iter().map(|seen| seen.timestamp_s).max();
        later(self.first_seen.clone(), newest_s)
    }
}

/// Returns transmissions by latest reception, newest first; `slice.is_ascending` is not looked at.
///
/// # Errors
/// Any failure of the database, and the deadline.
pub fn list_grouped(reader: &Reader, filter: &Filter, slice: Slice) -> Result<Page, DbError> {
    let matches = Matches::find(reader, filter)?;
    let wanted = slice.offset.saturating_add(slice.limit);
    let candidates = match is_walk_shorter(reader, matches.total, wanted)? {
        true => newest_of(reader, &matches, wanted)?,
        false => None,
    };
    let candidates = match candidates {
        Some(candidates) => candidates,
        None => matches.all(reader)?,
    };
    let mut ordered = with_latest(reader, candidates, &filter.span)?;
    ordered.sort_unstable_by(|a, b| b.cmp(a));
    let ids = ordered.iter().skip(slice.offset).take(slice.limit).map(|(_, id)| *id).collect();
    Ok(Page { ids, total: matches.total })
}

fn is_walk_shorter(reader: &Reader, total: usize, wanted: usize) -> Result<bool, DbError> {
    let is_indexed = reader.has_index("idx_observations_tx_ts")?;
    let looked_at_max = if is_indexed { LOOKED_AT_INDEXED_MAX } else { LOOKED_AT_MAX };
    Ok(total > looked_at_max.max(wanted.saturating_mul(WALK_FACTOR))
        && reader.has_index("idx_observations_timestamp")?)
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

/// Returns every transmission that can be among the first `wanted` by latest reception; `None`
/// where that takes too many steps.
fn newest_of(
    reader: &Reader,
    matches: &Matches,
    wanted: usize,
) -> Result<Option<Vec<i64>>, DbError> {
    // Values of another type come before all times, and are none.
    const BY_OBSERVATION: &str = "SELECT transmission_id, timestamp FROM observations \
         INDEXED BY idx_observations_timestamp WHERE typeof(timestamp) = 'integer' \
         AND transmission_id IS NOT NULL ORDER BY timestamp DESC";
    const BY_FIRST_SEEN: &str = "SELECT id, first_seen FROM transmissions \
         WHERE typeof(first_seen) = 'text' ORDER BY first_seen DESC";
    let Some(mut newest) = walk(reader, BY_OBSERVATION, matches, wanted)? else { return Ok(None) };
    let Some(first_seen) = walk(reader, BY_FIRST_SEEN, matches, wanted)? else { return Ok(None) };
    newest.extend(first_seen);
    Ok(Some(newest.into_iter().collect()))
}

/// Collects ids in the order of `sql` (id, key) until `wanted` are there and the key changes.
fn walk(
    reader: &Reader,
    sql: &str,
    matches: &Matches,
    wanted: usize,
) -> Result<Option<HashSet<i64>>, DbError> {
    let mut found = HashSet::with_capacity(wanted);
    let mut last_key = Value::Null;
    let mut steps = 0;
    let mut statement = reader.statement(sql)?;
    let mut rows = statement.query([]).doing("order packets")?;
    while let Some(row) = rows.next().doing("order packets")? {
        if found.len() >= wanted && row.get_ref(1).doing("order packets")? != (&last_key).into() {
            break;
        }
        steps += 1;
        if steps > WALK_STEPS_MAX {
            return Ok(None);
        }
        let id: i64 = row.get(0).doing("order packets")?;
        if matches.contains(id) && found.insert(id) && found.len() == wanted {
            last_key = row.get(1).doing("order packets")?;
        }
    }
    Ok(Some(found))
}

/// Pairs each of `ids` (all within `span`) with its latest reception.
pub(super) fn with_latest(
    reader: &Reader,
    ids: Vec<i64>,
    span: &Span,
) -> Result<Vec<(String, i64)>, DbError> {
    let mut first_seen = first_seen_of(reader, &ids, span)?;
    let mut newest =
        reader.statement("SELECT max(timestamp) FROM observations WHERE transmission_id = ?1")?;
    let mut latest = Vec::with_capacity(ids.len());
    for id in ids {
        let newest_s = newest.query_row([id], |row| match row.get_ref(0)? {
            ValueRef::Integer(time_s) => Ok(Some(time_s)),
            ValueRef::Null => Ok(None),
            _ => newest_among_odd(reader, id),
        });
        let newest_s = newest_s.doing("order packets")?;
        let first_seen = first_seen.remove(&id).unwrap_or_default();
        latest.push((later(first_seen, newest_s), id));
    }
    Ok(latest)
}

/// Of receptions some of whose times are none: those count as 0, as in the rows that are shown.
fn newest_among_odd(reader: &Reader, id: i64) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT max(CASE WHEN typeof(timestamp) = 'integer' THEN timestamp ELSE 0 END) \
               FROM observations WHERE transmission_id = ?1";
    reader.connection().query_row(sql, [id], |row| row.get(0))
}

/// Of many, the times are taken from one pass through their index: rows are wide.
fn first_seen_of(
    reader: &Reader,
    ids: &[i64],
    span: &Span,
) -> Result<HashMap<i64, String>, DbError> {
    let mut times = HashMap::with_capacity(ids.len());
    if ids.len() <= LOOKED_UP_MAX {
        let mut row = reader.statement("SELECT first_seen FROM transmissions WHERE id = ?1")?;
        for &id in ids {
            let time = row.query_row([id], |row| stored_text(row, 0)).doing("order packets")?;
            times.insert(id, time.unwrap_or_default());
        }
        return Ok(times);
    }
    let wanted: HashSet<i64> = ids.iter().copied().collect();
    let (condition, ends) = span_sql(span);
    let sql = format!("SELECT id, first_seen FROM transmissions WHERE {condition}");
    let mut statement = reader.statement(&sql)?;
    let mut rows = statement.query(params_from_iter(ends)).doing("order packets")?;
    while let Some(row) = rows.next().doing("order packets")? {
        let id = row.get(0).doing("order packets")?;
        if wanted.contains(&id) {
            let time = stored_text(row, 1).doing("order packets")?;
            times.insert(id, time.unwrap_or_default());
        }
    }
    Ok(times)
}

fn later(first_seen: String, newest_s: Option<i64>) -> String {
    let newest = newest_s.map(|s| clock::iso_ms(s.saturating_mul(1000))).unwrap_or_default();
    if newest > first_seen { newest } else { first_seen }
}
