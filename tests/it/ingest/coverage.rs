//! Receptions of mobile clients (§2.14).

use super::*;
use corescope::ingest::reception::ClientReception;

const CLIENT: &str = "meshcore/client/AB12/packets";

fn coverage_rules() -> Rules {
    rules_of(&json!({"clientRxCoverage": {"enabled": true}}))
}

fn message(raw: &str) -> Value {
    json!({
        "origin": "MyMob", "timestamp": "2026-08-11T00:05:10Z", "type": "PACKET",
        "direction": "RX", "raw": raw, "SNR": -7, "RSSI": -92.4,
        "gps": {"lat": 51.05, "lon": 3.72, "acc_m": 8},
    })
}

fn flood(hash_size: usize, path: &[u8]) -> String {
    let route = Route::flood(hash_size).with_path(path);
    hex::encode(route.frame(PayloadType::TxtMsg, &[1, 2, 3, 4, 5, 6]).unwrap())
}

fn reception(json: Value) -> ClientReception {
    match receive_by(&coverage_rules(), CLIENT, json) {
        Received::Record(Record::ClientReception(reception)) => *reception,
        other => panic!("no reception but {other:?}"),
    }
}

#[test]
fn a_flood_was_heard_from_its_last_hop() {
    let expected = ClientReception {
        ingested_at_s: NOW_S,
        rx_at_s: NOW_S - 60,
        rx_pubkey: "ab12".into(),
        origin: Some("MyMob".into()),
        heard_key: "ccdd".into(),
        heard_key_bytes: 2,
        rssi: Some(-92),
        snr: Some(-7.0),
        lat: 51.05,
        lon: 3.72,
        pos_acc_m: Some(8.0),
        src: "rxlog",
    };
    assert_eq!(reception(message(&flood(2, &[0xAA, 0xBB, 0xCC, 0xDD]))), expected);
}

#[test]
fn an_advert_without_hops_was_heard_from_its_node() {
    let heard = reception(message(&advert_hex(&repeater(), &[])));
    assert_eq!(heard.heard_key, hex::encode(identity().public_key()));
    assert_eq!((heard.heard_key_bytes, heard.src), (32, "advert"));
}

#[test]
fn what_does_not_tell_who_was_heard_is_left_aside() {
    let direct = Route::direct(2, [1, 2]).frame(PayloadType::TxtMsg, &[1, 2, 3, 4]).unwrap();
    for raw in [flood(1, &[0xAA]), flood(1, &[]), hex::encode(direct)] {
        let received = receive_by(&coverage_rules(), CLIENT, message(&raw));
        assert_eq!(received, ignored(Ignored::CoverageHeardUnknown), "{raw}");
    }
}

#[test]
fn coverage_needs_a_key_a_position_a_frame_and_a_reception() {
    let with = |key: &str, value: Value| {
        let mut json = message(&flood(2, &[1, 2]));
        json[key] = value;
        json
    };
    let cases = [
        (CLIENT, with("gps", json!(null)), rejected(Rejected::CoverageNoPosition)),
        (CLIENT, with("gps", json!({"lat": 1})), rejected(Rejected::CoverageNoPosition)),
        (CLIENT, with("gps", json!({"lat": 91, "lon": 1})), rejected(Rejected::CoverageNoPosition)),
        (CLIENT, with("raw", json!("")), rejected(Rejected::RawEmpty)),
        (CLIENT, with("raw", json!("zz")), rejected(Rejected::NotHex)),
        (CLIENT, with("raw", json!(null)), ignored(Ignored::NoRaw)),
        (CLIENT, with("direction", json!("tx")), ignored(Ignored::CoverageNotReceived)),
        ("meshcore/client/xyz/packets", with("x", json!(1)), rejected(Rejected::CoverageBadKey)),
        ("meshcore/client/a/packets", with("x", json!(1)), rejected(Rejected::CoverageBadKey)),
    ];
    for (topic, json, expected) in cases {
        assert_eq!(receive_by(&coverage_rules(), topic, json.clone()), expected, "{topic} {json}");
    }
}
