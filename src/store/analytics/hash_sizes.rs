//! `/api/analytics/hash-sizes` (contract §4.7): with how many bytes a hop names its relay.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::block::{Block, Packet};
use super::capability::{Capability, Node, Prefixes, capabilities, shown_name};
use super::home::Homes;
use super::originator::Originator;
use super::scope::Scope;
use super::{HOUR_S, hour_text};
use crate::clock;

const TOP_HOPS: usize = 50;
const HOUR_MS: i64 = HOUR_S * 1_000;

/// The body. Packets count where their best path has a hop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HashSizesBody {
    /// `repeater` if a region is asked for and homes are known, else `observer`.
    pub attribution_method: &'static str,
    /// Packets by bytes per hop.
    pub distribution: BySize,
    /// Repeaters by bytes per hop; `0` for those that were heard in zero-hop adverts only, absent
    /// if there are none.
    pub distribution_by_repeaters: BTreeMap<usize, u64>,
    /// By the hour in which packets were first seen, ascending.
    pub hourly: Vec<HourSizes>,
    /// Which nodes can do more than one byte; `null` if there are no nodes.
    pub multi_byte_capability: Option<Vec<Capability>>,
    /// Nodes whose latest relayed advert has more than one byte per hop; most adverts first.
    pub multi_byte_nodes: Vec<MultiByteNode>,
    /// The hops that occur most.
    pub top_hops: Vec<TopHop>,
    /// Packets.
    pub total: u64,
}

/// Packets by bytes per hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct BySize {
    /// One byte.
    #[serde(rename = "1")]
    pub one: u64,
    /// Two bytes.
    #[serde(rename = "2")]
    pub two: u64,
    /// Three bytes.
    #[serde(rename = "3")]
    pub three: u64,
}

/// An hour's packets by bytes per hop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HourSizes {
    /// The counts.
    #[serde(flatten)]
    pub sizes: BySize,
    /// Such as `2026-07-18T08`.
    pub hour: String,
}

/// A node that uses more than one byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MultiByteNode {
    /// Bytes per hop.
    pub hash_size: usize,
    /// When its latest advert was first seen, ISO text.
    pub last_seen: Option<String>,
    /// Its name, or the first 8 digits of its key.
    pub name: String,
    /// Adverts.
    pub packets: u64,
    /// Public key.
    pub pubkey: String,
    /// Its role, if its row is there.
    pub role: Option<String>,
}

/// A hop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TopHop {
    /// How often it occurs in best paths.
    pub count: u64,
    /// As the paths spell it.
    pub hex: String,
    /// Of the only relay (or only node) that it can mean.
    pub name: Option<String>,
    /// Of the same.
    pub pubkey: Option<String>,
    /// Bytes.
    pub size: usize,
}

/// The body in the making: blocks are added, in the order of their ids.
#[derive(Debug, Default)]
pub struct HashSizesTally {
    distribution: BySize,
    hourly: BTreeMap<i64, BySize>,
    hops: HashMap<String, u64>,
    originators: HashMap<String, Originator>,
}

/// Where nodes are at home, and which homes are asked for.
#[derive(Clone, Debug, Default)]
pub struct AskedHomes {
    /// The regions asked for, upper case.
    pub regions: HashSet<String>,
    /// All homes that are known.
    pub homes: Homes,
}

impl AskedHomes {
    fn is_home(&self, key: &str) -> Option<bool> {
        Some(self.regions.contains(self.homes.get(key)?))
    }
}

impl HashSizesTally {
    /// Adds what of a block is asked for. With a region (`homes` is there) these are the packets
    /// that it heard, and adverts of nodes that are at home there.
    pub fn add(&mut self, block: &Block<'_>, scope: &Scope, homes: Option<&AskedHomes>) {
        let observers = scope.observers_of(block);
        let is_asked = |packet: &&Packet<'_>| {
            let Some(observers) = &observers else { return true };
            let is_heard =
                block.heard(packet).iter().any(|heard| observers[heard.observer as usize]);
            is_heard || is_at_home(packet, homes)
        };
        let mut hop_counts = vec![0_u64; block.hops.len()];
        for packet in block.packets.iter().filter(|packet| scope.is_from_area(packet)) {
            if let Some(size) = packet.hash_size().filter(|_| is_asked(&packet)) {
                self.add_packet(packet, size);
                let path = packet.path.start as usize..packet.path.end as usize;
                block.paths[path].iter().for_each(|place| hop_counts[*place as usize] += 1);
            }
        }
        for (hop, count) in block.hops.iter().zip(hop_counts).filter(|(_, count)| *count > 0) {
            match self.hops.get_mut(&**hop) {
                Some(sum) => *sum += count,
                None => _ = self.hops.insert(hop.to_string(), count),
            }
        }
    }

    fn add_packet(&mut self, packet: &Packet<'_>, size: usize) {
        if !packet.path.is_empty() {
            self.distribution.add(size);
            if let Some(time_ms) = packet.first_seen_ms {
                self.hourly.entry(time_ms.div_euclid(HOUR_MS)).or_default().add(size);
            }
        }
        if let Some(advert) = packet.advert.as_ref().filter(|advert| !advert.key.is_empty()) {
            let originator = self.originators.entry(advert.key.to_string()).or_default();
            originator.add(packet, advert, size);
        }
    }

    /// Forgets originators (key, name) that may not be shown.
    pub fn hide(&mut self, is_hidden: impl Fn(&str, &str) -> bool) {
        self.originators.retain(|key, originator| !is_hidden(key, &originator.name));
    }

    /// Returns the body. `nodes` are those that may be shown; with a region nodes that are known
    /// to be at home elsewhere are left out.
    pub fn finish(self, nodes: &[Node], homes: Option<&AskedHomes>) -> HashSizesBody {
        let is_elsewhere = |key: &str| homes.and_then(|homes| homes.is_home(key)) == Some(false);
        let shown: Vec<&Node> = nodes.iter().filter(|node| !is_elsewhere(&node.key)).collect();
        let by_key: HashMap<&str, &Node> =
            nodes.iter().map(|node| (node.key.as_str(), node)).collect();
        let prefixes = Prefixes::new(nodes);
        let sizes_in_paths = sizes_in_paths(&self.hops, &prefixes);
        let knows_homes = homes.is_some_and(|homes| !homes.homes.is_empty());
        let capability = capabilities(shown, &self.originators, &sizes_in_paths);
        let mut originators = self.originators;
        originators.retain(|key, _| !is_elsewhere(key));
        HashSizesBody {
            attribution_method: if knows_homes { "repeater" } else { "observer" },
            distribution: self.distribution,
            distribution_by_repeaters: by_repeaters(&originators, &by_key),
            hourly: self.hourly.into_iter().map(HourSizes::of).collect(),
            multi_byte_capability: Some(capability).filter(|list| !list.is_empty()),
            multi_byte_nodes: multi_byte_nodes(originators, &by_key),
            top_hops: top_hops(self.hops, &prefixes),
            total: self.distribution.total(),
        }
    }
}

fn is_at_home(packet: &Packet<'_>, homes: Option<&AskedHomes>) -> bool {
    let key = packet.advert.as_ref().map(|advert| &advert.key);
    homes.zip(key).is_some_and(|(homes, key)| homes.is_home(key) == Some(true))
}

impl BySize {
    fn add(&mut self, size: usize) {
        match size {
            1 => self.one += 1,
            2 => self.two += 1,
            _ => self.three += 1,
        }
    }

    fn total(self) -> u64 {
        self.one + self.two + self.three
    }
}

impl HourSizes {
    fn of((hour, sizes): (i64, BySize)) -> Self {
        Self { sizes, hour: hour_text(hour) }
    }
}

/// The longest hop, in bytes, that names a relay, by the relay's key.
fn sizes_in_paths<'n>(
    hops: &HashMap<String, u64>,
    prefixes: &Prefixes<'n>,
) -> HashMap<&'n str, usize> {
    let mut sizes: HashMap<&str, usize> = HashMap::new();
    for hop in hops.keys().filter(|hop| bytes_of(hop) > 1) {
        let Some(node) = prefixes.find(hop).filter(|node| node.is_relay()) else { continue };
        let size = sizes.entry(&node.key).or_default();
        *size = (*size).max(bytes_of(hop).min(3));
    }
    sizes
}

fn bytes_of(hop: &str) -> usize {
    hop.len().div_ceil(2)
}

fn by_repeaters(
    originators: &HashMap<String, Originator>,
    nodes: &HashMap<&str, &Node>,
) -> BTreeMap<usize, u64> {
    let mut counts = BTreeMap::from([(1, 0), (2, 0), (3, 0)]);
    for (key, originator) in originators {
        let role = nodes.get(key.as_str()).and_then(|node| node.role.as_deref());
        if role == Some("repeater") {
            *counts.entry(originator.hash_size).or_default() += 1;
        }
    }
    counts
}

fn multi_byte_nodes(
    originators: HashMap<String, Originator>,
    nodes: &HashMap<&str, &Node>,
) -> Vec<MultiByteNode> {
    let row = |(key, originator): (String, Originator)| MultiByteNode {
        hash_size: originator.hash_size,
        last_seen: originator.last_seen_ms.map(time_text),
        name: shown_name(Some(&originator.name), &key),
        packets: originator.packets,
        role: nodes.get(key.as_str()).and_then(|node| node.role.clone()),
        pubkey: key,
    };
    let is_multi = |(_, originator): &(String, Originator)| originator.hash_size > 1;
    let mut list: Vec<MultiByteNode> = originators.into_iter().filter(is_multi).map(row).collect();
    list.sort_by(|a, b| b.packets.cmp(&a.packets).then_with(|| a.pubkey.cmp(&b.pubkey)));
    list
}

fn top_hops(hops: HashMap<String, u64>, prefixes: &Prefixes<'_>) -> Vec<TopHop> {
    let mut hops: Vec<(String, u64)> = hops.into_iter().collect();
    hops.sort_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
    hops.truncate(TOP_HOPS);
    let row = |(hex, count): (String, u64)| {
        let node = prefixes.find(&hex);
        let name = node.map(|node| shown_name(node.name.as_deref(), &node.key));
        let size = bytes_of(&hex);
        TopHop { count, hex, name, pubkey: node.map(|node| node.key.clone()), size }
    };
    hops.into_iter().map(row).collect()
}

/// As the database writes times.
fn time_text(time_ms: i64) -> String {
    if time_ms.rem_euclid(1_000) == 0 {
        clock::iso_s(time_ms.div_euclid(1_000))
    } else {
        clock::iso_ms(time_ms)
    }
}
