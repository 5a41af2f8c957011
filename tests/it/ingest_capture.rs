//! One night in Paris: 6,000 real MQTT messages through the rules of ingest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use corescope::clock::parse_utc_ms;
use corescope::config::Config;
use corescope::ingest::reception::Record;
use corescope::ingest::{Arrival, Received, Rules, SourceRules};
use corescope::mesh::{Packet, frame_from_hex};
use flate2::read::GzDecoder;
use serde::Deserialize;

use crate::support;

#[derive(Deserialize)]
struct Captured {
    ts: String,
    topic: String,
    retained: bool,
    b64: String,
}

struct Message {
    captured: Captured,
    payload: Vec<u8>,
    now_s: i64,
    received: Received,
}

impl Message {
    /// Whether its `raw` holds a frame.
    fn is_decodable(&self) -> bool {
        let json: serde_json::Value = serde_json::from_slice(&self.payload).unwrap();
        let frame = json["raw"].as_str().and_then(|raw| frame_from_hex(raw).ok());
        frame.is_some_and(|frame| Packet::parse(&frame).is_ok())
    }
}

fn replay(rules: &Rules) -> Option<Vec<Message>> {
    let file = File::open(support::data_file("paris-capture-6000.ndjson.gz")?).unwrap();
    let source = SourceRules { tag: "paris".into(), iata_filter: vec![], region: None };
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    let receive = |line: String| {
        let captured: Captured = serde_json::from_str(&line).unwrap();
        let payload = BASE64_STANDARD.decode(&captured.b64).unwrap();
        let now_s = parse_utc_ms(&captured.ts).unwrap() / 1000;
        let received = rules.receive(
            &source,
            &Arrival {
                topic: &captured.topic,
                payload: &payload,
                is_retained: captured.retained,
                now_s,
                away_s: None,
            },
        );
        Message { captured, payload, now_s, received }
    };
    Some(lines.map(|line| receive(line.unwrap())).collect())
}

fn kind(received: &Received) -> &'static str {
    match received {
        Received::Record(Record::Packet(_)) => "packet",
        Received::Record(Record::Status(_)) => "status",
        Received::Record(Record::RefusedAdvert(_)) => "refused advert",
        Received::Record(Record::ClientReception(_)) => "client reception",
        Received::Ignored(reason) => reason.as_str(),
        Received::Rejected(reason) => reason.as_str(),
    }
}

#[test]
fn every_decodable_packet_of_the_capture_becomes_a_record() {
    let rules = Rules::new(&Config::default());
    let Some(messages) = replay(&rules) else { return };
    let mut counts = BTreeMap::new();
    for message in &messages {
        *counts.entry(kind(&message.received)).or_insert(0) += 1;
        let is_packet = matches!(
            message.received,
            Received::Record(Record::Packet(_) | Record::RefusedAdvert(_))
        );
        assert_eq!(is_packet, message.is_decodable(), "{}", message.captured.topic);
    }
    let expected = BTreeMap::from([
        ("packet", 5193),
        ("status", 693),
        ("rejected_raw_empty", 113),
        ("ignored_no_raw", 1),
    ]);
    assert_eq!(counts, expected);
    let counted = rules.counts().snapshot();
    assert_eq!(counted["rejected_raw_empty"], 113);
    assert_eq!(counted["note_signal_refused"], 0);
    assert_eq!(counted["note_time_unreadable"], 0);
}

#[test]
fn the_captures_observers_adverts_and_clocks_are_read() {
    let Some(messages) = replay(&Rules::new(&Config::default())) else { return };
    let (mut observers, mut skews_s, mut adverts) = (BTreeSet::new(), Vec::new(), 0);
    for message in &messages {
        let Received::Record(Record::Packet(packet)) = &message.received else { continue };
        assert_eq!(packet.observer.iata.as_deref(), Some("PAR"));
        assert!(packet.observer.name.is_some());
        assert_eq!(packet.heard_at_s, message.now_s, "ingest time, not the envelope's");
        observers.insert(packet.observer.id.clone());
        adverts += u32::from(packet.advert.is_some());
        skews_s.extend(packet.naive_clock_skew_s);
    }
    assert_eq!((observers.len(), adverts), (12, 1911));
    // Two observers write Paris time (UTC+2) without a zone; a message takes some seconds.
    assert_eq!(skews_s.len(), 572);
    assert!(skews_s.iter().all(|skew_s| (7100..=7210).contains(skew_s)), "{skews_s:?}");
}

#[test]
fn the_captures_statuses_are_read() {
    let Some(messages) = replay(&Rules::new(&Config::default())) else { return };
    let (mut retained, mut with_metrics, mut with_relay) = (0, 0, 0);
    for message in &messages {
        let Received::Record(Record::Status(status)) = &message.received else { continue };
        assert_eq!(status.is_retained, message.captured.retained);
        assert!(status.radio.as_deref().is_none_or(|radio| radio == radio.trim()));
        retained += u32::from(status.is_retained);
        with_metrics += u32::from(status.metrics.is_some());
        with_relay += u32::from(status.can_relay.is_some());
    }
    assert_eq!((retained, with_metrics, with_relay), (14, 692, 343));
}
