//! Where the parts of a frame stand, before it is known to be a packet, and why it is none.

use super::header::Header;
use super::hex_text::strip_blanks;
use super::path::{self, PATH_BYTES_MAX, Path};

/// Bytes of both transport codes.
pub const TRANSPORT_CODES_BYTES: usize = 4;
const RESERVED_HASH_SIZE: usize = 4;

/// Returns the bytes of a frame given as hex, either case. Blanks (space, tab, CR, LF) are
/// stripped first.
///
/// # Errors
/// [`PacketError::NotHex`] for anything else, an odd number of digits included.
pub fn frame_from_hex(text: &str) -> Result<Vec<u8>, PacketError> {
    hex::decode(strip_blanks(text).as_ref()).map_err(|e| PacketError::NotHex(e.to_string()))
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
