//! What it costs to time a request, to enter a write, and to judge what is normal.
//! `cargo bench --bench telemetry_ledger`; `limit` is the least that the measured thing can cost.
#![expect(clippy::unwrap_used, reason = "a bench that cannot build its input has failed")]

use std::sync::Arc;
use std::time::Duration;

use corescope::clock::Clock;
use corescope::db::pages::{PageGauge, PageMeter};
use corescope::perf::baseline::{Baselines, Reading};
use corescope::perf::latency::Latency;
use corescope::perf::ledger::{Ledger, Share, Source, Work};
use corescope::perf::requests::{RequestStats, RouteId};
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Two readings of the clock: the limit of request timing.
#[divan::bench(threads = [1, 2])]
fn request_timing_limit(bencher: Bencher) {
    let clock = Clock::system();
    bencher.bench(|| (black_box(clock.monotonic()), black_box(clock.monotonic())));
}

/// Two readings of the clock and the entry, all threads on the same route.
#[divan::bench(threads = [1, 2])]
fn request_timing(bencher: Bencher) {
    let clock = Clock::system();
    let stats = RequestStats::new(clock.clone(), ["/api/stats", "/api/packets"]);
    stats.record(RouteId::of(1), "/api/packets", 200, clock.monotonic());
    bencher.bench(|| {
        let started = clock.monotonic();
        stats.record(RouteId::of(1), "/api/packets", 200, black_box(started));
    });
}

/// All routes of a table of 60, as a page of figures asks for them.
#[divan::bench]
fn request_figures(bencher: Bencher) {
    let clock = Clock::system();
    let templates: Vec<String> = (0..60).map(|number| format!("/api/{number}")).collect();
    let stats = RequestStats::new(clock.clone(), templates.iter().map(String::as_str));
    for route in 0..60 {
        stats.record(RouteId::of(route), "/api", 200, clock.monotonic());
    }
    bencher.bench(|| black_box(stats.routes().len()));
}

#[divan::bench]
fn latency_record(bencher: Bencher) {
    let latency = Latency::new();
    bencher.bench(|| latency.record(black_box(Duration::from_micros(740)), Duration::ZERO));
}

#[divan::bench]
fn latency_summary(bencher: Bencher) {
    let latency = Latency::new();
    (0..10_000).for_each(|us| latency.record(Duration::from_micros(us), Duration::ZERO));
    bencher.bench(|| black_box(latency.summary()));
}

const GROUP: [Source; 4] = [Source::Packets, Source::Adverts, Source::Observers, Source::Metrics];

fn work(shares: &[Share]) -> Work<'_> {
    Work {
        component: Source::MqttHandler,
        shares,
        transactions: 1,
        wal_pages: Some(61),
        checkpointed_pages: 0,
        wait: Duration::from_micros(80),
        hold: Duration::from_millis(4),
    }
}

/// One group of receptions of four sources.
#[divan::bench]
fn ledger_note_group(bencher: Bencher) {
    let ledger = Ledger::new(4096);
    let shares = GROUP.map(|source| Share { source, rows: 37, errors: 0 });
    bencher.bench(|| ledger.note(black_box(&work(&shares)), Duration::ZERO));
}

/// One step of a migration.
#[divan::bench]
fn ledger_note_step(bencher: Bencher) {
    let ledger = Ledger::new(4096);
    let shares = [Share { source: Source::Backfill("path_json"), rows: 500, errors: 0 }];
    bencher.bench(|| ledger.note(black_box(&work(&shares)), Duration::ZERO));
}

#[divan::bench]
fn ledger_snapshot(bencher: Bencher) {
    let ledger = Ledger::new(4096);
    let shares = GROUP.map(|source| Share { source, rows: 37, errors: 0 });
    ledger.note(&work(&shares), Duration::ZERO);
    bencher.bench(|| black_box(ledger.snapshot()));
}

/// Reading a connection's page counters after an operation.
#[divan::bench]
fn page_meter(bencher: Bencher) {
    let conn = rusqlite::Connection::open_in_memory().unwrap();
    conn.execute_batch("CREATE TABLE t(x)").unwrap();
    let mut meter = PageMeter::new(&conn, Arc::new(PageGauge::default()));
    bencher.bench_local(|| black_box(meter.read(&conn)));
}

/// One tick, every 10 s, of 100 series with a day of samples each.
#[divan::bench]
fn baseline_tick(bencher: Bencher) {
    let mut baselines = Baselines::default();
    let readings = |value: f64| -> Vec<Reading> {
        let reading = |number: u32| Reading {
            series: format!("write.{number}.rows"),
            source: Some(number.to_string()),
            unit: "rows/s",
            value: Some(value + f64::from(number)),
            floor: 5.0,
        };
        (0..100).map(reading).collect()
    };
    for round in 0..8_000_i32 {
        baselines.observe(i64::from(round) * 10_000, &readings(f64::from(round % 17)));
    }
    let tick = readings(8.0);
    bencher.bench_local(|| black_box(baselines.observe(80_000_000, &tick).len()));
}
