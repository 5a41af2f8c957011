//! Reading nodes: lists, one node, and what packets say of them.
//!
//! - [`filter`] what is asked for, as conditions of SQL; [`page`] the requested part
//! - [`detail`] one node by key or prefix, and the adverts that it sent
//! - [`region`] whose adverts were heard where
//! - [`adverts`] tell the sizes of path hashes, [`relays`] who passed packets on
//!
//! Keys are lower case here. Old rows may hold upper-case ones until a migration has changed them:
//! answers are the same before and after.

mod adverts;
mod detail;
mod filter;
mod page;
mod region;
mod relays;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

pub use adverts::{AdvertSizes, HashSize, HashSizes, count_flood_adverts};
pub use detail::{FoundNode, find, recent_adverts};
pub use filter::{Hidden, NodeFilter, Sorting};
pub use page::{NodePage, RoleTotals, list, search};
pub use region::keys_heard_in;
pub use relays::{RelayFigures, RelayTally, Relays};

use rusqlite::Row;

use super::values::{integer, real, stored_text};

/// One row of `nodes`. Texts are as stored, `''` included.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Hex, lower case.
    pub public_key: String,
    /// Of its last advert that had one.
    pub name: Option<String>,
    /// `repeater`, `companion`, `room`, `sensor`, or whatever it says.
    pub role: Option<String>,
    /// Degrees.
    pub lat: Option<f64>,
    /// Degrees.
    pub lon: Option<f64>,
    /// ISO text.
    pub last_seen: Option<String>,
    /// ISO text.
    pub first_seen: Option<String>,
    /// Different adverts.
    pub advert_count: i64,
    /// Millivolts.
    pub battery_mv: Option<i64>,
    /// Degrees Celsius.
    pub temperature_c: Option<f64>,
    /// Whether it advertises from outside the geo filter.
    pub is_foreign: bool,
    /// The region that it scopes its floods to.
    pub default_scope: Option<String>,
}

impl Node {
    /// Whether it passes packets on, so that relay figures say something.
    pub fn is_relay(&self) -> bool {
        matches!(self.role.as_deref(), Some("repeater" | "room"))
    }
}

/// What [`node_of`] reads, in its order.
const COLUMNS: &str = "public_key, name, role, lat, lon, last_seen, first_seen, advert_count, \
                       battery_mv, temperature_c, foreign_advert, default_scope";

/// Ids of adverts whose sender is not filled in yet, from two indexes: few or none in most files.
const WITHOUT_SENDER: &str = "id IN (SELECT id FROM transmissions WHERE payload_type = 4 \
     INTERSECT SELECT id FROM transmissions WHERE from_pubkey IS NULL)";

fn node_of(row: &Row<'_>) -> rusqlite::Result<Node> {
    Ok(Node {
        public_key: stored_text(row, 0)?.unwrap_or_default().to_ascii_lowercase(),
        name: stored_text(row, 1)?,
        role: stored_text(row, 2)?,
        lat: real(row, 3)?,
        lon: real(row, 4)?,
        last_seen: stored_text(row, 5)?,
        first_seen: stored_text(row, 6)?,
        advert_count: integer(row, 7)?.unwrap_or(0),
        battery_mv: integer(row, 8)?,
        temperature_c: real(row, 9)?,
        is_foreign: integer(row, 10)? == Some(1),
        default_scope: stored_text(row, 11)?,
    })
}
