//! Messages of a companion radio (§3.3).

use sha2::{Digest, Sha256};

use super::*;

const CHANNEL: &str = "meshcore/message/channel/7";

fn hash_of(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..8])
}

#[test]
fn a_channel_text_becomes_a_packet_of_the_companion() {
    let packet = packet_of(receive(
        CHANNEL,
        json!({"text": "Alice: <Hello>", "channel_idx": 3, "SNR": 5.0, "RSSI": -95, "score": 10,
               "direction": "rx", "sender_timestamp": 1_700_000_000, "region": "par"}),
    ));
    assert_eq!(packet.observer.id, "companion");
    assert_eq!((packet.observer.name, packet.observer.iata.as_deref()), (None, Some("PAR")));
    let transmission = packet.transmission;
    assert_eq!(transmission.hash, hash_of("ch:3:Alice: <Hello>:1700000000"));
    let decoded = r#"{"channel":"ch3","sender":"Alice","sender_timestamp":1700000000,"#.to_owned()
        + r#""text":"Alice: \u003cHello\u003e","type":"CHAN"}"#;
    assert_eq!(transmission.decoded_json, decoded);
    assert_eq!((transmission.route_type, transmission.payload_type), (1, 5));
    assert_eq!(transmission.channel_hash.as_deref(), Some("ch3"));
    assert_eq!(transmission.raw_hex, "");
    let observation = packet.observation;
    assert_eq!((observation.snr, observation.rssi), (Some(5.0), Some(-95.0)));
    assert_eq!((observation.path_json.as_str(), observation.raw_hex), ("[]", None));
}

#[test]
fn a_message_that_a_broker_delivers_again_later_is_the_same() {
    let hash = |json: serde_json::Value, later_s: i64| {
        packet_of(receive_at(CHANNEL, json, NOW_S + later_s)).transmission.hash
    };
    let sent = json!({"text": "x", "sender_timestamp": 1_700_000_000});
    assert_eq!(hash(sent.clone(), 0), hash(sent, 7));
    let heard = json!({"text": "x", "timestamp": "2026-08-11T00:06:10Z"});
    assert_eq!(hash(heard.clone(), 0), hash(heard, 7));
    let undated = json!({"text": "x"});
    assert_ne!(hash(undated.clone(), 0), hash(undated, 7), "two undated texts are two");
}

#[test]
fn the_channels_index_comes_from_the_payload_or_the_topic() {
    let label = |json| packet_of(receive(CHANNEL, json)).transmission.channel_hash.unwrap();
    assert_eq!(label(json!({"text": "x"})), "ch7");
    assert_eq!(label(json!({"text": "x", "channel_idx": 0})), "ch0");
    assert_eq!(label(json!({"text": "x", "channel_idx": "2"})), "ch2");
}

#[test]
fn a_direct_message_is_a_text_message() {
    let packet = packet_of(receive("meshcore/message/direct/AB", json!({"text": "no sender"})));
    let transmission = packet.transmission;
    assert_eq!(transmission.hash, hash_of("dm:no sender:2026-08-11T00:06:10Z"));
    assert_eq!(transmission.decoded_json, r#"{"sender":"","text":"no sender","type":"DM"}"#);
    assert_eq!((transmission.route_type, transmission.payload_type), (1, 2));
    assert_eq!(transmission.channel_hash, None);
}

#[test]
fn the_sender_ends_at_a_colon_within_fifty_bytes() {
    let sender = |text: &str| {
        let json = packet_of(receive(CHANNEL, json!({ "text": text }))).transmission.decoded_json;
        let decoded: Value = serde_json::from_str(&json).unwrap();
        decoded["sender"].as_str().unwrap().to_owned()
    };
    assert_eq!(sender("Ann: a: b"), "Ann");
    assert_eq!(sender(": nobody"), "");
    assert_eq!(sender("Ann:close"), "");
    assert_eq!(sender(&format!("{}: x", "a".repeat(49))), "a".repeat(49));
    assert_eq!(sender(&format!("{}: x", "a".repeat(50))), "");
}

#[test]
fn a_message_without_text_is_left_aside() {
    for json in [json!({}), json!({"text": " "}), json!({"text": 5}), json!({"raw": RAW})] {
        assert_eq!(receive(CHANNEL, json), ignored(Ignored::NoText));
    }
}

// The topic's second level is no region here.
#[test]
fn lists_and_filters_look_at_the_region_that_the_message_or_its_source_names() {
    let rules = rules_of(&json!({"observerIATAWhitelist": ["PAR"]}));
    let by = |region: Option<&str>, json: Value| {
        let source = SourceRules { region: region.map(str::to_owned), ..source() };
        rules.receive(&source, &arrival(CHANNEL, json.to_string().as_bytes()))
    };
    packet_of(by(Some("par"), json!({"text": "x"})));
    packet_of(by(None, json!({"text": "x", "region": "PAR"})));
    assert_eq!(by(None, json!({"text": "x"})), ignored(Ignored::RegionNotWhitelisted));
    let rules = rules_of(&json!({"observerBlacklist": ["Companion"]}));
    let received = receive_by(&rules, CHANNEL, json!({"text": "x"}));
    assert_eq!(received, ignored(Ignored::ObserverBlacklisted));
}
