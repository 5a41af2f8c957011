//! What tests share: the way to real input and the one door to snapshots.
#![allow(dead_code)]

pub mod api;
pub mod broker;
pub mod migrations;
pub mod ordered_json;
pub mod process;

use std::path::{Path, PathBuf};
use std::time::Duration;

use corescope::clock::Clock;
use corescope::db::ReaderOptions;
use serde::Serialize;

/// Returns the path of a file of the test data (`CORESCOPE_TEST_DATA`, default `../shared/data`).
/// Where it is absent the caller skips: says so on stderr here, and fails when `CI=true`.
pub fn data_file(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CORESCOPE_TEST_DATA")
        .map_or_else(|| crate_root().join("../shared/data"), PathBuf::from);
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    skip(&format!("{} is absent", path.display()));
    None
}

/// Says that a test is skipped and why; a skipped test is a failure when `CI=true`.
pub fn skip(reason: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "may not be skipped in CI: {reason}");
    eprintln!("SKIPPED: {reason}");
}

/// Readers that answer however busy the machine is: their limits are no part of the test.
pub fn patient(clock: Clock, threads: usize) -> ReaderOptions {
    let long = Duration::from_secs(60);
    ReaderOptions { clock, threads, wait_max: long, deadline: long, ..ReaderOptions::default() }
}

/// Returns the folder of Cargo.toml.
pub fn crate_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a body with `snapshots/<name>.snap`.
pub fn check_json<T: Serialize>(name: &str, value: &T) {
    settings().bind(|| insta::assert_json_snapshot!(name, value));
}

/// Compares a text with `snapshots/<name>.snap`.
pub fn check_text(name: &str, text: &str) {
    settings().bind(|| insta::assert_snapshot!(name, text));
}

fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(crate_root().join("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

/// Keys as they stand in the text (a parsed object has lost their order).
pub fn keys_in_order(text: &str) -> Vec<String> {
    fn collect(json: &ordered_json::OrderedJson, keys: &mut Vec<String>) {
        match json {
            ordered_json::OrderedJson::Object(fields) => {
                for (key, value) in fields {
                    keys.push(key.clone());
                    collect(value, keys);
                }
            }
            ordered_json::OrderedJson::Array(items) => {
                items.iter().for_each(|item| collect(item, keys));
            }
            ordered_json::OrderedJson::Plain(_) => {}
        }
    }
    let mut keys = Vec::new();
    collect(&serde_json::from_str(text).unwrap(), &mut keys);
    keys
}
