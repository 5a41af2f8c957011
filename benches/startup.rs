//! From the start of the process to its first answers and to full coverage: `make bench-startup`.
//!
//! The real program (built by `make`) over a copy of a database of operator scale
//! (`CORESCOPE_BENCH_DB`, made by `corescope seed`); the page cache is dropped before where that is
//! allowed. `wrk` measures lists while it loads where it is installed.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod support;

use std::path::Path;

use serde_json::json;
use support::figures::{median, tell};
use support::program::{Program, drop_page_cache, folder_over, load, seed};

const RUNS: usize = 3;
const PATHS: [(&str, &str); 3] = [
    ("stats", "/api/stats"),
    ("packets", "/api/packets?limit=50"),
    ("hash-sizes", "/api/analytics/hash-sizes"),
];

fn main() {
    let Some(seed) = seed() else { return };
    let folder = folder_over(&seed, &json!({}));
    // Once, so that migrations are done and the runs find the same database.
    let first = Program::start(folder.path());
    first.wait_for_migrations();
    first.stop();
    for cache in ["cold", "warm"] {
        for (name, path) in PATHS {
            tell(&format!("start.{name}.{cache}"), first_answer(folder.path(), cache, path), "s");
        }
        cover(folder.path(), cache);
    }
}

fn start(folder: &Path, cache: &str) -> Program {
    if cache == "cold" && !drop_page_cache(&folder.join("data/meshcore.db")) {
        eprintln!("the page cache could not be dropped: it is warm");
    }
    Program::start(folder)
}

/// Each path is the first that is asked for after a start of its own.
fn first_answer(folder: &Path, cache: &str, path: &str) -> f64 {
    let times = (0..RUNS).map(|_| {
        let program = start(folder, cache);
        let answered = program.first_answer(path).as_secs_f64();
        program.stop();
        answered
    });
    median(times.collect())
}

fn cover(folder: &Path, cache: &str) {
    let program = start(folder, cache);
    if cache == "warm"
        && let Some(load) = load(&program.address, PATHS[1].1, 64, 1)
    {
        tell("start.packets-while-loading.per-s", load.per_s, "req/s");
    }
    program.stop();
    let program = start(folder, cache);
    let store = program.wait_for_window();
    tell(&format!("start.covered.{cache}"), program.started.elapsed().as_secs_f64(), "s");
    let ratio = store["loadCoverageRatio"].as_f64().unwrap_or(0.0);
    tell(&format!("start.coverage.{cache}"), ratio * 100.0, "%");
    tell(&format!("start.processor.{cache}"), program.processor_s(), "s");
    let observations = store["totalObservations"].as_f64().unwrap_or(1.0).max(1.0);
    let tracked = store["trackedMB"].as_f64().unwrap_or(0.0);
    tell("start.bytes-each", tracked * 1_048_576.0 / observations, "B");
    tell("start.peak", program.peak_mb(), "MB");
    program.stop();
}
