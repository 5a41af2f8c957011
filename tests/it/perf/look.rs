//! Looking at a stats file of another process: whatever lies there has a name.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use corescope::perf::ingestor::{Freshness, IngestorStats, Origin, StatsError};
use corescope::perf::stats_file::{FILE_BYTES_MAX, LookError, Looked, Watcher, publish};

use super::{NOW_MS, rates, stats_text};
use crate::support::{data_file, skip};

const NOW: &str = "2026-07-18T08:47:37Z";

fn look(path: &Path) -> Result<Looked, LookError> {
    Watcher::new(path.to_owned()).look(NOW_MS)
}

fn peek(text: &str) -> Result<IngestorStats, StatsError> {
    IngestorStats::peek(text.as_bytes(), Origin::Beside, NOW_MS)
}

/// 000-13, 000-14.
#[test]
fn a_file_is_read_once_however_often_it_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stats.json");
    publish(&path, stats_text(NOW).as_bytes()).unwrap();
    let mut watcher = Watcher::new(path.clone());
    let Ok(Looked::Changed(stats)) = watcher.look(NOW_MS) else { panic!("not read") };
    assert_eq!(stats.rates, Some(rates([0.0, 4_096.5, 0.0, 2.0, 1.0])));
    for _ in 0..100 {
        assert!(matches!(watcher.look(NOW_MS), Ok(Looked::Unchanged)));
    }
    publish(&path, stats_text("2026-07-18T08:47:38Z").as_bytes()).unwrap();
    let Ok(Looked::Changed(stats)) = watcher.look(NOW_MS) else { panic!("not read again") };
    assert_eq!(stats.sampled_at_ms, NOW_MS + 1_000);
}

/// A new file of the same time and size is another file.
#[test]
fn a_file_that_took_anothers_place_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stats.json");
    let time = std::fs::FileTimes::new()
        .set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_784_364_457));
    let put = |sampled_at: &str| {
        publish(&path, stats_text(sampled_at).as_bytes()).unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_times(time).unwrap();
    };
    put(NOW);
    let mut watcher = Watcher::new(path.clone());
    watcher.look(NOW_MS).unwrap();
    put("2026-07-18T08:47:38Z");
    assert!(matches!(watcher.look(NOW_MS), Ok(Looked::Changed(_))));
}

/// 000-08.
#[test]
fn a_file_that_comes_and_goes_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stats.json");
    let mut watcher = Watcher::new(path.clone());
    assert!(matches!(watcher.look(NOW_MS), Err(LookError::Missing)));
    publish(&path, stats_text(NOW).as_bytes()).unwrap();
    assert!(matches!(watcher.look(NOW_MS), Ok(Looked::Changed(_))));
    let aside = folder.path().join("aside");
    std::fs::rename(&path, &aside).unwrap();
    assert!(matches!(watcher.look(NOW_MS), Err(LookError::Missing)));
    std::fs::rename(&aside, &path).unwrap();
    assert!(matches!(watcher.look(NOW_MS), Ok(Looked::Changed(_))), "a failure was remembered");
}

#[test]
fn what_is_no_regular_file_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(look(folder.path()), Err(LookError::NotAFile("a folder"))));
    let pipe = folder.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, mode, 0).unwrap();
    assert!(matches!(look(&pipe), Err(LookError::NotAFile("a pipe"))), "it would block for ever");
    let (link, file) = (folder.path().join("link"), folder.path().join("file"));
    publish(&file, stats_text(NOW).as_bytes()).unwrap();
    symlink(&file, &link).unwrap();
    assert!(matches!(look(&link), Err(LookError::NotAFile("a link"))));
    let device = Path::new("/dev/zero");
    assert!(matches!(look(device), Err(LookError::NotAFile("a device or a socket"))));
}

#[test]
fn a_file_of_100_mb_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(100 << 20).unwrap();
    assert!(matches!(look(&path), Err(LookError::TooLarge(bytes)) if bytes == 100 << 20));
    let fitting = stats_text(NOW) + &" ".repeat(FILE_BYTES_MAX as usize - stats_text(NOW).len());
    std::fs::write(&path, &fitting).unwrap();
    assert!(matches!(look(&path), Ok(Looked::Changed(_))), "exactly the bound is read");
    std::fs::write(&path, fitting + " ").unwrap();
    assert!(matches!(look(&path), Err(LookError::TooLarge(_))));
}

#[test]
fn a_file_that_may_not_be_read_says_so() {
    if rustix::process::geteuid().is_root() {
        return eprintln!("not tried: root may read everything");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stats.json");
    publish(&path, stats_text(NOW).as_bytes()).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let error = look(&path).unwrap_err();
    assert_eq!(error.to_string(), "it cannot be read: permission denied");
}

#[test]
fn a_file_of_somebody_else_is_not_believed() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("not tried: only root can give a file away");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stats.json");
    publish(&path, stats_text(NOW).as_bytes()).unwrap();
    let other = rustix::fs::Uid::from_raw(1_234);
    if rustix::fs::chown(&path, Some(other), None).is_err() {
        return skip("files cannot be given away here");
    }
    assert!(matches!(look(&path), Err(LookError::Foreign(1_234))));
}

/// 000-08: every prefix of a file, as a writer without rename would leave it.
#[test]
fn a_half_written_file_is_malformed_at_any_length() {
    let text = stats_text(NOW);
    for length in (0..text.len()).step_by(7) {
        let found = IngestorStats::peek(&text.as_bytes()[..length], Origin::Beside, NOW_MS);
        assert!(matches!(found, Err(StatsError::Malformed(_))), "{length} bytes");
    }
    for text in ["null", "[]", "7", r#"{"sampledAt":7}"#, r#"{"procIO":{"syscallsRead":"x"}}"#] {
        assert!(
            matches!(peek(text), Err(StatsError::Malformed(_) | StatsError::Undated)),
            "{text}"
        );
    }
    let deep = format!("{{\"x\":{}", "[".repeat(100_000));
    assert!(matches!(peek(&deep), Err(StatsError::Malformed(_))));
}

/// Contract §2.6 (c): the top-level time, else that of the rates; none is no sample (000-26).
#[test]
fn a_sample_has_a_time_or_is_none() {
    let io = r#""readBytesPerSec":1,"writeBytesPerSec":2,"cancelledWriteBytesPerSec":3,
        "syscallsRead":4,"syscallsWrite":5"#;
    let inner = format!(r#"{{"procIO":{{{io},"sampledAt":"{NOW}"}}}}"#);
    assert_eq!(peek(&inner).unwrap().sampled_at_ms, NOW_MS);
    assert!(matches!(peek(&format!(r#"{{"procIO":{{{io}}}}}"#)), Err(StatsError::Undated)));
    assert!(matches!(peek("{}"), Err(StatsError::Undated)));
    assert!(matches!(peek(r#"{"sampledAt":""}"#), Err(StatsError::Undated)));
    assert!(matches!(peek(r#"{"sampledAt":"noon"}"#), Err(StatsError::BadTime)));
    let without = peek(&format!(r#"{{"sampledAt":"{NOW}"}}"#)).unwrap();
    assert_eq!(without.rates, None, "absent rates are not zero");
    let negative = inner.replace(":2,", ":-2,");
    assert!(matches!(peek(&negative), Err(StatsError::BadRates)));
}

/// 000-06, 000-28.
#[test]
fn a_sample_is_fresh_for_exactly_five_seconds() {
    let stats = peek(&stats_text(NOW)).unwrap();
    let cases = [
        (0, Freshness::Fresh),
        (5_000, Freshness::Fresh),
        (5_001, Freshness::Stale),
        (3_600_000, Freshness::Stale),
        (-5_000, Freshness::Fresh),
        (-5_001, Freshness::Ahead),
    ];
    for (after_ms, expected) in cases {
        assert_eq!(stats.freshness(NOW_MS + after_ms), expected, "{after_ms} ms later");
    }
}

/// A file that nobody writes any more does not become fresh because its hour has come.
#[test]
fn a_sample_from_the_future_never_becomes_fresh() {
    let stats = peek(&stats_text("2026-07-18T09:47:37Z")).unwrap();
    assert_eq!(stats.freshness(NOW_MS), Freshness::Ahead);
    assert_eq!(stats.freshness(NOW_MS + 3_600_000), Freshness::Ahead);
    assert_eq!(stats.freshness(NOW_MS + 3_606_000), Freshness::Stale);
}

#[test]
fn the_originals_file_is_understood() {
    let Some(path) = data_file("original-responses/ingestor-stats-file.json") else { return };
    let text = std::fs::read(path).unwrap();
    let stats = IngestorStats::peek(&text, Origin::Beside, NOW_MS).unwrap();
    assert_eq!(stats.sampled_at, "2026-11-22T11:58:53Z");
    assert_eq!(stats.rates.unwrap().write_bytes_per_sec, 4_097.929_526_509_275);
}
