//! Logs: text or JSON lines on standard error, filtered by `CORESCOPE_LOG` (default `info`).

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What is logged unless told otherwise. The web server's own start messages say nothing that ours
/// do not, and with its word on every malformed request a stranger could fill the disk.
const FILTER: &str = "info,actix_server=warn,actix_http=off";

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line, for collectors.
    Json,
}

/// Returns a subscriber that writes to `sink`. A filter that does not parse falls back to
/// the default.
pub fn subscriber<W>(
    format: LogFormat,
    filter: Option<&str>,
    sink: W,
) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = filter
        .and_then(|directives| EnvFilter::try_new(directives).ok())
        .unwrap_or_else(|| EnvFilter::new(FILTER));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(OneLine(sink));
    match format {
        LogFormat::Text => {
            Box::new(builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).finish())
        }
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    }
}

/// Keeps every event on one line, and the reader's eyes on what it says: names come from strangers.
struct OneLine<W>(W);

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for OneLine<W> {
    type Writer = OneLine<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        OneLine(self.0.make_writer())
    }
}

impl<W: Write> Write for OneLine<W> {
    /// Takes a whole event, which is how events are written.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(event.strip_suffix(b"\n").unwrap_or(event)) {
            Ok(text) if text.chars().any(is_misleading) => {
                self.0.write_all(plain(text).as_bytes())?;
            }
            _ => self.0.write_all(event)?,
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes out what misleads, but for colours, which are the formatter's.
fn plain(text: &str) -> String {
    let mut line = String::with_capacity(text.len() + 64);
    for (at, letter) in text.char_indices() {
        match is_misleading(letter) && !is_colour(&text[at..]) {
            true => line.extend(letter.escape_default()),
            false => line.push(letter),
        }
    }
    line.push('\n');
    line
}

/// Whether a sequence that sets colours begins here.
fn is_colour(text: &str) -> bool {
    let Some(sequence) = text.strip_prefix("\x1b[") else { return false };
    sequence
        .trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ';')
        .starts_with('m')
}

/// Ends a line, goes back in it, turns its direction, or steers a terminal.
fn is_misleading(letter: char) -> bool {
    let turns = matches!(
        letter,
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    turns || (letter.is_control() && letter != '\t')
}

/// Makes logs of this process go to standard error. A second call changes nothing.
pub fn init(format: LogFormat, filter: Option<&str>) {
    let _ = tracing::subscriber::set_global_default(subscriber(format, filter, std::io::stderr));
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);
    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn json_lines_carry_fields_and_obey_the_filter() {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = subscriber(LogFormat::Json, Some("warn"), move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("unheard");
            tracing::warn!(rows = 3, "heard");
        });
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!((line["message"].as_str(), line["rows"].as_i64()), (Some("heard"), Some(3)));
    }
    #[test]
    fn a_strangers_name_cannot_write_a_line_of_its_own() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let sink = Sink::default();
            let writer = sink.clone();
            let subscriber = subscriber(format, None, move || writer.clone());
            let name = "x\r\n2026-01-01 ERROR forged\u{202e}\u{2028}\x1b[2J\0";
            tracing::subscriber::with_default(subscriber, || {
                tracing::warn!(%name, observer = name, quoted = ?name, "heard of {name}");
            });
            let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
            assert_eq!(text.lines().count(), 1, "{text:?}");
            let line = text.trim_end_matches('\n');
            assert!(text.ends_with('\n') && !line.contains(is_misleading), "{line:?}");
        }
    }
}
