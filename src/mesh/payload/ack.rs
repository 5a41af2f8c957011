//! ACK (format §6).
//!
//! ```text
//!  0 ack hash(4)  4 attempt or unsynced post count(0..1)  5 random(0..1)
//! ```

use std::slice;

use serde::{Serialize, Serializer};

use crate::mesh::drawing::{Drawing, RangeKind};
use crate::mesh::header::PayloadType;

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

struct Parts<'a> {
    hash: &'a [u8; 4],
    attempt: Option<&'a u8>,
    random: Option<&'a u8>,
}

fn split(bytes: &[u8]) -> Option<Parts<'_>> {
    let (hash, rest) = bytes.split_first_chunk()?;
    Some(Parts { hash, attempt: rest.first(), random: rest.get(1) })
}

impl Ack {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let Parts { hash, attempt, random } = split(bytes)?;
        Some(Self {
            kind: PayloadType::Ack.name(),
            hash: u32::from_le_bytes(*hash),
            ack_len: bytes.len().min(ACK_BYTES_MAX),
            ack_attempt: attempt.copied(),
            ack_rand: random.copied(),
        })
    }

    pub(super) fn draw(&self, bytes: &[u8], drawing: &mut Drawing<'_>) {
        let Some(Parts { hash, attempt, random }) = split(bytes) else { return };
        drawing.part(hash, "ACK hash", RangeKind::Hash, format!("{:08x}", self.hash));
        if let Some(attempt) = attempt {
            let byte = slice::from_ref(attempt);
            drawing.part(byte, "attempt", RangeKind::Number, self.ack_attempt);
        }
        if let Some(random) = random {
            drawing.part(slice::from_ref(random), "random", RangeKind::Number, self.ack_rand);
        }
    }
}

/// Eight hex digits.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(super) fn as_hex<S: Serializer>(hash: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{hash:08x}"))
}
