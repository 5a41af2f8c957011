//! Writing digests: in the transaction of a migration's step, or of a refresh.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::reach;
use super::rows::Rows;
use crate::db::error::{DbError, Doing};
use crate::db::migrations::KeyRange;
use crate::db::write::{Done, Durability, WriteConnection};
use crate::perf::ledger::{Shares, Source};
use crate::store::analytics::{BLOCK_PACKETS, Block, Digest, block_of};

const ACTION: &str = "store a digest of packets";

/// A block with so many receptions stays stale: making its digest would hold the writer for 0.2 s.
/// (The busiest of a real mesh has some 10,000.) Queries read it from the rows, of which they
/// manage four times as many.
const RECEPTIONS_MAX: u64 = 100_000;

/// With more receptions the newest block has a digest as well.
const NEWEST_RECEPTIONS: u64 = 5_000;

/// Receptions that can be counted by an index in the time that it takes to read one.
const COUNTED_PER_ROW: u64 = 20;

/// The migration that makes the digests of all blocks. Until it is done, blocks without a digest
/// are read from the rows.
pub const MIGRATION: &str = "analytics_blocks_v1";

/// What a refresh did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// Rows that were looked at.
    pub rows: u64,
    /// Digests that are up to date now.
    pub blocks: u64,
    /// The last block that was looked at.
    pub last_block: Option<i64>,
    /// How long the write lock was held.
    pub hold: Duration,
    /// Whether new rows or stale blocks are left, the newest block apart.
    pub is_more: bool,
}

impl WriteConnection {
    /// Takes notice of new rows, then makes stale digests anew, from the block behind `after` on,
    /// in one transaction, until `rows_max` rows have been looked at.
    ///
    /// # Errors
    /// As in [`WriteConnection::commit`]; nothing is changed then.
    pub fn refresh_digests(
        &mut self,
        after: Option<i64>,
        rows_max: u64,
    ) -> Result<Refreshed, DbError> {
        let source = Source::backfill(MIGRATION);
        self.noted(source, Shares::one(source, 0), |writer| {
            writer.set_durability(Durability::Normal)?;
            let clock = writer.options.clock.clone();
            let tx = writer
                .conn
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .doing("begin to make digests anew")?;
            let started = clock.monotonic();
            let mut answer = refresh(&tx, after, rows_max)?;
            tx.commit().doing("commit digests")?;
            let hold = clock.monotonic().saturating_sub(started);
            answer.hold = hold;
            Ok(Done { answer, shares: Shares::one(source, answer.blocks), hold })
        })
    }
}

/// Makes the digests that are missing of the blocks that end in a range of ids. A block that ends
/// behind it is left to the step that reaches its end. One that has a digest is left as it is: if
/// it is stale, a refresh makes it anew.
pub(in crate::db) fn build_blocks(conn: &Connection, range: KeyRange) -> Result<u64, DbError> {
    let mut built = 0;
    let mut next = Some(range.first);
    while let Some(id) = next.filter(|id| *id <= range.last) {
        let block = block_of(id);
        let end = last_id_of(block);
        next = first_id_from(conn, end.saturating_add(1))?.filter(|_| end < i64::MAX);
        let is_reached = end <= range.last || last_id_until(conn, end)? <= Some(range.last);
        if is_reached && !has_digest(conn, block)? {
            built += build(conn, block)?;
        }
    }
    Ok(built)
}

/// Returns the digests that were made: 1, or 0 of a block that cannot have one.
fn build(conn: &Connection, number: i64) -> Result<u64, DbError> {
    let mut rows = Rows::new(conn)?;
    if rows.count(number, RECEPTIONS_MAX)? >= RECEPTIONS_MAX {
        let mark = "INSERT OR IGNORE INTO _analytics_stale (block) VALUES (?1)";
        execute(conn, mark, [number])?;
        return Ok(0);
    }
    let block = rows.read(number)?;
    store(conn, &block, number)?;
    Ok(u64::from(!block.packets.is_empty()))
}

/// Takes notice of new rows, then makes stale digests anew, from the block behind `after` on, until
/// `rows_max` rows have been looked at. The newest block is left until there is a newer one (it
/// would be stale again at once), unless it costs queries too much.
fn refresh(tx: &Connection, after: Option<i64>, rows_max: u64) -> Result<Refreshed, DbError> {
    let advanced = reach::advance(tx, usize::try_from(rows_max).unwrap_or(usize::MAX))?;
    let mut done =
        Refreshed { rows: advanced.rows, is_more: advanced.is_more, ..Refreshed::default() };
    if done.is_more {
        return Ok(done);
    }
    let newest = newest_block(tx)?;
    let mut rows = Rows::new(tx)?;
    let mut last = after.unwrap_or(i64::MIN);
    while let Some(block) = next_stale(tx, last)? {
        if done.blocks > 0 && done.rows >= rows_max {
            done.is_more = true;
            break;
        }
        let receptions = rows.count(block, RECEPTIONS_MAX)?;
        done.rows += receptions / COUNTED_PER_ROW;
        last = block;
        done.last_block = Some(block);
        if receptions < RECEPTIONS_MAX && (block != newest || receptions > NEWEST_RECEPTIONS) {
            done.rows += store(tx, &rows.read(block)?, block)?;
            done.blocks += 1;
        }
    }
    Ok(done)
}

/// `i64::MAX`, which is none, if there are no packets.
fn newest_block(conn: &Connection) -> Result<i64, DbError> {
    let newest: Option<i64> = conn
        .query_row("SELECT MAX(id) FROM transmissions", [], |row| row.get(0))
        .doing("find the newest packet")?;
    Ok(newest.map_or(i64::MAX, block_of))
}

fn next_stale(conn: &Connection, after: i64) -> Result<Option<i64>, DbError> {
    let sql = "SELECT block FROM _analytics_stale WHERE block > ?1 ORDER BY block LIMIT 1";
    conn.prepare_cached(sql)
        .and_then(|mut row| row.query_row([after], |row| row.get(0)).optional())
        .doing("find stale digests")
}

/// Stores the digest of a block and takes its mark away. Returns the rows.
fn store(conn: &Connection, block: &Block<'_>, number: i64) -> Result<u64, DbError> {
    if block.packets.is_empty() {
        execute(conn, "DELETE FROM _analytics_blocks WHERE block = ?1", [number])?;
    } else {
        let (seen, heard) = (seen_span(block), heard_span(block));
        let Digest { packets, receptions } = Digest::of(block);
        execute(
            conn,
            "INSERT OR REPLACE INTO _analytics_blocks (block, first_seen_min_ms, \
             first_seen_max_ms, heard_min_s, heard_max_s, packets, receptions) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                number,
                seen.map(|span| span.0),
                seen.map(|span| span.1),
                heard.map(|span| span.0),
                heard.map(|span| span.1),
                packets,
                receptions
            ],
        )?;
    }
    execute(conn, "DELETE FROM _analytics_stale WHERE block = ?1", [number])?;
    Ok((block.packets.len() + block.receptions.len()) as u64)
}

/// When the packets were first seen; `None` if one has no time: it lies in every window.
fn seen_span(block: &Block<'_>) -> Option<(i64, i64)> {
    let times: Option<Vec<i64>> = block.packets.iter().map(|packet| packet.first_seen_ms).collect();
    let times = times?;
    times.iter().min().copied().zip(times.iter().max().copied())
}

/// As [`seen_span`], of the receptions.
fn heard_span(block: &Block<'_>) -> Option<(i64, i64)> {
    let times = || block.receptions.iter().map(|heard| heard.at_s);
    let span = times().min().zip(times().max());
    span.filter(|(first, _)| *first != crate::store::analytics::block::NO_TIME)
}

fn has_digest(conn: &Connection, block: i64) -> Result<bool, DbError> {
    let sql = "SELECT 1 FROM _analytics_blocks WHERE block = ?1";
    conn.prepare_cached(sql)
        .and_then(|mut row| row.exists([block]))
        .doing("look for a digest of packets")
}

/// The last id that a block can have.
fn last_id_of(block: i64) -> i64 {
    block.saturating_mul(BLOCK_PACKETS).saturating_add(BLOCK_PACKETS - 1)
}

/// The lowest transmission id from `id` on.
pub(super) fn first_id_from(conn: &Connection, id: i64) -> Result<Option<i64>, DbError> {
    one_id(conn, "SELECT id FROM transmissions WHERE id >= ?1 ORDER BY id LIMIT 1", id)
}

/// The highest up to `id`.
fn last_id_until(conn: &Connection, id: i64) -> Result<Option<i64>, DbError> {
    one_id(conn, "SELECT id FROM transmissions WHERE id <= ?1 ORDER BY id DESC LIMIT 1", id)
}

fn one_id(conn: &Connection, sql: &str, id: i64) -> Result<Option<i64>, DbError> {
    conn.prepare_cached(sql)
        .and_then(|mut row| row.query_row([id], |row| row.get(0)).optional())
        .doing("find the next packets")
}

fn execute(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<(), DbError> {
    conn.prepare_cached(sql).and_then(|mut row| row.execute(params)).doing(ACTION)?;
    Ok(())
}
