//! The stats file as it is written.

use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use corescope::perf::stats_file::{StatsFile, publish};

use super::rates;
use crate::support::data_file;

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The original's file is read and written again byte by byte: names, order, numbers, types
/// (000-09).
#[test]
fn the_originals_file_survives_both_directions() {
    let Some(path) = data_file("original-responses/ingestor-stats-file.json") else { return };
    let original = std::fs::read(path).unwrap();
    let content = StatsFile::decode(&original).unwrap();
    assert_eq!(content.writer_perf["vacuum"].hold_ms_max, 0.17391);
    assert_eq!(content.source_statuses[0].last_connect_unix, 1_795_345_718);
    let mut again = Vec::new();
    content.encode(&mut again).unwrap();
    assert_eq!(String::from_utf8(again).unwrap(), String::from_utf8(original).unwrap());
}

/// What is empty is left out, but for the counters and `backfillUpdates`.
#[test]
fn an_empty_content_has_the_fixed_fields_only() {
    let mut content = StatsFile::default();
    content.stamp(1_784_364_457, None);
    let mut text = Vec::new();
    content.encode(&mut text).unwrap();
    let expected = concat!(
        r#"{"sampledAt":"2026-07-18T08:47:37Z","tx_inserted":0,"obs_inserted":0,"tx_dupes":0,"#,
        r#""node_upserts":0,"observer_upserts":0,"write_errors":0,"sig_drops":0,"walCommits":0,"#,
        r#""groupCommitFlushes":0,"backfillUpdates":{}}"#
    );
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

/// 000-17.
#[test]
fn both_times_of_a_file_are_the_same_text() {
    let mut content = StatsFile::default();
    content.stamp(1_784_364_457, Some(rates([0.0, 4_096.5, 0.0, 2.0, 1.0])));
    let mut text = Vec::new();
    content.encode(&mut text).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(json["sampledAt"], "2026-07-18T08:47:37Z");
    assert_eq!(json["procIO"]["sampledAt"], json["sampledAt"]);
    assert!(json["procIO"]["writeBytesPerSec"].is_f64());
    assert!(json["tx_inserted"].is_u64());
}

/// 001-06, decision 39.
#[test]
fn a_file_is_ours_alone_and_replaced_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stats.json");
    publish(&path, b"one").unwrap();
    let first = std::fs::metadata(&path).unwrap().ino();
    publish(&path, b"two").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"two");
    assert_ne!(std::fs::metadata(&path).unwrap().ino(), first, "it was written in place");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(names(folder.path()), ["stats.json"]);
}

#[test]
fn a_link_planted_at_the_temporary_name_is_never_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, victim) = (folder.path().join("stats.json"), folder.path().join("victim"));
    std::fs::write(&victim, "precious").unwrap();
    symlink(&victim, folder.path().join("stats.json.tmp")).unwrap();
    publish(&path, b"figures").unwrap();
    assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
    assert_eq!(std::fs::read(&path).unwrap(), b"figures");
    assert!(std::fs::symlink_metadata(&path).unwrap().is_file());
}

/// 000-20.
#[test]
fn a_link_at_the_files_own_name_is_replaced_and_its_target_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (path, victim) = (folder.path().join("stats.json"), folder.path().join("victim"));
    std::fs::write(&victim, "precious").unwrap();
    symlink(&victim, &path).unwrap();
    publish(&path, b"figures").unwrap();
    assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
    assert!(std::fs::symlink_metadata(&path).unwrap().is_file());
}

/// A temporary file that a dead process left behind has any mode; the new one has ours.
#[test]
fn a_stale_temporary_file_is_removed_first() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (path, stale) = (folder.path().join("s"), folder.path().join("s.tmp"));
    std::fs::write(&stale, "a longer text that is old").unwrap();
    std::fs::set_permissions(&stale, std::fs::Permissions::from_mode(0o666)).unwrap();
    publish(&path, b"new").unwrap();
    assert_eq!((std::fs::read(&path).unwrap(), mode(&path)), (b"new".to_vec(), 0o600));
}

#[test]
fn what_cannot_be_written_says_which_step_failed_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent/stats.json");
    let error = publish(&absent, b"x").unwrap_err();
    assert_eq!(error.step, "create");
    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    std::fs::write(taken.join("inside"), "").unwrap();
    let error = publish(&taken, b"x").unwrap_err();
    assert_eq!((error.step, error.path.as_path()), ("replace", taken.as_path()));
    assert_eq!(names(folder.path()), ["taken"]);
    std::fs::create_dir(folder.path().join("file.tmp")).unwrap();
    let error = publish(&folder.path().join("file"), b"x").unwrap_err();
    assert_eq!(error.step, "remove");
}
