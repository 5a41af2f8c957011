//! Cost as the work grows: the same questions at 0.1, 1 and 10 times operator scale, each over a
//! database that `corescope seed` makes once: `make bench-scale`. Files of 0.1, 1 and 10 GB stand
//! in `CORESCOPE_BENCH_DIR`; `CORESCOPE_BENCH_FACTORS` names other sizes, `0.1,1` for example.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::json;
use support::figures::tell;
use support::program::{Program, binary, drop_page_cache, load};

const TRANSMISSIONS: f64 = 71_000.0;
const OBSERVATIONS: f64 = 1_500_000.0;

fn main() {
    let Some(base) = std::env::var_os("CORESCOPE_BENCH_DIR").map(PathBuf::from) else {
        eprintln!("CORESCOPE_BENCH_DIR names no folder for large files: nothing done");
        return;
    };
    let factors = std::env::var("CORESCOPE_BENCH_FACTORS").unwrap_or("0.1,1,10".to_owned());
    for factor in factors.split(',') {
        measure(&base, factor.trim());
    }
}

fn measure(base: &Path, factor: &str) {
    let folder = base.join(format!("scale-{factor}"));
    let database = folder.join("data/meshcore.db");
    let figure = |name: &str, value: f64, unit: &str| {
        tell(&format!("scale.{name}.{factor}"), value, unit);
    };
    if !database.exists() {
        seed(&folder, factor.parse().unwrap());
    }
    let upgraded = folder.join("upgraded");
    if !upgraded.exists() {
        // As it comes from the original: the first start has everything to do.
        let program = Program::start(&folder);
        program.wait_for_migrations();
        figure("upgrade-s", program.started.elapsed().as_secs_f64(), "s");
        program.stop();
        std::fs::write(upgraded, "").unwrap();
    }
    figure("file-MB", std::fs::metadata(&database).unwrap().len() as f64 / 1e6, "MB");
    if !drop_page_cache(&database) {
        eprintln!("the page cache could not be dropped: it is warm");
    }
    let program = Program::start(&folder);
    for (name, path) in [
        ("first-stats-s", "/api/stats"),
        ("first-packets-s", "/api/packets?limit=50"),
        ("first-hash-sizes-s", "/api/analytics/hash-sizes"),
    ] {
        figure(name, program.first_answer(path).as_secs_f64(), "s");
    }
    let store = program.wait_for_window();
    figure("covered-s", program.started.elapsed().as_secs_f64(), "s");
    figure("coverage", store["loadCoverageRatio"].as_f64().unwrap_or(0.0) * 100.0, "%");
    figure("peak-MB", program.peak_mb(), "MB");
    for (name, path) in [
        ("packets-ms", "/api/packets?limit=50"),
        ("deep-ms", "/api/packets?limit=50&offset=60000"),
        ("rf-ms", "/api/analytics/rf"),
    ] {
        if let Some(load) = load(&program.address, path, 1, 2) {
            figure(name, load.p50_ms, "ms");
        }
    }
    program.stop();
}

fn seed(folder: &Path, factor: f64) {
    std::fs::create_dir_all(folder.join("data")).unwrap();
    std::fs::write(folder.join("config.json"), json!({}).to_string()).unwrap();
    let begun = Instant::now();
    let made = Command::new(binary())
        .args(["seed", "--lean", "--db"])
        .arg(folder.join("data/meshcore.db"))
        .args(["--transmissions", &format!("{:.0}", TRANSMISSIONS * factor)])
        .args(["--observations", &format!("{:.0}", OBSERVATIONS * factor)])
        .status();
    assert!(made.unwrap().success());
    eprintln!("seeded in {:.0} s", begun.elapsed().as_secs_f64());
}
