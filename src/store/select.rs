//! Which transmissions a list has.
//!
//! Every list needs its exact total. What a segment knows of all its rows excludes it or spares a
//! look at their times; then come the types, which lie side by side, and only of what is left the
//! rows themselves and their packed bytes.

use super::bits::Bits;
use super::bits::ROWS_MAX;
use super::kind::WantedKind;
use super::moment::Moment;
use super::names::{NONE, Names};
use super::segment::{Rest, Row, Segment, code_of, hash_of};
use super::{Floor, Snapshot, find};
use crate::clock::parse_utc_ms;

/// What a list is filtered by, names resolved. `None` filters nothing.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Exactly this payload type.
    pub payload_type: Option<i64>,
    /// Exactly this route type.
    pub route_type: Option<i64>,
    /// One of these content hashes, byte for byte.
    pub hashes: Option<Vec<String>>,
    /// First seen later than this, as text.
    pub since: Option<String>,
    /// First seen earlier than this, as text.
    pub until: Option<String>,
    /// Whether `since` and `until` themselves match too.
    pub is_inclusive: bool,
    /// Adverts of these public keys.
    pub senders: Option<Vec<String>>,
    /// Whether what the JSON of an advert says counts where its column is NULL.
    pub is_sender_said: bool,
    /// Group texts of a channel.
    pub channel: Option<WantedChannel>,
    /// Heard by one observer (row id) of each of these sets.
    pub heard_by: Vec<Vec<i64>>,
    /// Sent (adverts) or relayed by one of these public keys.
    pub nodes: Option<Vec<String>>,
}

/// The group texts of a channel.
#[derive(Clone, Debug, Default)]
pub struct WantedChannel {
    /// As the column says.
    pub names: Vec<String>,
    /// Where the column is NULL: what the JSON says.
    pub said: Vec<String>,
    /// Where the column is NULL: the hash byte that the JSON says.
    pub said_hash_hex: Option<String>,
}

/// A transmission's receptions without their texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Id of the observation that stands for it.
    pub best: i64,
    /// Latest first.
    pub seen: Vec<SeenOutline>,
}

/// One reception of an [`Outline`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenOutline {
    /// May be 0 or negative.
    pub id: i64,
    /// Row id of the observer.
    pub observer_idx: Option<i64>,
    /// Unix seconds.
    pub timestamp_s: i64,
}

/// What a snapshot can answer for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covers {
    /// Any query.
    Everything,
    /// All that was heard since; but a text that is no time may be later, however old it is.
    Likely,
    /// Something may be missing.
    Nothing,
}

/// With more odd rows than this the window answers nothing.
const ODD_MAX: usize = 200;

/// Codes of observers below this are looked up, others searched.
const OBSERVERS_SMALL: usize = 4_096;

/// [`Wanted`] with the numbers of its names.
struct Search<'w> {
    wanted: &'w Wanted,
    kind: WantedKind,
    /// Whether types and times do not decide alone.
    is_closer: bool,
    names: &'w Names,
    hashes: Option<Vec<(&'w str, Option<u64>)>>,
    since: Option<Moment<'w>>,
    until: Option<Moment<'w>>,
    senders: Option<Vec<u32>>,
    channel: Option<[Vec<u32>; 3]>,
    heard_by: Vec<Observers>,
    nodes: Option<Vec<u32>>,
}

impl<'w> Search<'w> {
    fn new(wanted: &'w Wanted, names: &'w Names) -> Self {
        let numbers = |texts: &[String]| -> Vec<u32> {
            texts.iter().filter_map(|text| names.find(text)).collect()
        };
        let hashes = |texts: &'w Vec<String>| {
            texts.iter().map(|text| (text.as_str(), hash_of(text))).collect()
        };
        let channel = |channel: &WantedChannel| {
            let hash_hex: Vec<String> = channel.said_hash_hex.iter().cloned().collect();
            [numbers(&channel.names), numbers(&channel.said), numbers(&hash_hex)]
        };
        let kind = WantedKind::new(wanted.payload_type, wanted.route_type);
        let is_closer = !kind.is_exact()
            || wanted.hashes.is_some()
            || wanted.senders.is_some()
            || wanted.channel.is_some()
            || wanted.nodes.is_some()
            || !wanted.heard_by.is_empty();
        Self {
            wanted,
            kind,
            is_closer,
            names,
            hashes: wanted.hashes.as_ref().map(hashes),
            since: wanted.since.as_deref().map(Moment::of),
            until: wanted.until.as_deref().map(Moment::of),
            senders: wanted.senders.as_deref().map(numbers),
            channel: wanted.channel.as_ref().map(channel),
            heard_by: wanted.heard_by.iter().map(|ids| Observers::new(ids)).collect(),
            nodes: wanted.nodes.as_deref().map(numbers),
        }
    }

    /// Which rows of a segment match.
    fn rows_of(&self, segment: &Segment) -> Bits {
        let firsts = segment.firsts();
        let is_outside =
            firsts.is_some_and(|[low, high]| !self.is_late(high) || !self.is_early(low));
        if is_outside {
            return Bits::default();
        }
        let mut found = segment.of_kind(self.kind);
        if !firsts.is_some_and(|[low, high]| self.is_late(low) && self.is_early(high)) {
            found.retain(|index| self.is_in_span(&segment.rows[index]));
        }
        if self.is_closer {
            found.retain(|index| self.matches(segment, &segment.rows[index]));
        }
        found
    }

    fn is_late(&self, first_seen: Moment<'_>) -> bool {
        let is_inclusive = self.wanted.is_inclusive;
        self.since.is_none_or(|since| first_seen > since || is_inclusive && first_seen == since)
    }

    fn is_early(&self, first_seen: Moment<'_>) -> bool {
        let is_inclusive = self.wanted.is_inclusive;
        self.until.is_none_or(|until| first_seen < until || is_inclusive && first_seen == until)
    }

    fn is_in_span(&self, row: &Row) -> bool {
        let first_seen = row.first_seen(self.names);
        self.is_late(first_seen) && self.is_early(first_seen)
    }

    fn has_hash(&self, row: &Row, hashes: &[(&str, Option<u64>)]) -> bool {
        hashes.iter().any(|(text, number)| row.has_hash(text, *number, self.names))
    }

    /// Whether a row of the right time matches.
    fn matches(&self, segment: &Segment, row: &Row) -> bool {
        let wanted = self.wanted;
        if !self.hashes.as_ref().is_none_or(|hashes| self.has_hash(row, hashes)) {
            return false;
        }
        let mut rest = segment.rest(row);
        let types =
            [(wanted.route_type, rest.route_type), (wanted.payload_type, rest.payload_type)];
        if types.iter().any(|(wanted, value)| wanted.is_some() && wanted != value) {
            return false;
        }
        let is_sent_by = |keys: &Vec<u32>| {
            let counts = wanted.is_sender_said || !row.is_sender_said();
            rest.payload_type == Some(4) && counts && is_among(keys, row.sender)
        };
        let is_sender = self.senders.as_ref().is_none_or(is_sent_by);
        let is_channel = self
            .channel
            .as_ref()
            .is_none_or(|channel| rest.payload_type == Some(5) && is_in_channel(row, channel));
        let is_sent = self.nodes.as_ref().is_none_or(is_sent_by);
        if !is_sender || !is_channel || !self.is_heard(rest.clone()) {
            return false;
        }
        is_sent
            || self.nodes.as_ref().is_some_and(|nodes| {
                rest.skip_observers();
                rest.relays().any(|key| is_among(nodes, key))
            })
    }

    fn is_heard(&self, rest: Rest<'_>) -> bool {
        self.heard_by.iter().all(|set| rest.clone().observer_codes().any(|code| set.has(code)))
    }
}

/// Some observers, as they are packed.
struct Observers {
    /// Of the small ones, which are in it.
    small: Vec<bool>,
    /// The others, sorted.
    large: Vec<u64>,
}

impl Observers {
    fn new(ids: &[i64]) -> Self {
        let mut large: Vec<u64> = ids.iter().map(|id| code_of(*id)).collect();
        large.sort_unstable();
        let mut small = vec![false; OBSERVERS_SMALL];
        let few = large.partition_point(|code| *code < OBSERVERS_SMALL as u64);
        large.drain(..few).for_each(|code| small[code as usize] = true);
        // The code of none.
        small[0] = false;
        Self { small, large }
    }

    fn has(&self, code: u64) -> bool {
        let small = usize::try_from(code).ok().and_then(|code| self.small.get(code));
        small.copied().unwrap_or_else(|| self.large.binary_search(&code).is_ok())
    }
}

fn is_among(names: &[u32], name: u32) -> bool {
    name != NONE && names.contains(&name)
}

fn is_in_channel(row: &Row, [names, said, said_hash_hex]: &[Vec<u32>; 3]) -> bool {
    match row.is_channel_said() {
        true => is_among(said, row.channel) || is_among(said_hash_hex, row.channel_hash_hex),
        false => is_among(names, row.channel),
    }
}

/// Drops all but the newest so many; returns the time of the last, if there are as many.
fn keep_newest<'t>(order: &mut Vec<(Moment<'t>, i64)>, count: usize) -> Option<Moment<'t>> {
    let Some(last) = count.checked_sub(1) else {
        order.clear();
        return None;
    };
    if last >= order.len() {
        return None;
    }
    let (_, (least, _), _) = order.select_nth_unstable_by(last, |one, two| two.cmp(one));
    let least = *least;
    order.truncate(count);
    Some(least)
}

impl Snapshot {
    /// Says whether it can answer for all that was first seen after `since`.
    pub fn covers(&self, since: Option<&str>) -> Covers {
        if self.segments.iter().map(|segment| segment.odd_rows).sum::<usize>() > ODD_MAX {
            return Covers::Nothing;
        }
        let reaches = |floor_s: i64| {
            since.and_then(parse_utc_ms).is_some_and(|ms| ms.div_euclid(1000) >= floor_s)
        };
        match self.floor {
            Floor::Everything => Covers::Everything,
            Floor::Since(floor_s) if reaches(floor_s) => Covers::Likely,
            _ => Covers::Nothing,
        }
    }

    /// Returns the ids of rows that hold something which the window cannot say: they match nothing
    /// here, and whoever asks adds what the database says of them. Few or none.
    pub fn odd_ids(&self) -> Vec<i64> {
        let segments = self.segments.iter().filter(|segment| segment.odd_rows > 0);
        let rows = segments.flat_map(|segment| &segment.rows).filter(|row| row.is_odd());
        rows.map(|row| row.id).collect()
    }

    /// Returns the ids of all transmissions that match, ascending, [odd ones](Self::odd_ids) apart.
    /// `heard_by` must be sorted.
    pub fn matching(&self, wanted: &Wanted) -> Vec<i64> {
        self.page(wanted, (0, usize::MAX), true).0
    }

    /// As [`Self::matching`], of these a part from one end, and how many match in all.
    pub fn page(
        &self,
        wanted: &Wanted,
        (offset, limit): (usize, usize),
        is_ascending: bool,
    ) -> (Vec<i64>, usize) {
        let search = Search::new(wanted, &self.names);
        let (mut ids, mut total) = (Vec::new(), 0);
        let mut look = |segment: &Segment| {
            let found = search.rows_of(segment);
            let (before, count) = (total, found.count());
            total += count;
            if total <= offset || ids.len() == limit {
                return;
            }
            let mut rows: Vec<usize> = found.iter().collect();
            if !is_ascending {
                rows.reverse();
            }
            let rows = rows.into_iter().skip(offset.saturating_sub(before));
            ids.extend(rows.take(limit - ids.len()).map(|index| segment.rows[index].id));
        };
        match is_ascending {
            true => self.segments.iter().for_each(|segment| look(segment)),
            false => self.segments.iter().rev().for_each(|segment| look(segment)),
        }
        (ids, total)
    }

    /// Returns ids by latest reception, newest first, and how many match in all. `odd` are the
    /// [odd ones](Self::odd_ids) that match too, each with its latest reception.
    pub fn newest<'s>(
        &'s self,
        wanted: &'s Wanted,
        odd: &'s [(String, i64)],
        (offset, limit): (usize, usize),
    ) -> (Vec<i64>, usize) {
        let search = Search::new(wanted, &self.names);
        let end = offset.saturating_add(limit);
        let mut order: Vec<(Moment<'_>, i64)> =
            odd.iter().map(|(latest, id)| (Moment::of(latest), *id)).collect();
        let mut total = order.len();
        // Once there is enough, what was heard before all of that is only counted.
        let mut least = None;
        for segment in self.by_latest() {
            let found = search.rows_of(segment);
            total += found.count();
            if segment.latest().zip(least).is_some_and(|(latest, least)| latest < least) {
                continue;
            }
            let rows = found.iter().map(|index| &segment.rows[index]);
            order.extend(rows.map(|row| (row.latest(&self.names), row.id)));
            if order.len() >= end.saturating_mul(2).max(ROWS_MAX) {
                least = keep_newest(&mut order, end).or(least);
            }
        }
        keep_newest(&mut order, end);
        order.sort_unstable_by(|one, two| two.cmp(one));
        (order.into_iter().skip(offset).map(|(_, id)| id).collect(), total)
    }

    /// The segments that may have the newest rows first.
    fn by_latest(&self) -> Vec<&Segment> {
        let mut segments: Vec<&Segment> = self.segments.iter().map(|segment| &**segment).collect();
        // What has texts among its times comes first: they may be later than any time.
        segments.sort_unstable_by_key(|segment| {
            (segment.latest().is_some(), std::cmp::Reverse(segment.latest()))
        });
        segments
    }

    /// Counts what was first seen within a span, blank rows too, [odd ones](Self::odd_ids) apart.
    pub fn count_within(&self, wanted: &Wanted) -> usize {
        let search = Search::new(wanted, &self.names);
        self.rows().filter(|(_, row)| !row.is_odd() && search.is_in_span(row)).count()
    }

    /// Returns the receptions of a transmission; `None` if it is not there, is odd, was not heard,
    /// or if an observer reported a path more than once: what duplicates hold is merged from the
    /// database.
    pub fn outline(&self, id: i64) -> Option<Outline> {
        let (at, index) = find(&self.segments, id)?;
        let segment = &self.segments[at];
        let row = &segment.rows[index];
        let mut rest = segment.rest(row);
        let observers: Vec<Option<i64>> = rest.observers().collect();
        if row.is_odd() || row.has_duplicates() || observers.is_empty() {
            return None;
        }
        rest.skip_relays();
        let ids = rest.steps(row.id, observers.len());
        let times = rest.steps(row.recency_s, observers.len());
        let seen = ids.into_iter().zip(observers).zip(times);
        let outline =
            |((id, observer_idx), timestamp_s)| SeenOutline { id, observer_idx, timestamp_s };
        let mut seen: Vec<SeenOutline> = seen.map(outline).collect();
        seen.sort_unstable_by_key(|seen| std::cmp::Reverse((seen.timestamp_s, seen.id)));
        Some(Outline { best: row.best(), seen })
    }
}
