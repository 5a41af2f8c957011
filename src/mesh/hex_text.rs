//! Bytes as hex text, and back.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

/// Bytes encoded per turn, so that writing needs no allocation.
const TURN_BYTES: usize = 64;

/// Returns the text without blanks, borrowed if there are none.
pub fn strip_blanks(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|b| b.is_ascii_whitespace()) {
        Cow::Owned(text.chars().filter(|c| !c.is_ascii_whitespace()).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// A fixed number of bytes that displays and serialises as lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hex<const N: usize>(pub [u8; N]);

/// Bytes that display and serialise as lower-case hex.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct HexBytes(pub Vec<u8>);

/// Borrowed bytes that display and serialise as upper-case hex.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UpperHex<'a>(pub &'a [u8]);

/// One byte that serialises as two upper-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpperHexByte(pub u8);

impl HexBytes {
    /// Whether there are none, so that the JSON leaves them out.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&[u8]> for HexBytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_lower(f, &self.0)
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_lower(f, &self.0)
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_lower(f, &self.0)
    }
}

impl fmt::Debug for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_lower(f, &self.0)
    }
}

impl Serialize for HexBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for UpperHex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_digits(f, self.0, b"0123456789ABCDEF")
    }
}

impl fmt::Debug for UpperHex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for UpperHex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for UpperHexByte {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        UpperHex(&[self.0]).serialize(serializer)
    }
}

/// Writes bytes as lower-case hex.
pub(super) fn write_lower(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    write_digits(f, bytes, b"0123456789abcdef")
}

fn write_digits(f: &mut fmt::Formatter<'_>, bytes: &[u8], digits: &[u8; 16]) -> fmt::Result {
    let mut text = [0_u8; TURN_BYTES * 2];
    for turn in bytes.chunks(TURN_BYTES) {
        for (pair, byte) in text.chunks_exact_mut(2).zip(turn) {
            pair[0] = digits[usize::from(byte >> 4)];
            pair[1] = digits[usize::from(byte & 0x0F)];
        }
        f.write_str(str::from_utf8(&text[..turn.len() * 2]).map_err(|_| fmt::Error)?)?;
    }
    Ok(())
}
