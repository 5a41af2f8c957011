//! The ranges of a frame, put down one after the other.
//!
//! The decoder puts down its own pieces, which it borrows from the frame, in their order
//! ([`Drawing::part`]), with what it read from them. What it did not read becomes a range of its
//! own, so the ranges always cover the frame without gap or overlap.

use std::slice;

use serde::Serialize;
use serde_json::Value;

/// Bytes that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct ByteRange {
    /// The first byte, counted from 0.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// For people.
    pub label: &'static str,
    /// What sort of thing it is.
    pub kind: RangeKind,
    /// What the decoder read here; `None` if it reads nothing.
    pub value: Option<Value>,
    /// Of one byte: what its bits say, highest first.
    pub bits: Vec<BitRange>,
}

/// Bits of one byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitRange {
    /// The highest bit, 7 at most.
    pub high: u8,
    /// The lowest bit.
    pub low: u8,
    /// For people.
    pub label: &'static str,
    /// As a number.
    pub value: u8,
    /// Its name, where it has one.
    pub name: Option<&'static str>,
}

/// What sort of thing a range is: says how to show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RangeKind {
    /// The header byte.
    Header,
    /// Transport codes.
    Codes,
    /// The path_len byte.
    Path,
    /// Hash of a relay: upper-case hex.
    Hop,
    /// Signal-to-noise ratio in dB.
    Snr,
    /// A public key, or the beginning of one.
    Key,
    /// A hash or a tag.
    Hash,
    /// Unix seconds.
    Time,
    /// A signature.
    Signature,
    /// A byte of flags; see its bits.
    Flags,
    /// Degrees.
    Degrees,
    /// A number; the label names the unit.
    Number,
    /// Text.
    Text,
    /// A message authentication code.
    Mac,
    /// Sealed bytes; the value is the text if one of our channels opened them.
    Sealed,
    /// Bytes without a layout.
    Opaque,
    /// What the decoder does not read.
    Unread,
}

impl BitRange {
    pub(super) const fn new(
        (high, low): (u8, u8),
        label: &'static str,
        value: u8,
        name: Option<&'static str>,
    ) -> Self {
        Self { high, low, label, value, name }
    }

    /// A single bit.
    pub(super) fn flag(bit: u8, label: &'static str, is_set: bool) -> Self {
        Self::new((bit, bit), label, u8::from(is_set), None)
    }
}

/// The ranges found so far.
pub(super) struct Drawing<'a> {
    frame: &'a [u8],
    ranges: Vec<ByteRange>,
}

impl<'a> Drawing<'a> {
    pub const fn of(frame: &'a [u8]) -> Self {
        Self { frame, ranges: Vec::new() }
    }

    pub const fn frame(&self) -> &'a [u8] {
        self.frame
    }

    /// Puts down a piece that the decoder borrowed from the frame, and what it read there. Pieces
    /// come in their order; an empty one is left out.
    pub fn part(
        &mut self,
        piece: &[u8],
        label: &'static str,
        kind: RangeKind,
        value: impl Serialize,
    ) {
        let value = serde_json::to_value(value).ok().filter(|value| !value.is_null());
        self.put(piece, ByteRange { label, kind, value, ..ByteRange::UNREAD });
    }

    /// Puts down a byte whose bits say something each.
    pub fn byte(&mut self, byte: &u8, label: &'static str, kind: RangeKind, bits: &[BitRange]) {
        let (value, bits) = (Some(Value::from(*byte)), bits.to_vec());
        let range = ByteRange { label, kind, value, bits, ..ByteRange::UNREAD };
        self.put(slice::from_ref(byte), range);
    }

    fn put(&mut self, piece: &[u8], range: ByteRange) {
        let at = self.at();
        let start = piece.as_ptr().addr().checked_sub(self.frame.as_ptr().addr());
        let is_next = |start: &usize| *start >= at && start + piece.len() <= self.frame.len();
        let Some(start) = start.filter(is_next).filter(|_| !piece.is_empty()) else { return };
        self.skip_to(start);
        self.ranges.push(ByteRange { start, end: start + piece.len(), ..range });
    }

    /// The end of the last range.
    fn at(&self) -> usize {
        self.ranges.last().map_or(0, |range| range.end)
    }

    fn skip_to(&mut self, end: usize) {
        let start = self.at();
        if start < end {
            self.ranges.push(ByteRange { start, end, ..ByteRange::UNREAD });
        }
    }

    pub fn finish(mut self) -> Vec<ByteRange> {
        self.skip_to(self.frame.len());
        self.ranges
    }
}

impl ByteRange {
    const UNREAD: Self = Self {
        start: 0,
        end: 0,
        label: "not read",
        kind: RangeKind::Unread,
        value: None,
        bits: Vec::new(),
    };
}
