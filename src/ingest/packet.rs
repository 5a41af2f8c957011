//! A frame that an observer heard, to a record.

use super::clock_skew::Resolved;
use super::envelope::{Field, Loose};
use super::geo;
use super::reason::{Ignored, Rejected};
use super::reception::{
    AdvertSeen, NewObservation, NewTransmission, ObserverSeen, PacketReception, Record,
    RefusedAdvert,
};
use super::rules::{Message, Received, Rules};
use crate::config::ForeignAdverts;
use crate::mesh::payload::Advert;
use crate::mesh::{
    DecodeRules, DecodedPayload, Packet, ScopeMatch, decode_payload, frame_from_hex, hex_text,
    path_json,
};

/// The reason that `dropped_packets` keeps, exactly.
const INVALID_SIGNATURE: &str = "invalid signature";

/// A frame and what its observer says of it, from MQTT or HTTP.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PacketArrival {
    /// The frame in hex; blanks are stripped, once, before all else (HZ 6).
    pub raw: String,
    /// Who heard it.
    pub observer: ObserverSeen,
    /// Unix seconds.
    pub heard_at_s: i64,
    /// As in [`PacketReception::naive_clock_skew_s`].
    pub naive_clock_skew_s: Option<i64>,
    /// As in [`PacketReception::received_at_s`].
    pub received_at_s: Option<i64>,
    /// As in [`NewObservation::direction`].
    pub direction: Option<String>,
    /// dB; finite.
    pub snr: Option<f64>,
    /// dBm; finite.
    pub rssi: Option<f64>,
    /// Finite.
    pub score: Option<f64>,
}

impl Rules {
    /// Says what a frame comes to, and counts it; the same rules for MQTT and for posted packets.
    pub fn receive_packet(&self, arrival: PacketArrival) -> Received {
        self.counted(self.judge_packet(arrival).unwrap_or_else(Received::Rejected))
    }

    /// Handles a message on an observer's packets topic; not counted.
    pub(super) fn receive_observed(&self, iata: &str, id: &str, message: &Message<'_>) -> Received {
        let envelope = &message.envelope;
        let raw = match envelope.get(Field::Raw) {
            Loose::Text(raw) => raw.into_owned(),
            Loose::Absent => return Ignored::NoRaw.into(),
            _ => return Rejected::RawNotText.into(),
        };
        let Resolved { at_s, naive_clock_skew_s, received_at_s } = message.heard_at(&self.counts);
        let signal = |first, second| message.signal(first, second, &self.counts);
        let arrival = PacketArrival {
            raw,
            observer: ObserverSeen {
                id: id.to_owned(),
                name: envelope.text(Field::Origin),
                iata: message.iata(Some(iata)),
            },
            heard_at_s: at_s,
            naive_clock_skew_s,
            received_at_s,
            direction: envelope.either(Field::Direction, Field::DirectionUpper).into_text(),
            snr: signal(Field::SnrUpper, Field::Snr),
            rssi: signal(Field::RssiUpper, Field::Rssi),
            score: signal(Field::Score, Field::ScoreUpper),
        };
        self.judge_packet(arrival).unwrap_or_else(Received::Rejected)
    }

    fn judge_packet(&self, mut arrival: PacketArrival) -> Result<Received, Rejected> {
        arrival.raw = hex_text::strip_blanks(&arrival.raw).into_owned();
        if arrival.raw.is_empty() {
            return Err(Rejected::RawEmpty);
        }
        let frame = frame_from_hex(&arrival.raw)?;
        let packet = Packet::parse(&frame)?;
        let rules =
            DecodeRules { channels: &self.channels, verify_signatures: self.verify_signatures };
        let payload = decode_payload(&packet, &rules);
        let mut foreign = None;
        if let Some(advert) = payload.advert() {
            advert.check()?;
            if advert.signature_valid == Some(false) {
                return Ok(refused(&packet, advert, arrival).into());
            }
            foreign = self.is_foreign(advert);
            if foreign == Some(true) && self.foreign_adverts == ForeignAdverts::Drop {
                return Ok(Ignored::ForeignAdvert.into());
            }
        }
        Ok(self.reception(&packet, &payload, foreign, arrival).into())
    }

    /// Says whether an advert comes from outside; `None` if that cannot be known. A position of
    /// exactly (0, 0) is none.
    fn is_foreign(&self, advert: &Advert) -> Option<bool> {
        let filter = self.geo_filter.as_ref()?;
        let (lat, lon) = (advert.lat?, advert.lon?);
        ((lat, lon) != (0.0, 0.0)).then(|| !geo::is_inside(filter, lat, lon))
    }

    fn reception(
        &self,
        packet: &Packet<'_>,
        payload: &DecodedPayload,
        foreign: Option<bool>,
        arrival: PacketArrival,
    ) -> Record {
        let scope_name = match self.regions.match_scope(packet) {
            ScopeMatch::Unscoped => None,
            ScopeMatch::Unknown => Some(String::new()),
            ScopeMatch::Region(name) => Some(name),
        };
        let advert = payload.advert().map(|advert| {
            let default_scope = scope_name.clone().filter(|name| !name.is_empty());
            AdvertSeen { foreign, default_scope, ..advert_seen(advert) }
        });
        Record::Packet(Box::new(PacketReception {
            heard_at_s: arrival.heard_at_s,
            observer: arrival.observer,
            naive_clock_skew_s: arrival.naive_clock_skew_s,
            received_at_s: arrival.received_at_s,
            transmission: NewTransmission {
                hash: packet.content_hash().to_string(),
                raw_hex: arrival.raw.clone(),
                route_type: packet.header.route.number(),
                payload_type: packet.header.payload_type.number(),
                payload_version: packet.header.version,
                decoded_json: payload.to_json(),
                channel_hash: payload.channel_label(),
                scope_name,
                from_pubkey: advert.as_ref().map(|advert| advert.public_key.clone()),
            },
            observation: NewObservation {
                direction: arrival.direction,
                snr: arrival.snr,
                rssi: arrival.rssi,
                score: arrival.score,
                path_json: path_json(packet),
                raw_hex: Some(arrival.raw),
            },
            advert,
        }))
    }
}

fn advert_seen(advert: &Advert) -> AdvertSeen {
    let position = advert.lat.zip(advert.lon);
    AdvertSeen {
        public_key: advert.public_key.to_string(),
        name: name_of(advert),
        role: advert.role(),
        lat: position.map(|(lat, _)| lat),
        lon: position.map(|(_, lon)| lon),
        battery_mv: advert.battery_mv.map(i64::from),
        temperature_c: advert.temperature_c,
        foreign: None,
        default_scope: None,
    }
}

/// `None` for a blank name: it must not wipe out a known one (HZ 4).
fn name_of(advert: &Advert) -> Option<String> {
    (!advert.name.trim().is_empty()).then(|| advert.name.clone())
}

fn refused(packet: &Packet<'_>, advert: &Advert, arrival: PacketArrival) -> Record {
    Record::RefusedAdvert(Box::new(RefusedAdvert {
        heard_at_s: arrival.heard_at_s,
        hash: packet.content_hash().to_string(),
        raw_hex: arrival.raw,
        reason: INVALID_SIGNATURE,
        observer_id: arrival.observer.id,
        observer_name: arrival.observer.name,
        node_pubkey: advert.public_key.to_string(),
        node_name: name_of(advert),
    }))
}
