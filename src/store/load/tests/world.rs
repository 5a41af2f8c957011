//! A database that is a map, and a machine that loads it.

use std::collections::BTreeMap;

use super::super::*;
use crate::clock;
use crate::store::{Record, Seen, first_seen_s};

pub const NOW_S: i64 = 1_779_041_400;
pub const HOUR_S: i64 = 3_600;

/// A database, and a machine that loads it.
pub struct World {
    pub rows: BTreeMap<i64, Record>,
    pub is_indexed: bool,
    pub version: i64,
    pub load: Load,
    pub now: Duration,
    pub events: Vec<Event>,
    /// Needs that were met, by kind.
    pub chunks: usize,
    pub bytes_most: u64,
}

pub fn record(id: i64, heard_s: i64, last_seen_s: i64) -> Record {
    Record {
        id,
        hash: format!("{id:016x}"),
        first_seen: clock::iso_s(heard_s),
        last_seen_s,
        seen: vec![Seen { id: id * 10, timestamp_s: heard_s, ..Seen::default() }],
        ..Record::default()
    }
}

pub fn hours(hours: u64) -> Option<Duration> {
    (hours > 0).then(|| Duration::from_secs(hours * 3_600))
}

impl World {
    /// One transmission every 6 minutes for so many hours, the newest at the present.
    pub fn of(span_hours: i64, hot: u64, retention: u64) -> Self {
        let rows = (0..span_hours * 10)
            .map(|n| (n + 1, record(n + 1, NOW_S - (span_hours * 10 - 1 - n) * 360, 0)));
        Self::with(rows.collect(), LoadRules::new(hours(hot), hours(retention), 1 << 30, 25))
    }

    pub fn with(rows: BTreeMap<i64, Record>, rules: LoadRules) -> Self {
        Self {
            rows,
            is_indexed: true,
            version: 1,
            load: Load::new(rules),
            now: Duration::from_secs(1),
            events: Vec::new(),
            chunks: 0,
            bytes_most: 0,
        }
    }

    pub fn answer(&self, need: &Need) -> Found {
        match need {
            Need::Look { known, ids, counts } => Found::Looked(self.look(*known, ids, *counts)),
            Need::Outline(mark) => Found::Outline(self.outline(mark)),
            Need::Records(ids) => Found::Records(self.records(ids)),
            Need::Ids(after) => {
                let rest = self.rows.keys().filter(|id| after.is_none_or(|after| **id > after));
                Found::Ids(rest.copied().take(40).collect())
            }
            Need::Wait(_) => unreachable!(),
        }
    }

    pub fn records(&self, ids: &[i64]) -> Vec<Record> {
        ids.iter().filter_map(|id| self.rows.get(id).cloned()).collect()
    }

    pub fn look(&self, known: Option<Known>, ids: &[i64], counts: bool) -> Looked {
        let last = self.rows.keys().next_back().copied().unwrap_or(0);
        let mut wanted = ids.to_vec();
        if let Some(known) = known {
            wanted.extend(self.rows.keys().filter(|id| **id > known.transmission));
        }
        wanted.sort_unstable();
        wanted.dedup();
        let records = self.records(&wanted);
        wanted.retain(|id| !self.rows.contains_key(id));
        let known =
            Known { transmission: last, observation: last * 10, data_version: self.version };
        let count = counts.then_some(self.rows.len() as u64);
        Looked { known, has_more: false, records, gone: wanted, count }
    }

    pub fn outline(&self, mark: &OutlineMark) -> OutlinePart {
        let is_exact = self.is_indexed;
        let row = |record: &Record| OutlineRow {
            id: record.id,
            heard_s: first_seen_s(&record.first_seen),
            observations: 1,
        };
        let next = match mark {
            OutlineMark::Begin if is_exact => Some(OutlineMark::Newest(None)),
            _ => None,
        };
        if matches!(mark, OutlineMark::Newest(_)) {
            let newest =
                self.rows.values().filter(|record| !record.seen.is_empty()).map(|record| {
                    let heard_s = record.seen.iter().map(|seen| seen.timestamp_s).max().unwrap();
                    OutlineRow { heard_s, ..row(record) }
                });
            return OutlinePart { rows: newest.collect(), next: None, is_exact };
        }
        let shown = self.rows.values().filter(|record| record.first_seen != "NULL");
        OutlinePart { rows: shown.map(row).collect(), next, is_exact }
    }

    /// Meets needs until it waits, or for so many steps.
    pub fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            if !self.step(|_| None) {
                return;
            }
        }
    }

    /// One need; `refuse` may say why it cannot be met. `false` when it waits.
    pub fn step(&mut self, refuse: impl Fn(&Need) -> Option<&'static str>) -> bool {
        let need = self.load.next(self.now, NOW_S).unwrap();
        let goes_on = match &need {
            Need::Wait(_) => false,
            need => {
                self.chunks += usize::from(matches!(need, Need::Records(_)));
                match refuse(need) {
                    Some(why) => self.load.fail(need, why, self.now),
                    None => self.load.take(need, self.answer(need), self.now),
                }
                true
            }
        };
        if let Some((snapshot, _)) = self.load.publish(self.now) {
            self.bytes_most = self.bytes_most.max(snapshot.bytes());
        }
        self.events.extend(self.load.take_events());
        goes_on
    }

    /// As [`Self::step`] through pauses, until that many seconds have passed.
    pub fn run_for(&mut self, seconds: u64, refuse: impl Fn(&Need) -> Option<&'static str>) {
        let until = self.now + Duration::from_secs(seconds);
        while self.now < until {
            if !self.step(&refuse) {
                self.now += Duration::from_millis(50);
            }
        }
    }

    pub fn held(&self) -> Vec<i64> {
        self.rows.keys().copied().filter(|id| self.load.store.contains(*id)).collect()
    }
}
