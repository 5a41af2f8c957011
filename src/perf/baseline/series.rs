//! One series: its normal samples, and whether it is flagged.

use std::collections::VecDeque;

/// Samples of each that make its normal.
pub const SAMPLES_MAX: usize = 288;
/// A modified z-score above it disagrees (Iglewicz and Hoaglin).
const SCORE_MAX: f64 = 3.5;
/// Makes the MAD of a normal distribution comparable with its standard deviation.
const SCORE_FACTOR: f64 = 0.6745;
/// Nothing is judged before there are so many samples: two minutes.
const SAMPLES_MIN: usize = 12;
/// Of the last five samples …
const RECENT: u8 = 0b1_1111;
/// … so many must disagree.
const AGREE_MIN: u32 = 3;
/// How large a part of the median a difference must be where the MAD is 0.
const RELATIVE_MIN: f64 = 0.5;

/// One value of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The name of the series, always the same.
    pub series: String,
    /// The source of writes that it belongs to, if it belongs to one.
    pub source: Option<String>,
    /// Of the value.
    pub unit: &'static str,
    /// `None` if it could not be read: nothing is learned and nothing judged.
    pub value: Option<f64>,
    /// A difference from normal that does not matter, however rare; in the unit.
    pub floor: f64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Series {
    normal: VecDeque<f64>,
    /// Samples passed over since one was learned.
    skipped: usize,
    /// One bit for each of the last samples, the latest lowest: whether it disagreed.
    recent: u8,
    /// When the first of those samples was taken.
    suspected_ms: i64,
    is_flagged: bool,
}

/// What became of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) value: f64,
    pub(super) normal: f64,
    pub(super) mad: f64,
    pub(super) score: Option<f64>,
    /// Since when the series has been flagged.
    pub(super) since_ms: Option<i64>,
}

impl Series {
    /// A series that was at 0 for so many samples, of which the latest half hour counts.
    pub(super) fn idle(samples: usize) -> Self {
        let normal = std::iter::repeat_n(0.0, samples.min(DENSE)).collect();
        Self { normal, ..Self::default() }
    }

    pub(super) fn from_samples(samples: impl IntoIterator<Item = f64>) -> Self {
        let mut normal: VecDeque<f64> = samples.into_iter().filter(|x| x.is_finite()).collect();
        normal.drain(..normal.len().saturating_sub(SAMPLES_MAX));
        Self { normal, ..Self::default() }
    }

    pub(super) fn samples(&self) -> impl Iterator<Item = f64> {
        self.normal.iter().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.normal.len()
    }

    /// Judges and learns a sample; `None` while there are too few.
    pub(super) fn observe(&mut self, at_ms: i64, value: f64, reading: &Reading) -> Option<Verdict> {
        if self.normal.len() < SAMPLES_MIN {
            self.learn(value);
            return None;
        }
        let (normal, mad) = self.median_and_mad();
        let score = (mad > 0.0).then(|| SCORE_FACTOR * (value - normal) / mad);
        let is_off = disagrees(value - normal, normal, score, reading);
        self.note(at_ms, is_off);
        if !self.is_flagged {
            self.learn(value);
        }
        let since_ms = self.is_flagged.then_some(self.suspected_ms);
        Some(Verdict { value, normal, mad, score, since_ms })
    }

    fn note(&mut self, at_ms: i64, is_off: bool) {
        if is_off && self.recent == 0 {
            self.suspected_ms = at_ms;
        }
        self.recent = ((self.recent << 1) | u8::from(is_off)) & RECENT;
        self.is_flagged = match self.recent {
            0 => false,
            recent => self.is_flagged || recent.count_ones() >= AGREE_MIN,
        };
    }

    /// Keeps every sample of the first minutes, then fewer, and of a full normal one in five
    /// minutes: 288 of them are a day of running.
    fn learn(&mut self, value: f64) {
        let every = match self.normal.len() {
            ..DENSE => 1,
            DENSE..MEDIUM => 6,
            _ => 30,
        };
        self.skipped += 1;
        if self.skipped < every {
            return;
        }
        self.skipped = 0;
        if self.normal.len() == SAMPLES_MAX {
            self.normal.pop_front();
        }
        self.normal.push_back(value);
    }

    fn median_and_mad(&self) -> (f64, f64) {
        let mut values: Vec<f64> = self.samples().collect();
        let middle = median(&mut values);
        for value in &mut values {
            *value = (*value - middle).abs();
        }
        (middle, median(&mut values))
    }
}

/// Samples up to which each is kept: 6 minutes.
const DENSE: usize = 36;
/// Samples up to which one a minute is kept.
const MEDIUM: usize = 72;

/// Whether a value is too high; one that is low is no fault in any series.
fn disagrees(delta: f64, normal: f64, score: Option<f64>, reading: &Reading) -> bool {
    let is_rare = match score {
        Some(score) => score > SCORE_MAX,
        None => delta > RELATIVE_MIN * normal.abs(),
    };
    is_rare && delta > reading.floor
}

/// The middle value, or the mean of the two; 0 of nothing.
pub(super) fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    let is_odd = values.len() % 2 == 1;
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if is_odd {
        return *upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    lower / 2.0 + *upper / 2.0
}
