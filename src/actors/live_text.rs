//! The text that a WebSocket client gets for one stored observation (spec `http-contract` §5).

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::db::{Outcome, StoredPacket};
use crate::ingest::reception::{PacketReception, Record};
use crate::mesh::PayloadType;

/// Returns `{"type":"packet","data":{…}}` for a reception that added an observation; `None` for
/// anything else: a repeated observation (same observer, same path) is no news.
pub fn live_text(record: &Record, outcome: &Outcome) -> Option<String> {
    let (Record::Packet(reception), Outcome::Packet(stored)) = (record, outcome) else {
        return None;
    };
    if !stored.is_new_observation {
        return None;
    }
    let data = Event { reception, stored, is_outer: true };
    serde_json::to_string(&Envelope { r#type: "packet", data }).ok()
}

#[derive(serde::Serialize)]
struct Envelope<'a> {
    r#type: &'static str,
    data: Event<'a>,
}

/// `data`, and inside it `packet`, which repeats everything but `decoded` and itself.
struct Event<'a> {
    reception: &'a PacketReception,
    stored: &'a StoredPacket,
    is_outer: bool,
}

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { reception, stored, is_outer } = self;
        let (transmission, observation) = (&reception.transmission, &reception.observation);
        let mut map = serializer.serialize_map(None)?;
        if *is_outer {
            map.serialize_entry("decoded", &Decoded(reception))?;
        }
        map.serialize_entry("decoded_json", &transmission.decoded_json)?;
        map.serialize_entry("direction", &observation.direction)?;
        map.serialize_entry("first_seen", &stored.first_seen)?;
        map.serialize_entry("hash", &transmission.hash)?;
        map.serialize_entry("id", &stored.transmission_id)?;
        map.serialize_entry("observation_count", &stored.observation_count)?;
        map.serialize_entry("observer_id", &reception.observer.id)?;
        map.serialize_entry("observer_name", &reception.observer.name)?;
        if *is_outer {
            map.serialize_entry("packet", &Event { reception, stored, is_outer: false })?;
        }
        map.serialize_entry("path_json", &observation.path_json)?;
        map.serialize_entry("payload_type", &transmission.payload_type)?;
        map.serialize_entry("raw_hex", &transmission.raw_hex)?;
        map.serialize_entry("route_type", &transmission.route_type)?;
        map.serialize_entry("rssi", &observation.rssi)?;
        map.serialize_entry("snr", &observation.snr)?;
        map.serialize_entry("timestamp", &stored.first_seen)?;
        map.end()
    }
}

/// `{"header":{"payloadTypeName":…},"payload":{…}}`.
struct Decoded<'a>(&'a PacketReception);

impl Serialize for Decoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Header {
            payload_type_name: &'static str,
        }
        let transmission = &self.0.transmission;
        let name = PayloadType::from_bits(transmission.payload_type).name();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("header", &Header { payload_type_name: name })?;
        if let Ok(payload) = serde_json::from_str::<&RawValue>(&transmission.decoded_json) {
            map.serialize_entry("payload", payload)?;
        }
        map.end()
    }
}
