//! CONTROL: node discovery (format §11). Bit 7 of the first byte: for direct neighbours only.
//!
//! ```text
//!  DISCOVER_REQ   0 0x80 | prefix only  1 type filter  2 tag u32  6 since u32 (optional)
//!  DISCOVER_RESP  0 0x90 | node type    1 SNR i8       2 tag u32  6 public key (32, or 8)
//! ```

use serde::Serialize;

use super::u32_at;
use crate::mesh::header::PayloadType;
use crate::mesh::hex_text::{Hex, HexBytes};

/// Sub-type of the question who is near.
pub const DISCOVER_REQ: u8 = 0x80;
/// Sub-type of its answer.
pub const DISCOVER_RESP: u8 = 0x90;
const SUBTYPE_MASK: u8 = 0xF0;
const ZERO_HOP: u8 = 0x80;
const NODE_TYPE_MASK: u8 = 0x0F;
const ARGUMENT: usize = 1;
const TAG: usize = 2;
const SINCE: usize = 6;
const KEY: usize = 6;
const KEY_BYTES: usize = 32;
const KEY_PREFIX_BYTES: usize = 8;

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
        let first = *bytes.first()?;
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
            DISCOVER_REQ => control.read_request(bytes),
            DISCOVER_RESP => control.read_response(first & NODE_TYPE_MASK, bytes),
            _ => {}
        }
        Some(control)
    }

    fn read_request(&mut self, bytes: &[u8]) {
        self.subtype = "DISCOVER_REQ";
        self.tag = u32_at(bytes, TAG);
        self.filter = self.tag.and_then(|_| bytes.get(ARGUMENT).copied());
        self.since = u32_at(bytes, SINCE);
    }

    fn read_response(&mut self, node_type: u8, bytes: &[u8]) {
        self.subtype = "DISCOVER_RESP";
        self.node_type = Some(node_type);
        self.tag = u32_at(bytes, TAG);
        self.snr_quarter_db =
            self.tag.and_then(|_| bytes.get(ARGUMENT).map(|snr| snr.cast_signed()));
        let key = bytes.get(KEY..).unwrap_or_default();
        let shown = key.get(..KEY_BYTES).or_else(|| key.get(..KEY_PREFIX_BYTES));
        self.public_key = shown.map(HexBytes::from);
    }
}
