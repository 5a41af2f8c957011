//! Steps over `observations`.

use rusqlite::{Connection, params};

use super::KeyRange;
use super::transmissions::change;
use crate::db::error::{DbError, Doing};
use crate::mesh;

/// Gives observations that name their observer by text (spec §1.10, v2) its rowid; observers that
/// are not there are made from what the observations say of them.
pub(super) fn resolve_text_observers(conn: &Connection, range: KeyRange) -> Result<u64, DbError> {
    const ACTION: &str = "resolve the observers of old observations";
    change(
        conn,
        range,
        ACTION,
        "INSERT OR IGNORE INTO observers (id, name, first_seen, last_seen, packet_count) \
         SELECT observer_id, MAX(observer_name), \
         strftime('%Y-%m-%dT%H:%M:%SZ', MIN(timestamp), 'unixepoch'), \
         strftime('%Y-%m-%dT%H:%M:%SZ', MAX(timestamp), 'unixepoch'), COUNT(*) \
         FROM observations WHERE rowid BETWEEN ?1 AND ?2 AND +observer_idx IS NULL \
         AND +observer_id <> '' GROUP BY +observer_id",
    )?;
    change(
        conn,
        range,
        ACTION,
        "UPDATE observations SET observer_idx = \
         (SELECT rowid FROM observers WHERE id = observations.observer_id) \
         WHERE rowid BETWEEN ?1 AND ?2 AND +observer_idx IS NULL AND +observer_id <> ''",
    )
}

/// Fills the path from the observation's own bytes; `[]` where these hold none, so that nobody
/// looks again. Where the path makes it the double of another, the two are merged (HZ 8).
pub(super) fn fill_paths(conn: &Connection, range: KeyRange) -> Result<u64, DbError> {
    const ACTION: &str = "fill the paths of observations";
    let mut statement = conn
        .prepare_cached(
            "SELECT id, raw_hex FROM observations WHERE id BETWEEN ?1 AND ?2 \
             AND COALESCE(+path_json, '') = '' AND +raw_hex <> ''",
        )
        .doing(ACTION)?;
    let bare = statement
        .query_map(params![range.first, range.last], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect::<Result<Vec<(i64, String)>, _>>)
        .doing(ACTION)?;
    let mut changed = 0;
    for (id, raw_hex) in bare {
        if let Some(path) = path_of(&raw_hex) {
            changed += set_path(conn, id, &path)?;
        }
    }
    Ok(changed)
}

/// The path of a frame in hex; `None` for a TRACE, whose header holds signal values instead.
fn path_of(raw_hex: &str) -> Option<String> {
    const NONE: &str = "[]";
    let Ok(frame) = mesh::frame_from_hex(raw_hex) else { return Some(NONE.to_owned()) };
    match mesh::Packet::parse(&frame) {
        Ok(packet) if packet.header.payload_type == mesh::PayloadType::Trace => None,
        Ok(packet) => Some(mesh::path_json(&packet)),
        Err(_) => Some(NONE.to_owned()),
    }
}

fn set_path(conn: &Connection, id: i64, path: &str) -> Result<u64, DbError> {
    const ACTION: &str = "fill the path of an observation";
    let rows = conn
        .prepare_cached(
            "SELECT MIN(o.id) FROM observations o JOIN observations bare \
             ON bare.id = ?1 AND o.transmission_id = bare.transmission_id \
             AND +o.observer_idx = bare.observer_idx AND COALESCE(o.path_json, '') = ?2",
        )
        .and_then(|mut row| row.query_row(params![id, path], |row| row.get(0)))
        .doing(ACTION)?;
    let twin: Option<i64> = rows;
    match twin {
        // The one that goes is deleted first, or the index would refuse the other's new path.
        Some(twin) => merge(conn, id.min(twin), id.max(twin))?,
        None => return update_path(conn, id, path),
    }
    update_path(conn, id.min(twin.unwrap_or(id)), path).map(|_| 1)
}

fn update_path(conn: &Connection, id: i64, path: &str) -> Result<u64, DbError> {
    let changed = conn
        .prepare_cached("UPDATE observations SET path_json = ?2 WHERE id = ?1")
        .and_then(|mut row| row.execute(params![id, path]))
        .doing("fill the path of an observation")?;
    Ok(changed as u64)
}

/// Merges observations of one observer over one path into the oldest row (spec §1.10).
pub(super) fn merge_duplicates(conn: &Connection, range: KeyRange) -> Result<u64, DbError> {
    const ACTION: &str = "find duplicate observations";
    let mut statement = conn
        .prepare_cached(
            "SELECT MIN(id) OVER same, id FROM observations \
             WHERE transmission_id BETWEEN ?1 AND ?2 AND +observer_idx IS NOT NULL \
             WINDOW same AS (PARTITION BY transmission_id, observer_idx, COALESCE(path_json, '')) \
             ORDER BY id",
        )
        .doing(ACTION)?;
    let mut rows = statement.query(params![range.first, range.last]).doing(ACTION)?;
    let mut doubles: Vec<(i64, i64)> = Vec::new();
    while let Some(row) = rows.next().doing(ACTION)? {
        let (kept, id) = (row.get(0).doing(ACTION)?, row.get(1).doing(ACTION)?);
        if kept != id {
            doubles.push((kept, id));
        }
    }
    for (kept, double) in &doubles {
        merge(conn, *kept, *double)?;
    }
    Ok(doubles.len() as u64)
}

/// Fills what one observation lacks from another and deletes the other.
fn merge(conn: &Connection, kept: i64, other: i64) -> Result<(), DbError> {
    const ACTION: &str = "merge duplicate observations";
    let fill = "UPDATE observations SET direction = COALESCE(observations.direction, b.direction), \
         snr = COALESCE(observations.snr, b.snr), rssi = COALESCE(observations.rssi, b.rssi), \
         score = COALESCE(observations.score, b.score), \
         raw_hex = COALESCE(observations.raw_hex, b.raw_hex), \
         resolved_path = COALESCE(observations.resolved_path, b.resolved_path) \
         FROM observations b WHERE observations.id = ?1 AND b.id = ?2";
    conn.prepare_cached(fill)
        .and_then(|mut row| row.execute(params![kept, other]))
        .doing(ACTION)?;
    conn.prepare_cached("DELETE FROM observations WHERE id = ?1")
        .and_then(|mut row| row.execute([other]))
        .doing(ACTION)?;
    Ok(())
}
