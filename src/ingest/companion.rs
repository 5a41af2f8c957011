//! Messages that a companion radio has already decrypted (§3.3): channel texts and direct ones.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::clock_skew::Resolved;
use super::envelope::{Field, Loose};
use super::reason::Ignored;
use super::reception::{NewObservation, NewTransmission, ObserverSeen, PacketReception, Record};
use super::rules::{Message, Received, Rules};
use crate::clock::iso_s;
use crate::mesh::{PayloadType, RouteType, go_json};

/// The observer that all companion messages belong to.
const OBSERVER_ID: &str = "companion";
/// Where `": "` may stand behind a sender's name.
const SENDER_BYTES: std::ops::Range<usize> = 1..50;

/// The `decoded_json` of a companion message; its keys are in alphabetical order.
#[derive(Serialize)]
struct CompanionText<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    sender: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_timestamp: Option<f64>,
    text: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl Rules {
    /// Handles a channel text; not counted.
    pub(super) fn receive_channel_text(&self, level: &str, message: &Message<'_>) -> Received {
        let index = match message.envelope.get(Field::ChannelIdx) {
            Loose::Number(number) if number.is_finite() => number.to_string(),
            other => other.into_text().unwrap_or_else(|| level.to_owned()),
        };
        self.receive_companion(Some(&index), message)
    }

    /// Handles a direct message; not counted.
    pub(super) fn receive_direct_text(&self, message: &Message<'_>) -> Received {
        self.receive_companion(None, message)
    }

    /// The topic names no region, so lists and filters look at the one that the message or its
    /// source names.
    fn receive_companion(&self, index: Option<&str>, message: &Message<'_>) -> Received {
        let envelope = &message.envelope;
        let iata = message.iata(None);
        let refusal = self.refuse_observer(Some(message.source), iata.as_deref(), OBSERVER_ID);
        if let Some(refusal) = refusal {
            return refusal;
        }
        let Loose::Text(text) = envelope.get(Field::Text) else { return Ignored::NoText.into() };
        if text.trim().is_empty() {
            return Ignored::NoText.into();
        }
        let Resolved { at_s, received_at_s, .. } = message.heard_at(&self.counts);
        let said_at = envelope.text(Field::Timestamp).unwrap_or_else(|| iso_s(at_s));
        let sender_timestamp =
            message.signal(Field::SenderTimestamp, Field::SenderTimestamp, &self.counts);
        let observer =
            ObserverSeen { id: OBSERVER_ID.to_owned(), name: envelope.text(Field::Origin), iata };
        Record::Packet(Box::new(PacketReception {
            heard_at_s: at_s,
            observer,
            naive_clock_skew_s: None,
            received_at_s,
            transmission: transmission(index, &text, sender_timestamp, said_at),
            observation: self.companion_observation(message),
            advert: None,
        }))
        .into()
    }

    fn companion_observation(&self, message: &Message<'_>) -> NewObservation {
        let signal = |first, second| message.signal(first, second, &self.counts);
        NewObservation {
            direction: message.envelope.either(Field::Direction, Field::DirectionUpper).into_text(),
            snr: signal(Field::SnrUpper, Field::Snr),
            rssi: signal(Field::RssiUpper, Field::Rssi),
            score: signal(Field::Score, Field::ScoreUpper),
            path_json: "[]".to_owned(),
            raw_hex: None,
        }
    }
}

/// The hash is over kind, text and the time at which the message says it was sent or heard. The
/// original takes the second of receipt; then a message that a broker delivers again would be a
/// second one. Only a message that names no time takes the second of receipt.
fn transmission(
    index: Option<&str>,
    text: &str,
    sender_timestamp: Option<f64>,
    said_at: String,
) -> NewTransmission {
    let time = sender_timestamp.map_or(said_at, |sent_s| sent_s.to_string());
    let channel = index.map(|index| format!("ch{index}"));
    let hashed = match index {
        Some(index) => format!("ch:{index}:{text}:{time}"),
        None => format!("dm:{text}:{time}"),
    };
    let (kind, payload_type) = match index {
        Some(_) => ("CHAN", PayloadType::GrpTxt),
        None => ("DM", PayloadType::TxtMsg),
    };
    let decoded = CompanionText {
        channel: channel.as_deref(),
        sender: sender_of(text),
        sender_timestamp,
        text,
        kind,
    };
    NewTransmission {
        hash: hex::encode(&Sha256::digest(hashed)[..8]),
        raw_hex: String::new(),
        route_type: RouteType::Flood.number(),
        payload_type: payload_type.number(),
        payload_version: 0,
        decoded_json: go_json::to_string(&decoded),
        channel_hash: channel,
        scope_name: None,
        from_pubkey: None,
    }
}

fn sender_of(text: &str) -> &str {
    match text.find(": ") {
        Some(end) if SENDER_BYTES.contains(&end) => &text[..end],
        _ => "",
    }
}
