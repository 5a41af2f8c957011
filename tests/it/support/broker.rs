//! A real Mosquitto on a free loopback port, in a folder of its own.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::skip;

/// How the broker is set up.
#[derive(Clone, Debug)]
pub struct BrokerOptions {
    /// Sessions survive the broker's restart.
    pub is_persistent: bool,
    /// Messages that may be unacknowledged per client; 20 is Mosquitto's default.
    pub inflight_max: u32,
    /// Messages that are kept for a client that is away; 0 is no limit.
    pub queued_max: u32,
    /// `(user, password)`; without it anyone may come in.
    pub login: Option<(&'static str, &'static str)>,
    /// A certificate of our own, on the same port.
    pub is_tls: bool,
    /// MQTT over web sockets.
    pub is_websocket: bool,
    /// On `::1`.
    pub is_ipv6: bool,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self {
            is_persistent: true,
            inflight_max: 20,
            queued_max: 0,
            login: None,
            is_tls: false,
            is_websocket: false,
            is_ipv6: false,
        }
    }
}

/// Ends with its owner.
pub struct Broker {
    folder: tempfile::TempDir,
    port: u16,
    options: BrokerOptions,
    child: Option<Child>,
}

impl Broker {
    /// Starts with the defaults; `None` (and the test is skipped) where Mosquitto is absent.
    pub fn start() -> Option<Self> {
        Self::start_with(BrokerOptions::default())
    }

    /// Starts with `options`.
    pub fn start_with(options: BrokerOptions) -> Option<Self> {
        if Command::new("mosquitto").arg("-h").output().is_err() {
            skip("mosquitto is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut broker = Self { folder, port: free_port(), options, child: None };
        broker.prepare();
        broker.launch();
        Some(broker)
    }

    /// The URL for a client.
    pub fn url(&self) -> String {
        let scheme = match (self.options.is_tls, self.options.is_websocket) {
            (false, false) => "mqtt",
            (true, false) => "mqtts",
            (false, true) => "ws",
            (true, true) => "wss",
        };
        let host = if self.options.is_ipv6 { "[::1]" } else { "127.0.0.1" };
        format!("{scheme}://{host}:{}", self.port)
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Ends at once (SIGKILL): sessions are as last saved, every 1 s at most.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Ends in order (SIGTERM): sessions are saved.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal(&child, "TERM");
            // One that has only just started may overlook the signal.
            let end = Instant::now() + Duration::from_secs(5);
            while child.try_wait().unwrap().is_none() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(10));
            }
            // It has ended already unless it overlooked the signal.
            let _ = child.kill();
            child.wait().unwrap();
        }
    }

    /// Starts again on the same port after [`Self::kill`] or [`Self::stop`].
    pub fn launch(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let child = Command::new("mosquitto")
            .arg("-c")
            .arg(self.path("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect((self.host(), self.port)).is_err() {
            assert!(Instant::now() < end, "mosquitto does not listen: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends in order and starts again.
    pub fn restart(&mut self) {
        self.stop();
        self.launch();
    }

    /// Stops answering without closing anything (SIGSTOP).
    pub fn pause(&self) {
        signal(self.child.as_ref().unwrap(), "STOP");
    }

    /// Goes on after [`Self::pause`].
    pub fn resume(&self) {
        signal(self.child.as_ref().unwrap(), "CONT");
    }

    fn host(&self) -> &'static str {
        if self.options.is_ipv6 { "::1" } else { "127.0.0.1" }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn prepare(&self) {
        let folder = self.folder.path().display();
        let options = &self.options;
        let mut text = format!(
            "user root\nlog_type error\nlog_type warning\nlog_type notice\n\
             max_queued_messages {}\nmax_inflight_messages {}\n",
            options.queued_max, options.inflight_max,
        );
        if options.is_persistent {
            // Saved after every change, so that also a killed broker knows its sessions.
            let _ = writeln!(text, "persistence true\npersistence_location {folder}/");
        }
        let mut more = String::new();
        let _ = writeln!(text, "listener {} {}", self.port, self.host());
        if options.is_websocket {
            text.push_str("protocol websockets\n");
            // Mosquitto 2.0.11 ends if it has no other listener.
            let _ = writeln!(more, "listener {} 127.0.0.1", free_port());
        }
        if options.is_tls {
            make_certificate(self.folder.path());
            let _ = writeln!(text, "certfile {folder}/cert.pem\nkeyfile {folder}/key.pem");
        }
        match options.login {
            Some((user, password)) => {
                let file = self.path("passwords");
                run(Command::new("mosquitto_passwd")
                    .arg("-b")
                    .arg("-c")
                    .arg(&file)
                    .args([user, password]));
                let _ = writeln!(text, "allow_anonymous false\npassword_file {}", file.display());
            }
            None => text.push_str("allow_anonymous true\n"),
        }
        fs::write(self.path("mosquitto.conf"), text + &more).unwrap();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Publishes the messages of a capture through `corescope replay`'s own code, at full speed.
pub async fn publish_capture(url: &str, capture: &Path, qos: u8) -> corescope::cli::replay::Report {
    let args = corescope::cli::replay::ReplayArgs {
        qos,
        is_quiet: true,
        ..corescope::cli::replay::ReplayArgs::new(url, [capture.to_owned()])
    };
    corescope::cli::replay::publish(&args).await.unwrap()
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn make_certificate(folder: &Path) {
    run(Command::new("openssl")
        .current_dir(folder)
        .args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost".split(' '))
        .args("-addext subjectAltName=IP:127.0.0.1,DNS:localhost".split(' '))
        .args("-keyout key.pem -out cert.pem".split(' ')));
}

fn signal(child: &Child, name: &str) {
    run(Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()));
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {words}");
}

/// The messages of a capture, as `(topic, payload, retained)`.
pub fn read_capture(path: &Path) -> Vec<(String, Vec<u8>, bool)> {
    use base64::Engine as _;
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    let message = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let payload =
            base64::engine::general_purpose::STANDARD.decode(line["b64"].as_str().unwrap());
        (line["topic"].as_str().unwrap().to_owned(), payload.unwrap(), line["retained"] == true)
    };
    text.lines().map(message).collect()
}
