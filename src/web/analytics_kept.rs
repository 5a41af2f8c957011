//! Bodies that were made for one set of parameters, each made once however many ask.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::error::ApiError;
use super::fresh::Fresh;
use super::json::JsonBody;
use crate::clock::Clock;
use crate::config::Config;

/// Sets of parameters that are kept besides the default; then the one goes that was asked for
/// longest ago.
const SHAPES_MAX: usize = 64;

/// The bodies of one endpoint, or what they are made of.
pub struct KeptBodies<T = JsonBody> {
    default: Fresh<T>,
    ttl: Duration,
    clock: Clock,
    /// By the last request, oldest first.
    others: Mutex<Vec<(String, Arc<Fresh<T>>)>>,
}

impl<T: Clone> KeptBodies<T> {
    /// Makes an empty place; the default body is good for `default_ttl`, others for `ttl`.
    pub fn new(default_ttl: Duration, ttl: Duration, clock: Clock) -> Self {
        let default = Fresh::new(default_ttl, clock.clone());
        Self { default, ttl, clock, others: Mutex::default() }
    }

    /// Returns the body for a key, empty for the default, or makes it.
    ///
    /// # Errors
    /// As [`Fresh::get`].
    pub async fn get(
        &self,
        key: &str,
        make: impl AsyncFnOnce() -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        match key {
            "" => self.default.get(make).await,
            key => self.place(key).get(make).await,
        }
    }

    /// Bodies that are kept, and hits and misses on them.
    pub fn counts(&self) -> (u64, u64, u64) {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let places = others.iter().map(|(_, place)| &**place).chain([&self.default]);
        places.fold((0, 0, 0), |(kept, hits, misses), place| {
            let (more_hits, more_misses) = place.hits_and_misses();
            let is_kept = u64::from(place.last().is_some());
            (kept + is_kept, hits + more_hits, misses + more_misses)
        })
    }

    fn place(&self, key: &str) -> Arc<Fresh<T>> {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let found = others.iter().position(|(known, _)| known == key);
        let entry = match found {
            Some(index) => others.remove(index),
            None => {
                if others.len() >= SHAPES_MAX {
                    others.remove(0);
                }
                (key.to_owned(), Arc::new(Fresh::new(self.ttl, self.clock.clone())))
            }
        };
        let place = Arc::clone(&entry.1);
        others.push(entry);
        place
    }
}

impl KeptBodies {
    /// What is kept of one endpoint of analytics: the default shape for as long as the
    /// configuration says, others for `cacheTTL.analyticsRF`.
    pub fn of_analytics(config: &Config, name: &str, clock: &Clock) -> Self {
        let freshness = &config.freshness;
        let of_name = freshness.analytics_by_name.get(name).copied();
        let default_ttl = of_name.unwrap_or(freshness.analytics);
        Self::new(default_ttl, freshness.analytics_on_request, clock.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(kept: &KeptBodies, key: &str, body: &str) -> String {
        let made = kept.get(key, async || Ok(JsonBody::of(body))).await;
        made.map(|body| String::from_utf8_lossy(&body.0).into_owned()).unwrap_or_default()
    }

    #[actix_web::test]
    async fn each_shape_is_made_once_and_the_one_asked_for_longest_ago_goes() {
        let kept =
            KeptBodies::new(Duration::from_secs(300), Duration::from_secs(60), Clock::manual(0));
        assert_eq!(ask(&kept, "", "all").await, "\"all\"\n");
        for shape in 0..SHAPES_MAX {
            ask(&kept, &shape.to_string(), "first").await;
        }
        assert_eq!(ask(&kept, "0", "again").await, "\"first\"\n");
        ask(&kept, "one more", "new").await;
        assert_eq!(ask(&kept, "0", "again").await, "\"first\"\n", "it was asked for just now");
        assert_eq!(ask(&kept, "1", "again").await, "\"again\"\n", "it had to go");
        assert_eq!(ask(&kept, "", "again").await, "\"all\"\n");
    }

    #[actix_web::test]
    async fn the_default_shape_and_the_others_are_good_for_their_own_time() {
        let clock = Clock::manual(0);
        let kept =
            KeptBodies::new(Duration::from_secs(300), Duration::from_secs(60), clock.clone());
        ask(&kept, "", "first").await;
        ask(&kept, "x", "first").await;
        clock.advance_ms(60_000);
        assert_eq!(ask(&kept, "", "again").await, "\"first\"\n");
        assert_eq!(ask(&kept, "x", "again").await, "\"again\"\n");
        clock.advance_ms(240_000);
        assert_eq!(ask(&kept, "", "again").await, "\"again\"\n");
    }
}
