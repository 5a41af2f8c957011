//! Blocking SQLite: one file, one writer, its checkpointer, and readers beside them.
//!
//! - [`open`] opens, creates and upgrades (decision 17), behind a [`lock`] of our own
//! - [`write`](mod@write) holds the one connection that writes
//!
//! Nothing here knows of HTTP or actors.

pub mod bulk;
pub mod error;
pub mod lock;
pub mod open;
pub mod schema;
pub mod upgrade;
pub mod write;

pub use error::DbError;
pub use open::{Database, OpenOptions, OpenReport, open};
pub use write::WriteConnection;
