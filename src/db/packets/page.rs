//! The requested part of a list, in the order of transmission ids.

use super::filter::{Filter, Span};
use super::heard;
use super::matching::{blank_ids, matching_ids};
use super::rows::{Depth, Loader, Transmission};
use crate::db::error::DbError;
use crate::db::reader::Reader;
use crate::db::values::stored_text;
use crate::store::Snapshot;

/// Deeper pages than this are cut from the list of all ids: stepping over rows reads them.
const STEPPED_OVER_MAX: usize = 1_000;

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Rows to step over.
    pub offset: usize,
    /// Rows at most.
    pub limit: usize,
    /// Lowest id first.
    pub is_ascending: bool,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Ids of the part, in order.
    pub ids: Vec<i64>,
    /// Length of the whole list.
    pub total: usize,
}

impl Page {
    /// Reads the rows one after the other and hands each to `show`, which says whether to go on:
    /// in memory there is one at a time.
    ///
    /// # Errors
    /// Any failure of the database, and the deadline, which covers `show` too.
    pub fn visit(
        &self,
        reader: &Reader,
        depth: Depth,
        mut show: impl FnMut(&Transmission) -> bool,
    ) -> Result<(), DbError> {
        let mut loader = Loader::new(reader)?;
        for &id in &self.ids {
            let Some(packet) = loader.load_to(id, depth)? else { continue };
            if !show(&packet) {
                break;
            }
        }
        Ok(())
    }

    /// As [`Self::visit`], for a page of the RAM window: what that knows of receptions is not read.
    /// `false` if the database does not have what the window names: then the page is not its
    /// answer.
    ///
    /// # Errors
    /// As [`Self::visit`].
    pub fn visit_in(
        &self,
        window: &Snapshot,
        source: (&Reader, Depth),
        mut show: impl FnMut(&Transmission) -> bool,
    ) -> Result<bool, DbError> {
        let (reader, depth) = source;
        let mut loader = Loader::new(reader)?;
        for &id in &self.ids {
            let outline = if depth == Depth::Best { window.outline(id) } else { None };
            let packet = match outline {
                Some(outline) => loader.load_outlined(id, outline)?,
                None => loader.load_to(id, depth)?,
            };
            let Some(packet) = packet else { return Ok(false) };
            if !show(&packet) {
                break;
            }
        }
        Ok(true)
    }
}

/// Returns transmissions in the order of their ids, highest first unless asked otherwise.
///
/// # Errors
/// Any failure of the database, and the deadline.
pub fn list(reader: &Reader, filter: &Filter, slice: Slice) -> Result<Page, DbError> {
    if filter.is_empty() && slice.offset <= STEPPED_OVER_MAX {
        return list_all(reader, slice);
    }
    Ok(page_of(matching_ids(reader, filter)?, slice))
}

/// Returns the transmissions that any of `nodes` (keys or names) sent or relayed.
///
/// # Errors
/// As [`list`].
pub fn list_of_nodes(
    reader: &Reader,
    nodes: &[String],
    span: Span,
    slice: Slice,
) -> Result<Page, DbError> {
    if nodes.is_empty() {
        return Ok(Page { ids: Vec::new(), total: 0 });
    }
    let keys = nodes.iter().map(|node| heard::resolve_node(reader, node));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let in_span = matching_ids(reader, &Filter { span, ..Filter::default() })?;
    Ok(page_of(heard::keep_of_nodes(reader, in_span, &keys)?, slice))
}

/// Returns the `first_seen` of every transmission that was first seen after `since` (compared as
/// text), ascending, at most `rows_max`.
///
/// # Errors
/// As [`list`].
pub fn times_since(reader: &Reader, since: &str, rows_max: usize) -> Result<Vec<String>, DbError> {
    let sql = "SELECT first_seen FROM transmissions WHERE first_seen > ?1 \
               AND id NOT IN (SELECT id FROM transmissions WHERE hash = '') \
               ORDER BY first_seen LIMIT ?2";
    let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
    let times = reader.rows(sql, (since, rows_max), |row| stored_text(row, 0))?;
    Ok(times.into_iter().flatten().collect())
}

/// Without a filter nothing but the page is visited; the total is counted in an index.
fn list_all(reader: &Reader, slice: Slice) -> Result<Page, DbError> {
    let blank = blank_ids(reader)?;
    let total = reader.number("SELECT count(*) FROM transmissions", [])?;
    let order = if slice.is_ascending { "ASC" } else { "DESC" };
    let sql = format!("SELECT id FROM transmissions ORDER BY id {order} LIMIT ?1");
    let rows_max = slice.offset.saturating_add(slice.limit).saturating_add(blank.len());
    let ids = reader.rows(&sql, [i64::try_from(rows_max).unwrap_or(i64::MAX)], |row| row.get(0))?;
    let shown = ids.into_iter().filter(|id| !blank.contains(id));
    let ids = shown.skip(slice.offset).take(slice.limit).collect();
    Ok(Page { ids, total: usize::try_from(total).unwrap_or(0).saturating_sub(blank.len()) })
}

pub(super) fn page_of(mut ids: Vec<i64>, slice: Slice) -> Page {
    let total = ids.len();
    if !slice.is_ascending {
        ids.reverse();
    }
    let ids = ids.into_iter().skip(slice.offset).take(slice.limit).collect();
    Page { ids, total }
}
