//! What analytics read instead of all rows: a digest of every block of 64 packets
//! ([`crate::store::analytics`]), kept beside the rows that it is made of.
//!
//! - [`triggers`] mark a block as stale when any program changes or deletes one of its rows;
//!   [`reach`] finds the rows that are new
//! - [`rows`] make a block from the rows; [`digests`] store it: of all blocks once, as a
//!   migration, later of stale ones
//! - [`pass`] hands out all blocks for a query, stale ones from the rows: answers are exact at
//!   every moment; [`places`] nodes, areas and regions
//! - [`answers`] the figures that the API shows

mod answers;
mod digests;
mod pass;
mod places;
mod reach;
mod rows;
mod triggers;

pub use answers::{Asked, hash_sizes, rf};
pub(super) use digests::{HAS_DIGEST, build_blocks};
pub use digests::{MIGRATION, refresh_job};
pub(super) use triggers::{install, uninstall};
