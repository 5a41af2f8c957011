//! The commands that look and tell.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::process::Process;

fn corescope(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corescope"));
    command.args(arguments).env_remove("DB_PATH").env_remove("MQTT_BROKER").stdin(Stdio::null());
    command
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn decode_tells_one_object_a_line_and_fails_if_any_line_failed() {
    let mut child = corescope(&["decode"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = "0A00D69FD7A5A7475DB07337749AE61FA53A4788E976\nzz\n";
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let answers: Vec<Value> =
        out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0]["hash"], "b1f07307cbc01ce5");
    assert_eq!(answers[0]["header"]["payloadTypeName"], "TXT_MSG");
    assert_eq!(answers[0]["payload"]["type"], "TXT_MSG");
    assert!(answers[1]["error"].is_string(), "{}", answers[1]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn check_says_what_is_wrong_and_how_to_mend_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({
        "apiKey": "password",
        "mqttSources": [{"name": "gone", "broker": "mqtt://u:secret@127.0.0.1:1", "topics": ["a"]}]
    });
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let output = corescope(&["check", "--config-dir"]).arg(folder.path()).output().unwrap();
    let text = out(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("ERROR    the apiKey is weak"), "{text}");
    assert!(text.contains("ERROR    broker gone"), "{text}");
    assert!(text.contains("max_queued_messages 0"), "{text}");
    assert!(!text.contains("secret"), "a password is shown: {text}");
    assert!(!text.contains("password"), "the key is shown: {text}");
}

#[test]
fn check_recognises_an_older_database_and_changes_nothing() {
    let Some(fixture) = crate::support::data_file("e2e-fixture.db") else { return };
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("old.db");
    let before = std::fs::read(&fixture).unwrap();
    std::fs::write(&database, &before).unwrap();
    let output = corescope(&["check", "--offline", "--thorough", "--db"])
        .arg(&database)
        .arg("--config-dir")
        .arg(folder.path())
        .output()
        .unwrap();
    let text = out(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("transmissions.last_seen"), "{text}");
    assert!(text.contains("idx_observations_dedup"), "{text}");
    assert_eq!(std::fs::read(&database).unwrap(), before);
}

#[test]
fn check_names_the_process_that_writes() {
    let mut process = Process::prepare(&json!({"mqttSources": [
        {"name": "nowhere", "broker": "mqtt://127.0.0.1:1", "topics": ["a"]}
    ]}));
    process.start();
    let output = corescope(&["check", "--offline", "--config-dir"])
        .arg(process.folder.path())
        .output()
        .unwrap();
    let text = out(&output);
    assert!(text.contains("writes to it"), "{text}");
    assert_eq!(process.stop(), Some(0));
    let output = corescope(&["check", "--offline", "--config-dir"])
        .arg(process.folder.path())
        .output()
        .unwrap();
    assert!(!out(&output).contains("writes to it"), "{}", out(&output));
}

#[test]
fn healthcheck_tells_by_its_exit_code() {
    let mut process = Process::prepare(&json!({"mqttSources": [
        {"name": "nowhere", "broker": "mqtt://127.0.0.1:1", "topics": ["a"]}
    ]}));
    process.start();
    let url = process.url("/api/healthz");
    let ask = || corescope(&["healthcheck", "--url", &url]).output().unwrap().status.code();
    assert_eq!(ask(), Some(0));
    assert_eq!(process.stop(), Some(0));
    assert_eq!(ask(), Some(1));
}

#[test]
fn completions_and_manual_follow_the_command_line() {
    let help = out(&corescope(&["help"]).output().unwrap());
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .take_while(|word| *word != "help")
        .collect();
    assert!(commands.contains(&"serve") && commands.contains(&"manual"), "{help}");
    for shell in ["bash", "zsh", "fish"] {
        let script = out(&corescope(&["completions", shell]).output().unwrap());
        for command in &commands {
            assert!(script.contains(command), "{shell} does not complete {command}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man");
    let output = corescope(&["manual", "--dir"]).arg(&pages).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for command in &commands {
        let page = std::fs::read_to_string(pages.join(format!("corescope-{command}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
    }
    let main = out(&corescope(&["manual"]).output().unwrap());
    assert!(main.contains("MeshCore"), "{main}");
}
