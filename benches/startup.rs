//! From the start of the process to its first answers and to full coverage: `make bench-startup`.
//!
//! The real program (built by `make`) over a copy of a database of operator scale
//! (`CORESCOPE_BENCH_DB`, made by `corescope seed`); the page cache is dropped before where that is
//! allowed. `wrk` measures lists during and after loading where it is installed.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(300);
const PATHS: [&str; 3] = ["/api/stats", "/api/packets?limit=50", "/api/analytics/hash-sizes"];

fn main() {
    let Some(seed) = std::env::var_os("CORESCOPE_BENCH_DB").map(PathBuf::from) else {
        eprintln!("CORESCOPE_BENCH_DB names no database (corescope seed makes one): nothing done");
        return;
    };
    let program = std::env::var_os("CORESCOPE_BENCH_BIN").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/release/corescope"),
        PathBuf::from,
    );
    let folder = tempfile::tempdir_in(seed.parent().unwrap()).unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("config.json"), "{}").unwrap();
    let database = folder.path().join("data/meshcore.db");
    std::fs::copy(&seed, &database).unwrap();
    // Once, so that migrations are done and the runs find the same database.
    let mut first = Running::start(&program, folder.path());
    first.wait_for("migrations", |healthz| healthz["async_migrations_running"] == false);
    first.stop();
    for is_cold in [true, false] {
        measure(&program, folder.path(), is_cold);
    }
}

fn measure(program: &Path, folder: &Path, is_cold: bool) {
    let is_cold = is_cold && drop_page_cache(&folder.join("data/meshcore.db"));
    println!("--- page cache {}", if is_cold { "cold" } else { "warm" });
    let mut running = Running::start(program, folder);
    for path in PATHS {
        let answered = running.first_answer(path);
        println!("start -> {path:28} {:8.3} s", answered.as_secs_f64());
    }
    if let Some(line) = wrk(&running.address, PATHS[1], 1) {
        println!("while loading, limit=50:   {line}");
    }
    let started = running.started;
    let store = running.store(|store| {
        store["backgroundLoadComplete"] == true || store["backgroundLoadFailed"] == true
    });
    let covered = started.elapsed();
    println!(
        "start -> full coverage ({:.1} %) {:8.3} s",
        store["loadCoverageRatio"].as_f64().unwrap_or(0.0) * 100.0,
        covered.as_secs_f64()
    );
    let observations = store["totalObservations"].as_f64().unwrap_or(1.0).max(1.0);
    let tracked = store["trackedMB"].as_f64().unwrap_or(0.0);
    println!(
        "in memory: {} transmissions, {observations} observations, {tracked} MB, {:.1} B each",
        store["totalLoaded"],
        tracked * 1_048_576.0 / observations
    );
    println!("peak RSS after loading: {:.1} MB", running.peak_mb());
    for path in ["/api/stats", "/api/healthz", "/api/packets?limit=50"] {
        if let Some(line) = wrk(&running.address, path, 3) {
            println!("loaded, {path:24} {line}");
        }
    }
    println!("peak RSS after requests: {:.1} MB", running.peak_mb());
    running.stop();
}

struct Running {
    child: Child,
    address: String,
    started: Instant,
}

impl Running {
    fn start(program: &Path, folder: &Path) -> Self {
        let started = Instant::now();
        let mut child = Command::new(program)
            .args(["serve", "--bind", "127.0.0.1:0", "--config-dir"])
            .arg(folder)
            .env("CORESCOPE_INGESTOR_STATS", folder.join("stats.json"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let line = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let address = line.rsplit("http://").next().unwrap().trim().to_owned();
        Self { child, address, started }
    }

    fn get(&self, path: &str) -> Option<Value> {
        let mut answer = ureq::get(format!("http://{}{path}", self.address)).call().ok()?;
        serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()
    }

    fn first_answer(&self, path: &str) -> Duration {
        while self.get(path).is_none() && self.started.elapsed() < PATIENCE {
            sleep(Duration::from_millis(1));
        }
        self.started.elapsed()
    }

    fn store(&self, is_met: impl Fn(&Value) -> bool) -> Value {
        loop {
            let store = self.get("/api/perf").map(|perf| perf["packetStore"].clone());
            if let Some(store) = store.filter(|store| is_met(store)) {
                return store;
            }
            assert!(self.started.elapsed() < PATIENCE, "it does not end");
            sleep(Duration::from_millis(10));
        }
    }

    fn wait_for(&mut self, what: &str, is_met: impl Fn(&Value) -> bool) {
        while !self.get("/api/healthz").is_some_and(|healthz| is_met(&healthz)) {
            assert!(self.started.elapsed() < PATIENCE, "{what} do not end");
            sleep(Duration::from_millis(200));
        }
    }

    fn peak_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kib.unwrap_or(0.0) / 1024.0
    }

    fn stop(&mut self) {
        let id = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

/// `false` where that is not allowed.
fn drop_page_cache(database: &Path) -> bool {
    let file = std::fs::File::open(database).unwrap();
    let _ = file.sync_all();
    std::fs::write("/proc/sys/vm/drop_caches", "1").is_ok()
}

/// Requests a second and p99, if `wrk` is there.
fn wrk(address: &str, path: &str, seconds: u32) -> Option<String> {
    let output = Command::new("wrk")
        .args(["-t2", "-c64", "--latency", &format!("-d{seconds}s")])
        .arg(format!("http://{address}{path}"))
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let part = |start: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(start))?;
        line.split_whitespace().last().map(str::to_owned)
    };
    let errors = part("Non-2xx").map_or(String::new(), |count| format!(", {count} errors"));
    Some(format!("{:>10} req/s, p99 {}{errors}", part("Requests/sec")?, part("99%")?))
}
