//! What the program says when the world is not as it should be: one line with what to do, exit
//! code 1, and the file as it was.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::Connection;
use serde_json::json;

use crate::support::process::{Process, count, wait_for};
use crate::support::{data_file, skip};

/// A process without brokers to reach.
fn prepare() -> Process {
    let process = Process::prepare(&json!({"mqttSources": [
        {"name": "nowhere", "broker": "mqtt://127.0.0.1:1", "topics": ["meshcore/#"]}
    ]}));
    std::fs::create_dir(process.folder.path().join("data")).unwrap();
    process
}

/// Expects a refusal whose one line contains every word, and returns the line.
fn refused(process: &Process, words: &[&str]) -> String {
    let (code, text) = process.start_refused();
    let line = text.lines().rfind(|line| line.starts_with("corescope: ")).unwrap_or_default();
    assert_eq!(code, Some(1), "{text}");
    for word in words {
        assert!(line.contains(word), "{word:?} is not in {line:?}\n{text}");
    }
    line.to_owned()
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let process = prepare();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_corescope"))
        .args(["serve", "--bind", &address, "--config-dir"])
        .arg(process.folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&format!("cannot listen on {address}")), "{text}");
    assert!(text.contains("--bind"), "it does not say what to do: {text}");
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let process = prepare();
    std::fs::write(process.database(), "once upon a time there was no database").unwrap();
    refused(&process, &["meshcore.db", "not a"]);
    let text = std::fs::read_to_string(process.database()).unwrap();
    assert_eq!(text, "once upon a time there was no database");
}

#[test]
fn another_programs_database_is_left_alone() {
    let process = prepare();
    let conn = Connection::open(process.database()).unwrap();
    conn.execute_batch("CREATE TABLE invoices (id INTEGER)").unwrap();
    drop(conn);
    let before = std::fs::read(process.database()).unwrap();
    refused(&process, &["meshcore.db"]);
    assert_eq!(std::fs::read(process.database()).unwrap(), before);
}

#[test]
fn a_damaged_database_is_refused_or_served_but_never_made_worse() {
    let Some(fixture) = data_file("e2e-fixture.db") else { return };
    let process = prepare();
    let mut bytes = std::fs::read(fixture).unwrap();
    bytes[100..4096].fill(0xA5);
    std::fs::write(process.database(), &bytes).unwrap();
    refused(&process, &["meshcore.db"]);
    assert_eq!(std::fs::read(process.database()).unwrap(), bytes);
}

#[test]
fn a_second_writer_on_one_database_is_refused_and_told_who_holds_it() {
    let mut first = prepare();
    first.start();
    let (code, text) = first.start_refused();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("process"), "it does not say which process: {text}");
    assert_eq!(first.stop(), Some(0));
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    if rustix::process::geteuid().is_root() {
        // Root may write anywhere; /proc is where even root may not.
        let process = prepare();
        let output =
            process.command(&["serve"]).args(["--db", "/proc/corescope/mesh.db"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("/proc/corescope"), "{text}");
        return;
    }
    let process = prepare();
    let folder = process.folder.path().join("data");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o555)).unwrap();
    refused(&process, &["data"]);
}

#[test]
fn a_malformed_configuration_is_refused_with_its_place() {
    let process = prepare();
    std::fs::write(process.folder.path().join("config.json"), "{\n  \"port\": oops\n}").unwrap();
    refused(&process, &["config.json", "line 2"]);
    std::fs::write(process.folder.path().join("config.json"), r#"{"port": "many"}"#).unwrap();
    refused(&process, &["port"]);
}

#[test]
fn a_locked_database_at_the_start_is_waited_for_and_then_named() {
    let mut process = prepare();
    process.start();
    process.stop();
    let foreign = Connection::open(process.database()).unwrap();
    foreign.execute_batch("BEGIN EXCLUSIVE").unwrap();
    refused(&process, &["locked"]);
}

#[test]
fn a_vanished_broker_is_said_and_everything_else_goes_on() {
    let mut process = prepare();
    process.start();
    wait_for(|| process.log().contains("no connection to the MQTT broker").then_some(()))
        .expect("nothing was said of the broker");
    assert_eq!(process.get("/api/healthz")["ready"], json!(true));
    assert_eq!(process.stop(), Some(0));
}

/// A small file system of its own, so that a disk can be full. Needs root.
pub struct SmallVolume(tempfile::TempDir);

impl SmallVolume {
    pub fn mount(megabytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let status = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(folder.path())
            .stderr(std::process::Stdio::null())
            .status();
        status.is_ok_and(|status| status.success()).then_some(Self(folder))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallVolume {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_read_only_file_system_is_named() {
    let Some(fixture) = data_file("e2e-fixture.db") else { return };
    let Some(volume) = SmallVolume::mount(16) else {
        eprintln!("SKIPPED: no small volume can be mounted here");
        return;
    };
    let database = volume.path().join("mesh.db");
    std::fs::copy(fixture, &database).unwrap();
    std::fs::set_permissions(&database, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut process = Process::prepare(&json!({
        "dbPath": database,
        "mqttSources": [{"name": "nowhere", "broker": "mqtt://127.0.0.1:1", "topics": ["a"]}]
    }));
    process.start();
    assert_eq!(process.stop(), Some(0));
    let remounted =
        std::process::Command::new("mount").args(["-o", "remount,ro"]).arg(volume.path()).status();
    assert!(remounted.unwrap().success());
    refused(&process, &["mesh.db", "read-only"]);
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged_and_recovers_by_itself() {
    use crate::support::broker::Broker;
    let Some(capture) = data_file("paris-capture-6000.ndjson.gz") else { return };
    let Some(volume) = SmallVolume::mount(3) else {
        eprintln!("SKIPPED: no small volume can be mounted here");
        return;
    };
    let Some(broker) = Broker::start() else { return skip("mosquitto is absent") };
    let database = volume.path().join("mesh.db");
    let mut process = Process::prepare(&json!({
        "dbPath": database,
        "mqttSources": [{"name": "test", "broker": broker.url(), "topics": ["meshcore/#"]}]
    }));
    process.start();
    wait_for(|| process.log().contains("subscribed").then_some(())).expect("never subscribed");
    // The volume is too small for the capture from the start.
    let replay = process
        .command(&["replay", "--mqtt", &broker.url(), "--qos", "1"])
        .arg(&capture)
        .output()
        .unwrap();
    assert!(replay.status.success());
    wait_for(|| process.log().contains("cannot be committed").then_some(()))
        .unwrap_or_else(|| panic!("a full disk was not said\n{}", process.log()));
    assert_eq!(process.get("/api/healthz")["ready"], json!(true), "reads go on");
    let grown = std::process::Command::new("mount")
        .args(["-o", "remount,size=256m"])
        .arg(volume.path())
        .status()
        .unwrap();
    assert!(grown.success());
    wait_for(|| (count(&database, "SELECT COUNT(*) FROM observations") >= 5_000).then_some(()))
        .unwrap_or_else(|| panic!("it did not recover\n{}", process.log()));
    assert!(process.log().contains("committed again"), "{}", process.log());
    assert_eq!(process.stop(), Some(0));
}
