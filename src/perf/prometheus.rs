//! Figures as Prometheus reads them (text format 0.0.4).
//!
//! What is not known has no line: a missing series can be alerted on, a 0 would be a lie.

use std::fmt::Write;

use super::latency::LatencySummary;

/// What the body is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Label sets of one metric; further ones are left out and counted ([`Page::omitted`]).
pub const LABEL_SETS_MAX: usize = 256;
/// Characters of one label's value.
const LABEL_CHARS_MAX: usize = 128;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the process starts again.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Quantiles of the last minutes, sum and count since the start.
    Summary,
}

/// A name and what it stands for.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// With `corescope_` in front and the unit at the end.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// One sentence without line feeds.
    pub help: &'static str,
}

impl Metric {
    /// Describes a counter.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, help }
    }

    /// Describes a gauge.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, help }
    }

    /// Describes a summary.
    pub const fn summary(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Summary, help }
    }
}

/// Names and values of labels.
pub type Labels<'l> = &'l [(&'l str, &'l str)];

/// The text under construction. Each metric is begun once.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
    omitted: u64,
}

/// The lines of one metric.
#[derive(Debug)]
pub struct Family<'p> {
    page: &'p mut Page,
    metric: &'static Metric,
    label_sets: usize,
}

impl Page {
    /// Begins a metric. Its head is written with its first value.
    pub fn family(&mut self, metric: &'static Metric) -> Family<'_> {
        Family { page: self, metric, label_sets: 0 }
    }

    /// Adds a metric that has one value, if it is known.
    pub fn single(&mut self, metric: &'static Metric, value: Option<f64>) {
        self.family(metric).add(&[], value);
    }

    /// Label sets that were left out.
    pub fn omitted(&self) -> u64 {
        self.omitted
    }

    /// Returns the text.
    pub fn finish(self) -> String {
        self.text
    }
}

impl Family<'_> {
    /// Adds a value, if it is known. Label sets of one metric must differ.
    pub fn add(&mut self, labels: Labels<'_>, value: Option<f64>) {
        let Some(value) = value.filter(|_| self.has_room()) else { return };
        self.line("", labels, None, value);
    }

    /// Adds a count.
    pub fn count(&mut self, labels: Labels<'_>, count: u64) {
        self.add(labels, Some(count as f64));
    }

    /// Adds a distribution; nothing if nothing was recorded.
    pub fn summary(&mut self, labels: Labels<'_>, latency: &LatencySummary) {
        if latency.count == 0 || !self.has_room() {
            return;
        }
        let quantiles =
            [("0.5", latency.p50_ms), ("0.95", latency.p95_ms), ("0.99", latency.p99_ms)];
        for (quantile, ms) in quantiles {
            self.line("", labels, Some(quantile), ms / 1000.0);
        }
        let count = latency.count as f64;
        self.line("_sum", labels, None, latency.mean_ms * count / 1000.0);
        self.line("_count", labels, None, count);
    }

    fn has_room(&mut self) -> bool {
        let has_room = self.label_sets < LABEL_SETS_MAX;
        if !has_room {
            self.page.omitted += 1;
            return false;
        }
        if self.label_sets == 0 {
            self.head();
        }
        self.label_sets += 1;
        true
    }

    fn head(&mut self) {
        let Metric { name, kind, help } = self.metric;
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Summary => "summary",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let text = &mut self.page.text;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, suffix: &str, labels: Labels<'_>, quantile: Option<&str>, value: f64) {
        let text = &mut self.page.text;
        text.push_str(self.metric.name);
        text.push_str(suffix);
        let quantile = quantile.map(|quantile| ("quantile", quantile));
        let mut is_first = true;
        for (name, value) in labels.iter().copied().chain(quantile) {
            text.push(if is_first { '{' } else { ',' });
            is_first = false;
            let _ = write!(text, "{name}=\"");
            escape(value, text);
            text.push('"');
        }
        if !is_first {
            text.push('}');
        }
        let _ = writeln!(text, " {value}");
    }
}

/// Writes a label's value: cut to a bound, with the three characters escaped that must be.
fn escape(value: &str, text: &mut String) {
    for character in value.chars().take(LABEL_CHARS_MAX) {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static DEPTH: Metric = Metric::gauge("depth", "How deep.");
    static LOST: Metric = Metric::counter("lost_total", "Lost, in a\nline.");
    static TOOK: Metric = Metric::summary("took_seconds", "How long.");

    #[test]
    fn a_metric_has_one_head_and_a_line_for_each_label_set() {
        let mut page = Page::default();
        page.single(&DEPTH, Some(1.5));
        let mut lost = page.family(&LOST);
        lost.count(&[("source", "a"), ("reason", "x")], 3);
        lost.count(&[("source", "b"), ("reason", "x")], 0);
        let expected = "# HELP depth How deep.\n# TYPE depth gauge\ndepth 1.5\n\
            # HELP lost_total Lost, in a\\nline.\n# TYPE lost_total counter\n\
            lost_total{source=\"a\",reason=\"x\"} 3\nlost_total{source=\"b\",reason=\"x\"} 0\n";
        assert_eq!(page.finish(), expected);
    }

    #[test]
    fn what_is_not_known_leaves_no_trace() {
        let mut page = Page::default();
        page.single(&DEPTH, None);
        page.family(&TOOK).summary(&[], &LatencySummary::default());
        assert_eq!(page.finish(), "");
    }

    #[test]
    fn a_summary_is_in_seconds() {
        let mut page = Page::default();
        let latency = LatencySummary {
            count: 4,
            mean_ms: 250.0,
            p50_ms: 100.0,
            p95_ms: 500.0,
            p99_ms: 1_000.0,
            max_ms: 1_000.0,
        };
        page.family(&TOOK).summary(&[("route", "/api/x")], &latency);
        let text = page.finish();
        assert!(text.contains("took_seconds{route=\"/api/x\",quantile=\"0.95\"} 0.5\n"), "{text}");
        assert!(text.contains("took_seconds_sum{route=\"/api/x\"} 1\n"), "{text}");
        assert!(text.ends_with("took_seconds_count{route=\"/api/x\"} 4\n"), "{text}");
    }

    #[test]
    fn strangers_cannot_break_a_line_nor_fill_the_memory() {
        let mut page = Page::default();
        let long = "x".repeat(1_000);
        let mut depth = page.family(&DEPTH);
        depth.add(&[("name", "a\"} 1\nb\\")], Some(f64::NAN));
        for _ in 0..300 {
            depth.count(&[("name", &long)], 1);
        }
        assert_eq!(page.omitted(), 301 - LABEL_SETS_MAX as u64);
        let text = page.finish();
        assert!(text.contains("depth{name=\"a\\\"} 1\\nb\\\\\"} NaN\n"), "{text}");
        assert_eq!(text.lines().count(), 2 + LABEL_SETS_MAX);
        assert!(text.lines().all(|line| line.len() < 200));
    }
}
