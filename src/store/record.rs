//! One transmission as the window takes it in.

use serde::de::IgnoredAny;

use crate::clock;

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
    /// The public key of an advert: `from_pubkey` as stored, or where that is NULL as the JSON
    /// says, in lower case.
    pub sender: Option<String>,
    /// Whether the sender is the JSON's.
    pub is_sender_said: bool,
    /// A group text's channel as stored in `channel_hash`, or where that is NULL as its JSON says.
    pub channel: Option<String>,
    /// Whether the channel is the JSON's.
    pub is_channel_said: bool,
    /// A group text's channel hash byte in hex, as its JSON says; only where `channel_hash` is
    /// NULL.
    pub channel_hash_hex: Option<String>,
    /// Whether the row holds something that this cannot say (a BLOB where a text belongs, a
    /// reception without a time): the database decides which lists have it.
    pub is_odd: bool,
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
    /// Public keys that the resolved path names, as stored.
    pub relays: Vec<String>,
}

/// The time that stands for a `first_seen` which is no time of ours: a list compares texts, so it
/// may come after any time that is asked for. The end of the year 9999, Unix seconds.
pub const ABSURD_S: i64 = 253_402_300_799;

/// Returns when a stored `first_seen` says, Unix seconds; [`ABSURD_S`] if it is in no form of the
/// database's.
pub fn first_seen_s(text: &str) -> i64 {
    let is_ours = text.ends_with('Z') || text.as_bytes().get(10) == Some(&b' ');
    let time_ms = is_ours.then(|| clock::parse_utc_ms(text)).flatten();
    time_ms.map_or(ABSURD_S, |ms| ms.div_euclid(1000))
}

impl Record {
    /// When it was last heard, Unix seconds: the latest of `first_seen`, `last_seen` and all
    /// observations. The one axis on which is loaded and evicted; right without `last_seen`.
    pub fn recency_s(&self) -> i64 {
        let newest = self.seen.iter().map(|seen| seen.timestamp_s).max().unwrap_or(i64::MIN);
        first_seen_s(&self.first_seen).max(self.last_seen_s).max(newest).min(ABSURD_S)
    }

    /// Returns the observation that stands for it in lists: the one with the most hops, of these
    /// the latest.
    pub(super) fn best(&self) -> Option<&Seen> {
        let rank = |seen: &&Seen| (hop_count(seen.path_json.as_deref()), seen.timestamp_s, seen.id);
        self.seen.iter().max_by_key(rank)
    }

    /// Whether the same observer reported the same path more than once.
    pub(super) fn has_duplicates(&self) -> bool {
        let mut keys: Vec<(Option<i64>, &str)> = self.seen.iter().map(Seen::key).collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair[0] == pair[1])
    }
}

impl Seen {
    fn key(&self) -> (Option<i64>, &str) {
        (self.observer_idx, self.path_json.as_deref().unwrap_or(""))
    }
}

/// Returns the number of hops of a stored path, 0 if it is no JSON array.
pub fn hop_count(path_json: Option<&str>) -> usize {
    let path = path_json.unwrap_or("[]");
    serde_json::from_str::<Vec<IgnoredAny>>(path).map_or(0, |hops| hops.len())
}
