//! How long requests take, by route, recorded without a lock or an allocation.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::latency::{Latency, LatencySummary};
use crate::clock::{self, Clock};

/// Slower requests than this are kept (strict).
const SLOW: Duration = Duration::from_millis(100);
/// Slow requests that are kept; the oldest goes.
const SLOW_KEPT: usize = 50;
/// Characters of a kept path.
const PATH_CHARS_MAX: usize = 256;

/// The place of a route in the table that [`RequestStats`] was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteId(usize);

impl RouteId {
    /// Of all requests that no route answers: one key, or anybody could fill the memory.
    pub const UNMATCHED: Self = Self(0);

    /// Of the `index`th template.
    pub fn of(index: usize) -> Self {
        Self(index + 1)
    }
}

/// Counts and times of requests.
#[derive(Debug)]
pub struct RequestStats {
    clock: Clock,
    /// The unmatched first.
    routes: Box<[RouteTimes]>,
    since_us: AtomicU64,
    slow: Mutex<VecDeque<SlowRequest>>,
}

#[derive(Debug)]
struct RouteTimes {
    key: String,
    /// Made by the first request: most routes of a table are rarely asked.
    times: OnceLock<Latency>,
    /// By the first digit of the status; 0 for what is none.
    classes: [AtomicU64; 6],
}

/// A request that took longer than 100 ms.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SlowRequest {
    /// Without the query string.
    pub path: String,
    /// Milliseconds, one decimal.
    pub ms: f64,
    /// When it was answered.
    pub time: String,
    /// Of the answer.
    pub status: u16,
}

/// What one route has done, as exact as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteTotals {
    /// How long requests took.
    pub times: LatencySummary,
    /// Requests by class of status (`2xx`), those that occurred.
    pub statuses: BTreeMap<&'static str, u64>,
}

/// What one route has done since the start or the last reset. Milliseconds, one decimal.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoutePerf {
    /// Requests.
    pub count: u64,
    /// Mean.
    pub avg_ms: f64,
    /// Half of the recent requests took at most this.
    pub p50_ms: f64,
    /// 95 %.
    pub p95_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// 99 %.
    pub p99_ms: f64,
    /// Requests by class of status (`2xx`), those that occurred.
    pub statuses: BTreeMap<&'static str, u64>,
}

const CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];

impl RequestStats {
    /// Begins with nothing counted. Templates are as in the URL table, `{x}` for a part.
    pub fn new<'t>(clock: Clock, templates: impl IntoIterator<Item = &'t str>) -> Self {
        let keys = std::iter::once("/").chain(templates);
        let routes = keys.map(RouteTimes::new).collect();
        let since_us = AtomicU64::new(micros(clock.monotonic()));
        Self { clock, routes, since_us, slow: Mutex::default() }
    }

    /// Counts an answered request that began at `started`, a time of the clock's monotonic time.
    pub fn record(&self, route: RouteId, path: &str, status: u16, started: Duration) {
        let now = self.clock.monotonic();
        let took = now.saturating_sub(started);
        // The first always exists; one that is not in the table counts as unmatched.
        let Some(route) = self.routes.get(route.0).or_else(|| self.routes.first()) else { return };
        route.record(status, took, now);
        if took > SLOW {
            self.keep(path, status, took);
        }
    }

    /// Returns the number of requests and their mean time in milliseconds, one decimal.
    pub fn count_and_mean_ms(&self) -> (u64, f64) {
        let times = || self.routes.iter().filter_map(|route| route.times.get());
        let count: u64 = times().map(Latency::count).sum();
        let total_ms = times().map(Latency::sum_us).sum::<u64>() as f64 / 1000.0;
        (count, if count == 0 { 0.0 } else { one_decimal(total_ms / count as f64) })
    }

    /// Returns every route that was asked, by its template with `{x}` written `:x`.
    pub fn totals(&self) -> BTreeMap<&str, RouteTotals> {
        let asked = |route: &RouteTimes| route.times.get().is_some_and(|t| t.count() > 0);
        let routes = self.routes.iter().filter(|route| asked(route));
        routes.filter_map(|route| Some((route.key.as_str(), route.totals()?))).collect()
    }

    /// Returns the same as `/api/perf` shows it.
    pub fn routes(&self) -> BTreeMap<&str, RoutePerf> {
        self.totals().into_iter().map(|(route, totals)| (route, totals.into())).collect()
    }

    /// Returns the slow requests that are kept, oldest first.
    pub fn slow(&self) -> Vec<SlowRequest> {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Returns how long it has been since the start or the last reset.
    pub fn uptime(&self) -> Duration {
        let since = Duration::from_micros(self.since_us.load(Ordering::Relaxed));
        self.clock.monotonic().saturating_sub(since)
    }

    /// Begins again with nothing counted.
    pub fn reset(&self) {
        for route in &self.routes {
            route.times.get().into_iter().for_each(Latency::reset);
            route.classes.iter().for_each(|count| count.store(0, Ordering::Relaxed));
        }
        self.slow.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.since_us.store(micros(self.clock.monotonic()), Ordering::Relaxed);
    }

    fn keep(&self, path: &str, status: u16, took: Duration) {
        let kept = SlowRequest {
            path: path.chars().take(PATH_CHARS_MAX).collect(),
            ms: one_decimal(micros(took) as f64 / 1000.0),
            time: clock::iso_s(self.clock.now_s()),
            status,
        };
        let mut slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        if slow.len() == SLOW_KEPT {
            slow.pop_front();
        }
        slow.push_back(kept);
    }
}

impl RouteTimes {
    fn new(template: &str) -> Self {
        let key = template.replace('{', ":").replace('}', "");
        Self { key, times: OnceLock::new(), classes: Default::default() }
    }

    fn record(&self, status: u16, took: Duration, now: Duration) {
        let class = usize::from(status / 100);
        self.classes[if class < CLASSES.len() { class } else { 0 }].fetch_add(1, Ordering::Relaxed);
        self.times.get_or_init(Latency::new).record(took, now);
    }

    fn totals(&self) -> Option<RouteTotals> {
        let times = self.times.get()?.summary();
        let counts = self.classes.iter().map(|count| count.load(Ordering::Relaxed));
        let statuses = CLASSES.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect();
        Some(RouteTotals { times, statuses })
    }
}

impl From<RouteTotals> for RoutePerf {
    fn from(RouteTotals { times, statuses }: RouteTotals) -> Self {
        Self {
            count: times.count,
            avg_ms: one_decimal(times.mean_ms),
            p50_ms: one_decimal(times.p50_ms),
            p95_ms: one_decimal(times.p95_ms),
            p99_ms: one_decimal(times.p99_ms),
            max_ms: one_decimal(times.max_ms),
            statuses,
        }
    }
}

/// Rounds to one decimal, halves up.
pub fn one_decimal(value: f64) -> f64 {
    (value * 10.0 + 0.5).floor() / 10.0
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKETS: usize = 0;
    const DETAIL: usize = 1;

    fn stats() -> (RequestStats, Clock) {
        let clock = Clock::manual(1_784_364_457_000);
        let templates = ["/api/packets", "/api/packets/{id}"];
        (RequestStats::new(clock.clone(), templates), clock)
    }

    /// Records a request that took `ms`.
    fn ask(stats: &(RequestStats, Clock), route: RouteId, status: u16, ms: i64) {
        let started = stats.1.monotonic();
        stats.1.advance_ms(ms);
        stats.0.record(route, "/api/packets/<b>1", status, started);
    }

    #[test]
    fn routes_are_told_apart_by_their_templates_and_the_rest_is_one_key() {
        let stats = stats();
        ask(&stats, RouteId::of(DETAIL), 200, 20);
        ask(&stats, RouteId::of(DETAIL), 404, 40);
        ask(&stats, RouteId::UNMATCHED, 404, 1);
        ask(&stats, RouteId::of(99), 404, 1);
        let routes = stats.0.routes();
        assert_eq!(routes.keys().copied().collect::<Vec<_>>(), ["/", "/api/packets/:id"]);
        let detail = &routes["/api/packets/:id"];
        assert_eq!((detail.count, detail.avg_ms, detail.max_ms), (2, 30.0, 40.0));
        assert_eq!(detail.statuses, BTreeMap::from([("2xx", 1), ("4xx", 1)]));
        assert_eq!(routes["/"].count, 2);
        assert_eq!(stats.0.count_and_mean_ms(), (4, 15.5));
    }

    #[test]
    fn only_longer_than_100_ms_is_slow_and_its_status_is_the_real_one() {
        let stats = stats();
        ask(&stats, RouteId::of(PACKETS), 200, 100);
        assert_eq!(stats.0.slow(), []);
        ask(&stats, RouteId::of(PACKETS), 503, 101);
        let slow = stats.0.slow();
        assert_eq!((slow.len(), slow[0].status, slow[0].ms), (1, 503, 101.0));
        assert_eq!(slow[0].time, "2026-07-18T08:47:37Z");
        assert_eq!(slow[0].path, "/api/packets/<b>1", "as it is: who shows it escapes it");
    }

    #[test]
    fn fifty_slow_requests_are_kept_and_long_paths_are_cut() {
        let stats = stats();
        for number in 0..60 {
            let started = stats.1.monotonic();
            stats.1.advance_ms(200);
            stats.0.record(
                RouteId::UNMATCHED,
                &format!("/{number}/{}", "é".repeat(400)),
                404,
                started,
            );
        }
        let slow = stats.0.slow();
        assert_eq!(slow.len(), 50);
        assert!(slow[0].path.starts_with("/10/") && slow[49].path.starts_with("/59/"));
        assert_eq!(slow[0].path.chars().count(), 256);
    }

    #[test]
    fn a_reset_forgets_requests_and_restarts_the_uptime() {
        let stats = stats();
        ask(&stats, RouteId::of(PACKETS), 200, 3_000);
        assert_eq!(stats.0.uptime(), Duration::from_secs(3));
        stats.0.reset();
        assert_eq!(stats.0.uptime(), Duration::ZERO);
        assert_eq!((stats.0.count_and_mean_ms(), stats.0.slow().len()), ((0, 0.0), 0));
        assert!(stats.0.routes().is_empty());
        ask(&stats, RouteId::of(PACKETS), 200, 1);
        assert_eq!(stats.0.routes()["/api/packets"].statuses, BTreeMap::from([("2xx", 1)]));
    }

    #[test]
    fn a_strange_status_is_counted_too() {
        let stats = stats();
        ask(&stats, RouteId::of(PACKETS), 999, 1);
        assert_eq!(stats.0.routes()["/api/packets"].statuses, BTreeMap::from([("other", 1)]));
    }

    #[test]
    fn threads_that_record_read_and_reset_disturb_nobody() {
        let (stats, _) = stats();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..5_000 {
                        stats.record(RouteId::of(PACKETS), "/api/packets", 200, Duration::ZERO);
                    }
                });
            }
            scope.spawn(|| (0..20).for_each(|_| drop(stats.routes())));
            scope.spawn(|| (0..20).for_each(|_| stats.reset()));
        });
        stats.reset();
        assert_eq!(stats.count_and_mean_ms(), (0, 0.0));
    }
}
