//! Whole numbers as bytes: small ones take one, every `i64` fits.

/// Appends a number, seven bits a byte, lowest first.
pub(super) fn push(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Appends a signed number; those near zero are short.
pub(super) fn push_signed(bytes: &mut Vec<u8>, value: i64) {
    push(bytes, zigzag(value));
}

/// Maps numbers near zero to small ones: 0, -1, 1, -2, …
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Reads what was appended, in order; 0 past the end.
#[derive(Clone)]
pub(super) struct Unpacker<'b>(std::slice::Iter<'b, u8>);

impl<'b> Unpacker<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self(bytes.iter())
    }

    pub(super) fn next(&mut self) -> u64 {
        // Most are small.
        if let [first @ 0..0x80, rest @ ..] = self.0.as_slice() {
            self.0 = rest.iter();
            return u64::from(*first);
        }
        self.next_long()
    }

    fn next_long(&mut self) -> u64 {
        let (mut value, mut shift) = (0_u64, 0);
        for byte in self.0.by_ref() {
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
        value
    }

    /// Steps over so many numbers.
    pub(super) fn skip(&mut self, mut count: usize) {
        while count > 0
            && let Some(byte) = self.0.next()
        {
            count -= usize::from(*byte < 0x80);
        }
    }

    pub(super) fn next_signed(&mut self) -> i64 {
        Self::signed(self.next())
    }

    /// Turns back what [`zigzag`] made.
    pub(super) fn signed(value: u64) -> i64 {
        (value >> 1) as i64 ^ -((value & 1) as i64)
    }

    /// Reads a count of things that follow; never more than there are bytes left.
    pub(super) fn next_count(&mut self) -> usize {
        usize::try_from(self.next()).unwrap_or(usize::MAX).min(self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{Unpacker, push, push_signed};

    #[test]
    fn every_number_comes_back_and_the_small_ones_take_a_byte() {
        let numbers = [0, 1, -1, 63, -64, 64, i64::from(u32::MAX), i64::MAX, i64::MIN];
        let mut bytes = Vec::new();
        numbers.iter().for_each(|number| push_signed(&mut bytes, *number));
        push(&mut bytes, u64::MAX);
        let mut unpacker = Unpacker::new(&bytes);
        assert!(numbers.iter().all(|number| unpacker.next_signed() == *number));
        assert_eq!((unpacker.next(), unpacker.next()), (u64::MAX, 0));
        let mut unpacker = Unpacker::new(&bytes);
        unpacker.skip(numbers.len());
        assert_eq!(unpacker.next(), u64::MAX);
        unpacker.skip(1);
        assert_eq!(unpacker.next(), 0);
        bytes.clear();
        push_signed(&mut bytes, -64);
        assert_eq!(bytes.len(), 1);
    }
}
