//! The last few seconds of a series of durations, for what has to react at once. (The distributions
//! of [`latency`](super::latency) speak of minutes.)

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Values that are kept; of a faster series it knows the last moments only.
const KEPT: usize = 512;
/// How far back it looks.
const WINDOW: Duration = Duration::from_secs(10);
/// Fewer say nothing about a hundredth of them.
const VALUES_MIN: usize = 20;

/// Durations with the time at which each ended, oldest first.
#[derive(Debug, Default)]
pub struct Recent(Mutex<VecDeque<(Duration, Duration)>>);

impl Recent {
    /// Notes one that ended at `now`, any monotonic time.
    pub fn note(&self, took: Duration, now: Duration) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((now, took));
    }

    /// The 99th percentile of the last 10 s, in milliseconds; `None` if there were fewer than 20.
    pub fn p99_ms(&self, now: Duration) -> Option<f64> {
        let mut times: Vec<Duration> = {
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let is_recent = |at: Duration| now.saturating_sub(at) <= WINDOW;
            kept.iter().filter(|(at, _)| is_recent(*at)).map(|(_, took)| *took).collect()
        };
        if times.len() < VALUES_MIN {
            return None;
        }
        let rank = (times.len() * 99).div_ceil(100).saturating_sub(1);
        let (_, p99, _) = times.select_nth_unstable(rank);
        Some(p99.as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn one_of_a_hundred_may_be_slow_and_what_is_past_is_forgotten() {
        let recent = Recent::default();
        for n in 0..19 {
            recent.note(ms(5), ms(n));
        }
        assert_eq!(recent.p99_ms(ms(20)), None, "too few to say");
        for n in 19..99 {
            recent.note(ms(5), ms(n));
        }
        recent.note(ms(900), ms(99));
        assert_eq!(recent.p99_ms(ms(100)), Some(5.0));
        recent.note(ms(900), ms(101));
        assert_eq!(recent.p99_ms(ms(102)), Some(900.0), "two of 101");
        assert_eq!(recent.p99_ms(ms(20_000)), None, "long ago");
        for n in 0..10_000 {
            recent.note(ms(1), ms(30_000 + n / 10));
        }
        assert_eq!(recent.p99_ms(ms(31_000)), Some(1.0));
        let kept = recent.0.lock().map_or(0, |kept| kept.len());
        assert_eq!(kept, KEPT, "it does not grow");
    }
}
