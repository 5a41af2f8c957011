//! No secret is told: everything that a process says in its life, searched for all it knows.

use std::path::Path;
use std::process::Command;

use corescope::web;
use serde_json::json;

use super::{example_of, request, send};
use crate::support::process::{Process, wait_for};

const SECRETS: [&str; 6] = [
    "the-key-of-the-operator",
    "pw-within-the-url",
    "pw-of-a-source",
    "00112233445566778899aabbccddeeff",
    "AAECAwQF-never-said",
    "17, 34, 51, 68",
];

fn configured() -> Process {
    Process::prepare(&json!({
        "apiKey": SECRETS[0],
        "mqttSources": [
            {"name": "a", "broker": format!("mqtt://bob:{}@127.0.0.1:1", SECRETS[1]), "topics": ["a"]},
            {"broker": format!("mqtt://bob:{}@localhost:1", SECRETS[1]), "topics": ["a"]},
            {"name": "b", "broker": "mqtt://127.0.0.1:1", "username": "bob",
             "password": SECRETS[2], "topics": ["b"]},
        ],
        "channelKeys": {"#private": SECRETS[3]},
    }))
}

fn check(text: &str, what: &str) {
    for secret in SECRETS {
        let found = text.to_lowercase().find(&secret.to_lowercase());
        let around = found.map(|at| text[at.saturating_sub(80)..].chars().take(160));
        let around: Option<String> = around.map(Iterator::collect);
        assert_eq!(around, None, "{what} tells {secret}");
    }
}

/// Everything in a folder but what the operator put there.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map_while(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.ends_with("config.json") {
            let bytes = std::fs::read(&path).unwrap();
            found.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    found
}

#[test]
fn nothing_that_a_process_says_holds_a_secret() {
    let mut process = configured();
    process.start_with(&["--log", "trace"]);
    wait_for(|| process.folder.path().join("stats.json").exists().then_some(())).unwrap();
    let failed = || process.get("/api/mqtt/status").to_string().contains("lastError");
    wait_for(|| failed().then_some(())).expect("no broker failed");
    let key = format!("X-API-Key: {}\r\n", SECRETS[0]);
    for endpoint in web::table().iter().filter(|endpoint| endpoint.path != "/ws") {
        let path = example_of(endpoint.path);
        for lines in ["", &*key] {
            let head =
                format!("{}Cookie: {}\r\nReferer: http://x/?{}\r\n", lines, SECRETS[4], SECRETS[4]);
            let body = json!({ "hex": SECRETS[4], "observer": SECRETS[4] }).to_string();
            let length = format!("{head}Content-Length: {}\r\nConnection: close\r\n", body.len());
            let start = format!("{} {path} HTTP/1.1\r\nHost: localhost\r\n", endpoint.method);
            let bytes = format!("{start}{length}\r\n{body}").into_bytes();
            if let Some(answer) = send(&process, &bytes) {
                check(&answer.head, &path);
                check(&answer.body, &path);
            }
        }
    }
    for path in ["/", "/nope", "/ws?key=AAECAwQF-never-said", "/api/nope", "/metrics"] {
        if let Some(answer) = send(&process, &request("GET", path, "Connection: close\r\n", "")) {
            check(&answer.head, path);
            check(&answer.body, path);
        }
    }
    assert_eq!(process.stop(), Some(0));
    let logged = process.log();
    assert!(logged.contains("no connection to the MQTT broker"), "the log is not complete");
    assert!(logged.contains("bob:****@"), "the log is not complete");
    check(&logged, "the log");
    for (name, text) in files(process.folder.path()) {
        check(&text, &name);
    }
}

#[test]
fn no_command_tells_a_secret() {
    let process = configured();
    let folder = process.folder.path();
    for arguments in [
        vec!["--help"],
        vec!["serve", "--help"],
        vec!["check", "--config-dir"],
        vec!["--log", "trace", "check", "--config-dir"],
        vec!["migrate", "--config-dir"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_corescope"));
        command.args(&arguments).env_remove("DB_PATH").env_remove("MQTT_BROKER");
        command.env("MQTT_BROKER_PASSWORD", SECRETS[2]);
        if arguments.last() == Some(&"--config-dir") {
            command.arg(folder);
        }
        let output = command.output().unwrap();
        check(&String::from_utf8_lossy(&output.stdout), &format!("{arguments:?}"));
        check(&String::from_utf8_lossy(&output.stderr), &format!("{arguments:?}"));
    }
}

#[test]
fn a_broken_configuration_is_explained_without_its_values() {
    for broken in [
        json!({ "apiKey": [SECRETS[0]] }),
        json!({ "mqttSources": [{ "broker": format!("mqtt:/bob:{}@h", SECRETS[1]) }] }),
        json!({ "mqttSources": [{ "password": { "x": SECRETS[2] } }] }),
        json!({ "channelKeys": { "#a": format!("{}zz", SECRETS[3]) } }),
        json!({ "trustedProxies": [SECRETS[4]] }),
    ] {
        let (code, text) = Process::prepare(&broken).start_refused();
        assert_eq!(code, Some(1), "{broken}: {text}");
        check(&text, "the refusal");
    }
    let process = Process::prepare(&json!({}));
    let torn = format!("{{\"apiKey\": \"{}\", oops", SECRETS[0]);
    std::fs::write(process.folder.path().join("config.json"), torn).unwrap();
    let (code, text) = process.start_refused();
    assert_eq!(code, Some(1), "{text}");
    check(&text, "the refusal");
}
