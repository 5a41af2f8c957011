//! Payloads that anybody can read: ACK, TRACE, MULTIPART, CONTROL, RAW_CUSTOM (format §6, §9,
//! §11).

use sha2::{Digest, Sha256};

use crate::mesh::header::PayloadType;
use crate::mesh::payload::{DISCOVER_REQ, DISCOVER_RESP};

/// Returns the hash that acknowledges a message: of its plaintext from the timestamp through the
/// last byte of text, and the sender's key.
pub fn ack_hash(plaintext: &[u8], sender_key: &[u8; 32]) -> [u8; 4] {
    let full: [u8; 32] =
        Sha256::new().chain_update(plaintext).chain_update(sender_key).finalize().into();
    let [a, b, c, d, ..] = full;
    [a, b, c, d]
}

/// Returns an ACK; the tail is empty, or the attempt and a random byte (v1.16 and later).
pub fn ack(hash: [u8; 4], tail: &[u8]) -> Vec<u8> {
    [&hash, tail].concat()
}

/// A TRACE's route and marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TracePlan {
    /// Chosen by the sender.
    pub tag: u32,
    /// 0 in practice.
    pub auth_code: u32,
    /// 0 to 3: hashes of 1, 2, 4 or 8 bytes; the low two bits count.
    pub width_code: u8,
    /// Hashes in one piece.
    pub route: Vec<u8>,
}

/// Returns a TRACE payload. Its SNR bytes go into the frame's path.
pub fn trace(plan: &TracePlan) -> Vec<u8> {
    let mut payload = Vec::with_capacity(9 + plan.route.len());
    payload.extend(plan.tag.to_le_bytes());
    payload.extend(plan.auth_code.to_le_bytes());
    payload.push(plan.width_code & 0x03);
    payload.extend(&plan.route);
    payload
}

/// Returns a MULTIPART payload; `remaining` is 0 to 15.
pub fn multipart(remaining: u8, inner_type: PayloadType, inner: &[u8]) -> Vec<u8> {
    [&[(remaining << 4) | inner_type.number()], inner].concat()
}

/// Returns the CONTROL payload that asks who is near: bit n of `filter` asks for advert type n.
pub fn discover_request(
    is_prefix_only: bool,
    filter: u8,
    tag: u32,
    since_s: Option<u32>,
) -> Vec<u8> {
    let mut payload = vec![DISCOVER_REQ | u8::from(is_prefix_only), filter];
    payload.extend(tag.to_le_bytes());
    payload.extend(since_s.iter().flat_map(|since| since.to_le_bytes()));
    payload
}

/// Returns the CONTROL payload that answers; `key` is the whole key or its first 8 bytes,
/// `snr_quarter_db` how the request was heard.
pub fn discover_response(node_type: u8, snr_quarter_db: i8, tag: u32, key: &[u8]) -> Vec<u8> {
    let mut payload = vec![DISCOVER_RESP | (node_type & 0x0F), snr_quarter_db.cast_unsigned()];
    payload.extend(tag.to_le_bytes());
    payload.extend(key);
    payload
}
