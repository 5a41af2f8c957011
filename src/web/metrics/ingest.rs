//! Ingest: the queue, the brokers, live clients.

use super::names::{
    ACKNOWLEDGED, ATTEMPTS, COMMITTED, CONNECTED, CONNECTS, DISCONNECTS, GROUPS, HELD, IGNORED,
    LIVE_CLIENTS, LIVE_DROPPED, LOST_SESSIONS, MESSAGES, NOTES, PANICS, PENDING, QUEUE_AGE,
    QUEUE_CAPACITY, QUEUE_DEPTH, QUEUE_DROPPED, RECEIPT_AGE, REJECTED, RESUMED, SOURCE_DROPPED,
    STALE_RECEIPTS, STALLED, WATCHDOG_AGE,
};
use crate::ingest::RejectCounts;
use crate::ingest::source_status::SourceSnapshot;
use crate::perf::intake::IntakeCounts;
use crate::perf::prometheus::{Metric, Page};

/// Writes the ingest queue.
pub(super) fn queue(page: &mut Page, counts: &IntakeCounts, now_ms: i64) {
    let seconds = |ms: i64| ms.max(0) as f64 / 1000.0;
    page.single(&QUEUE_DEPTH, Some(counts.depth as f64));
    page.single(&QUEUE_CAPACITY, Some(counts.capacity as f64));
    page.single(&QUEUE_AGE, Some(seconds(counts.oldest_ms.unwrap_or(0))));
    let mut family = page.family(&QUEUE_DROPPED);
    for (source, dropped) in &counts.dropped {
        family.count(&[("source", source)], dropped.count);
    }
    page.single(&COMMITTED, Some(counts.committed as f64));
    page.single(&GROUPS, Some(counts.groups as f64));
    let stalled_ms = counts.stall.as_ref().map_or(0, |stall| now_ms - stall.since_ms);
    page.single(&STALLED, Some(seconds(stalled_ms)));
}

/// Writes what was odd about messages that were taken.
pub(super) fn notes(page: &mut Page, counts: &RejectCounts) {
    let mut family = page.family(&NOTES);
    for (reason, count) in counts.notes() {
        family.count(&[("reason", reason)], count);
    }
}

/// Writes live clients; what is not known is left out.
pub(super) fn live(page: &mut Page, clients: Option<usize>, dropped: Option<u64>) {
    page.single(&LIVE_CLIENTS, clients.map(|count| count as f64));
    page.single(&LIVE_DROPPED, dropped.map(|count| count as f64));
}

/// Sorts sources by name, and numbers those of one name: Prometheus refuses a page that says
/// something twice.
pub(super) fn told_apart(sources: impl Iterator<Item = SourceSnapshot>) -> Vec<SourceSnapshot> {
    let mut sources: Vec<_> = sources.collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    for group in sources.chunk_by_mut(|a, b| a.name == b.name) {
        for (index, source) in group.iter_mut().enumerate().skip(1) {
            source.name = format!("{}#{}", source.name, index + 1);
        }
    }
    sources
}

/// Writes the brokers.
pub(super) fn sources(page: &mut Page, sources: &[SourceSnapshot], now_s: i64) {
    let age = |then_s: Option<i64>| then_s.map(|then_s| (now_s - then_s).max(0) as f64);
    type Read = fn(&SourceSnapshot) -> u64;
    let counts: [(&'static Metric, Read); 13] = [
        (&CONNECTED, |source| u64::from(source.connected)),
        (&CONNECTS, |source| source.connect_count),
        (&DISCONNECTS, |source| source.disconnect_count),
        (&ATTEMPTS, |source| source.attempt_count),
        (&MESSAGES, |source| source.packets_total),
        (&SOURCE_DROPPED, |source| source.dropped),
        (&RESUMED, |source| source.resumed),
        (&ACKNOWLEDGED, |source| source.acknowledged),
        (&PENDING, |source| source.pending_receipts),
        (&HELD, |source| source.held),
        (&STALE_RECEIPTS, |source| source.stale_receipts),
        (&LOST_SESSIONS, |source| source.lost_sessions),
        (&PANICS, |source| source.panic_count + source.watchdog_panic_count),
    ];
    for (metric, read) in counts {
        let mut family = page.family(metric);
        for source in sources {
            family.count(&[("source", &source.name)], read(source));
        }
    }
    let mut ages = page.family(&RECEIPT_AGE);
    for source in sources {
        ages.add(&[("source", &source.name)], age(source.last_receipt_unix));
    }
    let mut ages = page.family(&WATCHDOG_AGE);
    for source in sources {
        ages.add(&[("source", &source.name)], age(source.last_scan_unix));
    }
    reasons(page, &REJECTED, sources, |source| &source.rejected);
    reasons(page, &IGNORED, sources, |source| &source.ignored);
}

type Reasons = std::collections::BTreeMap<&'static str, u64>;

fn reasons(
    page: &mut Page,
    metric: &'static Metric,
    sources: &[SourceSnapshot],
    read: fn(&SourceSnapshot) -> &Reasons,
) {
    let mut family = page.family(metric);
    for source in sources {
        for (reason, count) in read(source) {
            family.count(&[("source", &source.name), ("reason", reason)], *count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::source_status::SourceStatus;

    #[test]
    fn sources_of_one_name_are_numbered() {
        let sources = ["b", "a", "b"].map(|name| SourceStatus::new(name, "mqtt://x", 1));
        let apart = told_apart(sources.iter().map(|source| source.snapshot(1)));
        let names: Vec<&str> = apart.iter().map(|source| source.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "b#2"]);
    }
}
