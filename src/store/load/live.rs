//! What is written while the window is loaded and after.

use std::collections::HashSet;
use std::time::Duration;

use super::{Event, Known, Need};
use crate::store::shared::{LOOK_EVERY, Touches};

/// Transmissions that one look reads again.
const IDS_MAX: usize = 2_000;

/// How often rows are counted while something is written: another program may delete some.
const COUNT_EVERY: Duration = Duration::from_secs(10);

/// What is known of the database, and what is to be read again.
#[derive(Debug, Default)]
pub(super) struct Live {
    known: Option<Known>,
    pending: HashSet<i64>,
    asked: Vec<i64>,
    /// Commits that have begun and ended, and those of them that are in the window and in what is
    /// published.
    begun: u64,
    ended: u64,
    included: u64,
    published: u64,
    ended_at_last_look: u64,
    looked_at: Option<Duration>,
    asked_at: Duration,
    has_more: bool,
    is_blind: bool,
    is_foreign: bool,
    counted_at: Option<Duration>,
    /// Commits that had begun before the last look, if it counted other rows than are held and
    /// none was under way.
    odd_count_at: Option<u64>,
}

impl Live {
    pub(super) fn touch(&mut self, touches: Touches, is_wanted: impl Fn(i64) -> bool) {
        self.pending.extend(touches.ids.into_iter().filter(|id| is_wanted(*id)));
        (self.begun, self.ended) = (touches.begun, touches.ended);
    }

    pub(super) fn next(&mut self, now: Duration) -> Option<Need> {
        let is_urgent = self.has_more || self.ended != self.included || !self.pending.is_empty();
        let is_due = match (self.known, self.is_blind) {
            (None, false) => true,
            (_, true) => now >= self.asked_at + LOOK_EVERY,
            _ => is_urgent || now >= self.asked_at + LOOK_EVERY,
        };
        if !is_due {
            return None;
        }
        self.asked_at = now;
        self.asked = self.pending.iter().copied().take(IDS_MAX).collect();
        let counts = self.counted_at.is_none_or(|at| now >= at + COUNT_EVERY);
        if counts {
            self.counted_at = Some(now);
        }
        Some(Need::Look { known: self.known, ids: self.asked.clone(), counts })
    }

    pub(super) fn pause(&self, now: Duration) -> Duration {
        (self.asked_at + LOOK_EVERY).saturating_sub(now)
    }

    /// The look that was asked for last has seen all that was committed before it was asked for.
    pub(super) fn take(&mut self, known: Known, has_more: bool, _now: Duration) -> Option<Event> {
        for id in self.asked.drain(..) {
            self.pending.remove(&id);
        }
        let is_changed = self.known.is_some_and(|last| last.data_version != known.data_version);
        self.is_foreign |= is_changed && self.ended == self.ended_at_last_look;
        self.ended_at_last_look = self.ended;
        self.known = Some(known);
        self.has_more = has_more;
        if self.is_whole() {
            self.included = self.ended;
            self.looked_at = Some(self.asked_at);
        }
        std::mem::take(&mut self.is_blind).then_some(Event::Sighted)
    }

    /// Takes whether the last look counted other rows than are held. Returns whether another
    /// program must have deleted some: a commit of ours is seen before it is told of, so two looks
    /// have to say so with none of ours begun or ended in between.
    pub(super) fn take_count(&mut self, is_odd: bool) -> bool {
        if !is_odd {
            self.odd_count_at = None;
            return false;
        }
        let at = (self.begun == self.ended).then_some(self.begun);
        let is_seen_twice = at.is_some() && self.odd_count_at == at;
        self.odd_count_at = at.filter(|_| !is_seen_twice);
        // The next look counts too.
        self.counted_at = None;
        is_seen_twice
    }

    /// Whether all that was committed before the last look is in the window.
    pub(super) fn is_whole(&self) -> bool {
        !self.has_more && self.pending.is_empty()
    }

    pub(super) fn fail(&mut self, why: &str, _now: Duration) -> Option<Event> {
        let was_blind = std::mem::replace(&mut self.is_blind, true);
        (!was_blind).then(|| Event::Blind(why.to_owned()))
    }

    pub(super) fn is_ahead(&self) -> bool {
        self.included != self.published
    }

    pub(super) fn note_published(&mut self) {
        self.published = self.included;
    }

    pub(super) fn included(&self) -> u64 {
        self.included
    }

    pub(super) fn looked_at(&self) -> Option<Duration> {
        self.looked_at
    }

    pub(super) fn take_foreign(&mut self) -> bool {
        std::mem::take(&mut self.is_foreign)
    }
}
