//! A sample of a stream of points of unknown length.

/// Every k-th point, where k is a power of two: all up to 999 points, then every second, fourth, …
/// of the first and so on, so that 500 to 999 remain. The same stream gives the same sample
/// (decision 30).
#[derive(Clone, Debug)]
pub struct Thinned<T> {
    kept: Vec<T>,
    every: u64,
    seen: u64,
}

/// A sample has fewer points than this.
pub const POINTS_BOUND: usize = 1_000;

impl<T> Default for Thinned<T> {
    fn default() -> Self {
        Self { kept: Vec::new(), every: 1, seen: 0 }
    }
}

impl<T> Thinned<T> {
    /// Takes notice of a point.
    #[inline]
    pub fn add(&mut self, point: T) {
        if self.seen & (self.every - 1) == 0 {
            self.keep(point);
        }
        self.seen += 1;
    }

    fn keep(&mut self, point: T) {
        self.kept.push(point);
        if self.kept.len() >= POINTS_BOUND {
            let mut index = 0;
            self.kept.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.every *= 2;
        }
    }

    /// Returns the sample, in the order of the stream.
    pub fn into_points(self) -> Vec<T> {
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_evenly_spread_and_has_500_to_999_points() {
        for length in [0_u64, 1, 500, 999, 1_000, 1_001, 1_500, 1_999, 2_000, 77_777] {
            let mut sample = Thinned::default();
            (0..length).for_each(|point| sample.add(point));
            let points = sample.into_points();
            let every = (length / 500).max(1).next_power_of_two();
            let expected = |every: u64| (0..length).step_by(every as usize).collect::<Vec<_>>();
            assert!(points == expected(every) || points == expected(every / 2), "{length}");
            assert!(points.len() < POINTS_BOUND && (points.len() >= 500 || length < 500));
        }
    }
}
