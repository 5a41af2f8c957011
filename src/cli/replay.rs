//! `corescope replay`: publishes captured MQTT messages to a broker.
//!
//! A capture is a file of lines `{"ts", "topic", "retained", "b64"}`, plain or gzipped. A message
//! that was retained when it was captured is published as an ordinary one, so that a test broker
//! is not left with them, unless `--keep-retained` says otherwise.

mod capture;
mod progress;
mod publisher;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use self::capture::{Capture, Line};
use self::progress::Progress;
pub use self::publisher::{Login, Message, PublishError, Publisher};
use crate::clock::Clock;

/// Malformed lines that are shown one by one.
const MALFORMED_SHOWN_MAX: usize = 20;

/// What to publish, where and how fast.
#[derive(Args, Clone)]
pub struct ReplayArgs {
    /// Broker: mqtt://, mqtts://, ws:// or wss://, with user:password@ if it wants them
    #[arg(long, value_name = "URL")]
    pub mqtt: String,
    /// Quality of service: 1 waits for the broker's receipt of every message
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=1))]
    pub qos: u8,
    /// Messages per second [default: as fast as the broker takes them]
    #[arg(long, value_name = "N", conflicts_with = "speed", value_parser = parse_positive)]
    pub rate: Option<f64>,
    /// Keep the capture's own pace, X times as fast
    #[arg(long, value_name = "X", value_parser = parse_positive)]
    pub speed: Option<f64>,
    /// Publish retained messages as retained
    #[arg(long)]
    pub keep_retained: bool,
    /// Accept any TLS certificate
    #[arg(long)]
    pub insecure: bool,
    /// Show no progress
    #[arg(long = "quiet")]
    pub is_quiet: bool,
    /// Captures, published one after the other
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

impl ReplayArgs {
    /// Publishes `files` to `mqtt` at full speed with QoS 1.
    pub fn new(mqtt: &str, files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            mqtt: mqtt.to_owned(),
            qos: 1,
            rate: None,
            speed: None,
            keep_retained: false,
            insecure: false,
            is_quiet: false,
            files: files.into_iter().collect(),
        }
    }
}

impl std::fmt::Debug for ReplayArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a password.
        f.debug_struct("ReplayArgs").field("files", &self.files).finish_non_exhaustive()
    }
}

/// What became of the captures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Messages handed to the broker.
    pub sent: u64,
    /// Messages whose receipt the broker confirmed; at QoS 0, that left for the broker.
    pub acknowledged: u64,
    /// Messages that the broker did not confirm.
    pub undelivered: u64,
    /// Lines skipped because they are no message.
    pub malformed: u64,
    /// The first of those: file and line number with the reason.
    pub malformed_shown: Vec<String>,
    /// From the first message to the last receipt.
    pub elapsed: Duration,
}

/// Why a replay failed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A capture cannot be opened.
    #[error("could not open the capture {}", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// From the system.
        source: io::Error,
    },
    /// A capture ends in the middle, or its compression is broken.
    #[error("could not read the capture {} after line {line}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Lines read before.
        line: u64,
        /// From the system.
        source: io::Error,
    },
    /// The broker cannot be addressed, is not there, refuses, or went away for good.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The system gives no runtime.
    #[error("could not start")]
    Runtime(#[source] io::Error),
    /// The broker did not confirm all.
    #[error("{undelivered} of {sent} messages were not delivered")]
    Undelivered {
        /// How many.
        undelivered: u64,
        /// Of how many.
        sent: u64,
    },
}

/// Publishes and says what became of it on standard output. Skipped lines are reported and no
/// failure.
///
/// # Errors
/// Anything that kept a message of the captures from being delivered.
pub fn run(args: &ReplayArgs) -> Result<(), ReplayError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ReplayError::Runtime)?;
    let report = runtime.block_on(publish(args))?;
    println!("{}", describe(&report));
    for line in &report.malformed_shown {
        println!("  skipped {line}");
    }
    if report.undelivered > 0 {
        return Err(ReplayError::Undelivered {
            undelivered: report.undelivered,
            sent: report.sent,
        });
    }
    Ok(())
}

/// Publishes all captures and waits for the broker's receipts.
///
/// # Errors
/// A capture or the broker fails. Single messages that stay unconfirmed are counted in the report.
pub async fn publish(args: &ReplayArgs) -> Result<Report, ReplayError> {
    let clock = Clock::system();
    let login = Login::default();
    let publisher = Publisher::connect(&args.mqtt, login, args.qos, !args.insecure).await?;
    let progress = Progress::new(&args.files, args.is_quiet, clock.clone());
    let report = Report::default();
    let mut replay = Replay { args, clock, publisher, progress, report, first_ts_ms: None };
    for path in &args.files {
        replay.publish_file(path).await?;
    }
    replay.finish().await
}

struct Replay<'a> {
    args: &'a ReplayArgs,
    clock: Clock,
    publisher: Publisher,
    progress: Progress,
    report: Report,
    first_ts_ms: Option<i64>,
}

impl Replay<'_> {
    async fn publish_file(&mut self, path: &Path) -> Result<(), ReplayError> {
        let open = |source| ReplayError::Open { path: path.to_owned(), source };
        let mut capture = Capture::open(path, &self.progress).map_err(open)?;
        loop {
            let line = capture.next_line().map_err(|source| ReplayError::Read {
                path: path.to_owned(),
                line: capture.lines(),
                source,
            })?;
            match line {
                Line::End => return Ok(()),
                Line::Blank => {}
                Line::Malformed(reason) => self.note_malformed(path, capture.lines(), &reason),
                Line::Message { mut message, ts_ms } => {
                    message.is_retained &= self.args.keep_retained;
                    self.wait_for_turn(ts_ms).await;
                    self.publisher.publish(message).await?;
                    self.report.sent += 1;
                    self.progress.show(self.report.sent);
                }
            }
        }
    }

    fn note_malformed(&mut self, path: &Path, line: u64, reason: &str) {
        self.report.malformed += 1;
        if self.report.malformed_shown.len() < MALFORMED_SHOWN_MAX {
            self.report.malformed_shown.push(format!("{}:{line}: {reason}", path.display()));
        }
    }

    /// Waits until the next message is due by `--rate` or `--speed`.
    async fn wait_for_turn(&mut self, ts_ms: Option<i64>) {
        let due_s = match (self.args.rate, self.args.speed) {
            (Some(rate), _) => self.report.sent as f64 / rate,
            (None, Some(speed)) => {
                let Some(ts_ms) = ts_ms else { return };
                let first_ms = *self.first_ts_ms.get_or_insert(ts_ms);
                (ts_ms - first_ms).max(0) as f64 / 1000.0 / speed
            }
            (None, None) => return,
        };
        let due = Duration::try_from_secs_f64(due_s).unwrap_or(Duration::MAX);
        tokio::time::sleep(due.saturating_sub(self.clock.monotonic())).await;
    }

    async fn finish(mut self) -> Result<Report, ReplayError> {
        let delivered = self.publisher.finish().await;
        self.progress.finish();
        self.report.acknowledged = delivered.acknowledged;
        self.report.undelivered = self.report.sent.saturating_sub(delivered.acknowledged);
        self.report.elapsed = self.clock.monotonic();
        Ok(self.report)
    }
}

fn describe(report: &Report) -> String {
    let seconds = report.elapsed.as_secs_f64();
    format!(
        "{} messages sent, {} acknowledged, {} not delivered, {} malformed lines skipped, \
         in {seconds:.1} s ({:.0} a second)",
        report.sent,
        report.acknowledged,
        report.undelivered,
        report.malformed,
        report.sent as f64 / seconds.max(0.001),
    )
}

fn parse_positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err("must be a number above 0".to_owned()),
    }
}
