//! The actors together: one clock, one kernel, any number of viewers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix::Actor;
use corescope::actors::cache::{Cache, Subject};
use corescope::actors::io_sampler::{IoSampler, PeekIo, PeekIoHistory, SamplerParts, TakeSample};
use corescope::actors::lifeline::Lifelines;
use corescope::actors::line::{AskError, Line};
use corescope::actors::perf::{EVERY, IngestParts, PerfActors, PerfParts};
use corescope::actors::stats_file::{
    PeekStatsFile, PublishInputs, Publisher, StatsFile, StopStatsFile, Tick, Work,
};
use corescope::actors::vitals::{AcceptAsNormal, WriteSide};
use corescope::clock::Clock;
use corescope::db::probe::SqliteProbe;
use corescope::db::{self, Database, OpenOptions, Readers};
use corescope::ingest::source_status::{Now, SourceStatus};
use corescope::perf::intake::IntakeGauge;
use corescope::perf::io::LatestIo;
use corescope::perf::proc::Proc;
use corescope::perf::stats_file::{StatsFile as Content, Watcher, publish};
use serde_json::{Value, json};

use super::{FakeProc, NOW_MS, body, cache, stats_text};
use crate::support::patient;

const LINE: Duration = Duration::from_secs(20);

fn sampler(
    kernel: &FakeProc,
    cache: &Line<Cache>,
    clock: &Clock,
) -> (Line<IoSampler>, Arc<LatestIo>) {
    let latest = Arc::new(LatestIo::empty());
    let proc = Proc::at(kernel.root(), kernel.root());
    let (gauge, cache, clock) = (Arc::clone(&latest), cache.clone(), clock.clone());
    let parts = SamplerParts { proc, latest: gauge, cache, clock, every: None };
    let sampler = IoSampler::new(parts);
    (Line::new(sampler.start(), 8, LINE), latest)
}

async fn sample(sampler: &Line<IoSampler>) {
    sampler.peek::<_, ()>(TakeSample).await.unwrap();
}

async fn tick(file: &Line<StatsFile>) {
    file.peek::<_, ()>(Tick).await.unwrap();
}

/// What viewers see who look every `every_ms` for 20 s, as (second, bytes written a second).
async fn seen_by(viewers: usize, every_ms: i64) -> Vec<(String, Value)> {
    let (kernel, clock) = (FakeProc::new(), Clock::manual(NOW_MS));
    kernel.process([0; 5]);
    let cache = cache(&clock);
    let (sampler, _) = sampler(&kernel, &cache, &clock);
    sample(&sampler).await;
    let (mut seen, mut written) = (Vec::new(), 0);
    for step in 1..=200_u64 {
        clock.advance_ms(100);
        written += 7 * step;
        kernel.process([0, written, 0, 0, 0]);
        if step % 10 == 0 {
            sample(&sampler).await;
        }
        if (step.cast_signed() * 100) % every_ms != 0 {
            continue;
        }
        for _ in 0..viewers {
            let body = body(&cache, Subject::Io).await;
            let second = body["sampledAt"].as_str().unwrap().to_owned();
            seen.push((second, body["writeBytesPerSec"].clone()));
        }
    }
    seen
}

/// 000-22.
#[actix::test]
async fn two_viewers_at_10_hz_see_the_rates_of_one_at_a_fifth() {
    let (many, one) = (seen_by(2, 100).await, seen_by(1, 5_000).await);
    assert_eq!((many.len(), one.len()), (400, 4));
    for look in &one {
        assert!(many.contains(look), "{look:?} was seen by nobody else");
    }
    let expected = (1..=20_u64).map(|second| {
        let bytes: u64 = ((second - 1) * 10 + 1..=second * 10).map(|step| 7 * step).sum();
        json!(bytes)
    });
    let mut rates: Vec<Value> = many.iter().skip(18).map(|look| look.1.clone()).collect();
    rates.dedup();
    assert_eq!(rates, expected.collect::<Vec<_>>(), "a look changed a rate");
}

#[actix::test]
async fn a_series_is_asked_for_by_name_and_length() {
    let (kernel, clock) = (FakeProc::new(), Clock::manual(NOW_MS));
    let cache = cache(&clock);
    let (sampler, latest) = sampler(&kernel, &cache, &clock);
    for second in 0..5 {
        kernel.process([0, second * second * 100, 0, 0, 0]);
        kernel.thread(3, "writer", [0, second * 100, 0, 0, 0]);
        sample(&sampler).await;
        clock.advance_ms(1_000);
    }
    let ask = |metric: &str, seconds| {
        let metric = metric.to_owned();
        let sampler = sampler.clone();
        async move { sampler.ask(PeekIoHistory { metric, seconds }).await }
    };
    let series = ask("writeBytesPerSec", 3_600).await.unwrap();
    let expected = [None, Some(100.0), Some(300.0), Some(500.0), Some(700.0)];
    assert_eq!(series.values, expected, "the first second has no rate, which is not zero");
    assert_eq!(series.at_ms[4], NOW_MS + 4_000);
    assert_eq!(ask("writer.writeBytesPerSec", 2).await.unwrap().values, [Some(100.0); 2]);
    assert_eq!(ask("writeBytesPerSec", 0).await.unwrap().values.len(), 1, "0 counts as 1");
    let Err(AskError::Refused(unknown)) = ask("nonsense", 60).await else { panic!("accepted") };
    assert!(unknown.to_string().contains("rest.syscallsWrite"), "{unknown}");
    let peeked = sampler.peek::<_, ()>(PeekIo).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&peeked, &latest.load_full().unwrap()));
}

/// A source that has met a broker, and one that has not.
fn sources() -> Vec<Arc<SourceStatus>> {
    let now_s = NOW_MS / 1_000;
    let at = Now { unix_s: now_s, monotonic: Duration::from_secs(1) };
    let second = SourceStatus::new("zulu", "mqtt://bob:secret@host", now_s);
    second.note_error("mqtt://bob:secret@host: refused".to_owned());
    let first = SourceStatus::new("alpha", "mqtt://localhost:1883", now_s);
    first.note_connected(at, false, false);
    first.note_receipt(at, false);
    first.note_message(now_s);
    vec![Arc::new(second), Arc::new(first)]
}

fn publisher(path: &Path, latest_io: Arc<LatestIo>, is_shared: bool) -> Work {
    let inputs = PublishInputs {
        totals: Arc::default(),
        sources: sources(),
        latest_io,
        shares: Arc::new(()),
        is_shared,
    };
    Work::Publish(Box::new(Publisher::new(path.to_owned(), inputs)))
}

fn start(work: Work, cache: &Line<Cache>, clock: &Clock) -> Line<StatsFile> {
    Line::new(StatsFile::new(work, cache.clone(), clock.clone(), None).start(), 8, LINE)
}

/// Drives the real writer with a kernel of our making (000-17, 000-18, 000-24), and shows the same
/// figures to our own viewers and to those of another process.
#[actix::test]
async fn what_is_published_is_what_both_processes_show() {
    let (kernel, clock) = (FakeProc::new(), Clock::manual(NOW_MS));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stats.json");
    let (ours, theirs) = (cache(&clock), cache(&clock));
    let (sampler, latest) = sampler(&kernel, &ours, &clock);
    let file = start(publisher(&path, latest, true), &ours, &clock);
    let watcher = start(Work::Watch(Watcher::new(path.clone())), &theirs, &clock);

    kernel.process([0; 5]);
    kernel.thread(1, "writer", [0; 5]);
    sample(&sampler).await;
    tick(&file).await;
    let first = Content::decode(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(first.proc_io, None, "the first sample has no rate");

    clock.advance_ms(1_000);
    kernel.process([0, 9_000, 0, 0, 9]);
    kernel.thread(1, "writer", [0, 6_000, 0, 0, 3]);
    sample(&sampler).await;
    tick(&file).await;
    tick(&watcher).await;
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("secret"), "a password was written: {text}");
    let content = Content::decode(text.as_bytes()).unwrap();
    let io = content.proc_io.unwrap();
    assert_eq!((io.rates.write_bytes_per_sec, io.rates.syscalls_write), (6_000.0, 3.0));
    assert_eq!(
        (io.sampled_at.as_str(), content.sampled_at.as_str()),
        ("2026-07-18T08:47:38Z", "2026-07-18T08:47:38Z")
    );
    let names: Vec<&str> = content.source_statuses.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["alpha", "zulu"]);

    for subject in [Subject::WriteSources, Subject::MqttStatus] {
        let (mut here, mut there) = (body(&ours, subject).await, body(&theirs, subject).await);
        assert_eq!(here["ingestorStatus"]["state"], "fresh");
        here["ingestorStatus"] = Value::Null;
        there["ingestorStatus"] = Value::Null;
        assert_eq!(here, there);
    }
    let (mut here, mut there) = (body(&ours, Subject::Io).await, body(&theirs, Subject::Io).await);
    assert_eq!(
        here["ingestor"]["sampledAt"], here["sampledAt"],
        "measured here, to the millisecond"
    );
    here["ingestor"]["sampledAt"] = Value::Null;
    there["ingestor"]["sampledAt"] = Value::Null;
    assert_eq!(here["ingestor"], there["ingestor"]);
    assert_eq!(here["writeBytesPerSec"], 9_000, "the process has more than ingest's share");
}

/// A process that only ingests publishes the whole of itself.
#[actix::test]
async fn without_http_the_rates_are_the_process() {
    let (kernel, clock) = (FakeProc::new(), Clock::manual(NOW_MS));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stats.json");
    let cache = cache(&clock);
    let (sampler, latest) = sampler(&kernel, &cache, &clock);
    let file = start(publisher(&path, latest, false), &cache, &clock);
    kernel.process([0; 5]);
    sample(&sampler).await;
    clock.advance_ms(1_000);
    kernel.process([0, 9_000, 0, 0, 9]);
    sample(&sampler).await;
    tick(&file).await;
    let io = Content::decode(&std::fs::read(&path).unwrap()).unwrap().proc_io.unwrap();
    assert_eq!(io.rates.write_bytes_per_sec, 9_000.0);
    clock.advance_ms(5_001);
    tick(&file).await;
    let content = Content::decode(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(content.proc_io, None, "a silent sampler's last rate was published as new");
}

#[actix::test]
async fn a_disk_that_refuses_the_file_changes_nothing_of_what_we_show() {
    let clock = Clock::manual(NOW_MS);
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(&clock);
    let path = folder.path().join("absent/stats.json");
    let file = start(publisher(&path, Arc::default(), true), &cache, &clock);
    tick(&file).await;
    tick(&file).await;
    let counts = file.peek::<_, ()>(PeekStatsFile).await.unwrap();
    assert_eq!((counts.done, counts.failed), (0, 2));
    assert!(counts.last_error.unwrap().starts_with("cannot create"));
    assert_eq!(body(&cache, Subject::WriteSources).await["ingestorStatus"]["state"], "fresh");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    tick(&file).await;
    let counts = file.peek::<_, ()>(PeekStatsFile).await.unwrap();
    assert_eq!((counts.done, counts.last_error), (1, None));
}

#[actix::test]
async fn a_watcher_says_what_lies_there_and_recovers() {
    let clock = Clock::manual(NOW_MS);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stats.json");
    let cache = cache(&clock);
    let watcher = start(Work::Watch(Watcher::new(path.clone())), &cache, &clock);
    let state = async || {
        tick(&watcher).await;
        body(&cache, Subject::Io).await["ingestorStatus"].clone()
    };
    assert_eq!(state().await["state"], "missing");
    std::fs::create_dir(&path).unwrap();
    assert_eq!(state().await["reason"], "it is a folder, no regular file");
    std::fs::remove_dir(&path).unwrap();
    publish(&path, &stats_text("2026-07-18T08:47:37Z").as_bytes()[..100]).unwrap();
    let status = state().await;
    assert_eq!(status["state"], "unreadable");
    assert!(status["reason"].as_str().unwrap().starts_with("it is no stats file"), "{status}");
    publish(&path, stats_text("2026-07-18T08:47:37Z").as_bytes()).unwrap();
    assert_eq!(state().await["state"], "fresh");
    clock.advance_ms(5_001);
    assert_eq!(state().await["state"], "stale", "an unchanged file is not a fresh one");
}

/// 000-25.
#[actix::test]
async fn nothing_is_written_after_the_stop() {
    let clock = Clock::manual(NOW_MS);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stats.json");
    let cache = cache(&clock);
    let file = start(publisher(&path, Arc::default(), true), &cache, &clock);
    tick(&file).await;
    file.peek::<_, ()>(StopStatsFile).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(file.peek::<_, ()>(Tick).await, Err(AskError::Stopped)));
    assert!(!path.exists());
}

/// On the machine's own clock and kernel: they tick by themselves, and stop.
#[actix::test]
async fn the_actors_tick_by_themselves_and_stop() {
    let clock = Clock::system();
    let (folder, database) = empty_database(&clock);
    let path = folder.path().join("stats.json");
    let (lifelines, mut deaths) = Lifelines::new();
    let perf = PerfActors::start(parts(&folder, &database, &clock), &lifelines);
    let deadline = tokio::time::Instant::now() + LINE;
    let lines = &perf.lines;
    while !path.exists() || lines.latest_io.load().is_none() || lines.latest_vitals.load().is_none()
    {
        assert!(tokio::time::Instant::now() < deadline, "nothing was published");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let body = body(&perf.lines.cache, Subject::WriteSources).await;
    assert_eq!(body["ingestorStatus"]["state"], "fresh");
    assert!(deaths.try_recv().is_err());
    perf.stop(LINE).await;
    assert_eq!(deaths.recv().await, Some("cache"), "the cache was left behind");
    assert!(folder.path().join("normals.json").exists(), "what is normal was not saved");
}

#[actix::test]
async fn what_is_accepted_as_normal_is_forgotten_also_after_a_restart() {
    let clock = Clock::manual(1_795_349_318_500);
    let (folder, database) = empty_database(&clock);
    let normals = folder.path().join("normals.json");
    let learned = r#"{"version":1,"series":{"process.write":[1.0,2.0],"process.rss":[3.0]}}"#;
    std::fs::write(&normals, learned).unwrap();
    let (lifelines, _deaths) = Lifelines::new();
    let parts = PerfParts { every: None, ..parts(&folder, &database, &clock) };
    let perf = PerfActors::start(parts, &lifelines);
    let accept = |series: &str| perf.lines.vitals.ask(AcceptAsNormal(series.to_owned()));
    accept("process.write").await.unwrap();
    let saved = std::fs::read_to_string(&normals).unwrap();
    assert!(!saved.contains("process.write") && saved.contains("process.rss"), "{saved}");
    assert!(accept("process.write").await.is_err(), "nothing is known of it any more");
    perf.stop(LINE).await;
}

fn empty_database(clock: &Clock) -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    let database = db::open(&path, &OpenOptions::new(clock.clone())).unwrap();
    (folder, database)
}

fn parts(folder: &tempfile::TempDir, database: &Database, clock: &Clock) -> PerfParts {
    let readers = Readers::open(database.writer.path(), patient(clock.clone(), 1)).unwrap();
    let write_side = WriteSide {
        gauge: Arc::new(IntakeGauge::new(1)),
        totals: Arc::default(),
        ledger: database.writer.ledger(),
        pages: database.writer.pages(),
        wal: Arc::default(),
        live_dropped: Arc::default(),
    };
    PerfParts {
        proc: Proc::of_system(folder.path()),
        stats_path: folder.path().join("stats.json"),
        ingest: Some(IngestParts { write_side, sources: Vec::new(), is_serving: true }),
        probe: SqliteProbe::new(readers, database.writer.path()),
        loop_lag: Arc::default(),
        normals_path: folder.path().join("normals.json"),
        clock: clock.clone(),
        every: Some(EVERY),
    }
}
