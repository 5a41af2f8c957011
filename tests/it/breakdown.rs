//! The breakdown of frames: it covers every byte once and says what the decoder says.

use corescope::mesh::{
    Breakdown, ByteRange, ChannelKeys, DecodeRules, DecodedPayload, Packet, PacketError, RangeKind,
    breakdown, decode_payload, frame_from_hex, hashtag_key, route_hops,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::{check_json, data_file};

const ADVERT: &str = "11007E7662676F7F0850A8A355BAAFBFC1EB7B4174C340442D7D7161C9474A2C94006CE7CF682E58408DD8FCC51906ECA98EBF94A037886BDADE7ECD09FD92B839491DF3809C9454F5286D1D3370AC31A34593D569E9A042A3B41FD331DFFB7E18599CE1E60992A076D50238C5B8F85757375354522F50756765744D65736820436F75676172";
const TRUNCATED_PATH: &str = "0C1234567843AABB";
const TEMPERATURE: &str = "temperature (\u{b0}C)";

/// The field of the decoded payload's JSON that a range shows, where it shows the very same.
const FIELDS: [(&str, &str); 22] = [
    ("public key", "pubKey"),
    ("responder's public key", "ctrlPubKey"),
    ("timestamp", "timestamp"),
    ("signature", "signature"),
    ("latitude", "lat"),
    ("longitude", "lon"),
    ("name", "name"),
    ("feature 1", "feat1"),
    ("feature 2", "feat2"),
    ("battery (mV)", "battery_mv"),
    (TEMPERATURE, "temperature_c"),
    ("destination hash", "destHash"),
    ("source hash", "srcHash"),
    ("MAC", "mac"),
    ("sender's public key", "ephemeralPubKey"),
    ("channel hash", "channelHashHex"),
    ("ACK hash", "extraHash"),
    ("attempt", "ackAttempt"),
    ("random", "ackRand"),
    ("auth code", "authCode"),
    ("type filter", "ctrlFilter"),
    ("since", "ctrlSince"),
];

fn channels() -> ChannelKeys {
    let names = ["#LongFast", "#aa", "#bot", "#chat", "#test", "#wardriving"];
    ChannelKeys::from_pairs(names.map(|name| (name.to_owned(), hashtag_key(name))))
}

fn texts_of_vectors() -> Vec<String> {
    let Some(path) = data_file("packet-vectors.jsonl") else { return Vec::new() };
    let text = std::fs::read_to_string(path).unwrap();
    let hex_of = |line: &str| serde_json::from_str::<Value>(line).unwrap()["raw_hex"].clone();
    let texts: Vec<String> =
        text.lines().map(|line| hex_of(line).as_str().unwrap().to_owned()).collect();
    assert_eq!(texts.len(), 387);
    texts
}

fn texts_of_fixture() -> Vec<String> {
    let Some(path) = data_file("e2e-fixture.db") else { return Vec::new() };
    let uri = format!("file:{}?immutable=1", path.display());
    let connection = rusqlite::Connection::open(uri).unwrap();
    let mut statement = connection.prepare("SELECT raw_hex FROM transmissions").unwrap();
    let texts: Vec<String> =
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(texts.len(), 499);
    texts
}

fn covers_exactly(frame: &[u8], found: &Breakdown) {
    let mut at = 0;
    for range in &found.ranges {
        assert_eq!(range.start, at, "{}: {found:?}", hex::encode(frame));
        assert!(range.end > range.start, "{}: an empty range", hex::encode(frame));
        at = range.end;
    }
    assert_eq!(at, frame.len(), "{}", hex::encode(frame));
}

/// The value again, from the bytes alone.
fn value_of_bytes(range: &ByteRange, bytes: &[u8]) -> Option<Value> {
    let number =
        |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    Some(match (range.kind, range.label) {
        (RangeKind::Header | RangeKind::Path | RangeKind::Flags, _) => json!(bytes[0]),
        (RangeKind::Codes | RangeKind::Time, _) => json!(number(bytes)),
        (RangeKind::Snr, _) => json!(f64::from(bytes[0].cast_signed()) / 4.0),
        (RangeKind::Degrees, _) => {
            json!(f64::from(i32::from_le_bytes(bytes.try_into().unwrap())) / 1e6)
        }
        (RangeKind::Hop, _) | (RangeKind::Hash, "channel hash") => json!(hex::encode_upper(bytes)),
        (RangeKind::Hash, "tag" | "auth code") => json!(number(bytes)),
        (RangeKind::Hash, "ACK hash") => json!(format!("{:08x}", number(bytes))),
        (RangeKind::Number, TEMPERATURE) => {
            json!(f64::from(i16::from_le_bytes(bytes.try_into().unwrap())) / 100.0)
        }
        (RangeKind::Number, _) => json!(number(bytes)),
        (RangeKind::Text | RangeKind::Sealed | RangeKind::Unread, _) => return None,
        _ => json!(hex::encode(bytes)),
    })
}

fn says_what_the_decoder_says(frame: &[u8], found: &Breakdown, rules: &DecodeRules<'_>) {
    let Ok(packet) = Packet::parse(frame) else { return };
    let text = hex::encode(frame);
    let payload = decode_payload(&packet, rules);
    let decoded: Value = serde_json::from_str(&payload.to_json()).unwrap();
    for range in &found.ranges {
        // Out of its bounds, so the decoder shows none.
        let Some(value) = &range.value else { continue };
        if let Some(again) = value_of_bytes(range, &frame[range.start..range.end]) {
            assert_eq!(*value, again, "{text}: {range:?}");
        }
        let field = FIELDS.iter().find(|(label, _)| *label == range.label);
        let Some((_, field)) = field else { continue };
        let wanted = &decoded[*field];
        // A multipart's ACK has other names; zeros, names of which nothing can be shown and an opened
        // payload's MAC are left out.
        let is_nothing = value.as_f64() == Some(0.0) || *value == json!("");
        let is_left_out = wanted.is_null() && (is_nothing || *field == "mac");
        let is_elsewhere = matches!(payload, DecodedPayload::Multipart(_));
        // The JSON writes whole degrees without a fraction.
        let is_same_number = value.is_f64() && wanted.as_f64() == value.as_f64();
        let is_same = wanted == value || is_same_number;
        assert!(is_same || is_left_out || is_elsewhere, "{text}: {range:?}");
    }
    let hops: Vec<Value> = route_hops(&packet).map(|hop| json!(hex::encode_upper(hop))).collect();
    let is_broken_trace = packet.header.payload_type.name() == "TRACE" && hops.is_empty();
    let shown = found.ranges.iter().filter(|range| range.kind == RangeKind::Hop);
    let shown: Vec<_> = shown.filter_map(|range| range.value.clone()).collect();
    assert!(shown == hops || is_broken_trace, "{text}: {shown:?}");
    if let DecodedPayload::ChannelText(opened) = &payload {
        let sealed = found.ranges.iter().find(|range| range.kind == RangeKind::Sealed);
        assert_eq!(sealed.unwrap().value, Some(json!(opened.text)), "{text}");
    }
}

#[test]
fn every_vector_and_every_stored_frame_is_covered_and_says_what_the_decoder_says() {
    let channels = channels();
    let rules = DecodeRules { channels: &channels, verify_signatures: false };
    for text in texts_of_vectors().iter().chain(&texts_of_fixture()) {
        let Ok(frame) = frame_from_hex(text) else { continue };
        let found = breakdown(&frame, &rules);
        covers_exactly(&frame, &found);
        assert_eq!(found.error, Packet::parse(&frame).err(), "{text}");
        says_what_the_decoder_says(&frame, &found, &rules);
    }
}

#[test]
fn the_fields_of_an_advert_stand_where_the_format_says() {
    let channels = ChannelKeys::none();
    let rules = DecodeRules { channels: &channels, verify_signatures: false };
    let found = breakdown(&hex::decode(ADVERT).unwrap(), &rules);
    let places: Vec<_> = found.ranges.iter().map(|r| (r.start, r.end, r.label)).collect();
    let expected = [
        (0, 1, "header"),
        (1, 2, "path length"),
        (2, 34, "public key"),
        (34, 38, "timestamp"),
        (38, 102, "signature"),
        (102, 103, "flags"),
        (103, 107, "latitude"),
        (107, 111, "longitude"),
        (111, 134, "name"),
    ];
    assert_eq!(places, expected);
}

#[test]
fn bytes_that_are_no_frame_are_shown_as_far_as_they_were_read() {
    let channels = ChannelKeys::none();
    let rules = DecodeRules { channels: &channels, verify_signatures: false };
    let long = format!("0D01AA{}", "00".repeat(185));
    let path = PacketError::TruncatedPath { path_bytes: 6, rest_bytes: 2 };
    let codes = "header, region code, reserved code";
    for (text, labels, error) in [
        ("", "".to_owned(), PacketError::TooShort(0)),
        ("0D", "header".to_owned(), PacketError::TooShort(1)),
        ("0C1234", "header, not read".to_owned(), PacketError::NoTransportCodes(3)),
        ("0C12345678", codes.to_owned(), PacketError::NoPathLength(5)),
        (TRUNCATED_PATH, format!("{codes}, path length, not read"), path),
        ("0DC1AA", "header, path length, not read".into(), PacketError::BadPathLength(0xC1)),
        (&long, "header, path length, hop, not read".into(), PacketError::LongPayload(185)),
    ] {
        let found = breakdown(&hex::decode(text).unwrap(), &rules);
        let read: Vec<_> = found.ranges.iter().map(|range| range.label).collect();
        assert_eq!((read.join(", "), found.error), (labels, Some(error)), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_bytes_are_covered(bytes in vec(any::<u8>(), 0..300)) {
        let channels = channels();
        let rules = DecodeRules { channels: &channels, verify_signatures: false };
        let found = breakdown(&bytes, &rules);
        covers_exactly(&bytes, &found);
        says_what_the_decoder_says(&bytes, &found, &rules);
    }
}

#[actix_web::test]
async fn a_breakdown_is_answered_when_it_is_asked_for() {
    let Some(api) = Api::over_fixture() else { return };
    let ask = async |body: Value| api.post("/api/decode", body.to_string()).await;
    let plain = ask(json!({ "hex": ADVERT })).await.json();
    assert_eq!(plain.as_object().unwrap().len(), 1, "the contract's body is unchanged");
    let whole = ask(json!({ "hex": ADVERT, "breakdown": true })).await.json();
    assert_eq!(whole["decoded"], plain["decoded"]);
    check_json("decode_breakdown", &whole["breakdown"]);
    // No packet: refused without a breakdown, shown as far as it goes with it.
    assert_eq!(ask(json!({ "hex": TRUNCATED_PATH })).await.status, 400);
    let malformed = ask(json!({ "hex": TRUNCATED_PATH, "breakdown": true })).await;
    assert_eq!(malformed.status, 200);
    check_json("decode_breakdown_malformed", &malformed.json());
    for hex in ["xyz", " ", "123"] {
        assert_eq!(ask(json!({ "hex": hex, "breakdown": true })).await.status, 400, "{hex}");
    }
}
