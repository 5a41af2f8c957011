//! Splits a frame into its parts (format §1).
//!
//! ```text
//!  header(1) [transport codes(4), routes 0 and 3] path_len(1) path(0..64) payload(0..184)
//! ```
//! The payload is the rest of the frame: there is no length field and no checksum. Accepted as
//! the original does: an empty payload and versions above 0 (decision 31).

use super::hash::{self, ContentHash};
use super::header::Header;
use super::path::{self, PATH_BYTES_MAX, Path};

/// The most bytes a payload may have.
pub const PAYLOAD_BYTES_MAX: usize = 184;
/// Bytes of both transport codes.
pub const TRANSPORT_CODES_BYTES: usize = 4;
const RESERVED_HASH_SIZE: usize = 4;

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

/// A frame up to its path_len byte, before any check of the path.
pub(super) struct Parts<'a> {
    pub header: Header,
    pub transport_codes: Option<&'a [u8; TRANSPORT_CODES_BYTES]>,
    pub length_byte: &'a u8,
    /// Path and payload.
    pub rest: &'a [u8],
}

impl<'a> Parts<'a> {
    pub fn of(frame: &'a [u8]) -> Result<Self, PacketError> {
        let Prefix { header, transport_codes, rest } = Prefix::of(frame)?;
        let (length_byte, rest) =
            rest.split_first().ok_or(PacketError::NoPathLength(frame.len()))?;
        Ok(Self { header, transport_codes, length_byte, rest })
    }

    /// Returns the path and what follows it.
    pub fn split_path(&self) -> Result<(Path<'a>, &'a [u8]), PacketError> {
        let length_byte = *self.length_byte;
        let (size, count) = (path::hash_size(length_byte), path::hop_count(length_byte));
        if size == RESERVED_HASH_SIZE || size * count > PATH_BYTES_MAX {
            return Err(PacketError::BadPathLength(length_byte));
        }
        let Some((bytes, payload)) = self.rest.split_at_checked(size * count) else {
            return Err(PacketError::TruncatedPath {
                path_bytes: size * count,
                rest_bytes: self.rest.len(),
            });
        };
        Ok((Path { length_byte, bytes }, payload))
    }
}

/// What stands before the path_len byte.
pub(super) struct Prefix<'a> {
    pub header: Header,
    pub transport_codes: Option<&'a [u8; TRANSPORT_CODES_BYTES]>,
    /// From the path_len byte on.
    pub rest: &'a [u8],
}

impl<'a> Prefix<'a> {
    pub fn of(frame: &'a [u8]) -> Result<Self, PacketError> {
        let (&first, rest) = frame.split_first().ok_or(PacketError::TooShort(0))?;
        if rest.is_empty() {
            return Err(PacketError::TooShort(1));
        }
        let header = Header::from_byte(first);
        if !header.route.has_transport_codes() {
            return Ok(Self { header, transport_codes: None, rest });
        }
        let (codes, rest) =
            rest.split_first_chunk().ok_or(PacketError::NoTransportCodes(frame.len()))?;
        Ok(Self { header, transport_codes: Some(codes), rest })
    }
}

/// Why bytes are no frame. In the order in which they are looked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// The text is no hex.
    #[error("not hexadecimal: {0}")]
    NotHex(String),
    /// Fewer than two bytes.
    #[error("packet too short: {0} bytes, at least 2 are needed")]
    TooShort(usize),
    /// The route asks for transport codes, the frame ends in or before them.
    #[error("packet too short for transport codes: {0} bytes")]
    NoTransportCodes(usize),
    /// The frame ends before the path_len byte.
    #[error("packet too short for a path: {0} bytes")]
    NoPathLength(usize),
    /// The reserved hash size 4, or more than 64 bytes of path.
    #[error("invalid path length byte 0x{0:02X}")]
    BadPathLength(u8),
    /// The path runs beyond the end.
    #[error("truncated path: {path_bytes} bytes announced, {rest_bytes} left")]
    TruncatedPath {
        /// What path_len says.
        path_bytes: usize,
        /// What is there.
        rest_bytes: usize,
    },
    /// More payload than a radio sends.
    #[error("payload too long: {0} bytes, at most 184 fit")]
    LongPayload(usize),
}
