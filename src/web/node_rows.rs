//! Nodes as the API shows them (contract §4.1, §4.2). Fields stand in the order of the JSON keys.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::nodes::NodeFigures;
use super::packet_rows::ObservationRow;
use super::state::AppState;
use crate::clock;
use crate::db::nodes::{Node, RelayFigures};
use crate::db::packets::Transmission;

const HOUR_S: u64 = 3_600;

/// A node.
#[derive(Serialize, ToSchema)]
pub struct NodeRow {
    advert_count: i64,
    battery_mv: Option<i64>,
    default_scope: Option<String>,
    first_seen: Option<String>,
    /// Only of one node: its flood adverts of 7 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    flood_advert_count_7d: Option<i64>,
    /// Advertises from outside the geo filter.
    foreign: bool,
    /// Bytes of its path hashes, by its latest advert of 7 days.
    hash_size: Option<u8>,
    hash_size_inconsistent: bool,
    /// Only if there is more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash_sizes_seen: Option<BTreeSet<u8>>,
    /// The same as `last_seen`.
    last_heard: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_relayed: Option<String>,
    last_seen: Option<String>,
    lat: Option<f64>,
    lon: Option<f64>,
    name: Option<String>,
    public_key: String,
    /// Repeaters and rooms, unless it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    relay_active: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay_count_1h: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay_count_24h: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay_window_hours: Option<u64>,
    role: Option<String>,
    temperature_c: Option<f64>,
    /// Regions whose packets it passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    transported_scopes: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unscoped_relay_count_24h: Option<u64>,
}

impl NodeRow {
    /// Shows what its row says.
    pub fn plain(node: &Node) -> Self {
        Self {
            advert_count: node.advert_count,
            battery_mv: node.battery_mv,
            default_scope: node.default_scope.clone(),
            first_seen: node.first_seen.clone(),
            flood_advert_count_7d: None,
            foreign: node.is_foreign,
            hash_size: None,
            hash_size_inconsistent: false,
            hash_sizes_seen: None,
            last_heard: node.last_seen.clone(),
            last_relayed: None,
            last_seen: node.last_seen.clone(),
            lat: node.lat,
            lon: node.lon,
            name: node.name.clone(),
            public_key: node.public_key.clone(),
            relay_active: None,
            relay_count_1h: None,
            relay_count_24h: None,
            relay_window_hours: None,
            role: node.role.clone(),
            temperature_c: node.temperature_c,
            transported_scopes: None,
            unscoped_relay_count_24h: None,
        }
    }
}

/// Makes rows with what recent packets tell.
pub struct Enriched {
    figures: Arc<NodeFigures>,
    relay_active_s: u64,
    now_s: i64,
}

impl Enriched {
    /// As of now.
    pub fn new(state: &AppState, figures: Arc<NodeFigures>) -> Self {
        let relay_active_s = state.config.relay_active.as_secs();
        Self { figures, relay_active_s, now_s: state.clock.now_s() }
    }

    /// Shows a node of a list.
    pub fn row(&self, node: &Node) -> NodeRow {
        let mut row = NodeRow::plain(node);
        if let Some(size) = self.figures.hash_sizes.get(&node.public_key) {
            row.hash_size = Some(size.latest);
            row.hash_size_inconsistent = size.is_inconsistent;
            row.hash_sizes_seen = (size.seen.len() > 1).then(|| size.seen.clone());
        }
        if let Some(relays) = self.figures.relays.as_ref().filter(|_| node.is_relay()) {
            self.add_relays(&mut row, relays.get(&node.public_key));
        }
        row
    }

    /// Shows one node with what only its own page has.
    pub fn detail(&self, node: &Node, flood_adverts: i64) -> NodeRow {
        let mut row = self.row(node);
        row.flood_advert_count_7d = Some(flood_adverts);
        row.relay_window_hours = node.is_relay().then_some(self.relay_active_s / HOUR_S);
        row
    }

    fn add_relays(&self, row: &mut NodeRow, relayed: Option<&RelayFigures>) {
        let age_s = relayed.map(|relayed| self.now_s.saturating_sub(relayed.latest_s));
        let limit_s = i64::try_from(self.relay_active_s).unwrap_or(i64::MAX);
        row.relay_active = Some(age_s.is_some_and(|age_s| age_s <= limit_s));
        row.relay_count_1h = Some(relayed.map_or(0, |relayed| relayed.packets_1h));
        row.relay_count_24h = Some(relayed.map_or(0, |relayed| relayed.packets_24h));
        row.unscoped_relay_count_24h = Some(relayed.map_or(0, |relayed| relayed.unscoped_24h));
        row.last_relayed = relayed.map(|relayed| clock::iso_s(relayed.latest_s));
        let scopes = relayed.map(|relayed| relayed.scopes.clone());
        row.transported_scopes = scopes.filter(|scopes| !scopes.is_empty());
    }
}

/// An advert of a node: a row of the database with all its receptions.
#[derive(Serialize, ToSchema)]
pub struct AdvertRow<'t> {
    decoded_json: Option<&'t str>,
    first_seen: &'t str,
    hash: &'t str,
    id: i64,
    observation_count: usize,
    /// Newest first.
    observations: Vec<AdvertReception<'t>>,
    path_json: Option<&'t str>,
    payload_type: Option<i64>,
    raw_hex: Option<&'t str>,
    route_type: Option<i64>,
    rssi: Option<f64>,
    scope_name: Option<&'t str>,
    snr: Option<f64>,
    timestamp: &'t str,
}

/// One reception of an advert.
#[derive(Serialize, ToSchema)]
pub struct AdvertReception<'t> {
    #[serde(flatten)]
    #[schema(inline)]
    row: ObservationRow<'t>,
    transmission_id: i64,
}

impl<'t> AdvertRow<'t> {
    /// Shows a packet; `scope` as stored.
    pub fn of(packet: &'t Transmission, scope: Option<&'t str>) -> Self {
        let best = packet.best();
        let rows = ObservationRow::all_of(packet).into_iter();
        Self {
            decoded_json: packet.decoded_json.as_deref(),
            first_seen: &packet.first_seen,
            hash: &packet.hash,
            id: packet.id,
            observation_count: packet.observations.len(),
            observations: rows
                .map(|row| AdvertReception { row, transmission_id: packet.id })
                .collect(),
            path_json: best.and_then(|seen| seen.path_json.as_deref()),
            payload_type: packet.payload_type,
            raw_hex: packet.raw_hex.as_deref(),
            route_type: packet.route_type,
            rssi: best.and_then(|seen| seen.rssi),
            scope_name: scope,
            snr: best.and_then(|seen| seen.snr),
            timestamp: &packet.first_seen,
        }
    }
}
