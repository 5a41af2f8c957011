//! What the owner of the [`Store`](super::Store) publishes, and when it may be believed.
//!
//! A commit of this process is counted before it begins. A snapshot names the last commit that it
//! includes, so from before a commit until it is included the window is not current and SQLite is
//! asked: who has been answered by the writer finds what was written (RAM is a cache, never a
//! gate). Programs that write beside us are noticed by looking: a snapshot is current for
//! [`LOOK_MAX`] after the last look.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::Snapshot;
use super::load::LoadStatus;
use crate::clock::Clock;

/// How often somebody looks whether another program has written (as the original, spec §5).
pub const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a look at the database is good: until the next one is due and may have been answered.
pub const LOOK_MAX: Duration = Duration::from_millis(1_500);
const _: () = assert!(LOOK_EVERY.as_millis() < LOOK_MAX.as_millis());

/// Transmissions that may wait to be read again; when there are more, all are.
pub const TOUCHED_MAX: usize = 65_536;

/// What handlers, the writer and the Loader share.
#[derive(Debug)]
pub struct Window {
    published: ArcSwap<Published>,
    status: ArcSwap<LoadStatus>,
    /// Commits that have begun.
    begun: AtomicU64,
    /// Times that another program was seen to have written.
    foreign: AtomicU64,
    /// Microseconds of the clock's monotonic time; the highest number for never.
    looked_at_us: AtomicU64,
    queries: AtomicU64,
    touches: Mutex<Touches>,
    news: Notify,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Published {
    snapshot: Arc<Snapshot>,
    /// The last commit that is included.
    commit: u64,
}

/// What commits have changed since it was last taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touches {
    /// Transmissions that are to be read again.
    pub ids: HashSet<i64>,
    /// Whether anything may have changed.
    pub is_all: bool,
    /// Commits that have begun.
    pub begun: u64,
    /// Commits that have ended.
    pub ended: u64,
}

/// A state of the database, as far as it can be told without asking it. As long as it does not
/// change, an answer that was made under it is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    commits: u64,
    foreign: u64,
}

impl Window {
    /// Makes an empty one, which covers nothing.
    pub fn new(clock: Clock) -> Self {
        Self {
            published: ArcSwap::default(),
            status: ArcSwap::default(),
            begun: AtomicU64::new(0),
            foreign: AtomicU64::new(0),
            looked_at_us: AtomicU64::new(u64::MAX),
            queries: AtomicU64::new(0),
            touches: Mutex::default(),
            news: Notify::new(),
            clock,
        }
    }

    /// Returns the snapshot, if it shows what SQLite would: no commit is under way or missing in
    /// it, and it was compared with the database within [`LOOK_MAX`].
    pub fn current(&self) -> Option<Arc<Snapshot>> {
        let published = self.published.load();
        // The commit is looked up after the snapshot: one that begins in between is not missed.
        let is_whole = published.commit == self.begun.load(Ordering::SeqCst);
        (is_whole && self.is_looked_at()).then(|| Arc::clone(&published.snapshot))
    }

    /// Returns the latest snapshot, current or not: for figures.
    pub fn latest(&self) -> Arc<Snapshot> {
        Arc::clone(&self.published.load().snapshot)
    }

    /// Returns the present version; `None` while a commit is under way, and where nobody looks
    /// whether others write.
    pub fn version(&self) -> Option<Version> {
        let foreign = self.foreign.load(Ordering::SeqCst);
        let commits = self.begun.load(Ordering::SeqCst);
        let ended = self.touches.lock().unwrap_or_else(PoisonError::into_inner).ended;
        (ended == commits && self.is_looked_at()).then_some(Version { commits, foreign })
    }

    fn is_looked_at(&self) -> bool {
        let looked_at_us = self.looked_at_us.load(Ordering::SeqCst);
        let age = self.clock.monotonic().saturating_sub(Duration::from_micros(looked_at_us));
        looked_at_us != u64::MAX && age <= LOOK_MAX
    }

    /// How loading stands.
    pub fn status(&self) -> Arc<LoadStatus> {
        self.status.load_full()
    }

    /// Says how loading stands.
    pub fn set_status(&self, status: LoadStatus) {
        self.status.store(Arc::new(status));
    }

    /// Counts a list that was selected from a snapshot.
    pub fn count_query(&self) {
        self.queries.fetch_add(1, Ordering::Relaxed);
    }

    /// Lists that were selected from snapshots since the start.
    pub fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// To be called by the writer before a transaction that changes what answers show.
    pub fn begin_commit(&self) {
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// To be called by the writer after that transaction, whatever became of it, before anybody is
    /// told. New rows need not be named: they are found by their ids.
    pub fn end_commit(&self, touched: impl IntoIterator<Item = i64>) {
        let mut touches = self.touches.lock().unwrap_or_else(PoisonError::into_inner);
        touches.ended += 1;
        for id in touched {
            if touches.ids.len() >= TOUCHED_MAX {
                touches.is_all = true;
            }
            if touches.is_all {
                touches.ids = HashSet::new();
                break;
            }
            touches.ids.insert(id);
        }
        drop(touches);
        self.news.notify_one();
    }

    /// Completes when a commit has ended since the last call.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// Takes what has changed.
    pub fn take_touches(&self) -> Touches {
        let mut touches = self.touches.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = touches.ended;
        let taken = std::mem::replace(&mut *touches, Touches { ended, ..Touches::default() });
        Touches { begun: self.begun.load(Ordering::SeqCst), ..taken }
    }

    /// Publishes a snapshot that includes all up to `commit`.
    pub fn publish(&self, snapshot: Arc<Snapshot>, commit: u64) {
        self.published.store(Arc::new(Published { snapshot, commit }));
    }

    /// Says that the snapshot includes all up to `commit` as it is.
    pub fn confirm(&self, commit: u64) {
        let published = self.published.load();
        if published.commit != commit {
            self.publish(Arc::clone(&published.snapshot), commit);
        }
    }

    /// Says that the database was looked at, at this monotonic time at the latest.
    pub fn note_look(&self, at: Duration) {
        let at_us = u64::try_from(at.as_micros()).unwrap_or(u64::MAX - 1);
        self.looked_at_us.store(at_us, Ordering::SeqCst);
    }

    /// Says that the window may be wrong until the next look.
    pub fn distrust(&self) {
        self.looked_at_us.store(u64::MAX, Ordering::SeqCst);
    }

    /// Says that another program has written.
    pub fn note_foreign(&self) {
        self.foreign.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> (Window, Clock) {
        let clock = Clock::manual(0);
        let window = Window::new(clock.clone());
        window.note_look(clock.monotonic());
        (window, clock)
    }

    #[test]
    fn a_snapshot_is_current_until_a_commit_begins_and_again_when_it_is_included() {
        let (window, _) = window();
        assert!(window.current().is_some());
        window.begin_commit();
        assert!(window.current().is_none(), "a commit is under way");
        assert_eq!(window.version(), None);
        window.end_commit([7]);
        assert!(window.current().is_none(), "a commit is not included");
        assert!(window.version().is_some(), "an answer made now is good");
        let touches = window.take_touches();
        assert_eq!((touches.ids, touches.ended), (HashSet::from([7]), 1));
        window.confirm(1);
        assert!(window.current().is_some());
    }

    #[test]
    fn a_snapshot_that_nobody_compares_is_no_longer_current() {
        let (window, clock) = window();
        clock.advance_ms(1_500);
        assert!(window.current().is_some());
        clock.advance_ms(1);
        assert!(window.current().is_none() && window.version().is_none());
    }

    #[test]
    fn versions_differ_after_each_commit_and_after_a_foreign_one() {
        let (window, _) = window();
        let first = window.version();
        window.begin_commit();
        window.end_commit([]);
        let second = window.version();
        window.note_foreign();
        assert!(first != second && second != window.version());
    }

    #[test]
    fn too_many_touched_transmissions_are_all() {
        let (window, _) = window();
        window.begin_commit();
        window.end_commit(0..=i64::try_from(TOUCHED_MAX).unwrap());
        let touches = window.take_touches();
        assert!(touches.is_all && touches.ids.is_empty());
        assert!(!window.take_touches().is_all, "taken is taken");
    }
}
