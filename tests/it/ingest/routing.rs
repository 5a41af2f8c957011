//! Which messages are taken at all (§3.2).

use super::*;

#[test]
fn messages_are_routed_by_topic() {
    let cases = [
        ("meshcore/status", json!({"raw": RAW}), ignored(Ignored::Bridge)),
        ("meshcore/events/connection", json!({}), ignored(Ignored::Bridge)),
        (TOPIC, json!({"status": "online"}), ignored(Ignored::NoRaw)),
        (TOPIC, json!({"raw": null}), ignored(Ignored::NoRaw)),
        (TOPIC, json!(null), rejected(Rejected::NotObject)),
        (TOPIC, json!([1]), rejected(Rejected::NotObject)),
        ("meshcore/PAR/AB12/neighbors", json!({}), ignored(Ignored::OtherTopic)),
        ("meshcore/PAR/AB12/neighbors", json!([]), ignored(Ignored::OtherTopic)),
        ("elsewhere", json!(1), ignored(Ignored::OtherTopic)),
        ("meshcore/PAR//packets", json!({"raw": RAW}), rejected(Rejected::BadTopic)),
        ("meshcore/P\0R/AB/packets", json!({"raw": RAW}), rejected(Rejected::BadTopic)),
    ];
    for (topic, json, expected) in cases {
        assert_eq!(receive(topic, json.clone()), expected, "{topic} {json}");
    }
}

// HZ 12 and decision 4.
#[test]
fn raw_is_taken_on_packets_topics_only() {
    for topic in [
        "meshcore",
        "meshcore/PAR",
        "meshcore/PAR/AB12",
        "meshcore/PAR/AB12/neighbors",
        "meshcore/PAR/AB12/packets/more",
        "meshcore/client/ab12/status",
    ] {
        assert_eq!(receive(topic, raw(RAW)), rejected(Rejected::RawOffTopic), "{topic}");
    }
    let status = receive("meshcore/PAR/AB12/status", raw(RAW));
    assert_eq!(status_of(status).observer.id, "AB12");
}

// HZ 12.
#[test]
fn a_client_topic_never_becomes_an_observer() {
    let topic = "meshcore/client/ab12/packets";
    assert_eq!(receive(topic, raw(RAW)), ignored(Ignored::CoverageDisabled));
    let status = receive("meshcore/client/ab12/status", json!({"model": "x"}));
    assert_eq!(status, ignored(Ignored::OtherTopic));
}

#[test]
fn blacklisted_observers_are_left_aside_whatever_they_say() {
    let rules = rules_of(&json!({
        "observerBlacklist": [" ab12 ", ""],
        "clientRxCoverage": {"enabled": true},
    }));
    for topic in [
        TOPIC,
        "meshcore/PAR/AB12/status",
        "meshcore/PAR/ aB12/neighbors",
        "meshcore/client/AB12/packets",
    ] {
        let received = receive_by(&rules, topic, raw(RAW));
        assert_eq!(received, ignored(Ignored::ObserverBlacklisted), "{topic}");
    }
    packet_of(receive_by(&rules, "meshcore/PAR/CD34/packets", raw(RAW)));
}

#[test]
fn the_whitelist_holds_for_packets_and_status_without_regard_to_case() {
    let rules = rules_of(&json!({"observerIATAWhitelist": [" par "]}));
    packet_of(receive_by(&rules, TOPIC, raw(RAW)));
    packet_of(receive_by(&rules, "meshcore/Par/AB/packets", raw(RAW)));
    for topic in ["meshcore/LYS/AB/packets", "meshcore/LYS/AB/status"] {
        // The region of the payload does not help: the topic's is what counts.
        let received = receive_by(&rules, topic, json!({"raw": RAW, "region": "PAR"}));
        assert_eq!(received, ignored(Ignored::RegionNotWhitelisted));
    }
}

#[test]
fn a_sources_filter_holds_for_packets_only_and_with_regard_to_case() {
    let rules = plain_rules();
    let source = SourceRules { iata_filter: vec!["PAR".into()], ..source() };
    let receive =
        |topic: &str| rules.receive(&source, &arrival(topic, raw(RAW).to_string().as_bytes()));
    packet_of(receive(TOPIC));
    assert_eq!(receive("meshcore/par/AB/packets"), ignored(Ignored::RegionFiltered));
    assert_eq!(receive("meshcore/LYS/AB/packets"), ignored(Ignored::RegionFiltered));
    status_of(receive("meshcore/LYS/AB/status"));
    assert_eq!(count(&rules, "ignored_region_filtered"), 2);
}

#[test]
fn payloads_that_are_too_large_or_no_json_are_refused() {
    let rules = plain_rules();
    let large = format!(r#"{{"raw":"{RAW}","x":"{}"}}"#, "x".repeat(1 << 20));
    let cases: [(&[u8], Rejected); 6] = [
        (large.as_bytes(), Rejected::PayloadTooLarge),
        (b"", Rejected::NotJson),
        (b"{\"raw\":\"0A00", Rejected::NotJson),
        (b"\xff\xfe\x00", Rejected::NotJson),
        (b"online", Rejected::NotJson),
        (b"7", Rejected::NotObject),
    ];
    for (payload, reason) in cases {
        assert_eq!(rules.receive(&source(), &arrival(TOPIC, payload)), rejected(reason));
    }
    assert_eq!(count(&rules, "rejected_not_json"), 4);
}

#[test]
fn text_that_is_not_utf8_costs_itself_and_not_the_packet() {
    let mut payload = format!(r#"{{"raw":"{RAW}","origin":"A?B"}}"#).into_bytes();
    let at = payload.iter().position(|byte| *byte == b'?').unwrap();
    payload[at] = 0xFF;
    let packet = packet_of(plain_rules().receive(&source(), &arrival(TOPIC, &payload)));
    assert_eq!(packet.observer.name.as_deref(), Some("A\u{FFFD}B"));
}
