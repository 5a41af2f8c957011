//! The program with everything around it: a broker behind a relay, a publisher, readers, an older
//! database that is being upgraded and pruned.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::disk::Disk;
use super::proxy::Proxy;
use super::publisher::Publisher;
use crate::support::broker::Broker;
use crate::support::process::{Process, wait_for};
use crate::support::skip;

/// Days of seeded packets that retention leaves; the seed covers 30.
pub const PACKET_DAYS: i64 = 15;
const READERS: [&str; 5] =
    ["/api/stats", "/api/healthz", "/api/packets?limit=50", "/api/nodes?limit=50", "/api/perf"];

/// How much of everything there is.
#[derive(Clone, Copy)]
pub struct Plan {
    /// Packets of the older database.
    pub seeded: usize,
    /// Messages a second.
    pub rate: u64,
    /// Rows of a step of the upgrade: few make it last.
    pub batch_rows: u32,
}

/// Everything that runs.
pub struct World {
    pub process: Process,
    pub publisher: Publisher,
    pub proxy: Proxy,
    pub broker: Broker,
    pub disk: Option<Disk>,
    pub plan: Plan,
    readers: Readers,
    /// The older database as it was.
    pub original: PathBuf,
    is_mounted: bool,
}

impl World {
    /// Starts everything; `None` (said) without Mosquitto.
    pub fn start(plan: Plan) -> Option<Self> {
        let broker = Broker::start()?;
        let proxy = Proxy::start(broker.port());
        let gently = json!({"batchRowsMax": plan.batch_rows, "dutyCycle": 0.05});
        let mut process = Process::prepare(&config(&proxy, &gently));
        let data = process.folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let is_mounted = mount(&data);
        let original = process.folder.path().join("original.db");
        let observations = (plan.seeded * 8).to_string();
        let seeded = process
            .command(&["seed", "--lean", "--transmissions", &plan.seeded.to_string()])
            .args(["--observations", &observations, "--db"])
            .arg(&original)
            .output()
            .unwrap();
        assert!(seeded.status.success(), "{}", String::from_utf8_lossy(&seeded.stderr));
        std::fs::copy(&original, process.database()).unwrap();
        let disk = Disk::prepare(process.folder.path());
        process.environment = disk.as_ref().map(Disk::environment).unwrap_or_default();
        process.start();
        let readers = Readers::start();
        readers.look_at(process.address());
        // What is published before there is a session is nobody's.
        wait_for(|| process.log().contains("subscribed").then_some(()))
            .unwrap_or_else(|| panic!("not subscribed\n{}", process.log()));
        let publisher = Publisher::start(broker.port(), plan.rate);
        Some(Self { process, publisher, proxy, broker, disk, plan, readers, original, is_mounted })
    }

    /// Starts the program again after it has ended.
    pub fn restart(&mut self) {
        self.process.start();
        self.readers.look_at(self.process.address());
    }

    /// Whether the database lies on a small volume of its own.
    pub fn has_volume(&self) -> bool {
        self.is_mounted
    }

    /// Waits until the program says that it subscribed after so many bytes of its log.
    pub fn subscribed_anew(&self, after: usize) {
        self.says(after, "subscribed");
    }

    /// Waits until everything that is acknowledged is stored, as long as there is progress.
    pub fn drained(&self) {
        let (database, all) = (self.process.database(), self.publisher.acknowledged().len() as i64);
        let mut stored = super::count::stored(&database);
        while stored < all {
            let has_grown = || (super::count::stored(&database) > stored).then_some(());
            wait_for(has_grown).unwrap_or_else(|| {
                let missing = super::count::missing(self);
                panic!("not stored of {all}: {missing:?}\n{}", self.process.log())
            });
            stored = super::count::stored(&database);
        }
    }

    /// Waits until one more message is stored than there were.
    pub fn works_again(&self, what: &str) {
        let before = self.stored();
        wait_for(|| (self.stored() > before).then_some(())).unwrap_or_else(|| {
            panic!("nothing is stored any more after {what}\n{}", self.process.log())
        });
    }

    /// Messages that the program says it has stored since its start.
    fn stored(&self) -> i64 {
        self.metric("corescope_ingest_committed_total")
    }

    /// How often its connection to the broker has ended since its start.
    pub fn disconnects(&self) -> i64 {
        self.metric("corescope_source_disconnects_total")
    }

    /// Waits until its connection has ended once more than `before`.
    pub fn disconnected_since(&self, before: i64) {
        wait_for(|| (self.disconnects() > before).then_some(()))
            .unwrap_or_else(|| panic!("still connected\n{}", self.process.log()));
    }

    fn metric(&self, name: &str) -> i64 {
        let text = self.metrics();
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(-1)
    }

    /// What Prometheus would see.
    pub fn metrics(&self) -> String {
        let answer = ureq::get(&self.process.url("/metrics")).call();
        answer.map_or_else(
            |error| panic!("{error}\n{}", self.process.log()),
            |mut answer| answer.body_mut().read_to_string().unwrap(),
        )
    }

    /// Waits for a line of the log that was not there `after` so many bytes.
    pub fn says(&self, after: usize, words: &str) {
        wait_for(|| self.process.log()[after..].contains(words).then_some(())).unwrap_or_else(
            || panic!("it never said {words:?}:\n{}", &self.process.log()[after..]),
        );
    }

    /// Publishes no more, waits until all is stored and upgraded and pruned, and ends the program.
    pub fn finish(&mut self) {
        self.publisher.stop();
        let is_quiet = || {
            let sources = self.process.get("/api/mqtt/status");
            let source = &sources["sources"][0];
            let is_empty = self.metric("corescope_ingest_queue_depth") == 0;
            (source["connected"] == json!(true) && is_empty).then_some(())
        };
        self.drained();
        wait_for(is_quiet).unwrap_or_else(|| panic!("never quiet\n{}", self.process.log()));
        assert_eq!(self.process.stop(), Some(0), "{}", self.process.log());
        // What lasted as long as the events did now has an end.
        let signals = json!({"readerP99Ms": false, "ioPressure": false, "disk": false});
        let quickly = json!({"batchRowsMax": 5_000, "dutyCycle": 1, "signals": signals});
        let file = self.process.folder.path().join("config.json");
        std::fs::write(file, config(&self.proxy, &quickly).to_string()).unwrap();
        self.restart();
        self.upgraded();
        self.readers.stop();
        assert_eq!(self.process.stop(), Some(0), "{}", self.process.log());
    }

    /// Waits until no migration runs any more, as long as there is progress.
    fn upgraded(&self) {
        let mut done = -1;
        while self.is_upgrading() {
            let has_moved = || {
                let rows = self.rows_migrated();
                (rows != done || !self.is_upgrading()).then_some(rows)
            };
            done = wait_for(has_moved).unwrap_or_else(|| {
                let health = self.process.get("/api/healthz");
                panic!("not upgraded: {}\n{}", health["async_migrations"], self.process.log())
            });
        }
    }

    /// The last ones build indexes: they count no rows.
    fn is_upgrading(&self) -> bool {
        self.process.get("/api/healthz")["async_migrations_running"] != json!(false)
    }

    fn rows_migrated(&self) -> i64 {
        let health = self.process.get("/api/healthz");
        let migrations = health["async_migrations"].as_array().cloned().unwrap_or_default();
        migrations.iter().filter_map(|row| row["rowsProcessed"].as_i64()).sum()
    }

    /// What readers met: answers and, by status, refusals.
    pub fn answers(&self) -> (u64, u64) {
        let seen = &self.readers.seen;
        (seen.answers.load(Relaxed), seen.refusals.load(Relaxed))
    }
}

fn config(proxy: &Proxy, migrations: &Value) -> Value {
    json!({
        "mqttSources": [{"name": "test", "broker": proxy.url(), "topics": ["meshcore/#"],
                         "connectTimeoutSec": 2}],
        "retention": {"packetDays": PACKET_DAYS},
        "migrations": migrations,
    })
}

impl Drop for World {
    fn drop(&mut self) {
        self.process.kill();
        if self.is_mounted {
            let data = self.process.folder.path().join("data");
            let _ = Command::new("umount").arg("-l").arg(data).status();
        }
    }
}

fn mount(folder: &std::path::Path) -> bool {
    let status = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=512m", "tmpfs"])
        .arg(folder)
        .stderr(std::process::Stdio::null())
        .status();
    let is_mounted = status.is_ok_and(|status| status.success());
    if !is_mounted {
        skip("no small volume can be mounted here: the full disk is made up");
    }
    is_mounted
}

/// Threads that ask all the time and look at every answer.
struct Readers {
    seen: Arc<Seen>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    address: Mutex<Option<SocketAddr>>,
    is_over: AtomicBool,
    answers: AtomicU64,
    refusals: AtomicU64,
}

impl Readers {
    fn start() -> Self {
        let seen = Arc::new(Seen::default());
        let threads = READERS.map(|path| {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || read(&seen, path))
        });
        Self { seen, threads: threads.into() }
    }

    fn look_at(&self, address: Option<SocketAddr>) {
        *self.seen.address.lock().unwrap() = address;
    }

    /// A reader that met a wrong answer has panicked.
    fn stop(&mut self) {
        self.seen.is_over.store(true, Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.seen.is_over.store(true, Relaxed);
    }
}

fn read(seen: &Seen, path: &str) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .http_status_as_error(false)
        .build()
        .into();
    while !seen.is_over.load(Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
        let Some(address) = *seen.address.lock().unwrap() else { continue };
        // One that was killed does not answer, or breaks off.
        let Ok(mut answer) = agent.get(format!("http://{address}{path}")).call() else { continue };
        let status = answer.status().as_u16();
        let Ok(body) = answer.body_mut().read_to_string() else { continue };
        if status == 408 {
            // The program was frozen while the request arrived.
            seen.refusals.fetch_add(1, Relaxed);
            continue;
        }
        let body: Result<Value, _> = serde_json::from_str(&body);
        assert!(body.is_ok(), "{path}: {status} without JSON");
        match status {
            200 => seen.answers.fetch_add(1, Relaxed),
            429 | 503 => seen.refusals.fetch_add(1, Relaxed),
            _ => panic!("{path}: {status} {body:?}"),
        };
    }
}
