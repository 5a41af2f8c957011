//! Payloads sealed for one peer: REQ, RESPONSE, TXT_MSG, PATH (format §5), ANON_REQ (§10).
//! Without the peers' secret they stay opaque.
//!
//! ```text
//!  REQ RESPONSE TXT_MSG PATH   0 destination hash  1 source hash  2 MAC(2)  4 ciphertext
//!  ANON_REQ                    0 destination hash  1 sender's key(32)  33 MAC(2)  35 ciphertext
//! ```

use serde::Serialize;

use crate::mesh::header::PayloadType;
use crate::mesh::hex_text::{Hex, HexBytes};

/// REQ, RESPONSE or TXT_MSG.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerMessage {
    #[serde(rename = "type")]
    kind: &'static str,
    /// First byte of the receiver's key.
    pub dest_hash: Hex<1>,
    /// First byte of the sender's key.
    pub src_hash: Hex<1>,
    /// As on the wire.
    pub mac: Hex<2>,
    /// The ciphertext, not always whole blocks.
    #[serde(skip_serializing_if = "HexBytes::is_empty")]
    pub encrypted_data: HexBytes,
}

impl PeerMessage {
    pub(super) fn read(payload_type: PayloadType, bytes: &[u8]) -> Option<Self> {
        let envelope = Envelope::read(bytes)?;
        Some(Self {
            kind: payload_type.name(),
            dest_hash: Hex([envelope.dest_hash]),
            src_hash: Hex([envelope.src_hash]),
            mac: Hex(envelope.mac),
            encrypted_data: HexBytes::from(envelope.ciphertext),
        })
    }
}

/// PATH: tells the sender which way its packet came.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PathReturn {
    #[serde(rename = "type")]
    kind: &'static str,
    /// First byte of the receiver's key.
    pub dest_hash: Hex<1>,
    /// First byte of the sender's key.
    pub src_hash: Hex<1>,
    /// As on the wire.
    pub mac: Hex<2>,
    /// The ciphertext.
    #[serde(skip_serializing_if = "HexBytes::is_empty")]
    pub path_data: HexBytes,
}

impl PathReturn {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let envelope = Envelope::read(bytes)?;
        Some(Self {
            kind: PayloadType::Path.name(),
            dest_hash: Hex([envelope.dest_hash]),
            src_hash: Hex([envelope.src_hash]),
            mac: Hex(envelope.mac),
            path_data: HexBytes::from(envelope.ciphertext),
        })
    }
}

struct Envelope<'a> {
    dest_hash: u8,
    src_hash: u8,
    mac: [u8; 2],
    ciphertext: &'a [u8],
}

impl<'a> Envelope<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&[dest_hash, src_hash, a, b], ciphertext) = bytes.split_first_chunk()?;
        Some(Self { dest_hash, src_hash, mac: [a, b], ciphertext })
    }
}

/// ANON_REQ: from somebody whom the receiver need not know yet.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnonRequest {
    #[serde(rename = "type")]
    kind: &'static str,
    /// First byte of the receiver's key.
    pub dest_hash: Hex<1>,
    /// As on the wire.
    pub mac: Hex<2>,
    /// The ciphertext.
    #[serde(skip_serializing_if = "HexBytes::is_empty")]
    pub encrypted_data: HexBytes,
    /// The sender's own key; the name is the original's, it is not ephemeral in practice.
    #[serde(rename = "ephemeralPubKey")]
    pub sender_key: Hex<32>,
}

impl AnonRequest {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (&dest_hash, rest) = bytes.split_first()?;
        let (&sender_key, rest) = rest.split_first_chunk()?;
        let (&mac, ciphertext) = rest.split_first_chunk()?;
        Some(Self {
            kind: PayloadType::AnonReq.name(),
            dest_hash: Hex([dest_hash]),
            mac: Hex(mac),
            encrypted_data: HexBytes::from(ciphertext),
            sender_key: Hex(sender_key),
        })
    }
}
