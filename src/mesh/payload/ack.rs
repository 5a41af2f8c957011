//! ACK (format §6).
//!
//! ```text
//!  0 ack hash(4)  4 attempt or unsynced post count(0..1)  5 random(0..1)
//! ```

use serde::{Serialize, Serializer};

use super::u32_at;
use crate::mesh::header::PayloadType;

const ATTEMPT: usize = 4;
const RANDOM: usize = 5;
/// What follows is not part of an ACK.
const ACK_BYTES_MAX: usize = 6;

/// An acknowledgement.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ack {
    #[serde(rename = "type")]
    kind: &'static str,
    /// The hash read as little-endian u32 (so shown in the wire's reverse order).
    #[serde(rename = "extraHash", serialize_with = "as_hex")]
    pub hash: u32,
    /// 4 to 6.
    pub ack_len: usize,
    /// The fifth byte; of a room server's keep-alive reply it is the count of unsynced posts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack_attempt: Option<u8>,
    /// The sixth byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack_rand: Option<u8>,
}

impl Ack {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            kind: PayloadType::Ack.name(),
            hash: u32_at(bytes, 0)?,
            ack_len: bytes.len().min(ACK_BYTES_MAX),
            ack_attempt: bytes.get(ATTEMPT).copied(),
            ack_rand: bytes.get(RANDOM).copied(),
        })
    }
}

/// Eight hex digits.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(super) fn as_hex<S: Serializer>(hash: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{hash:08x}"))
}
