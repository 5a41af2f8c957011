//! Times as numbers that sort as their texts do.

use std::cmp::Ordering;

use crate::clock;

/// Of a second with a fraction there are 1,000; the form without sorts after them all (`.` is
/// before `Z`).
const PER_SECOND: i64 = 1_001;

/// A stored time: one of the two usual forms as a number, or any other text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment<'t> {
    /// See [`key_of`].
    Key(i64),
    /// Neither `2026-07-18T08:47:37Z` nor `2026-07-18T08:47:37.081Z`.
    Text(&'t str),
}

impl<'t> Moment<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        key_of(text).map_or(Self::Text(text), Self::Key)
    }

    fn against_text(self, text: &str) -> Ordering {
        match self {
            Self::Key(key) => text_of(key).as_str().cmp(text),
            Self::Text(own) => own.cmp(text),
        }
    }
}

impl Ord for Moment<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (*self, *other) {
            (Self::Key(own), Self::Key(other)) => own.cmp(&other),
            (own, Self::Text(text)) => own.against_text(text),
            (Self::Text(text), other) => other.against_text(text).reverse(),
        }
    }
}

impl PartialOrd for Moment<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Moment<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Moment<'_> {}

/// Returns the number of a time in one of the two usual forms.
pub(super) fn key_of(text: &str) -> Option<i64> {
    if !matches!(text.len(), 20 | 24) || !text.ends_with('Z') {
        return None;
    }
    let time_ms = clock::parse_utc_ms(text)?;
    let seconds = time_ms.div_euclid(1000) * PER_SECOND;
    let key = if text.len() == 24 { seconds + time_ms.rem_euclid(1000) } else { seconds + 1000 };
    (text_of(key) == text).then_some(key)
}

/// Returns the number of an observation's time as it is shown, with milliseconds.
pub(super) fn key_of_seconds(unix_s: i64) -> i64 {
    key_of(&clock::iso_ms(unix_s.saturating_mul(1000))).unwrap_or(i64::MIN)
}

fn text_of(key: i64) -> String {
    let (seconds, part) = (key.div_euclid(PER_SECOND), key.rem_euclid(PER_SECOND));
    if part == 1000 {
        return clock::iso_s(seconds);
    }
    clock::iso_ms(seconds.saturating_mul(1000).saturating_add(part))
}

#[cfg(test)]
mod tests {
    use super::{Moment, key_of, text_of};

    #[test]
    fn times_sort_as_their_texts() {
        let texts = [
            "",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999Z",
            "2026-07-18",
            "2026-07-18T08:47:37.000Z",
            "2026-07-18T08:47:37.1Z",
            "2026-07-18T08:47:37.081Z",
            "2026-07-18T08:47:37.999Z",
            "2026-07-18T08:47:37Z",
            "2026-07-18T08:47:38.000Z",
            "2026-07-18T08:47:60Z",
            "2026-02-30T08:47:37Z",
            "2026-07-18T08:47:37+02:00",
            "9999-12-31T23:59:59Z",
            "t",
            "ü",
        ];
        for first in texts {
            for second in texts {
                let (one, two) = (Moment::of(first), Moment::of(second));
                assert_eq!(one.cmp(&two), first.cmp(second), "{first} {second}");
            }
        }
        for usual in ["2026-07-18T08:47:37.081Z", "2026-07-18T08:47:37Z"] {
            assert_eq!(key_of(usual).map(text_of).as_deref(), Some(usual));
        }
    }
}
