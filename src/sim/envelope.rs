//! What observers publish: topics and JSON as their software writes them (format §16).

use serde::Serialize;

use super::network::{Network, Observer, RADIO};
use super::spread::Hearing;
use crate::clock::iso_ms;
use crate::mesh::{Packet, PacketError, Radio, time_on_air_ms};

/// One message for a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it is published, Unix milliseconds.
    pub at_ms: i64,
    /// `meshcore/<IATA>/<observer>/packets` or `…/status`.
    pub topic: String,
    /// JSON.
    pub payload: Vec<u8>,
}

/// Numbers are texts, as in the field.
#[derive(Serialize)]
struct PacketEnvelope<'a> {
    origin: &'a str,
    origin_id: &'a str,
    timestamp: String,
    #[serde(rename = "type")]
    kind: &'static str,
    direction: &'static str,
    len: String,
    packet_type: String,
    route: &'static str,
    payload_len: String,
    raw: String,
    #[serde(rename = "SNR")]
    snr: String,
    #[serde(rename = "RSSI")]
    rssi: String,
    score: String,
    duration: String,
    hash: String,
}

#[derive(Serialize)]
struct StatusEnvelope<'a> {
    status: &'static str,
    timestamp: String,
    origin: &'a str,
    origin_id: &'a str,
    radio: &'static str,
    model: &'static str,
    firmware_version: &'static str,
    client_version: &'static str,
    repeat: &'static str,
    stats: Stats,
}

#[derive(Serialize)]
struct Stats {
    battery_mv: i64,
    uptime_secs: i64,
    noise_floor: i64,
    tx_air_secs: i64,
    rx_air_secs: i64,
    recv_errors: i64,
    packets_sent: i64,
    packets_recv: i64,
}

/// Returns what an observer tells of a frame that it heard at `at_ms`.
///
/// # Errors
/// If the frame is none.
pub fn packet(
    network: &Network,
    hearing: &Hearing,
    frame: &[u8],
    at_ms: i64,
) -> Result<Message, PacketError> {
    let observer = &network.observers[hearing.observer];
    let packet = Packet::parse(frame)?;
    let radio = Radio::parse(RADIO);
    let duration_ms = radio.map_or(0.0, |radio| time_on_air_ms(&radio, frame.len()));
    let envelope = PacketEnvelope {
        origin: &network.nodes[observer.node].name,
        origin_id: &observer.id,
        timestamp: iso_ms(at_ms),
        kind: "PACKET",
        direction: "rx",
        len: frame.len().to_string(),
        packet_type: packet.header.payload_type.number().to_string(),
        route: if packet.header.route.is_flood() { "F" } else { "D" },
        payload_len: packet.payload.len().to_string(),
        raw: hex::encode_upper(frame),
        snr: hearing.snr.to_string(),
        rssi: hearing.rssi.to_string(),
        score: "1000".to_owned(),
        duration: format!("{duration_ms:.0}"),
        hash: packet.content_hash().to_string().to_ascii_uppercase(),
    };
    Ok(message(observer, "packets", at_ms, &envelope))
}

/// Returns what an observer, up since `since_ms`, tells of itself at `at_ms`.
pub fn status(network: &Network, number: usize, since_ms: i64, at_ms: i64) -> Message {
    let observer = &network.observers[number];
    let uptime_secs = (at_ms - since_ms) / 1000 + 3600 * (number as i64 + 1);
    let envelope = StatusEnvelope {
        status: "online",
        timestamp: iso_ms(at_ms),
        origin: &network.nodes[observer.node].name,
        origin_id: &observer.id,
        radio: RADIO,
        model: observer.model,
        firmware_version: observer.firmware,
        client_version: observer.client_version,
        repeat: "on",
        stats: Stats {
            battery_mv: 4200 - (uptime_secs / 600) % 400,
            uptime_secs,
            noise_floor: -118 + (uptime_secs / 300 + number as i64) % 12,
            tx_air_secs: uptime_secs / 90,
            rx_air_secs: uptime_secs / 12,
            recv_errors: uptime_secs / 500,
            packets_sent: uptime_secs / 40,
            packets_recv: uptime_secs / 9,
        },
    };
    message(observer, "status", at_ms, &envelope)
}

fn message(observer: &Observer, leaf: &str, at_ms: i64, envelope: &impl Serialize) -> Message {
    let topic = format!("meshcore/{}/{}/{leaf}", observer.iata, observer.id);
    // Texts and numbers only: nothing that JSON could not say.
    let payload = serde_json::to_vec(envelope).unwrap_or_default();
    Message { at_ms, topic, payload }
}
