//! Which transmissions there are and when they were heard, without reading them.

use std::cmp::Reverse;

/// Where the next part of the outline begins.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OutlineMark {
    /// At its beginning.
    #[default]
    Begin,
    /// In the order of `first_seen`, after this row.
    FirstSeen(String, i64),
    /// The newest observation by transmission, after this one (from the first if `None`).
    Newest(Option<i64>),
    /// An index is missing: ids alone, after this one.
    Ids(i64),
}

/// One transmission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutlineRow {
    /// `transmissions.id`.
    pub id: i64,
    /// By `first_seen` or by its newest observation, Unix seconds.
    pub heard_s: i64,
    /// Observations, 0 where they were not counted.
    pub observations: u32,
}

/// A part of the outline.
#[derive(Clone, Debug, Default)]
pub struct OutlinePart {
    /// The rows.
    pub rows: Vec<OutlineRow>,
    /// Where the next begins; `None` after the last.
    pub next: Option<OutlineMark>,
    /// Whether times are known.
    pub is_exact: bool,
}

/// The outline, 24 bytes a transmission, given back when all is loaded.
#[derive(Debug)]
pub(super) struct Outline {
    rows: Vec<OutlineRow>,
    next: Option<OutlineMark>,
    is_sorted_by_id: bool,
    is_exact: bool,
    at: usize,
    hot_end: usize,
    hot_floor: Option<i64>,
    retention_floor: Option<i64>,
}

impl Default for Outline {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            next: Some(OutlineMark::Begin),
            is_sorted_by_id: false,
            is_exact: true,
            at: 0,
            hot_end: 0,
            hot_floor: None,
            retention_floor: None,
        }
    }
}

impl Outline {
    pub(super) fn next(&self) -> Option<OutlineMark> {
        self.next.clone()
    }

    pub(super) fn take(&mut self, part: OutlinePart) {
        self.is_exact = part.is_exact;
        let is_newest = matches!(self.next, Some(OutlineMark::Newest(_)));
        self.next = part.next;
        if !is_newest {
            self.rows.extend(part.rows);
            return;
        }
        if !self.is_sorted_by_id {
            self.rows.sort_unstable_by_key(|row| row.id);
            self.is_sorted_by_id = true;
        }
        for newest in part.rows {
            // One that is not there came after the outline was begun, or has no `first_seen`.
            let Ok(index) = self.rows.binary_search_by_key(&newest.id, |row| row.id) else {
                continue;
            };
            let row = &mut self.rows[index];
            row.heard_s = row.heard_s.max(newest.heard_s);
            row.observations = newest.observations;
        }
    }

    /// Newest first; what is older than the retention is dropped.
    pub(super) fn sort(&mut self, hot_floor: Option<i64>, retention_floor: Option<i64>) {
        (self.hot_floor, self.retention_floor) = (hot_floor, retention_floor);
        if !self.is_exact {
            self.rows.sort_unstable_by_key(|row| Reverse(row.id));
            self.hot_end = self.rows.len();
            return;
        }
        self.rows.retain(|row| retention_floor.is_none_or(|floor_s| row.heard_s >= floor_s));
        self.rows.shrink_to_fit();
        self.rows.sort_unstable_by_key(|row| Reverse((row.heard_s, row.id)));
        let is_hot = |row: &OutlineRow| hot_floor.is_none_or(|floor_s| row.heard_s >= floor_s);
        self.hot_end = self.rows.partition_point(is_hot);
    }

    /// The next transmissions that are not held yet; those that are were read later than the
    /// outline.
    pub(super) fn chunk(
        &mut self,
        is_hot: bool,
        rows_max: usize,
        observations_max: u64,
        is_held: impl Fn(i64) -> bool,
    ) -> Vec<i64> {
        let end = if is_hot { self.hot_end } else { self.rows.len() };
        while self.at < end && is_held(self.rows[self.at].id) {
            self.at += 1;
        }
        let (mut ids, mut observations) = (Vec::new(), 0);
        for row in &self.rows[self.at..end] {
            observations += u64::from(row.observations.max(1));
            let is_first = ids.is_empty();
            if ids.len() >= rows_max || (observations > observations_max && !is_first) {
                break;
            }
            if is_held(row.id) {
                break;
            }
            ids.push(row.id);
        }
        ids
    }

    /// The chunk of `rows` is in. Returns from when on all are: what is left may have the same
    /// second as the last.
    pub(super) fn advance(&mut self, rows: usize, cut_off_s: Option<i64>) -> Option<i64> {
        self.at = (self.at + rows).min(self.rows.len());
        match cut_off_s {
            // What did not fit was heard then or before.
            Some(cut_off_s) => Some(cut_off_s.saturating_add(1)),
            None if self.at < self.rows.len() => {
                self.rows[..self.at].last().map(|row| row.heard_s.saturating_add(1))
            }
            None => self.rows.last().map(|row| row.heard_s),
        }
    }

    pub(super) fn has_background(&self) -> bool {
        self.hot_floor.is_some()
    }

    pub(super) fn hot_floor(&self) -> Option<i64> {
        self.hot_floor
    }

    pub(super) fn retention_floor(&self) -> Option<i64> {
        self.retention_floor
    }

    pub(super) fn is_exact(&self) -> bool {
        self.is_exact
    }

    /// Transmissions that were to be loaded.
    pub(super) fn expected(&self) -> Option<u64> {
        Some(self.rows.len() as u64)
    }

    /// Of what follows the hot window.
    pub(super) fn percent(&self) -> u8 {
        let (all, done) = (self.rows.len() - self.hot_end, self.at.saturating_sub(self.hot_end));
        u8::try_from((done * 100).checked_div(all).unwrap_or(100)).unwrap_or(100)
    }
}
