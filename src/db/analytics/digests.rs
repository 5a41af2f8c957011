//! Writing digests: in the transaction of a migration's step, or of the job that keeps them fresh.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::reach;
use super::rows::Rows;
use crate::db::error::{DbError, Doing};
use crate::db::migrations::{Job, JobStep, JobSteps, JobWindow, KeyRange};
use crate::perf::ledger::Source;
use crate::store::analytics::{BLOCK_PACKETS, Block, Digest, block_of};

const ACTION: &str = "store a digest of packets";

/// A block with so many receptions stays stale: a digest is made in one step, and it would hold the
/// writer for longer than a step may, 30 ms. (The busiest of a real mesh has some 10,000.) Queries
/// read it from the rows, of which they manage some 400,000.
const RECEPTIONS_MAX: u64 = 15_000;

/// With more receptions the newest block has a digest as well.
const NEWEST_RECEPTIONS: u64 = 5_000;

/// Receptions that can be counted by an index in the time that it takes to read one.
const COUNTED_PER_ROW: u64 = 20;

/// The migration that makes the digests of all blocks. Until it is done, blocks without a digest
/// are read from the rows.
pub const MIGRATION: &str = "analytics_blocks_v1";

/// Takes notice of new rows and makes stale digests anew. It is due all the time: each run does
/// what there is to do.
pub fn refresh_job() -> Job {
    let source = Source::backfill(MIGRATION);
    Job { name: "refresh_digests", source, frees_space: false, steps: Arc::new(Refresh) }
}

struct Refresh;

impl JobSteps for Refresh {
    fn step(&self, tx: &Connection, window: JobWindow) -> Result<JobStep, DbError> {
        refresh(tx, window)
    }
}

/// Whether the block of a packet has a digest.
pub(in crate::db) const HAS_DIGEST: &str =
    "EXISTS (SELECT 1 FROM _analytics_blocks WHERE block = transmissions.id >> 6)";
const _: () = assert!(BLOCK_PACKETS == 1 << 6);

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

/// Takes notice of new rows, then makes stale digests anew, from the block behind `window.after`
/// on, until `rows_max` rows have been looked at. The newest block is left until there is a newer
/// one (it would be stale again at once), unless it costs queries too much.
fn refresh(tx: &Connection, window: JobWindow) -> Result<JobStep, DbError> {
    let rows_max = window.rows_max;
    let advanced = reach::advance(tx, usize::try_from(rows_max).unwrap_or(usize::MAX))?;
    let mut step = JobStep {
        rows_scanned: advanced.rows,
        is_done: !advanced.is_more,
        last_key: window.after,
        ..JobStep::default()
    };
    if advanced.is_more {
        return Ok(step);
    }
    let newest = newest_block(tx)?;
    let mut rows = Rows::new(tx)?;
    let mut looked_at = 0;
    while let Some(block) = next_stale(tx, step.last_key.unwrap_or(i64::MIN))? {
        if looked_at > 0 && step.rows_scanned >= rows_max {
            step.is_done = false;
            break;
        }
        let receptions = rows.count(block, RECEPTIONS_MAX)?;
        looked_at += 1;
        step.rows_scanned += 1 + receptions / COUNTED_PER_ROW;
        step.last_key = Some(block);
        if receptions < RECEPTIONS_MAX && (block != newest || receptions > NEWEST_RECEPTIONS) {
            step.rows_scanned += store(tx, &rows.read(block)?, block)?;
            step.rows_changed += 1;
        }
    }
    Ok(step)
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
