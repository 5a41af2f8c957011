//! An answer that is made at most once per interval, however many ask for it.
//!
//! Who comes while it is being made waits for that one making and gets what becomes of it, a
//! failure too: nobody stands in line to fail one after the other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::error::ApiError;
use crate::clock::Clock;

/// An answer and when it was made, by the clock's monotonic time.
#[derive(Clone)]
pub struct Dated<T> {
    /// The answer.
    pub value: T,
    /// When.
    pub made_at: Duration,
}

/// One kept answer. Errors are not kept.
pub struct Fresh<T> {
    ttl: Duration,
    clock: Clock,
    kept: ArcSwapOption<Kept<T>>,
    making: Mutex<Option<watch::Receiver<Made<T>>>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

struct Kept<T> {
    made_at: Duration,
    value: T,
}

/// `None` while it is being made.
type Made<T> = Option<Result<T, ApiError>>;

enum Part<T> {
    /// It was made a moment ago.
    Has(T),
    /// Makes it, and tells the others.
    Makes(watch::Sender<Made<T>>),
    /// Waits for who makes it.
    Waits(watch::Receiver<Made<T>>),
}

impl<T: Clone> Fresh<T> {
    /// Makes an empty place whose answers are good for `ttl`.
    pub fn new(ttl: Duration, clock: Clock) -> Self {
        let (hits, misses) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { ttl, clock, kept: ArcSwapOption::empty(), making: Mutex::new(None), hits, misses }
    }

    /// Returns the kept answer, or makes it; those who ask meanwhile wait for it.
    ///
    /// # Errors
    /// What `make` fails with, one's own or that of who was waited for.
    pub async fn get(
        &self,
        make: impl AsyncFnOnce() -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        loop {
            match self.take_part() {
                Part::Has(value) => {
                    self.hits.fetch_add(1, Ordering::Relaxed);
                    return Ok(value);
                }
                Part::Makes(tell) => {
                    self.misses.fetch_add(1, Ordering::Relaxed);
                    return self.make(make, &tell).await;
                }
                Part::Waits(mut made) => {
                    // Who made it may have gone away: then somebody else has to.
                    let Ok(made) = made.wait_for(Option::is_some).await else { continue };
                    let Some(made) = made.clone() else { continue };
                    self.hits.fetch_add(1, Ordering::Relaxed);
                    return made;
                }
            }
        }
    }

    /// Whether somebody makes the very first answer at this moment.
    pub fn is_first_under_way(&self) -> bool {
        let making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        self.kept.load().is_none() && making.as_ref().is_some_and(is_under_way)
    }

    /// Returns the last answer, however old.
    pub fn last(&self) -> Option<T> {
        self.kept.load().as_ref().map(|kept| kept.value.clone())
    }

    /// Answers from here, and answers made.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    async fn make(
        &self,
        make: impl AsyncFnOnce() -> Result<T, ApiError>,
        tell: &watch::Sender<Made<T>>,
    ) -> Result<T, ApiError> {
        let made_at = self.clock.monotonic();
        let made = make().await;
        if let Ok(value) = &made {
            self.kept.store(Some(Arc::new(Kept { made_at, value: value.clone() })));
        }
        // Nobody may be waiting.
        let _ = tell.send(Some(made.clone()));
        made
    }

    fn take_part(&self) -> Part<T> {
        if let Some(value) = self.current() {
            return Part::Has(value);
        }
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have been made on the way here.
        if let Some(value) = self.current() {
            return Part::Has(value);
        }
        if let Some(made) = making.as_ref().filter(|made| is_under_way(made)) {
            return Part::Waits(made.clone());
        }
        let (tell, made) = watch::channel(None);
        *making = Some(made);
        Part::Makes(tell)
    }

    /// Returns the kept answer if it is good still.
    pub fn current(&self) -> Option<T> {
        let kept = self.kept.load();
        let kept = kept.as_ref()?;
        let age = self.clock.monotonic().saturating_sub(kept.made_at);
        (age < self.ttl).then(|| kept.value.clone())
    }
}

fn is_under_way<T>(made: &watch::Receiver<Made<T>>) -> bool {
    made.borrow().is_none() && made.has_changed().is_ok()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;

    use futures_util::future::{join, join_all};
    use tokio::sync::Notify;

    use super::*;

    fn place() -> Fresh<u32> {
        Fresh::new(Duration::from_secs(10), Clock::manual(0))
    }

    #[actix_web::test]
    async fn all_who_ask_while_it_is_made_share_one_making_and_its_failure() {
        for outcome in [Ok(7), Err(ApiError::busy("no reader"))] {
            let (fresh, makings, go) = (place(), Cell::new(0), Notify::new());
            let ask = || {
                fresh.get(async || {
                    makings.set(makings.get() + 1);
                    go.notified().await;
                    outcome.clone()
                })
            };
            // The last to be polled lets the maker go: by then all the others wait.
            let (answers, ()) = join(join_all((0..50).map(|_| ask())), async {
                go.notify_one();
            })
            .await;
            assert_eq!(makings.get(), 1);
            assert_eq!(answers.len(), 50);
            for answer in answers {
                let texts = (answer.map_err(|e| e.to_string()), outcome.clone());
                assert_eq!(texts.0, texts.1.map_err(|e| e.to_string()));
            }
        }
    }

    #[actix_web::test]
    async fn a_failure_is_not_kept() {
        let fresh = place();
        assert!(fresh.get(async || Err(ApiError::busy("no reader"))).await.is_err());
        assert_eq!(fresh.get(async || Ok(1)).await.ok(), Some(1));
        assert_eq!(fresh.get(async || Ok(2)).await.ok(), Some(1), "an answer is");
    }

    #[actix_web::test]
    async fn when_who_makes_it_goes_away_another_does() {
        let fresh = place();
        let mut gone = Box::pin(fresh.get(async || pending().await));
        assert!(futures_util::poll!(gone.as_mut()).is_pending());
        let mut waits = Box::pin(fresh.get(async || Ok(3)));
        assert!(futures_util::poll!(waits.as_mut()).is_pending());
        drop(gone);
        assert_eq!(waits.await.ok(), Some(3));
    }
}
