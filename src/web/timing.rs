//! How long requests take: what `/api/health` tells of it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::{self, Clock};

/// Slower requests than this are kept.
const SLOW: Duration = Duration::from_millis(100);

/// Slow requests that are kept.
const SLOW_KEPT: usize = 50;

/// Counts and times of the requests below `/api/`.
pub struct Timings {
    clock: Clock,
    count: AtomicU64,
    total_us: AtomicU64,
    slow: Mutex<VecDeque<SlowRequest>>,
}

/// A request that took longer than 100 ms.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SlowRequest {
    /// Without the query string.
    pub path: String,
    /// Milliseconds, one decimal.
    pub ms: f64,
    /// When it was answered.
    pub time: String,
    /// Of the answer.
    pub status: u16,
}

impl Timings {
    /// Begins with nothing counted.
    pub fn new(clock: Clock) -> Self {
        let (count, total_us) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { clock, count, total_us, slow: Mutex::default() }
    }

    /// Counts an answered request.
    pub fn record(&self, path: &str, status: u16, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.total_us.fetch_add(took_us, Ordering::Relaxed);
        if took <= SLOW {
            return;
        }
        let (path, ms) = (path.to_owned(), one_decimal(took_us as f64 / 1000.0));
        let time = clock::iso_s(self.clock.now_s());
        let mut slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        if slow.len() == SLOW_KEPT {
            slow.pop_front();
        }
        slow.push_back(SlowRequest { path, ms, time, status });
    }

    /// Returns the number of requests and their mean time in milliseconds, one decimal.
    pub fn count_and_mean_ms(&self) -> (u64, f64) {
        let count = self.count.load(Ordering::Relaxed);
        let total_ms = self.total_us.load(Ordering::Relaxed) as f64 / 1000.0;
        (count, if count == 0 { 0.0 } else { one_decimal(total_ms / count as f64) })
    }

    /// Returns the slow requests that are kept, oldest first.
    pub fn slow(&self) -> Vec<SlowRequest> {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// Rounds to one decimal, halves up.
pub fn one_decimal(value: f64) -> f64 {
    (value * 10.0 + 0.5).floor() / 10.0
}
