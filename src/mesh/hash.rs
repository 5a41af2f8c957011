//! The content hash: one key for all receptions of a packet (format §2, ingest spec §2.2).
//!
//! ```text
//!  SHA-256( payload type(1) [TRACE: path_len(1) 0x00] payload )[0..8]
//! ```
//! Route, version, transport codes and path do not count, so a packet keeps its hash as it
//! travels.

use std::fmt;

use sha2::{Digest, Sha256};

use super::frame::Parts;
use super::header::{Header, PayloadType};
use super::{hex_text, path};

const FALLBACK_CHARS: usize = 16;

/// The first eight bytes of the digest; displays as 16 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub [u8; 8]);

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex_text::write_lower(f, &self.0)
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Returns the hash of a frame given as hex text; blanks are stripped first. Text that cannot be
/// split into path and payload hashes to its own first 16 characters, case kept (§2.2).
pub fn content_hash_of_hex(hex_text: &str) -> String {
    let text = hex_text::strip_blanks(hex_text);
    let frame = hex::decode(text.as_ref()).ok();
    match frame.as_deref().and_then(of_frame) {
        Some(hash) => hash.to_string(),
        None => text.chars().take(FALLBACK_CHARS).collect(),
    }
}

/// Hashes a frame that need not be valid: the reserved hash size and the size limits are not
/// looked at.
fn of_frame(frame: &[u8]) -> Option<ContentHash> {
    let parts = Parts::of(frame).ok()?;
    let length_byte = *parts.length_byte;
    let path_bytes = path::hash_size(length_byte) * path::hop_count(length_byte);
    let payload = parts.rest.get(path_bytes..)?;
    Some(of_parts(parts.header, length_byte, payload))
}

pub(super) fn of_parts(header: Header, length_byte: u8, payload: &[u8]) -> ContentHash {
    let mut digest = Sha256::new();
    digest.update([header.payload_type.number()]);
    if header.payload_type == PayloadType::Trace {
        digest.update([length_byte, 0]);
    }
    digest.update(payload);
    let full: [u8; 32] = digest.finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = full;
    ContentHash([a, b, c, d, e, f, g, h])
}
