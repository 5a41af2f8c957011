//! What became of a group of records, and what was counted meanwhile.

use std::ops::AddAssign;

/// What a group became.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// One per record, in the same order.
    pub outcomes: Vec<Outcome>,
    /// What was counted while writing.
    pub counts: WriteCounts,
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A packet's reception is stored.
    Packet(StoredPacket),
    /// Stored, and nothing more to say: a status, a refused advert, a client's reception.
    Kept,
    /// Not stored because of its own values, and why; the others of its group are.
    Failed(String),
}

/// Where a packet's reception is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPacket {
    /// `transmissions.id`.
    pub transmission_id: i64,
    /// `observations.id`: of the earlier row if this is a repetition.
    pub observation_id: i64,
    /// Observations of the transmission, this one included.
    pub observation_count: i64,
    /// Whether the packet had not been heard before.
    pub is_new_transmission: bool,
    /// Whether a row was added; `false` for a repetition by the same observer over the same path.
    pub is_new_observation: bool,
    /// `transmissions.first_seen` as it now stands.
    pub first_seen: String,
    /// What the packet's first reception fixed, if this is a later one.
    pub known: Option<Box<KnownTransmission>>,
}

/// Columns of a transmission that was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTransmission {
    /// The frame in hex.
    pub raw_hex: Option<String>,
    /// 0 to 3.
    pub route_type: Option<i64>,
    /// As stored.
    pub decoded_json: Option<String>,
}

/// The counters of spec §4.1, of one group or summed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteCounts {
    /// New transmissions.
    pub tx_inserted: u64,
    /// Packets whose hash was there already.
    pub tx_dupes: u64,
    /// Observations stored, repetitions that only filled gaps included.
    pub obs_inserted: u64,
    /// Valid adverts stored.
    pub node_upserts: u64,
    /// Packets and status reports stored.
    pub observer_upserts: u64,
    /// Records that could not be stored because of their own values.
    pub write_errors: u64,
    /// Refused adverts stored in `dropped_packets`.
    pub sig_drops: u64,
    /// Groups committed.
    pub wal_commits: u64,
    /// Groups before which somebody else had written to the database (decision 10).
    pub foreign_writes: u64,
}

impl AddAssign for WriteCounts {
    fn add_assign(&mut self, other: Self) {
        self.tx_inserted += other.tx_inserted;
        self.tx_dupes += other.tx_dupes;
        self.obs_inserted += other.obs_inserted;
        self.node_upserts += other.node_upserts;
        self.observer_upserts += other.observer_upserts;
        self.write_errors += other.write_errors;
        self.sig_drops += other.sig_drops;
        self.wal_commits += other.wal_commits;
        self.foreign_writes += other.foreign_writes;
    }
}
