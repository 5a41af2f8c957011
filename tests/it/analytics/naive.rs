//! The same figures from every row, as the contract words them (§4.6 to §4.8), written to be read
//! and not to be fast.

mod rf;

use std::collections::{BTreeMap, BTreeSet};

use corescope::clock::{iso_ms, iso_s, parse_utc_ms};
use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Question {
    pub regions: Vec<String>,
    /// South-west and north-east corner.
    pub area: Option<[f64; 4]>,
    pub from_ms: Option<i64>,
    pub to_ms: Option<i64>,
}

impl Question {
    pub fn is_inside(&self, lat: f64, lon: f64) -> bool {
        let [south, west, north, east] = self.area.unwrap();
        (south..=north).contains(&lat) && (west..=east).contains(&lon)
    }

    fn holds(&self, time_ms: Option<i64>) -> bool {
        let Some(time) = time_ms else { return true };
        self.from_ms.is_none_or(|from| time >= from) && self.to_ms.is_none_or(|to| time <= to)
    }
}

#[derive(Clone, Debug)]
struct Seen {
    id: i64,
    observer: Option<i64>,
    region: Option<String>,
    snr: Option<f64>,
    rssi: Option<f64>,
    path: String,
    at_s: Option<i64>,
}

#[derive(Clone, Debug)]
struct Packet {
    raw_hex: String,
    first_seen_ms: Option<i64>,
    route: Option<i64>,
    kind: Option<i64>,
    key: Option<String>,
    name: String,
    seen: Vec<Seen>,
}

struct Node {
    key: String,
    name: Option<String>,
    role: Option<String>,
    last_seen: Option<String>,
    place: Option<(f64, f64)>,
    support: i64,
    evidence: Option<String>,
}

/// All rows.
pub struct Rows {
    packets: Vec<Packet>,
    nodes: Vec<Node>,
    regions: BTreeSet<String>,
}

fn text(value: &Sql) -> Option<String> {
    match value {
        Sql::Text(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

fn number(value: &Sql) -> Option<f64> {
    match value {
        Sql::Real(value) if value.is_finite() => Some(*value + 0.0),
        Sql::Integer(value) => Some(*value as f64),
        _ => None,
    }
}

fn integer(value: &Sql) -> Option<i64> {
    if let Sql::Integer(value) = value { Some(*value) } else { None }
}

fn select(conn: &Connection, sql: &str) -> Vec<Vec<Sql>> {
    let mut statement = conn.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect());
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

impl Rows {
    pub fn read(conn: &Connection) -> Self {
        let sql = "SELECT id, raw_hex, first_seen, route_type, payload_type, decoded_json \
                   FROM transmissions WHERE hash <> '' ORDER BY id";
        let packets = select(conn, sql).iter().map(|row| packet(conn, row)).collect();
        let sql = "SELECT public_key, name, role, last_seen, lat, lon, multibyte_sup, \
                   multibyte_evidence FROM nodes";
        let node = |row: &Vec<Sql>| Node {
            key: text(&row[0]).unwrap().to_lowercase(),
            name: text(&row[1]),
            role: text(&row[2]),
            last_seen: text(&row[3]),
            place: number(&row[4]).zip(number(&row[5])),
            support: integer(&row[6]).unwrap(),
            evidence: text(&row[7]),
        };
        let nodes = select(conn, sql).iter().map(node).collect();
        let regions = select(conn, "SELECT upper(trim(iata)) FROM observers");
        Self { packets, nodes, regions: regions.iter().filter_map(|row| text(&row[0])).collect() }
    }

    /// Unknown regions and empty areas are no filter.
    fn settle(&self, question: &Question) -> (Question, Option<BTreeSet<String>>) {
        let mut settled = question.clone();
        if !settled.regions.iter().any(|region| self.regions.contains(region)) {
            settled.regions.clear();
        }
        let inside = settled.area.map(|_| {
            let is_inside =
                |node: &&Node| node.place.is_some_and(|(lat, lon)| question.is_inside(lat, lon));
            self.nodes.iter().filter(is_inside).map(|node| node.key.clone()).collect()
        });
        (settled, inside.filter(|keys: &BTreeSet<String>| !keys.is_empty()))
    }

    pub fn rf(&self, question: &Question) -> Value {
        let (question, inside) = self.settle(question);
        let mut scope: Vec<(Packet, Vec<Seen>)> = Vec::new();
        for packet in &self.packets {
            if inside.as_ref().is_some_and(|keys| !packet.is_from(keys)) {
                continue;
            }
            if question.regions.is_empty() {
                if question.holds(packet.first_seen_ms) {
                    scope.push((packet.clone(), packet.seen.clone()));
                }
                continue;
            }
            let is_asked = |seen: &&Seen| {
                let at_ms = seen.at_s.map(|at_s| at_s * 1_000);
                seen.region.as_ref().is_some_and(|region| question.regions.contains(region))
                    && question.holds(at_ms)
            };
            let seen: Vec<Seen> = packet.seen.iter().filter(is_asked).cloned().collect();
            if !seen.is_empty() {
                scope.push((packet.clone(), seen));
            }
        }
        rf::rf_of(&scope)
    }

    pub fn hash_sizes(&self, question: &Question) -> Value {
        let (question, inside) = self.settle(question);
        let homes = if question.regions.is_empty() { BTreeMap::new() } else { self.homes() };
        let home_of = |key: &str| homes.get(key);
        let is_ours = |key: &str| home_of(key).is_some_and(|home| question.regions.contains(home));
        let is_elsewhere = |key: &str| home_of(key).is_some() && !is_ours(key);
        let mut scope: Vec<(&Packet, usize)> = Vec::new();
        for packet in &self.packets {
            if inside.as_ref().is_some_and(|keys| !packet.is_from(keys)) {
                continue;
            }
            let Some(size) = packet.hash_size() else { continue };
            let is_heard = packet.seen.iter().any(|seen| {
                seen.region.as_ref().is_some_and(|region| question.regions.contains(region))
            });
            let is_home = packet.key.as_ref().is_some_and(|key| is_ours(key));
            if question.regions.is_empty() || is_heard || is_home {
                scope.push((packet, size));
            }
        }
        let mut sizes = BTreeMap::from([(1, 0), (2, 0), (3, 0)]);
        let mut hourly: BTreeMap<String, [u64; 3]> = BTreeMap::new();
        let mut hops: BTreeMap<String, u64> = BTreeMap::new();
        for (packet, size) in &scope {
            let path = packet.path();
            for hop in &path {
                *hops.entry(hop.clone()).or_default() += 1;
            }
            if path.is_empty() {
                continue;
            }
            *sizes.get_mut(size).unwrap() += 1;
            if let Some(time_ms) = packet.first_seen_ms {
                hourly.entry(iso_ms(time_ms)[..13].to_owned()).or_default()[size - 1] += 1;
            }
        }
        let senders = senders(&scope, is_elsewhere);
        let known: BTreeMap<&str, &Node> =
            self.nodes.iter().map(|node| (node.key.as_str(), node)).collect();
        let is_within = |node: &&Node| inside.as_ref().is_none_or(|keys| keys.contains(&node.key));
        let nodes: Vec<&Node> = self.nodes.iter().filter(is_within).collect();
        let mut by_repeaters = BTreeMap::from([(1, 0), (2, 0), (3, 0)]);
        let mut multi: Vec<Value> = Vec::new();
        for (key, sender) in &senders {
            let node = known.get(key.as_str()).filter(|node| is_within(node));
            let role = node.and_then(|node| node.role.clone());
            if role.as_deref() == Some("repeater") {
                *by_repeaters.entry(sender.size).or_default() += 1;
            }
            if sender.size > 1 {
                multi.push(json!({
                    "hashSize": sender.size, "lastSeen": sender.last_seen(), "pubkey": key,
                    "name": named(Some(sender.name.clone()), key), "packets": sender.packets,
                    "role": role,
                }));
            }
        }
        multi.sort_by_key(|row| std::cmp::Reverse(row["packets"].as_u64().unwrap()));
        let mut top: Vec<(&String, &u64)> = hops.iter().collect();
        top.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let hop = |(hex, count): &(&String, &u64)| {
            let node = meant(&nodes, hex);
            let name = node.map(|node| named(node.name.clone(), &node.key));
            json!({ "count": count, "hex": hex, "name": name, "size": hex.len().div_ceil(2),
                    "pubkey": node.map(|node| &node.key) })
        };
        let is_shown = |node: &&&Node| !is_elsewhere(&node.key);
        let senders_all = self::senders(&scope, |_| false);
        let mut capability: Vec<([String; 3], Value)> = Vec::new();
        for node in nodes.iter().filter(is_shown) {
            let adverts = senders_all.get(&node.key).map_or(0, |sender| sender.size_max);
            let relays = hops.keys().filter(|hop| hop.len() > 2).filter(|hop| {
                meant(&nodes, hop).is_some_and(|it| it.key == node.key && it.is_relay())
            });
            let path = relays.map(|hop| hop.len().div_ceil(2).min(3)).max().unwrap_or(0);
            let (rank, evidence) = match (adverts > 1, node.support, path > 1) {
                (true, _, _) => (0, "advert".to_owned()),
                (_, 2.., _) => (0, node.evidence.clone().unwrap_or_default()),
                (_, _, true) => (1, "path".to_owned()),
                (_, 1, _) => (1, node.evidence.clone().unwrap_or_default()),
                _ => (2, String::new()),
            };
            let name = named(node.name.clone(), &node.key);
            let status = ["confirmed", "suspected", "unknown"][rank];
            // The name as a whole comes first: "Hill" stands before "Hill 2", whatever their keys.
            let place = [rank.to_string(), name.to_lowercase(), node.key.clone()];
            let row = json!({ "pubkey": node.key, "name": name, "role": node.role,
                "status": status, "evidence": evidence, "lastSeen": node.last_seen,
                "maxHashSize": adverts.max(path).max(1) });
            capability.push((place, row));
        }
        capability.sort_by(|a, b| a.0.cmp(&b.0));
        let capability: Vec<Value> = capability.into_iter().map(|(_, row)| row).collect();
        let hour = |(hour, sizes): (String, [u64; 3])| json!({ "1": sizes[0], "2": sizes[1], "3": sizes[2], "hour": hour });
        json!({
            "attributionMethod": if homes.is_empty() { "observer" } else { "repeater" },
            "distribution": sizes,
            "distributionByRepeaters": by_repeaters,
            "hourly": hourly.into_iter().map(hour).collect::<Vec<_>>(),
            "multiByteCapability": if capability.is_empty() { Value::Null } else { capability.into() },
            "multiByteNodes": multi,
            "topHops": top.iter().take(50).map(hop).collect::<Vec<_>>(),
            "total": sizes.values().sum::<u64>(),
        })
    }

    /// Where most receptions of zero-hop direct adverts come from.
    fn homes(&self) -> BTreeMap<String, String> {
        let mut heard: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for packet in self.packets.iter().filter(|packet| packet.is_zero_hop_direct()) {
            let Some(key) = &packet.key else { continue };
            for region in packet.seen.iter().filter_map(|seen| seen.region.clone()) {
                *heard.entry(key.clone()).or_default().entry(region).or_default() += 1;
            }
        }
        let home = |(key, regions): (String, BTreeMap<String, u64>)| {
            let most = *regions.values().max().unwrap();
            let first = regions.into_iter().find(|(_, count)| *count == most);
            (key, first.unwrap().0)
        };
        heard.into_iter().map(home).collect()
    }
}

fn named(name: Option<String>, key: &str) -> String {
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| key.chars().take(8).collect())
}

/// The only relay, or else the only node, whose key begins like the hop.
fn meant<'n>(nodes: &[&'n Node], hop: &str) -> Option<&'n Node> {
    let hop = hop.to_lowercase();
    let matching: Vec<&Node> =
        nodes.iter().copied().filter(|node| node.key.starts_with(&hop)).collect();
    let relays: Vec<&Node> = matching.iter().copied().filter(|node| node.is_relay()).collect();
    match (&relays[..], &matching[..]) {
        ([one], _) => Some(one),
        ([], [one]) => Some(one),
        _ => None,
    }
}

impl Node {
    fn is_relay(&self) -> bool {
        ["repeater", "room"].contains(&self.role.as_deref().unwrap_or_default())
    }
}

#[derive(Default)]
struct Sender {
    packets: u64,
    name: String,
    size: usize,
    size_max: usize,
    last_ms: Option<i64>,
}

impl Sender {
    fn last_seen(&self) -> Option<String> {
        let last_ms = self.last_ms?;
        Some(if last_ms % 1_000 == 0 { iso_s(last_ms / 1_000) } else { iso_ms(last_ms) })
    }
}

fn senders(
    scope: &[(&Packet, usize)],
    is_left_out: impl Fn(&str) -> bool,
) -> BTreeMap<String, Sender> {
    let mut adverts: Vec<&(&Packet, usize)> = scope.iter().collect();
    adverts.sort_by_key(|(packet, _)| packet.first_seen_ms);
    let mut senders: BTreeMap<String, Sender> = BTreeMap::new();
    for (packet, size) in adverts {
        let Some(key) = packet.key.as_ref().filter(|key| !is_left_out(key)) else { continue };
        let sender = senders.entry(key.clone()).or_default();
        sender.packets += 1;
        sender.last_ms = packet.first_seen_ms;
        if !packet.name.is_empty() {
            sender.name = packet.name.clone();
        }
        if !packet.is_zero_hop_direct() {
            sender.size = *size;
            sender.size_max = sender.size_max.max(*size);
        }
    }
    senders
}

fn packet(conn: &Connection, row: &[Sql]) -> Packet {
    let kind = integer(&row[4]);
    let decoded: Value =
        text(&row[5]).and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    let key = decoded["pubKey"].as_str().filter(|key| !key.is_empty());
    let is_advert = kind == Some(4);
    let id = integer(&row[0]).unwrap();
    Packet {
        raw_hex: text(&row[1]).unwrap_or_default(),
        first_seen_ms: text(&row[2]).and_then(|time| parse_utc_ms(&time)),
        route: integer(&row[3]),
        kind,
        key: key.filter(|_| is_advert).map(str::to_lowercase),
        name: decoded["name"].as_str().unwrap_or_default().to_owned(),
        seen: seen(conn, id),
    }
}

/// Latest first, duplicates merged into the one with the lowest id.
fn seen(conn: &Connection, id: i64) -> Vec<Seen> {
    let sql = format!(
        "SELECT o.id, o.observer_idx, upper(trim(s.iata)), o.snr, o.rssi, o.path_json, \
         o.timestamp FROM observations o LEFT JOIN observers s ON s.rowid = o.observer_idx \
         WHERE o.transmission_id = {id} ORDER BY o.timestamp DESC, o.id DESC"
    );
    let of = |row: &Vec<Sql>| Seen {
        id: integer(&row[0]).unwrap(),
        observer: integer(&row[1]),
        region: text(&row[2]),
        snr: number(&row[3]),
        rssi: number(&row[4]),
        path: text(&row[5]).unwrap_or_default(),
        at_s: integer(&row[6]),
    };
    let all: Vec<Seen> = select(conn, &sql).iter().map(of).collect();
    let mut kept = Vec::new();
    for seen in &all {
        let mut same: Vec<&Seen> = all
            .iter()
            .filter(|other| other.observer == seen.observer && other.path == seen.path)
            .collect();
        same.sort_by_key(|other| other.id);
        if same[0].id == seen.id {
            let (snr, rssi) = (same.iter().find_map(|s| s.snr), same.iter().find_map(|s| s.rssi));
            kept.push(Seen { snr, rssi, ..seen.clone() });
        }
    }
    kept
}

impl Packet {
    fn is_from(&self, keys: &BTreeSet<String>) -> bool {
        self.key.as_ref().is_some_and(|key| keys.contains(key))
    }

    fn path_byte(&self) -> Option<u8> {
        let bytes: Vec<Option<u8>> = self
            .raw_hex
            .as_bytes()
            .chunks_exact(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).ok())
            .collect();
        let route = self.route.or_else(|| Some(i64::from((*bytes.first()?)? & 3)));
        *bytes.get(if matches!(route, Some(0 | 3)) { 5 } else { 1 })?
    }

    fn hash_size(&self) -> Option<usize> {
        self.path_byte().map(|byte| usize::from(byte >> 6) + 1).filter(|size| *size < 4)
    }

    fn is_zero_hop_direct(&self) -> bool {
        matches!(self.route, Some(2 | 3)) && self.path_byte().is_some_and(|byte| byte & 63 == 0)
    }

    fn path(&self) -> Vec<String> {
        let hops = |path: &str| serde_json::from_str::<Vec<Value>>(path).map_or(0, |v| v.len());
        let mut best: Option<&Seen> = None;
        for seen in &self.seen {
            if best.is_none_or(|best| hops(&seen.path) > hops(&best.path)) {
                best = Some(seen);
            }
        }
        best.and_then(|best| serde_json::from_str(&best.path).ok()).unwrap_or_default()
    }
}
