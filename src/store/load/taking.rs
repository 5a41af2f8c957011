//! What was read goes into the window, and never more than it may hold.

use std::time::Duration;

use super::{CHECKS_MAX, Check, Found, Load, Looked, Need, Phase};
use crate::store::{Floor, Record};

impl Load {
    /// Takes what a need yielded.
    pub fn take(&mut self, need: &Need, found: Found, now: Duration) {
        match (need, found) {
            (Need::Look { .. }, Found::Looked(looked)) => self.take_look(looked, now),
            (Need::Outline(_), Found::Outline(part)) => {
                self.tries = 0;
                self.outline.take(part);
            }
            (Need::Records(ids), Found::Records(records)) => self.take_records(ids, records),
            (Need::Ids(_), Found::Ids(ids)) => self.take_ids(&ids),
            _ => {}
        }
    }

    fn take_records(&mut self, ids: &[i64], records: Vec<Record>) {
        self.tries = 0;
        let is_check = self.phase == Phase::Check;
        // Some room is left for what arrives.
        let bytes_max = self.rules.bytes_max - self.rules.bytes_max / 20;
        let mut cut_off_s = None;
        for record in records {
            if self.store.bytes_with(&record) > bytes_max {
                self.is_full = true;
                cut_off_s = cut_off_s.max(Some(record.recency_s()));
                break;
            }
            self.status.merged += 1;
            self.store.put(record);
        }
        self.is_changed = true;
        let was_cut = self.hold_cap();
        if is_check {
            self.check.missing.drain(..ids.len().min(self.check.missing.len()));
            return;
        }
        let floor = self.outline.advance(ids.len(), cut_off_s);
        if let (Some(floor_s), true, false) = (floor, self.outline.is_exact(), was_cut) {
            self.store.set_floor(Floor::Since(floor_s));
        }
        if self.phase == Phase::Background {
            self.status.progress = self.outline.percent().min(99);
        }
    }

    /// The cap holds whatever was estimated.
    fn hold_cap(&mut self) -> bool {
        let is_over = self.store.bytes() > self.rules.bytes_max;
        if is_over {
            self.shrink();
        }
        is_over
    }

    /// Passes of eviction, one at least, until the cap holds: each to 85 % of it or a quarter of the
    /// packets, whichever is reached first (contract §6.5).
    fn shrink(&mut self) {
        let bytes = self.rules.bytes_max / 100 * 85;
        self.status.evicted += self.store.shrink_by_a_pass(bytes) as u64;
        while self.store.bytes() > self.rules.bytes_max && self.store.len() > 0 {
            self.status.evicted += self.store.shrink_by_a_pass(bytes) as u64;
        }
        if !self.outline.is_exact() && self.phase != Phase::Settled {
            self.store.set_floor(Floor::Nothing);
        }
        self.is_full = true;
        self.is_changed = true;
    }

    /// Rows of the database that are not held: the outline could not see them, whatever their
    /// times are.
    fn take_ids(&mut self, ids: &[i64]) {
        self.tries = 0;
        let Some(last) = ids.last() else { return self.end_check() };
        self.check.after = Some(*last);
        let missing = ids.iter().filter(|id| !self.store.contains(**id));
        let before = self.check.missing.len();
        self.check.missing.extend(missing);
        self.check.held += (ids.len() - (self.check.missing.len() - before)) as u64;
    }

    /// The last row has been compared: nothing is missing, rows were missing and are compared
    /// once more, or there are more here than there.
    fn end_check(&mut self) {
        let held = self.store.len() as u64;
        let is_equal = self.check.held == held;
        let rounds = self.check.rounds + 1;
        if is_equal || rounds >= CHECKS_MAX || self.is_full {
            if is_equal && !self.is_full {
                self.store.set_floor(Floor::Everything);
                return self.settle(Some(held));
            }
            return self.settle(self.outline.expected());
        }
        self.check = Check { rounds, ..Check::default() };
    }

    fn take_look(&mut self, looked: Looked, now: Duration) {
        for record in looked.records {
            self.put_live(record);
        }
        for id in looked.gone {
            self.is_changed |= self.store.remove(id);
        }
        self.hold_cap();
        if let Some(event) = self.live.take(looked.known, looked.has_more, now) {
            self.events.push(event);
        }
        let is_whole = self.store.floor() == Floor::Everything && self.live.is_whole();
        let Some(count) = looked.count else { return };
        let is_odd = is_whole && count != self.store.len() as u64;
        if self.live.take_count(is_odd) {
            self.reload("another program deleted rows", now);
        }
    }

    /// Evicts until a record fits; `false` for one that takes more than half of the cap alone.
    fn make_room(&mut self, record: &Record) -> bool {
        let bytes_max = self.rules.bytes_max;
        if self.store.bytes_with(record) > bytes_max {
            self.shrink();
        }
        let needed = self.store.bytes_with(record) - self.store.bytes();
        if self.store.bytes() + needed > bytes_max && needed <= bytes_max / 2 {
            self.status.evicted += self.store.shrink_to(bytes_max - needed) as u64;
        }
        self.store.bytes_with(record) <= bytes_max
    }

    fn put_live(&mut self, record: Record) {
        let is_within = match self.store.floor() {
            // Before all is in, the floor still moves down past it, and the outline is older.
            Floor::Since(floor_s) => self.phase != Phase::Settled || record.recency_s() >= floor_s,
            Floor::Nothing | Floor::Everything => true,
        };
        if !is_within {
            self.is_changed |= self.store.remove(record.id);
            return;
        }
        if !self.make_room(&record) {
            // It would break the cap: nothing is claimed of its time and before any more.
            self.store.remove(record.id);
            self.store.set_floor(Floor::Since(record.recency_s().saturating_add(1)));
            (self.is_full, self.is_changed) = (true, true);
            return;
        }
        self.store.put(record);
        self.is_changed = true;
    }
}
