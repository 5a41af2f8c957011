//! The program and its broker, and what the program says of itself.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::clients::Clients;

/// Memory of the window over packets: small enough to be full within a run.
const WINDOW_MB: u64 = 32;

pub struct Broker {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Broker {
    /// `None` without Mosquitto.
    pub fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = folder.path().join("mosquitto.conf");
        let text = format!(
            "user root\nlistener {port} 127.0.0.1\nallow_anonymous true\n\
             max_queued_messages 0\nmax_inflight_messages 200\nlog_type error\n"
        );
        std::fs::write(&config, text).unwrap();
        let child = Command::new("mosquitto").arg("-c").arg(config).spawn().ok()?;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(Self { child, port, _folder: folder })
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub struct Program {
    child: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Program {
    /// Starts it on an empty database and waits until it hears the broker.
    pub fn start(broker: &Broker) -> Self {
        let folder = tempfile::tempdir_in(concat!(env!("CARGO_MANIFEST_DIR"), "/target")).unwrap();
        let config = serde_json::json!({
            "mqttSources": [{"name": "load", "broker": broker.url(), "topics": ["meshcore/#"]}],
            "packetStore": {"maxMemoryMB": WINDOW_MB},
        });
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        let binary = std::env::var_os("CORESCOPE_BENCH_BIN").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/release/corescope"),
            PathBuf::from,
        );
        let mut child = Command::new(binary)
            .args(["serve", "--bind", "127.0.0.1:0", "--config-dir"])
            .arg(folder.path())
            .env("CORESCOPE_INGESTOR_STATS", folder.path().join("stats.json"))
            .env_remove("DB_PATH")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let line = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let address = line.rsplit("http://").next().unwrap().trim().to_owned();
        let program = Self { child, address, folder };
        while program.metric("corescope_source_connected") != 1.0 {
            std::thread::sleep(Duration::from_millis(100));
        }
        // The topics are subscribed right after.
        std::thread::sleep(Duration::from_secs(1));
        program
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// One line of what it says of itself.
    pub fn tell(&self, seconds: u64, published: u64, clients: &Clients) {
        println!(
            "{seconds:>5} {published:>9} {:>8} {:>7.1} {:>7.1} {:>8} {:>9} {:>9} {:>9} {:>8.1} {:>9}",
            self.metric("corescope_ingest_committed_total"),
            self.metric("corescope_resident_memory_bytes") / 1_048_576.0,
            self.metric("corescope_window_bytes") / 1_048_576.0,
            self.metric("corescope_ingest_queue_depth"),
            self.metric("corescope_wal_pages"),
            self.metric("corescope_live_clients"),
            self.metric("corescope_live_dropped_total"),
            self.metric("corescope_event_loop_lag_seconds") * 1e3,
            clients.failures(),
        );
    }

    /// How long it took until all was stored.
    pub fn wait_until_stored(&self, acknowledged: u64) -> Duration {
        let start = Instant::now();
        while self.metric("corescope_ingest_committed_total") < acknowledged as f64
            && start.elapsed() < Duration::from_secs(120)
        {
            std::thread::sleep(Duration::from_millis(100));
        }
        start.elapsed()
    }

    /// The sum of a metric over its labels.
    fn metric(&self, name: &str) -> f64 {
        let answer = ureq::get(format!("http://{}/metrics", self.address)).call();
        let Ok(mut answer) = answer else { return f64::NAN };
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        let values = text.lines().filter_map(|line| {
            let (head, value) = line.rsplit_once(' ')?;
            (head.split('{').next() == Some(name)).then(|| value.parse::<f64>().ok())?
        });
        values.sum()
    }

    /// Ends it and counts what it stored, in the file.
    pub fn stop(mut self) -> u64 {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap();
        let conn = rusqlite::Connection::open(self.folder.path().join("data/meshcore.db")).unwrap();
        let count = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap();
        println!(
            "{} transmissions, {} nodes, {} observers",
            count("SELECT COUNT(*) FROM transmissions"),
            count("SELECT COUNT(*) FROM nodes"),
            count("SELECT COUNT(*) FROM observers")
        );
        count("SELECT COUNT(*) FROM observations")
    }
}
