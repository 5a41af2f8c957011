//! Numbers that are counted by value: few different ones occur, so nothing has to be sorted or
//! estimated.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;

/// A list of the different values that have occurred, each with its number.
#[derive(Clone, Debug, Default)]
pub struct Values {
    numbers: HashMap<u64, u32>,
    values: Vec<f64>,
}

impl Values {
    /// Returns the numbers of these values, in their order.
    pub fn numbers_of(&mut self, values: &[f64]) -> Vec<u32> {
        let number = |value: &f64| {
            *self.numbers.entry(value.to_bits()).or_insert_with(|| {
                self.values.push(*value);
                u32::try_from(self.values.len() - 1).unwrap_or(u32::MAX)
            })
        };
        values.iter().map(number).collect()
    }

    /// How many different values there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Puts counts by number in the order of the values.
    pub fn counted(&self, counts: &[u64]) -> Counted {
        let pairs = self.values.iter().copied().zip(counts.iter().copied());
        Counted::of(pairs.collect())
    }
}

/// Values in ascending order, each with how often it occurred.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted(Vec<(f64, u64)>);

impl Counted {
    /// Sorts values (finite ones) with their counts.
    pub fn of(mut values: Vec<(f64, u64)>) -> Self {
        values.retain(|(_, count)| *count > 0);
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self(values)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// The least and the greatest; zeros if there is none.
    pub fn ends(&self) -> (f64, f64) {
        let first = self.0.first().map_or(0.0, |(value, _)| *value);
        (first, self.0.last().map_or(0.0, |(value, _)| *value))
    }

    /// The mean, 0 if there is none. Every value is divided before it is added: a sum of absurd
    /// values has no number.
    pub fn mean(&self) -> f64 {
        self.mean_of(|value| value)
    }

    fn mean_of(&self, of: impl Fn(f64) -> f64) -> f64 {
        let count = self.count().max(1) as f64;
        let parts = self.0.iter().map(|(value, times)| of(*value) * (*times as f64 / count));
        // Not `sum`: that of nothing is minus zero.
        parts.fold(0.0, |sum, part| sum + part)
    }

    /// What the body says of them: zeros if there is none.
    pub fn spread(&self) -> Spread {
        let (min, max) = self.ends();
        let avg = self.mean();
        let variance = self.mean_of(|value| (value - avg) * (value - avg));
        Spread { avg, max, median: self.at(self.count() / 2), min, stddev: variance.sqrt() }
    }

    /// The n-th in ascending order.
    fn at(&self, index: u64) -> f64 {
        let mut passed = 0;
        let reaches = |(_, times): &&(f64, u64)| {
            passed += times;
            passed > index
        };
        self.0.iter().find(reaches).map_or(0.0, |(value, _)| *value)
    }

    /// Bars of the same width from the least to the greatest value, the last one closed.
    pub fn bars(&self, bars: usize) -> Bars {
        if self.0.is_empty() {
            return Bars { bins: Vec::new(), max: 0.0, min: 0.0 };
        }
        let (min, max) = self.ends();
        let parts = bars as f64;
        let range = if max > min { max - min } else { 1.0 };
        // The range of absurd values has no number.
        let w = if range.is_finite() { range / parts } else { max / parts - min / parts };
        let start = |bar: usize| 2.0 * (min / 2.0 + bar as f64 * (w / 2.0));
        let mut bins: Vec<Bar> = (0..bars).map(|bar| Bar { count: 0, w, x: start(bar) }).collect();
        for (value, count) in &self.0 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates"
            )]
            let bar = (((value - min) / w) as usize).min(bars - 1);
            bins[bar].count += count;
        }
        Bars { bins, max, min }
    }
}

/// What is said of signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Spread {
    /// Mean.
    pub avg: f64,
    /// Greatest.
    pub max: f64,
    /// Of n in ascending order the one at n/2.
    pub median: f64,
    /// Least.
    pub min: f64,
    /// Of the whole population.
    pub stddev: f64,
}

/// How values are spread.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Bars {
    /// None if there is no value.
    pub bins: Vec<Bar>,
    /// Greatest value.
    pub max: f64,
    /// Least value.
    pub min: f64,
}

/// Values from `x` to `x + w`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Bar {
    /// Values in it.
    pub count: u64,
    /// Width.
    pub w: f64,
    /// Lower end.
    pub x: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(values: &[f64]) -> Counted {
        Counted::of(values.iter().map(|value| (*value, 1)).collect())
    }

    #[test]
    fn the_spread_is_that_of_the_whole_list() {
        let spread = counted(&[3.0, 1.0, 2.0, 2.0]).spread();
        assert_eq!((spread.min, spread.max, spread.avg, spread.median), (1.0, 3.0, 2.0, 2.0));
        assert!((spread.stddev - 0.5_f64.sqrt()).abs() < 1e-12);
        assert_eq!(counted(&[4.0, 7.0]).spread().median, 7.0, "element n/2");
        assert_eq!(counted(&[]).spread(), Spread::default());
    }

    #[test]
    fn the_last_bar_is_closed_and_a_single_value_has_a_range_of_one() {
        let bars = counted(&[0.0, 1.0, 19.9, 20.0]).bars(20);
        assert_eq!((bars.bins.len(), bars.min, bars.max), (20, 0.0, 20.0));
        let counts: Vec<u64> = bars.bins.iter().map(|bar| bar.count).collect();
        assert_eq!((counts[0], counts[1], counts[19]), (1, 1, 2));
        assert_eq!((bars.bins[1].x, bars.bins[1].w), (1.0, 1.0));
        let point = counted(&[5.0, 5.0]).bars(20);
        assert_eq!((point.bins[0].count, point.bins[0].w, point.max), (2, 0.05, 5.0));
        assert_eq!(counted(&[]).bars(20), Bars::default());
    }

    #[test]
    fn absurd_values_are_counted_like_any_other() {
        let absurd = counted(&[f64::MAX, -f64::MAX, f64::MAX, 1.0]);
        let bars = absurd.bars(20);
        assert_eq!(bars.bins.iter().map(|bar| bar.count).sum::<u64>(), 4);
        assert_eq!((bars.bins[0].count, bars.bins[19].count), (1, 2));
        assert!(absurd.spread().avg.is_finite() && bars.bins.iter().all(|bar| bar.x.is_finite()));
    }
}
