//! Reads captures line by line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::Message;
use super::progress::Progress;
use crate::clock::parse_utc_ms;

/// Longer lines are skipped: no broker takes such a message.
const LINE_BYTES_MAX: u64 = 8 * 1024 * 1024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What a line holds.
#[derive(Debug, PartialEq)]
pub enum Line {
    /// A message; `ts_ms` is when it was captured (Unix milliseconds), if the line says so.
    Message {
        /// The message.
        message: Message,
        /// See above.
        ts_ms: Option<i64>,
    },
    /// Nothing.
    Blank,
    /// Not a message, for this reason.
    Malformed(String),
    /// There are no more.
    End,
}

/// An open capture.
pub struct Capture {
    reader: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    lines: u64,
}

#[derive(Deserialize)]
struct RawLine<'a> {
    #[serde(default)]
    ts: Option<String>,
    topic: String,
    #[serde(default)]
    retained: bool,
    b64: std::borrow::Cow<'a, str>,
}

impl Capture {
    /// Opens a plain or gzipped file; its first bytes tell which.
    ///
    /// # Errors
    /// It cannot be opened or read.
    pub fn open(path: &Path, progress: &Progress) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(1 << 16, progress.wrap(File::open(path)?));
        let is_gzip = file.fill_buf()?.starts_with(&GZIP_MAGIC);
        Ok(if is_gzip {
            let plain = flate2::bufread::MultiGzDecoder::new(file);
            Self::new(BufReader::with_capacity(1 << 16, plain))
        } else {
            Self::new(file)
        })
    }

    fn new(reader: impl BufRead + Send + 'static) -> Self {
        Self { reader: Box::new(reader), line: Vec::new(), lines: 0 }
    }

    /// Returns how many lines have been read.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Reads the next line.
    ///
    /// # Errors
    /// The file cannot be read further.
    pub fn next_line(&mut self) -> io::Result<Line> {
        self.line.clear();
        let bounded = &mut self.reader.by_ref().take(LINE_BYTES_MAX);
        let read = bounded.read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(Line::End);
        }
        self.lines += 1;
        if read as u64 == LINE_BYTES_MAX && self.line.last() != Some(&b'\n') {
            self.reader.skip_until(b'\n')?;
            return Ok(Line::Malformed(format!("longer than {LINE_BYTES_MAX} bytes")));
        }
        Ok(parse(&self.line))
    }
}

fn parse(line: &[u8]) -> Line {
    if line.trim_ascii().is_empty() {
        return Line::Blank;
    }
    let raw: RawLine<'_> = match serde_json::from_slice(line) {
        Ok(raw) => raw,
        Err(error) => return Line::Malformed(error.to_string()),
    };
    if raw.topic.is_empty() || raw.topic.len() > 65_535 || raw.topic.contains(['#', '+', '\0']) {
        return Line::Malformed("the topic cannot be published to".to_owned());
    }
    match STANDARD.decode(raw.b64.as_bytes()) {
        Ok(payload) => Line::Message {
            message: Message { topic: raw.topic, payload, is_retained: raw.retained },
            ts_ms: raw.ts.as_deref().and_then(parse_utc_ms),
        },
        Err(error) => Line::Malformed(format!("b64: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<Line> {
        let mut capture = Capture::new(io::Cursor::new(bytes.to_vec()));
        let mut lines = Vec::new();
        while let line = capture.next_line().unwrap()
            && line != Line::End
        {
            lines.push(line);
        }
        lines
    }

    fn message(topic: &str, payload: &[u8], is_retained: bool) -> Message {
        Message { topic: topic.to_owned(), payload: payload.to_vec(), is_retained }
    }

    #[test]
    fn a_line_is_a_message_blank_or_skipped_with_its_reason() {
        let text = concat!(
            r#"{"ts":"2026-08-11T00:06:09.618Z","topic":"a/b","retained":true,"b64":"AQI="}"#,
            "\n\n",
            r#"{"topic":"a","b64":""}"#,
            "\r\n",
            r#"{"topic":"a/#","b64":""}"#,
            "\n{\"topic\":\"a\",\"b64\":\"*\"}\nnonsense",
        );
        let lines = lines(text.as_bytes());
        let full = message("a/b", &[1, 2], true);
        assert_eq!(lines[0], Line::Message { message: full, ts_ms: Some(1_786_406_769_618) });
        assert_eq!(lines[1], Line::Blank);
        assert_eq!(lines[2], Line::Message { message: message("a", &[], false), ts_ms: None });
        assert_eq!(lines.len(), 6);
        assert!(lines[3..].iter().all(|line| matches!(line, Line::Malformed(_))));
    }

    #[test]
    fn an_endless_line_is_skipped_without_being_kept() {
        let mut text = vec![b'x'; usize::try_from(LINE_BYTES_MAX).unwrap() * 2];
        text.extend_from_slice(b"\n{\"topic\":\"a\",\"b64\":\"\"}\n");
        let lines = lines(&text);
        assert!(matches!(lines[0], Line::Malformed(_)));
        assert!(matches!(lines[1], Line::Message { .. }));
    }
}
