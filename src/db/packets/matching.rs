//! Which transmissions match: all their ids at once.
//!
//! A list needs the exact total beside its page, so every match is visited anyway. Each condition
//! yields ids from an index that covers it, 8 bytes each, and the sets are intersected here: left
//! to join them, the planner reads wide rows for what another index says (measured on 71,000
//! packets, cold: over a second against 50 ms). Rows are read for the page only.

use std::collections::HashSet;

use rusqlite::{Params, params_from_iter};

use super::channel::ids_in_channel;
use super::filter::{Filter, Span};
use super::heard;
use crate::db::error::DbError;
use crate::db::reader::Reader;
use crate::db::values::json_list;

/// Up to this many candidates, their rows say more cheaply than an index of all.
const LOOKED_UP_MAX: usize = 500;

/// As [`LOOKED_UP_MAX`] where no index serves and the alternative is to read every row.
const LOOKED_UP_UNINDEXED_MAX: usize = 5_000;

/// Returns the ids of all transmissions that match, each once, ascending.
pub(super) fn matching_ids(reader: &Reader, filter: &Filter) -> Result<Vec<i64>, DbError> {
    ids_of(Candidates { reader, ids: None }, filter)
}

/// As [`matching_ids`], of these few alone, which must exist.
pub(super) fn matching_among(
    reader: &Reader,
    filter: &Filter,
    ids: Vec<i64>,
) -> Result<Vec<i64>, DbError> {
    if ids.is_empty() {
        return Ok(ids);
    }
    ids_of(Candidates { reader, ids: Some(ids) }, filter)
}

fn ids_of(mut candidates: Candidates<'_>, filter: &Filter) -> Result<Vec<i64>, DbError> {
    let reader = candidates.reader;
    candidates.keep_narrow_sets(filter)?;
    candidates.keep_columns(filter)?;
    candidates.keep_heard_by(filter)?;
    let mut ids = candidates.into_ids()?;
    let blank = blank_ids(reader)?;
    if !blank.is_empty() {
        ids.retain(|id| !blank.contains(id));
    }
    match &filter.node {
        Some(key) => heard::keep_of_nodes(reader, ids, std::slice::from_ref(key)),
        None => Ok(ids),
    }
}

/// Returns the ids of transmissions without hash or time: no list shows them.
pub(in crate::db) fn blank_ids(reader: &Reader) -> Result<HashSet<i64>, DbError> {
    let sql = "SELECT id FROM transmissions WHERE hash = '' \
               UNION ALL SELECT id FROM transmissions WHERE first_seen = ''";
    Ok(reader.rows(sql, [], |row| row.get(0))?.into_iter().collect())
}

/// Returns the condition of a span on `first_seen`, with its parameters.
pub(super) fn span_sql(span: &Span) -> (String, Vec<&str>) {
    let (after, before) = if span.is_inclusive { (">=", "<=") } else { (">", "<") };
    let ends = [(after, &span.since), (before, &span.until)];
    let ends = ends.into_iter().filter_map(|(sign, end)| Some((sign, end.as_deref()?)));
    let (signs, values): (Vec<_>, Vec<_>) = ends.unzip();
    let parts: Vec<String> = signs.iter().map(|sign| format!("first_seen {sign} ?")).collect();
    (if parts.is_empty() { "1".to_owned() } else { parts.join(" AND ") }, values)
}

/// What has matched so far; `None` is everything.
struct Candidates<'r> {
    reader: &'r Reader,
    ids: Option<Vec<i64>>,
}

impl Candidates<'_> {
    /// Conditions for which an index yields few rows, or the narrow rows of an index.
    fn keep_narrow_sets(&mut self, filter: &Filter) -> Result<(), DbError> {
        if !filter.span.is_everything() {
            let (condition, mut ends) = span_sql(&filter.span);
            let few = self.few(LOOKED_UP_MAX);
            let among = few.as_ref().map_or("", |_| " AND id IN (SELECT value FROM json_each(?))");
            ends.extend(few.as_deref());
            let sql = format!("SELECT id FROM transmissions WHERE {condition}{among}");
            self.keep_found(&sql, params_from_iter(ends))?;
        }
        if let Some(hash) = &filter.hash {
            // The unique index compares bytes; old rows hold hashes in upper case.
            let sql = "SELECT id FROM transmissions WHERE hash IN (?1, ?2)";
            self.keep_found(sql, [hash.to_lowercase(), hash.to_uppercase()])?;
        }
        if let Some(senders) = &filter.senders {
            self.keep_found(heard::sent_by_sql(self.reader)?, [json_list(senders)])?;
        }
        if let Some(channel) = &filter.channel {
            self.keep(ids_in_channel(self.reader, channel)?);
        }
        Ok(())
    }

    fn keep_columns(&mut self, filter: &Filter) -> Result<(), DbError> {
        if let Some(payload_type) = filter.payload_type {
            self.keep_column("payload_type", payload_type, LOOKED_UP_MAX)?;
        }
        if let Some(route_type) = filter.route_type {
            self.keep_column("route_type", route_type, LOOKED_UP_UNINDEXED_MAX)?;
        }
        Ok(())
    }

    fn keep_column(
        &mut self,
        column: &str,
        value: i64,
        looked_up_max: usize,
    ) -> Result<(), DbError> {
        match self.few(looked_up_max) {
            Some(few) => {
                let sql = format!(
                    "SELECT id FROM transmissions WHERE +{column} = ?1 \
                     AND id IN (SELECT value FROM json_each(?2))"
                );
                self.keep_found(&sql, (value, few))
            }
            None => {
                let sql = format!("SELECT id FROM transmissions WHERE {column} = ?1");
                self.keep_found(&sql, [value])
            }
        }
    }

    fn keep_heard_by(&mut self, filter: &Filter) -> Result<(), DbError> {
        let mut sets = Vec::new();
        if !filter.observers.is_empty() {
            sets.push(heard::observers_named(self.reader, &filter.observers)?);
        }
        if !filter.regions.is_empty() {
            sets.push(heard::observers_in(self.reader, &filter.regions)?);
        }
        for observers in sets {
            let found = heard::heard_by(self.reader, &observers, self.ids.as_deref())?;
            self.keep(found);
        }
        Ok(())
    }

    /// The candidates as a parameter, if they are at most so many.
    fn few(&self, max: usize) -> Option<String> {
        self.ids.as_ref().filter(|ids| ids.len() <= max).map(|ids| json_list(ids))
    }

    fn keep_found(&mut self, sql: &str, params: impl Params) -> Result<(), DbError> {
        let found = self.reader.rows(sql, params, |row| row.get(0))?;
        self.keep(found);
        Ok(())
    }

    fn keep(&mut self, mut found: Vec<i64>) {
        found.sort_unstable();
        found.dedup();
        match &mut self.ids {
            Some(ids) => ids.retain(|id| found.binary_search(id).is_ok()),
            None => self.ids = Some(found),
        }
    }

    fn into_ids(self) -> Result<Vec<i64>, DbError> {
        if let Some(ids) = self.ids {
            return Ok(ids);
        }
        let mut all: Vec<i64> =
            self.reader.rows("SELECT id FROM transmissions", [], |row| row.get(0))?;
        all.sort_unstable();
        Ok(all)
    }
}
