//! The JSON around a packet or a status (§3.3), read without building a tree.
//!
//! Only fields that we know are kept, each as its own raw text, so that one broken value (a lone
//! surrogate, `1e999`, a deep nest) costs that value and not the message. Of a field that stands
//! twice the last one counts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The fields that we read, of all kinds of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the fields'")]
pub enum Field {
    Raw,
    Origin,
    Region,
    Timestamp,
    #[serde(rename = "SNR")]
    SnrUpper,
    Snr,
    #[serde(rename = "RSSI")]
    RssiUpper,
    Rssi,
    Score,
    #[serde(rename = "Score")]
    ScoreUpper,
    Direction,
    #[serde(rename = "Direction")]
    DirectionUpper,
    Text,
    ChannelIdx,
    SenderTimestamp,
    Gps,
    Lat,
    Lon,
    AccM,
    Model,
    Firmware,
    FirmwareVersion,
    ClientVersion,
    #[serde(rename = "clientVersion")]
    ClientVersionCamel,
    Radio,
    Repeat,
    Stats,
    BatteryMv,
    UptimeSecs,
    NoiseFloor,
    TxAirSecs,
    RxAirSecs,
    RecvErrors,
    PacketsSent,
    PacketsRecv,
    PacketsReceived,
    /// Any other.
    #[serde(other)]
    Unknown,
}

/// Of names, models and the like, which have some 30 bytes; the rest is cut off. They come again in
/// every list, and there are thousands of observers.
const TEXT_BYTES_MAX: usize = 256;

const FIELD_COUNT: usize = Field::Unknown as usize;

/// A JSON object, its known fields still unread.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    fields: [Option<&'a RawValue>; FIELD_COUNT],
}

/// Why a payload is no envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvelopeError {
    /// Not JSON.
    NotJson,
    /// JSON, but no object.
    NotObject,
}

/// A value as it came.
#[derive(Clone, Debug, PartialEq)]
pub enum Loose<'a> {
    /// The field is not there, or `null`.
    Absent,
    /// `true` or `false`.
    Bool(bool),
    /// May be infinite, where the text is beyond what a double holds.
    Number(f64),
    /// As it came.
    Text(Cow<'a, str>),
    /// A list, an object, or a text that is no text.
    Unreadable,
}

impl<'a> Envelope<'a> {
    /// Reads an object.
    ///
    /// # Errors
    /// Anything that is not one JSON object.
    pub fn parse(text: &'a str) -> Result<Self, EnvelopeError> {
        serde_json::from_str(text).map_err(|_| match serde_json::from_str::<&RawValue>(text) {
            Ok(value) if !value.get().starts_with('{') => EnvelopeError::NotObject,
            _ => EnvelopeError::NotJson,
        })
    }

    /// Whether the field is there, `null` included.
    pub fn has(&self, field: Field) -> bool {
        self.raw(field).is_some()
    }

    /// Returns a field's value.
    pub fn get(&self, field: Field) -> Loose<'a> {
        self.raw(field).map_or(Loose::Absent, Loose::read)
    }

    /// Returns the value of the first of two spellings, even if it is unreadable.
    pub fn either(&self, first: Field, second: Field) -> Loose<'a> {
        self.get(if self.has(first) { first } else { second })
    }

    /// Returns a text without blanks around it, cut at 256 bytes; `None` if it is blank or absent.
    pub fn text(&self, field: Field) -> Option<String> {
        self.get(field).into_text()
    }

    /// Returns an object within this one.
    pub fn object(&self, field: Field) -> Option<Self> {
        self.raw(field).and_then(|raw| Self::parse(raw.get()).ok())
    }

    fn raw(&self, field: Field) -> Option<&'a RawValue> {
        self.fields.get(field as usize).copied().flatten()
    }
}

impl<'a> Loose<'a> {
    fn read(raw: &'a RawValue) -> Self {
        #[derive(serde::Deserialize)]
        struct Borrowed<'b>(#[serde(borrow)] Cow<'b, str>);

        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'n') => Self::Absent,
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'"') => serde_json::from_str(text)
                .map_or(Self::Unreadable, |Borrowed(text)| Self::Text(text)),
            Some(b'-' | b'0'..=b'9') => text.parse().map_or(Self::Unreadable, Self::Number),
            _ => Self::Unreadable,
        }
    }

    /// Returns a text without blanks around it; `None` if it is none or blank.
    pub fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => {
                let trimmed = text.trim();
                let kept = &trimmed[..trimmed.floor_char_boundary(TEXT_BYTES_MAX)];
                (!kept.is_empty()).then(|| kept.to_owned())
            }
            _ => None,
        }
    }

    /// Returns a number, or the number in a text with or without a unit. `Err` if something is
    /// there that is no finite number (HZ 22); a blank text is absent.
    pub fn number(&self) -> Result<Option<f64>, NotFinite> {
        let number = match self {
            Self::Absent => return Ok(None),
            Self::Number(number) => *number,
            Self::Text(text) if text.trim().is_empty() => return Ok(None),
            Self::Text(text) => without_unit(text).parse().map_err(|_| NotFinite)?,
            Self::Bool(_) | Self::Unreadable => return Err(NotFinite),
        };
        if number.is_finite() { Ok(Some(number)) } else { Err(NotFinite) }
    }
}

/// Something stands where a finite number should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFinite;

/// Cuts off `dBm`, `dB`, `mW`, `km`, `mi` or `m`, either case, and blanks.
fn without_unit(text: &str) -> &str {
    let text = text.trim();
    let cut = |unit: &&str| {
        let at = text.len().checked_sub(unit.len())?;
        let (number, end) = text.split_at_checked(at)?;
        end.eq_ignore_ascii_case(unit).then_some(number.trim_end())
    };
    ["dbm", "db", "mw", "km", "mi", "m"].iter().find_map(cut).unwrap_or(text)
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Envelope<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut fields = [None; FIELD_COUNT];
        while let Some(field) = map.next_key::<Field>()? {
            match fields.get_mut(field as usize) {
                Some(value) => *value = Some(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Envelope { fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(json: &str) -> Result<Option<f64>, NotFinite> {
        let text = format!(r#"{{"SNR":{json}}}"#);
        Envelope::parse(&text).unwrap().get(Field::SnrUpper).number()
    }

    #[test]
    fn numbers_are_read_from_numbers_and_from_texts_with_units() {
        let good = [
            ("5.5", 5.5),
            ("-102", -102.0),
            (r#""-59""#, -59.0),
            (r#"" 12.5 dB ""#, 12.5),
            (r#""-100dBm""#, -100.0),
            (r#""-100 DBM""#, -100.0),
            (r#""3mW""#, 3.0),
            (r#""1.5 km""#, 1.5),
            (r#""7mi""#, 7.0),
            (r#""7 M""#, 7.0),
            ("1e2", 100.0),
        ];
        for (json, expected) in good {
            assert_eq!(number(json), Ok(Some(expected)), "{json}");
        }
        for absent in ["null", r#""""#, r#""  ""#] {
            assert_eq!(number(absent), Ok(None), "{absent}");
        }
        let bad = [
            r#""NaN""#,
            r#""inf""#,
            r#""-Infinity dB""#,
            "1e999",
            r#""loud""#,
            "true",
            "[1]",
            "{}",
        ];
        for json in bad {
            assert_eq!(number(json), Err(NotFinite), "{json}");
        }
    }

    #[test]
    fn the_first_spelling_wins_even_if_it_is_unreadable() {
        let envelope = Envelope::parse(r#"{"snr":3,"SNR":"loud"}"#).unwrap();
        assert_eq!(envelope.either(Field::SnrUpper, Field::Snr).number(), Err(NotFinite));
        let envelope = Envelope::parse(r#"{"snr":3}"#).unwrap();
        assert_eq!(envelope.either(Field::SnrUpper, Field::Snr).number(), Ok(Some(3.0)));
    }

    #[test]
    fn one_broken_value_costs_only_itself() {
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        let text = format!(
            r#"{{"origin":"\ud800","SNR":1e999,"x":{deep},"stats":{deep},"raw":"0A00","raw":"0B00"}}"#
        );
        let envelope = Envelope::parse(&text).unwrap();
        assert_eq!(envelope.text(Field::Origin), None);
        assert!(envelope.object(Field::Stats).is_none());
        assert_eq!(envelope.text(Field::Raw).as_deref(), Some("0B00"));
    }

    #[test]
    fn what_is_no_object_is_told_from_what_is_no_json() {
        for text in ["null", "1", r#""raw""#, "[]", "true"] {
            assert_eq!(Envelope::parse(text).err(), Some(EnvelopeError::NotObject), "{text}");
        }
        for text in ["", "{", r#"{"raw":}"#, "{} {}", "online", "\u{0}"] {
            assert_eq!(Envelope::parse(text).err(), Some(EnvelopeError::NotJson), "{text}");
        }
    }
    #[test]
    fn a_text_is_cut_at_the_end_of_a_letter() {
        let text = format!(r#"{{"origin":"x{}"}}"#, "é".repeat(30_000));
        let envelope = Envelope::parse(&text).unwrap();
        assert_eq!(envelope.text(Field::Origin).unwrap(), format!("x{}", "é".repeat(127)));
    }
}
