//! Whether the clock can be believed: what was heard must lead up to it without a long hole.
//!
//! A machine without a clock of its own may start years ahead, and everything would be old at once.
//! Receptions carry our time, so after a jump they do not contradict it; but they lie behind a hole
//! in which nothing was heard. After every hole of a day nothing is deleted for a day, in which a
//! clock is usually set right. After one that is longer than half of what a task keeps, it deletes
//! nothing until it has heard for as long as it keeps, less a day: packets that are still heard
//! leave old receptions behind, and between those and what is kept lies no hole that means anything.
//! A real absence looks like a jump: then old rows stay for so much longer
//! (`retention.trustClock` shortens that).

use std::time::Duration;

use rusqlite::{Connection, params};

use crate::clock;
use crate::db::catalog;
use crate::db::error::{DbError, Doing};

const INDEX: &str = "idx_observations_timestamp";
/// A mesh is never silent for so long.
const SILENCE_MAX_S: i64 = 86_400;

/// A time in which nothing was heard, Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hole {
    from_s: i64,
    until_s: i64,
}

/// Refuses to call anything old by a clock that may be wrong. `keeps`: how long the rows in question
/// are kept.
///
/// # Errors
/// [`DbError::ImplausibleClock`], or the index that tells is missing.
pub(super) fn check_clock(conn: &Connection, now_s: i64, keeps: Duration) -> Result<(), DbError> {
    if !catalog::index_names(conn)?.contains(INDEX) {
        let reason = "the index idx_observations_timestamp is missing";
        return Err(DbError::Stuck { name: "retention", reason });
    }
    let keeps_s = i64::try_from(keeps.as_secs()).unwrap_or(i64::MAX);
    let long = (SILENCE_MAX_S.max(keeps_s / 2), keeps_s.saturating_sub(SILENCE_MAX_S));
    for (longer_than_s, wait_s) in [(SILENCE_MAX_S, SILENCE_MAX_S), long] {
        let since_s = now_s.saturating_sub(wait_s);
        if let Some(hole) = newest_hole(conn, (since_s, now_s), longer_than_s)? {
            return Err(DbError::ImplausibleClock {
                now: clock::iso_s(now_s),
                from: clock::iso_s(hole.from_s),
                until: clock::iso_s(hole.until_s),
                believed_at: clock::iso_s(hole.until_s.saturating_add(wait_s)),
            });
        }
    }
    Ok(())
}

/// The newest hole that is longer and ends in the span of time; one that still lasts ends now.
/// Looks into the index some twice for each time that `longer_than_s` fits into the span.
fn newest_hole(
    conn: &Connection,
    (since_s, now_s): (i64, i64),
    longer_than_s: i64,
) -> Result<Option<Hole>, DbError> {
    let mut until_s = now_s;
    while until_s > since_s {
        let from_s = until_s.saturating_sub(longer_than_s);
        let earliest = "SELECT MIN(timestamp) FROM observations \
                        WHERE timestamp >= ?1 AND timestamp < ?2";
        match time(conn, earliest, (from_s, until_s))? {
            Some(earlier_s) => until_s = earlier_s,
            None => {
                let latest = "SELECT MAX(timestamp) FROM observations \
                              WHERE timestamp > ?1 AND timestamp < ?2";
                let before_s = time(conn, latest, (0, from_s))?;
                return Ok(before_s.map(|from_s| Hole { from_s, until_s }));
            }
        }
    }
    Ok(None)
}

fn time(conn: &Connection, sql: &str, span: (i64, i64)) -> Result<Option<i64>, DbError> {
    conn.prepare_cached(sql)
        .and_then(|mut row| row.query_row(params![span.0, span.1], |row| row.get(0)))
        .doing("look when something was heard")
}
