//! A bar on a terminal, a line now and then elsewhere.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::clock::Clock;

const LINE_EVERY: Duration = Duration::from_secs(5);
const BAR: &str = "{bar:30} {percent:>3} %  {msg}  {elapsed}, {eta} left";

/// Shows how far a replay is, on standard error.
pub struct Progress {
    kind: Kind,
    clock: Clock,
    told_at_ms: AtomicU64,
}

enum Kind {
    Bar(ProgressBar),
    Lines,
    Quiet,
}

impl Progress {
    /// Measures by the bytes of `files`, which need not be unpacked to be counted.
    pub fn new(files: &[PathBuf], is_quiet: bool, clock: Clock) -> Self {
        let kind = if is_quiet {
            Kind::Quiet
        } else if std::io::stderr().is_terminal() {
            let sizes = files.iter().filter_map(|path| path.metadata().ok());
            let bar = ProgressBar::new(sizes.map(|file| file.len()).sum());
            let style = ProgressStyle::with_template(BAR);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            Kind::Bar(bar)
        } else {
            Kind::Lines
        };
        Self { kind, clock, told_at_ms: AtomicU64::new(0) }
    }

    /// Returns a reader whose progress is shown.
    pub fn wrap(&self, file: File) -> Box<dyn Read + Send> {
        match &self.kind {
            Kind::Bar(bar) => Box::new(bar.wrap_read(file)),
            Kind::Lines | Kind::Quiet => Box::new(file),
        }
    }

    /// Shows that so many messages were sent.
    pub fn show(&self, sent: u64) {
        match &self.kind {
            Kind::Bar(bar) if sent.is_multiple_of(64) => bar.set_message(format!("{sent} sent")),
            Kind::Lines => self.tell(sent),
            Kind::Bar(_) | Kind::Quiet => {}
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Kind::Bar(bar) = &self.kind {
            bar.finish_and_clear();
        }
    }

    fn tell(&self, sent: u64) {
        let now = self.clock.monotonic();
        let told_at = Duration::from_millis(self.told_at_ms.load(Relaxed));
        if now.saturating_sub(told_at) >= LINE_EVERY {
            let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
            self.told_at_ms.store(now_ms, Relaxed);
            eprintln!("{sent} messages sent");
        }
    }
}
