//! CONTROL: node discovery (format §11). Bit 7 of the first byte: for direct neighbours only.
//!
//! ```text
//!  DISCOVER_REQ   0 0x80 | prefix only  1 type filter  2 tag u32  6 since u32 (optional)
//!  DISCOVER_RESP  0 0x90 | node type    1 SNR i8       2 tag u32  6 public key (32, or 8)
//! ```

use std::slice;

use serde::Serialize;

use crate::mesh::drawing::{BitRange, Drawing, RangeKind};
use crate::mesh::header::PayloadType;
use crate::mesh::hex_text::{Hex, HexBytes};

/// Sub-type of the question who is near.
pub const DISCOVER_REQ: u8 = 0x80;
/// Sub-type of its answer.
pub const DISCOVER_RESP: u8 = 0x90;
const SUBTYPE_MASK: u8 = 0xF0;
const ZERO_HOP: u8 = 0x80;
const NODE_TYPE_MASK: u8 = 0x0F;
const KEY_BYTES: usize = 32;
const KEY_PREFIX_BYTES: usize = 8;
const SNR_PARTS: f64 = 4.0;

/// A control message.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    #[serde(rename = "type")]
    kind: &'static str,
    /// The whole payload.
    pub raw: HexBytes,
    /// The first byte.
    #[serde(rename = "ctrlFlags")]
    pub flags: Hex<1>,
    /// For direct neighbours only.
    #[serde(rename = "ctrlZeroHop")]
    pub is_zero_hop: bool,
    /// Bytes of the payload.
    #[serde(rename = "ctrlLength")]
    pub length: usize,
    /// `DISCOVER_REQ`, `DISCOVER_RESP` or `UNKNOWN`.
    #[serde(rename = "ctrlSubtype")]
    pub subtype: &'static str,
    /// Of a request: bit n asks for advert type n.
    #[serde(rename = "ctrlFilter", skip_serializing_if = "Option::is_none")]
    pub filter: Option<u8>,
    /// Ties answers to their request.
    #[serde(rename = "ctrlTag", skip_serializing_if = "Option::is_none")]
    pub tag: Option<u32>,
    /// Of a request: Unix seconds.
    #[serde(rename = "ctrlSince", skip_serializing_if = "Option::is_none")]
    pub since: Option<u32>,
    /// Of an answer: the responder's advert type.
    #[serde(rename = "ctrlNodeType", skip_serializing_if = "Option::is_none")]
    pub node_type: Option<u8>,
    /// Of an answer: how the request was heard, in quarters of a dB.
    #[serde(rename = "ctrlSNR", skip_serializing_if = "Option::is_none")]
    pub snr_quarter_db: Option<i8>,
    /// Of an answer: the responder's key, or its first 8 bytes.
    #[serde(rename = "ctrlPubKey", skip_serializing_if = "Option::is_none")]
    pub public_key: Option<HexBytes>,
}

impl Control {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (&first, rest) = bytes.split_first()?;
        let mut control = Self {
            kind: PayloadType::Control.name(),
            raw: HexBytes::from(bytes),
            flags: Hex([first]),
            is_zero_hop: first & ZERO_HOP != 0,
            length: bytes.len(),
            subtype: PayloadType::Reserved12.name(),
            filter: None,
            tag: None,
            since: None,
            node_type: None,
            snr_quarter_db: None,
            public_key: None,
        };
        match first & SUBTYPE_MASK {
            DISCOVER_REQ => control.read_request(split(rest)),
            DISCOVER_RESP => control.read_response(first & NODE_TYPE_MASK, split(rest)),
            _ => {}
        }
        Some(control)
    }

    fn read_request(&mut self, discover: Option<Discover<'_>>) {
        self.subtype = "DISCOVER_REQ";
        let Some(Discover { argument, tag, rest }) = discover else { return };
        self.filter = Some(*argument);
        self.tag = Some(u32::from_le_bytes(*tag));
        self.since = rest.first_chunk().map(|since| u32::from_le_bytes(*since));
    }

    fn read_response(&mut self, node_type: u8, discover: Option<Discover<'_>>) {
        self.subtype = "DISCOVER_RESP";
        self.node_type = Some(node_type);
        let Some(Discover { argument, tag, rest }) = discover else { return };
        self.snr_quarter_db = Some(argument.cast_signed());
        self.tag = Some(u32::from_le_bytes(*tag));
        self.public_key = shown_key(rest).map(HexBytes::from);
    }

    pub(super) fn draw(&self, bytes: &[u8], drawing: &mut Drawing<'_>) {
        let Some((first, rest)) = bytes.split_first() else { return };
        let [flags] = self.flags.0;
        let bits = [
            BitRange::new((7, 4), "sub-type", flags >> 4, Some(self.subtype)),
            BitRange::new((3, 0), self.low_bits_label(), flags & NODE_TYPE_MASK, None),
        ];
        drawing.byte(first, "control", RangeKind::Flags, &bits);
        let Some(found) = split(rest).filter(|_| self.tag.is_some()) else {
            drawing.part(rest, "control data", RangeKind::Opaque, HexBytes::from(rest));
            return;
        };
        self.draw_discover(&found, drawing);
    }

    fn draw_discover(&self, found: &Discover<'_>, drawing: &mut Drawing<'_>) {
        let Discover { argument, tag, rest } = *found;
        let argument = slice::from_ref(argument);
        match self.snr_quarter_db.map(|quarters| f64::from(quarters) / SNR_PARTS) {
            Some(db) => drawing.part(argument, "SNR of the request", RangeKind::Snr, db),
            None => drawing.part(argument, "type filter", RangeKind::Number, self.filter),
        }
        drawing.part(tag, "tag", RangeKind::Hash, self.tag);
        if let Some(since) = rest.first_chunk::<4>().filter(|_| self.since.is_some()) {
            drawing.part(since, "since", RangeKind::Time, self.since);
        }
        if let (Some(key), Some(shown)) = (shown_key(rest), &self.public_key) {
            drawing.part(key, "responder's public key", RangeKind::Key, shown);
        }
    }

    fn low_bits_label(&self) -> &'static str {
        if self.node_type.is_some() { "node type" } else { "flags" }
    }
}

/// What both messages of the node discovery have behind their first byte.
struct Discover<'a> {
    argument: &'a u8,
    tag: &'a [u8; 4],
    rest: &'a [u8],
}

fn split(behind_first: &[u8]) -> Option<Discover<'_>> {
    let (argument, rest) = behind_first.split_first()?;
    let (tag, rest) = rest.split_first_chunk()?;
    Some(Discover { argument, tag, rest })
}

fn shown_key(rest: &[u8]) -> Option<&[u8]> {
    rest.get(..KEY_BYTES).or_else(|| rest.get(..KEY_PREFIX_BYTES))
}
