//! Blocking SQLite: one file, one writer, its checkpointer, and readers beside them.
//!
//! - [`open()`] opens, creates and upgrades (decision 17), behind a [`lock`] of our own
//! - [`readers`] run queries on read-only connections: [`packets`], [`nodes`],
//!   [`observers`], [`channels`], [`stats`]
//! - [`retention`] forgets old rows in steps, [`backup`] copies the file while it is written to
//! - [`write`](mod@write) holds the one connection that writes, [`migrations`] what it does in steps
//! - [`read_ahead`](mod@read_ahead) warms the page cache for the load of the RAM window
//! - [`checkpoint`] keeps the WAL short from a thread of its own; [`inspect()`] looks and changes nothing
//!
//! Nothing here knows of HTTP or actors.

pub mod analytics;
pub mod backup;
pub mod bulk;
mod catalog;
pub mod channels;
pub mod checkpoint;
pub mod counters;
pub mod error;
pub mod inspect;
pub mod lock;
mod markers;
pub mod migrations;
pub mod nodes;
pub mod observers;
pub mod open;
pub mod options;
pub mod packets;
pub mod pages;
pub mod probe;
pub mod read_ahead;
pub mod reader;
pub mod readers;
pub mod retention;
pub mod schema;
pub mod stats;
pub mod upgrade;
mod values;
mod wal_gauges;
pub mod write;

pub use checkpoint::{CheckpointOptions, Checkpointer};
pub use error::DbError;
pub use inspect::{Inspection, inspect};
pub use open::{Database, open};
pub use options::OpenOptions;
pub use reader::Reader;
pub use readers::{ReadError, ReaderOptions, Readers};
pub use upgrade::OpenReport;
pub use wal_gauges::WalGauges;
pub use write::{Commit, KnownTransmission, Outcome, StoredPacket, WriteConnection, WriteCounts};
