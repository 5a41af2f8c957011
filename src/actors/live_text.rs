//! The text that a WebSocket client gets for one stored observation (spec `http-contract` §5).
//! Fields stand in the order of the JSON keys, which are sorted.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::db::{KnownTransmission, Outcome, StoredPacket};
use crate::ingest::reception::{PacketReception, Record};
use crate::mesh::{Packet, PathView, PayloadType, frame_from_hex, go_json};

/// Returns `{"type":"packet","data":{…}}` for a reception that added an observation; `None` for
/// anything else: a repeated observation (same observer, same path) is no news.
pub fn live_text(record: &Record, outcome: &Outcome) -> Option<String> {
    let (Record::Packet(reception), Outcome::Packet(stored)) = (record, outcome) else {
        return None;
    };
    if !stored.is_new_observation {
        return None;
    }
    let event = Event::of(reception, stored);
    let packet = Event::of(reception, stored);
    let decoded = Decoded::of(reception.transmission.payload_type, &event);
    let data = Event { decoded: Some(decoded), packet: Some(Box::new(packet)), ..event };
    Some(go_json::to_string(&Envelope { r#type: "packet", data }))
}

#[derive(Serialize)]
struct Envelope<'a> {
    r#type: &'static str,
    data: Event<'a>,
}

/// `data`, and inside it `packet`, which repeats everything but `decoded` and itself. What a
/// packet's first reception fixed is told for every later one too: an observer's own frame may
/// have come by another route.
#[derive(Serialize)]
struct Event<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    decoded: Option<Decoded>,
    decoded_json: Option<&'a str>,
    direction: Option<&'a str>,
    first_seen: &'a str,
    hash: &'a str,
    id: i64,
    observation_count: i64,
    observer_id: &'a str,
    observer_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packet: Option<Box<Event<'a>>>,
    path_json: &'a str,
    payload_type: u8,
    raw_hex: Option<&'a str>,
    route_type: Option<i64>,
    rssi: Option<f64>,
    snr: Option<f64>,
    timestamp: &'a str,
}

impl<'a> Event<'a> {
    fn of(reception: &'a PacketReception, stored: &'a StoredPacket) -> Self {
        let (transmission, seen) = (&reception.transmission, &reception.observation);
        let (raw_hex, route_type, decoded_json) = match stored.known.as_deref() {
            Some(KnownTransmission { raw_hex, route_type, decoded_json }) => {
                (raw_hex.as_deref(), *route_type, decoded_json.as_deref())
            }
            None => (
                Some(transmission.raw_hex.as_str()).filter(|hex| !hex.is_empty()),
                Some(transmission.route_type.into()),
                Some(transmission.decoded_json.as_str()),
            ),
        };
        Self {
            decoded: None,
            decoded_json,
            direction: seen.direction.as_deref(),
            first_seen: &stored.first_seen,
            hash: &transmission.hash,
            id: stored.transmission_id,
            observation_count: stored.observation_count,
            observer_id: &reception.observer.id,
            observer_name: reception.observer.name.as_deref(),
            packet: None,
            path_json: &seen.path_json,
            payload_type: transmission.payload_type,
            raw_hex,
            route_type,
            rssi: seen.rssi,
            snr: seen.snr,
            timestamp: &stored.first_seen,
        }
    }
}

#[derive(Serialize)]
struct Decoded {
    header: Header,
    /// Of a TRACE.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Box<RawValue>>,
    /// Keys sorted, as those of any object that is parsed and written again.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    payload_type_name: Cow<'static, str>,
}

impl Decoded {
    fn of(payload_type: u8, event: &Event<'_>) -> Self {
        let is_trace = PayloadType::from_bits(payload_type) == PayloadType::Trace;
        Self {
            header: Header { payload_type_name: name_of(payload_type) },
            path: event.raw_hex.filter(|_| is_trace).and_then(path_of),
            payload: event.decoded_json.and_then(|json| serde_json::from_str(json).ok()),
        }
    }
}

fn name_of(payload_type: u8) -> Cow<'static, str> {
    match PayloadType::from_bits(payload_type).name() {
        "UNKNOWN" => format!("UNK({payload_type})").into(),
        name => name.into(),
    }
}

/// A text, because it borrows from the frame.
fn path_of(raw_hex: &str) -> Option<Box<RawValue>> {
    let frame = frame_from_hex(raw_hex).ok()?;
    let packet = Packet::parse(&frame).ok()?;
    RawValue::from_string(go_json::to_string(&PathView::of(&packet))).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::ingest::reception::{NewObservation, NewTransmission, ObserverSeen};

    fn reception(raw_hex: &str, payload_type: u8, decoded_json: &str) -> Record {
        Record::Packet(Box::new(PacketReception {
            heard_at_s: 1,
            observer: ObserverSeen { id: "o".into(), name: Some("<n>".into()), iata: None },
            naive_clock_skew_s: None,
            received_at_s: None,
            transmission: NewTransmission {
                hash: "h".into(),
                raw_hex: raw_hex.into(),
                route_type: 1,
                payload_type,
                payload_version: 0,
                decoded_json: decoded_json.into(),
                channel_hash: None,
                scope_name: None,
                from_pubkey: None,
            },
            observation: NewObservation {
                snr: Some(2.0),
                rssi: Some(-100.0),
                path_json: "[]".into(),
                ..NewObservation::default()
            },
            advert: None,
        }))
    }

    fn outcome(known: Option<KnownTransmission>) -> Outcome {
        Outcome::Packet(StoredPacket {
            transmission_id: 7,
            observation_id: 8,
            observation_count: 2,
            is_new_transmission: known.is_none(),
            is_new_observation: true,
            first_seen: "t".into(),
            known: known.map(Box::new),
        })
    }

    #[test]
    fn the_text_is_the_contracts_to_the_byte() {
        let record = reception("AB", 2, r#"{"b":2.0,"a":"<x>"}"#);
        let text = live_text(&record, &outcome(None)).unwrap();
        let own = concat!(
            r#""decoded_json":"{\"b\":2.0,\"a\":\"\u003cx\u003e\"}","direction":null,"#,
            r#""first_seen":"t","hash":"h","id":7,"observation_count":2,"observer_id":"o","#,
            r#""observer_name":"\u003cn\u003e","#,
        );
        let rest = concat!(
            r#""path_json":"[]","payload_type":2,"raw_hex":"AB","route_type":1,"rssi":-100,"#,
            r#""snr":2,"timestamp":"t"}"#,
        );
        let decoded = concat!(
            r#"{"header":{"payloadTypeName":"TXT_MSG"},"#,
            r#""payload":{"a":"\u003cx\u003e","b":2}}"#,
        );
        let expected = format!(
            r#"{{"type":"packet","data":{{"decoded":{decoded},{own}"packet":{{{own}{rest},{rest}}}"#
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn a_later_reception_tells_what_the_first_one_fixed() {
        let known = KnownTransmission {
            raw_hex: Some("FIRST".into()),
            route_type: Some(0),
            decoded_json: Some(r#"{"first":true}"#.into()),
        };
        let text = live_text(&reception("LATER", 2, "{}"), &outcome(Some(known))).unwrap();
        let event: Value = serde_json::from_str(&text).unwrap();
        for part in [&event["data"], &event["data"]["packet"]] {
            assert_eq!((&part["raw_hex"], &part["route_type"]), (&"FIRST".into(), &0.into()));
            assert_eq!(part["decoded_json"], r#"{"first":true}"#);
        }
        assert_eq!(event["data"]["decoded"]["payload"]["first"], true);
        let unknown = KnownTransmission { raw_hex: None, route_type: None, decoded_json: None };
        let text = live_text(&reception("LATER", 2, "{}"), &outcome(Some(unknown))).unwrap();
        let event: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(event["data"]["raw_hex"], Value::Null);
        assert_eq!(event["data"]["decoded"].get("payload"), None);
    }

    #[test]
    fn a_payload_type_without_a_name_is_told_by_its_number() {
        let text = live_text(&reception("AB", 13, "{}"), &outcome(None)).unwrap();
        assert!(text.contains(r#""header":{"payloadTypeName":"UNK(13)"}"#), "{text}");
    }

    #[test]
    fn only_a_trace_tells_its_path() {
        // Direct TRACE: path of two SNRs; tag, auth code, flags 0, a route of three hops.
        let trace = "26020A0B010000000200000000A1B2C3";
        let path = |payload_type| {
            let text = live_text(&reception(trace, payload_type, "{}"), &outcome(None)).unwrap();
            let event: Value = serde_json::from_str(&text).unwrap();
            event["data"]["decoded"].get("path").cloned()
        };
        let expected = serde_json::json!({
            "hashSize": 1, "hashCount": 3, "hops": ["A1", "B2", "C3"], "hopsCompleted": 2
        });
        assert_eq!(path(9), Some(expected));
        assert_eq!(path(2), None);
    }
}
