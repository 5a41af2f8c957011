//! How a packet spreads: which observer hears it, over which way, how well and how late.

use std::collections::{HashSet, VecDeque};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use super::network::Network;
use super::traffic::{Sending, Way};
use crate::mesh::path::PATH_BYTES_MAX;

/// A link that carries a packet at all carries this share of all packets.
const LINK_QUALITY: f64 = 0.8;
/// Waves that are tried for one packet at most; each finds other ways through the mesh.
const WAVES_MAX: usize = 400;
const NOBODY: usize = usize::MAX;

/// One reception.
#[derive(Clone, Debug, PartialEq)]
pub struct Hearing {
    /// Index of the observer.
    pub observer: usize,
    /// The path bytes of the frame that it heard.
    pub path: Vec<u8>,
    /// The nodes that these bytes stand for, in order; empty for a TRACE, whose path is SNRs.
    pub relays: Vec<usize>,
    /// Milliseconds after the packet was sent.
    pub delay_ms: i64,
    /// dB.
    pub snr: f64,
    /// dBm.
    pub rssi: f64,
}

/// Spreads packets through one network; keeps its memory between packets.
#[derive(Debug)]
pub struct Spreader<'n> {
    network: &'n Network,
    /// Who each node heard the packet from in this wave; `NOBODY` if it did not.
    heard_from: Vec<usize>,
    queue: VecDeque<usize>,
}

/// What an observer may hear: the last node that sent, and the nodes that the path names.
struct Candidate {
    observer: usize,
    relays: Vec<usize>,
    path: Vec<u8>,
}

impl<'n> Spreader<'n> {
    /// Makes one for this network.
    pub fn new(network: &'n Network) -> Self {
        Self { network, heard_from: Vec::new(), queue: VecDeque::new() }
    }

    /// Returns at most `count` receptions of a packet, no two by one observer over one path, in
    /// no order. Fewer where the mesh offers no more: always so for packets that are not flooded.
    pub fn hear(&mut self, sending: &Sending, count: usize, rng: &mut StdRng) -> Vec<Hearing> {
        let mut hearings = Vec::with_capacity(count);
        let mut seen = HashSet::with_capacity(count);
        for _ in 0..WAVES_MAX {
            let mut candidates = self.candidates(sending, rng);
            candidates.shuffle(rng);
            for candidate in candidates {
                if hearings.len() == count {
                    return hearings;
                }
                if seen.insert((candidate.observer, candidate.path.clone())) {
                    hearings.push(hearing(candidate, rng));
                }
            }
            if sending.way != Way::Flood {
                break;
            }
        }
        hearings
    }

    fn candidates(&mut self, sending: &Sending, rng: &mut StdRng) -> Vec<Candidate> {
        match sending.way {
            Way::Flood => self.flooded(sending, rng),
            Way::ZeroHop => self.in_earshot(sending.origin, &[], 0, sending),
            Way::Direct(target) => self.directed(sending, target, rng),
            Way::Trace(target) => self.traced(sending, target, rng),
        }
    }

    /// Whoever is near a repeater that passed the flood on, or near its sender.
    fn flooded(&mut self, sending: &Sending, rng: &mut StdRng) -> Vec<Candidate> {
        self.spread_wave(sending.origin, sending.hash_size, rng);
        let mut candidates = Vec::new();
        for (observer, node) in self.network.observers.iter().map(|o| o.node).enumerate() {
            for &relay in &self.network.nodes[node].near {
                if node == sending.origin || self.heard_from[relay] == NOBODY {
                    continue;
                }
                let relays = self.relays_to(relay, sending.origin);
                let path = self.path_of(&relays, sending.hash_size);
                candidates.push(Candidate { observer, relays, path });
            }
        }
        candidates
    }

    /// Spreads one wave from `origin`: every repeater passes on what it hears first, unless the
    /// path is full or its own hash stands in it.
    fn spread_wave(&mut self, origin: usize, hash_size: usize, rng: &mut StdRng) {
        self.heard_from.clear();
        self.heard_from.resize(self.network.nodes.len(), NOBODY);
        self.heard_from[origin] = origin;
        self.queue.clear();
        self.queue.push_back(origin);
        while let Some(sender) = self.queue.pop_front() {
            let near = &self.network.nodes[sender].near;
            let first = rng.random_range(0..near.len().max(1));
            for &relay in near.iter().cycle().skip(first).take(near.len()) {
                let is_new = self.heard_from[relay] == NOBODY;
                let is_lost = rng.next_u32() > (f64::from(u32::MAX) * LINK_QUALITY) as u32;
                if is_new && !is_lost && self.would_relay(relay, sender, origin, hash_size) {
                    self.heard_from[relay] = sender;
                    self.queue.push_back(relay);
                }
            }
        }
    }

    fn would_relay(&self, relay: usize, mut at: usize, origin: usize, hash_size: usize) -> bool {
        let hash = &self.network.nodes[relay].key[..hash_size];
        let mut hops = 1;
        while at != origin {
            if &self.network.nodes[at].key[..hash_size] == hash {
                return false;
            }
            hops += 1;
            at = self.heard_from[at];
        }
        hops < 64 && hops * hash_size <= PATH_BYTES_MAX
    }

    /// The repeaters of the present wave from `origin` to `relay`, both ends: the origin is not
    /// named, `relay` is.
    fn relays_to(&self, relay: usize, origin: usize) -> Vec<usize> {
        let mut relays = Vec::new();
        let mut at = relay;
        while at != origin {
            relays.push(at);
            at = self.heard_from[at];
        }
        relays.reverse();
        relays
    }

    fn path_of(&self, relays: &[usize], hash_size: usize) -> Vec<u8> {
        relays
            .iter()
            .flat_map(|&relay| self.network.nodes[relay].key[..hash_size].iter())
            .copied()
            .collect()
    }

    /// Whoever is near the sender or one of the repeaters on the way; each repeater takes itself
    /// from the front of the path.
    fn directed(&mut self, sending: &Sending, target: usize, rng: &mut StdRng) -> Vec<Candidate> {
        let way = self.way_to(sending, target, rng);
        let senders = std::iter::once(sending.origin).chain(way.iter().copied());
        let mut candidates = Vec::new();
        for (done, sender) in senders.enumerate() {
            candidates.extend(self.in_earshot(sender, &way, done, sending));
        }
        candidates
    }

    fn way_to(&mut self, sending: &Sending, target: usize, rng: &mut StdRng) -> Vec<usize> {
        self.spread_wave(sending.origin, sending.hash_size, rng);
        let last = self.network.nodes[target]
            .near
            .iter()
            .find(|&&relay| self.heard_from[relay] != NOBODY)
            .copied();
        last.map_or_else(Vec::new, |relay| self.relays_to(relay, sending.origin))
    }

    /// The observers near `sender`, who hear a packet that has `done` of its way behind it.
    fn in_earshot(
        &self,
        sender: usize,
        way: &[usize],
        done: usize,
        sending: &Sending,
    ) -> Vec<Candidate> {
        let relays = &way[done..];
        let is_near = |node: usize| {
            self.network.nodes[node].near.contains(&sender)
                || self.network.nodes[sender].near.contains(&node)
        };
        let observers = self.network.observers.iter().enumerate();
        observers
            .filter(|(_, observer)| is_near(observer.node))
            .map(|(observer, _)| Candidate {
                observer,
                relays: relays.to_vec(),
                path: self.path_of(relays, sending.hash_size),
            })
            .collect()
    }

    /// A TRACE seen at one point of its way: the SNRs so far are the same for all who hear it.
    fn traced(&mut self, sending: &Sending, target: usize, rng: &mut StdRng) -> Vec<Candidate> {
        let done = rng.random_range(0..=3_usize);
        let sender = if done % 2 == 0 { sending.origin } else { target };
        let snrs: Vec<u8> =
            (0..done).map(|_| rng.random_range(-40..=48_i8).cast_unsigned()).collect();
        let mut candidates = self.in_earshot(sender, &[], 0, sending);
        for candidate in &mut candidates {
            candidate.path.clone_from(&snrs);
        }
        candidates
    }
}

fn hearing(candidate: Candidate, rng: &mut StdRng) -> Hearing {
    let Candidate { observer, relays, path } = candidate;
    let hops = relays.len() as i64;
    let delay_ms = hops * rng.random_range(250..900) + rng.random_range(60..400);
    let snr = f64::from(rng.random_range(-48..=52_i32)) / 4.0;
    let rssi = (-112.0 + snr * 2.0 + f64::from(rng.random_range(-6..=18_i32))).round();
    Hearing { observer, path, relays, delay_ms, snr, rssi }
}
