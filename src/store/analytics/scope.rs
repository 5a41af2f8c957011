//! Which packets and receptions are asked for.

use std::collections::HashSet;

use super::block::{Block, NO_TIME, Packet};

/// A span of time, both ends included, Unix milliseconds. What has no time lies in every span
/// (contract §4.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Window {
    /// `None` is from the beginning.
    pub from_ms: Option<i64>,
    /// `None` is without end.
    pub to_ms: Option<i64>,
}

impl Window {
    /// Says whether a time lies in it.
    pub fn holds_ms(&self, time_ms: Option<i64>) -> bool {
        let Some(time_ms) = time_ms else { return true };
        self.from_ms.is_none_or(|from| from <= time_ms) && self.to_ms.is_none_or(|to| time_ms <= to)
    }

    /// As [`Self::holds_ms`], of a reception's seconds.
    pub fn holds_s(&self, at_s: i64) -> bool {
        at_s == NO_TIME || self.holds_ms(Some(at_s.saturating_mul(1_000)))
    }
}

/// What is asked for. The default is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The time.
    pub window: Window,
    /// Row ids of the observers of the regions asked for.
    pub observers: Option<HashSet<i64>>,
    /// Public keys (lower case) of the nodes in the area asked for: only their adverts count.
    pub senders: Option<HashSet<String>>,
}

impl Scope {
    /// Says whether a packet comes from the area.
    pub fn is_from_area(&self, packet: &Packet<'_>) -> bool {
        let Some(senders) = &self.senders else { return true };
        packet.advert.as_ref().is_some_and(|advert| senders.contains(&*advert.key))
    }

    /// Says of each place in the block's list of observers whether it is in the regions; `None` if
    /// no region is asked for. A reception without an observer (place 0) is in none.
    pub fn observers_of(&self, block: &Block<'_>) -> Option<Vec<bool>> {
        let asked = self.observers.as_ref()?;
        let known = block.observers.iter().map(|rowid| asked.contains(rowid));
        Some(std::iter::once(false).chain(known).collect())
    }
}
