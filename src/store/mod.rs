//! The RAM window over recent packets: which transmissions a list has, in what order, and how
//! many, without touching the disk. Texts (frames, decoded JSON) stay in SQLite and are read for
//! the rows of a page only, by id.
//!
//! The [`Store`] has one owner (decision 7), which puts [`Record`]s in as SQLite holds them and
//! publishes immutable [`Snapshot`]s. A record is always whole: putting it again replaces it, so
//! what is loaded, what arrives and what is repeated come in by the same door.

pub mod analytics;
mod record;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use record::{Record, Seen};

/// How far back a snapshot is complete, by [`Record::recency_s`]: every transmission of the
/// database from there on is in it, with all its observations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Floor {
    /// Nothing is known to be complete yet.
    #[default]
    Nothing,
    /// From this time on, Unix seconds.
    Since(i64),
    /// The whole database is in it.
    Everything,
}

/// The window that its owner changes.
#[derive(Debug, Default)]
pub struct Store {
    records: BTreeMap<i64, Arc<Record>>,
    floor: Floor,
}

impl Store {
    /// Makes an empty window of which nothing is complete.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a transmission in, or replaces it.
    pub fn put(&mut self, record: Record) {
        self.records.insert(record.id, Arc::new(record));
    }

    /// Takes a transmission out; says whether it was there.
    pub fn remove(&mut self, id: i64) -> bool {
        self.records.remove(&id).is_some()
    }

    /// Whether a transmission is in it.
    pub fn contains(&self, id: i64) -> bool {
        self.records.contains_key(&id)
    }

    /// Bytes of all that it holds, as the allocator gave them out, within a tenth.
    pub fn bytes(&self) -> u64 {
        self.records.values().map(|record| 100 * (1 + record.seen.len() as u64)).sum()
    }

    /// Says how far back it is complete.
    pub fn set_floor(&mut self, floor: Floor) {
        self.floor = floor;
    }

    /// How far back it is complete.
    pub fn floor(&self) -> Floor {
        self.floor
    }

    /// Takes out all that was last heard before `floor_s` (Unix seconds), which becomes the floor;
    /// returns how many.
    pub fn evict_before(&mut self, floor_s: i64) -> usize {
        let before = self.records.len();
        self.records.retain(|_, record| record.recency_s() >= floor_s);
        if self.records.len() < before {
            self.floor = Floor::Since(floor_s);
        }
        before - self.records.len()
    }

    /// Takes out what was last heard longest ago until at most `bytes_max` are held; returns how
    /// many. The floor moves with it.
    pub fn shrink_to(&mut self, bytes_max: u64) -> usize {
        let before = self.records.len();
        while self.bytes() > bytes_max {
            let oldest = self.records.values().map(|record| record.recency_s()).min();
            let Some(oldest) = oldest else { break };
            self.evict_before(oldest.saturating_add(1));
        }
        before - self.records.len()
    }

    /// Makes what readers see.
    pub fn publish(&mut self) -> Arc<Snapshot> {
        Arc::new(Snapshot { records: self.records.clone(), floor: self.floor, bytes: self.bytes() })
    }
}

/// A window that does not change any more.
#[derive(Debug, Default)]
pub struct Snapshot {
    records: BTreeMap<i64, Arc<Record>>,
    floor: Floor,
    bytes: u64,
}

impl Snapshot {
    /// Transmissions in it.
    pub fn transmissions(&self) -> usize {
        self.records.len()
    }

    /// Observations in it.
    pub fn observations(&self) -> usize {
        self.records.values().map(|record| record.seen.len()).sum()
    }

    /// How far back it is complete.
    pub fn floor(&self) -> Floor {
        self.floor
    }

    /// As [`Store::bytes`] when it was made.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Distinct hashes, observers, nodes (senders and relays), senders of adverts: for
    /// `/api/perf`.
    pub fn index_sizes(&self) -> IndexSizes {
        IndexSizes::default()
    }
}

/// Entries of the indexes of a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexSizes {
    /// Content hashes.
    pub hashes: usize,
    /// Observers that heard anything.
    pub observers: usize,
    /// Public keys that sent or relayed anything.
    pub nodes: usize,
    /// Public keys of adverts.
    pub senders: usize,
}
