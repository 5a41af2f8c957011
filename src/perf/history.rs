//! The last hour of a set of series, by column, for charts.

use serde::Serialize;
use utoipa::ToSchema;

/// One sample a second for an hour.
pub const SAMPLES_MAX: usize = 3_600;

/// A ring of samples; each holds one value per series or none. Memory is taken once.
#[derive(Debug)]
pub struct History {
    names: Vec<String>,
    times: Vec<Time>,
    /// By series; NaN stands for no value.
    columns: Vec<Vec<f64>>,
    next: usize,
}

#[derive(Clone, Copy, Debug)]
struct Time {
    unix_ms: i64,
    monotonic_ms: i64,
}

/// A series as a chart wants it: two arrays of one length, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// Its name.
    pub metric: String,
    /// Unix milliseconds of each sample.
    pub at_ms: Vec<i64>,
    /// `null` where there was no value.
    pub values: Vec<Option<f64>>,
}

impl Series {
    /// One value for all samples of `step_s` seconds: their mean, at the first one's time. Four
    /// digits are left of it, which is more than a chart shows.
    pub fn every(self, step_s: u32) -> Self {
        if step_s <= 1 {
            return self;
        }
        let step_ms = i64::from(step_s) * 1_000;
        let samples: Vec<(i64, Option<f64>)> = self.at_ms.into_iter().zip(self.values).collect();
        let steps = samples.chunk_by(|a, b| a.0.div_euclid(step_ms) == b.0.div_euclid(step_ms));
        let (at_ms, values) = steps.map(|step| (step[0].0, mean(step))).unzip();
        Self { metric: self.metric, at_ms, values }
    }
}

/// `None` if no sample had a value.
fn mean(samples: &[(i64, Option<f64>)]) -> Option<f64> {
    let known = || samples.iter().filter_map(|(_, value)| *value);
    let count = known().count();
    (count > 0).then(|| four_digits(known().sum::<f64>() / count as f64))
}

fn four_digits(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let digits = 3 - value.abs().log10().floor() as i32;
    let unit = 10f64.powi(digits.clamp(0, 6));
    (value * unit).round() / unit
}

impl History {
    /// Makes an empty history of series with these names.
    pub fn new(names: Vec<String>) -> Self {
        let column = || Vec::with_capacity(SAMPLES_MAX);
        let columns = names.iter().map(|_| column()).collect();
        Self { names, times: Vec::with_capacity(SAMPLES_MAX), columns, next: 0 }
    }

    /// Returns the names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Adds a sample: one value per name, in order. What is missing counts as no value. The oldest
    /// goes when there are [`SAMPLES_MAX`].
    pub fn push(&mut self, at: super::io::Moment, values: impl IntoIterator<Item = Option<f64>>) {
        let monotonic_ms = i64::try_from(at.monotonic.as_millis()).unwrap_or(i64::MAX);
        put(&mut self.times, self.next, Time { unix_ms: at.unix_ms, monotonic_ms });
        let mut values = values.into_iter();
        for column in &mut self.columns {
            put(column, self.next, values.next().flatten().unwrap_or(f64::NAN));
        }
        self.next = (self.next + 1) % SAMPLES_MAX;
    }

    /// Returns the samples of the last `seconds` up to the newest, by monotonic time; `None` if
    /// there is no series of this name.
    pub fn series(&self, metric: &str, seconds: u32) -> Option<Series> {
        let column = &self.columns[self.names.iter().position(|name| name == metric)?];
        let newest_ms = self.order().last().map_or(0, |index| self.times[index].monotonic_ms);
        let from_ms = newest_ms - i64::from(seconds) * 1_000;
        let wanted: Vec<usize> =
            self.order().filter(|index| self.times[*index].monotonic_ms > from_ms).collect();
        Some(Series {
            metric: metric.to_owned(),
            at_ms: wanted.iter().map(|index| self.times[*index].unix_ms).collect(),
            values: wanted
                .iter()
                .map(|index| Some(column[*index]).filter(|v| !v.is_nan()))
                .collect(),
        })
    }

    /// Indices from the oldest sample to the newest.
    fn order(&self) -> impl Iterator<Item = usize> {
        let (count, next) = (self.times.len(), self.next);
        let oldest = if count < SAMPLES_MAX { 0 } else { next };
        (0..count).map(move |step| (oldest + step) % SAMPLES_MAX)
    }
}

fn put<T>(column: &mut Vec<T>, index: usize, value: T) {
    match column.get_mut(index) {
        Some(place) => *place = value,
        None => column.push(value),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::perf::io::Moment;

    fn at(second: u64) -> Moment {
        let unix_ms = 1_000_000 + second.cast_signed() * 1_000;
        Moment { unix_ms, monotonic: Duration::from_secs(second) }
    }

    #[test]
    fn an_hour_is_kept_and_the_oldest_second_goes() {
        let mut history = History::new(vec!["a".to_owned(), "b".to_owned()]);
        for second in 0..3_700 {
            history.push(at(second), [Some(second as f64), None]);
        }
        let all = history.series("a", 10_000).unwrap();
        assert_eq!((all.values.len(), all.at_ms.len()), (SAMPLES_MAX, SAMPLES_MAX));
        assert_eq!((all.values[0], all.values[3_599]), (Some(100.0), Some(3_699.0)));
        assert_eq!(all.at_ms[0], at(100).unix_ms);
        let last = history.series("a", 3).unwrap();
        assert_eq!(last.values, [Some(3_697.0), Some(3_698.0), Some(3_699.0)]);
        assert_eq!(history.series("b", 2).unwrap().values, [None, None], "no value became one");
        assert_eq!(history.series("c", 2), None);
    }

    #[test]
    fn a_step_is_the_mean_of_its_samples_and_unknown_only_if_all_are() {
        let mut history = History::new(vec!["a".to_owned()]);
        let samples = [Some(1.0), Some(2.0), None, Some(12_345.678), None, None, Some(0.12345)];
        for (second, value) in samples.into_iter().enumerate() {
            history.push(at(second as u64), [value]);
        }
        let whole = history.series("a", 60).unwrap();
        assert_eq!(whole.clone().every(1), whole);
        let steps = whole.every(2);
        assert_eq!(steps.values, [Some(1.5), Some(12_346.0), None, Some(0.1235)]);
        assert_eq!(steps.at_ms, [0, 2, 4, 6].map(|second| at(second).unix_ms));
    }

    #[test]
    fn a_jump_of_the_wall_clock_moves_no_sample_out_of_the_window() {
        let mut history = History::new(vec!["a".to_owned()]);
        history.push(at(1), [Some(1.0)]);
        history.push(Moment { unix_ms: 5, monotonic: Duration::from_secs(2) }, [Some(2.0)]);
        let series = history.series("a", 60).unwrap();
        assert_eq!(series.values, [Some(1.0), Some(2.0)]);
        assert_eq!(series.at_ms, [at(1).unix_ms, 5]);
    }
}
