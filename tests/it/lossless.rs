//! From a real broker to the database over real deaths of the process: with QoS 1 nothing is lost
//! and nothing is stored twice (decisions 1 and 2).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::broker::{Broker, read_capture};
use crate::support::process::{Process, count, read_only, wait_for};
use crate::support::{data_file, skip};

/// What the capture must leave in the database, worked out from its bytes alone: observations by
/// (content hash, observer, path).
fn expected(capture: &[(String, Vec<u8>, bool)]) -> BTreeSet<(String, String, String)> {
    capture
        .iter()
        .filter_map(|(topic, payload, _)| {
            let parts: Vec<&str> = topic.split('/').collect();
            let body: Value = serde_json::from_slice(payload).ok()?;
            let raw = body["raw"].as_str().filter(|raw| !raw.is_empty())?;
            if parts.get(3) != Some(&"packets") {
                return None;
            }
            let frame = corescope::mesh::frame_from_hex(raw).ok()?;
            let packet = corescope::mesh::Packet::parse(&frame).ok()?;
            let path = corescope::mesh::path_json(&packet);
            Some((packet.content_hash().to_string(), parts[2].to_owned(), path))
        })
        .collect()
}

fn stored(process: &Process) -> BTreeMap<(String, String, String), u32> {
    let conn = read_only(&process.database());
    let mut statement = conn
        .prepare(
            "SELECT t.hash, r.id, o.path_json FROM observations o \
             JOIN transmissions t ON t.id = o.transmission_id \
             JOIN observers r ON r.rowid = o.observer_idx",
        )
        .unwrap();
    let mut rows = BTreeMap::new();
    let found = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap);
    for row in found {
        *rows.entry(row).or_insert(0) += 1;
    }
    rows
}

fn config(broker: &Broker) -> Value {
    json!({
        "dbPath": "",
        "mqttSources": [{"name": "test", "broker": broker.url(), "topics": ["meshcore/#"]}]
    })
}

/// Publishes the capture at QoS 1 with the program's own `replay`, in the background.
fn replay(process: &Process, broker: &Broker, file: &std::path::Path) -> std::process::Child {
    process
        .command(&["replay", "--mqtt", &broker.url(), "--qos", "1"])
        .arg(file)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

fn is_subscribed(process: &Process) -> Option<()> {
    process.log().contains("subscribed").then_some(())
}

#[test]
fn kill_9_at_random_moments_loses_nothing_and_doubles_nothing() {
    let Some(file) = data_file("paris-capture-6000.ndjson.gz") else { return };
    let Some(broker) = Broker::start() else { return skip("mosquitto is absent") };
    let capture = read_capture(&file);
    let expected = expected(&capture);
    assert!(expected.len() > 5_000, "the capture holds {} observations", expected.len());

    let mut process = Process::prepare(&config(&broker));
    process.start();
    wait_for(|| is_subscribed(&process)).expect("never subscribed");
    let mut publisher = replay(&process, &broker, &file);

    // Killed whenever another part is stored: the moments differ from run to run.
    let mut kills = 0;
    for part in 1..=5 {
        let goal = i64::try_from(expected.len()).unwrap() * part / 6;
        let is_there = wait_for(|| {
            let rows = count(&process.database(), "SELECT COUNT(*) FROM observations");
            (rows >= goal).then_some(())
        });
        is_there.unwrap_or_else(|| panic!("stuck before {goal}\n{}", process.log()));
        process.kill();
        kills += 1;
        process.start();
    }
    assert!(publisher.wait().unwrap().success(), "replay did not deliver everything");
    wait_for(|| (stored(&process).len() >= expected.len()).then_some(()));
    assert_eq!(process.stop(), Some(0));

    let stored = stored(&process);
    let lost: Vec<_> = expected.iter().filter(|key| !stored.contains_key(*key)).collect();
    let doubled: Vec<_> = stored.iter().filter(|(_, rows)| **rows > 1).collect();
    let invented: Vec<_> = stored.keys().filter(|key| !expected.contains(*key)).collect();
    assert!(lost.is_empty(), "{} lost after {kills} kills, first {:?}", lost.len(), lost[0]);
    assert!(doubled.is_empty(), "doubled: {doubled:?}");
    assert!(invented.is_empty(), "invented: {invented:?}");
    assert_eq!(
        read_only(&process.database())
            .query_row("PRAGMA integrity_check", [], |row| { row.get::<_, String>(0) }),
        Ok("ok".to_owned())
    );
}
