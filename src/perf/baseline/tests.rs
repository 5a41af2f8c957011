//! The rules at their edges, and the case for which they were made.

use std::path::Path;

use proptest::prelude::*;

use super::series::median;
use super::*;
use crate::perf::ledger::{Ledger, Share, Work};

const TICK_MS: i64 = 10_000;

fn reading(value: f64) -> Reading {
    Reading {
        series: "io.write".to_owned(),
        source: None,
        unit: "B/s",
        value: Some(value),
        floor: 5.0,
    }
}

/// Baselines that are fed one value a tick.
#[derive(Default)]
struct Feed {
    baselines: Baselines,
    at_ms: i64,
}

impl Feed {
    /// One whose normal is 90, 100 and 110 in turn: median 100, MAD 10.
    fn with_noise() -> Self {
        let mut feed = Self::default();
        for round in 0..12 {
            assert_eq!(feed.next(90.0 + f64::from(round % 3) * 10.0), []);
        }
        feed
    }

    /// One that has been at 0.
    fn idle() -> Self {
        let mut feed = Self::default();
        (0..12).for_each(|_| assert_eq!(feed.next(0.0), []));
        feed
    }

    fn next(&mut self, value: f64) -> Vec<Deviation> {
        self.take(&reading(value))
    }

    fn take(&mut self, reading: &Reading) -> Vec<Deviation> {
        self.at_ms += TICK_MS;
        self.baselines.observe(self.at_ms, std::slice::from_ref(reading))
    }

    /// Whether three samples of this value in a row are flagged.
    fn flags(mut self, value: f64) -> bool {
        let flagged: Vec<bool> = (0..3).map(|_| !self.next(value).is_empty()).collect();
        assert_eq!(&flagged[..2], [false, false], "two samples are not enough");
        flagged[2]
    }
}

#[test]
fn only_a_score_above_3_5_is_flagged() {
    // 0.6745 × 51.89 / 10 = 3.49998; 0.6745 × 51.9 / 10 = 3.5007
    assert!(!Feed::with_noise().flags(151.89) && Feed::with_noise().flags(151.9));
}

#[test]
fn where_nothing_varies_the_floor_and_half_of_the_median_decide() {
    assert!(!Feed::idle().flags(5.0) && Feed::idle().flags(5.01), "the floor is 5");
    let constant = || {
        let mut feed = Feed::default();
        (0..12).for_each(|_| drop(feed.next(1_000.0)));
        feed
    };
    assert!(!constant().flags(1_500.0) && constant().flags(1_501.0));
}

#[test]
fn a_rare_value_within_the_floor_is_not_flagged() {
    let mut feed = Feed::default();
    for round in 0..12 {
        feed.next(100.0 + f64::from(round % 3) * 0.01);
    }
    assert!(!feed.flags(104.9));
}

#[test]
fn three_of_five_samples_must_agree_and_five_good_ones_end_it() {
    let mut feed = Feed::idle();
    let flagged = |feed: &mut Feed, value: f64| !feed.next(value).is_empty();
    let seen: Vec<bool> =
        [9.0, 0.0, 9.0, 0.0, 0.0, 9.0].map(|value| flagged(&mut feed, value)).into();
    assert_eq!(seen, [false; 6], "never three of five");
    assert!(flagged(&mut feed, 9.0), "9, 0, 0, 9, 9");
    let after: Vec<bool> = (0..6).map(|_| flagged(&mut feed, 0.0)).collect();
    assert_eq!(after, [true, true, true, true, false, false]);
}

#[test]
fn an_incident_never_becomes_normal_until_it_is_accepted() {
    let mut feed = Feed::idle();
    for _ in 0..2_000 {
        feed.next(500.0);
    }
    let flagged = feed.next(500.0);
    assert_eq!((flagged.len(), flagged[0].normal), (1, 0.0), "five hours later");
    assert_eq!(flagged[0].since_ms, 13 * TICK_MS, "the first sample that disagreed");
    assert!(feed.baselines.accept("io.write"));
    (0..20).for_each(|_| assert_eq!(feed.next(500.0), []));
}

#[test]
fn what_cannot_be_read_is_neither_learned_nor_judged() {
    let mut feed = Feed::idle();
    let unreadable = Reading { value: None, ..reading(0.0) };
    let not_a_number = Reading { value: Some(f64::NAN), ..reading(0.0) };
    for _ in 0..5 {
        assert_eq!(feed.take(&unreadable), []);
        assert_eq!(feed.take(&not_a_number), []);
    }
    assert!(feed.flags(500.0), "the normal is as it was");
}

#[test]
fn too_little_is_not_flagged() {
    assert!(!Feed::with_noise().flags(0.0) && !Feed::with_noise().flags(-500.0));
}

/// The readings of one tick: the process writes, and so do two sources.
fn tick(backfill_rows: f64) -> Vec<Reading> {
    let of = |source: &str, value| Reading {
        series: format!("write.{source}.rows"),
        source: Some(source.to_owned()),
        unit: "rows/s",
        ..reading(value)
    };
    let bytes = 10_000.0 + backfill_rows * 4_000.0;
    let process = Reading { floor: 50_000.0, ..reading(bytes) };
    let mut readings = vec![process, of("packets", 30.0)];
    // A source is listed only once it has written.
    readings.extend((backfill_rows > 0.0).then(|| of("backfill_path_json", backfill_rows)));
    readings
}

#[test]
fn a_backfill_that_begins_to_loop_is_named_within_a_minute() {
    // CoreScope#1119, 000-03, 001-08, 001-11
    let mut baselines = Baselines::default();
    let mut at_ms = 0;
    for _ in 0..360 {
        at_ms += TICK_MS;
        assert_eq!(baselines.observe(at_ms, &tick(0.0)), []);
    }
    let began_ms = at_ms;
    let flagged = loop {
        at_ms += TICK_MS;
        let flagged = baselines.observe(at_ms, &tick(500.0));
        if !flagged.is_empty() {
            break flagged;
        }
        assert!(at_ms - began_ms < 60_000, "not named within a minute");
    };
    let loops = flagged.iter().find(|d| d.series == "write.backfill_path_json.rows").unwrap();
    assert_eq!((loops.value, loops.normal, loops.score), (500.0, 0.0, None));
    assert_eq!(loops.since_ms, began_ms + TICK_MS);
    assert!(loops.what.contains("500 rows/s, normally 0.00 rows/s"), "{}", loops.what);
    let names: Vec<_> = flagged.iter().map(|d| d.source.as_deref()).collect();
    assert_eq!(names, [Some("backfill_path_json"); 2], "the process's bytes name it too");
}

#[test]
fn a_loop_is_named_from_a_real_ledger() {
    let ledger = Ledger::new(4096);
    let note = |source, rows| {
        let work = Work {
            component: source,
            shares: &[Share { source, rows, errors: 0 }],
            transactions: 1,
            wal_pages: Some(20),
            checkpointed_pages: 0,
            wait: Duration::ZERO,
            hold: Duration::from_millis(5),
        };
        ledger.note(&work, Duration::ZERO);
    };
    let mut baselines = Baselines::default();
    let (mut before, mut named_after) = (ledger.snapshot().sums, None);
    for second in 1..=400_u64 {
        note(Source::Packets, 20);
        if second > 300 {
            note(Source::Backfill("path_json"), 500);
        }
        if second % 10 == 0 {
            let after = ledger.snapshot().sums;
            let readings = of_ledger(&before, &after, 4120, TICK);
            let flagged = baselines.observe(second as i64 * 1000, &readings);
            before = after;
            assert!(second > 300 || flagged.is_empty(), "{flagged:?}");
            let name = flagged.into_iter().find_map(|deviation| deviation.source);
            named_after = named_after.or(name.map(|name| (name, second - 300)));
        }
    }
    let (name, seconds) = named_after.unwrap();
    assert_eq!(name, "backfill_path_json");
    assert!(seconds <= 60, "{seconds} s");
}

#[test]
fn normals_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db.baselines.json");
    assert_eq!(load(&path).unwrap(), Baselines::default(), "there is none yet");
    let feed = Feed::with_noise();
    save(&feed.baselines, &path).unwrap();
    let feed = Feed { baselines: load(&path).unwrap(), at_ms: 0 };
    assert!(feed.flags(500.0), "without learning afresh");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing temporary is left");
}

#[test]
fn a_file_that_is_not_ours_is_told_apart_and_never_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("normals.json");
    let with = |text: &str| {
        std::fs::write(&path, text).unwrap();
        load(&path).unwrap_err()
    };
    assert!(matches!(with("{\"version\":1,\"ser"), BaselineError::Malformed(_)));
    assert!(matches!(with("{\"version\":2,\"series\":{}}"), BaselineError::Version(2)));
    assert!(matches!(with(&" ".repeat(2 << 20)), BaselineError::TooLong));
    assert!(matches!(load(folder.path()).unwrap_err(), BaselineError::NotAFile));
    assert!(matches!(load(Path::new("/dev/null")).unwrap_err(), BaselineError::NotAFile));
}

#[test]
fn the_file_is_bounded_and_so_is_the_memory() {
    let mut baselines = Baselines::default();
    for number in 0..SERIES_MAX + 40 {
        let series = format!("series {number}");
        baselines.observe(0, &[Reading { series, ..reading(1.0) }]);
    }
    assert_eq!(baselines.series.len(), SERIES_MAX);
    let mut feed = Feed::default();
    for round in 0..20_000 {
        feed.next(123_456.789 + f64::from(round % 7));
    }
    assert_eq!(feed.baselines.series["io.write"].len(), SAMPLES_MAX);
    let text = file::text(&feed.baselines).unwrap();
    assert!(text.len() < SAMPLES_MAX * 12, "{}", text.len());
    let long = format!("{{\"version\":1,\"series\":{{\"x\":[{}1]}}}}", "1,".repeat(5_000));
    assert_eq!(file::parse(long.as_bytes()).unwrap().series["x"].len(), SAMPLES_MAX);
}

proptest! {
    #[test]
    fn half_of_the_values_lie_on_each_side_of_the_median(
        mut values in prop::collection::vec(-1e6_f64..1e6, 1..60)
    ) {
        let middle = median(&mut values);
        let half = values.len().div_ceil(2);
        prop_assert!(values.iter().filter(|value| **value <= middle).count() >= half);
        prop_assert!(values.iter().filter(|value| **value >= middle).count() >= half);
    }

    #[test]
    fn whatever_comes_a_flag_is_finite_and_names_a_time_that_was(
        values in prop::collection::vec(prop::num::f64::ANY, 1..80)
    ) {
        let mut feed = Feed::default();
        for value in values {
            for found in feed.next(value) {
                prop_assert!(found.value.is_finite() && found.normal.is_finite());
                prop_assert!(found.since_ms > 0 && found.since_ms <= feed.at_ms);
                prop_assert!(found.score.is_none_or(|score| !score.is_nan()));
            }
        }
    }
}
