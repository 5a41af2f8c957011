//! ADVERT: a node tells of itself (format §7).
//!
//! ```text
//!    0 public key(32)  32 timestamp u32  36 signature(64)  100 app data(0..32)
//!  app data: flags(1) [0x10: lat i32, lon i32] [0x20: u16] [0x40: u16] [0x80: name ...]
//!  sensors (CoreScope only): name NUL.. battery mV u16, temperature i16 / 100 degC
//! ```
//! Signed are key, timestamp and the first 32 bytes of app data. What follows those is neither
//! signed nor read, as in the firmware: else anybody could lengthen a signed name.

use std::fmt::Write as _;

use serde::{Serialize, Serializer};

use super::advert_parts::{APP_DATA_BYTES_MAX, AdvertFlags, AppParts, Parts, SENSOR};
use super::integer;
use crate::mesh::drawing::{Drawing, RangeKind};
use crate::mesh::header::PayloadType;
use crate::mesh::hex_text::Hex;
use crate::mesh::identity;

/// Bytes of an advert without app data.
pub const ADVERT_BYTES_MIN: usize = 100;

const KEY_BYTES: usize = 32;
const TIMESTAMP_BYTES: usize = 4;
const SIGNED_BYTES_MAX: usize = KEY_BYTES + TIMESTAMP_BYTES + APP_DATA_BYTES_MAX;

const DEGREE_PARTS: f64 = 1e6;

/// The longest name that is shown, in bytes.
const NAME_BYTES_MAX: usize = 32;

/// A node's advert.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Advert {
    #[serde(rename = "type")]
    kind: &'static str,
    /// The node's Ed25519 key.
    #[serde(rename = "pubKey")]
    pub public_key: Hex<32>,
    /// Unix seconds by the sender's clock, which may be wrong.
    #[serde(skip_serializing_if = "integer::is_zero_u32")]
    pub timestamp: u32,
    #[serde(rename = "timestampISO")]
    iso: IsoMillis,
    /// As on the wire.
    pub signature: Hex<64>,
    /// Whether the signature is the key's; `None` when it was not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature_valid: Option<bool>,
    /// `None` without app data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<AdvertFlags>,
    /// Degrees; not checked for range, see [`Advert::check`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lat: Option<f64>,
    /// Degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lon: Option<f64>,
    /// Without control characters, at most 32 bytes; empty if it names none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// For future use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feat1: Option<u16>,
    /// For future use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feat2: Option<u16>,
    /// Millivolts, 1 to 10000; sensors only.
    #[serde(rename = "battery_mv", skip_serializing_if = "Option::is_none")]
    pub battery_mv: Option<u16>,
    /// Degrees Celsius, -50 to 100; sensors only.
    #[serde(rename = "temperature_c", skip_serializing_if = "Option::is_none")]
    pub temperature_c: Option<f64>,
}

/// Why an advert is not to be believed (ingest spec §2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdvertFault {
    /// The key is all zeros.
    #[error("public key is all zeros")]
    ZeroKey,
    /// |lat| > 90 or |lon| > 180.
    #[error("position out of range")]
    PositionOutOfRange,
    /// TAB and LF included: they pass the decoder, not this check.
    #[error("control characters in the name")]
    ControlCharacters,
}

impl Advert {
    pub(super) fn read(bytes: &[u8], verify: bool) -> Option<Self> {
        let Parts { public_key, timestamp, signature, app_data } = Parts::split(bytes)?;
        let signature_valid = verify.then(|| {
            let message = SignedMessage::new(public_key, timestamp, app_data);
            identity::is_signed_by(public_key, message.bytes(), signature)
        });
        let timestamp = u32::from_le_bytes(*timestamp);
        let fields = AppParts::split(app_data);
        let u16_of = |bytes: &[u8; 2]| u16::from_le_bytes(*bytes);
        let degrees_of = |bytes: &[u8; 4]| f64::from(i32::from_le_bytes(*bytes)) / DEGREE_PARTS;
        Some(Self {
            kind: PayloadType::Advert.name(),
            public_key: Hex(*public_key),
            timestamp,
            iso: IsoMillis(timestamp),
            signature: Hex(*signature),
            signature_valid,
            flags: fields.flags.copied().map(AdvertFlags::from_byte),
            lat: fields.position.map(|(lat, _)| degrees_of(lat)),
            lon: fields.position.map(|(_, lon)| degrees_of(lon)),
            name: fields.name.map(clean_name).unwrap_or_default(),
            feat1: fields.feat1.map(u16_of),
            feat2: fields.feat2.map(u16_of),
            battery_mv: fields.battery.map(u16_of).filter(|mv| (1..=10_000).contains(mv)),
            temperature_c: fields
                .temperature
                .map(|raw| i16::from_le_bytes(*raw))
                .filter(|raw| (-5_000..=10_000).contains(raw))
                .map(|raw| f64::from(raw) / 100.0),
        })
    }

    pub(super) fn draw(&self, bytes: &[u8], drawing: &mut Drawing<'_>) {
        let Some(parts) = Parts::split(bytes) else { return };
        drawing.part(parts.public_key, "public key", RangeKind::Key, self.public_key);
        drawing.part(parts.timestamp, "timestamp", RangeKind::Time, self.timestamp);
        drawing.part(parts.signature, "signature", RangeKind::Signature, self.signature);
        self.draw_app_data(&AppParts::split(parts.app_data), drawing);
    }

    fn draw_app_data(&self, parts: &AppParts<'_>, drawing: &mut Drawing<'_>) {
        if let (Some(byte), Some(flags)) = (parts.flags, self.flags) {
            drawing.byte(byte, "flags", RangeKind::Flags, &flags.bits());
        }
        if let Some((lat, lon)) = parts.position {
            drawing.part(lat, "latitude", RangeKind::Degrees, self.lat);
            drawing.part(lon, "longitude", RangeKind::Degrees, self.lon);
        }
        let number = RangeKind::Number;
        if let Some(bytes) = parts.feat1 {
            drawing.part(bytes, "feature 1", number, self.feat1);
        }
        if let Some(bytes) = parts.feat2 {
            drawing.part(bytes, "feature 2", number, self.feat2);
        }
        drawing.part(parts.name.unwrap_or_default(), "name", RangeKind::Text, &self.name);
        if let Some(bytes) = parts.battery {
            drawing.part(bytes, "battery (mV)", number, self.battery_mv);
        }
        if let Some(bytes) = parts.temperature {
            drawing.part(bytes, "temperature (\u{b0}C)", number, self.temperature_c);
        }
    }

    /// The node's role as the database keeps it (§2.9).
    pub fn role(&self) -> String {
        match self.flags.map_or(1, |flags| flags.node_type) {
            0 => "none".to_owned(),
            1 => "companion".to_owned(),
            2 => "repeater".to_owned(),
            3 => "room".to_owned(),
            SENSOR => "sensor".to_owned(),
            other => format!("type-{other}"),
        }
    }

    /// Checks what the signature cannot (§2.9).
    ///
    /// # Errors
    /// The first fault found.
    pub fn check(&self) -> Result<(), AdvertFault> {
        let is_within = |value: Option<f64>, limit| value.is_none_or(|v: f64| v.abs() <= limit);
        if self.public_key.0 == [0; KEY_BYTES] {
            return Err(AdvertFault::ZeroKey);
        }
        if !is_within(self.lat, 90.0) || !is_within(self.lon, 180.0) {
            return Err(AdvertFault::PositionOutOfRange);
        }
        if self.name.chars().any(|c| c < ' ' || c == '\x7F') {
            return Err(AdvertFault::ControlCharacters);
        }
        Ok(())
    }
}

/// Key, timestamp and app data in one piece, without allocating.
pub(in crate::mesh) struct SignedMessage {
    buffer: [u8; SIGNED_BYTES_MAX],
    length: usize,
}

impl SignedMessage {
    /// Of the app data the first 32 bytes count.
    pub fn new(key: &[u8; KEY_BYTES], timestamp: &[u8; TIMESTAMP_BYTES], app_data: &[u8]) -> Self {
        let mut buffer = [0; SIGNED_BYTES_MAX];
        let parts = key.iter().chain(timestamp).chain(app_data.iter().take(APP_DATA_BYTES_MAX));
        let mut length = 0;
        for (slot, byte) in buffer.iter_mut().zip(parts) {
            *slot = *byte;
            length += 1;
        }
        Self { buffer, length }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

/// Invalid bytes become U+FFFD each; control characters but TAB and LF go; cut to 32 bytes at a
/// character's end (the original may cut within one).
fn clean_name(bytes: &[u8]) -> String {
    let mut name = String::with_capacity(NAME_BYTES_MAX);
    let valid = bytes.utf8_chunks().flat_map(|chunk| {
        let invalid = chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER);
        chunk.valid().chars().chain(invalid)
    });
    for c in valid.filter(|&c| !is_dropped(c)) {
        if name.len() + c.len_utf8() > NAME_BYTES_MAX {
            break;
        }
        name.push(c);
    }
    name
}

fn is_dropped(c: char) -> bool {
    (c < ' ' && c != '\t' && c != '\n') || c == '\x7F'
}

/// Unix seconds as `2006-01-02T15:04:05.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct IsoMillis(u32);

impl Serialize for IsoMillis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::new();
        if let Ok(time) = jiff::Timestamp::from_second(i64::from(self.0)) {
            let _ = write!(text, "{time:.3}");
        }
        serializer.serialize_str(&text)
    }
}
