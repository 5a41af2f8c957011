//! The figures of `/api/stats`: counted in indexes, never by reading rows of large tables.

use super::error::DbError;
use super::reader::Reader;
use super::values::integer;
use crate::clock;

/// What the database holds. Duplicate observations count until they are merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows.
    pub transmissions: i64,
    /// Rows.
    pub observations: i64,
    /// Nodes seen in the last 7 days.
    pub nodes_active: i64,
    /// Rows of `nodes`.
    pub nodes: i64,
    /// Rows, inactive ones too.
    pub observers: i64,
    /// Observations of the last 3600 s.
    pub observations_last_hour: i64,
    /// Observations of the last 86400 s.
    pub observations_last_day: i64,
    /// Active nodes by role.
    pub roles: Roles,
    /// Adverts that were refused for their signature.
    pub dropped: i64,
    /// The smallest `first_seen`; `None` of nothing.
    pub oldest: Option<String>,
}

/// Nodes seen in the last 7 days, by role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// `repeater`.
    pub repeaters: i64,
    /// `room`.
    pub rooms: i64,
    /// `companion`.
    pub companions: i64,
    /// `sensor`.
    pub sensors: i64,
}

const WEEK_S: i64 = 7 * 86_400;

/// Counts everything, as of `now_s` (Unix seconds).
///
/// # Errors
/// Any failure of the database, and the deadline.
pub fn count(reader: &Reader, now_s: i64) -> Result<Counts, DbError> {
    let rows = |table: &str| reader.number(&format!("SELECT count(*) FROM {table}"), []);
    let recent = "SELECT count(*) FROM observations WHERE timestamp > ?1";
    let nodes = count_nodes(reader, &clock::iso_s(now_s - WEEK_S))?;
    Ok(Counts {
        transmissions: rows("transmissions")?,
        observations: rows("observations")?,
        nodes_active: nodes.active,
        nodes: nodes.all,
        observers: rows("observers")?,
        observations_last_hour: reader.number(recent, [now_s - 3_600])?,
        observations_last_day: reader.number(recent, [now_s - 86_400])?,
        roles: nodes.roles,
        dropped: rows("dropped_packets")?,
        oldest: reader
            .first("SELECT min(first_seen) FROM transmissions", [], |row| row.get(0))?
            .flatten(),
    })
}

#[derive(Default)]
struct Nodes {
    all: i64,
    active: i64,
    roles: Roles,
}

/// In one pass: looked up in the index of `last_seen`, each row would be fetched by itself.
fn count_nodes(reader: &Reader, since: &str) -> Result<Nodes, DbError> {
    let sql = "SELECT count(*), sum(last_seen > ?1), sum(last_seen > ?1 AND role = 'repeater'), \
               sum(last_seen > ?1 AND role = 'room'), sum(last_seen > ?1 AND role = 'companion'), \
               sum(last_seen > ?1 AND role = 'sensor') FROM nodes";
    let counted = reader.first(sql, [since], |row| {
        let of = |column| integer(row, column).map(Option::unwrap_or_default);
        let roles = Roles { repeaters: of(2)?, rooms: of(3)?, companions: of(4)?, sensors: of(5)? };
        Ok(Nodes { all: of(0)?, active: of(1)?, roles })
    })?;
    Ok(counted.unwrap_or_default())
}
