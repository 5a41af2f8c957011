//! Splits a frame into its parts (format §1).
//!
//! ```text
//!  header(1) [transport codes(4), routes 0 and 3] path_len(1) path(0..64) payload(0..184)
//! ```
//! The payload is the rest of the frame: there is no length field and no checksum. Accepted as
//! the original does: an empty payload and versions above 0 (decision 31).

use super::frame::{PacketError, Parts, TRANSPORT_CODES_BYTES};
use super::hash::{self, ContentHash};
use super::header::Header;
use super::path::Path;

/// The most bytes a payload may have.
pub const PAYLOAD_BYTES_MAX: usize = 184;

/// A frame, split; borrowed from its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The first byte.
    pub header: Header,
    /// Two little-endian codes in wire order: region (0 and 1), reserved (2 and 3).
    pub transport_codes: Option<[u8; TRANSPORT_CODES_BYTES]>,
    /// The path as it stands in the frame.
    pub path: Path<'a>,
    /// The rest, 0 to 184 bytes.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Splits a frame. Allocates nothing.
    ///
    /// # Errors
    /// Says why the bytes are no frame; the checks come in the order of [`PacketError`].
    pub fn parse(frame: &'a [u8]) -> Result<Self, PacketError> {
        let parts = Parts::of(frame)?;
        let (path, payload) = parts.split_path()?;
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(PacketError::LongPayload(payload.len()));
        }
        let transport_codes = parts.transport_codes.copied();
        Ok(Self { header: parts.header, transport_codes, path, payload })
    }

    /// Returns the key that all receptions of this packet share (format §2).
    pub fn content_hash(&self) -> ContentHash {
        hash::of_parts(self.header, self.path.length_byte(), self.payload)
    }

    /// Whether a region's code stands in the frame (code 0 means none).
    pub fn is_scoped(&self) -> bool {
        matches!(self.transport_codes, Some([a, b, _, _]) if (a, b) != (0, 0))
    }
}
