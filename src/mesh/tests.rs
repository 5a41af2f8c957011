//! Golden values of the format (§7, §12, §15) and the ingest spec (§2.2, §2.4, §9.4), and the
//! rules that real packets never touch.

use super::encode::{Route, plain, sealed};
use super::*;

const REPEATER: &str = "120046D62DE27D4C5194D7821FC5A34A45565DCC2537B300B9AB6275255CEFB65D840CE5\
    C169C94C9AED39E8BCB6CB6EB0335497A198B33A1A610CD3B03D8DCFC160900E5244280323EE0B44CACAB8F02B5B38\
    B91CFA18BD067B0B5E63E94CFC85F758A8530B9240933402E0E6B8F84D5252322D52";
const EMOJI: &str = "120073CFF971E1CB5754A742C152B2D2E0EB108A19B246D663ED8898A72C4A5AD86EA6768E66\
    694B025EDF6939D5C44CFF719C5D5520E5F06B20680A83AD9C2C61C3227BBB977A85EE462F3553445FECF8EDD05C23\
    4ECE217272E503F14D6DF2B1B9B133890C923CDF3002F8FDC1F85045414BF09F8CB3";
const RELAYED: &str = "11451000D818206D3AAC152C8A91F89957E6D30CA51F36E28790228971C473B755F244F718\
    754CF5EE4A2FD58D944466E42CDED140C66D0CC590183E32BAF40F112BE8F3F2BDF6012B4B2793C52F1D36F69EE054\
    D9A05593286F78453E56C0EC4A3EB95DDA2A7543FCCC00B939CACC009278603902FC12BCF84B706120526F6F662053\
    6F6C6172";

fn decode(hex: &str, channels: &ChannelKeys) -> DecodedPayload {
    let frame = frame_from_hex(hex).unwrap();
    let rules = DecodeRules { channels, verify_signatures: true };
    decode_payload(&Packet::parse(&frame).unwrap(), &rules)
}

fn json(hex: &str) -> String {
    decode(hex, &ChannelKeys::public_only()).to_json()
}

fn read_advert(hex: &str) -> Advert {
    decode(hex, &ChannelKeys::none()).advert().unwrap().clone()
}

/// An advert with this app data and no valid signature.
fn with_app_data(app_data: &[u8]) -> Advert {
    let payload = [&[0x11; 100], app_data].concat();
    read_advert(&hex::encode(Route::flood(1).frame(PayloadType::Advert, &payload).unwrap()))
}

#[test]
fn golden_hashes_come_out() {
    for (raw, hash) in [
        ("0A00D69FD7A5A7475DB07337749AE61FA53A4788E976", "b1f07307cbc01ce5"),
        ("2502AABBDEADBEEF", "b1baaf3bf0d0726c"),
        ("15000102030405060708090a0b0c0d0e0f", "fae0c9e6d357a814"),
        ("142AB500000068656C6C6F", "ad35af52bb6931b5"),
        ("260001807dca00000000007d547d", "9f18b9fe256047a2"),
        ("2604302D0D2359FEE7B100000000006733D63367", "af081a2c41281b1e"),
        (REPEATER, "a2df093d3bfc51f5"),
        ("0A00", "dbc1b4c900ffe48d"),
        ("0902AABB", "dbc1b4c900ffe48d"),
        ("FF", "FF"),
    ] {
        assert_eq!(content_hash_of_hex(raw), hash, "{raw}");
    }
}

/// §2.2 [HZ]: the original hashes a spaced text to its own first 16 characters.
#[test]
fn blanks_change_neither_hash_nor_frame() {
    let spaced = "0A 00 D6 9F D7 A5\r\nA7475DB07337749AE61FA53A4788E976\t";
    assert_eq!(content_hash_of_hex(spaced), "b1f07307cbc01ce5");
    assert_eq!(frame_from_hex("0A 0\n0"), Ok(vec![0x0A, 0]));
}

#[test]
fn text_that_is_no_frame_hashes_to_its_first_characters() {
    assert_eq!(content_hash_of_hex(""), "");
    assert_eq!(content_hash_of_hex("xyzé"), "xyzé");
    assert_eq!(content_hash_of_hex("0aBcDeF01234567890f"), "0aBcDeF012345678");
    assert_eq!(content_hash_of_hex("éééééééééééééééééééé"), "éééééééééééééééé");
}

#[test]
fn golden_adverts_verify() {
    for (hex, name, role) in [
        (REPEATER, "MRR2-R", "repeater"),
        (EMOJI, "PEAK🌳", "repeater"),
        (RELAYED, "Kpa Roof Solar", "repeater"),
    ] {
        let advert = read_advert(hex);
        assert_eq!((advert.name.as_str(), advert.role().as_str()), (name, role));
        assert_eq!(advert.signature_valid, Some(true), "{name}");
        assert_eq!(advert.check(), Ok(()), "{name}");
    }
    assert_eq!(read_advert(REPEATER).lat, Some(37.0));
    assert!(json(REPEATER).contains(r#""lat":37,"lon":-122.1,"name":"MRR2-R"}"#));
}

#[test]
fn golden_paths_come_out() {
    for (raw, path) in [
        ("2604302D0D2359FEE7B100000000006733D63367", r#"["67","33","D6","33","67"]"#),
        ("0542AABBCCDD0000000000000000000000000000", r#"["AABB","CCDD"]"#),
        (RELAYED, r#"["1000","D818","206D","3AAC","152C"]"#),
        ("0a00", "[]"),
    ] {
        let frame = frame_from_hex(raw).unwrap();
        assert_eq!(path_json(&Packet::parse(&frame).unwrap()), path);
    }
}

/// §2.4 [HZ]: the original shows the SNR bytes of a TRACE without a route as hops.
#[test]
fn a_trace_without_a_route_has_snrs_and_no_hops() {
    let frame = frame_from_hex("2602302D 01000000 02000000 00").unwrap();
    let packet = Packet::parse(&frame).unwrap();
    assert_eq!(path_json(&packet), "[]");
    let view = go_json::to_string(&PathView::of(&packet));
    assert_eq!(view, r#"{"hashSize":1,"hashCount":0,"hops":[]}"#);
    let payload = decode("2602302D 01000000 02000000 00", &ChannelKeys::none());
    assert!(payload.to_json().contains(r#""snrValues":[12,11.25]"#));
}

#[test]
fn a_version_that_is_not_in_use_is_accepted_and_shown() {
    let frame = [0xC5, 0x00, 1, 2, 3, 4, 5];
    assert_eq!(Packet::parse(&frame).unwrap().header.version, 3);
}

#[test]
fn golden_region_codes_come_out() {
    let code = |name| region::region_code(&hashtag_key(name), PayloadType::GrpTxt, b"hello");
    assert_eq!(code("#test").to_le_bytes(), [0x2A, 0xB5]);
    assert_eq!(code("belgium").to_le_bytes(), [0x4A, 0x75]);
    let frame = frame_from_hex("142AB500000068656C6C6F").unwrap();
    let scope =
        |names: &[&str]| RegionKeys::from_names(names).match_scope(&Packet::parse(&frame).unwrap());
    assert_eq!(scope(&["belgium", "test"]), ScopeMatch::Region("#test".into()));
    assert_eq!(scope(&["belgium", " ", "#"]), ScopeMatch::Unknown);
    let unscoped = frame_from_hex("140000123400AA").unwrap();
    let regions = RegionKeys::from_names(["test"]);
    assert_eq!(regions.match_scope(&Packet::parse(&unscoped).unwrap()), ScopeMatch::Unscoped);
}

#[test]
fn golden_channel_hashes_come_out() {
    assert_eq!(hex::encode(hashtag_key("#test")), "9cd8fcf22a47333b591d96a2b848b73f");
    assert_eq!(hashtag_key(" test "), hashtag_key("#test"));
    let hashes = [("#test", 0xD9), ("#bot", 0xCA), ("#wardriving", 0x81), ("#public", 0x66)];
    for (name, hash) in hashes {
        assert_eq!(ChannelSecret::hashtag(name).hash(), hash, "{name}");
    }
    assert_eq!(ChannelSecret::public().hash(), 0x11);
}

/// §2.6 [HZ]: the original ignores an explicit key named `public`.
#[test]
fn an_explicit_public_key_replaces_the_built_in_one() {
    let keys = ChannelKeys::from_pairs([("PUBLIC".to_owned(), [7_u8; 16])]);
    assert_eq!(keys.len(), 1);
    let payload = sealed::group_text(&ChannelSecret::from([7; 16]), 5, "A", "b");
    let frame = Route::flood(1).frame(PayloadType::GrpTxt, &payload).unwrap();
    let text = decode(&hex::encode(frame), &keys);
    assert_eq!(text.channel_label().as_deref(), Some("Public"));
    assert_eq!(keys.candidates(0x11).count(), 0);
}

#[test]
fn channels_with_one_hash_byte_are_tried_in_the_order_of_their_names() {
    let same_key = [("b", [7_u8; 16]), ("c", [7; 16]), ("a", [7; 16])];
    for turn in 0..3 {
        let mut pairs = same_key;
        pairs.rotate_left(turn);
        let keys = ChannelKeys::from_pairs(pairs.map(|(name, key)| (name.to_owned(), key)));
        let hash = ChannelSecret::from([7_u8; 16]).hash();
        let names: Vec<_> = keys.candidates(hash).map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }
}

/// §2.6 [HZ]: a MAC of two bytes fits a wrong key now and then; the hash byte must fit too.
#[test]
fn a_key_with_another_hash_byte_is_not_tried() {
    let secret = ChannelSecret::from([7; 16]);
    let mut payload = sealed::group_text(&secret, 5, "A", "b");
    payload[0] ^= 1;
    let frame = Route::flood(1).frame(PayloadType::GrpTxt, &payload).unwrap();
    let keys = ChannelKeys::from_pairs([("mine".to_owned(), secret)]);
    assert!(decode(&hex::encode(frame), &keys).to_json().contains("decryption_failed"));
}

fn channel_text(plaintext: &[u8]) -> String {
    let payload = sealed::group(&ChannelSecret::public(), plaintext);
    json(&hex::encode(Route::flood(1).frame(PayloadType::GrpTxt, &payload).unwrap()))
}

#[test]
fn a_sender_is_what_stands_before_the_first_colon_if_it_looks_like_a_name() {
    let text = |text: &str| channel_text(&sealed::text_plaintext(9, 0, text));
    assert!(text("Al: hi: you").contains(r#""text":"Al: hi: you","sender":"Al","#));
    assert!(!text("[x]: hi").contains("sender\""));
    assert!(!text(": hi").contains("sender\""));
    assert!(!text(&format!("{}: hi", "x".repeat(50))).contains("sender\""));
    assert!(text(&format!("{}: hi", "x".repeat(49))).contains("sender\""));
    assert!(text("no colon").contains(r#""text":"no colon","sender_timestamp":9"#));
    let silent = text("Al: ");
    assert!(!silent.contains("\"text\"") && silent.contains(r#""sender":"Al""#), "{silent}");
}

#[test]
fn plaintext_that_is_no_text_means_the_wrong_key() {
    let of_bytes = |text: &[u8]| channel_text(&[&[9, 0, 0, 0, 0], text].concat());
    assert!(of_bytes(b"a\x01\x02").contains("decrypted"));
    assert!(of_bytes(b"a\x01\x02\x03").contains("decryption_failed"));
    assert!(of_bytes(b"a\t\n\t\n").contains("decrypted"));
    assert!(of_bytes(b"a\xFF").contains("decryption_failed"));
    assert!(of_bytes("\u{FFFD}\u{FFFD}\u{FFFD}".as_bytes()).contains("decryption_failed"));
}

#[test]
fn group_data_that_announces_too_much_says_so() {
    let payload = sealed::group(&ChannelSecret::public(), &[0x34, 0x12, 200, 1, 2]);
    let frame = Route::flood(1).frame(PayloadType::GrpData, &payload).unwrap();
    let decoded = decode(&hex::encode(frame), &ChannelKeys::public_only());
    assert_eq!(decoded.error(), Some("inner data_len exceeds buffer"));
    assert!(decoded.to_json().contains(r#""dataType":4660,"dataLen":200,"error""#));
}

#[test]
fn invalid_utf8_in_a_name_becomes_one_replacement_character_a_byte() {
    assert_eq!(with_app_data(b"\x81ok\xF0\x9F\x8C").name, "ok\u{FFFD}\u{FFFD}\u{FFFD}");
    assert_eq!(with_app_data(b"\x81a\x07b\x7Fc\td ").name, "abc\td ");
    let long = with_app_data(&[&[0x81], [0xFF; 31].as_slice()].concat()).name;
    assert_eq!(long, "\u{FFFD}".repeat(10), "cut to 32 bytes, between characters");
}

#[test]
fn a_flagged_field_that_does_not_fit_is_left_out() {
    let advert = with_app_data(&[0xF2, 1, 2, 3]);
    assert_eq!((advert.lat, advert.feat1, advert.feat2), (None, Some(0x0201), None));
    assert_eq!(advert.name, "");
}

#[test]
fn sensors_append_battery_and_temperature() {
    let telemetry = |tail: &[u8]| {
        let advert = with_app_data(&[&[0x84, b'S'], tail].concat());
        (advert.battery_mv, advert.temperature_c)
    };
    assert_eq!(telemetry(&[0, 0x74, 0x0E, 0x22, 0x0B]), (Some(3700), Some(28.5)));
    assert_eq!(telemetry(&[0, 0, 0, 0x74, 0x0E, 0x22, 0x0B]), (Some(3700), Some(28.5)));
    assert_eq!(telemetry(&[0, 0x00, 0x0F, 0, 0]), (Some(3840), Some(0.0)));
    assert_eq!(telemetry(&[0, 0x74, 0x0E, 0x22]), (None, None));
    assert_eq!(telemetry(&[0, 0x11, 0x27, 0x11, 0x27]), (None, None));
    assert_eq!(telemetry(&[]), (None, None));
    let repeater = with_app_data(&[0x82, b'R', 0, 0x74, 0x0E, 0x22, 0x0B]);
    assert_eq!(repeater.battery_mv, None);
}

#[test]
fn adverts_that_cannot_be_true_are_faulty() {
    let position = |lat: i32, lon: i32| {
        let (lat, lon) = (lat.to_le_bytes(), lon.to_le_bytes());
        with_app_data(&[[0x12].as_slice(), &lat, &lon].concat()).check()
    };
    assert_eq!(position(90_000_000, -180_000_000), Ok(()));
    assert_eq!(position(90_000_001, 0), Err(AdvertFault::PositionOutOfRange));
    assert_eq!(position(0, -180_000_001), Err(AdvertFault::PositionOutOfRange));
    assert_eq!(with_app_data(b"\x81a\tb").check(), Err(AdvertFault::ControlCharacters));
    let zero = Route::flood(1).frame(PayloadType::Advert, &[0; 100]).unwrap();
    assert_eq!(read_advert(&hex::encode(zero)).check(), Err(AdvertFault::ZeroKey));
}

#[test]
fn roles_are_named_as_the_database_names_them() {
    let role = |flags: u8| with_app_data(&[flags]).role();
    let roles: Vec<_> = (0..=5).map(role).collect();
    assert_eq!(roles, ["none", "companion", "repeater", "room", "sensor", "type-5"]);
    assert_eq!(with_app_data(&[]).role(), "companion");
}

#[test]
fn a_timestamp_of_zero_leaves_only_its_text() {
    let frame = Route::flood(1).frame(PayloadType::Advert, &[0; 100]).unwrap();
    let json = json(&hex::encode(frame));
    assert!(!json.contains("\"timestamp\":"), "{json}");
    assert!(json.contains(r#""timestampISO":"1970-01-01T00:00:00.000Z""#), "{json}");
}

#[test]
fn json_is_written_as_go_writes_it() {
    let text = "<a> & \u{2028}\u{2029} \u{8}\u{c}\n\r\t\u{1} \u{7f} é \"\\/";
    assert_eq!(
        go_json::to_string(text),
        "\"\\u003ca\\u003e \\u0026 \\u2028\\u2029 \\b\\f\\n\\r\\t\\u0001 \u{7f} é \\\"\\\\/\""
    );
    for (number, wanted) in [
        (37.0, "37"),
        (-122.1, "-122.1"),
        (0.0, "0"),
        (-0.0, "-0"),
        (1e-6, "0.000001"),
        (9.9e-7, "9.9e-7"),
        (1.5e-10, "1.5e-10"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-2.5e30, "-2.5e+30"),
        (f64::NAN, "null"),
    ] {
        assert_eq!(go_json::to_string(&number), wanted);
    }
    assert_eq!(go_json::to_string(&1e21_f32), "1e+21");
    assert_eq!(go_json::to_string(&0.1_f32), "0.1");
    let keys = std::collections::BTreeMap::from([("<k>", 1)]);
    assert_eq!(go_json::to_string(&keys), r#"{"\u003ck\u003e":1}"#);
}

/// The values of format §15's formula, worked by hand.
#[test]
fn time_on_air_follows_the_formula() {
    let radio = Radio::parse("869.618,62.5,8,8").unwrap();
    // Tsym 4.096 ms; 50 bytes: ceil((400 - 32 + 44) / 32) = 13 words x 8; 32 + 4.25 + 8 + 104.
    assert!((time_on_air_ms(&radio, 50) - 148.25 * 4.096).abs() < 1e-9);
    let slow = Radio { bandwidth_khz: 62.5, spreading_factor: 11, coding_rate: 5, ..radio };
    // Tsym 32.768 ms, so DE = 1: ceil((80 - 44 + 44) / 36) = 3 x 5; 16 + 4.25 + 8 + 15.
    assert!((time_on_air_ms(&slow, 10) - 43.25 * 32.768).abs() < 1e-9);
    assert!(time_on_air_ms(&radio, 0) > 0.0);
    for text in
        ["", "869,62.5,8", "869,0,8,8", "869,62.5,4,8", "869,62.5,8,9", "x,1,8,8", "1,NaN,8,8"]
    {
        assert_eq!(Radio::parse(text), None, "{text}");
    }
}

/// Format §6.
#[test]
fn the_golden_ack_hash_comes_out() {
    let plaintext = sealed::text_plaintext(0x1122_3344, 0, "hello");
    assert_eq!(hex::encode(&plaintext), "443322110068656c6c6f");
    let key = "68979c626581cc52e9cc6dfea69ac1f4cfd9d73228a4b4fbff5d995a7c6cc7ff";
    let key: [u8; 32] = hex::decode(key).unwrap().try_into().unwrap();
    assert_eq!(plain::ack_hash(&plaintext, &key), [0xDC, 0xE9, 0xD1, 0x60]);
}

/// Format §12: 0 means no region and FFFF is kept free, so no packet gets them.
#[test]
fn the_two_reserved_region_codes_are_evaded() {
    let key = hashtag_key("fr");
    let payload_with = |code: u16| {
        let has_code = |payload: &[u8; 4]| {
            let kind = [PayloadType::Ack.number()];
            crypto::hmac_start(&key, &[&kind, payload]) == code.to_le_bytes()
        };
        (0_u32..).map(u32::to_le_bytes).find(has_code).unwrap()
    };
    let code = |payload: [u8; 4]| region::region_code(&key, PayloadType::Ack, &payload);
    assert_eq!(code(payload_with(0)), 1);
    assert_eq!(code(payload_with(0xFFFF)), 0xFFFE);
}

#[test]
fn secrets_are_the_same_seen_from_both_sides_and_never_shown() {
    let (alice, bob) = (Identity::from_seed([1; 32]), Identity::from_seed([2; 32]));
    let secret = alice.shared_secret(&bob.public_key()).unwrap();
    assert_eq!(bob.shared_secret(&alice.public_key()), Some(secret));
    assert_ne!(secret, [0; 32]);
    assert!(!format!("{alice:?}").contains(&hex::encode([1; 32])));
    let channel = ChannelSecret::from([0xAB; 16]);
    assert!(!format!("{channel:?}").to_lowercase().contains("abab"));
}
