//! The process: build, memory, I/O, the main thread, requests.

use std::collections::BTreeMap;

use super::names::{
    COMPONENT_BYTES, COMPONENT_CALLS, FREE, LAG, LAG_MAX, PRESSURE, PROCESS_BYTES, PROCESS_CALLS,
    READY, REFUSED, REQUEST_TIME, REQUEST_TIME_MAX, REQUESTS, RSS, UPTIME,
};
use crate::perf::io::{Component, IoRates, IoSample};
use crate::perf::lag::LoopLag;
use crate::perf::prometheus::{Labels, Metric, Page};
use crate::perf::requests::RouteTotals;
use crate::web::BUILD;
use crate::web::addresses::Refused;

/// Writes what is known from the first moment on.
pub(super) fn start(page: &mut Page, role: &str, is_ready: bool, uptime_s: f64) {
    let labels = [("version", BUILD.version), ("commit", BUILD.commit), ("role", role)];
    page.family(&super::names::BUILD).count(&labels, 1);
    page.single(&READY, Some(f64::from(u8::from(is_ready))));
    page.single(&UPTIME, Some(uptime_s));
}

/// Writes what the sampler said; `None` if it has fallen silent.
pub(super) fn io(page: &mut Page, sample: Option<&IoSample>) {
    let Some(sample) = sample else { return };
    page.single(&RSS, sample.rss_bytes.ok().map(|bytes| bytes as f64));
    page.single(&FREE, sample.free_bytes.ok().map(|bytes| bytes as f64));
    let whole = sample.process.ok().map(|rates| (None, rates));
    let parts = || {
        let known = |component| Some((component, sample.component(component).ok()?));
        Component::ALL.into_iter().filter_map(known).map(|(part, rates)| (Some(part), rates))
    };
    bytes(page, &PROCESS_BYTES, whole);
    calls(page, &PROCESS_CALLS, whole);
    bytes(page, &COMPONENT_BYTES, parts());
    calls(page, &COMPONENT_CALLS, parts());
    let Ok(pressure) = sample.pressure else { return };
    let mut family = page.family(&PRESSURE);
    for (tasks, share) in [("some", pressure.some), ("all", pressure.full)] {
        family.add(&[("tasks", tasks)], Some(f64::from(share.avg10) / 100.0));
    }
}

type Part = (Option<Component>, IoRates);

fn bytes(page: &mut Page, metric: &'static Metric, parts: impl IntoIterator<Item = Part>) {
    let kinds = |rates: &IoRates| {
        [
            ("read", rates.read_bytes_per_sec),
            ("written", rates.write_bytes_per_sec),
            ("cancelled", rates.cancelled_write_bytes_per_sec),
        ]
    };
    write_rates(page, metric, parts.into_iter().map(|(part, rates)| (part, kinds(&rates))));
}

fn calls(page: &mut Page, metric: &'static Metric, parts: impl IntoIterator<Item = Part>) {
    let kinds =
        |rates: &IoRates| [("read", rates.syscalls_read), ("written", rates.syscalls_write)];
    write_rates(page, metric, parts.into_iter().map(|(part, rates)| (part, kinds(&rates))));
}

fn write_rates<const N: usize>(
    page: &mut Page,
    metric: &'static Metric,
    parts: impl Iterator<Item = (Option<Component>, [(&'static str, f64); N])>,
) {
    let mut family = page.family(metric);
    for (part, kinds) in parts {
        for (kind, rate) in kinds {
            let labels = [("kind", kind), ("component", part.map_or("", Component::as_str))];
            let labels: Labels<'_> = if part.is_some() { &labels } else { &labels[..1] };
            family.add(labels, Some(rate));
        }
    }
}

/// Writes how late the main thread woke.
pub(super) fn lag(page: &mut Page, lag: &LoopLag) {
    let lags = lag.summary();
    page.family(&LAG).summary(&[], &lags);
    page.single(&LAG_MAX, (lags.count > 0).then_some(lags.max_ms / 1000.0));
}

/// Writes what was refused to addresses.
pub(super) fn refused(page: &mut Page, refused: Refused) {
    let mut family = page.family(&REFUSED);
    for (kind, count) in
        [("request", refused.requests), ("live", refused.live), ("connection", refused.connections)]
    {
        family.count(&[("kind", kind)], count);
    }
}

/// Writes requests by route.
pub(super) fn requests(page: &mut Page, routes: &BTreeMap<&str, RouteTotals>) {
    let mut family = page.family(&REQUESTS);
    for (route, totals) in routes {
        for (class, count) in &totals.statuses {
            family.count(&[("route", route), ("status", class)], *count);
        }
    }
    let mut family = page.family(&REQUEST_TIME);
    for (route, totals) in routes {
        family.summary(&[("route", route)], &totals.times);
    }
    let mut family = page.family(&REQUEST_TIME_MAX);
    for (route, totals) in routes {
        family.add(&[("route", route)], Some(totals.times.max_ms / 1000.0));
    }
}
