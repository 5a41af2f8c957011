//! The real program (built by `make`) over a folder of its own, and a load on it.
#![allow(dead_code, reason = "not every bench needs all of it")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(1_800);

/// The database of operator scale that is measured on, if one is named.
pub fn seed() -> Option<PathBuf> {
    let seed = std::env::var_os("CORESCOPE_BENCH_DB").map(PathBuf::from);
    if seed.is_none() {
        eprintln!("CORESCOPE_BENCH_DB names no database (corescope seed makes one): nothing done");
    }
    seed
}

/// The release build, or `CORESCOPE_BENCH_BIN`.
pub fn binary() -> PathBuf {
    std::env::var_os("CORESCOPE_BENCH_BIN").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/release/corescope"),
        PathBuf::from,
    )
}

/// A folder with a copy of `seed` and this configuration, on the same disk as `seed`.
pub fn folder_over(seed: &Path, config: &Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir_in(seed.parent().unwrap()).unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    std::fs::copy(seed, folder.path().join("data/meshcore.db")).unwrap();
    folder
}

/// A `corescope serve`. Killed when dropped.
pub struct Program {
    child: Child,
    /// Host and port.
    pub address: String,
    /// When it was started.
    pub started: Instant,
}

impl Program {
    /// Starts it and waits until it says where it listens.
    pub fn start(folder: &Path) -> Self {
        Self::start_logging(folder, Stdio::null())
    }

    /// As [`Self::start`], with its log sent somewhere.
    pub fn start_logging(folder: &Path, log: Stdio) -> Self {
        let started = Instant::now();
        let mut child = Command::new(binary())
            .args(["serve", "--bind", "127.0.0.1:0", "--config-dir"])
            .arg(folder)
            .env("CORESCOPE_INGESTOR_STATS", folder.join("stats.json"))
            .env_remove("DB_PATH")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let line = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let address = line.rsplit("http://").next().unwrap().trim().to_owned();
        Self { child, address, started }
    }

    /// The body, if the answer is one.
    pub fn get(&self, path: &str) -> Option<Value> {
        let mut answer = ureq::get(format!("http://{}{path}", self.address)).call().ok()?;
        serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()
    }

    /// The sum of a metric over its labels.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let mut answer = ureq::get(format!("http://{}/metrics", self.address)).call().ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        let values = text.lines().filter_map(|line| {
            let (head, value) = line.rsplit_once(' ')?;
            (head.split('{').next() == Some(name)).then(|| value.parse::<f64>().ok())?
        });
        values.reduce(|sum, value| sum + value)
    }

    /// From the start of the process to the first answer.
    pub fn first_answer(&self, path: &str) -> Duration {
        while self.get(path).is_none() && self.started.elapsed() < PATIENCE {
            sleep(Duration::from_millis(1));
        }
        self.started.elapsed()
    }

    /// Asks until the body is as wanted.
    pub fn wait_for(&self, path: &str, is_met: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Some(body) = self.get(path).filter(|body| is_met(body)) {
                return body;
            }
            assert!(self.started.elapsed() < PATIENCE, "{path} does not become as wanted");
            sleep(Duration::from_millis(10));
        }
    }

    /// Waits for all migrations but those that wait for an operator: a long index.
    pub fn wait_for_migrations(&self) {
        self.wait_for("/api/healthz", |healthz| {
            let tasks = healthz["pending_warmup_tasks"].as_array().cloned().unwrap_or_default();
            let is_left_to_operator = |task: &Value| task["state"] == "awaiting_approval";
            healthz["async_migrations_running"] == false
                || (!tasks.is_empty() && tasks.iter().all(is_left_to_operator))
        });
    }

    /// Waits until the RAM window has what it can have.
    pub fn wait_for_window(&self) -> Value {
        let perf = self.wait_for("/api/perf", |perf| {
            let store = &perf["packetStore"];
            store["backgroundLoadComplete"] == true || store["backgroundLoadFailed"] == true
        });
        perf["packetStore"].clone()
    }

    /// The most memory that it had, MB.
    pub fn peak_mb(&self) -> f64 {
        self.status_kib("VmHWM:") / 1024.0
    }

    /// The memory that it has, MB.
    pub fn resident_mb(&self) -> f64 {
        self.status_kib("VmRSS:") / 1024.0
    }

    fn status_kib(&self, name: &str) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0.0)
    }

    /// Seconds of processor time that it has used.
    pub fn processor_s(&self) -> f64 {
        let stat = self.proc("stat");
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        let ticks: f64 = after_name.split(' ').skip(11).take(2).flat_map(str::parse::<f64>).sum();
        ticks / 100.0
    }

    /// Bytes that it has sent to the disk.
    pub fn written_bytes(&self) -> f64 {
        let io = self.proc("io");
        let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
        line.and_then(|text| text.parse().ok()).unwrap_or(0.0)
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap_or_default()
    }

    /// Ends it in order.
    pub fn stop(mut self) {
        let id = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `false` where that is not allowed.
pub fn drop_page_cache(database: &Path) -> bool {
    let file = std::fs::File::open(database).unwrap();
    let _ = file.sync_all();
    std::fs::write("/proc/sys/vm/drop_caches", "1").is_ok()
}

/// What `wrk` found.
pub struct Load {
    /// Requests a second.
    pub per_s: f64,
    /// Of a hundred requests the slowest but one, milliseconds.
    pub p99_ms: f64,
    /// Half of all requests were quicker, milliseconds.
    pub p50_ms: f64,
    /// Answers that were none.
    pub errors: f64,
}

/// Two threads with `connections` open connections for some seconds; `None` without `wrk`.
pub fn load(address: &str, path: &str, connections: u32, seconds: u32) -> Option<Load> {
    let threads = connections.min(2);
    let mut command = Command::new("wrk");
    command
        .args([&format!("-t{threads}"), &format!("-c{connections}"), &format!("-d{seconds}s")])
        .arg(format!("http://{address}{path}"));
    run(command)
}

/// Runs `wrk` with these arguments; `None` without it.
pub fn run(mut command: Command) -> Option<Load> {
    let output = command.arg("--latency").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let part = |start: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(start))?;
        line.split_whitespace().last().map(str::to_owned)
    };
    Some(Load {
        per_s: part("Requests/sec")?.parse().ok()?,
        p99_ms: milliseconds(&part("99%")?)?,
        p50_ms: milliseconds(&part("50%")?)?,
        errors: part("Non-2xx").and_then(|count| count.parse().ok()).unwrap_or(0.0),
    })
}

fn milliseconds(text: &str) -> Option<f64> {
    let split = text.find(|c: char| c.is_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let scale = match unit {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 6e4,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|number| number * scale)
}
