//! Packets leave by when they were last heard, observations before the transmission they refer to
//! (HZ 13; the original goes by when they were first heard, and in one transaction).
//!
//! No index has `last_seen`, but what was last heard before a moment was first heard before it
//! too: candidates are found by `first_seen`, in that order, and judged one by one. What claims to
//! have been first heard in the future, or at no time at all, is judged as well.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, params};

use super::hold::Hold;
use super::rows::{limit, run};
use super::{Cutoff, Task};
use crate::db::catalog;
use crate::db::error::{DbError, Doing};
use crate::db::migrations::{JobStep, JobWindow};

const INDEX: &str = "idx_transmissions_first_seen";
/// Candidates are looked up so many at a time: each may have hundreds of observations.
const CANDIDATES_AT_ONCE: u64 = 16;
/// Observations that are deleted between two looks at the time: 1 to 2 ms, in a cold file more.
const OBSERVATIONS_AT_ONCE: u64 = 64;

/// What is to be pruned.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketRule {
    /// Last heard before.
    pub(super) cutoff: Cutoff,
    /// Nothing can have been heard later.
    pub(super) latest: Cutoff,
}

/// What bounds a step.
struct Bounds<'h> {
    rows_max: u64,
    hold: &'h Hold,
}

/// One that may have to go.
struct Candidate {
    id: i64,
    first_seen: String,
    is_old: bool,
}

/// Where the walk over `(first_seen, id)` stands.
#[derive(Clone, Debug)]
struct Place {
    first_seen: String,
    id: i64,
}

/// Prunes the next packets, and ends when `hold` is over. A packet leaves with all its observations
/// in one step, unless it alone has more than a step may delete or takes too long; then they leave in
/// several and it with the last.
pub(super) fn prune(
    conn: &Connection,
    rule: &PacketRule,
    window: JobWindow,
    hold: &Hold,
) -> Result<JobStep, DbError> {
    check_indexes(conn)?;
    let bounds = Bounds { rows_max: window.rows_max, hold };
    let mut place = Place::after(conn, window.after)?;
    let mut step = JobStep { last_key: window.after, ..JobStep::default() };
    loop {
        let room = window.rows_max.saturating_sub(step.rows_scanned);
        let found = candidates(conn, rule, &place, room.min(CANDIDATES_AT_ONCE))?;
        if found.is_empty() {
            step.is_done = room > 0;
            return Ok(step);
        }
        for candidate in found {
            if !take(conn, &candidate, &mut step, &bounds)? {
                return Ok(step);
            }
            place = Place { first_seen: candidate.first_seen, id: candidate.id };
        }
    }
}

/// The next packet that would be pruned.
pub(super) fn next_old(
    conn: &Connection,
    rule: &PacketRule,
    after: Option<i64>,
) -> Result<Option<i64>, DbError> {
    let mut place = Place::after(conn, after)?;
    loop {
        let found = candidates(conn, rule, &place, CANDIDATES_AT_ONCE)?;
        if let Some(old) = found.iter().find(|candidate| candidate.is_old) {
            return Ok(Some(old.id));
        }
        let Some(last) = found.into_iter().next_back() else { return Ok(None) };
        place = Place { first_seen: last.first_seen, id: last.id };
    }
}

/// Deals with one candidate; `false` if the step has no room for it.
fn take(
    conn: &Connection,
    candidate: &Candidate,
    step: &mut JobStep,
    bounds: &Bounds<'_>,
) -> Result<bool, DbError> {
    let room = bounds.rows_max.saturating_sub(step.rows_scanned);
    if room == 0 || (step.rows_scanned > 0 && bounds.hold.is_over()) {
        return Ok(false);
    }
    if !candidate.is_old {
        step.rows_scanned += 1;
        step.last_key = Some(candidate.id);
        return Ok(true);
    }
    if step.rows_changed > 0 && count_observations(conn, candidate.id, room)? >= room {
        return Ok(false);
    }
    let (deleted, is_whole) = delete(conn, candidate.id, room, bounds.hold)?;
    step.touched_transmissions.push(candidate.id);
    step.rows_scanned += deleted;
    step.rows_changed += deleted;
    Ok(is_whole)
}

/// Deletes observations of a packet, and with the last of them the packet: `room` rows at most.
/// Returns how many are gone, and whether all are.
fn delete(conn: &Connection, id: i64, room: u64, hold: &Hold) -> Result<(u64, bool), DbError> {
    let sql = "DELETE FROM observations WHERE id IN \
               (SELECT id FROM observations WHERE transmission_id = ?1 LIMIT ?2)";
    let action = "delete observations of an old packet";
    let mut deleted = 0;
    while deleted < room {
        let most = OBSERVATIONS_AT_ONCE.min(room - deleted);
        let gone = run(conn, action, sql, params![id, limit(most)])?;
        deleted += gone;
        if gone < most {
            let sql = "DELETE FROM transmissions WHERE id = ?1";
            deleted += run(conn, "delete an old packet", sql, [id])?;
            return Ok((deleted, true));
        }
        if hold.is_over() {
            break;
        }
    }
    Ok((deleted, false))
}

impl Place {
    /// Behind a packet that an earlier step kept. If it is gone, the walk begins again: what is
    /// left to look at are only packets that stay.
    fn after(conn: &Connection, id: Option<i64>) -> Result<Self, DbError> {
        let Some(id) = id else { return Ok(Self::start()) };
        let first_seen: Option<String> = conn
            .prepare_cached("SELECT first_seen FROM transmissions WHERE id = ?1")
            .and_then(|mut row| row.query_row([id], |row| Ok(text_of(row.get_ref(0)?))).optional())
            .doing("find where pruning stands")?;
        Ok(first_seen.map_or_else(Self::start, |first_seen| Self { first_seen, id }))
    }

    fn start() -> Self {
        Self { first_seen: String::new(), id: i64::MIN }
    }
}

/// The next of those first heard before the cutoff; after the last of them, of those that claim to
/// have been first heard later than can be.
fn candidates(
    conn: &Connection,
    rule: &PacketRule,
    place: &Place,
    rows_max: u64,
) -> Result<Vec<Candidate>, DbError> {
    let upper = Value::Text(rule.cutoff.iso());
    let found = between(conn, rule, (place, upper), rows_max)?;
    if !found.is_empty() {
        return Ok(found);
    }
    let latest = Place { first_seen: rule.latest.iso(), id: i64::MAX };
    let place = if place.first_seen > latest.first_seen { place } else { &latest };
    // Every text sorts before every blob.
    between(conn, rule, (place, Value::Blob(Vec::new())), rows_max)
}

/// `last_seen` counts; where it is not filled, the newest observation; where there is none, when
/// it was first heard. What has no time at all is not old.
fn between(
    conn: &Connection,
    rule: &PacketRule,
    (place, upper): (&Place, Value),
    rows_max: u64,
) -> Result<Vec<Candidate>, DbError> {
    let sql = "SELECT id, first_seen, COALESCE(CASE WHEN last_seen > 0 THEN last_seen \
               ELSE COALESCE((SELECT MAX(timestamp) FROM observations \
               WHERE transmission_id = t.id AND timestamp > 0), unixepoch(first_seen)) \
               END < ?4, 0) FROM transmissions t \
               WHERE first_seen >= ?1 AND (first_seen, id) > (?1, ?2) AND first_seen < ?3 \
               ORDER BY first_seen, id LIMIT ?5";
    let params = params![place.first_seen, place.id, upper, rule.cutoff.unix_s, limit(rows_max)];
    conn.prepare_cached(sql)
        .and_then(|mut rows| {
            rows.query_map(params, |row| {
                let first_seen = text_of(row.get_ref(1)?);
                Ok(Candidate { id: row.get(0)?, first_seen, is_old: row.get(2)? })
            })?
            .collect()
        })
        .doing("look for old packets")
}

/// A text, whatever its bytes.
fn text_of(value: ValueRef<'_>) -> String {
    String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned()
}

/// Counts them, up to `most`.
fn count_observations(conn: &Connection, id: i64, most: u64) -> Result<u64, DbError> {
    let sql = "SELECT COUNT(*) FROM \
               (SELECT 1 FROM observations WHERE transmission_id = ?1 LIMIT ?2)";
    conn.prepare_cached(sql)
        .and_then(|mut row| row.query_row(params![id, limit(most)], |row| row.get(0)))
        .doing("count observations of an old packet")
}

/// Without them every step would read a whole table: packets are found by one index, what belongs
/// to them by another, whatever that is called.
fn check_indexes(conn: &Connection) -> Result<(), DbError> {
    let by_packet = "SELECT list.name FROM pragma_index_list(?1) list \
                     JOIN pragma_index_info(list.name) part \
                     WHERE list.partial = 0 AND part.seqno = 0 AND part.name = 'transmission_id'";
    let reason = if !catalog::index_names(conn)?.contains(INDEX) {
        "the index idx_transmissions_first_seen is missing"
    } else if catalog::texts(conn, by_packet, "observations")?.is_empty() {
        "an index of observations by transmission_id is missing"
    } else {
        return Ok(());
    };
    Err(DbError::Stuck { name: Task::Packets.name(), reason })
}
