//! Some rows of one segment.

/// Transmissions in a segment.
pub(super) const ROWS_MAX: usize = 512;
const WORD: usize = u64::BITS as usize;

/// A bit for each place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bits([u64; ROWS_MAX / WORD]);

impl Bits {
    /// The places of what is wanted.
    pub(super) fn of<T: Copy>(items: &[T], is_wanted: impl Fn(T) -> bool) -> Self {
        let mut bits = Self::default();
        for (word, items) in bits.0.iter_mut().zip(items.chunks(WORD)) {
            // Without a branch, so that it is done for several at once.
            for (bit, item) in items.iter().enumerate() {
                *word |= u64::from(is_wanted(*item)) << bit;
            }
        }
        bits
    }

    /// Takes places out.
    pub(super) fn retain(&mut self, mut is_kept: impl FnMut(usize) -> bool) {
        for place in self.iter() {
            if !is_kept(place) {
                self.0[place / WORD] &= !(1 << (place % WORD));
            }
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The places, ascending, as they are now.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + use<> {
        let words = self.0;
        words.into_iter().enumerate().flat_map(|(index, mut left)| {
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros() as usize;
                left &= left.checked_sub(1)?;
                Some(index * WORD + bit)
            })
        })
    }
}
