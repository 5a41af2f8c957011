//! The path part of a frame (format §1.3) and what the API calls the path (§2.4, §13).
//!
//! ```text
//!  path_len byte   bits 7-6: hash size - 1 (3 is reserved)   bits 5-0: number of hops
//!  path            hops x size bytes, at most 64
//! ```
//! In a TRACE the path bytes are SNRs (dB x 4, signed) and the route stands in the payload.

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::header::PayloadType;
use super::hex_text::UpperHex;
use super::packet::Packet;
use super::{go_json, payload};

/// The most bytes a path may have.
pub const PATH_BYTES_MAX: usize = 64;
const SIZE_SHIFT: u8 = 6;
const COUNT_MASK: u8 = 0x3F;

/// The path part of a frame as it stands there, borrowed. Made by [`Packet::parse`] only, so it
/// is whole: `hop_count * hash_size` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path<'a> {
    pub(super) length_byte: u8,
    pub(super) bytes: &'a [u8],
}

impl<'a> Path<'a> {
    /// The path_len byte.
    pub const fn length_byte(&self) -> u8 {
        self.length_byte
    }

    /// Bytes per hop, 1 to 3.
    pub const fn hash_size(&self) -> usize {
        hash_size(self.length_byte)
    }

    /// Number of hops, 0 to 63.
    pub const fn hop_count(&self) -> usize {
        hop_count(self.length_byte)
    }

    /// The hops in the order of the frame; a TRACE has SNR bytes here, see [`route_hops`].
    pub fn hops(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + DoubleEndedIterator + use<'a> {
        self.bytes.chunks_exact(self.hash_size())
    }

    /// All bytes of the path.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// Bytes per hop that a path_len byte names: 1 to 4 (4 is reserved).
pub(super) const fn hash_size(length_byte: u8) -> usize {
    (length_byte >> SIZE_SHIFT) as usize + 1
}

/// Hops that a path_len byte names.
pub(super) const fn hop_count(length_byte: u8) -> usize {
    (length_byte & COUNT_MASK) as usize
}

/// Returns the path_len byte of so many hops of this size; both must fit.
pub(super) const fn length_byte(hash_size: usize, hop_count: usize) -> u8 {
    (((hash_size as u8) - 1) << SIZE_SHIFT) | (hop_count as u8 & COUNT_MASK)
}

/// Returns the hops that a packet names: those of the path, or a TRACE's route, which stands in
/// its payload (a remainder that is no whole hop is left out). A TRACE without a route has none.
pub fn route_hops<'a>(
    packet: &Packet<'a>,
) -> impl ExactSizeIterator<Item = &'a [u8]> + DoubleEndedIterator + use<'a> {
    if packet.header.payload_type == PayloadType::Trace {
        let (route, width) = payload::trace_route(packet.payload);
        route.chunks_exact(width)
    } else {
        packet.path.bytes.chunks_exact(packet.path.hash_size())
    }
}

/// Returns the JSON text of the `path_json` column: upper-case hex hops, `[]` if none.
pub fn path_json(packet: &Packet<'_>) -> String {
    go_json::to_string(&Hops(packet))
}

/// The path as the API shows it: serialises as `hashSize`, `hashCount`, `hops` and, for a TRACE
/// with a route, `hopsCompleted` (contract §3.6).
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PathView<'p, 'a> {
    /// Bytes per hop; 0 for a direct packet that has no hops left.
    pub hash_size: usize,
    /// Number of `hops`.
    pub hash_count: usize,
    hops: Hops<'p, 'a>,
    /// Of a TRACE's route, how many hops are done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hops_completed: Option<usize>,
}

impl<'p, 'a> PathView<'p, 'a> {
    /// Reads a packet's path as the API shows it.
    pub fn of(packet: &'p Packet<'a>) -> Self {
        let hops = Hops(packet);
        let hash_count = route_hops(packet).len();
        let done = packet.path.hop_count();
        let view =
            Self { hash_size: packet.path.hash_size(), hash_count, hops, hops_completed: None };
        if packet.header.payload_type != PayloadType::Trace {
            let is_spent = !packet.header.route.is_flood() && done == 0;
            return Self { hash_size: if is_spent { 0 } else { view.hash_size }, ..view };
        }
        match payload::trace_route(packet.payload) {
            ([], _) => view,
            (_, width) => Self { hash_size: width, hops_completed: Some(done), ..view },
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Hops<'p, 'a>(&'p Packet<'a>);

impl Serialize for Hops<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hops = route_hops(self.0);
        let mut list = serializer.serialize_seq(Some(hops.len()))?;
        for hop in hops {
            list.serialize_element(&UpperHex(hop))?;
        }
        list.end()
    }
}
