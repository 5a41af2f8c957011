//! TRACE: measures the SNR along a route (format §9).
//!
//! ```text
//!  0 tag u32  4 auth code u32  8 flags (bits 0-1: width code)  9 route: hashes of 1, 2, 4, 8 bytes
//! ```
//! The frame's path field holds one SNR byte (dB x 4, signed) per hop done, no hashes.

use serde::Serialize;

use super::u32_at;
use crate::mesh::header::PayloadType;
use crate::mesh::hex_text::HexBytes;
use crate::mesh::packet::Packet;

const AUTH_CODE: usize = 4;
const FLAGS: usize = 8;
const ROUTE: usize = 9;
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
    #[serde(skip_serializing_if = "super::is_zero_u32")]
    pub tag: u32,
    /// For the application's use.
    #[serde(skip_serializing_if = "super::is_zero_u32")]
    pub auth_code: u32,
    /// Bits 0-1: width code of the route.
    #[serde(rename = "traceFlags")]
    pub flags: u8,
}

impl Trace {
    pub(super) fn read(packet: &Packet<'_>) -> Option<Self> {
        let bytes = packet.payload;
        Some(Self {
            kind: PayloadType::Trace.name(),
            route: HexBytes::from(bytes.get(ROUTE..)?),
            snr_values: snrs(packet),
            tag: u32_at(bytes, 0)?,
            auth_code: u32_at(bytes, AUTH_CODE)?,
            flags: *bytes.get(FLAGS)?,
        })
    }
}

/// None when the path byte names hops of more than one byte: those are no SNRs.
fn snrs(packet: &Packet<'_>) -> Vec<f64> {
    if packet.path.hash_size() != 1 {
        return Vec::new();
    }
    packet.path.bytes().iter().map(|&snr| f64::from(snr.cast_signed()) / SNR_PARTS).collect()
}

/// Returns the route of a TRACE payload and the width of its hashes; empty and 1 if there is
/// none.
pub fn route(payload: &[u8]) -> (&[u8], usize) {
    match (payload.get(FLAGS), payload.get(ROUTE..)) {
        (Some(flags), Some(route)) if !route.is_empty() => (route, 1 << (flags & WIDTH_MASK)),
        _ => (&[], 1),
    }
}
