//! Lists from the RAM window: it says which packets and in which order, the database says what
//! names stand for.
//!
//! An answer of the window is the database's to the byte, or there is none: then the database is
//! asked.

use super::channel;
use super::filter::{Filter, Span};
use super::grouped::with_latest;
use super::heard;
use super::matching::{matching_among, span_sql};
use super::page::{Page, Slice, page_of};
use crate::db::error::DbError;
use crate::db::reader::Reader;
use crate::db::values::json_list;
use crate::store::{Covers, Snapshot, Wanted};

use std::collections::HashSet;

use rusqlite::params_from_iter;

/// As [`super::list`]; `None` where the window may lack something.
///
/// # Errors
/// Any failure of the database, and the deadline.
pub fn list_in(
    window: &Snapshot,
    reader: &Reader,
    filter: &Filter,
    slice: Slice,
) -> Result<Option<Page>, DbError> {
    let Some(wanted) = resolve(window, reader, filter)? else { return Ok(None) };
    let odd = matching_among(reader, filter, window.odd_ids())?;
    Ok(Some(page_in(window, &wanted, odd, slice)))
}

/// What the window cannot hold stands in its place among the others.
fn page_in(window: &Snapshot, wanted: &Wanted, odd: Vec<i64>, slice: Slice) -> Page {
    if odd.is_empty() {
        let part = (slice.offset, slice.limit);
        let (ids, total) = window.page(wanted, part, slice.is_ascending);
        return Page { ids, total };
    }
    let mut ids = window.matching(wanted);
    ids.extend(odd);
    ids.sort_unstable();
    page_of(ids, slice)
}

/// As [`super::list_grouped`]; `None` where the window may lack something.
///
/// # Errors
/// As [`list_in`].
pub fn list_grouped_in(
    window: &Snapshot,
    reader: &Reader,
    filter: &Filter,
    slice: Slice,
) -> Result<Option<Page>, DbError> {
    let Some(wanted) = resolve(window, reader, filter)? else { return Ok(None) };
    let odd = matching_among(reader, filter, window.odd_ids())?;
    let odd = with_latest(reader, odd, &Span::default())?;
    let (ids, total) = window.newest(&wanted, &odd, (slice.offset, slice.limit));
    Ok(Some(Page { ids, total }))
}

/// Returns which of `ids` any of `observers` (row ids) heard: from the window where it has
/// everything.
pub(in crate::db) fn heard_among(
    window: Option<&Snapshot>,
    reader: &Reader,
    observers: &[i64],
    ids: &[i64],
) -> Result<HashSet<i64>, DbError> {
    let whole = window.filter(|window| window.covers(None) == Covers::Everything);
    let Some(window) = whole else {
        return Ok(heard::heard_by(reader, observers, Some(ids))?.into_iter().collect());
    };
    let mut set = observers.to_vec();
    set.sort_unstable();
    let wanted = Wanted { heard_by: vec![set], ..Wanted::default() };
    let mut heard: HashSet<i64> = window.matching(&wanted).into_iter().collect();
    heard.extend(heard::heard_by(reader, observers, Some(&window.odd_ids()))?);
    Ok(heard)
}

/// What [`super::list_of_nodes`] is asked.
pub struct OfNodes<'n> {
    /// Keys or names.
    pub nodes: &'n [String],
    /// By `first_seen`.
    pub span: Span,
}

/// As [`super::list_of_nodes`]; `None` where the window may lack something.
///
/// # Errors
/// As [`list_in`].
pub fn list_of_nodes_in(
    window: &Snapshot,
    reader: &Reader,
    asked: OfNodes<'_>,
    slice: Slice,
) -> Result<Option<Page>, DbError> {
    if asked.nodes.is_empty() {
        return Ok(Some(Page { ids: Vec::new(), total: 0 }));
    }
    let keys = asked.nodes.iter().map(|node| heard::resolve_node(reader, node));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let filter = Filter { span: asked.span, ..Filter::default() };
    let Some(mut wanted) = resolve(window, reader, &filter)? else { return Ok(None) };
    if !want_nodes(&mut wanted, reader, &keys)? {
        return Ok(None);
    }
    let odd = matching_among(reader, &filter, window.odd_ids())?;
    let odd = heard::keep_of_nodes(reader, odd, &keys)?;
    Ok(Some(page_in(window, &wanted, odd, slice)))
}

/// Looks up what the filter names; `None` where the window may lack something.
fn resolve(window: &Snapshot, reader: &Reader, filter: &Filter) -> Result<Option<Wanted>, DbError> {
    let mut wanted = wanted_of(filter);
    if !covers(window, reader, filter, &wanted)? {
        return Ok(None);
    }
    if wanted.senders.is_some() {
        wanted.is_sender_said = !reader.is_migrated(heard::SENDERS_FILLED_IN)?;
    }
    if let Some(channel) = &filter.channel {
        wanted.channel = Some(channel::resolve(reader, channel)?);
    }
    if !filter.observers.is_empty() {
        wanted.heard_by.push(heard::observers_named(reader, &filter.observers)?);
    }
    if !filter.regions.is_empty() {
        wanted.heard_by.push(heard::observers_in(reader, &filter.regions)?);
    }
    wanted.heard_by.iter_mut().for_each(|observers| observers.sort_unstable());
    match &filter.node {
        Some(key) if !want_nodes(&mut wanted, reader, std::slice::from_ref(key))? => Ok(None),
        _ => Ok(Some(wanted)),
    }
}

fn wanted_of(filter: &Filter) -> Wanted {
    let forms = |hash: &String| vec![hash.to_lowercase(), hash.to_uppercase()];
    Wanted {
        payload_type: filter.payload_type,
        route_type: filter.route_type,
        hashes: filter.hash.as_ref().map(forms),
        since: filter.span.since.clone(),
        until: filter.span.until.clone(),
        is_inclusive: filter.span.is_inclusive,
        senders: filter.senders.clone(),
        ..Wanted::default()
    }
}

/// `false` for what is no public key: the database looks for it anywhere in the stored paths.
fn want_nodes(wanted: &mut Wanted, reader: &Reader, keys: &[String]) -> Result<bool, DbError> {
    let is_key = |key: &String| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric());
    wanted.is_sender_said = !reader.is_migrated(heard::SENDERS_FILLED_IN)?;
    wanted.nodes = Some(keys.to_vec());
    Ok(keys.iter().all(is_key))
}

/// Where only a part of the database is in the window, equal counts prove that nothing of the span
/// is missing: texts that are no times sort anywhere, whenever they were heard.
fn covers(
    window: &Snapshot,
    reader: &Reader,
    filter: &Filter,
    wanted: &Wanted,
) -> Result<bool, DbError> {
    match window.covers(wanted.since.as_deref()) {
        Covers::Everything => Ok(true),
        Covers::Nothing => Ok(false),
        Covers::Likely => {
            let (condition, mut ends) = span_sql(&filter.span);
            let odd = json_list(&window.odd_ids());
            ends.push(&odd);
            let sql = format!(
                "SELECT count(*) FROM transmissions WHERE {condition} \
                 AND id NOT IN (SELECT value FROM json_each(?))"
            );
            let rows = reader.number(&sql, params_from_iter(ends))?;
            Ok(usize::try_from(rows) == Ok(window.count_within(wanted)))
        }
    }
}
