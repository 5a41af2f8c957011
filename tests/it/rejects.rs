//! What is not taken, through a real broker: each kind is counted by its reason, acknowledged, and
//! costs its neighbours nothing.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::broker::Broker;
use crate::support::process::{Process, count, wait_for};
use crate::support::skip;

const OBSERVER: &str = "meshcore/PAR/00AA";
const GOOD: &str = "0A00D69FD7A5A7475DB07337749AE61FA53A4788E976";

/// Topic below the observer's, payload, and the reason that it is to be counted under.
fn messages() -> Vec<(String, Vec<u8>, Option<&'static str>)> {
    let packet = |raw: Value| json!({ "raw": raw }).to_string().into_bytes();
    let packets = |payload: Vec<u8>, reason| (format!("{OBSERVER}/packets"), payload, reason);
    let zero_key = format!("1100{}", "00".repeat(100));
    vec![
        packets(packet(json!(GOOD)), None),
        packets(b"not json".to_vec(), Some("rejected_not_json")),
        packets(vec![0xff, 0xfe, 0x00], Some("rejected_not_json")),
        packets(b"[1, 2]".to_vec(), Some("rejected_not_object")),
        packets(b"{}".to_vec(), Some("ignored_no_raw")),
        packets(packet(json!("")), Some("rejected_raw_empty")),
        packets(packet(json!(7)), Some("rejected_raw_not_text")),
        packets(packet(json!("0A0")), Some("rejected_not_hex")),
        packets(packet(json!("0A")), Some("rejected_too_short")),
        packets(packet(json!("0AFF00")), Some("rejected_bad_path_length")),
        packets(packet(json!("0A0501")), Some("rejected_truncated_path")),
        packets(packet(json!(format!("0A00{}", "00".repeat(185)))), Some("rejected_long_payload")),
        packets(packet(json!(zero_key)), Some("rejected_advert_zero_key")),
        packets(packet(json!("00".repeat(600_000))), Some("rejected_payload_too_large")),
        (format!("{OBSERVER}/elsewhere"), packet(json!(GOOD)), Some("rejected_raw_off_topic")),
        ("meshcore/status".to_owned(), b"{}".to_vec(), Some("ignored_bridge")),
        packets(packet(json!(GOOD.replacen("D69F", "D69E", 1))), None),
    ]
}

fn write_capture(folder: &std::path::Path) -> std::path::PathBuf {
    let path = folder.join("garbage.ndjson");
    let mut file = std::fs::File::create(&path).unwrap();
    for (topic, payload, _) in messages() {
        let line = json!({
            "ts": "2026-08-11T00:06:09Z", "topic": topic, "retained": false,
            "b64": STANDARD.encode(payload),
        });
        writeln!(file, "{line}").unwrap();
    }
    path
}

#[test]
fn every_kind_of_garbage_is_counted_by_its_reason_and_harms_nothing_else() {
    let Some(broker) = Broker::start() else { return skip("mosquitto is absent") };
    let mut process = Process::prepare(&json!({
        "mqttSources": [{"name": "test", "broker": broker.url(), "topics": ["meshcore/#"]}]
    }));
    process.start();
    wait_for(|| process.log().contains("subscribed").then_some(())).expect("never subscribed");
    let capture = write_capture(process.folder.path());
    let replayed = process
        .command(&["replay", "--mqtt", &broker.url(), "--qos", "1"])
        .arg(&capture)
        .output()
        .unwrap();
    assert!(replayed.status.success());

    let stored = || count(&process.database(), "SELECT COUNT(*) FROM observations");
    wait_for(|| (stored() == 2).then_some(())).expect("the good ones were not stored");
    let status = || process.get("/api/mqtt/status")["sources"][0].clone();
    let total = messages().len() as u64;
    wait_for(|| (status()["packetsTotal"].as_u64() == Some(total)).then_some(())).unwrap();
    wait_for(|| (status()["ingest"]["pendingReceipts"].as_u64() == Some(0)).then_some(()))
        .unwrap_or_else(|| panic!("something was never acknowledged: {}", status()));

    let mut expected = std::collections::BTreeMap::new();
    for (_, _, reason) in messages() {
        if let Some(reason) = reason {
            *expected.entry(reason.to_owned()).or_insert(0_u64) += 1;
        }
    }
    let seen = status();
    let mut counted = std::collections::BTreeMap::new();
    for kind in ["rejected", "ignored"] {
        for (reason, times) in seen["ingest"][kind].as_object().unwrap() {
            counted.insert(reason.clone(), times.as_u64().unwrap());
        }
    }
    assert_eq!(counted, expected, "{seen}");
    assert_eq!(count(&process.database(), "SELECT COUNT(*) FROM observers"), 1);
    assert_eq!(process.stop(), Some(0));
}
