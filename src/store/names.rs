//! Texts that many transmissions share, each held once: public keys, channels, and whatever does
//! not fit the columns.

use std::collections::HashMap;
use std::sync::Arc;

/// Stands for no text.
pub(super) const NONE: u32 = 0;

/// Numbers of texts, as a snapshot sees them.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Option<Arc<str>>>,
    text_bytes: u64,
}

impl Names {
    /// Returns a text's number, if anything uses it.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// Returns a number's text; empty for [`NONE`].
    pub(super) fn text(&self, number: u32) -> &str {
        let text = (number as usize).checked_sub(1).and_then(|index| self.texts.get(index));
        text.and_then(Option::as_deref).unwrap_or("")
    }

    pub(super) fn bytes(&self) -> u64 {
        let table = buckets_of(self.numbers.capacity()) * BUCKET_BYTES;
        let texts = self.texts.capacity() * size_of::<Option<Arc<str>>>();
        (table + texts) as u64 + self.text_bytes
    }
}

/// One of a table, with its control byte.
const BUCKET_BYTES: usize = size_of::<(Arc<str>, u32)>() + 1;

/// Returns the buckets of a table: seven of eight are used.
fn buckets_of(capacity: usize) -> usize {
    if capacity == 0 { 0 } else { (capacity * 8 / 7).next_power_of_two() }
}

/// The names and who uses them: a text that nothing uses any more is forgotten.
#[derive(Debug, Default)]
pub(super) struct Interner {
    names: Arc<Names>,
    uses: Vec<u32>,
    free: Vec<u32>,
}

impl Interner {
    /// Returns the number of a text, which is used once more.
    pub(super) fn take(&mut self, text: &str) -> u32 {
        if let Some(number) = self.names.find(text) {
            self.uses[number as usize - 1] += 1;
            return number;
        }
        let names = Arc::make_mut(&mut self.names);
        let number = self.free.pop().unwrap_or_else(|| {
            names.texts.push(None);
            self.uses.push(0);
            self.uses.len() as u32
        });
        let text: Arc<str> = text.into();
        names.text_bytes += bytes_of(&text);
        names.texts[number as usize - 1] = Some(Arc::clone(&text));
        names.numbers.insert(text, number);
        self.uses[number as usize - 1] = 1;
        number
    }

    /// As [`Self::take`]; [`NONE`] for no text.
    pub(super) fn take_option(&mut self, text: Option<&str>) -> u32 {
        text.map_or(NONE, |text| self.take(text))
    }

    /// Ends one use.
    pub(super) fn release(&mut self, number: u32) {
        let Some(index) = (number as usize).checked_sub(1) else { return };
        self.uses[index] -= 1;
        if self.uses[index] > 0 {
            return;
        }
        let names = Arc::make_mut(&mut self.names);
        if let Some(text) = names.texts[index].take() {
            names.numbers.remove(&text);
            names.text_bytes -= bytes_of(&text);
        }
        if names.numbers.len() < names.numbers.capacity() / 4 {
            names.numbers.shrink_to_fit();
        }
        self.free.push(number);
        if self.free.len() == self.uses.len() {
            *self = Self::default();
        }
    }

    /// Bytes at most by which so many texts more make it larger, their own apart.
    pub(super) fn growth_at_most(&self, texts: usize) -> u64 {
        let Names { numbers, texts: held, .. } = &*self.names;
        let (wanted, mut bytes) = (held.len() + texts, 0);
        if numbers.len() + texts > numbers.capacity() {
            let grown = buckets_of(wanted.max(numbers.capacity() + 1)).max(8);
            bytes += grown * BUCKET_BYTES;
        }
        let growths = [
            (held.capacity(), size_of::<Option<Arc<str>>>()),
            (self.uses.capacity(), size_of::<u32>()),
            (self.free.capacity(), size_of::<u32>()),
        ];
        for (capacity, size) in growths {
            bytes += if wanted > capacity { 2 * wanted.max(4) * size } else { 0 };
        }
        bytes as u64
    }

    pub(super) fn names(&self) -> &Arc<Names> {
        &self.names
    }

    pub(super) fn bytes(&self) -> u64 {
        let own = (self.uses.capacity() + self.free.capacity()) * size_of::<u32>();
        self.names.bytes() + own as u64
    }
}

/// With the two counters of an `Arc`, rounded up to their size.
pub(super) fn bytes_of(text: &str) -> u64 {
    (text.len() as u64).next_multiple_of(8) + 16
}

#[cfg(test)]
mod tests {
    use super::{Interner, NONE};

    #[test]
    fn a_text_is_held_as_long_as_it_is_used_and_a_snapshot_keeps_its_own() {
        let mut interner = Interner::default();
        let (first, again) = (interner.take("a"), interner.take("a"));
        let other = interner.take("b");
        assert_eq!((first, interner.take_option(None)), (again, NONE));
        let before = std::sync::Arc::clone(interner.names());
        interner.release(first);
        assert_eq!(interner.names().find("a"), Some(first));
        interner.release(again);
        assert_eq!((interner.names().find("a"), before.find("a")), (None, Some(first)));
        assert_eq!(interner.take("c"), first, "its number is free");
        assert_eq!((before.text(first), interner.names().text(first)), ("a", "c"));
        interner.release(first);
        interner.release(other);
        assert_eq!(interner.bytes(), 0, "nothing is left behind");
    }
}
