//! A pass over all blocks, in the order of their ids.

use std::collections::BTreeSet;

use rusqlite::types::ValueRef;

use super::digests::{MIGRATION, first_id_from};
use super::reach;
use super::rows::Rows;
use crate::db::error::{DbError, Doing};
use crate::db::reader::Reader;
use crate::store::analytics::{BLOCK_PACKETS, Block, Window, block_of};

const ACTION: &str = "read digests of packets";

/// Blocks without a digest that a query reads from the rows, at 3 ms each: more would take longer
/// than a query may.
const MISSING_MAX: usize = 300;

/// As [`MISSING_MAX`], of stale ones: most may be empty, at 10 µs each, after old packets were
/// deleted. Else the deadline ends it.
const STALE_MAX: usize = 50_000;

/// New rows that a query looks at, at 1 µs each.
const NEW_ROWS_MAX: usize = 200_000;

/// Which part of the blocks is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// Whether receptions are read too.
    pub(super) has_receptions: bool,
    /// Blocks whose packets were all first seen outside may be left out.
    pub(super) first_seen: Window,
    /// Blocks whose receptions all lie outside may be left out.
    pub(super) heard: Window,
}

/// Whether every block was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coverage {
    /// All of them, or all that can lie in the windows.
    Whole,
    /// Too few digests have been made yet; nothing was handed out.
    TooFew,
}

/// Hands out every block of the query's snapshot, once: its digest, or what its rows say where the
/// digest is stale, missing or damaged.
pub(super) fn pass(
    reader: &Reader,
    part: Part,
    mut take: impl FnMut(&Block<'_>),
) -> Result<Coverage, DbError> {
    let Some(mut stale) = blocks_to_read(reader)? else { return Ok(Coverage::TooFew) };
    let mut rows = Rows::new(reader.connection())?;
    let receptions = if part.has_receptions { "receptions" } else { "NULL" };
    let sql = format!(
        "SELECT block, packets, {receptions} FROM _analytics_blocks \
         WHERE COALESCE(first_seen_max_ms >= ?1, 1) AND COALESCE(first_seen_min_ms <= ?2, 1) \
         AND COALESCE(heard_max_s >= ?3, 1) AND COALESCE(heard_min_s <= ?4, 1) ORDER BY block"
    );
    let [from_s, to_s] = [part.heard.from_ms, part.heard.to_ms].map(|ms| ms.map(|ms| ms / 1_000));
    let bounds = [
        part.first_seen.from_ms.unwrap_or(i64::MIN),
        part.first_seen.to_ms.unwrap_or(i64::MAX),
        // Rounded outwards: what is read besides is looked at again.
        from_s.map_or(i64::MIN, |from| from.saturating_sub(1)),
        to_s.map_or(i64::MAX, |to| to.saturating_add(1)),
    ];
    if has_digests(reader)? {
        let mut statement = reader.statement(&sql)?;
        let mut digests = statement.query(bounds).doing(ACTION)?;
        while let Some(row) = digests.next().doing(ACTION)? {
            let number: i64 = row.get(0).doing(ACTION)?;
            while let Some(earlier) = stale.first().copied().filter(|stale| *stale < number) {
                stale.remove(&earlier);
                take(&read_rows(reader, &mut rows, earlier)?);
            }
            let packets = row.get_ref(1).doing(ACTION)?;
            let receptions = row.get_ref(2).doing(ACTION)?;
            let digest = if stale.remove(&number) { None } else { unpack(packets, receptions) };
            match digest {
                Some(block) => take(&block),
                None => take(&read_rows(reader, &mut rows, number)?),
            }
        }
    }
    for number in stale {
        take(&read_rows(reader, &mut rows, number)?);
    }
    Ok(Coverage::Whole)
}

fn unpack<'r>(packets: ValueRef<'r>, receptions: ValueRef<'r>) -> Option<Block<'r>> {
    let receptions = match receptions {
        ValueRef::Null => None,
        other => Some(other.as_blob().ok()?),
    };
    Block::of_digest(packets.as_blob().ok()?, receptions)
}

fn read_rows(reader: &Reader, rows: &mut Rows<'_>, number: i64) -> Result<Block<'static>, DbError> {
    reader.check_deadline(ACTION)?;
    rows.read(number)
}

/// The blocks that are read from their rows; `None` if they are too many.
fn blocks_to_read(reader: &Reader) -> Result<Option<BTreeSet<i64>>, DbError> {
    let (mut blocks, mut missing) = (BTreeSet::new(), BTreeSet::new());
    if has_digests(reader)? {
        let sql = "SELECT block FROM _analytics_stale LIMIT ?1";
        blocks.extend(reader.rows(sql, [STALE_MAX as i64 + 1], |row| row.get::<_, i64>(0))?);
        let beyond = reach::blocks_beyond(reader.connection(), NEW_ROWS_MAX)?;
        if beyond.is_more {
            return Ok(None);
        }
        blocks.extend(beyond.blocks);
    }
    if !reader.is_migrated(MIGRATION)? {
        add_missing(reader, &mut missing)?;
    }
    let are_few = blocks.len() <= STALE_MAX && missing.len() <= MISSING_MAX;
    blocks.extend(missing);
    Ok(are_few.then_some(blocks))
}

/// Until all have been made once: adds blocks without a digest, no more than it takes to see that
/// they are too many.
fn add_missing(reader: &Reader, blocks: &mut BTreeSet<i64>) -> Result<(), DbError> {
    let has_digests = has_digests(reader)?;
    let mut next = first_id_from(reader.connection(), i64::MIN)?;
    while let Some(id) = next.filter(|_| blocks.len() <= MISSING_MAX) {
        let block = block_of(id);
        let sql = "SELECT 1 FROM _analytics_blocks WHERE block = ?1";
        if !has_digests || reader.first(sql, [block], |_| Ok(()))?.is_none() {
            blocks.insert(block);
        }
        let Some(after) = (block + 1).checked_mul(BLOCK_PACKETS) else { break };
        next = first_id_from(reader.connection(), after)?;
    }
    Ok(())
}

/// A database that only another program has opened to write has none.
fn has_digests(reader: &Reader) -> Result<bool, DbError> {
    let sql = "SELECT COUNT(*) FROM sqlite_schema WHERE name IN \
               ('_analytics_blocks', '_analytics_stale', '_analytics_reach')";
    Ok(reader.number(sql, [])? == 3)
}
