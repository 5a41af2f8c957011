//! The 387 packets of `packet-vectors.jsonl`: `derived` rules framing and signatures (with the
//! nine empty payloads accepted), `corescope_go` the JSON (decision 31).

use corescope::mesh::crypto;
use corescope::mesh::{
    ChannelKeys, ChannelSecret, DecodeRules, DecodedPayload, Packet, PathView, PayloadType,
    RegionKeys, ScopeMatch, content_hash_of_hex, decode_payload, frame_from_hex, go_json,
    hashtag_key, path_json, route_hops,
};
use serde_json::Value;

use crate::support::data_file;
use crate::support::ordered_json::OrderedJson;

const LINES: usize = 387;
/// Empty payloads, which `derived` refuses and CoreScope accepts.
const EMPTY_PAYLOADS: [usize; 9] = [22, 100, 215, 309, 310, 311, 354, 356, 357];
/// App data of more than 32 bytes: what is not signed is not read (format §7).
const LONG_APP_DATA: [usize; 2] = [53, 242];

struct Vector {
    line: usize,
    hex: String,
    whole: Value,
    original: OrderedJson,
}

fn vectors() -> Vec<Vector> {
    let Some(path) = data_file("packet-vectors.jsonl") else { return Vec::new() };
    let text = std::fs::read_to_string(path).unwrap();
    let vectors: Vec<_> = text.lines().enumerate().map(|(i, text)| vector(i + 1, text)).collect();
    assert_eq!(vectors.len(), LINES);
    vectors
}

fn vector(line: usize, text: &str) -> Vector {
    let whole: Value = serde_json::from_str(text).unwrap();
    let original: OrderedJson = serde_json::from_str(text).unwrap();
    let hex = whole["raw_hex"].as_str().unwrap().to_owned();
    let original = original.get("corescope_go").unwrap().get("decode").unwrap().clone();
    Vector { line, hex, whole, original }
}

impl Vector {
    fn derived(&self) -> &Value {
        &self.whole["derived"]
    }

    fn is_accepted(&self) -> bool {
        self.derived()["ok"] == true || EMPTY_PAYLOADS.contains(&self.line)
    }

    fn frame(&self) -> Vec<u8> {
        frame_from_hex(&self.hex).unwrap()
    }
}

/// A TRACE whose path bytes the original takes for hops (spec §2.4, HZ 7): for us they are SNRs.
fn has_snr_but_no_route(packet: &Packet<'_>) -> bool {
    packet.header.payload_type == PayloadType::Trace
        && packet.path.hop_count() > 0
        && route_hops(packet).len() == 0
        && packet.payload.len() <= 9
}

/// The channels that the original was run with.
fn channels() -> ChannelKeys {
    let names = ["#LongFast", "#aa", "#bot", "#chat", "#test", "#wardriving"];
    ChannelKeys::from_pairs(names.map(|name| (name.to_owned(), hashtag_key(name))))
}

#[test]
fn every_frame_is_split_as_the_format_says() {
    for vector in vectors() {
        let (frame, derived, line) = (vector.frame(), vector.derived(), vector.line);
        let parsed = Packet::parse(&frame);
        assert_eq!(parsed.is_ok(), vector.is_accepted(), "line {line}: {parsed:?}");
        let Ok(packet) = parsed else { continue };
        if derived["ok"] == true {
            assert_eq!(packet.header.route.number(), derived["route_type"], "line {line}");
            assert_eq!(packet.header.route.name(), derived["route_name"], "line {line}");
            assert_eq!(packet.header.payload_type.number(), derived["payload_type"], "line {line}");
            let name = match derived["payload_name"].as_str() {
                Some("RESERVED") => "UNKNOWN",
                name => name.unwrap(),
            };
            assert_eq!(packet.header.payload_type.name(), name, "line {line}");
            assert_eq!(packet.header.version, derived["payload_version"], "line {line}");
            assert_eq!(packet.path.length_byte(), derived["path_len_byte"], "line {line}");
            assert_eq!(packet.path.hash_size(), derived["path_hash_size"], "line {line}");
            assert_eq!(packet.path.hop_count(), derived["hop_count"], "line {line}");
            let hops: Vec<_> = packet.path.hops().map(hex::encode_upper).collect();
            assert_eq!(Value::from(hops), derived["path"], "line {line}");
            assert_eq!(hex::encode_upper(packet.payload), derived["payload_hex"], "line {line}");
            assert_eq!(packet.content_hash().to_string(), derived["content_hash"], "line {line}");
            let codes = packet
                .transport_codes
                .map(|[a, b, c, d]| vec![u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])]);
            assert_eq!(codes.map_or(Value::Null, Value::from), derived["transport_codes"]);
        }
    }
}

#[test]
fn every_text_hashes_as_the_original_says_whether_it_is_a_frame_or_not() {
    for vector in vectors() {
        let wanted = &vector.whole["corescope_go"]["content_hash"];
        assert_eq!(content_hash_of_hex(&vector.hex), *wanted, "line {}", vector.line);
    }
}

#[test]
fn every_payload_is_written_byte_for_byte_as_the_original_writes_it() {
    let channels = channels();
    let rules = DecodeRules { channels: &channels, verify_signatures: true };
    for vector in vectors() {
        let frame = vector.frame();
        let Ok(packet) = Packet::parse(&frame) else { continue };
        let mut wanted = vector.original.get("payload").unwrap().clone();
        if LONG_APP_DATA.contains(&vector.line) {
            let derived = &vector.derived()["payload"];
            let name = derived["name"].as_str().unwrap().to_owned();
            let name: String = name.chars().filter(|c| !c.is_control()).collect();
            wanted.replace("signatureValid", derived["signature_valid"].clone());
            if vector.line == 53 {
                wanted.replace("name", Value::from(name));
            }
        }
        let wanted = go_json::to_string(&wanted);
        let mut decoded = decode_payload(&packet, &rules);
        if has_snr_but_no_route(&packet)
            && let DecodedPayload::Trace(trace) = &mut decoded
        {
            let snrs = &vector.derived()["payload"]["snr_db"];
            assert_eq!(Value::from(std::mem::take(&mut trace.snr_values)), *snrs);
        }
        assert_eq!(decoded.to_json(), wanted, "line {}", vector.line);
    }
}

#[test]
fn every_signature_verifies_as_derived_says() {
    let channels = ChannelKeys::none();
    let rules = DecodeRules { channels: &channels, verify_signatures: true };
    let mut checked = 0;
    for vector in vectors() {
        let Some(wanted) = vector.derived()["payload"]["signature_valid"].as_bool() else {
            continue;
        };
        let frame = vector.frame();
        let decoded = decode_payload(&Packet::parse(&frame).unwrap(), &rules);
        let valid = decoded.advert().unwrap().signature_valid;
        assert_eq!(valid, Some(wanted), "line {}", vector.line);
        checked += 1;
    }
    assert!(checked > 30 || checked == 0, "{checked} adverts");
}

#[test]
fn header_and_path_are_shown_as_the_original_shows_them() {
    for vector in vectors() {
        let frame = vector.frame();
        let Ok(packet) = Packet::parse(&frame) else { continue };
        let header = vector.original.get("header").unwrap();
        assert_eq!(go_json::to_string(&packet.header), go_json::to_string(header));
        if has_snr_but_no_route(&packet) {
            assert_eq!(path_json(&packet), "[]", "line {}", vector.line);
            continue;
        }
        let path = vector.original.get("path").unwrap();
        let shown = go_json::to_string(&PathView::of(&packet));
        assert_eq!(shown, go_json::to_string(path), "line {}", vector.line);
        let hops = go_json::to_string(path.get("hops").unwrap());
        assert_eq!(path_json(&packet), hops, "line {}", vector.line);
    }
}

#[test]
fn sealed_payloads_open_with_their_secrets() {
    let mut opened = 0;
    for vector in vectors() {
        let frame = vector.frame();
        let Ok(packet) = Packet::parse(&frame) else { continue };
        if let Some(secret) = vector.whole["peer_secret"].as_str() {
            let secret: [u8; 32] = hex::decode(secret).unwrap().try_into().unwrap();
            let mac = [packet.payload[2], packet.payload[3]];
            let plaintext = crypto::open(&secret, mac, &packet.payload[4..]).unwrap();
            check_inner_path(&vector, &plaintext);
            opened += 1;
        }
        if let Some(key) = vector.whole["channel_psk"].as_str() {
            let key = hex::decode(key).unwrap();
            let secret = match <[u8; 16]>::try_from(key.as_slice()) {
                Ok(short) => ChannelSecret::from(short),
                Err(_) => ChannelSecret::from(<[u8; 32]>::try_from(key).unwrap()),
            };
            assert_eq!(secret.hash(), packet.payload[0], "line {}", vector.line);
            let mac = [packet.payload[1], packet.payload[2]];
            let plaintext = crypto::open(secret.secret(), mac, &packet.payload[3..]).unwrap();
            assert_eq!(hex::encode(&plaintext), vector.whole["plain_hex"]);
            assert_eq!(crypto::seal(secret.secret(), &plaintext), packet.payload[1..]);
            opened += 1;
        }
    }
    assert!(opened == 8 || opened == 0, "{opened} sealed payloads");
}

/// A PATH's plaintext (format §5): path_len, path, extra type, extra.
fn check_inner_path(vector: &Vector, plaintext: &[u8]) {
    let inner = &vector.whole["inner"];
    let path_hex = inner["path"].as_str().unwrap();
    let way_end = 1 + path_hex.len() / 2;
    assert_eq!(plaintext[0], inner["path_len"], "line {}", vector.line);
    assert_eq!(hex::encode_upper(&plaintext[1..way_end]), path_hex, "line {}", vector.line);
    assert_eq!(plaintext[way_end] & 0x0F, inner["extra_type"], "line {}", vector.line);
    let extra = hex::encode_upper(&plaintext[way_end + 1..]);
    assert!(
        extra.starts_with(inner["extra"].as_str().unwrap().trim_end_matches('0')),
        "line {}: {extra}",
        vector.line
    );
}

#[test]
fn scoped_packets_name_their_region() {
    let mut scoped = 0;
    for vector in vectors() {
        let Some(region) = vector.whole["region"].as_str() else { continue };
        let frame = vector.frame();
        let packet = Packet::parse(&frame).unwrap();
        let known = RegionKeys::from_names(["#elsewhere", region.trim_start_matches('#')]);
        assert_eq!(known.match_scope(&packet), ScopeMatch::Region(region.to_owned()));
        let unknown = RegionKeys::from_names(["#elsewhere"]);
        assert_eq!(unknown.match_scope(&packet), ScopeMatch::Unknown);
        scoped += 1;
    }
    assert!(scoped == 3 || scoped == 0, "{scoped} scoped packets");
}
