//! Nodes as the API shows them (contract §4.1, §4.2). Fields stand in the order of the JSON keys,
//! which are sorted.

use serde::Serialize;
use utoipa::ToSchema;

use super::nodes_kept::Activity;

use crate::clock;
use crate::db::nodes::{Node, RelayFigures};
use crate::db::packets::{Observation, Transmission};

const HOUR_S: i64 = 3_600;

/// One node. The keys about relaying are there for repeaters and rooms only.
#[derive(Serialize, ToSchema)]
pub struct NodeRow<'n> {
    advert_count: i64,
    battery_mv: Option<i64>,
    default_scope: Option<&'n str>,
    first_seen: Option<&'n str>,
    /// Flood adverts of the last 7 days; on one node's own page only.
    #[serde(skip_serializing_if = "Option::is_none")]
    flood_advert_count_7d: Option<i64>,
    /// Whether it advertises from outside the geo filter.
    foreign: bool,
    /// Bytes of the hashes in paths, of its latest advert of the last 7 days.
    hash_size: Option<u8>,
    /// Whether it goes to and fro between sizes.
    hash_size_inconsistent: bool,
    /// If it used more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash_sizes_seen: Option<Vec<u8>>,
    /// The same as `last_seen`.
    last_heard: Option<&'n str>,
    /// When a packet was last heard that it had passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_relayed: Option<String>,
    last_seen: Option<&'n str>,
    lat: Option<f64>,
    lon: Option<f64>,
    name: Option<&'n str>,
    public_key: &'n str,
    /// Whether it passed a packet on within `relay_window_hours`.
    #[serde(skip_serializing_if = "Option::is_none")]
    relay_active: Option<bool>,
    /// Different packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    relay_count_1h: Option<u64>,
    /// Different packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    relay_count_24h: Option<u64>,
    /// As configured; on one node's own page only.
    #[serde(skip_serializing_if = "Option::is_none")]
    relay_window_hours: Option<f64>,
    role: Option<&'n str>,
    temperature_c: Option<f64>,
    /// Regions of the packets that it passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    transported_scopes: Option<Vec<&'n str>>,
    /// Different packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    unscoped_relay_count_24h: Option<u64>,
}

impl<'n> NodeRow<'n> {
    /// Shows a node as its row tells.
    pub fn plain(node: &'n Node) -> Self {
        Self {
            advert_count: node.advert_count,
            battery_mv: node.battery_mv,
            default_scope: node.default_scope.as_deref(),
            first_seen: node.first_seen.as_deref(),
            flood_advert_count_7d: None,
            foreign: node.is_foreign,
            hash_size: None,
            hash_size_inconsistent: false,
            hash_sizes_seen: None,
            last_heard: node.last_seen.as_deref(),
            last_relayed: None,
            last_seen: node.last_seen.as_deref(),
            lat: node.lat,
            lon: node.lon,
            name: node.name.as_deref(),
            public_key: &node.public_key,
            relay_active: None,
            relay_count_1h: None,
            relay_count_24h: None,
            relay_window_hours: None,
            role: node.role.as_deref(),
            temperature_c: node.temperature_c,
            transported_scopes: None,
            unscoped_relay_count_24h: None,
        }
    }

    /// Shows a node with what packets tell of it.
    pub fn of(node: &'n Node, activity: &'n Activity) -> Self {
        let mut row = Self::plain(node);
        let sizes = activity.hash_sizes.as_ref().and_then(|sizes| sizes.get(&node.public_key));
        if let Some(sizes) = sizes {
            row.hash_size = Some(sizes.latest);
            row.hash_size_inconsistent = sizes.is_inconsistent;
            let is_mixed = sizes.seen.len() > 1;
            row.hash_sizes_seen = is_mixed.then(|| sizes.seen.iter().copied().collect());
        }
        if let Some(relays) = activity.relays.as_ref().filter(|_| node.is_relay()) {
            row.add_relaying(relays.get(&node.public_key), activity);
        }
        row
    }

    /// Adds what one node's own page has.
    #[must_use]
    pub fn in_detail(self, flood_adverts: i64, activity: &Activity) -> Self {
        let hours = self.relay_active.map(|_| activity.relay_window_s as f64 / HOUR_S as f64);
        Self { flood_advert_count_7d: Some(flood_adverts), relay_window_hours: hours, ..self }
    }

    /// What is not among those that relayed in the last 24 hours relayed nothing.
    fn add_relaying(&mut self, figures: Option<&'n RelayFigures>, activity: &Activity) {
        let since_s = activity.at_s - activity.relay_window_s;
        self.relay_active = Some(figures.is_some_and(|figures| figures.latest_s > since_s));
        self.relay_count_1h = Some(figures.map_or(0, |figures| figures.packets_1h));
        self.relay_count_24h = Some(figures.map_or(0, |figures| figures.packets_24h));
        self.unscoped_relay_count_24h = Some(figures.map_or(0, |figures| figures.unscoped_24h));
        self.last_relayed = figures.map(|figures| clock::iso_s(figures.latest_s));
        let scopes = figures.map(|figures| figures.scopes.iter().map(String::as_str).collect());
        self.transported_scopes = scopes.filter(|scopes: &Vec<_>| !scopes.is_empty());
    }
}

/// One packet that a node sent.
#[derive(Serialize, ToSchema)]
pub struct SentRow<'t> {
    decoded_json: Option<&'t str>,
    direction: Option<&'t str>,
    first_seen: &'t str,
    hash: &'t str,
    id: i64,
    observation_count: usize,
    /// Latest first.
    observations: Vec<ReceptionOf<'t>>,
    observer_iata: Option<&'t str>,
    observer_id: Option<&'t str>,
    observer_name: Option<&'t str>,
    path_json: Option<&'t str>,
    payload_type: Option<i64>,
    raw_hex: Option<&'t str>,
    route_type: Option<i64>,
    rssi: Option<f64>,
    /// `null` without a scope, `""` of a region that is not known here.
    scope_name: Option<&'t str>,
    snr: Option<f64>,
    /// The same as `first_seen`.
    timestamp: &'t str,
}

impl<'t> SentRow<'t> {
    /// Shows a packet with all who heard it.
    pub fn of(packet: &'t Transmission, scope_name: Option<&'t str>) -> Self {
        let best = packet.best();
        let shown = best.map(|seen| ReceptionOf::of(packet, seen));
        let shown = shown.as_ref();
        Self {
            decoded_json: packet.decoded_json.as_deref(),
            direction: best.and_then(|seen| seen.direction.as_deref()),
            first_seen: &packet.first_seen,
            hash: &packet.hash,
            id: packet.id,
            observation_count: packet.observations.len(),
            observations: ReceptionOf::all_of(packet),
            observer_iata: shown.and_then(|seen| seen.observer_iata),
            observer_id: shown.and_then(|seen| seen.observer_id),
            observer_name: shown.and_then(|seen| seen.observer_name),
            path_json: best.and_then(|seen| seen.path_json.as_deref()),
            payload_type: packet.payload_type,
            raw_hex: packet.raw_hex.as_deref(),
            route_type: packet.route_type,
            rssi: best.and_then(|seen| seen.rssi),
            scope_name,
            snr: best.and_then(|seen| seen.snr),
            timestamp: &packet.first_seen,
        }
    }
}

/// One reception of a packet that a node sent.
#[derive(Serialize, ToSchema)]
pub struct ReceptionOf<'t> {
    id: i64,
    observer_iata: Option<&'t str>,
    observer_id: Option<&'t str>,
    observer_name: Option<&'t str>,
    path_json: Option<&'t str>,
    rssi: Option<f64>,
    snr: Option<f64>,
    timestamp: String,
    transmission_id: i64,
}

impl<'t> ReceptionOf<'t> {
    fn of(packet: &'t Transmission, seen: &'t Observation) -> Self {
        let observer = seen.observer.as_deref();
        Self {
            id: seen.id,
            observer_iata: observer.and_then(|observer| observer.iata.as_deref()),
            observer_id: observer.and_then(|observer| observer.id.as_deref()),
            observer_name: observer.and_then(|observer| observer.name.as_deref()),
            path_json: seen.path_json.as_deref(),
            rssi: seen.rssi,
            snr: seen.snr,
            timestamp: clock::iso_ms(seen.timestamp_s.saturating_mul(1000)),
            transmission_id: packet.id,
        }
    }

    fn all_of(packet: &'t Transmission) -> Vec<Self> {
        packet.observations.iter().map(|seen| Self::of(packet, seen)).collect()
    }
}
