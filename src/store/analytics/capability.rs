//! Which nodes speak with hashes of more than one byte, and how we know.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::originator::Originator;

/// A node as its row has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Public key in lower-case hex.
    pub key: String,
    /// Its name.
    pub name: Option<String>,
    /// Such as `repeater`.
    pub role: Option<String>,
    /// ISO text.
    pub last_seen: Option<String>,
    /// Degrees.
    pub place: Option<(f64, f64)>,
    /// What another program found out before: 2 confirmed, 1 suspected.
    pub known_support: i64,
    /// How it did.
    pub known_evidence: Option<String>,
}

impl Node {
    /// Whether it passes packets on.
    pub fn is_relay(&self) -> bool {
        matches!(self.role.as_deref(), Some("repeater" | "room"))
    }
}

/// What is known of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Capability {
    /// `advert`, `path` or empty.
    pub evidence: String,
    /// ISO text.
    pub last_seen: Option<String>,
    /// The largest that was seen, 1 if none was.
    pub max_hash_size: usize,
    /// Its name, or the first 8 digits of its key.
    pub name: String,
    /// Public key.
    pub pubkey: String,
    /// Its role.
    pub role: Option<String>,
    /// `confirmed`: its own advert says so. `suspected`: paths name a relay that can be only it by
    /// more than a byte. `unknown`.
    pub status: &'static str,
}

/// The least certain last.
const STATUSES: [&str; 3] = ["confirmed", "suspected", "unknown"];
const CONFIRMED: i64 = 2;
const SUSPECTED: i64 = 1;

impl Capability {
    fn of(node: &Node, originator: Option<&Originator>, size_in_paths: usize) -> Self {
        let advertised = originator.map_or(0, |originator| originator.hash_size_max);
        let stored = node.known_support;
        let (status, evidence) = if advertised > 1 {
            (STATUSES[0], "advert")
        } else if stored >= CONFIRMED {
            (STATUSES[0], node.known_evidence.as_deref().unwrap_or_default())
        } else if size_in_paths > 1 {
            (STATUSES[1], "path")
        } else if stored == SUSPECTED {
            (STATUSES[1], node.known_evidence.as_deref().unwrap_or_default())
        } else {
            (STATUSES[2], "")
        };
        Self {
            evidence: evidence.to_owned(),
            last_seen: node.last_seen.clone(),
            max_hash_size: advertised.max(size_in_paths).max(1),
            name: shown_name(node.name.as_deref(), &node.key),
            pubkey: node.key.clone(),
            role: node.role.clone(),
            status,
        }
    }
}

/// Returns what is known of all nodes, the most certain first, then by name.
pub fn capabilities<'n>(
    nodes: impl IntoIterator<Item = &'n Node>,
    originators: &HashMap<String, Originator>,
    sizes_in_paths: &HashMap<&str, usize>,
) -> Vec<Capability> {
    let of = |node: &Node| {
        let size = sizes_in_paths.get(node.key.as_str()).copied().unwrap_or(0);
        Capability::of(node, originators.get(&node.key), size)
    };
    let mut list: Vec<Capability> = nodes.into_iter().map(of).collect();
    let rank = |known: &Capability| STATUSES.iter().position(|status| *status == known.status);
    list.sort_by_cached_key(|known| (rank(known), known.name.to_lowercase(), known.pubkey.clone()));
    list
}

/// A name, or the first 8 digits of the key.
pub fn shown_name(name: Option<&str>, key: &str) -> String {
    match name.filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => key.chars().take(8).collect(),
    }
}

/// Nodes by the beginning of their keys.
#[derive(Debug)]
pub struct Prefixes<'n>(Vec<&'n Node>);

impl<'n> Prefixes<'n> {
    /// Sorts the nodes.
    pub fn new(nodes: impl IntoIterator<Item = &'n Node>) -> Self {
        let mut nodes: Vec<&Node> = nodes.into_iter().collect();
        nodes.sort_by(|a, b| a.key.cmp(&b.key));
        Self(nodes)
    }

    /// Returns the one node that a hop can mean: the only relay with this beginning, or where no
    /// relay has it the only node. `None` if there are several.
    pub fn find(&self, hop: &str) -> Option<&'n Node> {
        let hop = hop.to_ascii_lowercase();
        if hop.is_empty() {
            return None;
        }
        let from = self.0.partition_point(|node| node.key < hop);
        let matching = || self.0[from..].iter().take_while(|node| node.key.starts_with(&hop));
        let mut relays = matching().filter(|node| node.is_relay());
        match (relays.next(), relays.next()) {
            (Some(relay), None) => Some(relay),
            (Some(_), Some(_)) => None,
            (None, _) => {
                let mut nodes = matching();
                nodes.next().filter(|_| nodes.next().is_none()).copied()
            }
        }
    }
}
