//! The RAM window over recent packets: which transmissions a list has, in what order, and how
//! many, without touching the disk. Texts (frames, decoded JSON, paths) stay in SQLite and are read
//! for the rows of a page only, by id.
//!
//! The [`Store`] has one owner (decision 7), which puts [`Record`]s in as SQLite holds them and
//! publishes immutable [`Snapshot`]s. A record is always whole: putting it again replaces it, so
//! what is loaded, what arrives and what is repeated come in by the same door.
//!
//! Transmissions lie in segments of some hundred, sorted by id. A snapshot shares them; what is
//! changed afterwards is copied first, a segment at a time. Within a segment a transmission has a
//! row of fixed columns and packed bytes for its observations, so that a search is one pass over
//! memory that lies side by side:
//!
//! - [`record`] what comes in; [`segment`] rows and packed bytes; [`kind`] types side by side;
//!   [`names`] texts, each once
//! - [`moment`] times that sort as their texts; [`packed`] numbers as bytes
//! - [`select`] which transmissions a list has; [`bits`] some of a segment; [`figures`] what is in it, for people

pub mod analytics;
mod bits;
mod figures;
mod kind;
pub mod load;
mod moment;
mod names;
mod packed;
mod record;
mod segment;
mod select;
pub mod shared;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

pub use figures::Figures;
pub use record::{ABSURD_S, Record, Seen, first_seen_s, hop_count};
pub use select::{Covers, Outline, SeenOutline, Wanted, WantedChannel};
pub use shared::Window;

use bits::ROWS_MAX;
use names::{Interner, Names};
use segment::{Row, Segment, packed_at_most};

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

/// One pass of eviction takes out one of so many transmissions at most.
const PASS_SHARE: usize = 4;

/// The buffer for packing is given back beyond this.
const PACKING_BYTES: usize = 4_096;

/// The window that its owner changes.
#[derive(Debug, Default)]
pub struct Store {
    /// By id; none is empty.
    segments: Vec<Arc<Segment>>,
    segment_bytes: u64,
    names: Interner,
    floor: Floor,
    /// Reused from one record to the next.
    packed: Vec<u8>,
}

impl Store {
    /// Makes an empty window of which nothing is complete.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a transmission in, or replaces it.
    pub fn put(&mut self, record: Record) {
        let mut packed = std::mem::take(&mut self.packed);
        // New names first: what old and new share is not forgotten in between.
        let row = Row::pack(&record, &mut self.names, &mut packed);
        self.remove(row.id);
        let at = self.segment_for(row.id);
        self.change(at, |segment, _| {
            let index = segment.find(row.id).unwrap_or_else(|index| index);
            segment.insert(index, row, &packed);
        });
        packed.clear();
        packed.shrink_to(PACKING_BYTES);
        self.packed = packed;
    }

    /// Takes a transmission out; says whether it was there.
    pub fn remove(&mut self, id: i64) -> bool {
        let Some((at, index)) = find(&self.segments, id) else { return false };
        self.change(at, |segment, names| segment.remove(index, names));
        if self.segments[at].rows.is_empty() {
            self.drop_empty();
        }
        true
    }

    /// Whether a transmission is in it.
    pub fn contains(&self, id: i64) -> bool {
        find(&self.segments, id).is_some()
    }

    /// Transmissions in it.
    #[allow(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.segments.iter().map(|segment| segment.rows.len()).sum()
    }

    /// Bytes of all that it holds, as the allocator gave them out, within a tenth. What was changed
    /// since a snapshot was published is held once more as long as that snapshot lives.
    pub fn bytes(&self) -> u64 {
        let list = self.segments.capacity() * size_of::<Arc<Segment>>();
        self.segment_bytes + self.names.bytes() + (list + self.packed.capacity()) as u64
    }

    /// Bytes that it holds at most once this record is in it too.
    pub fn bytes_with(&self, record: &Record) -> u64 {
        let packed = packed_at_most(record);
        let at = place(&self.segments, record.id).saturating_sub(1);
        let empty = Segment::default();
        let segment = self.segments.get(at).map_or(&empty, |segment| &**segment);
        let columns = [&record.sender, &record.channel, &record.channel_hash_hex];
        let columns = columns.into_iter().flatten().chain([&record.hash, &record.first_seen]);
        let texts = columns.chain(record.seen.iter().flat_map(|seen| &seen.relays));
        let (count, bytes) =
            texts.fold((0, 0), |(count, bytes), text| (count + 1, bytes + names::bytes_of(text)));
        let list = (self.segments.len() + 4) * size_of::<Arc<Segment>>();
        let packing = PACKING_BYTES.saturating_sub(self.packed.capacity());
        self.bytes()
            + segment.growth_at_most(packed)
            + self.names.growth_at_most(count)
            + bytes
            + (list + packing) as u64
    }

    /// Says how far back it is complete.
    pub fn set_floor(&mut self, floor: Floor) {
        self.floor = floor;
    }

    /// How far back it is complete.
    pub fn floor(&self) -> Floor {
        self.floor
    }

    /// Takes out all that was last heard before `floor_s` (Unix seconds); returns how many. The
    /// floor rises with it; where nothing was complete, nothing becomes so.
    pub fn evict_before(&mut self, floor_s: i64) -> usize {
        let mut evicted = 0;
        for at in 0..self.segments.len() {
            if self.segments[at].oldest_s < floor_s {
                self.change(at, |segment, names| evicted += segment.evict_before(floor_s, names));
            }
        }
        self.drop_empty();
        if evicted > 0 {
            self.floor = match self.floor {
                Floor::Nothing => Floor::Nothing,
                Floor::Since(before_s) => Floor::Since(before_s.max(floor_s)),
                Floor::Everything => Floor::Since(floor_s),
            };
        }
        evicted
    }

    /// Takes out what was last heard longest ago until at most `bytes_max` are held; returns how
    /// many. The floor moves with it.
    pub fn shrink_to(&mut self, bytes_max: u64) -> usize {
        let mut evicted = 0;
        while self.bytes() > bytes_max && !self.segments.is_empty() {
            evicted += self.evict_oldest(bytes_max, usize::MAX);
        }
        evicted
    }

    /// As [`Self::shrink_to`], but takes out no more than a quarter of the transmissions (contract
    /// §6.5), at least one, and with it all that were last heard in the same second.
    pub fn shrink_by_a_pass(&mut self, bytes_max: u64) -> usize {
        match self.bytes() > bytes_max {
            true => self.evict_oldest(bytes_max, (self.len() / PASS_SHARE).max(1)),
            false => 0,
        }
    }

    fn evict_oldest(&mut self, bytes_max: u64, rows_max: usize) -> usize {
        let age_s = self.age_of(self.bytes().saturating_sub(bytes_max), rows_max);
        if age_s >= ABSURD_S {
            return self.clear();
        }
        self.evict_before(age_s + 1)
    }

    /// Takes everything out; returns how many. Nothing is complete then.
    pub fn clear(&mut self) -> usize {
        let rows = self.segments.iter().map(|segment| segment.rows.len()).sum();
        *self = Self::default();
        rows
    }

    /// Returns the time up to which rows of so many bytes, or so many rows, were last heard.
    fn age_of(&self, bytes: u64, rows_max: usize) -> i64 {
        let rows = self.segments.iter().flat_map(|segment| &segment.rows);
        let mut ages: Vec<(i64, u64)> = rows.map(|row| (row.recency_s, row.bytes())).collect();
        ages.sort_unstable();
        let mut freed = 0;
        let enough = ages.iter().take(rows_max).find(|(_, bytes_of_row)| {
            freed += bytes_of_row;
            freed >= bytes
        });
        enough
            .or(ages.iter().take(rows_max).next_back())
            .map_or(i64::MAX, |(recency_s, _)| *recency_s)
    }

    /// Makes what readers see.
    pub fn publish(&mut self) -> Arc<Snapshot> {
        for segment in &mut self.segments {
            // What no snapshot shares has changed.
            let Some(segment) = Arc::get_mut(segment) else { continue };
            self.segment_bytes -= segment.bytes();
            segment.trim();
            self.segment_bytes += segment.bytes();
        }
        Arc::new(Snapshot {
            segments: self.segments.clone(),
            names: Arc::clone(self.names.names()),
            floor: self.floor,
            bytes: self.bytes(),
            figures: OnceLock::new(),
        })
    }

    fn drop_empty(&mut self) {
        let bytes_of = |segment: &Arc<Segment>| match segment.rows.is_empty() {
            true => segment.bytes(),
            false => 0,
        };
        self.segment_bytes -= self.segments.iter().map(bytes_of).sum::<u64>();
        self.segments.retain(|segment| !segment.rows.is_empty());
        if self.segments.is_empty() {
            self.segments = Vec::new();
        }
    }

    /// Returns the segment in which an id belongs, with room for it.
    fn segment_for(&mut self, id: i64) -> usize {
        let at = place(&self.segments, id).saturating_sub(1);
        let Some(segment) = self.segments.get(at) else {
            return self.add_segment(0, Segment::default());
        };
        if segment.rows.len() < ROWS_MAX {
            return at;
        }
        let (first, last) = (segment.rows.first(), segment.rows.last());
        if at + 1 == self.segments.len() && last.is_some_and(|row| row.id < id) {
            return self.add_segment(at + 1, Segment::default());
        }
        if first.is_some_and(|row| row.id > id) {
            return self.add_segment(at, Segment::default());
        }
        let mut upper = None;
        self.change(at, |segment, _| upper = Some(segment.split()));
        let at_upper = self.add_segment(at + 1, upper.unwrap_or_default());
        let is_upper = self.segments[at_upper].rows.first().is_some_and(|row| row.id <= id);
        if is_upper { at_upper } else { at }
    }

    fn add_segment(&mut self, at: usize, segment: Segment) -> usize {
        self.segment_bytes += segment.bytes();
        self.segments.insert(at, Arc::new(segment));
        at
    }

    /// Changes a segment, or a copy of it if a snapshot has it too.
    fn change(&mut self, at: usize, change: impl FnOnce(&mut Segment, &mut Interner)) {
        self.segment_bytes -= self.segments[at].bytes();
        let segment = Arc::make_mut(&mut self.segments[at]);
        change(segment, &mut self.names);
        self.segment_bytes += segment.bytes();
    }
}

/// Returns how many segments begin at or before an id.
fn place(segments: &[Arc<Segment>], id: i64) -> usize {
    segments.partition_point(|segment| segment.rows.first().is_none_or(|row| row.id <= id))
}

/// Returns the segment and the row of an id.
fn find(segments: &[Arc<Segment>], id: i64) -> Option<(usize, usize)> {
    let at = place(segments, id).checked_sub(1)?;
    Some((at, segments[at].find(id).ok()?))
}

/// A window that does not change any more.
#[derive(Debug, Default)]
pub struct Snapshot {
    segments: Vec<Arc<Segment>>,
    names: Arc<Names>,
    floor: Floor,
    bytes: u64,
    figures: OnceLock<Figures>,
}

impl Snapshot {
    /// Transmissions in it.
    pub fn transmissions(&self) -> usize {
        self.segments.iter().map(|segment| segment.rows.len()).sum()
    }

    /// Observations in it.
    pub fn observations(&self) -> usize {
        self.segments.iter().map(|segment| segment.observations).sum()
    }

    /// How far back it is complete.
    pub fn floor(&self) -> Floor {
        self.floor
    }

    /// As [`Store::bytes`] when it was made.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What is in it, counted in one pass (some milliseconds) by who asks first.
    pub fn figures(&self) -> &Figures {
        self.figures.get_or_init(|| figures::count(self.rows(), self.names.bytes()))
    }

    /// Whether somebody has asked for the [figures](Self::figures).
    pub fn has_figures(&self) -> bool {
        self.figures.get().is_some()
    }

    /// All rows by id, ascending.
    fn rows(&self) -> impl Iterator<Item = (&Segment, &Row)> {
        self.segments.iter().flat_map(|segment| segment.rows.iter().map(|row| (&**segment, row)))
    }
}
