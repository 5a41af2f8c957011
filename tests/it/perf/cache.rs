//! The bodies in every state, exact under a clock that is moved by hand.

use std::sync::Arc;

use corescope::actors::cache::{Cache, Peek, ShowIo, ShowStats, Subject};
use corescope::actors::line::Line;
use corescope::clock::Clock;
use corescope::perf::ingestor::{IngestorStats, Look, Origin};
use corescope::perf::io::{IoMeter, IoSample, Moment};
use corescope::perf::proc::{Proc, Reading};
use serde_json::{Value, json};

use super::{FakeProc, NOW_MS, body, cache, stats_text};
use crate::support::{check_json, data_file};

const NOW: &str = "2026-07-18T08:47:37Z";
const SUBJECTS: [(Subject, &str); 3] = [
    (Subject::Io, "perf_io"),
    (Subject::WriteSources, "perf_write_sources"),
    (Subject::MqttStatus, "mqtt_status"),
];

/// A second of work on a machine whose figures are the same everywhere.
fn sample(clock: &Clock) -> IoSample {
    let (kernel, mut meter) = (FakeProc::new(), IoMeter::default());
    kernel.machine();
    let threads = [(1, "corescope"), (2, "writer"), (3, "checkpointer"), (4, "reader-1")];
    let write = |scale: u64| {
        kernel.process([100 * scale, 9_000 * scale, 10 * scale, 20 * scale, 30 * scale]);
        for (id, name) in threads {
            let by_id = u64::from(id) * scale;
            kernel.thread(id, name, [by_id, 1_000 * by_id, by_id, by_id, by_id]);
        }
    };
    let read = || Reading {
        rss_bytes: Ok(104_857_600),
        free_bytes: Ok(5_368_709_120),
        ..Proc::at(kernel.root(), kernel.root()).read()
    };
    let at = Moment { unix_ms: clock.now_ms(), monotonic: clock.monotonic() };
    write(1);
    let before = at.monotonic.checked_sub(std::time::Duration::from_secs(1)).unwrap();
    meter.measure(read(), Moment { monotonic: before, ..at });
    write(2);
    meter.measure(read(), at)
}

/// A clock that has run for a minute.
fn clock() -> Clock {
    let clock = Clock::manual(NOW_MS - 60_000);
    clock.advance_ms(60_000);
    clock
}

fn stats(text: &str) -> Look {
    let stats = IngestorStats::peek(text.as_bytes(), Origin::Beside, NOW_MS);
    Look::Stats(Arc::new(stats.unwrap()))
}

async fn check_all(cache: &Line<Cache>, state: &str) {
    for (subject, name) in SUBJECTS {
        check_json(&format!("{name}_{state}"), &body(cache, subject).await);
    }
}

/// 000-02, 001-10: both processes, or both halves of one, with cancelled writes.
#[actix::test]
async fn the_bodies_of_fresh_figures() {
    let clock = clock();
    let cache = cache(&clock);
    assert!(cache.tell(ShowIo(Arc::new(sample(&clock)))));
    assert!(cache.tell(ShowStats(stats(&stats_text(NOW)))));
    check_all(&cache, "fresh").await;
}

#[actix::test]
async fn the_bodies_of_figures_that_nobody_renews() {
    let clock = clock();
    let cache = cache(&clock);
    assert!(cache.tell(ShowIo(Arc::new(sample(&clock)))));
    assert!(cache.tell(ShowStats(stats(&stats_text(NOW)))));
    clock.advance_ms(5_001);
    check_all(&cache, "stale").await;
}

#[actix::test]
async fn the_bodies_where_there_is_no_file() {
    let clock = clock();
    let cache = cache(&clock);
    assert!(cache.tell(ShowIo(Arc::new(sample(&clock)))));
    assert!(cache.tell(ShowStats(Look::Missing)));
    check_all(&cache, "missing").await;
}

#[actix::test]
async fn the_bodies_before_anything_is_known() {
    let cache = cache(&clock());
    check_all(&cache, "unknown").await;
}

#[actix::test]
async fn the_bodies_of_a_file_that_says_nothing() {
    let clock = clock();
    let cache = cache(&clock);
    assert!(cache.tell(ShowIo(Arc::new(sample(&clock)))));
    assert!(cache.tell(ShowStats(Look::Unreadable("it is a pipe, no regular file".into()))));
    check_all(&cache, "unreadable").await;
}

/// In one process the block is the share of ingest, and says so.
#[actix::test]
async fn the_source_of_the_ingest_block_is_named() {
    let clock = clock();
    let cache = cache(&clock);
    let text = stats_text(NOW);
    let cases = [
        (Origin::Beside, "stats file"),
        (Origin::ThisProcess, "this process"),
        (Origin::ThisProcessShare, "this process: its writer and MQTT threads"),
    ];
    for (origin, name) in cases {
        let stats = IngestorStats::peek(text.as_bytes(), origin, NOW_MS).unwrap();
        assert!(cache.tell(ShowStats(Look::Stats(Arc::new(stats)))));
        let body = body(&cache, Subject::Io).await;
        assert_eq!(body["ingestorStatus"], json!({"state": "fresh", "source": name}));
        assert_eq!(body["ingestor"]["writeBytesPerSec"], 4_096.5);
    }
}

/// What a process publishes of itself is a second older than what it measures now: beside the whole,
/// a part of another second could be more than the whole.
#[actix::test]
async fn the_share_of_ingest_is_of_the_same_second_as_the_whole() {
    let clock = clock();
    let cache = cache(&clock);
    let text = stats_text(NOW);
    let stats = IngestorStats::peek(text.as_bytes(), Origin::ThisProcessShare, NOW_MS).unwrap();
    assert!(cache.tell(ShowIo(Arc::new(sample(&clock)))));
    assert!(cache.tell(ShowStats(Look::Stats(Arc::new(stats)))));
    let body = body(&cache, Subject::Io).await;
    assert_eq!(
        body["ingestor"]["writeBytesPerSec"],
        body["components"]["writer"]["writeBytesPerSec"]
    );
    assert_eq!(body["ingestor"]["sampledAt"], body["sampledAt"]);
}

/// 000-06, 000-14, 000-28: nothing is told in between; the look itself finds out.
#[actix::test]
async fn freshness_is_computed_at_every_look() {
    let clock = clock();
    let cache = cache(&clock);
    assert!(cache.tell(ShowStats(stats(&stats_text(NOW)))));
    clock.advance_ms(5_000);
    assert!(body(&cache, Subject::Io).await.get("ingestor").is_some(), "5 s are fresh");
    clock.advance_ms(1);
    let stale = body(&cache, Subject::Io).await;
    assert_eq!(stale.get("ingestor"), None);
    let status = &stale["ingestorStatus"];
    assert_eq!((&status["state"], &status["since"]), (&json!("stale"), &json!(NOW)));
    clock.advance_ms(-10_002);
    let ahead = body(&cache, Subject::Io).await;
    assert_eq!(
        (ahead.get("ingestor"), &ahead["ingestorStatus"]["state"]),
        (None, &json!("unreadable"))
    );
}

/// Our own figures age too: a sampler that has died shows no last rate for ever.
#[actix::test]
async fn our_own_rates_go_when_the_sampler_falls_silent() {
    let clock = clock();
    let cache = cache(&clock);
    assert!(cache.tell(ShowIo(Arc::new(sample(&clock)))));
    clock.advance_ms(5_000);
    assert_eq!(body(&cache, Subject::Io).await["writeBytesPerSec"], 9_000);
    clock.advance_ms(1);
    let body = body(&cache, Subject::Io).await;
    assert_eq!(body["writeBytesPerSec"], Value::Null);
    assert_eq!(body["missing"]["rates"], "the last sample is older than 5 s");
}

/// Errors are never cached: the moment the cause is gone the answer is right.
#[actix::test]
async fn an_error_lasts_no_longer_than_its_cause() {
    let clock = clock();
    let cache = cache(&clock);
    assert!(cache.tell(ShowStats(Look::Unreadable("it is a folder, no regular file".into()))));
    body(&cache, Subject::WriteSources).await;
    clock.advance_ms(3_000);
    assert!(cache.tell(ShowStats(Look::Unreadable("it is a folder, no regular file".into()))));
    let bad = body(&cache, Subject::WriteSources).await;
    assert_eq!(bad["ingestorStatus"]["since"], NOW, "since when it is so, not since the last look");
    assert!(cache.tell(ShowStats(stats(&stats_text(NOW)))));
    let good = body(&cache, Subject::WriteSources).await;
    assert_eq!(
        (&good["ingestorStatus"]["state"], &good["sources"]["tx_inserted"]),
        (&json!("fresh"), &json!(120))
    );
    assert!(cache.tell(ShowStats(Look::Missing)));
    assert_eq!(body(&cache, Subject::WriteSources).await["sources"], json!({}));
}

#[actix::test]
async fn equal_looks_get_the_same_bytes() {
    let clock = clock();
    let cache = cache(&clock);
    assert!(cache.tell(ShowIo(Arc::new(sample(&clock)))));
    let first = cache.peek::<_, ()>(Peek(Subject::Io)).await.unwrap();
    clock.advance_ms(700);
    let second = cache.peek::<_, ()>(Peek(Subject::Io)).await.unwrap();
    assert_eq!(first.as_ptr(), second.as_ptr(), "the body was made again");
}

/// 001-03 against the original's own answer to its own file: every key it has, we have.
#[actix::test]
async fn the_original_keys_are_all_there() {
    let Some(path) = data_file("original-responses/ingestor-stats-file.json") else { return };
    let text = std::fs::read(path).unwrap();
    let at_ms = 1_795_348_733_000;
    let cache = cache(&Clock::manual(at_ms));
    let stats = IngestorStats::peek(&text, Origin::Beside, at_ms).unwrap();
    assert!(cache.tell(ShowStats(Look::Stats(Arc::new(stats)))));
    for (subject, name) in
        [(Subject::WriteSources, "perf_write-sources.json"), (Subject::Io, "perf_io.json")]
    {
        let original = data_file(&format!("original-responses/{name}")).unwrap();
        let original: Value = serde_json::from_slice(&std::fs::read(original).unwrap()).unwrap();
        assert_holds(&body(&cache, subject).await, &original, name);
    }
}

/// Every object key of `original` is in `ours`.
fn assert_holds(ours: &Value, original: &Value, path: &str) {
    let Some(original) = original.as_object() else { return };
    for (key, value) in original {
        let found = ours.get(key).unwrap_or_else(|| panic!("{path}.{key} is missing"));
        assert_holds(found, value, &format!("{path}.{key}"));
    }
}
