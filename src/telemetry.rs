//! Logs: text or JSON lines on standard error, filtered by `CORESCOPE_LOG` (default `info`).

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What is logged unless told otherwise; the web server's own start messages say nothing that ours
/// do not.
const FILTER: &str = "info,actix_server=warn";

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
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(sink);
    match format {
        LogFormat::Text => {
            Box::new(builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).finish())
        }
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    }
}

/// Makes logs of this process go to standard error. A second call changes nothing.
pub fn init(format: LogFormat, filter: Option<&str>) {
    let _ = tracing::subscriber::set_global_default(subscriber(format, filter, std::io::stderr));
}

#[cfg(test)]
mod tests {
    use std::io::Write;
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
}
