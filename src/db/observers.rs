//! Reading observers.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Row};

use super::error::{DbError, Doing};
use super::reader::Reader;
use super::values::{integer, json_list, real, stored_text};

/// One row of `observers`, with what other tables say of it. Texts are as stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observer {
    /// As in the topic.
    pub id: String,
    /// Display name.
    pub name: Option<String>,
    /// Region.
    pub iata: Option<String>,
    /// ISO text.
    pub last_seen: Option<String>,
    /// ISO text.
    pub first_seen: Option<String>,
    /// As it was counted.
    pub packet_count: i64,
    /// Of its status.
    pub model: Option<String>,
    /// Of its status.
    pub firmware: Option<String>,
    /// Of its status.
    pub client_version: Option<String>,
    /// Of its status.
    pub radio: Option<String>,
    /// Millivolts.
    pub battery_mv: Option<i64>,
    /// Seconds.
    pub uptime_s: Option<i64>,
    /// dBm.
    pub noise_floor: Option<f64>,
    /// ISO text.
    pub last_packet_at: Option<String>,
    /// Receptions since the time that was asked for.
    pub receptions: i64,
    /// How far its clock was off when that was last seen, seconds.
    pub clock_skew_s: Option<i64>,
    /// How often that was seen in a day.
    pub clock_skew_count: i64,
    /// When a time without a zone was last seen, ISO text.
    pub clock_naive_at: Option<String>,
    /// Whether it passes packets on; `None` if it never said.
    pub can_relay: Option<bool>,
    rowid: i64,
    /// Of the node with the same key: latitude and longitude in degrees, role.
    pub place: Option<Place>,
}

/// Where the node of an observer stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// Degrees.
    pub lat: Option<f64>,
    /// Degrees.
    pub lon: Option<f64>,
    /// As it advertises itself.
    pub role: Option<String>,
}

const COLUMNS: &str = "id, name, iata, last_seen, first_seen, packet_count, model, firmware, \
     client_version, radio, battery_mv, uptime_secs, noise_floor, last_packet_at, \
     clock_skew_seconds, clock_skew_count_24h, clock_last_naive_at, can_relay, can_relay_seen, rowid";

/// Returns the active observers, seen last first, with their receptions after `since_s` (Unix
/// seconds) and the place of their node. `hidden` are ids in lower case that are left out.
///
/// # Errors
/// Any failure of the database, and the deadline.
pub fn list(reader: &Reader, hidden: &[String], since_s: i64) -> Result<Vec<Observer>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM observers WHERE coalesce(inactive, 0) = 0 \
         AND lower(trim(id)) NOT IN (SELECT value FROM json_each(?1)) \
         ORDER BY last_seen DESC, id"
    );
    let mut observers = reader.rows(&sql, [json_list(hidden)], observer_of)?;
    add_receptions(reader, &mut observers, since_s)?;
    // The lower-case spelling comes last where an old database has both.
    let mut place = reader.statement(
        "SELECT lat, lon, role FROM nodes WHERE public_key IN (lower(?1), upper(?1)) \
         ORDER BY public_key DESC LIMIT 1",
    )?;
    for observer in &mut observers {
        observer.place = place.query_row([&observer.id], place_of).optional().doing(FIND_NODE)?;
    }
    Ok(observers)
}

/// Returns one observer by its exact id, an inactive one too; without a place.
///
/// # Errors
/// As [`list`].
pub fn find(reader: &Reader, id: &str, since_s: i64) -> Result<Option<Observer>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM observers WHERE id = ?1");
    let Some(observer) = reader.first(&sql, [id], observer_of)? else { return Ok(None) };
    let mut one = [observer];
    add_receptions(reader, &mut one, since_s)?;
    Ok(one.into_iter().next())
}

const FIND_NODE: &str = "find the node of an observer";

/// Counts in the index of both columns; while that is being built, the receptions of everybody are
/// counted together.
fn add_receptions(
    reader: &Reader,
    observers: &mut [Observer],
    since_s: i64,
) -> Result<(), DbError> {
    const ACTION: &str = "count the receptions of an observer";
    if !reader.has_index("idx_observations_observer_idx_timestamp")? {
        let sql = "SELECT observer_idx, count(*) FROM observations \
                   WHERE timestamp > ?1 AND observer_idx IS NOT NULL GROUP BY +observer_idx";
        let counted = reader.rows(sql, [since_s], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let counted: HashMap<i64, i64> = counted.into_iter().collect();
        for observer in observers {
            observer.receptions = counted.get(&observer.rowid).copied().unwrap_or(0);
        }
        return Ok(());
    }
    let mut count = reader.statement(
        "SELECT count(*) FROM observations WHERE observer_idx = ?1 AND timestamp > ?2",
    )?;
    for observer in observers {
        reader.check_deadline(ACTION)?;
        let counted = count.query_row([observer.rowid, since_s], |row| row.get(0));
        observer.receptions = counted.doing(ACTION)?;
    }
    Ok(())
}

fn observer_of(row: &Row<'_>) -> rusqlite::Result<Observer> {
    let has_said = integer(row, 18)? == Some(1);
    Ok(Observer {
        id: stored_text(row, 0)?.unwrap_or_default(),
        name: stored_text(row, 1)?,
        iata: stored_text(row, 2)?,
        last_seen: stored_text(row, 3)?,
        first_seen: stored_text(row, 4)?,
        packet_count: integer(row, 5)?.unwrap_or(0),
        model: stored_text(row, 6)?,
        firmware: stored_text(row, 7)?,
        client_version: stored_text(row, 8)?,
        radio: stored_text(row, 9)?,
        battery_mv: integer(row, 10)?,
        uptime_s: integer(row, 11)?,
        noise_floor: real(row, 12)?,
        last_packet_at: stored_text(row, 13)?,
        clock_skew_s: integer(row, 14)?,
        clock_skew_count: integer(row, 15)?.unwrap_or(0),
        clock_naive_at: stored_text(row, 16)?,
        can_relay: integer(row, 17)?.filter(|_| has_said).map(|can| can == 1),
        rowid: row.get(19)?,
        receptions: 0,
        place: None,
    })
}

fn place_of(row: &Row<'_>) -> rusqlite::Result<Place> {
    Ok(Place { lat: real(row, 0)?, lon: real(row, 1)?, role: stored_text(row, 2)? })
}
