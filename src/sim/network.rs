//! The nodes of a simulated mesh around one city, who is in earshot of whom, and the observers.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::names;
use crate::mesh::Identity;

/// The fewest nodes: somebody to send, to relay, to receive.
pub const NODES_MIN: usize = 4;
/// The most nodes.
pub const NODES_MAX: usize = 10_000;

const CENTRE: (f64, f64) = (48.137, 11.575);
const REACH: (f64, f64) = (0.25, 0.38);
const EARSHOT: usize = 8;
const MODELS: &[&str] = &["Heltec V3", "RAK 4631", "Station G2", "Heltec V4 OLED"];
const FIRMWARES: &[&str] = &["v1.17.1", "v1.16.0", "v1.14.1"];
const CLIENTS: &[&str] = &["meshcoretomqtt/1.0.8.0", "meshcore-packet-capture/1.2"];

/// How large a mesh to make. The same plan makes the same mesh, keys included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkPlan {
    /// Nodes; clamped to 4 … 10,000.
    pub nodes: usize,
    /// Observers; clamped to 1 … nodes.
    pub observers: usize,
    /// What all chance comes from.
    pub seed: u64,
}

/// What a node is; the numbers are those of adverts (format §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// A person's radio.
    Companion = 1,
    /// Relays.
    Repeater = 2,
    /// Keeps posts.
    Room = 3,
    /// Measures.
    Sensor = 4,
}

impl Role {
    /// As in the `nodes.role` column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Companion => "companion",
            Self::Repeater => "repeater",
            Self::Room => "room",
            Self::Sensor => "sensor",
        }
    }

    const fn of_number(number: usize) -> Self {
        match number % 16 {
            10 => Self::Room,
            11..=14 => Self::Companion,
            15 => Self::Sensor,
            _ => Self::Repeater,
        }
    }
}

/// One node.
#[derive(Debug)]
pub struct Node {
    /// Its keys.
    pub identity: Identity,
    /// Its public key.
    pub key: [u8; 32],
    /// The same in lower-case hex.
    pub key_hex: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Latitude and longitude in degrees, whole millionths.
    pub position: (f64, f64),
    /// Bytes per hop of the floods that it sends, 1 to 3.
    pub hash_size: usize,
    /// The region that it scopes its floods to.
    pub region: Option<&'static str>,
    /// The repeaters in earshot, nearest first; never itself.
    pub near: Vec<usize>,
}

/// A node with a line to the broker.
#[derive(Debug)]
pub struct Observer {
    /// Which node.
    pub node: usize,
    /// As in the topic: the node's key in upper-case hex.
    pub id: String,
    /// Its airport.
    pub iata: &'static str,
    /// Hardware.
    pub model: &'static str,
    /// Firmware.
    pub firmware: &'static str,
    /// Software that forwards.
    pub client_version: &'static str,
}

/// The settings of all radios.
pub const RADIO: &str = "869.618,62.5,8,8";

/// A mesh.
#[derive(Debug)]
pub struct Network {
    /// All nodes.
    pub nodes: Vec<Node>,
    /// The nodes that report.
    pub observers: Vec<Observer>,
}

impl Network {
    /// Makes a mesh in which every node reaches every other.
    pub fn new(plan: &NetworkPlan) -> Self {
        let mut rng = StdRng::seed_from_u64(plan.seed);
        let count = plan.nodes.clamp(NODES_MIN, NODES_MAX);
        let mut nodes: Vec<Node> = (0..count).map(|number| node(number, &mut rng)).collect();
        for (node, near) in earshots(&nodes).into_iter().enumerate() {
            nodes[node].near = near;
        }
        let observers = observers(&nodes, plan.observers.clamp(1, count), &mut rng);
        Self { nodes, observers }
    }
}

fn node(number: usize, rng: &mut StdRng) -> Node {
    let identity = loop {
        let identity = Identity::from_seed(rng.random());
        if identity.is_usable() {
            break identity;
        }
    };
    let key = identity.public_key();
    let mut around = |centre: f64, reach: f64| {
        let off_centre = (0..3).map(|_| rng.random_range(-1.0..1.0)).sum::<f64>() / 3.0;
        ((centre + off_centre * reach) * 1e6).round() / 1e6
    };
    let position = (around(CENTRE.0, REACH.0), around(CENTRE.1, REACH.1));
    Node {
        key,
        key_hex: hex::encode(key),
        identity,
        name: names::node_name(number, rng),
        role: Role::of_number(number),
        position,
        hash_size: [1, 1, 1, 1, 2, 1, 1, 1, 2, 3][number % 10],
        region: (number % 6 == 5).then(|| names::REGIONS[number % names::REGIONS.len()]),
        near: Vec::new(),
    }
}

/// Every node hears its nearest repeaters; repeaters hear each other both ways, and each the next
/// one to the east, so that no part of the mesh is cut off.
fn earshots(nodes: &[Node]) -> Vec<Vec<usize>> {
    let mut repeaters: Vec<usize> =
        (0..nodes.len()).filter(|&node| nodes[node].role == Role::Repeater).collect();
    let mut near: Vec<Vec<usize>> =
        nodes.iter().enumerate().map(|(node, _)| nearest(nodes, &repeaters, node)).collect();
    for &repeater in &repeaters {
        for neighbour in near[repeater].clone() {
            link(&mut near, neighbour, repeater);
        }
    }
    repeaters.sort_by(|&a, &b| nodes[a].position.1.total_cmp(&nodes[b].position.1));
    for pair in repeaters.windows(2) {
        link(&mut near, pair[0], pair[1]);
        link(&mut near, pair[1], pair[0]);
    }
    near
}

fn link(near: &mut [Vec<usize>], from: usize, to: usize) {
    if !near[from].contains(&to) {
        near[from].push(to);
    }
}

fn nearest(nodes: &[Node], repeaters: &[usize], from: usize) -> Vec<usize> {
    let mut others: Vec<usize> = repeaters.iter().copied().filter(|&to| to != from).collect();
    let distance = |to: &usize| squared_distance(nodes[from].position, nodes[*to].position);
    if others.len() > EARSHOT {
        others.select_nth_unstable_by(EARSHOT, |a, b| distance(a).total_cmp(&distance(b)));
        others.truncate(EARSHOT);
    }
    others.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
    others
}

/// In degrees of latitude; good enough within a city.
fn squared_distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (north, east) = (a.0 - b.0, (a.1 - b.1) * 0.667);
    north * north + east * east
}

fn observers(nodes: &[Node], count: usize, rng: &mut StdRng) -> Vec<Observer> {
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.shuffle(rng);
    order.sort_by_key(|&node| nodes[node].role != Role::Repeater);
    let observer = |(number, node): (usize, usize)| Observer {
        node,
        id: nodes[node].key_hex.to_ascii_uppercase(),
        iata: names::AIRPORTS[[0, 0, 1, 0, 2, 3][number % 6]],
        model: MODELS[number % MODELS.len()],
        firmware: FIRMWARES[number % FIRMWARES.len()],
        client_version: CLIENTS[number % CLIENTS.len()],
    };
    order.into_iter().take(count).enumerate().map(observer).collect()
}
