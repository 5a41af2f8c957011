//! Some hundred transmissions side by side: fixed columns of each, sorted by id, and the rest as
//! packed bytes in one piece of memory.

use super::bits::Bits;
use super::kind::{Kind, TYPE_NULL, TYPE_PACKED, WantedKind, small};
use super::moment::{self, Moment};
use super::names::{Interner, NONE, Names};
use super::packed::{self, Unpacker};
use super::record::Record;

/// The hash, the first time and the latest time are numbers of [`Names`].
const HASH_IS_TEXT: u8 = 1;
const FIRST_IS_TEXT: u8 = 2;
const LATEST_IS_TEXT: u8 = 4;
const SENDER_IS_SAID: u8 = 8;
const CHANNEL_IS_SAID: u8 = 16;
/// Without hash or time.
const BLANK: u8 = 32;
const DUPLICATES: u8 = 64;
const ODD: u8 = 128;

/// What lists look at first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) id: i64,
    /// The 16 hex digits in lower case as a number, or a name.
    hash: u64,
    first_seen: i64,
    latest: i64,
    pub(super) recency_s: i64,
    /// Id of the observation that stands for it; its own id where there is none.
    best: i64,
    packed_at: u32,
    packed_len: u32,
    pub(super) sender: u32,
    pub(super) channel: u32,
    pub(super) channel_hash_hex: u32,
    route_type: i8,
    payload_type: i8,
    flags: u8,
}

impl Row {
    /// Makes the columns of a record; `packed` gets the rest.
    pub(super) fn pack(record: &Record, names: &mut Interner, packed: &mut Vec<u8>) -> Self {
        let mut flags = 0;
        let mut flag = |is_set: bool, bit: u8| flags |= if is_set { bit } else { 0 };
        let hash = hash_of(&record.hash);
        let first_seen = moment::key_of(&record.first_seen);
        let newest_s = record.seen.iter().map(|seen| seen.timestamp_s).max();
        let newest = newest_s.map_or(i64::MIN, moment::key_of_seconds);
        let first = Moment::of(&record.first_seen);
        let is_newest_later = newest_s.is_some() && Moment::Key(newest) > first;
        flag(hash.is_none(), HASH_IS_TEXT);
        flag(first_seen.is_none(), FIRST_IS_TEXT);
        flag(first_seen.is_none() && !is_newest_later, LATEST_IS_TEXT);
        flag(record.is_sender_said, SENDER_IS_SAID);
        flag(record.is_channel_said, CHANNEL_IS_SAID);
        flag(record.hash.is_empty() || record.first_seen.is_empty(), BLANK);
        flag(record.has_duplicates(), DUPLICATES);
        // Its code is that of no observer.
        let is_lowest = |observer: Option<i64>| observer == Some(i64::MIN);
        flag(record.is_odd || record.seen.iter().any(|seen| is_lowest(seen.observer_idx)), ODD);
        let first_seen = first_seen.unwrap_or_else(|| i64::from(names.take(&record.first_seen)));
        pack_rest(record, names, packed);
        Self {
            id: record.id,
            hash: hash.unwrap_or_else(|| u64::from(names.take(&record.hash))),
            first_seen,
            latest: if is_newest_later { newest } else { first_seen },
            recency_s: record.recency_s(),
            best: record.best().map_or(record.id, |seen| seen.id),
            packed_at: 0,
            packed_len: 0,
            sender: names.take_option(record.sender.as_deref()),
            channel: names.take_option(record.channel.as_deref()),
            channel_hash_hex: names.take_option(record.channel_hash_hex.as_deref()),
            route_type: small(record.route_type),
            payload_type: small(record.payload_type),
            flags,
        }
    }

    /// What taking it out frees.
    pub(super) fn bytes(&self) -> u64 {
        size_of::<Self>() as u64 + u64::from(self.packed_len)
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn kind(&self) -> Kind {
        if self.has(BLANK | ODD) {
            return Kind::HIDDEN;
        }
        Kind { payload_type: self.payload_type, route_type: self.route_type }
    }

    pub(super) fn is_odd(&self) -> bool {
        self.has(ODD)
    }

    pub(super) fn is_sender_said(&self) -> bool {
        self.has(SENDER_IS_SAID)
    }

    pub(super) fn is_channel_said(&self) -> bool {
        self.has(CHANNEL_IS_SAID)
    }

    /// Whether an observer reported a path more than once.
    pub(super) fn has_duplicates(&self) -> bool {
        self.has(DUPLICATES)
    }

    /// Whether the hash is this text; `number` is the text's [`hash_of`].
    pub(super) fn has_hash(&self, text: &str, number: Option<u64>, names: &Names) -> bool {
        match self.has(HASH_IS_TEXT) {
            false => number == Some(self.hash),
            true => names.text(self.hash as u32) == text,
        }
    }

    pub(super) fn first_seen<'n>(&self, names: &'n Names) -> Moment<'n> {
        moment_of(self.first_seen, self.has(FIRST_IS_TEXT), names)
    }

    /// The later, as text, of the first time and the newest observation's.
    pub(super) fn latest<'n>(&self, names: &'n Names) -> Moment<'n> {
        moment_of(self.latest, self.has(LATEST_IS_TEXT), names)
    }

    /// The observation that stands for it.
    pub(super) fn best(&self) -> i64 {
        self.best
    }
}

fn moment_of(value: i64, is_text: bool, names: &Names) -> Moment<'_> {
    match is_text {
        true => Moment::Text(names.text(value as u32)),
        false => Moment::Key(value),
    }
}

/// Returns a hash of 16 hex digits in lower case as a number.
pub(super) fn hash_of(text: &str) -> Option<u64> {
    let is_usual = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_usual = text.len() == 16 && text.bytes().all(is_usual);
    is_usual.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

/// Bytes at most of what [`pack_rest`] writes: a number has 10 at most.
pub(super) fn packed_at_most(record: &Record) -> usize {
    let relays: usize = record.seen.iter().map(|seen| seen.relays.len()).sum();
    10 * (4 + relays + 3 * record.seen.len())
}

fn pack_rest(record: &Record, names: &mut Interner, packed: &mut Vec<u8>) {
    packed.clear();
    for value in [record.route_type, record.payload_type] {
        if small(value) == TYPE_PACKED {
            packed::push_signed(packed, value.unwrap_or(0));
        }
    }
    packed::push(packed, record.seen.len() as u64);
    for seen in &record.seen {
        packed::push(packed, seen.observer_idx.map_or(0, code_of));
    }
    let relays = record.seen.iter().flat_map(|seen| &seen.relays);
    let mut relays: Vec<u32> = relays.map(|key| names.take(key)).collect();
    relays.sort_unstable();
    // A row uses each once.
    relays.dedup_by(|next, kept| {
        let is_same = next == kept;
        if is_same {
            names.release(*next);
        }
        is_same
    });
    packed::push(packed, relays.len() as u64);
    let mut last = 0;
    for relay in relays {
        packed::push(packed, u64::from(relay - last));
        last = relay;
    }
    push_steps(packed, record.id, record.seen.iter().map(|seen| seen.id));
    push_steps(packed, record.recency_s(), record.seen.iter().map(|seen| seen.timestamp_s));
}

/// Returns an observer's row id as it is packed; 0 is none.
pub(super) fn code_of(observer: i64) -> u64 {
    packed::zigzag(observer).wrapping_add(1)
}

fn push_steps(packed: &mut Vec<u8>, mut last: i64, values: impl Iterator<Item = i64>) {
    for value in values {
        packed::push_signed(packed, value.wrapping_sub(last));
        last = value;
    }
}

/// The packed part of a row.
#[derive(Clone)]
pub(super) struct Rest<'b> {
    pub(super) route_type: Option<i64>,
    pub(super) payload_type: Option<i64>,
    unpacker: Unpacker<'b>,
}

impl<'b> Rest<'b> {
    /// Returns the row id of every observation's observer, then goes on to the relays.
    pub(super) fn observers(&mut self) -> impl Iterator<Item = Option<i64>> + use<'_, 'b> {
        let observer = |code: u64| code.checked_sub(1).map(Unpacker::signed);
        self.observer_codes().map(observer)
    }

    /// As [`Self::observers`], as they are packed: see [`code_of`].
    pub(super) fn observer_codes(&mut self) -> impl Iterator<Item = u64> + use<'_, 'b> {
        let count = self.unpacker.next_count();
        (0..count).map(|_| self.unpacker.next())
    }

    /// Goes on to the relays.
    pub(super) fn skip_observers(&mut self) {
        self.skip_list();
    }

    /// Goes on to the steps.
    pub(super) fn skip_relays(&mut self) {
        self.skip_list();
    }

    fn skip_list(&mut self) {
        let count = self.unpacker.next_count();
        self.unpacker.skip(count);
    }

    /// After the observers: the names of the relays.
    pub(super) fn relays(&mut self) -> impl Iterator<Item = u32> + use<'_, 'b> {
        let count = self.unpacker.next_count();
        let mut last = 0_u32;
        (0..count).map(move |_| {
            last = last.wrapping_add(self.unpacker.next() as u32);
            last
        })
    }

    /// After the relays: so many numbers, each told by its step from the one before.
    pub(super) fn steps(&mut self, from: i64, count: usize) -> Vec<i64> {
        let mut last = from;
        let step = |_| {
            last = last.wrapping_add(self.unpacker.next_signed());
            last
        };
        (0..count).map(step).collect()
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) rows: Vec<Row>,
    /// Of each row.
    kinds: Vec<Kind>,
    packed: Vec<u8>,
    /// Of these nobody is the owner any more.
    dead: usize,
    /// No row was last heard before.
    pub(super) oldest_s: i64,
    pub(super) observations: usize,
    pub(super) odd_rows: usize,
    /// `first_seen` of no row is outside; `None` where a text is among them.
    firsts: Option<(i64, i64)>,
    /// No row was heard later.
    latest: i64,
}

impl Default for Segment {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            kinds: Vec::new(),
            packed: Vec::new(),
            dead: 0,
            oldest_s: i64::MAX,
            observations: 0,
            odd_rows: 0,
            firsts: Some((i64::MAX, i64::MIN)),
            latest: i64::MIN,
        }
    }
}

impl Segment {
    pub(super) fn find(&self, id: i64) -> Result<usize, usize> {
        self.rows.binary_search_by_key(&id, |row| row.id)
    }

    /// The packed part of one of its rows.
    pub(super) fn rest(&self, row: &Row) -> Rest<'_> {
        let (start, len) = (row.packed_at as usize, row.packed_len as usize);
        let mut unpacker = Unpacker::new(self.packed.get(start..start + len).unwrap_or(&[]));
        let mut exact = |small: i8| match small {
            TYPE_NULL => None,
            TYPE_PACKED => Some(unpacker.next_signed()),
            small => Some(i64::from(small)),
        };
        let (route_type, payload_type) = (exact(row.route_type), exact(row.payload_type));
        Rest { route_type, payload_type, unpacker }
    }

    fn observations_of(&self, row: &Row) -> usize {
        self.rest(row).unpacker.next_count()
    }

    /// The rows of a kind that a search may find.
    pub(super) fn of_kind(&self, wanted: WantedKind) -> Bits {
        wanted.among(&self.kinds)
    }

    /// Between which times all rows were first seen; `None` where one is no time.
    pub(super) fn firsts(&self) -> Option<[Moment<'static>; 2]> {
        self.firsts.map(|(low, high)| [Moment::Key(low), Moment::Key(high)])
    }

    /// The time after which no row was heard; `None` where one is no time.
    pub(super) fn latest(&self) -> Option<Moment<'static>> {
        (self.latest != i64::MAX).then_some(Moment::Key(self.latest))
    }

    /// Takes a row into what is known of all.
    fn note(&mut self, row: &Row) {
        self.oldest_s = self.oldest_s.min(row.recency_s);
        self.observations += self.observations_of(row);
        self.odd_rows += usize::from(row.is_odd());
        self.latest = if row.has(LATEST_IS_TEXT) { i64::MAX } else { self.latest.max(row.latest) };
        self.firsts = self
            .firsts
            .filter(|_| !row.has(FIRST_IS_TEXT))
            .map(|(low, high)| (low.min(row.first_seen), high.max(row.first_seen)));
    }

    /// Inserts a row at a place that [`Self::find`] gave.
    pub(super) fn insert(&mut self, index: usize, mut row: Row, packed: &[u8]) {
        reserve(&mut self.rows, 1);
        reserve(&mut self.packed, packed.len());
        (row.packed_at, row.packed_len) = (self.packed.len() as u32, packed.len() as u32);
        self.packed.extend_from_slice(packed);
        reserve(&mut self.kinds, 1);
        self.kinds.insert(index, row.kind());
        self.note(&row);
        self.rows.insert(index, row);
    }

    /// Takes a row out and ends its use of names.
    pub(super) fn remove(&mut self, index: usize, names: &mut Interner) {
        let row = self.rows.remove(index);
        self.kinds.remove(index);
        self.release(&row, names);
        if self.dead > self.packed.len() / 4 {
            self.compact();
        }
    }

    fn release(&mut self, row: &Row, names: &mut Interner) {
        let mut rest = self.rest(row);
        rest.skip_observers();
        rest.relays().for_each(|relay| names.release(relay));
        self.observations -= self.observations_of(row);
        self.odd_rows -= usize::from(row.is_odd());
        let texts = [row.sender, row.channel, row.channel_hash_hex];
        texts.into_iter().for_each(|name| names.release(name));
        let first = if row.has(FIRST_IS_TEXT) { row.first_seen as u32 } else { NONE };
        let hash = if row.has(HASH_IS_TEXT) { row.hash as u32 } else { NONE };
        [first, hash].into_iter().for_each(|name| names.release(name));
        self.dead += row.packed_len as usize;
    }

    /// Takes out what was last heard before `floor_s`; returns how many.
    pub(super) fn evict_before(&mut self, floor_s: i64, names: &mut Interner) -> usize {
        let (kept, gone): (Vec<Row>, Vec<Row>) =
            self.rows.iter().partition(|row| row.recency_s >= floor_s);
        gone.iter().for_each(|row| self.release(row, names));
        self.rows = kept;
        self.compact();
        gone.len()
    }

    /// Gives the upper half away.
    pub(super) fn split(&mut self) -> Self {
        let middle = self.rows.len() / 2;
        let mut upper = Self { rows: self.rows.split_off(middle), ..Self::default() };
        upper.packed = std::mem::take(&mut self.packed);
        let lower = upper.packed_of(&self.rows);
        upper.compact();
        self.packed = lower;
        self.compact();
        upper
    }

    /// Copies the packed parts of these rows.
    fn packed_of(&self, rows: &[Row]) -> Vec<u8> {
        // As long as the whole, so that places stay: `compact` follows.
        let end = rows.iter().map(|row| (row.packed_at + row.packed_len) as usize).max();
        self.packed[..end.unwrap_or(0)].to_vec()
    }

    /// Brings the packed parts together without gaps and without room to grow.
    pub(super) fn compact(&mut self) {
        let live: usize = self.rows.iter().map(|row| row.packed_len as usize).sum();
        let mut packed = Vec::with_capacity(live);
        for row in &mut self.rows {
            let (start, len) = (row.packed_at as usize, row.packed_len as usize);
            row.packed_at = packed.len() as u32;
            packed.extend_from_slice(&self.packed[start..start + len]);
        }
        let mut rows = std::mem::take(&mut self.rows);
        rows.shrink_to_fit();
        let kinds = rows.iter().map(Row::kind).collect();
        *self = Self { kinds, packed, ..Self::default() };
        rows.iter().for_each(|row| self.note(row));
        self.rows = rows;
    }

    /// Gives room to grow back that is more than an eighth.
    pub(super) fn trim(&mut self) {
        let slack = self.packed.capacity() - self.packed.len() + self.dead;
        if slack > self.packed.len() / 8 {
            self.compact();
        }
        self.rows.shrink_to_fit();
        self.kinds.shrink_to_fit();
    }

    /// Bytes at most by which one row more with so many packed ones makes it larger, a split
    /// included.
    pub(super) fn growth_at_most(&self, packed: usize) -> u64 {
        let rows = (self.rows.len() / 8 + 9) * (size_of::<Row>() + size_of::<Kind>());
        (rows + packed.max(self.packed.len() / 8 + 8) + 2 * (size_of::<Self>() + 16)) as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        let rows = self.rows.capacity() * size_of::<Row>();
        let rows = rows + self.kinds.capacity() * size_of::<Kind>();
        (rows + self.packed.capacity() + size_of::<Self>() + 16) as u64
    }
}

/// Grows by an eighth: doubling would waste half of what is held.
fn reserve<T>(values: &mut Vec<T>, more: usize) {
    if values.capacity() - values.len() < more {
        values.reserve_exact(more.max(values.len() / 8 + 8));
    }
}
