//! Ready bodies of lists, good exactly while nothing was written: each is kept with the
//! [`Version`] of the database under which it was made, and with what else it shows. Several who ask for the same at once wait
//! for one making.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Mutex as AsyncMutex;

use super::error::ApiError;
use super::json::JsonBody;
use crate::store::Window;
use crate::store::shared::Version;

/// Lists that are kept.
const ENTRIES_MAX: usize = 64;
/// Bytes of all of them.
const BYTES_MAX: usize = 32 << 20;
/// A longer query is not kept.
pub const QUERY_MAX: usize = 512;

/// What a body is kept by.
pub struct KeptAs {
    /// What was asked; `None` is not kept.
    pub query: Option<String>,
    /// What it shows beside the database, which may change at any time.
    pub beside: String,
}

/// The kept bodies. Errors are not kept.
#[derive(Default)]
pub struct ReadyLists(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    entries: HashMap<String, Entry>,
    bytes: usize,
    turns: u64,
}

#[derive(Default)]
struct Entry {
    made: Option<((Version, String), JsonBody)>,
    making: Arc<AsyncMutex<()>>,
    used: u64,
}

impl ReadyLists {
    /// Returns the list, ready or made now.
    ///
    /// # Errors
    /// Those of `make`.
    pub async fn get(
        &self,
        window: &Window,
        KeptAs { query, beside }: KeptAs,
        make: impl AsyncFnOnce() -> Result<JsonBody, ApiError>,
    ) -> Result<JsonBody, ApiError> {
        let Some(key) = query else { return make().await };
        let Some(version) = window.version() else { return make().await };
        if let Some(body) = self.look_up(&key, (version, &beside)) {
            return Ok(body);
        }
        let making = self.making(&key);
        let _turn = making.lock().await;
        // Somebody may have made it, and more may have been written meanwhile.
        let Some(version) = window.version() else { return make().await };
        if let Some(body) = self.look_up(&key, (version, &beside)) {
            return Ok(body);
        }
        let body = make().await?;
        self.keep(key, (version, beside), &body);
        Ok(body)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_up(&self, key: &str, (version, beside): (Version, &str)) -> Option<JsonBody> {
        let mut kept = self.kept();
        kept.turns += 1;
        let turn = kept.turns;
        let entry = kept.entries.get_mut(key)?;
        entry.used = turn;
        let ((made_under, made_beside), body) = entry.made.as_ref()?;
        (*made_under == version && made_beside == beside).then(|| body.clone())
    }

    fn making(&self, key: &str) -> Arc<AsyncMutex<()>> {
        let mut kept = self.kept();
        let used = kept.turns;
        let entry = kept.entries.entry(key.to_owned()).or_default();
        entry.used = used;
        let making = Arc::clone(&entry.making);
        kept.shrink(key);
        making
    }

    fn keep(&self, key: String, made_under: (Version, String), body: &JsonBody) {
        if body.0.len() > BYTES_MAX / 4 {
            return;
        }
        let mut kept = self.kept();
        let used = kept.turns;
        let entry = kept.entries.entry(key.clone()).or_default();
        let before = entry.made.replace((made_under, body.clone()));
        entry.used = used;
        kept.bytes += body.0.len();
        kept.bytes -= before.map_or(0, |(_, body)| body.0.len());
        kept.shrink(&key);
    }
}

impl Kept {
    /// Drops what was not asked for the longest.
    fn shrink(&mut self, spared: &str) {
        while self.entries.len() > ENTRIES_MAX || self.bytes > BYTES_MAX {
            let others = self.entries.iter().filter(|(key, _)| key.as_str() != spared);
            let oldest = others.min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { return };
            let entry = self.entries.remove(&oldest);
            let made = entry.and_then(|entry| entry.made);
            self.bytes -= made.map_or(0, |(_, body)| body.0.len());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::clock::Clock;
    use crate::web::params::Params;

    fn window() -> Window {
        let clock = Clock::manual(0);
        let window = Window::new(clock.clone());
        window.note_look(clock.monotonic());
        window
    }

    async fn ask(lists: &ReadyLists, window: &Window, query: &str, made: &Cell<u32>) -> JsonBody {
        let make = async || {
            made.set(made.get() + 1);
            Ok(JsonBody::of(&made.get()))
        };
        let (query, beside) = query.split_once(' ').unwrap_or((query, ""));
        let query = Params::parse(query).canonical(QUERY_MAX);
        let kept_as = KeptAs { query, beside: beside.to_owned() };
        lists.get(window, kept_as, make).await.unwrap()
    }

    #[actix_web::test]
    async fn a_body_is_good_only_as_long_as_what_it_shows_beside_the_database() {
        let (lists, window, made) = (ReadyLists::default(), window(), Cell::new(0));
        for query in ["a at 1", "a at 1", "a at 2", "a at 2", "b at 2"] {
            ask(&lists, &window, query, &made).await;
        }
        assert_eq!(made.get(), 3);
        assert_eq!(lists.kept().entries.len(), 2, "the older one is not kept beside the newer");
    }

    #[actix_web::test]
    async fn a_body_is_good_until_a_commit_begins_and_none_is_kept_while_one_runs() {
        let (lists, window, made) = (ReadyLists::default(), window(), Cell::new(0));
        for _ in 0..3 {
            ask(&lists, &window, "limit=50", &made).await;
        }
        assert_eq!(made.get(), 1);
        window.begin_commit();
        ask(&lists, &window, "limit=50", &made).await;
        ask(&lists, &window, "limit=50", &made).await;
        assert_eq!(made.get(), 3, "who reads during a commit may read what was before it");
        window.end_commit([1]);
        let body = ask(&lists, &window, "limit=50", &made).await;
        assert_eq!(&body.0[..], b"4\n");
        ask(&lists, &window, "limit=50", &made).await;
        assert_eq!(made.get(), 4);
    }

    #[actix_web::test]
    async fn the_order_of_parameters_does_not_matter_and_their_number_is_bounded() {
        let (lists, window, made) = (ReadyLists::default(), window(), Cell::new(0));
        ask(&lists, &window, "limit=50&type=4", &made).await;
        ask(&lists, &window, "type=4&limit=50", &made).await;
        assert_eq!(made.get(), 1);
        for offset in 0..1_000 {
            ask(&lists, &window, &format!("offset={offset}"), &made).await;
        }
        let kept = lists.kept();
        assert_eq!(kept.entries.len(), ENTRIES_MAX);
        let bytes = kept.entries.values().filter_map(|entry| entry.made.as_ref());
        assert_eq!(kept.bytes, bytes.map(|(_, body)| body.0.len()).sum::<usize>());
    }

    #[actix_web::test]
    async fn all_who_ask_at_once_share_one_making() {
        let (lists, window, made) = (ReadyLists::default(), window(), Cell::new(0));
        let go = tokio::sync::Notify::new();
        let kept_as = || KeptAs { query: Some("limit=50".to_owned()), beside: String::new() };
        let asks = (0..20).map(|_| {
            lists.get(&window, kept_as(), async || {
                made.set(made.get() + 1);
                go.notified().await;
                Ok(JsonBody::of(&1))
            })
        });
        let (answers, ()) =
            futures_util::future::join(futures_util::future::join_all(asks), async {
                go.notify_one();
            })
            .await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(made.get(), 1);
    }
}
