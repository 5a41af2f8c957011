//! One transmission as the window takes it in.

use jiff::Timestamp;

/// A transmission with all its observations, as SQLite holds them now. Only what decides which
/// rows a list has; texts stay in SQLite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// May be 0 or negative.
    pub id: i64,
    /// As stored, empty if NULL.
    pub hash: String,
    /// As stored, empty if NULL.
    pub first_seen: String,
    /// `last_seen` as stored, Unix seconds; 0 where it is not filled in.
    pub last_seen_s: i64,
    /// As stored.
    pub route_type: Option<i64>,
    /// As stored.
    pub payload_type: Option<i64>,
    /// The public key of an advert, lower case.
    pub sender: Option<String>,
    /// A group text's channel as stored in `channel_hash`, or as its JSON says.
    pub channel: Option<String>,
    /// A group text's channel hash byte in hex, as its JSON says.
    pub channel_hash_hex: Option<String>,
    /// Observations by id.
    pub seen: Vec<Seen>,
}

/// One observation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// May be 0 or negative.
    pub id: i64,
    /// Row id of the observer.
    pub observer_idx: Option<i64>,
    /// Unix seconds.
    pub timestamp_s: i64,
    /// As stored.
    pub path_json: Option<String>,
    /// Public keys that the resolved path names, lower case.
    pub relays: Vec<String>,
}

impl Record {
    /// When it was last heard, Unix seconds: the latest of `first_seen`, `last_seen` and all
    /// observations. The one axis on which is loaded and evicted; right without `last_seen`.
    pub fn recency_s(&self) -> i64 {
        let first_seen = self.first_seen.parse::<Timestamp>().map_or(0, Timestamp::as_second);
        let newest = self.seen.iter().map(|seen| seen.timestamp_s).max().unwrap_or(i64::MIN);
        first_seen.max(self.last_seen_s).max(newest)
    }
}
