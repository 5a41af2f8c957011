//! Payloads sealed for one peer: REQ, RESPONSE, TXT_MSG, PATH (format §5), ANON_REQ (§10).
//! Without the peers' secret they stay opaque.
//!
//! ```text
//!  REQ RESPONSE TXT_MSG PATH   0 destination hash  1 source hash  2 MAC(2)  4 ciphertext
//!  ANON_REQ                    0 destination hash  1 sender's key(32)  33 MAC(2)  35 ciphertext
//! ```

use std::slice;

use serde::Serialize;

use crate::mesh::drawing::{Drawing, RangeKind};
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
            dest_hash: Hex([*envelope.dest_hash]),
            src_hash: Hex([*envelope.src_hash]),
            mac: Hex(*envelope.mac),
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
            dest_hash: Hex([*envelope.dest_hash]),
            src_hash: Hex([*envelope.src_hash]),
            mac: Hex(*envelope.mac),
            path_data: HexBytes::from(envelope.ciphertext),
        })
    }
}

struct Envelope<'a> {
    dest_hash: &'a u8,
    src_hash: &'a u8,
    mac: &'a [u8; 2],
    ciphertext: &'a [u8],
}

impl<'a> Envelope<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let ([dest_hash, src_hash, mac @ ..], ciphertext) = bytes.split_first_chunk::<4>()?;
        Some(Self { dest_hash, src_hash, mac, ciphertext })
    }
}

/// Puts down what REQ, RESPONSE, TXT_MSG and PATH have in common.
pub(super) fn draw(bytes: &[u8], drawing: &mut Drawing<'_>) {
    let Some(envelope) = Envelope::read(bytes) else { return };
    let Envelope { dest_hash, src_hash, mac, ciphertext } = envelope;
    let hash = |byte: &u8| Hex([*byte]);
    drawing.part(slice::from_ref(dest_hash), "destination hash", RangeKind::Hash, hash(dest_hash));
    drawing.part(slice::from_ref(src_hash), "source hash", RangeKind::Hash, hash(src_hash));
    drawing.part(mac, "MAC", RangeKind::Mac, Hex(*mac));
    drawing.part(ciphertext, "ciphertext", RangeKind::Sealed, HexBytes::from(ciphertext));
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

struct AnonParts<'a> {
    dest_hash: &'a u8,
    sender_key: &'a [u8; 32],
    mac: &'a [u8; 2],
    ciphertext: &'a [u8],
}

fn split_anon(bytes: &[u8]) -> Option<AnonParts<'_>> {
    let (dest_hash, rest) = bytes.split_first()?;
    let (sender_key, rest) = rest.split_first_chunk()?;
    let (mac, ciphertext) = rest.split_first_chunk()?;
    Some(AnonParts { dest_hash, sender_key, mac, ciphertext })
}

impl AnonRequest {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let AnonParts { dest_hash, sender_key, mac, ciphertext } = split_anon(bytes)?;
        Some(Self {
            kind: PayloadType::AnonReq.name(),
            dest_hash: Hex([*dest_hash]),
            mac: Hex(*mac),
            encrypted_data: HexBytes::from(ciphertext),
            sender_key: Hex(*sender_key),
        })
    }

    pub(super) fn draw(&self, bytes: &[u8], drawing: &mut Drawing<'_>) {
        let Some(AnonParts { dest_hash, sender_key, mac, ciphertext }) = split_anon(bytes) else {
            return;
        };
        let dest_byte = slice::from_ref(dest_hash);
        drawing.part(dest_byte, "destination hash", RangeKind::Hash, self.dest_hash);
        drawing.part(sender_key, "sender's public key", RangeKind::Key, self.sender_key);
        drawing.part(mac, "MAC", RangeKind::Mac, self.mac);
        drawing.part(ciphertext, "ciphertext", RangeKind::Sealed, &self.encrypted_data);
    }
}
