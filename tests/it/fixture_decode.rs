//! Real packets: the 499 of the fixture database and the 6,000 messages of the Paris capture
//! decode as decision 31 says: the raw bytes are the truth, stale columns are named here.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use corescope::mesh::{
    ChannelKeys, DecodeRules, DecodedPayload, Packet, PacketError, PayloadType, RegionKeys,
    ScopeMatch, content_hash_of_hex, decode_payload, frame_from_hex, go_json, hashtag_key,
};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::data_file;
use crate::support::ordered_json::OrderedJson;

const REFUSED_ROW: i64 = 465;

struct Row {
    id: i64,
    raw_hex: String,
    hash: String,
    route_type: u8,
    payload_type: u8,
    decoded_json: String,
    channel_hash: Option<String>,
    from_pubkey: Option<String>,
}

/// The rows of the fixture that are frames; all but [`REFUSED_ROW`].
fn rows() -> Vec<Row> {
    let Some(path) = data_file("e2e-fixture.db") else { return Vec::new() };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let uri = format!("file:{}?immutable=1", path.display());
    let connection = Connection::open_with_flags(uri, flags).unwrap();
    let sql = "SELECT id, raw_hex, hash, route_type, payload_type, decoded_json, channel_hash,
        from_pubkey FROM transmissions ORDER BY id";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| {
        Ok(Row {
            id: row.get(0)?,
            raw_hex: row.get(1)?,
            hash: row.get(2)?,
            route_type: row.get(3)?,
            payload_type: row.get(4)?,
            decoded_json: row.get(5)?,
            channel_hash: row.get(6)?,
            from_pubkey: row.get(7)?,
        })
    });
    let rows: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 499);
    rows
}

fn frames() -> Vec<(Row, Vec<u8>)> {
    let with_frame = |row: Row| {
        let frame = frame_from_hex(&row.raw_hex).unwrap();
        (row, frame)
    };
    rows().into_iter().filter(|row| row.id != REFUSED_ROW).map(with_frame).collect()
}

/// The channels whose messages the fixture holds decrypted (decision 33).
fn channels() -> ChannelKeys {
    let names = ["#test", "#wardriving", "#bot", "#chat"];
    ChannelKeys::from_pairs(names.map(|name| (name.to_owned(), hashtag_key(name))))
}

#[test]
fn only_the_garbled_row_is_refused() {
    for row in rows() {
        let frame = frame_from_hex(&row.raw_hex).unwrap();
        let parsed = Packet::parse(&frame);
        if row.id == REFUSED_ROW {
            assert_eq!(parsed, Err(PacketError::BadPathLength(0x65)));
        } else {
            let header = parsed.unwrap().header;
            assert_eq!(header.route.number(), row.route_type, "row {}", row.id);
            assert_eq!(header.payload_type.number(), row.payload_type, "row {}", row.id);
        }
    }
}

#[test]
fn stored_hashes_match_but_for_those_of_an_old_formula() {
    let (mut same, mut old) = (0, 0);
    for (row, frame) in frames() {
        let packet = Packet::parse(&frame).unwrap();
        let hash = packet.content_hash().to_string();
        assert_eq!(hash, content_hash_of_hex(&row.raw_hex));
        if hash == row.hash {
            same += 1;
        } else {
            // The old formula took routes 2 and 3 for transport routes and type 7 for TRACE.
            assert!(row.route_type >= 2 || row.payload_type == 7, "row {}", row.id);
            old += 1;
        }
    }
    assert!((same, old) == (354, 144) || same == 0, "{same} same, {old} old");
}

#[test]
fn every_payload_equals_the_stored_json_but_for_what_is_stale() {
    let channels = channels();
    let rules = DecodeRules { channels: &channels, verify_signatures: false };
    let mut compared = 0;
    for (row, frame) in frames() {
        let packet = Packet::parse(&frame).unwrap();
        let decoded = decode_payload(&packet, &rules);
        let is_stale =
            matches!(packet.header.payload_type, PayloadType::Trace | PayloadType::Control);
        assert_eq!(decoded.error(), None, "row {}", row.id);
        if !is_stale {
            let wanted = row.decoded_json.replace(r#""channel":"public""#, r#""channel":"Public""#);
            assert_eq!(without_new_flags(&decoded), wanted, "row {}", row.id);
            compared += 1;
        }
    }
    assert!(compared == 498 - 12 || compared == 0, "{compared} compared");
}

/// The JSON as an older version wrote it: adverts without `hasFeat1` and `hasFeat2`.
fn without_new_flags(decoded: &DecodedPayload) -> String {
    let json = decoded.to_json();
    let mut ordered: OrderedJson = serde_json::from_str(&json).unwrap();
    let mut edit = |key: &str| {
        if let OrderedJson::Object(fields) = &mut ordered {
            fields.iter_mut().filter(|(k, _)| k == "flags").for_each(|(_, v)| v.remove(key));
        }
    };
    edit("hasFeat1");
    edit("hasFeat2");
    go_json::to_string(&ordered)
}

#[test]
fn every_advert_verifies_and_names_its_sender() {
    let channels = ChannelKeys::none();
    let rules = DecodeRules { channels: &channels, verify_signatures: true };
    let mut adverts = 0;
    for (row, frame) in frames() {
        let decoded = decode_payload(&Packet::parse(&frame).unwrap(), &rules);
        let key = decoded.advert().map(|advert| advert.public_key.to_string());
        assert_eq!(key, row.from_pubkey, "row {}", row.id);
        if let Some(advert) = decoded.advert() {
            assert_eq!(advert.signature_valid, Some(true), "row {}", row.id);
            assert_eq!(advert.check(), Ok(()), "row {}", row.id);
            adverts += 1;
        }
    }
    assert!(adverts == 102 || adverts == 0, "{adverts} adverts");
}

#[test]
fn channel_labels_equal_the_stored_column() {
    let channels = channels();
    let rules = DecodeRules { channels: &channels, verify_signatures: false };
    for (row, frame) in frames() {
        let label = decode_payload(&Packet::parse(&frame).unwrap(), &rules).channel_label();
        let wanted = row.channel_hash.map(|name| name.replace("public", "Public"));
        assert_eq!(label, wanted, "row {}", row.id);
    }
}

#[test]
fn todays_trace_layout_reads_the_rows_that_an_old_decoder_could_not() {
    let channels = ChannelKeys::none();
    let rules = DecodeRules { channels: &channels, verify_signatures: false };
    for (row, frame) in frames().into_iter().filter(|(row, _)| row.payload_type == 9) {
        let packet = Packet::parse(&frame).unwrap();
        let DecodedPayload::Trace(trace) = decode_payload(&packet, &rules) else {
            panic!("row {} is no trace", row.id);
        };
        assert_eq!(trace.snr_values.len(), packet.path.hop_count(), "row {}", row.id);
        assert!(!trace.route.is_empty(), "row {}", row.id);
    }
}

struct CapturedPacket {
    topic: String,
    raw: String,
    hash: Option<String>,
    packet_type: Option<String>,
}

/// The messages of the capture that carry a raw packet, empty ones included.
fn capture() -> Vec<CapturedPacket> {
    let Some(path) = data_file("paris-capture-6000.ndjson.gz") else { return Vec::new() };
    let file = std::fs::File::open(path).unwrap();
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    let lines: Vec<Value> =
        lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    assert_eq!(lines.len(), 6000);
    lines.iter().filter_map(captured_packet).collect()
}

fn captured_packet(line: &Value) -> Option<CapturedPacket> {
    let payload = BASE64_STANDARD.decode(line["b64"].as_str()?).ok()?;
    let envelope: Value = serde_json::from_slice(&payload).ok()?;
    let text = |key: &str| envelope[key].as_str().map(str::to_owned);
    Some(CapturedPacket {
        topic: line["topic"].as_str()?.to_owned(),
        raw: text("raw")?,
        hash: text("hash"),
        packet_type: text("packet_type"),
    })
}

#[test]
fn every_captured_packet_decodes_and_hashes_as_honest_observers_say() {
    let channels = channels();
    let rules = DecodeRules { channels: &channels, verify_signatures: true };
    let mut by_observer = BTreeMap::<String, (bool, Vec<(String, String)>)>::new();
    let (mut empty, mut decoded) = (0, 0);
    let packets = capture();
    for captured in &packets {
        if captured.raw.is_empty() {
            empty += 1;
            continue;
        }
        let frame = frame_from_hex(&captured.raw).unwrap();
        let packet = Packet::parse(&frame).unwrap();
        let json = decode_payload(&packet, &rules).to_json();
        assert!(serde_json::from_str::<Value>(&json).unwrap()["error"].is_null(), "{json}");
        decoded += 1;
        let Some(hash) = captured.hash.as_ref().filter(|hash| hash.len() == 16) else { continue };
        let (is_honest, hashes) =
            by_observer.entry(captured.topic.clone()).or_insert((true, Vec::new()));
        let number = packet.header.payload_type.number().to_string();
        *is_honest &= captured.packet_type.as_deref() == Some(number.as_str());
        hashes.push((packet.content_hash().to_string(), hash.to_lowercase()));
    }
    if packets.is_empty() {
        return;
    }
    assert_eq!((empty, decoded), (113, 5193));
    let honest: Vec<_> = by_observer.values().filter(|(is_honest, _)| *is_honest).collect();
    assert_eq!(by_observer.len() - honest.len(), 1, "one observer sends wrong types and hashes");
    let hashes: Vec<_> = honest.iter().flat_map(|(_, hashes)| hashes).collect();
    assert_eq!(hashes.len(), 4685);
    assert!(hashes.iter().all(|(ours, theirs)| ours == theirs));
}

#[test]
fn captured_packets_name_the_regions_of_paris() {
    let regions = RegionKeys::from_names(["fr", "#fr-idf"]);
    let mut found = BTreeMap::<String, usize>::new();
    for captured in capture().iter().filter(|captured| !captured.raw.is_empty()) {
        let frame = frame_from_hex(&captured.raw).unwrap();
        match regions.match_scope(&Packet::parse(&frame).unwrap()) {
            ScopeMatch::Region(name) => *found.entry(name).or_default() += 1,
            ScopeMatch::Unknown => *found.entry("unknown".to_owned()).or_default() += 1,
            ScopeMatch::Unscoped => {}
        }
    }
    if !found.is_empty() {
        assert!(found["#fr"] > found["unknown"], "{found:?}");
    }
}
