//! TRACE: measures the SNR along a route (format §9).
//!
//! ```text
//!  0 tag u32  4 auth code u32  8 flags (bits 0-1: width code)  9 route: hashes of 1, 2, 4, 8 bytes
//! ```
//! The frame's path field holds one SNR byte (dB x 4, signed) per hop done, no hashes.

use serde::Serialize;

use super::integer;
use crate::mesh::drawing::{BitRange, Drawing, RangeKind};
use crate::mesh::header::PayloadType;
use crate::mesh::hex_text::{HexBytes, UpperHex};
use crate::mesh::packet::Packet;
use crate::mesh::path::Path;

const WIDTH_MASK: u8 = 0x03;
const SNR_PARTS: f64 = 4.0;

/// A trace on its way.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    #[serde(rename = "type")]
    kind: &'static str,
    /// The route, in one piece.
    #[serde(rename = "pathData", skip_serializing_if = "HexBytes::is_empty")]
    pub route: HexBytes,
    /// dB, one per hop done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub snr_values: Vec<f64>,
    /// Chosen by the sender.
    #[serde(skip_serializing_if = "integer::is_zero_u32")]
    pub tag: u32,
    /// For the application's use.
    #[serde(skip_serializing_if = "integer::is_zero_u32")]
    pub auth_code: u32,
    /// Bits 0-1: width code of the route.
    #[serde(rename = "traceFlags")]
    pub flags: u8,
}

struct Parts<'a> {
    tag: &'a [u8; 4],
    auth_code: &'a [u8; 4],
    flags: &'a u8,
    route: &'a [u8],
}

fn split(bytes: &[u8]) -> Option<Parts<'_>> {
    let (tag, rest) = bytes.split_first_chunk()?;
    let (auth_code, rest) = rest.split_first_chunk()?;
    let (flags, route) = rest.split_first()?;
    Some(Parts { tag, auth_code, flags, route })
}

impl Trace {
    pub(super) fn read(packet: &Packet<'_>) -> Option<Self> {
        let Parts { tag, auth_code, flags, route } = split(packet.payload)?;
        Some(Self {
            kind: PayloadType::Trace.name(),
            route: HexBytes::from(route),
            snr_values: snrs(&packet.path).collect(),
            tag: u32::from_le_bytes(*tag),
            auth_code: u32::from_le_bytes(*auth_code),
            flags: *flags,
        })
    }

    pub(super) fn draw(&self, bytes: &[u8], drawing: &mut Drawing<'_>) {
        let Some(Parts { tag, auth_code, flags, .. }) = split(bytes) else { return };
        drawing.part(tag, "tag", RangeKind::Hash, self.tag);
        drawing.part(auth_code, "auth code", RangeKind::Hash, self.auth_code);
        let (hops, width) = route(bytes);
        let width_code = BitRange::new((1, 0), "width code", self.flags & WIDTH_MASK, None);
        drawing.byte(flags, "flags", RangeKind::Flags, &[width_code]);
        for hop in hops.chunks_exact(width) {
            drawing.part(hop, "hop of the route", RangeKind::Hop, UpperHex(hop));
        }
    }
}

/// The SNRs in dB. None when the path byte names hops of more than one byte: those are no SNRs.
pub fn snrs(path: &Path<'_>) -> impl Iterator<Item = f64> {
    let bytes = if path.hash_size() == 1 { path.bytes() } else { &[] };
    bytes.iter().map(|&snr| f64::from(snr.cast_signed()) / SNR_PARTS)
}

/// Returns the route of a TRACE payload and the width of its hashes; empty and 1 if there is
/// none.
pub fn route(payload: &[u8]) -> (&[u8], usize) {
    match split(payload) {
        Some(Parts { flags, route, .. }) if !route.is_empty() => (route, 1 << (flags & WIDTH_MASK)),
        _ => (&[], 1),
    }
}
