//! Ready bodies of lists, good exactly while nothing was written: each is kept with the
//! [`Version`] of the database under which it was made, and with what else it shows. Several who
//! ask for the same at once wait for one making, also where something is written all the time: one
//! runs, and the next is for all who came meanwhile, so that nobody waits for more than two.
//!
//! Lists that may age are not made anew all the time then: see [`KeptAs::may_age`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::rt;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::timeout;

use super::error::ApiError;
use super::json::JsonBody;
use crate::clock::Clock;
use crate::store::Window;
use crate::store::shared::Version;

/// Lists that are kept.
const ENTRIES_MAX: usize = 64;
/// Bytes of all of them.
const BYTES_MAX: usize = 32 << 20;
/// A longer query is not kept.
pub const QUERY_MAX: usize = 512;

/// Nobody waits longer for what others have made.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// A list that may age is good for so many times as long as its making took: while all changes all
/// the time, making it takes a tenth of one reader.
const AGE_PER_MAKING: u32 = 10;
/// Never longer.
pub const AGE_MAX: Duration = Duration::from_secs(1);
/// What is made faster does not age.
const IS_DEAR: Duration = Duration::from_millis(10);

/// What a body is kept by.
pub struct KeptAs {
    /// What was asked; `None` is not kept.
    pub query: Option<String>,
    /// What it shows beside the database, which may change at any time.
    pub beside: String,
    /// Whether it may be some time old, [`AGE_MAX`] at most, if making it is dear.
    pub may_age: bool,
}

/// The kept bodies. Clones share them.
#[derive(Clone)]
pub struct ReadyLists {
    kept: Arc<Mutex<Kept>>,
    clock: Clock,
}

#[derive(Default)]
struct Kept {
    entries: HashMap<String, Entry>,
    bytes: usize,
    turns: u64,
}

#[derive(Default)]
struct Entry {
    made: Option<Made>,
    making: Arc<AsyncMutex<()>>,
    used: u64,
}

struct Made {
    /// A failure is only for those who wait.
    outcome: Result<JsonBody, ApiError>,
    /// The turn at which making it began.
    begun: u64,
    /// What the database was then; `None` while it changed.
    version: Option<Version>,
    beside: String,
    /// Until then it is good for anybody.
    good_until: Duration,
}

/// Who asks.
struct Asker {
    key: String,
    beside: String,
    may_age: bool,
    asked: u64,
}

impl ReadyLists {
    /// Keeps nothing yet.
    pub fn new(clock: Clock) -> Self {
        Self { kept: Arc::default(), clock }
    }

    /// Returns the list, ready or made now. What was begun after one asked is good for one, however
    /// much has been written since: those who wait for a making share the next. A making goes on
    /// when its asker has gone.
    ///
    /// # Errors
    /// Those of `make`, one's own or that of who was waited for; 503 after a second
    /// in which it was not one's turn.
    pub async fn get(
        &self,
        window: &Arc<Window>,
        KeptAs { query, beside, may_age }: KeptAs,
        make: impl Future<Output = Result<JsonBody, ApiError>> + 'static,
    ) -> Result<JsonBody, ApiError> {
        let Some(key) = query else { return make.await };
        let asker = Asker { asked: self.next_turn(), key, beside, may_age };
        if let Some(outcome) = self.look_up(&asker, window.version()) {
            return outcome;
        }
        let turn = self.making(&asker).lock_owned();
        let too_long = |_| ApiError::busy("those who asked for this list before still wait for it");
        let turn = timeout(self.clock.patience(WAIT_MAX), turn).await.map_err(too_long)?;
        // Somebody may have made it meanwhile.
        match self.look_up(&asker, window.version()) {
            Some(outcome) => outcome,
            None => self.clone().make(asker, (turn, window.version()), make).await,
        }
    }

    async fn make(
        self,
        asker: Asker,
        (turn, version): (OwnedMutexGuard<()>, Option<Version>),
        make: impl Future<Output = Result<JsonBody, ApiError>> + 'static,
    ) -> Result<JsonBody, ApiError> {
        let making = rt::spawn(async move {
            let (begun, start) = (self.next_turn(), self.clock.monotonic());
            let outcome = make.await;
            let took = self.clock.monotonic().saturating_sub(start);
            let age = if took < IS_DEAR { Duration::ZERO } else { took * AGE_PER_MAKING };
            let good_until = start + age.min(AGE_MAX);
            let beside = asker.beside;
            let made = Made { outcome: outcome.clone(), begun, version, beside, good_until };
            self.keep(asker.key, made);
            drop(turn);
            outcome
        });
        making.await.unwrap_or_else(|_| Err(ApiError::internal("making a list has ended")))
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_turn(&self) -> u64 {
        let mut kept = self.kept();
        kept.turns += 1;
        kept.turns
    }

    fn look_up(
        &self,
        asker: &Asker,
        version: Option<Version>,
    ) -> Option<Result<JsonBody, ApiError>> {
        let now = self.clock.monotonic();
        let mut kept = self.kept();
        let entry = kept.entries.get_mut(&asker.key)?;
        entry.used = entry.used.max(asker.asked);
        let made = entry.made.as_ref().filter(|made| made.beside == asker.beside)?;
        let is_same = version.is_some() && made.version == version;
        let is_young = asker.may_age && now < made.good_until;
        let is_good = made.begun > asker.asked || (made.outcome.is_ok() && (is_same || is_young));
        is_good.then(|| made.outcome.clone())
    }

    fn making(&self, asker: &Asker) -> Arc<AsyncMutex<()>> {
        let mut kept = self.kept();
        let entry = kept.entries.entry(asker.key.clone()).or_default();
        entry.used = entry.used.max(asker.asked);
        let making = Arc::clone(&entry.making);
        kept.shrink(&asker.key);
        making
    }

    fn keep(&self, key: String, made: Made) {
        if made.bytes() > BYTES_MAX / 4 {
            return;
        }
        let mut kept = self.kept();
        kept.bytes += made.bytes();
        let entry = kept.entries.entry(key.clone()).or_default();
        entry.used = entry.used.max(made.begun);
        let before = entry.made.replace(made);
        kept.bytes -= before.map_or(0, |made| made.bytes());
        kept.shrink(&key);
    }
}

impl Made {
    fn bytes(&self) -> usize {
        self.outcome.as_ref().map_or(0, |body| body.0.len())
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
            self.bytes -= made.map_or(0, |made| made.bytes());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use futures_util::future::{join, join_all};
    use tokio::sync::Notify;

    use super::*;
    use crate::web::params::Params;

    /// The lists, a window over a database that nobody else writes, and how often one was made.
    struct Place {
        clock: Clock,
        window: Arc<Window>,
        lists: ReadyLists,
        made: Rc<Cell<u32>>,
        making_takes_ms: i64,
        fails: bool,
    }

    impl Place {
        fn new() -> Self {
            let clock = Clock::manual(0);
            let window = Arc::new(Window::new(clock.clone()));
            window.note_look(clock.monotonic());
            let lists = ReadyLists::new(clock.clone());
            Self { clock, window, lists, made: Rc::default(), making_takes_ms: 0, fails: false }
        }

        fn commit(&self) {
            self.window.begin_commit();
            self.window.end_commit([1]);
        }

        /// Asks; what it shows beside the database stands after a blank.
        async fn ask(&self, query: &str) -> Result<JsonBody, ApiError> {
            self.ask_for(query, false, async || {}).await
        }

        async fn ask_for(
            &self,
            query: &str,
            may_age: bool,
            work: impl AsyncFnOnce() + 'static,
        ) -> Result<JsonBody, ApiError> {
            let (query, beside) = query.split_once(' ').unwrap_or((query, ""));
            let query = Params::parse(query).canonical(QUERY_MAX);
            let kept_as = KeptAs { query, beside: beside.to_owned(), may_age };
            let (made, clock) = (Rc::clone(&self.made), self.clock.clone());
            let (takes_ms, fails) = (self.making_takes_ms, self.fails);
            let make = async move {
                made.set(made.get() + 1);
                work().await;
                clock.advance_ms(takes_ms);
                let number = made.get();
                if fails { Err(ApiError::busy("no reader")) } else { Ok(JsonBody::of(&number)) }
            };
            self.lists.get(&self.window, kept_as, make).await
        }
    }

    #[actix_web::test]
    async fn a_body_is_good_only_as_long_as_what_it_shows_beside_the_database() {
        let place = Place::new();
        for query in ["a at 1", "a at 1", "a at 2", "a at 2", "b at 2"] {
            place.ask(query).await.unwrap();
        }
        assert_eq!(place.made.get(), 3);
        let kept = place.lists.kept().entries.len();
        assert_eq!(kept, 2, "the older one is not kept beside the newer");
    }

    #[actix_web::test]
    async fn a_body_is_good_until_a_commit_begins_and_none_is_kept_while_one_runs() {
        let place = Place::new();
        for _ in 0..3 {
            place.ask("limit=50").await.unwrap();
        }
        assert_eq!(place.made.get(), 1);
        place.window.begin_commit();
        place.ask("limit=50").await.unwrap();
        place.ask("limit=50").await.unwrap();
        assert_eq!(place.made.get(), 3, "who reads during a commit may read what was before it");
        place.window.end_commit([1]);
        let body = place.ask("limit=50").await.unwrap();
        assert_eq!(&body.0[..], b"4\n");
        place.ask("limit=50").await.unwrap();
        assert_eq!(place.made.get(), 4);
    }

    #[actix_web::test]
    async fn the_order_of_parameters_does_not_matter_and_their_number_is_bounded() {
        let place = Place::new();
        place.ask("limit=50&type=4").await.unwrap();
        place.ask("type=4&limit=50").await.unwrap();
        assert_eq!(place.made.get(), 1);
        for offset in 0..1_000 {
            place.ask(&format!("offset={offset}")).await.unwrap();
        }
        let kept = place.lists.kept();
        assert_eq!(kept.entries.len(), ENTRIES_MAX);
        let made = kept.entries.values().filter_map(|entry| entry.made.as_ref());
        assert_eq!(kept.bytes, made.map(Made::bytes).sum::<usize>());
    }

    /// Commits all the time: without sharing, each of those who wait would make one of its own.
    #[actix_web::test]
    async fn all_who_wait_share_the_next_making_though_more_is_written_meanwhile() {
        for fails in [false, true] {
            let place = Place { fails, ..Place::new() };
            let (go, begun) = (Rc::new(Notify::new()), Rc::new(Notify::new()));
            let first = place.ask_for("limit=50", false, {
                let (go, begun) = (Rc::clone(&go), Rc::clone(&begun));
                async move || {
                    begun.notify_one();
                    go.notified().await;
                }
            });
            let window = Arc::clone(&place.window);
            let others = async {
                begun.notified().await;
                let asks = (0..20).map(|_| {
                    let window = Arc::clone(&window);
                    place.ask_for("limit=50", false, async move || {
                        // Another commit while it is made.
                        window.begin_commit();
                        window.end_commit([2]);
                    })
                });
                // The last to be polled lets the first go: by then all the others wait.
                let let_go = async {
                    place.commit();
                    go.notify_one();
                };
                join(join_all(asks), let_go).await.0
            };
            let (first, others) = join(first, others).await;
            assert_eq!(place.made.get(), 2, "one for the first, one for all who came meanwhile");
            assert_eq!((first.is_err(), others.len()), (fails, 20));
            for answer in others {
                let text = answer.map(|body| body.0.to_vec()).map_err(|e| e.to_string());
                assert_eq!(text, if fails { Err(refusal()) } else { Ok(b"2\n".to_vec()) });
            }
            place.ask("limit=50").await.ok();
            assert_eq!(place.made.get(), 3, "who asks now is not told of what was before");
        }
    }

    fn refusal() -> String {
        ApiError::busy("no reader").to_string()
    }

    #[actix_web::test]
    async fn a_dear_list_that_may_age_is_made_once_a_second_however_much_is_written() {
        // Making takes so long; so often it is made in ten seconds of asking every 50 ms.
        for (takes_ms, makings_max) in [(0, 200), (9, 200), (20, 50), (200, 10), (900, 10)] {
            let place = Place { making_takes_ms: takes_ms, ..Place::new() };
            let mut asked = 0;
            while place.clock.monotonic() < Duration::from_secs(10) {
                place.commit();
                place.ask_for("limit=50", true, async || {}).await.unwrap();
                place.clock.advance_ms(50);
                asked += 1;
            }
            let made = place.made.get();
            assert!(made <= makings_max, "{takes_ms}: {made}");
            assert!(takes_ms >= 10 || made == asked, "{takes_ms}: what is cheap does not age");
        }
    }

    #[actix_web::test]
    async fn a_list_that_may_not_age_is_never_old_however_dear() {
        let place = Place { making_takes_ms: 900, ..Place::new() };
        for _ in 0..5 {
            place.commit();
            place.ask("limit=50").await.unwrap();
        }
        assert_eq!(place.made.get(), 5);
    }

    #[actix_web::test]
    async fn a_making_goes_on_when_its_asker_has_gone() {
        let place = Place::new();
        let go = Rc::new(Notify::new());
        let held = Rc::clone(&go);
        let work = async move || held.notified().await;
        let mut gone = Box::pin(place.ask_for("limit=50", false, work));
        assert!(futures_util::poll!(gone.as_mut()).is_pending());
        drop(gone);
        go.notify_one();
        place.ask("limit=50").await.unwrap();
        assert_eq!(place.made.get(), 1);
    }
}
