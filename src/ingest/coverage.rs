//! What a mobile client heard, and where it stood (§2.14). Opt-in.

use super::envelope::{Envelope, Field, Loose};
use super::reason::{Ignored, Note, Rejected};
use super::reception::{ClientReception, Record};
use super::rules::{Message, Received, Rules};
use crate::mesh::{DecodeRules, Packet, PayloadType, decode_payload, frame_from_hex, path::Path};

/// Hex digits of a client's key.
const KEY_DIGITS: std::ops::RangeInclusive<usize> = 2..=64;
/// One byte of a hop is shared by too many nodes.
const HOP_BYTES_MIN: usize = 2;

/// The node that was heard.
struct Heard {
    key: String,
    src: &'static str,
}

struct Position {
    lat: f64,
    lon: f64,
    accuracy_m: Option<f64>,
}

impl Rules {
    /// Handles a mobile client's reception; not counted.
    pub(super) fn receive_coverage(&self, key: &str, message: &Message<'_>) -> Received {
        let received = self.judge_coverage(key, message);
        received.unwrap_or_else(Received::Rejected)
    }

    fn judge_coverage(&self, key: &str, message: &Message<'_>) -> Result<Received, Rejected> {
        let envelope = &message.envelope;
        let rx_pubkey = client_key(key).ok_or(Rejected::CoverageBadKey)?;
        let direction = envelope.either(Field::Direction, Field::DirectionUpper).into_text();
        if !direction.is_some_and(|direction| direction.eq_ignore_ascii_case("rx")) {
            return Ok(Ignored::CoverageNotReceived.into());
        }
        let frame = match envelope.get(Field::Raw) {
            Loose::Absent => return Ok(Ignored::NoRaw.into()),
            Loose::Text(raw) if raw.trim().is_empty() => return Err(Rejected::RawEmpty),
            Loose::Text(raw) => frame_from_hex(&raw)?,
            _ => return Err(Rejected::RawNotText),
        };
        let position = envelope.object(Field::Gps).and_then(|gps| position(&gps));
        let position = position.ok_or(Rejected::CoverageNoPosition)?;
        let packet = Packet::parse(&frame)?;
        let Some(heard) = self.heard_node(&packet)? else {
            return Ok(Ignored::CoverageHeardUnknown.into());
        };
        let now_s = message.arrival.now_s;
        let time = message.envelope_time(&self.counts);
        let signal = |first, second| message.signal(first, second, &self.counts);
        Ok(Record::ClientReception(Box::new(ClientReception {
            ingested_at_s: now_s,
            rx_at_s: time.map_or(now_s, |time| time.resolve(now_s).at_s),
            rx_pubkey,
            origin: envelope.text(Field::Origin),
            heard_key_bytes: (heard.key.len() / 2) as i64,
            heard_key: heard.key,
            rssi: signal(Field::RssiUpper, Field::Rssi).and_then(|rssi| self.whole_dbm(rssi)),
            snr: signal(Field::SnrUpper, Field::Snr),
            lat: position.lat,
            lon: position.lon,
            pos_acc_m: position.accuracy_m,
            src: heard.src,
        }))
        .into())
    }

    /// The last hop of a flood, or the advertiser who was heard directly; `None` if the packet
    /// does not tell.
    fn heard_node(&self, packet: &Packet<'_>) -> Result<Option<Heard>, Rejected> {
        if packet.path.hop_count() > 0 {
            let is_told =
                packet.header.route.is_flood() && packet.header.payload_type != PayloadType::Trace;
            return Ok(last_hop(&packet.path).filter(|_| is_told));
        }
        let rules = DecodeRules { channels: &self.channels, verify_signatures: false };
        let payload = match packet.header.payload_type {
            PayloadType::Advert => decode_payload(packet, &rules),
            _ => return Ok(None),
        };
        let Some(advert) = payload.advert() else { return Ok(None) };
        advert.check()?;
        Ok(Some(Heard { key: advert.public_key.to_string(), src: "advert" }))
    }

    fn whole_dbm(&self, rssi: f64) -> Option<i64> {
        if rssi.abs() > 1e6 {
            self.counts.count_note(Note::SignalRefused);
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
        Some(rssi.round() as i64)
    }
}

fn last_hop(path: &Path<'_>) -> Option<Heard> {
    let hop = path.hops().next_back().filter(|hop| hop.len() >= HOP_BYTES_MIN)?;
    Some(Heard { key: hex::encode(hop), src: "rxlog" })
}

fn client_key(level: &str) -> Option<String> {
    let key = level.to_ascii_lowercase();
    let is_key = KEY_DIGITS.contains(&key.len()) && key.bytes().all(|b| b.is_ascii_hexdigit());
    is_key.then_some(key)
}

fn position(gps: &Envelope<'_>) -> Option<Position> {
    let degrees = |field, limit: f64| {
        gps.get(field).number().ok().flatten().filter(|degrees| degrees.abs() <= limit)
    };
    Some(Position {
        lat: degrees(Field::Lat, 90.0)?,
        lon: degrees(Field::Lon, 180.0)?,
        accuracy_m: gps.get(Field::AccM).number().ok().flatten().filter(|metres| *metres >= 0.0),
    })
}
