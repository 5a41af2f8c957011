//! From an MQTT topic and its envelope to a [`reception::Record`]; pure.
//!
//! In reading order: [`topic`] tells what a message is about, [`envelope`] reads its JSON,
//! [`clock_skew`] its time; [`rules`] decides with `packet`, `status`, `companion`, `coverage` and
//! [`geo`]; [`reason`] names and counts what is not taken. [`source_status`] counts a source's
//! life, [`watchdog`] judges it.

pub mod clock_skew;
mod companion;
mod coverage;
pub mod envelope;
pub mod geo;
mod packet;
pub mod reason;
pub mod reception;
pub mod rules;
pub mod source_status;
mod status;
pub mod topic;
pub mod watchdog;

pub use packet::PacketArrival;
pub use reason::{Ignored, Note, RejectCounts, Rejected};
pub use rules::{Arrival, Received, Rules, SourceRules};
