//! What watching ourselves costs: a reading of `/proc/self/io`, a look at the stats file, a peek
//! at the Cache, a publish tick (`targets.md`, 000-15). `cargo bench --bench telemetry`.
#![expect(clippy::unwrap_used, reason = "a bench that cannot build its input has failed")]

use std::path::Path;
use std::sync::Arc;

use corescope::actors::cache::{Cache, Subject};
use corescope::actors::lifeline::Lifelines;
use corescope::clock::Clock;
use corescope::perf::ingestor::{IngestorStats, Look, Origin};
use corescope::perf::io::{IoMeter, IoRates, Moment};
use corescope::perf::proc::{Proc, parse_counters};
use corescope::perf::stats_file::{
    ComponentPerf, SourceLiveness, SourceRow, StatsFile, Watcher, publish,
};
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const NOW_S: i64 = 1_784_364_457;
const IO: &[u8] = b"rchar: 104857600\nwchar: 52428800\nsyscr: 120000\nsyscw: 45000\n\
    read_bytes: 10485760\nwrite_bytes: 734003200\ncancelled_write_bytes: 4096\n";

fn main() {
    divan::main();
}

/// As full as a busy operator's: eight kinds of writes, three brokers, four backfills.
fn content() -> StatsFile {
    let perf = ComponentPerf { count: 4_711, wait_ms_p95: 0.123_456, ..ComponentPerf::default() };
    let kinds = ["mqtt_handler", "neighbor_builder", "prune_packets", "prune_metrics"];
    let more = ["prune_observers", "prune_client_receptions", "vacuum", "checkpoint"];
    let kinds = kinds.iter().chain(&more);
    let tags = ["alpha", "bravo", "charlie"];
    let row = |tag: &&str| SourceRow {
        name: (*tag).to_owned(),
        broker: format!("mqtts://{tag}:****@mqtt.example.org:8883"),
        connected: true,
        last_connect_unix: NOW_S,
        packets_total: 123_456,
        ..SourceRow::default()
    };
    let clocks = SourceLiveness { last_receipt_unix: NOW_S, last_message_unix: NOW_S };
    let backfills = ["path_json", "from_pubkey", "default_scope", "tx_last_seen"];
    let mut content = StatsFile {
        backfill_updates: backfills.map(|name| (name.to_owned(), 1_500_000)).into(),
        writer_perf: kinds.map(|name| ((*name).to_owned(), perf)).collect(),
        source_liveness: tags.iter().map(|tag| ((*tag).to_owned(), clocks)).collect(),
        source_statuses: tags.iter().map(row).collect(),
        watchdog_last_tick_unix: NOW_S,
        ..StatsFile::default()
    };
    content.counters.tx_inserted = 71_000;
    content.counters.obs_inserted = 1_500_000;
    let rates = IoRates { write_bytes_per_sec: 4_097.929_526_509_275, ..IoRates::default() };
    content.stamp(NOW_S, Some(rates));
    content
}

fn text() -> Vec<u8> {
    let mut text = Vec::new();
    content().encode(&mut text).unwrap();
    text
}

#[divan::bench]
fn parse_text_of_proc_self_io(bencher: Bencher<'_, '_>) {
    bencher.bench(|| parse_counters(black_box(IO)).unwrap());
}

#[divan::bench]
fn read_and_parse_proc_self_io(bencher: Bencher<'_, '_>) {
    let mut proc = Proc::of_system(Path::new("/"));
    bencher.bench_local(|| proc.read_process().unwrap());
}

/// Once a second: the process, each thread, pressure, memory, free space, and the rates of it.
#[divan::bench]
fn take_a_whole_sample(bencher: Bencher<'_, '_>) {
    let (mut proc, mut meter, clock) =
        (Proc::of_system(Path::new("/")), IoMeter::default(), Clock::system());
    bencher.bench_local(|| {
        let at = Moment { unix_ms: 0, monotonic: clock.monotonic() };
        meter.measure(proc.read(), at)
    });
}

/// Once a second: a foreign file that has not changed costs one stat.
#[divan::bench]
fn look_hit_one_stat(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stats.json");
    publish(&path, &text()).unwrap();
    let mut watcher = Watcher::new(path);
    watcher.look(NOW_S * 1_000).unwrap();
    bencher.bench_local(|| watcher.look(NOW_S * 1_000).unwrap());
}

/// What of that is the kernel's.
#[divan::bench]
fn one_stat_alone(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stats.json");
    publish(&path, &text()).unwrap();
    bencher.bench_local(|| std::fs::symlink_metadata(black_box(&path)).unwrap());
}

/// A foreign file that has changed: stat, open, read, the two fields, one copy of the text.
#[divan::bench]
fn look_miss_changed_file(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a", "b"].map(|name| folder.path().join(name));
    let link = folder.path().join("stats.json");
    paths.iter().for_each(|path| publish(path, &text()).unwrap());
    let mut watcher = Watcher::new(link.clone());
    let mut turn = 0;
    bencher
        .with_inputs(|| {
            turn += 1;
            let other = folder.path().join("other");
            std::fs::hard_link(&paths[turn % 2], &other).unwrap();
            std::fs::rename(other, &link).unwrap();
        })
        .bench_local_values(|()| watcher.look(NOW_S * 1_000).unwrap());
}

/// The same without the file.
#[divan::bench]
fn decode_the_two_fields(bencher: Bencher<'_, '_>) {
    let text = text();
    bencher.bench(|| IngestorStats::peek(black_box(&text), Origin::Beside, 0).unwrap());
}

fn cache() -> Cache {
    let clock = Clock::manual(NOW_S * 1_000);
    Cache::new(clock, Lifelines::new().0.attach("cache"))
}

/// What a request finds: bytes that are ready.
#[divan::bench(args = ["io", "write-sources"])]
fn peek_hit(bencher: Bencher<'_, '_>, subject: &str) {
    let subject = if subject == "io" { Subject::Io } else { Subject::WriteSources };
    let mut cache = told();
    cache.peek(subject);
    bencher.bench_local(|| cache.peek(black_box(subject)));
}

/// The first request after new figures, at most once a second each.
#[divan::bench(args = ["io", "write-sources"])]
fn peek_miss(bencher: Bencher<'_, '_>, subject: &str) {
    let subject = if subject == "io" { Subject::Io } else { Subject::WriteSources };
    bencher.with_inputs(told).bench_local_refs(|cache| cache.peek(subject));
}

fn told() -> Cache {
    let mut cache = cache();
    let stats = IngestorStats::peek(&text(), Origin::Beside, NOW_S * 1_000).unwrap();
    cache.show_stats(Look::Stats(Arc::new(stats)));
    cache
}

/// The encoding alone, into a buffer that is used again (000-16).
#[divan::bench]
fn publish_tick_encode(bencher: Bencher<'_, '_>) {
    let (content, mut buffer) = (content(), Vec::new());
    content.encode(&mut buffer).unwrap();
    bencher.bench_local(|| black_box(&content).encode(&mut buffer).unwrap());
}

/// The encoding and the file: remove, create, write, rename.
#[divan::bench]
fn publish_tick_with_file(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let (path, content, mut buffer) = (folder.path().join("s"), content(), Vec::new());
    bencher.bench_local(|| {
        content.encode(&mut buffer).unwrap();
        publish(&path, &buffer).unwrap();
    });
}

/// The whole text, for the two bodies that show all of it.
#[divan::bench]
fn decode_everything(bencher: Bencher<'_, '_>) {
    let text = text();
    bencher.bench(|| StatsFile::decode(black_box(&text)).unwrap());
}
