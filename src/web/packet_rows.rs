//! Packets as the API shows them (contract §3.1, §3.3). Fields stand in the order of the JSON
//! keys, which are sorted where the original's are.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock;
use crate::db::packets::{Observation, ObserverName, Transmission};

/// A resolved path: public keys, `null` where a hop is ambiguous.
type ResolvedPath = Vec<Option<String>>;

/// One packet of the plain list.
#[derive(Serialize, ToSchema)]
pub struct PlainRow<'t> {
    /// The hops of `path_json`; `null` if there are none.
    #[serde(rename = "_parsedPath")]
    parsed_path: Option<Vec<String>>,
    /// The decoded payload, as JSON text.
    decoded_json: Option<&'t str>,
    direction: Option<&'t str>,
    first_seen: &'t str,
    hash: &'t str,
    id: i64,
    observation_count: usize,
    /// With `expand=observations`.
    #[serde(skip_serializing_if = "Option::is_none")]
    observations: Option<Vec<ExpandedRow<'t>>>,
    observer_iata: Option<&'t str>,
    observer_id: Option<&'t str>,
    observer_name: Option<&'t str>,
    path_json: Option<&'t str>,
    payload_type: Option<i64>,
    raw_hex: Option<&'t str>,
    /// Public keys of the hops; only where the database holds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_path: Option<ResolvedPath>,
    route_type: Option<i64>,
    rssi: Option<f64>,
    snr: Option<f64>,
    /// The same as `first_seen`.
    timestamp: &'t str,
}

/// One reception in a packet's `observations`.
#[derive(Serialize, ToSchema)]
pub struct ExpandedRow<'t> {
    direction: Option<&'t str>,
    id: i64,
    observer_iata: Option<&'t str>,
    observer_id: Option<&'t str>,
    observer_name: Option<&'t str>,
    path_json: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_path: Option<ResolvedPath>,
    rssi: Option<f64>,
    snr: Option<f64>,
    timestamp: String,
}

/// One packet of the grouped list.
#[derive(Serialize, ToSchema)]
pub struct GroupedRow<'t> {
    count: usize,
    decoded_json: Option<&'t str>,
    /// Regions in which it was heard, sorted.
    distinct_iatas: Vec<&'t str>,
    first_seen: &'t str,
    hash: &'t str,
    /// The later of `first_seen` and the newest reception.
    latest: String,
    /// The same as `count`.
    observation_count: usize,
    /// Different observers.
    observer_count: usize,
    observer_iata: Option<&'t str>,
    observer_id: Option<&'t str>,
    observer_name: Option<&'t str>,
    path_json: Option<&'t str>,
    payload_type: Option<i64>,
    raw_hex: Option<&'t str>,
    route_type: Option<i64>,
    rssi: Option<f64>,
    snr: Option<f64>,
}

/// One reception of `GET /api/packets/{id}` and `POST /api/packets/observations`.
#[derive(Serialize, ToSchema)]
pub struct ObservationRow<'t> {
    id: i64,
    hash: &'t str,
    observer_id: Option<&'t str>,
    observer_name: Option<&'t str>,
    observer_iata: Option<&'t str>,
    snr: Option<f64>,
    rssi: Option<f64>,
    path_json: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_path: Option<ResolvedPath>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<&'t str>,
    /// This observer's own bytes; the packet's where they are not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_hex: Option<&'t str>,
    timestamp: String,
}

/// The packet of `GET /api/packets/{id}` when `{id}` is an observation's.
#[derive(Serialize, ToSchema)]
pub struct ReceptionRow<'t> {
    decoded_json: Option<&'t str>,
    direction: Option<&'t str>,
    hash: &'t str,
    id: i64,
    observer_iata: Option<&'t str>,
    observer_id: Option<&'t str>,
    observer_name: Option<&'t str>,
    path_json: Option<&'t str>,
    payload_type: Option<i64>,
    raw_hex: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_path: Option<ResolvedPath>,
    route_type: Option<i64>,
    rssi: Option<f64>,
    score: Option<f64>,
    snr: Option<f64>,
    timestamp: String,
}

impl<'t> PlainRow<'t> {
    /// Shows a packet by its best observation.
    pub fn of(packet: &'t Transmission, is_expanded: bool) -> Self {
        let best = packet.best();
        let who = who(best);
        let expanded = || packet.observations.iter().map(ExpandedRow::of).collect();
        let hops = hops(best);
        Self {
            parsed_path: (!hops.is_empty()).then_some(hops),
            decoded_json: packet.decoded_json.as_deref(),
            direction: best.and_then(|seen| seen.direction.as_deref()),
            first_seen: &packet.first_seen,
            hash: &packet.hash,
            id: packet.id,
            observation_count: packet.observations.len(),
            observations: is_expanded.then(expanded),
            observer_iata: who.iata,
            observer_id: who.id,
            observer_name: who.name,
            path_json: best.and_then(|seen| seen.path_json.as_deref()),
            payload_type: packet.payload_type,
            raw_hex: packet.raw_hex.as_deref(),
            resolved_path: best.and_then(resolved_path),
            route_type: packet.route_type,
            rssi: best.and_then(|seen| seen.rssi),
            snr: best.and_then(|seen| seen.snr),
            timestamp: &packet.first_seen,
        }
    }
}

impl<'t> ExpandedRow<'t> {
    fn of(seen: &'t Observation) -> Self {
        let who = who(Some(seen));
        Self {
            direction: seen.direction.as_deref(),
            id: seen.id,
            observer_iata: who.iata,
            observer_id: who.id,
            observer_name: who.name,
            path_json: seen.path_json.as_deref(),
            resolved_path: resolved_path(seen),
            rssi: seen.rssi,
            snr: seen.snr,
            timestamp: time(seen),
        }
    }
}

impl<'t> GroupedRow<'t> {
    /// Shows a packet with its counts.
    pub fn of(packet: &'t Transmission) -> Self {
        let best = packet.best();
        let who = who(best);
        Self {
            count: packet.observations.len(),
            decoded_json: packet.decoded_json.as_deref(),
            distinct_iatas: distinct(packet, |observer| observer.iata.as_deref()),
            first_seen: &packet.first_seen,
            hash: &packet.hash,
            latest: packet.latest(),
            observation_count: packet.observations.len(),
            observer_count: distinct(packet, |observer| observer.id.as_deref()).len(),
            observer_iata: who.iata,
            observer_id: who.id,
            observer_name: who.name,
            path_json: best.and_then(|seen| seen.path_json.as_deref()),
            payload_type: packet.payload_type,
            raw_hex: packet.raw_hex.as_deref(),
            route_type: packet.route_type,
            rssi: best.and_then(|seen| seen.rssi),
            snr: best.and_then(|seen| seen.snr),
        }
    }
}

impl<'t> ObservationRow<'t> {
    /// Shows one reception of a packet.
    pub fn of(packet: &'t Transmission, seen: &'t Observation) -> Self {
        let who = who(Some(seen));
        Self {
            id: seen.id,
            hash: &packet.hash,
            observer_id: who.id,
            observer_name: who.name,
            observer_iata: who.iata,
            snr: seen.snr,
            rssi: seen.rssi,
            path_json: seen.path_json.as_deref(),
            resolved_path: resolved_path(seen),
            direction: seen.direction.as_deref(),
            raw_hex: seen.raw_hex.as_deref().or(packet.raw_hex.as_deref()),
            timestamp: time(seen),
        }
    }

    /// Shows all receptions of a packet.
    pub fn all_of(packet: &'t Transmission) -> Vec<Self> {
        packet.observations.iter().map(|seen| Self::of(packet, seen)).collect()
    }
}

impl<'t> ReceptionRow<'t> {
    /// Shows one reception with what its packet says.
    pub fn of(packet: &'t Transmission, seen: &'t Observation) -> Self {
        let who = who(Some(seen));
        Self {
            decoded_json: packet.decoded_json.as_deref(),
            direction: seen.direction.as_deref(),
            hash: &packet.hash,
            id: seen.id,
            observer_iata: who.iata,
            observer_id: who.id,
            observer_name: who.name,
            path_json: seen.path_json.as_deref(),
            payload_type: packet.payload_type,
            raw_hex: seen.raw_hex.as_deref().or(packet.raw_hex.as_deref()),
            resolved_path: resolved_path(seen),
            route_type: packet.route_type,
            rssi: seen.rssi,
            score: seen.score,
            snr: seen.snr,
            timestamp: time(seen),
        }
    }
}

/// Returns the hops of an observation's path; none if it is no list of texts.
pub fn hops(seen: Option<&Observation>) -> Vec<String> {
    let path = seen.and_then(|seen| seen.path_json.as_deref()).unwrap_or("[]");
    serde_json::from_str(path).unwrap_or_default()
}

fn resolved_path(seen: &Observation) -> Option<ResolvedPath> {
    serde_json::from_str(seen.resolved_path.as_deref()?).ok()
}

fn time(seen: &Observation) -> String {
    clock::iso_ms(seen.timestamp_s.saturating_mul(1000))
}

#[derive(Default)]
struct Who<'t> {
    id: Option<&'t str>,
    name: Option<&'t str>,
    iata: Option<&'t str>,
}

fn who(seen: Option<&Observation>) -> Who<'_> {
    let Some(observer) = seen.and_then(|seen| seen.observer.as_deref()) else {
        return Who::default();
    };
    let ObserverName { id, name, iata } = observer;
    Who { id: id.as_deref(), name: name.as_deref(), iata: iata.as_deref() }
}

fn distinct(packet: &Transmission, part: impl Fn(&ObserverName) -> Option<&str>) -> Vec<&str> {
    let observers = packet.observations.iter().filter_map(|seen| seen.observer.as_deref());
    let mut parts: Vec<&str> = observers.filter_map(part).collect();
    parts.sort_unstable();
    parts.dedup();
    parts
}
