//! The real program as a child process, in a folder of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A `corescope serve` with its folder. Killed when dropped.
pub struct Process {
    pub folder: tempfile::TempDir,
    /// Set for the program besides what is always set.
    pub environment: Vec<(String, String)>,
    child: Option<Child>,
    address: Option<SocketAddr>,
    log: Arc<Mutex<String>>,
    /// Reads what it logs, to its end.
    log_reader: Option<JoinHandle<()>>,
}

impl Process {
    /// Makes a folder with this configuration; nothing runs yet.
    pub fn prepare(config: &serde_json::Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        Self {
            folder,
            environment: Vec::new(),
            child: None,
            address: None,
            log: Arc::default(),
            log_reader: None,
        }
    }

    /// Starts it and waits for nothing.
    pub fn launch(&mut self) -> impl BufRead + use<> {
        self.launch_as("all")
    }

    fn launch_as(&mut self, role: &str) -> impl BufRead + use<> {
        self.launch_with(&["--role", role])
    }

    fn launch_with(&mut self, options: &[&str]) -> impl BufRead + use<> {
        let mut child = self.command(&["serve"]).args(options).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        self.child = Some(child);
        self.collect_stderr();
        stdout
    }

    /// Starts it and waits until it says where it listens.
    pub fn start(&mut self) {
        self.start_as("all");
    }

    /// The same in another role.
    pub fn start_as(&mut self, role: &str) {
        self.start_with(&["--role", role]);
    }

    /// The same with options of `serve`.
    pub fn start_with(&mut self, options: &[&str]) {
        let stdout = self.launch_with(options);
        let line = stdout.lines().next().and_then(Result::ok).unwrap_or_default();
        let address = line.rsplit("http://").next().and_then(|text| text.parse().ok());
        assert!(address.is_some(), "it did not start: {line:?}\n{}", self.log());
        self.address = address;
    }

    /// The program with its folder as configuration folder, any port, its own stats file.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_corescope"));
        command.args(arguments);
        if arguments.first() == Some(&"serve") {
            command.args(["--bind", "127.0.0.1:0"]).arg("--config-dir").arg(self.folder.path());
        }
        command
            .env_remove("DB_PATH")
            .env_remove("MQTT_BROKER")
            .env("CORESCOPE_INGESTOR_STATS", self.folder.path().join("stats.json"))
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn collect_stderr(&mut self) {
        let stderr = self.child.as_mut().and_then(|child| child.stderr.take()).unwrap();
        let log = Arc::clone(&self.log);
        let read = move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = log.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        };
        self.log_reader = Some(std::thread::spawn(read));
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Starts it where it is expected to refuse; returns its exit code and its one line.
    pub fn start_refused(&self) -> (Option<i32>, String) {
        let mut child = self.command(&["serve"]).spawn().unwrap();
        let status = wait_for(|| child.try_wait().unwrap()).expect("it went on running");
        let mut text = String::new();
        child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        (status.code(), text)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
            self.finish_log();
        }
    }

    /// What it said last is in the log.
    fn finish_log(&mut self) {
        if let Some(reader) = self.log_reader.take() {
            reader.join().unwrap();
        }
    }

    /// Sends a signal and waits for nothing.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(self.child.as_ref().unwrap());
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Waits until it has ended by itself; returns the exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let mut child = self.child.take().unwrap();
        let status = wait_for(|| child.try_wait().unwrap());
        if status.is_none() {
            child.kill().unwrap();
            panic!("it did not end\n{}", self.log());
        }
        self.finish_log();
        status.and_then(|status| status.code())
    }

    /// SIGTERM, then waits for the end; returns the exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.signal(rustix::process::Signal::TERM);
        let mut child = self.child.take().unwrap();
        let status = wait_for(|| child.try_wait().unwrap());
        if status.is_none() {
            child.kill().unwrap();
            panic!("it did not stop\n{}", self.log());
        }
        self.finish_log();
        status.and_then(|status| status.code())
    }

    /// Where it listens, once it has started.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Where it listens.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address.unwrap())
    }

    /// GETs a JSON body; panics with the log on anything but 200.
    pub fn get(&self, path: &str) -> serde_json::Value {
        match ureq::get(&self.url(path)).call() {
            Ok(mut answer) => {
                serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
            }
            Err(error) => panic!("{path}: {error}\n{}", self.log()),
        }
    }

    /// Its database file.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("data/meshcore.db")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Opens a database read-only.
pub fn read_only(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// Returns one integer of a database.
pub fn count(path: &Path, sql: &str) -> i64 {
    read_only(path).query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Asks again and again until there is an answer; `None` after [`PATIENCE`].
pub fn wait_for<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}
