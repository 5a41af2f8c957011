//! The path part of a frame (format §1.3).
//!
//! ```text
//!  path_len byte   bits 7-6: hash size - 1 (3 is reserved)   bits 5-0: number of hops
//!  path            hops x size bytes, at most 64
//! ```
//! In a TRACE the path bytes are SNRs (dB x 4, signed).

/// The most bytes a path may have.
pub const PATH_BYTES_MAX: usize = 64;
const SIZE_SHIFT: u8 = 6;
const COUNT_MASK: u8 = 0x3F;

/// The path part of a frame as it stands there, borrowed. Made by [`super::Packet::parse`] only, so it
/// is whole: `hop_count * hash_size` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path<'a> {
    pub(super) length_byte: u8,
    pub(super) bytes: &'a [u8],
}

impl<'a> Path<'a> {
    /// The path_len byte.
    pub const fn length_byte(&self) -> u8 {
        self.length_byte
    }

    /// Bytes per hop, 1 to 3.
    pub const fn hash_size(&self) -> usize {
        hash_size(self.length_byte)
    }

    /// Number of hops, 0 to 63.
    pub const fn hop_count(&self) -> usize {
        hop_count(self.length_byte)
    }

    /// The hops in the order of the frame; a TRACE has SNR bytes here, see [`super::route_hops`].
    pub fn hops(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + DoubleEndedIterator + use<'a> {
        self.bytes.chunks_exact(self.hash_size())
    }

    /// All bytes of the path.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// Bytes per hop that a path_len byte names: 1 to 4 (4 is reserved).
pub(super) const fn hash_size(length_byte: u8) -> usize {
    (length_byte >> SIZE_SHIFT) as usize + 1
}

/// Hops that a path_len byte names.
pub(super) const fn hop_count(length_byte: u8) -> usize {
    (length_byte & COUNT_MASK) as usize
}

/// Returns the path_len byte of so many hops of this size; both must fit.
pub(super) const fn length_byte(hash_size: usize, hop_count: usize) -> u8 {
    (((hash_size as u8) - 1) << SIZE_SHIFT) | (hop_count as u8 & COUNT_MASK)
}
