//! A simulated mesh's past as rows of a database: valid packets, heard by several, over a span of
//! days. Exactly as many rows as asked for; the same plan makes the same rows.

use std::sync::mpsc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::names;
use super::network::{Network, NetworkPlan, RADIO};
use super::spread::{Hearing, Spreader};
use super::traffic::{self, Sending, Way};
use crate::db::DbError;
use crate::db::bulk::{
    BulkEdge, BulkMetrics, BulkNode, BulkObservation, BulkObserver, BulkTransmission, BulkWriter,
    Era,
};
use crate::ingest::reception::NewTransmission;
use crate::mesh::encode::EncodeError;
use crate::mesh::{
    ChannelKeys, ContentHash, DecodeRules, Packet, PacketError, PayloadType, RegionKeys,
    ScopeMatch, decode_payload, hashtag_key, path_json,
};

/// The most receptions for each packet, on average.
pub const OBSERVATIONS_PER_TRANSMISSION_MAX: usize = 500;

const GROUP: usize = 200;
const GROUPS_AHEAD: usize = 16;
const COMPOSE_TRIES_MAX: usize = 100;
const UNICAST_HEARD_BY_MAX: usize = 6;
const DAY_S: i64 = 86_400;
const METRICS_STEP_S: i64 = 3600;

/// What past to make up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryPlan {
    /// Rows of `transmissions`.
    pub transmissions: usize,
    /// Rows of `observations`; at least as many, at most 500 times as many.
    pub observations: usize,
    /// What all chance comes from.
    pub seed: u64,
    /// Unix seconds of its end; nothing is later.
    pub end_s: i64,
    /// Seconds that it lasts, at least 60.
    pub span_s: i64,
    /// Bytes by which `decoded_json` is padded, except in the newest fiftieth: a page of the
    /// newest packets stays as large as in the field (decision 23).
    pub padding_bytes: usize,
    /// Whether rows that backfills fill are left as they were before.
    pub era: Era,
}

impl HistoryPlan {
    /// Returns the mesh that fits so many packets; the same that [`write()`] uses.
    pub fn network(&self) -> NetworkPlan {
        NetworkPlan {
            nodes: (self.transmissions / 50).clamp(40, 600),
            observers: (self.transmissions / 400).clamp(8, 80),
            seed: self.seed,
        }
    }

    /// Refuses what cannot be made.
    ///
    /// # Errors
    /// [`HistoryError::Ratio`].
    pub fn check(&self) -> Result<(), HistoryError> {
        let most = self.transmissions.saturating_mul(OBSERVATIONS_PER_TRANSMISSION_MAX);
        if !(self.transmissions..=most).contains(&self.observations) {
            return Err(HistoryError::Ratio);
        }
        Ok(())
    }
}

/// Why a past could not be made up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// Too few or too many observations.
    #[error(
        "every transmission needs 1 to {OBSERVATIONS_PER_TRANSMISSION_MAX} observations on average"
    )]
    Ratio,
    /// The mesh offers too few ways for so many receptions of one packet.
    #[error("no packet is heard {0} times in a mesh of this size")]
    TooFewWays(usize),
    /// The encoder refused.
    #[error("cannot compose a packet")]
    Encode(#[from] EncodeError),
    /// The decoder refused what was composed.
    #[error("cannot read a packet that was composed")]
    Decode(#[from] PacketError),
    /// The database refused.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Writes the past of a network into an empty database, calling `on_rows` with the observations
/// so far. Composing and writing run side by side.
///
/// # Errors
/// See [`HistoryError`].
pub fn write(
    plan: &HistoryPlan,
    network: &Network,
    writer: &BulkWriter,
    mut on_rows: impl FnMut(usize),
) -> Result<(), HistoryError> {
    plan.check()?;
    let (sender, groups) = mpsc::sync_channel(GROUPS_AHEAD);
    let totals = std::thread::scope(|scope| {
        let composer = scope.spawn(move || compose_all(plan, network, &sender));
        let mut rows = 0;
        for group in groups {
            writer.add_transmissions(&group)?;
            rows +=
                group.iter().map(|row: &BulkTransmission| row.observations.len()).sum::<usize>();
            on_rows(rows);
        }
        composer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    write_surroundings(plan, network, &totals, writer)?;
    Ok(())
}

fn compose_all(
    plan: &HistoryPlan,
    network: &Network,
    sender: &mpsc::SyncSender<Vec<BulkTransmission>>,
) -> Result<Totals, HistoryError> {
    let mut composer = Composer::new(plan, network);
    let counts = observation_counts(plan);
    for (group, counts) in counts.chunks(GROUP).enumerate() {
        let first = group * GROUP;
        let rows: Result<Vec<_>, _> = counts
            .iter()
            .enumerate()
            .map(|(offset, &count)| composer.row(first + offset, count))
            .collect();
        // Whoever writes has failed and says so itself.
        if sender.send(rows?).is_err() {
            break;
        }
    }
    Ok(composer.totals)
}

/// What is left to say of nodes and observers when all packets are there.
#[derive(Debug, Default)]
struct Totals {
    adverts: Vec<(i64, i64)>,
    heard: Vec<(i64, i64)>,
}

/// Makes one row after the other.
struct Composer<'p> {
    plan: &'p HistoryPlan,
    network: &'p Network,
    spreader: Spreader<'p>,
    rng: StdRng,
    hashes: std::collections::HashSet<ContentHash>,
    channels: ChannelKeys,
    regions: RegionKeys,
    padding: String,
    totals: Totals,
}

impl<'p> Composer<'p> {
    fn new(plan: &'p HistoryPlan, network: &'p Network) -> Self {
        let hashtags = names::HASHTAG_CHANNELS;
        let pairs = hashtags.iter().map(|name| ((*name).to_owned(), hashtag_key(name)));
        Self {
            plan,
            network,
            spreader: Spreader::new(network),
            rng: StdRng::seed_from_u64(plan.seed ^ 0x5EED),
            hashes: std::collections::HashSet::with_capacity(plan.transmissions),
            channels: ChannelKeys::from_pairs(pairs),
            regions: RegionKeys::from_names(names::REGIONS),
            padding: "0123456789abcdef".chars().cycle().take(plan.padding_bytes).collect(),
            totals: Totals {
                adverts: vec![(0, 0); network.nodes.len()],
                heard: vec![(0, 0); network.observers.len()],
            },
        }
    }

    fn row(&mut self, number: usize, count: usize) -> Result<BulkTransmission, HistoryError> {
        let sent_at_s = self.sent_at_s(number);
        let (sending, mut hearings) = self.heard_packet(sent_at_s, count)?;
        hearings.sort_by_key(|hearing| hearing.delay_ms);
        let first_path = hearings.first().map_or(&[][..], |hearing| &hearing.path);
        let frame = sending.frame(first_path)?;
        let mut transmission = self.transmission(&Packet::parse(&frame)?, &frame);
        let is_old = |share: usize| number * 100 < self.plan.transmissions * share;
        let is_pre = self.plan.era == Era::PreBackfill;
        self.pad(&mut transmission.decoded_json, number);
        if is_pre && is_old(25) {
            transmission.from_pubkey = None;
        }
        if is_pre && is_old(10) && transmission.channel_hash.as_deref() == Some("Public") {
            transmission.channel_hash = Some("public".to_owned());
        }
        let mut observations = self.observations(&sending, &hearings, sent_at_s)?;
        // Only one of a packet: two without path would be the same to the unique index.
        if let Some(first) = observations.first_mut().filter(|_| is_pre && is_old(5)) {
            first.path_json = None;
        }
        let (first, last) = (observations.first(), observations.last());
        let first_seen_s = first.map_or(sent_at_s, |o| o.heard_at_s);
        let last_seen_s = last.map_or(sent_at_s, |o| o.heard_at_s);
        self.count(&sending, &observations);
        let last_seen_s = if is_pre { 0 } else { last_seen_s };
        Ok(BulkTransmission { transmission, first_seen_s, last_seen_s, observations })
    }

    /// Busier by day than by night, rising with the number, and early enough for the last one who
    /// hears it.
    fn sent_at_s(&mut self, number: usize) -> i64 {
        let HistoryPlan { span_s, end_s, transmissions, .. } = *self.plan;
        let share = (number as f64 + self.rng.random_range(0.0..1.0)) / transmissions as f64;
        let even_s = end_s - span_s + (share * (span_s - 60) as f64) as i64;
        let day = (even_s.rem_euclid(DAY_S) as f64 / DAY_S as f64) * std::f64::consts::TAU;
        let moved_s = even_s + (day.sin() * 4000.0) as i64;
        if span_s < 2 * DAY_S { even_s } else { moved_s.clamp(end_s - span_s, end_s - 60) }
    }

    /// Composes until a packet is new and heard as often as asked for.
    fn heard_packet(
        &mut self,
        sent_at_s: i64,
        count: usize,
    ) -> Result<(Sending, Vec<Hearing>), HistoryError> {
        for attempt in 0..COMPOSE_TRIES_MAX {
            let is_any = count <= UNICAST_HEARD_BY_MAX && attempt < 10;
            let kind = if is_any {
                traffic::draw_type(&mut self.rng)
            } else {
                traffic::draw_broadcast_type(&mut self.rng)
            };
            let sending = traffic::compose(self.network, kind, sent_at_s, &mut self.rng)?;
            let mut hearings = self.spreader.hear(&sending, count, &mut self.rng);
            let path = hearings.first().map_or(&[][..], |hearing| &hearing.path);
            let hash = Packet::parse(&sending.frame(path)?)?.content_hash();
            if hearings.len() == count && self.hashes.insert(hash) {
                for hearing in &mut hearings {
                    hearing.delay_ms = hearing.delay_ms.min(59_000);
                }
                return Ok((sending, hearings));
            }
        }
        Err(HistoryError::TooFewWays(count))
    }

    fn transmission(&self, packet: &Packet<'_>, frame: &[u8]) -> NewTransmission {
        let rules = DecodeRules { channels: &self.channels, verify_signatures: true };
        let decoded = decode_payload(packet, &rules);
        NewTransmission {
            hash: packet.content_hash().to_string(),
            raw_hex: hex::encode_upper(frame),
            route_type: packet.header.route.number(),
            payload_type: packet.header.payload_type.number(),
            payload_version: packet.header.version,
            channel_hash: decoded.channel_label(),
            scope_name: match self.regions.match_scope(packet) {
                ScopeMatch::Unscoped => None,
                ScopeMatch::Unknown => Some(String::new()),
                ScopeMatch::Region(name) => Some(name),
            },
            from_pubkey: decoded.advert().map(|_| hex::encode(&packet.payload[..32])),
            decoded_json: decoded.to_json(),
        }
    }

    fn pad(&self, decoded_json: &mut String, number: usize) {
        let is_newest = number >= self.plan.transmissions - self.plan.transmissions / 50;
        if self.padding.is_empty() || is_newest || decoded_json.pop() != Some('}') {
            return;
        }
        decoded_json.push_str(",\"padding\":\"");
        decoded_json.push_str(&self.padding);
        decoded_json.push_str("\"}");
    }

    fn observations(
        &mut self,
        sending: &Sending,
        hearings: &[Hearing],
        sent_at_s: i64,
    ) -> Result<Vec<BulkObservation>, HistoryError> {
        let mut rows = Vec::with_capacity(hearings.len());
        for hearing in hearings {
            let frame = sending.frame(&hearing.path)?;
            rows.push(BulkObservation {
                observer_idx: hearing.observer as i64 + 1,
                heard_at_s: sent_at_s + hearing.delay_ms / 1000,
                snr: hearing.snr,
                rssi: hearing.rssi,
                path_json: Some(path_json(&Packet::parse(&frame)?)),
                resolved_path: self.resolved_path(&hearing.relays),
                raw_hex: hex::encode_upper(&frame),
            });
        }
        Ok(rows)
    }

    /// Known on four of five receptions, with a gap here and there.
    fn resolved_path(&mut self, relays: &[usize]) -> Option<String> {
        if relays.is_empty() || self.rng.random_ratio(1, 5) {
            return None;
        }
        let mut json = String::with_capacity(2 + relays.len() * 67);
        for &relay in relays {
            json.push(if json.is_empty() { '[' } else { ',' });
            if self.rng.random_ratio(1, 40) {
                json.push_str("null");
            } else {
                json.push('"');
                json.push_str(&self.network.nodes[relay].key_hex);
                json.push('"');
            }
        }
        json.push(']');
        json.contains('"').then_some(json)
    }

    fn count(&mut self, sending: &Sending, observations: &[BulkObservation]) {
        for o in observations {
            let (count, last_s) = &mut self.totals.heard[(o.observer_idx - 1) as usize];
            *count += 1;
            *last_s = o.heard_at_s.max(*last_s);
        }
        if sending.payload_type == PayloadType::Advert {
            debug_assert_eq!(sending.way, Way::Flood);
            let (count, last_s) = &mut self.totals.adverts[sending.origin];
            *count += 1;
            *last_s = observations.first().map_or(0, |o| o.heard_at_s).max(*last_s);
        }
    }
}

/// How often each packet is heard: most by a few, some by very many, exactly as many as planned
/// in all. In a large history one in 2,000 is an orphan.
fn observation_counts(plan: &HistoryPlan) -> Vec<usize> {
    let mut rng = StdRng::seed_from_u64(plan.seed ^ 0xC0);
    let is_orphan = |number: usize| plan.observations > plan.transmissions && number % 2000 == 999;
    let weights: Vec<f64> = (0..plan.transmissions)
        .map(|number| {
            let bell: f64 = (0..4).map(|_| rng.random_range(-1.0..1.0)).sum();
            if is_orphan(number) { 0.0 } else { (bell * 0.9).exp() }
        })
        .collect();
    let mut counts: Vec<usize> =
        (0..plan.transmissions).map(|number| usize::from(!is_orphan(number))).collect();
    let spare = plan.observations - counts.iter().sum::<usize>();
    let total: f64 = weights.iter().sum();
    let (mut sum, mut given) = (0.0, 0);
    let Some(last) = counts.iter().rposition(|&count| count > 0) else { return counts };
    for number in 0..=last {
        sum += weights[number];
        let due = if number == last { spare } else { (sum / total * spare as f64) as usize };
        let due = due.clamp(given, spare);
        counts[number] += due - given;
        given = due;
    }
    counts
}

fn write_surroundings(
    plan: &HistoryPlan,
    network: &Network,
    totals: &Totals,
    writer: &BulkWriter,
) -> Result<(), DbError> {
    let mut rng = StdRng::seed_from_u64(plan.seed ^ 0xED6E);
    writer.add_observers(&observer_rows(plan, network, totals, &mut rng))?;
    writer.add_nodes(&node_rows(plan, network, totals, &mut rng))?;
    writer.add_edges(&edge_rows(plan, network, &mut rng))?;
    writer.add_metrics(&metrics_rows(plan, network, &mut rng))
}

fn observer_rows(
    plan: &HistoryPlan,
    network: &Network,
    totals: &Totals,
    rng: &mut StdRng,
) -> Vec<BulkObserver> {
    let start_s = plan.end_s - plan.span_s;
    let row = |(number, observer): (usize, &super::network::Observer)| BulkObserver {
        id: observer.id.clone(),
        name: network.nodes[observer.node].name.clone(),
        iata: observer.iata,
        last_seen_s: totals.heard[number].1.max(start_s),
        first_seen_s: start_s,
        packet_count: totals.heard[number].0,
        model: observer.model,
        firmware: observer.firmware,
        client_version: observer.client_version,
        radio: RADIO,
        battery_mv: rng.random_range(3700..4200),
        noise_floor: f64::from(rng.random_range(-120..=-100_i32)),
    };
    network.observers.iter().enumerate().map(row).collect()
}

fn node_rows(
    plan: &HistoryPlan,
    network: &Network,
    totals: &Totals,
    rng: &mut StdRng,
) -> Vec<BulkNode> {
    let start_s = plan.end_s - plan.span_s;
    let row = |(number, node): (usize, &super::network::Node)| {
        let (advert_count, last_advert_s) = totals.adverts[number];
        let some_time_s = rng.random_range(start_s..plan.end_s);
        let scope = node.region.filter(|_| plan.era == Era::Present && advert_count > 0);
        BulkNode {
            public_key: node.key_hex.clone(),
            name: node.name.clone(),
            role: node.role.name(),
            lat: node.position.0,
            lon: node.position.1,
            last_seen_s: if advert_count > 0 { last_advert_s } else { some_time_s },
            first_seen_s: start_s,
            advert_count,
            default_scope: scope.map(|name| format!("#{name}")),
        }
    };
    network.nodes.iter().enumerate().map(row).collect()
}

fn edge_rows(plan: &HistoryPlan, network: &Network, rng: &mut StdRng) -> Vec<BulkEdge> {
    let mut edges = Vec::new();
    for (number, node) in network.nodes.iter().enumerate() {
        let others = node.near.iter().filter(|&&other| other > number);
        edges.extend(others.map(|&other| BulkEdge {
            keys: (node.key_hex.clone(), network.nodes[other].key_hex.clone()),
            count: rng.random_range(1..200),
            last_seen_s: plan.end_s - rng.random_range(0..plan.span_s.min(4 * DAY_S)),
        }));
    }
    edges
}

fn metrics_rows(plan: &HistoryPlan, network: &Network, rng: &mut StdRng) -> Vec<BulkMetrics> {
    let start_s = plan.end_s - plan.span_s;
    let first_s = (start_s + METRICS_STEP_S - 1).div_euclid(METRICS_STEP_S) * METRICS_STEP_S;
    let mut rows = Vec::new();
    for observer in &network.observers {
        let times = (first_s..=plan.end_s).step_by(METRICS_STEP_S as usize);
        rows.extend(times.map(|at_s| BulkMetrics {
            observer_id: observer.id.clone(),
            at_s,
            noise_floor: f64::from(rng.random_range(-120..=-100_i32)),
            tx_air_secs: (at_s - start_s) / 90,
            rx_air_secs: (at_s - start_s) / 12,
            battery_mv: rng.random_range(3700..4200),
            packets_recv: (at_s - start_s) / 9,
        }));
    }
    rows
}
