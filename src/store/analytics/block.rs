//! One block in memory: packets, and their receptions in columns of small numbers that point into
//! lists of the values that occur.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

use crate::clock;

/// The number of "no value" in a column; the first value has 1.
pub const NONE: u32 = 0;

/// The time of a reception whose row holds none.
pub const NO_TIME: i64 = i64::MIN;

/// What analytics need of neighbouring packets; texts are borrowed from the digest, if it is read
/// from one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block<'t> {
    /// By id.
    pub packets: Vec<Packet<'t>>,
    /// Those of a packet stand together, latest first. Empty if they were not read.
    pub receptions: Vec<Reception>,
    /// Row ids of observers.
    pub observers: Vec<i64>,
    /// dB, finite.
    pub snrs: Vec<f64>,
    /// dBm, finite.
    pub rssis: Vec<f64>,
    /// Hops as the paths spell them.
    pub hops: Vec<Cow<'t, str>>,
    /// The best paths of the packets, one after the other, as places in `hops`.
    pub paths: Vec<u32>,
}

/// One packet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Packet<'t> {
    /// Unix milliseconds; `None` if the row holds no time.
    pub first_seen_ms: Option<i64>,
    /// 0 to 15.
    pub payload_type: Option<i64>,
    /// 0 to 3.
    pub route_type: Option<i64>,
    /// Bytes of the frame; 0 if they are not known.
    pub size_bytes: u32,
    /// The path_len byte of the frame.
    pub path_byte: Option<u8>,
    /// Who says what, if it is an advert.
    pub advert: Option<Advert<'t>>,
    /// Its best path in [`Block::paths`].
    pub path: Range<u32>,
    /// Its receptions in [`Block::receptions`].
    pub heard: Range<u32>,
}

/// The node that an advert speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advert<'t> {
    /// Public key in lower-case hex.
    pub key: Cow<'t, str>,
    /// May be empty.
    pub name: Cow<'t, str>,
}

/// One reception; places from 1, [`NONE`] for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reception {
    /// Unix seconds, or [`NO_TIME`].
    pub at_s: i64,
    /// In [`Block::observers`].
    pub observer: u32,
    /// In [`Block::snrs`].
    pub snr: u32,
    /// In [`Block::rssis`].
    pub rssi: u32,
}

impl Packet<'_> {
    /// Bytes per hop, 1 to 3; `None` where the frame names the reserved 4 or is too short.
    pub fn hash_size(&self) -> Option<usize> {
        let size = usize::from(self.path_byte? >> 6) + 1;
        (size <= 3).then_some(size)
    }

    /// Whether it was sent to direct neighbours only: along a given path without hops.
    pub fn is_zero_hop_direct(&self) -> bool {
        let is_direct = matches!(self.route_type, Some(2 | 3));
        is_direct && self.path_byte.is_some_and(|byte| byte & 0x3F == 0)
    }
}

impl Block<'_> {
    /// Who heard a packet of this block, latest first.
    pub fn heard(&self, packet: &Packet<'_>) -> &[Reception] {
        self.receptions.get(as_range(&packet.heard)).unwrap_or_default()
    }

    /// The hops of a packet's best path.
    pub fn path(&self, packet: &Packet<'_>) -> impl ExactSizeIterator<Item = &str> {
        let places = self.paths.get(as_range(&packet.path)).unwrap_or_default();
        places.iter().map(|place| self.hops.get(*place as usize).map_or("", |hop| &**hop))
    }
}

fn as_range(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// A packet as its row and its best reception have it.
#[derive(Clone, Debug, Default)]
pub struct NewPacket<'p> {
    /// ISO text; anything else is no time.
    pub first_seen: &'p str,
    /// The frame in hex; may be malformed.
    pub raw_hex: &'p str,
    /// 0 to 15.
    pub payload_type: Option<i64>,
    /// 0 to 3.
    pub route_type: Option<i64>,
    /// Hops of the best path.
    pub path: Vec<String>,
    /// If it is an advert.
    pub advert: Option<Advert<'static>>,
}

/// A reception as its row has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// Unix seconds; `None` if the row holds no number.
    pub at_s: Option<i64>,
    /// Row id of the observer.
    pub observer: Option<i64>,
    /// dB.
    pub snr: Option<f64>,
    /// dBm.
    pub rssi: Option<f64>,
}

/// Makes a block, packet after packet.
#[derive(Debug, Default)]
pub struct BlockBuilder {
    block: Block<'static>,
    observers: HashMap<i64, u32>,
    snrs: HashMap<u64, u32>,
    rssis: HashMap<u64, u32>,
    hops: HashMap<String, u32>,
}

impl BlockBuilder {
    /// Adds a packet and who heard it, latest first.
    pub fn add(&mut self, packet: NewPacket<'_>, heard: impl IntoIterator<Item = Heard>) {
        let (paths, receptions) = (self.block.paths.len(), self.block.receptions.len());
        for hop in packet.path {
            let place = place_of(&mut self.hops, &mut self.block.hops, hop.clone(), hop.into());
            self.block.paths.push(place - 1);
        }
        for heard in heard {
            let reception = self.reception(heard);
            self.block.receptions.push(reception);
        }
        let route_type = packet.route_type.or_else(|| route_of(packet.raw_hex));
        self.block.packets.push(Packet {
            first_seen_ms: clock::parse_utc_ms(packet.first_seen),
            payload_type: packet.payload_type,
            route_type: packet.route_type,
            size_bytes: u32::try_from(packet.raw_hex.len() / 2).unwrap_or(u32::MAX),
            path_byte: path_byte(packet.raw_hex, route_type),
            advert: packet.advert,
            path: range(paths, self.block.paths.len()),
            heard: range(receptions, self.block.receptions.len()),
        });
    }

    /// Returns the block.
    pub fn finish(self) -> Block<'static> {
        self.block
    }

    fn reception(&mut self, heard: Heard) -> Reception {
        let observer = heard.observer.map_or(NONE, |rowid| {
            place_of(&mut self.observers, &mut self.block.observers, rowid, rowid)
        });
        Reception {
            at_s: heard.at_s.unwrap_or(NO_TIME),
            observer,
            snr: signal_place(&mut self.snrs, &mut self.block.snrs, heard.snr),
            rssi: signal_place(&mut self.rssis, &mut self.block.rssis, heard.rssi),
        }
    }
}

/// Minus zero is zero; what is not finite is nothing.
fn signal_place(places: &mut HashMap<u64, u32>, values: &mut Vec<f64>, signal: Option<f64>) -> u32 {
    let Some(signal) = signal.filter(|signal| signal.is_finite()) else { return NONE };
    let signal = signal + 0.0;
    place_of(places, values, signal.to_bits(), signal)
}

/// The place of a value from 1; one that is new gets the next.
fn place_of<K: Hash + Eq, V>(
    places: &mut HashMap<K, u32>,
    values: &mut Vec<V>,
    key: K,
    value: V,
) -> u32 {
    *places.entry(key).or_insert_with(|| {
        values.push(value);
        u32::try_from(values.len()).unwrap_or(u32::MAX)
    })
}

fn range(start: usize, end: usize) -> Range<u32> {
    let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    place(start)..place(end)
}

fn byte_at(raw_hex: &str, index: usize) -> Option<u8> {
    u8::from_str_radix(raw_hex.get(2 * index..2 * index + 2)?, 16).ok()
}

fn route_of(raw_hex: &str) -> Option<i64> {
    byte_at(raw_hex, 0).map(|header| i64::from(header & 0x03))
}

/// After the header, and after the transport codes where there are some (contract §4.7).
fn path_byte(raw_hex: &str, route_type: Option<i64>) -> Option<u8> {
    let index = if matches!(route_type, Some(0 | 3)) { 5 } else { 1 };
    byte_at(raw_hex, index)
}
