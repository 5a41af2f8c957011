//! The program under load, what it says of itself meanwhile, and what it has stored in the end.

use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::clients::Clients;
use super::program::Program;

/// Memory of the window over packets: small enough to be full within a run.
const WINDOW_MB: u64 = 32;

pub struct Watched {
    program: Program,
    folder: tempfile::TempDir,
    /// Receptions that were there before.
    before: u64,
}

impl Watched {
    /// Starts it on an empty database, or on a copy of `LOAD_DB`, and waits until it hears the
    /// broker.
    pub fn start(broker_url: &str) -> Self {
        let folder = tempfile::tempdir_in(concat!(env!("CARGO_MANIFEST_DIR"), "/target")).unwrap();
        let database = folder.path().join("data/meshcore.db");
        let before = std::env::var_os("LOAD_DB").map_or(0, |seed| {
            std::fs::create_dir(folder.path().join("data")).unwrap();
            std::fs::copy(seed, &database).unwrap();
            count(&database, "observations")
        });
        let config = serde_json::json!({
            "mqttSources": [{"name": "load", "broker": broker_url, "topics": ["meshcore/#"]}],
            "packetStore": {"maxMemoryMB": WINDOW_MB},
        });
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        let program = Program::start_logging(folder.path(), Stdio::inherit());
        while program.metric("corescope_source_connected") != Some(1.0) {
            sleep(Duration::from_millis(100));
        }
        // The topics are subscribed right after.
        sleep(Duration::from_secs(1));
        Self { program, folder, before }
    }

    pub fn address(&self) -> &str {
        &self.program.address
    }

    /// Receptions of the database that it began with.
    pub fn receptions_before(&self) -> u64 {
        self.before
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
            sleep(Duration::from_millis(100));
        }
        start.elapsed()
    }

    fn metric(&self, name: &str) -> f64 {
        self.program.metric(name).unwrap_or(f64::NAN)
    }

    /// Ends it and counts what it stored, in the file, which is kept as `LOAD_KEEP`.
    pub fn stop(self) -> u64 {
        self.program.stop();
        let database = self.folder.path().join("data/meshcore.db");
        let [transmissions, nodes, observers] =
            ["transmissions", "nodes", "observers"].map(|table| count(&database, table));
        println!("{transmissions} transmissions, {nodes} nodes, {observers} observers");
        let stored = count(&database, "observations") - self.before;
        if let Some(kept) = std::env::var_os("LOAD_KEEP") {
            std::fs::rename(database, kept).unwrap();
        }
        stored
    }
}

fn count(database: &Path, table: &str) -> u64 {
    let conn = rusqlite::Connection::open(database).unwrap();
    conn.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}
