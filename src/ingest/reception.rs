//! What one delivery (an MQTT message, a posted packet) asks the database to remember.
//!
//! These are finished values: decoded, checked and ready to be written. The database layer adds
//! no rule of its own about meaning, only about rows.

/// One thing to remember. Boxed so that a queue of them stays small.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// An observer heard a packet.
    Packet(Box<PacketReception>),
    /// An observer told of itself.
    Status(Box<StatusReport>),
    /// An advert whose signature is false: kept in `dropped_packets`, nowhere else.
    RefusedAdvert(Box<RefusedAdvert>),
    /// A mobile client heard a node at a place (opt-in coverage, `spec` §2.14).
    ClientReception(Box<ClientReception>),
}

impl Record {
    /// Returns when it was heard, Unix seconds; of a client's reception when we received it.
    pub fn heard_at_s(&self) -> i64 {
        match self {
            Self::Packet(packet) => packet.heard_at_s,
            Self::Status(status) => status.heard_at_s,
            Self::RefusedAdvert(advert) => advert.heard_at_s,
            Self::ClientReception(reception) => reception.ingested_at_s,
        }
    }
}

/// One reception of one packet by one observer, with all that follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct PacketReception {
    /// Unix seconds: ingest time, or the envelope's time for a message that the broker held while
    /// we were away (decision 3). Never 0.
    pub heard_at_s: i64,
    /// Who heard it.
    pub observer: ObserverSeen,
    /// Signed seconds by which the observer's zone-less clock is off; `None` if it is not naive or
    /// within 15 minutes (§2.12).
    pub naive_clock_skew_s: Option<i64>,
    /// The packet itself, the same for all who heard it.
    pub transmission: NewTransmission,
    /// Set when `heard_at_s` is a time without zone from the envelope: the time of receipt, which
    /// counts instead if this observer's clock is known to be off (decision 3: both clocks sane).
    pub received_at_s: Option<i64>,
    /// What this observer adds.
    pub observation: NewObservation,
    /// What the packet says of its sender, if it is a valid advert.
    pub advert: Option<AdvertSeen>,
}

/// An observer as one message names it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObserverSeen {
    /// As in the topic, case kept; free text, never empty.
    pub id: String,
    /// `None` when the message has no (or a blank) `origin`: the stored name stays.
    pub name: Option<String>,
    /// Trimmed, upper case; `None` when unknown: the stored region stays.
    pub iata: Option<String>,
}

/// The columns of a `transmissions` row that its first reception fixes (§2.7, §2.8).
#[derive(Clone, Debug, PartialEq)]
pub struct NewTransmission {
    /// Content hash: 16 lower-case hex digits.
    pub hash: String,
    /// The whole frame in hex, case as received, without blanks; empty for companion messages.
    pub raw_hex: String,
    /// 0 to 3.
    pub route_type: u8,
    /// 0 to 15.
    pub payload_type: u8,
    /// 0 to 3.
    pub payload_version: u8,
    /// The payload object (§2.6).
    pub decoded_json: String,
    /// Channel name, `enc_XX`, `ch<idx>`, or `None` if this is no channel message.
    pub channel_hash: Option<String>,
    /// `None` unscoped, `""` scoped to a region we do not know, `#name` matched.
    pub scope_name: Option<String>,
    /// The advertiser's key in lower-case hex; `None` if this is no advert.
    pub from_pubkey: Option<String>,
}

/// The columns of an `observations` row that its reception fixes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewObservation {
    /// `rx` or `tx` as the envelope says.
    pub direction: Option<String>,
    /// dB; finite.
    pub snr: Option<f64>,
    /// dBm; finite.
    pub rssi: Option<f64>,
    /// As the observer computed it; finite.
    pub score: Option<f64>,
    /// JSON array of upper-case hex hops, `[]` if none (§2.4).
    pub path_json: String,
    /// This observer's own bytes; `None` if it sent none.
    pub raw_hex: Option<String>,
}

/// What a valid advert says of its node (§2.9).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdvertSeen {
    /// 64 lower-case hex digits.
    pub public_key: String,
    /// `None` when the advert names none: the stored name stays.
    pub name: Option<String>,
    /// `companion`, `repeater`, `room`, `sensor`, `none` or `type-N`.
    pub role: String,
    /// Degrees, both or neither.
    pub lat: Option<f64>,
    /// Degrees.
    pub lon: Option<f64>,
    /// Millivolts, 1 to 10000.
    pub battery_mv: Option<i64>,
    /// Degrees Celsius, -50 to 100.
    pub temperature_c: Option<f64>,
    /// Whether it lies outside the geo filter; `None` if there is no filter or no position, so
    /// nothing is known anew.
    pub foreign: Option<bool>,
    /// The region (`#name`) that the advert was scoped to, if it is one we know.
    pub default_scope: Option<String>,
}

/// What an observer tells of itself (§2.10, §3.3). Absent fields leave the stored ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatusReport {
    /// Unix seconds, ingest time.
    pub heard_at_s: i64,
    /// The broker kept it from an earlier time: it updates fields, never `last_seen` (decision 4),
    /// and writes no metrics.
    pub is_retained: bool,
    /// Who.
    pub observer: ObserverSeen,
    /// As in [`PacketReception::naive_clock_skew_s`].
    pub naive_clock_skew_s: Option<i64>,
    /// Hardware.
    pub model: Option<String>,
    /// Firmware version.
    pub firmware: Option<String>,
    /// Software that forwards to the broker.
    pub client_version: Option<String>,
    /// `MHz,kHz,SF,CR`.
    pub radio: Option<String>,
    /// Whether it repeats packets.
    pub can_relay: Option<bool>,
    /// Figures; `None` when the message has no recognised field at all, so no metrics row.
    pub metrics: Option<ObserverMetrics>,
}

/// The figures of a status message; each may be absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObserverMetrics {
    /// Millivolts.
    pub battery_mv: Option<i64>,
    /// Seconds since the observer started.
    pub uptime_secs: Option<i64>,
    /// dBm; finite.
    pub noise_floor: Option<f64>,
    /// Seconds on air, sending.
    pub tx_air_secs: Option<i64>,
    /// Seconds on air, receiving.
    pub rx_air_secs: Option<i64>,
    /// Packets received with errors.
    pub recv_errors: Option<i64>,
    /// Packets sent.
    pub packets_sent: Option<i64>,
    /// Packets received.
    pub packets_recv: Option<i64>,
}

/// An advert that does not verify (§2.9): one `dropped_packets` row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RefusedAdvert {
    /// Unix seconds, ingest time.
    pub heard_at_s: i64,
    /// Content hash.
    pub hash: String,
    /// The whole frame in hex.
    pub raw_hex: String,
    /// Exactly `invalid signature` today.
    pub reason: &'static str,
    /// Who heard it.
    pub observer_id: String,
    /// The envelope's `origin`.
    pub observer_name: Option<String>,
    /// The key that it claims, lower-case hex.
    pub node_pubkey: String,
    /// The name that it claims.
    pub node_name: Option<String>,
}

/// A mobile client's reception with its place (§2.14).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientReception {
    /// Unix seconds when it was received by us.
    pub ingested_at_s: i64,
    /// Unix seconds when the client heard it (§2.12).
    pub rx_at_s: i64,
    /// The client's key, lower-case hex.
    pub rx_pubkey: String,
    /// The client's name.
    pub origin: Option<String>,
    /// The heard node's key or its prefix, lower-case hex.
    pub heard_key: String,
    /// Bytes of `heard_key`.
    pub heard_key_bytes: i64,
    /// dBm.
    pub rssi: Option<i64>,
    /// dB; finite.
    pub snr: Option<f64>,
    /// Degrees.
    pub lat: f64,
    /// Degrees.
    pub lon: f64,
    /// Accuracy of the position in metres.
    pub pos_acc_m: Option<f64>,
    /// `rxlog` or `advert`.
    pub src: &'static str,
}
