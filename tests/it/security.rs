//! Nobody gets in: what `docs/security.md` promises. Each promise there names its test here.

mod addresses;
mod browsers;
mod documents;
mod hostile;
mod keys;
mod requests;
mod secrets;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::process::Process;

/// A key that opens.
const KEY: &str = "a-key-that-is-strong-enough";

/// The real program with a key, without a broker.
fn start(more: Value) -> Process {
    let mut config = json!({
        "apiKey": KEY,
        "mqttSources": [{"name": "nowhere", "broker": "mqtt://127.0.0.1:1", "topics": ["a"]}]
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut process = Process::prepare(&config);
    process.start();
    process
}

/// Paths of the URL table with something in the place of each `{name}`.
fn example_of(path: &str) -> String {
    let part = |part: &str| match part {
        "{command}" => "pause".to_owned(),
        named if named.starts_with('{') => "tx_last_seen_backfill_v1".to_owned(),
        plain => plain.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// An answer as it came over the wire.
struct Raw {
    status: u16,
    head: String,
    body: String,
}

impl Raw {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// A refusal has the shape and the headers of every error.
    fn check_refusal(&self, what: &str) {
        assert!((400..500).contains(&self.status) || self.status == 503, "{what}: {}", self.head);
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        assert!(body["error"].is_string(), "{what}: {} {}", self.head, self.body);
        for (name, expected) in [
            ("content-type", "application/json"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(self.header(name), Some(expected), "{what}: {}", self.head);
        }
        let policy = self.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("frame-ancestors 'none'"), "{what}: {policy}");
    }
}

fn connect(process: &Process) -> TcpStream {
    let stream = TcpStream::connect(process.url("").trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Sends bytes and reads one answer; `None` if the connection ends without one.
fn send(process: &Process, bytes: &[u8]) -> Option<Raw> {
    let mut stream = connect(process);
    // It may answer, and end, before it has read everything.
    let _ = stream.write_all(bytes);
    read_answer(&mut stream)
}

fn read_answer(stream: &mut TcpStream) -> Option<Raw> {
    let mut bytes = Vec::new();
    let mut block = [0; 4096];
    loop {
        if let Some(answer) = parse(&bytes) {
            return Some(answer);
        }
        match stream.read(&mut block) {
            Ok(0) | Err(_) => return parse(&bytes),
            Ok(count) => bytes.extend_from_slice(&block[..count]),
        }
    }
}

fn parse(bytes: &[u8]) -> Option<Raw> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let raw = Raw { status, head: head.to_owned(), body: body.to_owned() };
    let length: usize = raw.header("content-length").map_or(Some(0), |text| text.parse().ok())?;
    (body.len() >= length).then_some(raw)
}

/// A request with the key and these lines in its head.
fn request(method: &str, path: &str, lines: &str, body: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\n{lines}\r\n{body}")
        .into_bytes()
}
