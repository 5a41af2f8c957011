//! Which bytes of a frame say what, as the API shows it.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::mesh::{BitRange, ByteRange, DecodeRules, RangeKind, breakdown};

/// A frame, taken apart.
#[derive(Serialize, ToSchema)]
pub struct BreakdownBody {
    /// In the order of the frame, which they cover without gap or overlap.
    ranges: Vec<RangeRow>,
    /// Why the frame could not be read to its end; `null` if it could.
    error: Option<String>,
}

/// Bytes that belong together.
#[derive(Serialize, ToSchema)]
pub struct RangeRow {
    /// The first byte, counted from 0.
    start: usize,
    /// Behind the last byte.
    end: usize,
    /// For people.
    label: &'static str,
    /// `header`, `codes`, `path`, `hop`, `snr` (dB), `key`, `hash`, `time` (Unix seconds),
    /// `signature`, `flags`, `degrees`, `number`, `text`, `mac`, `sealed`, `opaque`, `unread`.
    #[schema(value_type = String)]
    kind: RangeKind,
    /// What the decoder read here: a text, a number, or `null` if it reads nothing.
    #[schema(value_type = Object)]
    value: Option<Value>,
    /// Of one byte: what its bits say, highest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bits: Vec<BitRow>,
}

/// Bits of one byte.
#[derive(Serialize, ToSchema)]
pub struct BitRow {
    /// The highest bit, 7 at most.
    high: u8,
    /// The lowest bit.
    low: u8,
    /// For people.
    label: &'static str,
    /// As a number.
    value: u8,
    /// Its name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'static str>,
}

impl BreakdownBody {
    /// Takes a frame apart.
    pub fn of(frame: &[u8], rules: &DecodeRules<'_>) -> Self {
        let found = breakdown(frame, rules);
        let ranges = found.ranges.into_iter().map(RangeRow::from).collect();
        Self { ranges, error: found.error.map(|error| error.to_string()) }
    }

    /// Whether the frame is a packet.
    pub const fn is_whole(&self) -> bool {
        self.error.is_none()
    }
}

impl From<ByteRange> for RangeRow {
    fn from(range: ByteRange) -> Self {
        let ByteRange { start, end, label, kind, value, bits } = range;
        Self { start, end, label, kind, value, bits: bits.into_iter().map(BitRow::from).collect() }
    }
}

impl From<BitRange> for BitRow {
    fn from(bits: BitRange) -> Self {
        let BitRange { high, low, label, value, name } = bits;
        Self { high, low, label, value, name }
    }
}
