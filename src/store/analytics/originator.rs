//! What a node's own adverts say of it.

use super::block::{Advert, Packet};

/// What a node's adverts say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Originator {
    /// Adverts.
    pub packets: u64,
    /// Of the latest advert that has one.
    pub name: String,
    /// Of the latest advert, zero-hop ones included, Unix milliseconds.
    pub last_seen_ms: Option<i64>,
    /// Bytes per hop of the latest advert that is no zero-hop one; 0 if there is none.
    pub hash_size: usize,
    /// The largest of them.
    pub hash_size_max: usize,
    sized_at_ms: Option<i64>,
    named_at_ms: Option<i64>,
}

impl Originator {
    /// Adds an advert; `size` are its bytes per hop.
    pub(super) fn add(&mut self, packet: &Packet<'_>, advert: &Advert<'_>, size: usize) {
        let seen_ms = packet.first_seen_ms;
        self.packets += 1;
        self.last_seen_ms = self.last_seen_ms.max(seen_ms);
        if !advert.name.is_empty() && seen_ms >= self.named_at_ms {
            (self.named_at_ms, self.name) = (seen_ms, advert.name.to_string());
        }
        if packet.is_zero_hop_direct() {
            return;
        }
        self.hash_size_max = self.hash_size_max.max(size);
        if seen_ms >= self.sized_at_ms {
            (self.sized_at_ms, self.hash_size) = (seen_ms, size);
        }
    }
}
