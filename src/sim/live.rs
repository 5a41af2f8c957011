//! A mesh at work, as an endless stream of messages in the order of their times.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::envelope::{self, Message};
use super::network::{Network, NetworkPlan};
use super::spread::Spreader;
use super::traffic::{self, Sending};

const STATUS_EVERY_MS: i64 = 300_000;
const HEARD_BY_MAX: usize = 12;

/// What to simulate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LivePlan {
    /// The mesh.
    pub network: NetworkPlan,
    /// What the chance of its traffic comes from.
    pub seed: u64,
    /// Messages a second on average; above 0. Each packet makes as many as observers hear it.
    pub rate: f64,
    /// When it begins, Unix milliseconds.
    pub start_ms: i64,
}

/// The stream. It never ends.
#[derive(Debug)]
pub struct Simulator {
    plan: LivePlan,
    network: Network,
    rng: StdRng,
    /// When the next packet is sent, Unix milliseconds.
    next_packet_ms: f64,
    next_status_ms: i64,
    /// Nodes that have advertised.
    introduced: usize,
    packets: usize,
    waiting: BinaryHeap<Reverse<Waiting>>,
    order: u64,
}

/// Ordered by time, then by when it was made.
#[derive(Debug, PartialEq, Eq)]
struct Waiting {
    order: u64,
    message: Message,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.message.at_ms, self.order).cmp(&(other.message.at_ms, other.order))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Simulator {
    /// Makes the mesh; the first messages are the observers' status.
    pub fn new(plan: LivePlan) -> Self {
        Self {
            network: Network::new(&plan.network),
            rng: StdRng::seed_from_u64(plan.seed),
            next_packet_ms: plan.start_ms as f64,
            next_status_ms: plan.start_ms,
            introduced: 0,
            packets: 0,
            waiting: BinaryHeap::new(),
            order: 0,
            plan,
        }
    }

    fn next_event_ms(&self) -> i64 {
        (self.next_packet_ms as i64).min(self.next_status_ms)
    }

    /// Lets time go on to the next packet or round of status messages.
    fn step(&mut self) {
        let is_status = self.next_status_ms <= self.next_packet_ms as i64;
        let made = if is_status { self.tell_status() } else { self.send_packet() };
        self.next_packet_ms += made.max(1) as f64 * 1000.0 / self.plan.rate;
    }

    fn tell_status(&mut self) -> usize {
        let at_ms = self.next_status_ms;
        for number in 0..self.network.observers.len() {
            let message = envelope::status(&self.network, number, self.plan.start_ms, at_ms);
            self.push(message);
        }
        self.next_status_ms += STATUS_EVERY_MS;
        self.network.observers.len()
    }

    /// Returns the number of messages that the packet made; none if nobody heard it.
    fn send_packet(&mut self) -> usize {
        let sent_at_ms = self.next_packet_ms as i64;
        let Some(sending) = self.compose(sent_at_ms.div_euclid(1000)) else { return 0 };
        let share: f64 = self.rng.random_range(0.0..1.0);
        let most = self.network.observers.len().min(HEARD_BY_MAX);
        let count = 1 + (share * share * most as f64) as usize;
        let hearings = Spreader::new(&self.network).hear(&sending, count, &mut self.rng);
        let mut made = 0;
        for hearing in &hearings {
            let at_ms = sent_at_ms + hearing.delay_ms;
            let Ok(frame) = sending.frame(&hearing.path) else { continue };
            let Ok(message) = envelope::packet(&self.network, hearing, &frame, at_ms) else {
                continue;
            };
            self.push(message);
            made += 1;
        }
        made
    }

    /// Every third packet introduces a node, until all are known.
    fn compose(&mut self, now_s: i64) -> Option<Sending> {
        self.packets += 1;
        if self.packets % 3 == 1 && self.introduced < self.network.nodes.len() {
            self.introduced += 1;
            return Some(traffic::compose_advert(&self.network, self.introduced - 1, now_s));
        }
        let kind = traffic::draw_type(&mut self.rng);
        traffic::compose(&self.network, kind, now_s, &mut self.rng).ok()
    }

    fn push(&mut self, message: Message) {
        self.order += 1;
        self.waiting.push(Reverse(Waiting { order: self.order, message }));
    }
}

impl Iterator for Simulator {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        loop {
            let is_due = |first: &Reverse<Waiting>| first.0.message.at_ms <= self.next_event_ms();
            if self.waiting.peek().is_some_and(is_due) {
                return self.waiting.pop().map(|first| first.0.message);
            }
            self.step();
        }
    }
}
