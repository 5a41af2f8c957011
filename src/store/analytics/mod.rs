//! Analytics without a scan: what they need of each packet and reception, packed and lossless,
//! and the figures that are made of it. Pure.
//!
//! Packets are taken by the block of [`BLOCK_PACKETS`] neighbouring ids. A packet has all its
//! receptions in its block, so everything that is said of a packet (its best path, in which hours
//! it was heard) is decided inside one block, and the blocks' figures add up. That is why blocks
//! go by packets and not by hours: an hour of receptions holds parts of packets.
//!
//! - [`block`] one block in memory; [`codec`] its digest, the bytes that are stored, some 5 a
//!   reception; [`scope`] which packets and receptions are asked for
//! - [`values`] exact medians, deviations and bars of numbers; [`thinned`] a sample of points
//! - [`rf`] and [`hash_sizes`] the bodies; [`home`] in which region a node is at home;
//!   [`originator`] what a node's adverts say; [`capability`] which nodes speak with longer hashes

pub mod block;
pub mod capability;
mod codec;
pub mod hash_sizes;
pub mod home;
pub mod originator;
pub mod rf;
pub mod scope;
pub mod thinned;
pub mod values;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

pub use block::{Advert, Block, BlockBuilder, Heard, NewPacket};
pub use codec::Digest;
pub use scope::{Scope, Window};

/// Packets of a block: ids that are the same but for their last [`BLOCK_BITS`] bits.
pub const BLOCK_PACKETS: i64 = 1 << BLOCK_BITS;

/// See [`BLOCK_PACKETS`]. 64 packets have some 1,300 receptions: 3 ms to read as rows, 8 KB as a
/// digest.
pub const BLOCK_BITS: u32 = 6;

/// Returns the block of a transmission; ids may be negative (decision 21).
pub const fn block_of(transmission_id: i64) -> i64 {
    transmission_id >> BLOCK_BITS
}

const HOUR_S: i64 = 3_600;

/// Returns an hour as the bodies name it, such as `2026-07-18T08`.
fn hour_text(hour: i64) -> String {
    let mut text = crate::clock::iso_s(hour.saturating_mul(HOUR_S));
    text.truncate("2026-07-18T08".len());
    text
}
