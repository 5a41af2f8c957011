//! Builds frames: the way back from [`super::packet`] and [`super::payload`].
//!
//! Payload builders ([`advert`], [`sealed`], [`plain`]) return payload bytes; [`Route::frame`]
//! puts a header, transport codes and a path in front; [`relay`] does what a repeater does.
//!
//! ```
//! use corescope::mesh::encode::{Route, plain};
//! use corescope::mesh::{Packet, PayloadType};
//!
//! let ack = plain::ack([0xAA, 0xBB, 0xCC, 0xDD], &[]);
//! let frame = Route::flood(1).frame(PayloadType::Ack, &ack)?;
//! assert_eq!(Packet::parse(&frame)?.payload, [0xAA, 0xBB, 0xCC, 0xDD]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod advert;
pub mod plain;
pub mod sealed;

use super::channel::hashtag_key;
use super::frame::{PacketError, TRANSPORT_CODES_BYTES};
use super::header::{Header, PayloadType, RouteType};
use super::packet::{PAYLOAD_BYTES_MAX, Packet};
use super::path::{self, PATH_BYTES_MAX};
use super::region;

const HASH_SIZE_MAX: usize = 3;
const HOPS_MAX: usize = 63;

/// Why something cannot be put on the air.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// More than 184 bytes.
    #[error("payload of {0} bytes is too long, at most 184 fit")]
    LongPayload(usize),
    /// Not 1, 2 or 3 bytes per hop.
    #[error("hash size {0} is not 1, 2 or 3")]
    BadHashSize(usize),
    /// More than 64 bytes or 63 hops, or not whole hops.
    #[error("path of {0} bytes does not fit")]
    BadPath(usize),
    /// A peer's key is no point of the curve.
    #[error("the peer's key is not an Ed25519 key")]
    BadPeerKey,
    /// Not a frame that could be relayed.
    #[error("not a frame")]
    NotAFrame(#[source] PacketError),
}

/// How a frame shall travel: route, version, region, path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Flood or direct; [`Route::scoped`] turns it into its transport form.
    pub route: RouteType,
    /// 0 to 3; only 0 is in use.
    pub version: u8,
    /// In wire order; written when the route has them (zeros if `None`).
    pub transport_codes: Option<[u8; TRANSPORT_CODES_BYTES]>,
    /// Bytes per hop, 1 to 3.
    pub hash_size: usize,
    /// The hops in one piece; for a TRACE the SNR bytes.
    pub path: Vec<u8>,
}

impl Route {
    /// A flood that nobody has relayed yet; relays will append hops of this size (1 to 3).
    pub const fn flood(hash_size: usize) -> Self {
        Self::new(RouteType::Flood, hash_size)
    }

    /// Along these hops, each of `hash_size` bytes, in one piece.
    pub fn direct(hash_size: usize, path: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), ..Self::new(RouteType::Direct, hash_size) }
    }

    /// To direct neighbours only.
    pub const fn zero_hop() -> Self {
        Self::new(RouteType::Direct, 1)
    }

    const fn new(route: RouteType, hash_size: usize) -> Self {
        Self { route, version: 0, transport_codes: None, hash_size, path: Vec::new() }
    }

    /// The same with a path; for a flood the relays that it has passed.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<Vec<u8>>) -> Self {
        self.path = path.into();
        self
    }

    /// The same, scoped to a region (`name` with or without `#`) for this one payload.
    #[must_use]
    pub fn scoped(self, name: &str, payload_type: PayloadType, payload: &[u8]) -> Self {
        let code = region::region_code(&hashtag_key(name), payload_type, payload);
        let [low, high] = code.to_le_bytes();
        self.with_transport_codes([low, high, 0, 0])
    }

    /// The same with these transport codes, in wire order.
    #[must_use]
    pub fn with_transport_codes(mut self, codes: [u8; TRANSPORT_CODES_BYTES]) -> Self {
        self.route = match self.route {
            RouteType::Flood | RouteType::TransportFlood => RouteType::TransportFlood,
            RouteType::Direct | RouteType::TransportDirect => RouteType::TransportDirect,
        };
        self.transport_codes = Some(codes);
        self
    }

    /// Returns the frame of a payload.
    ///
    /// # Errors
    /// If payload, path or hash size do not fit; see [`EncodeError`].
    pub fn frame(&self, payload_type: PayloadType, payload: &[u8]) -> Result<Vec<u8>, EncodeError> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(EncodeError::LongPayload(payload.len()));
        }
        let length_byte = self.length_byte()?;
        let header = Header { route: self.route, payload_type, version: self.version };
        let mut frame = Vec::with_capacity(6 + self.path.len() + payload.len());
        frame.push(header.to_byte());
        if self.route.has_transport_codes() {
            frame.extend_from_slice(&self.transport_codes.unwrap_or_default());
        }
        frame.push(length_byte);
        frame.extend_from_slice(&self.path);
        frame.extend_from_slice(payload);
        Ok(frame)
    }

    fn length_byte(&self) -> Result<u8, EncodeError> {
        if !(1..=HASH_SIZE_MAX).contains(&self.hash_size) {
            return Err(EncodeError::BadHashSize(self.hash_size));
        }
        let hop_count = self.path.len() / self.hash_size;
        let is_whole = self.path.len().is_multiple_of(self.hash_size);
        if !is_whole || hop_count > HOPS_MAX || self.path.len() > PATH_BYTES_MAX {
            return Err(EncodeError::BadPath(self.path.len()));
        }
        Ok(path::length_byte(self.hash_size, hop_count))
    }
}

/// Returns the frame as a repeater with this key sends it on: its hash appended to a flood's
/// path. `None` if it would not: the packet is no flood or the path is full. That a repeater
/// sends a packet on only once is its own business (by content hash).
///
/// # Errors
/// [`EncodeError::NotAFrame`].
pub fn relay(frame: &[u8], relay_key: &[u8; 32]) -> Result<Option<Vec<u8>>, EncodeError> {
    let packet = Packet::parse(frame).map_err(EncodeError::NotAFrame)?;
    let hash_size = packet.path.hash_size();
    let hash = &relay_key[..hash_size];
    let is_full = packet.path.hop_count() == HOPS_MAX
        || packet.path.bytes().len() + hash_size > PATH_BYTES_MAX;
    if !packet.header.route.is_flood() || is_full {
        return Ok(None);
    }
    let route = Route {
        route: packet.header.route,
        version: packet.header.version,
        transport_codes: packet.transport_codes,
        hash_size,
        path: [packet.path.bytes(), hash].concat(),
    };
    route.frame(packet.header.payload_type, packet.payload).map(Some)
}
