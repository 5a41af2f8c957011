//! `MeshCore` over the air: bytes to packets and back. Pure: no I/O, no clock, no randomness.
//!
//! In reading order: [`packet`] splits a [`frame`] ([`header`], [`path`]) and hashes it ([`hash`]);
//! [`payload`] decodes what it carries, with [`channel`] keys; [`hops`] are whom it names;
//! [`region`] tells the scope; [`mod@breakdown`] shows which bytes say what ([`drawing`]); [`encode`] builds frames, with an [`identity`];
//! [`crypto`] is under both; [`airtime`] is the radio's arithmetic; [`go_json`] writes JSON as the
//! original does.
//!
//! No byte sequence makes anything here panic (`fuzz/`, `tests/it/mesh_fuzz.rs`).

pub mod airtime;
pub mod breakdown;
pub mod channel;
pub mod crypto;
mod drawing;
pub mod encode;
pub mod frame;
pub mod go_json;
pub mod hash;
pub mod header;
pub mod hex_text;
mod hops;
pub mod identity;
pub mod packet;
pub mod path;
pub mod payload;
pub mod region;

pub use airtime::{Radio, time_on_air_ms};
pub use breakdown::{Breakdown, breakdown};
pub use channel::{ChannelKeyError, ChannelKeys, ChannelSecret, hashtag_key};
pub use drawing::{BitRange, ByteRange, RangeKind};
pub use frame::{PacketError, frame_from_hex};
pub use hash::{ContentHash, content_hash_of_hex};
pub use header::{Header, PayloadType, RouteType};
pub use hops::{PathView, path_json, route_hops};
pub use identity::Identity;
pub use packet::Packet;
pub use path::Path;
pub use payload::{Advert, AdvertFault, DecodeRules, DecodedPayload, decode_payload};
pub use region::{RegionKeys, ScopeMatch};

#[cfg(test)]
mod tests;
