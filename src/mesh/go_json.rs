//! JSON as Go's standard encoder writes it, byte for byte (contract §0, ingest spec §2.6): stored
//! `decoded_json` and API bodies are compared and diffed by programs that expect it.
//!
//! - `<`, `>`, `&`, U+2028 and U+2029 are escaped inside strings; DEL and the rest are not
//! - numbers: shortest form that reads back, integral ones without `.0`, an exponent only below
//!   1e-6 or from 1e21

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

const EXPONENT_BELOW: f64 = 1e-6;
const EXPONENT_FROM: f64 = 1e21;

/// Returns the JSON text of a value. A value that cannot be JSON (a map with keys that are no
/// text) yields `null`; nothing of ours is one.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> String {
    to_vec(value).ok().and_then(|v| String::from_utf8(v).ok()).unwrap_or_else(|| "null".to_owned())
}

/// Returns the JSON bytes of a value.
///
/// # Errors
/// If the value cannot be JSON, such as a map whose keys are no text.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(256);
    to_writer(&mut bytes, value)?;
    Ok(bytes)
}

/// Writes the JSON of a value.
///
/// # Errors
/// As [`to_vec`], and those of the writer.
pub fn to_writer<T: Serialize + ?Sized>(writer: impl Write, value: &T) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(writer, GoFormatter))
}

/// The compact formatter with Go's escapes and Go's numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        if size != 0.0 && size < EXPONENT_BELOW {
            write!(writer, "{value:e}")
        } else if size >= EXPONENT_FROM {
            writer.write_all(format!("{value:e}").replace('e', "e+").as_bytes())
        } else {
            write!(writer, "{value}")
        }
    }

    fn write_f32<W: ?Sized + Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        let size = value.abs();
        if size != 0.0 && f64::from(size) < EXPONENT_BELOW {
            write!(writer, "{value:e}")
        } else if f64::from(size) >= EXPONENT_FROM {
            writer.write_all(format!("{value:e}").replace('e', "e+").as_bytes())
        } else {
            write!(writer, "{value}")
        }
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Bytes with which nothing begins that is escaped are sooner looked at than characters.
        let may_begin = |byte| matches!(byte, b'<' | b'>' | b'&' | 0xe2);
        if !fragment.bytes().fold(false, |is_any, byte| is_any | may_begin(byte)) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut written = 0;
        for (index, found) in fragment.match_indices(needs_escape) {
            writer.write_all(&fragment.as_bytes()[written..index])?;
            writer.write_all(escape_of(found).as_bytes())?;
            written = index + found.len();
        }
        writer.write_all(&fragment.as_bytes()[written..])
    }
}

fn needs_escape(c: char) -> bool {
    matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}

fn escape_of(found: &str) -> &'static str {
    match found {
        "<" => "\\u003c",
        ">" => "\\u003e",
        "&" => "\\u0026",
        "\u{2028}" => "\\u2028",
        _ => "\\u2029",
    }
}
