//! The digest of a block: two rows of bytes, so that who needs only the packets reads only them.
//!
//! ```text
//!  packets     packets, hops{text}, then of each packet
//!              tags(1) [first seen: ms since the one before] [type] [route] size [path byte]
//!              hops{place} [key{text} name{text}]
//!  receptions  observers{rowid} snrs{f64} rssis{f64}, then of each packet
//!              count, then of each reception: s since the one before, observer, snr, rssi
//! ```
//! Numbers are LEB128, signed ones zigzag; `x{y}` is a count and so many.

use std::borrow::Cow;

use super::block::{Advert, Block, Packet, Reception};

/// A block as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// Everything but the receptions.
    pub packets: Vec<u8>,
    /// The receptions.
    pub receptions: Vec<u8>,
}

const HAS_TIME: u8 = 1;
const HAS_TYPE: u8 = 2;
const HAS_ROUTE: u8 = 4;
const HAS_PATH_BYTE: u8 = 8;
const HAS_ADVERT: u8 = 16;

impl Digest {
    /// Packs a block.
    pub fn of(block: &Block<'_>) -> Self {
        Self { packets: pack_packets(block), receptions: pack_receptions(block) }
    }
}

impl<'b> Block<'b> {
    /// Unpacks a digest; without `receptions` the block has none. `None` if the bytes are damaged.
    pub fn of_digest(packets: &'b [u8], receptions: Option<&[u8]>) -> Option<Self> {
        let mut block = unpack_packets(packets)?;
        if let Some(receptions) = receptions {
            unpack_receptions(&mut block, receptions)?;
        }
        Some(block)
    }
}

fn pack_packets(block: &Block<'_>) -> Vec<u8> {
    let mut out = Packer::default();
    out.count(block.packets.len());
    out.count(block.hops.len());
    block.hops.iter().for_each(|hop| out.text(hop));
    let mut before_ms = 0;
    for packet in &block.packets {
        out.0.push(tags_of(packet));
        if let Some(time_ms) = packet.first_seen_ms {
            out.signed(time_ms.wrapping_sub(before_ms));
            before_ms = time_ms;
        }
        packet.payload_type.into_iter().for_each(|number| out.signed(number));
        packet.route_type.into_iter().for_each(|number| out.signed(number));
        out.number(u64::from(packet.size_bytes));
        out.0.extend(packet.path_byte);
        let path = &block.paths[packet.path.start as usize..packet.path.end as usize];
        out.count(path.len());
        path.iter().for_each(|place| out.number(u64::from(*place)));
        if let Some(advert) = &packet.advert {
            out.text(&advert.key);
            out.text(&advert.name);
        }
    }
    out.0
}

fn tags_of(packet: &Packet<'_>) -> u8 {
    let tag = |is_there, tag| if is_there { tag } else { 0 };
    tag(packet.first_seen_ms.is_some(), HAS_TIME)
        | tag(packet.payload_type.is_some(), HAS_TYPE)
        | tag(packet.route_type.is_some(), HAS_ROUTE)
        | tag(packet.path_byte.is_some(), HAS_PATH_BYTE)
        | tag(packet.advert.is_some(), HAS_ADVERT)
}

fn unpack_packets(bytes: &[u8]) -> Option<Block<'_>> {
    let mut from = Unpacker(bytes);
    let count = from.count()?;
    let hops = from.list(Unpacker::text)?;
    let mut block = Block { hops, packets: Vec::with_capacity(count), ..Block::default() };
    let mut before_ms = 0_i64;
    for _ in 0..count {
        let tags = from.byte()?;
        let has = |tag: u8| tags & tag != 0;
        let mut packet = Packet::default();
        if has(HAS_TIME) {
            before_ms = before_ms.wrapping_add(from.signed()?);
            packet.first_seen_ms = Some(before_ms);
        }
        packet.payload_type = if has(HAS_TYPE) { Some(from.signed()?) } else { None };
        packet.route_type = if has(HAS_ROUTE) { Some(from.signed()?) } else { None };
        packet.size_bytes = from.small()?;
        packet.path_byte = if has(HAS_PATH_BYTE) { Some(from.byte()?) } else { None };
        let start = u32::try_from(block.paths.len()).ok()?;
        for _ in 0..from.count()? {
            block.paths.push(from.small()?);
        }
        packet.path = start..u32::try_from(block.paths.len()).ok()?;
        if has(HAS_ADVERT) {
            packet.advert = Some(Advert { key: from.text()?, name: from.text()? });
        }
        block.packets.push(packet);
    }
    let are_known = block.paths.iter().all(|place| (*place as usize) < block.hops.len());
    (are_known && from.0.is_empty()).then_some(block)
}

fn pack_receptions(block: &Block<'_>) -> Vec<u8> {
    let mut out = Packer(Vec::with_capacity(block.receptions.len() * 5));
    out.count(block.observers.len());
    block.observers.iter().for_each(|rowid| out.signed(*rowid));
    for values in [&block.snrs, &block.rssis] {
        out.count(values.len());
        values.iter().for_each(|value| out.0.extend(value.to_le_bytes()));
    }
    let mut before_s = 0;
    for packet in &block.packets {
        let heard = block.heard(packet);
        out.count(heard.len());
        for reception in heard {
            out.signed(reception.at_s.wrapping_sub(before_s));
            before_s = reception.at_s;
            out.number(u64::from(reception.observer));
            out.number(u64::from(reception.snr));
            out.number(u64::from(reception.rssi));
        }
    }
    out.0
}

fn unpack_receptions(block: &mut Block<'_>, bytes: &[u8]) -> Option<()> {
    let mut from = Unpacker(bytes);
    block.observers = from.list(Unpacker::signed)?;
    block.snrs = from.list(Unpacker::real)?;
    block.rssis = from.list(Unpacker::real)?;
    let mut before_s = 0_i64;
    // Places are looked at together at the end: this loop is most of what an answer costs.
    let mut most = [0; 3];
    block.receptions.reserve(from.0.len() / 4);
    for packet in &mut block.packets {
        let start = u32::try_from(block.receptions.len()).ok()?;
        for _ in 0..from.count()? {
            before_s = before_s.wrapping_add(from.signed()?);
            let [observer, snr, rssi] = [from.small()?, from.small()?, from.small()?];
            most = [most[0].max(observer), most[1].max(snr), most[2].max(rssi)];
            block.receptions.push(Reception { at_s: before_s, observer, snr, rssi });
        }
        packet.heard = start..u32::try_from(block.receptions.len()).ok()?;
    }
    let known = [block.observers.len(), block.snrs.len(), block.rssis.len()];
    let are_known = most.iter().zip(known).all(|(place, count)| *place as usize <= count);
    (are_known && from.0.is_empty()).then_some(())
}

#[derive(Default)]
struct Packer(Vec<u8>);

impl Packer {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }
}

/// Reads on; `None` when the bytes end or are wrong.
struct Unpacker<'b>(&'b [u8]);

impl<'b> Unpacker<'b> {
    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    #[inline]
    fn number(&mut self) -> Option<u64> {
        let first = self.byte()?;
        if first < 0x80 { Some(u64::from(first)) } else { self.long_number(first) }
    }

    fn long_number(&mut self, first: u8) -> Option<u64> {
        let mut number = u64::from(first & 0x7F);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    #[inline]
    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    #[inline]
    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    /// A count; no more than there are bytes left, so that damage cannot ask for memory.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    fn list<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.count()?).map(|_| read(self)).collect()
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn real(&mut self) -> Option<f64> {
        Some(f64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<Cow<'b, str>> {
        let length = self.count()?;
        std::str::from_utf8(self.take(length)?).ok().map(Cow::Borrowed)
    }
}
