//! The one connection that writes: groups of records, and bounded steps of migrations.
//!
//! A group is one `BEGIN IMMEDIATE` transaction (004-30, HZ 20): all that one reception leaves in
//! the tables is there or nothing of it. The writer never depends on a migration (decision 16).

mod commit;
mod connection;
mod group;
mod nodes;
mod noted;
mod observations;
mod observers;
mod others;
mod outcome;
mod place;
mod tables;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
mod transmissions;

pub(super) use self::connection::Durability;
pub use self::connection::WriteConnection;
pub(super) use self::noted::Done;
pub use self::outcome::{Commit, KnownTransmission, Outcome, StoredPacket, WriteCounts};
