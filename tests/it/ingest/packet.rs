//! Packets: what a record takes from frame and envelope.

use super::*;
use corescope::ingest::PacketArrival;
use corescope::ingest::reception::ObserverSeen;
use corescope::mesh::ChannelSecret;

#[test]
fn an_envelope_becomes_a_reception() {
    let packet = packet_of(receive(
        TOPIC,
        json!({"raw": RAW, "SNR": 5.5, "RSSI": "-100 dBm", "score": "532", "direction": "rx",
               "origin": " My Obs ", "hash": "ignored", "path": ["x"], "len": "22"}),
    ));
    assert_eq!(packet.heard_at_s, NOW_S);
    let observer =
        ObserverSeen { id: "AB12".into(), name: Some("My Obs".into()), iata: Some("PAR".into()) };
    assert_eq!(packet.observer, observer);
    assert_eq!(packet.transmission.hash, "b1f07307cbc01ce5");
    assert_eq!(packet.transmission.raw_hex, RAW);
    let transmission = &packet.transmission;
    assert_eq!((transmission.route_type, transmission.payload_type), (2, 2));
    assert_eq!(transmission.payload_version, 0);
    assert!(transmission.decoded_json.starts_with(r#"{"type":"TXT_MSG","#));
    let observation = &packet.observation;
    assert_eq!(observation.direction.as_deref(), Some("rx"));
    assert_eq!((observation.snr, observation.rssi), (Some(5.5), Some(-100.0)));
    assert_eq!(observation.score, Some(532.0));
    assert_eq!((observation.path_json.as_str(), observation.raw_hex.as_deref()), ("[]", Some(RAW)));
    assert_eq!((packet.advert, packet.naive_clock_skew_s), (None, None));
}

// HZ 6.
#[test]
fn hex_is_normalised_once_before_hash_path_and_storage() {
    let spaced = "05 42 AABB\nCCDD 0000000000000000000000000000";
    let spaced = packet_of(receive(TOPIC, raw(spaced)));
    let plain = packet_of(receive(TOPIC, raw("0542AABBCCDD0000000000000000000000000000")));
    assert_eq!(spaced.observation.path_json, r#"["AABB","CCDD"]"#);
    assert_eq!(spaced, plain);
}

#[test]
fn the_case_of_raw_is_kept_and_does_not_change_the_hash() {
    let lower = packet_of(receive(TOPIC, raw(&RAW.to_lowercase())));
    assert_eq!(lower.transmission.raw_hex, RAW.to_lowercase());
    assert_eq!(lower.transmission.hash, "b1f07307cbc01ce5");
}

// HZ 7.
#[test]
fn a_trace_shows_its_route_and_never_its_snr_bytes() {
    let trace = packet_of(receive(TOPIC, raw("2604302D0D2359FEE7B100000000006733D63367")));
    assert_eq!(trace.transmission.hash, "af081a2c41281b1e");
    assert_eq!(trace.observation.path_json, r#"["67","33","D6","33","67"]"#);
    let routeless = packet_of(receive(TOPIC, raw("2604302D0D2359FEE7B10000000000")));
    assert_eq!(routeless.observation.path_json, "[]");
}

// HZ 4: an absent or blank name is no name.
#[test]
fn an_absent_or_blank_origin_and_region_stay_absent() {
    for (topic, json) in [
        ("m//AB12/packets", json!({"raw": RAW})),
        ("m/ /AB12/packets", json!({"raw": RAW, "origin": "  ", "region": ""})),
        ("m//AB12/packets", json!({"raw": RAW, "origin": null, "region": 5})),
    ] {
        let observer = packet_of(receive(topic, json)).observer;
        assert_eq!((observer.name, observer.iata), (None, None));
    }
}

#[test]
fn the_payloads_region_ranks_before_the_topics_and_that_before_the_sources() {
    let source = SourceRules { region: Some("src".into()), ..source() };
    for (topic, region, expected) in [
        ("m/par/AB/packets", json!(" lys "), "LYS"),
        ("m/par/AB/packets", json!(null), "PAR"),
        ("m//AB/packets", json!(null), "SRC"),
    ] {
        let json = json!({"raw": RAW, "region": region}).to_string();
        let received = plain_rules().receive(&source, &arrival(topic, json.as_bytes()));
        assert_eq!(packet_of(received).observer.iata.as_deref(), Some(expected));
    }
}

// HZ 22.
#[test]
fn signals_that_are_no_finite_numbers_are_unknown_and_counted() {
    let rules = plain_rules();
    let json = json!({"raw": RAW, "SNR": "NaN", "RSSI": "-inf dBm", "score": "good"});
    let observation = packet_of(receive_by(&rules, TOPIC, json)).observation;
    assert_eq!((observation.snr, observation.rssi, observation.score), (None, None, None));
    assert_eq!(count(&rules, "note_signal_refused"), 3);
    let huge = format!(r#"{{"raw":"{RAW}","SNR":1e999,"rssi":-1}}"#);
    let received = rules.receive(&source(), &arrival(TOPIC, huge.as_bytes()));
    let observation = packet_of(received).observation;
    assert_eq!((observation.snr, observation.rssi), (None, Some(-1.0)));
    assert_eq!(count(&rules, "note_signal_refused"), 4);
}

#[test]
fn what_cannot_be_decoded_is_rejected_by_its_reason() {
    let cases = [
        (json!(""), Rejected::RawEmpty),
        (json!(" \n"), Rejected::RawEmpty),
        (json!(5), Rejected::RawNotText),
        (json!(["0A00"]), Rejected::RawNotText),
        (json!("0A0"), Rejected::NotHex),
        (json!("zz"), Rejected::NotHex),
        (json!("0a00é"), Rejected::NotHex),
        (json!("0A"), Rejected::TooShort),
        (json!("08AABBCCDD"), Rejected::NoPathLength),
        (json!("0800AABB"), Rejected::NoTransportCodes),
        (json!("09C0"), Rejected::BadPathLength),
        (json!("0905AABB"), Rejected::TruncatedPath),
        (json!("0900".to_owned() + &"00".repeat(185)), Rejected::LongPayload),
        (json!("0900".to_owned() + &"00".repeat(20_000)), Rejected::LongPayload),
    ];
    for (hex, reason) in cases {
        let rules = plain_rules();
        assert_eq!(receive_by(&rules, TOPIC, raw_value(&hex)), rejected(reason), "{hex}");
        assert_eq!(count(&rules, reason.as_str()), 1);
    }
}

fn raw_value(value: &Value) -> Value {
    json!({ "raw": value })
}

#[test]
fn an_advert_tells_of_its_node() {
    let app_data = AppData { position_e6: Some((48_850_000, 2_350_000)), ..repeater() };
    let packet = packet_of(receive(TOPIC, raw(&advert_hex(&app_data, &[0xAB]))));
    let advert = packet.advert.unwrap();
    let key = hex::encode(identity().public_key());
    assert_eq!(advert.public_key, key);
    assert_eq!(packet.transmission.from_pubkey.as_deref(), Some(key.as_str()));
    assert_eq!((advert.name.as_deref(), advert.role.as_str()), (Some("Rooftop"), "repeater"));
    assert_eq!((advert.lat, advert.lon), (Some(48.85), Some(2.35)));
    assert_eq!((advert.foreign, advert.default_scope), (None, None));
    assert_eq!(packet.observation.path_json, r#"["AB"]"#);
    assert!(packet.transmission.decoded_json.contains(r#""signatureValid":true"#));
}

// HZ 4.
#[test]
fn an_advert_without_a_name_names_nobody() {
    for name in ["", "  "] {
        let app_data = AppData { name: name.into(), ..repeater() };
        let packet = packet_of(receive(TOPIC, raw(&advert_hex(&app_data, &[]))));
        assert_eq!(packet.advert.unwrap().name, None);
    }
}

#[test]
fn an_advert_with_a_false_signature_is_kept_apart() {
    let mut frame = hex::decode(advert_hex(&repeater(), &[])).unwrap();
    *frame.last_mut().unwrap() ^= 1;
    let json = json!({"raw": hex::encode(&frame), "origin": "Obs"});
    let Received::Record(Record::RefusedAdvert(refused)) = receive(TOPIC, json.clone()) else {
        panic!("no refused advert");
    };
    assert_eq!(refused.reason, "invalid signature");
    assert_eq!((refused.observer_id.as_str(), refused.heard_at_s), ("AB12", NOW_S));
    assert_eq!(refused.observer_name.as_deref(), Some("Obs"));
    assert_eq!(refused.node_pubkey, hex::encode(identity().public_key()));
    assert_eq!(refused.node_name.as_deref(), Some("Rooftoq"));
    assert_eq!(refused.raw_hex, hex::encode(&frame));
    let rules = rules_of(&json!({"validateSignatures": false}));
    assert!(packet_of(receive_by(&rules, TOPIC, json)).advert.is_some());
}

#[test]
fn a_malformed_advert_is_rejected_and_a_short_one_is_any_packet() {
    let position = AppData { position_e6: Some((91_000_000, 0)), ..repeater() };
    let name = AppData { name: "a\tb".into(), ..repeater() };
    let zero = "1100".to_owned() + &"00".repeat(101);
    for (hex, reason) in [
        (advert_hex(&position, &[]), Rejected::AdvertPosition),
        (advert_hex(&name, &[]), Rejected::AdvertName),
        (zero, Rejected::AdvertZeroKey),
    ] {
        assert_eq!(receive(TOPIC, raw(&hex)), rejected(reason));
    }
    let short = packet_of(receive(TOPIC, raw(&("1100".to_owned() + &"11".repeat(50)))));
    assert_eq!((short.advert, short.transmission.from_pubkey), (None, None));
}

// HZ 14: what is inside again must not stay foreign.
#[test]
fn the_geo_filter_flags_clears_or_drops() {
    let filter = json!({"latMin": 48, "latMax": 49, "lonMin": 2, "lonMax": 3});
    let flag = rules_of(&json!({ "geo_filter": filter }));
    let drop = rules_of(&json!({"geo_filter": filter, "foreignAdverts": {"mode": "DROP"}}));
    let cases = [
        (Some((48_500_000, 2_500_000)), Some(false)),
        (Some((43_300_000, 5_400_000)), Some(true)),
        (Some((0, 0)), None),
        (None, None),
    ];
    for (position_e6, foreign) in cases {
        let hex = advert_hex(&AppData { position_e6, ..repeater() }, &[]);
        let flagged = packet_of(receive_by(&flag, TOPIC, raw(&hex)));
        assert_eq!(flagged.advert.unwrap().foreign, foreign, "{position_e6:?}");
        let dropped = receive_by(&drop, TOPIC, raw(&hex));
        let is_dropped = dropped == ignored(Ignored::ForeignAdvert);
        assert_eq!(is_dropped, foreign == Some(true), "{position_e6:?}");
    }
}

#[test]
fn a_scope_is_absent_unknown_or_a_region_that_we_know() {
    let rules = rules_of(&json!({"hashRegions": ["belgium"]}));
    let payload = advert::advert(&identity(), 5, &repeater());
    let route = Route::flood(1);
    let scoped = |name: &str| route.clone().scoped(name, PayloadType::Advert, &payload);
    let cases = [
        (route.clone(), None, None),
        (scoped("#belgium"), Some("#belgium"), Some("#belgium")),
        (scoped("#elsewhere"), Some(""), None),
        (route.clone().with_transport_codes([0; 4]), None, None),
    ];
    for (route, scope, default_scope) in cases {
        let frame = hex::encode(route.frame(PayloadType::Advert, &payload).unwrap());
        let packet = packet_of(receive_by(&rules, TOPIC, raw(&frame)));
        assert_eq!(packet.transmission.scope_name.as_deref(), scope);
        assert_eq!(packet.advert.unwrap().default_scope.as_deref(), default_scope);
    }
}

#[test]
fn channel_hash_is_the_channels_name_or_its_sealed_byte() {
    let rules = rules_of(&json!({"hashChannels": ["test"]}));
    let frame = |channel: &ChannelSecret| {
        let payload = sealed::group_text(channel, 1, "Ann", "hello");
        hex::encode(Route::flood(1).frame(PayloadType::GrpTxt, &payload).unwrap())
    };
    let label =
        |frame: &str| packet_of(receive_by(&rules, TOPIC, raw(frame))).transmission.channel_hash;
    assert_eq!(label(&frame(&ChannelSecret::public())).as_deref(), Some("Public"));
    assert_eq!(label(&frame(&ChannelSecret::hashtag("#test"))).as_deref(), Some("#test"));
    let sealed = ChannelSecret::hashtag("#other");
    assert_eq!(label(&frame(&sealed)), Some(format!("enc_{:02X}", sealed.hash())));
    assert_eq!(label(RAW), None);
}

// HZ 18.
#[test]
fn a_configured_key_named_public_replaces_the_built_in_one() {
    let rules = rules_of(&json!({"channelKeys": {"public": "00112233445566778899aabbccddeeff"}}));
    let key = *b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff";
    let payload = sealed::group_text(&ChannelSecret::from(key), 1, "Ann", "hello");
    let frame = hex::encode(Route::flood(1).frame(PayloadType::GrpTxt, &payload).unwrap());
    let packet = packet_of(receive_by(&rules, TOPIC, raw(&frame)));
    assert_eq!(packet.transmission.channel_hash.as_deref(), Some("Public"));
}

#[test]
fn of_two_keys_for_one_channel_the_explicit_one_counts() {
    let key = "00112233445566778899aabbccddeeff";
    let rules = rules_of(&json!({"hashChannels": ["test"], "channelKeys": {"#test": key}}));
    let label = |channel: &ChannelSecret| {
        let payload = sealed::group_text(channel, 1, "Ann", "hello");
        let frame = hex::encode(Route::flood(1).frame(PayloadType::GrpTxt, &payload).unwrap());
        packet_of(receive_by(&rules, TOPIC, raw(&frame))).transmission.channel_hash.unwrap()
    };
    let explicit: [u8; 16] = hex::decode(key).unwrap().try_into().unwrap();
    assert_eq!(label(&ChannelSecret::from(explicit)), "#test");
    assert!(label(&ChannelSecret::hashtag("#test")).starts_with("enc_"));
}

#[test]
fn a_posted_packet_obeys_the_same_rules_and_is_counted() {
    let rules = plain_rules();
    let posted = |raw: &str| PacketArrival {
        raw: raw.into(),
        observer: ObserverSeen { id: "api".into(), ..ObserverSeen::default() },
        heard_at_s: NOW_S,
        snr: Some(1.5),
        ..PacketArrival::default()
    };
    let packet = packet_of(rules.receive_packet(posted(RAW)));
    assert_eq!((packet.observer.id.as_str(), packet.observation.snr), ("api", Some(1.5)));
    assert_eq!(rules.receive_packet(posted("zz")), rejected(Rejected::NotHex));
    assert_eq!(count(&rules, "rejected_not_hex"), 1);
}

#[test]
fn a_zone_less_clock_that_is_off_is_told_and_the_packet_is_heard_now() {
    let cases = [
        ("2026-08-11T02:06:10.073834", Some(7200)),
        ("2026-08-11T00:06:10.073834", None),
        ("2026-08-11T02:06:10.073834+02:00", None),
        ("2026-08-10T00:06:10Z", None),
        ("gone", None),
    ];
    for (timestamp, skew_s) in cases {
        let packet = packet_of(receive(TOPIC, json!({"raw": RAW, "timestamp": timestamp})));
        assert_eq!((packet.heard_at_s, packet.naive_clock_skew_s), (NOW_S, skew_s), "{timestamp}");
    }
}

#[test]
fn an_unreadable_envelope_time_is_counted() {
    let rules = plain_rules();
    for timestamp in [json!("gone"), json!(1_786_406_770), json!(null)] {
        packet_of(receive_by(&rules, TOPIC, json!({"raw": RAW, "timestamp": timestamp})));
    }
    assert_eq!(count(&rules, "note_time_unreadable"), 2);
}

// Decision 3.
#[test]
fn a_message_that_waited_at_the_broker_keeps_its_time() {
    let rules = plain_rules();
    let away_s = (NOW_S - 3600)..=(NOW_S - 5);
    let cases = [
        ("2026-08-10T23:36:10Z", NOW_S - 1800, 1),
        ("2026-08-10T23:06:10Z", NOW_S - 3600, 1),
        ("2026-08-10T23:06:09Z", NOW_S, 0),
        ("2026-08-11T00:06:05Z", NOW_S - 5, 1),
        ("2026-08-11T00:06:06Z", NOW_S, 0),
        ("2026-08-11T02:06:10", NOW_S, 0),
        ("gone", NOW_S, 0),
    ];
    let mut resumed = 0;
    for (timestamp, heard_at_s, counted) in cases {
        let json = json!({"raw": RAW, "timestamp": timestamp}).to_string();
        let arrival = Arrival { away_s: Some(away_s.clone()), ..arrival(TOPIC, json.as_bytes()) };
        let packet = packet_of(rules.receive(&source(), &arrival));
        assert_eq!((packet.heard_at_s, packet.naive_clock_skew_s), (heard_at_s, None));
        resumed += counted;
        assert_eq!(count(&rules, "note_time_resumed"), resumed, "{timestamp}");
    }
}

#[test]
fn a_retained_packet_is_as_old_as_it_says() {
    let json = json!({"raw": RAW, "timestamp": "2026-08-10T00:06:10Z"}).to_string();
    let arrival = Arrival { is_retained: true, ..arrival(TOPIC, json.as_bytes()) };
    let packet = packet_of(plain_rules().receive(&source(), &arrival));
    assert_eq!(packet.heard_at_s, NOW_S - 86_400);
}
