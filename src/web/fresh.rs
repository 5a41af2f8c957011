//! An answer that is made at most once per interval, however many ask for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use crate::clock::Clock;

/// One kept answer. Errors are not kept.
pub struct Fresh<T> {
    ttl: Duration,
    clock: Clock,
    kept: ArcSwapOption<Kept<T>>,
    making: Mutex<()>,
    hits: AtomicU64,
    misses: AtomicU64,
}

struct Kept<T> {
    made_at: Duration,
    value: T,
}

impl<T: Clone> Fresh<T> {
    /// Makes an empty place whose answers are good for `ttl`.
    pub fn new(ttl: Duration, clock: Clock) -> Self {
        let (hits, misses) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { ttl, clock, kept: ArcSwapOption::empty(), making: Mutex::new(()), hits, misses }
    }

    /// Returns the kept answer, or makes it; those who ask meanwhile wait for it.
    ///
    /// # Errors
    /// What `make` fails with.
    pub async fn get<E>(&self, make: impl AsyncFnOnce() -> Result<T, E>) -> Result<T, E> {
        if let Some(value) = self.current() {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(value);
        }
        let _making = self.making.lock().await;
        if let Some(value) = self.current() {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(value);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let made_at = self.clock.monotonic();
        let value = make().await?;
        self.kept.store(Some(Arc::new(Kept { made_at, value: value.clone() })));
        Ok(value)
    }

    /// Returns the last answer, however old.
    pub fn last(&self) -> Option<T> {
        self.kept.load().as_ref().map(|kept| kept.value.clone())
    }

    /// Answers from here, and answers made.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    fn current(&self) -> Option<T> {
        let kept = self.kept.load();
        let kept = kept.as_ref()?;
        let age = self.clock.monotonic().saturating_sub(kept.made_at);
        (age < self.ttl).then(|| kept.value.clone())
    }
}
