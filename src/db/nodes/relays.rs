//! Who passed packets on, as the stored resolved paths of a day tell.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

use memchr::memchr_iter;

use crate::db::error::{DbError, Doing};
use crate::db::reader::Reader;
use crate::db::values::{integer, stored_text};

const HOUR_S: i64 = 3_600;

/// Figures look back so far.
const WINDOW_S: i64 = 24 * HOUR_S;

/// Of one step: some thousand receptions.
const STEP_S: i64 = 2 * HOUR_S;

/// Receptions of one step: where its hours have more, it reads less.
const STEP_RECEPTIONS: i64 = 20_000;

/// Of a mesh that is so busy that a day has more receptions, with a resolved path or without, the
/// latest are looked at.
const LOOKED_AT_MAX: i64 = 2_000_000;

const ACTION: &str = "read who passed packets on";

/// The latest so many receptions with a resolved path are looked at.
const RECEPTIONS_MAX: i64 = 100_000;

/// Scopes that are named at most (contract §4.1).
const SCOPES_MAX: usize = 32;

const KEY_DIGITS: usize = 64;

/// What one node passed on in a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayFigures {
    /// Unix seconds.
    pub latest_s: i64,
    /// Different packets of the last hour.
    pub packets_1h: u64,
    /// Different packets.
    pub packets_24h: u64,
    /// Of these, those without a scope.
    pub unscoped_24h: u64,
    /// Names of regions, 32 at most.
    pub scopes: BTreeSet<String>,
}

/// By public key, lower case.
pub type Relays = HashMap<String, RelayFigures>;

/// The receptions of the 24 hours before a time, read in steps from the newest to the oldest.
#[derive(Debug)]
pub struct RelayTally {
    now_s: i64,
    until_s: i64,
    left: i64,
    /// Receptions, with a resolved path or without.
    looks_left: i64,
    numbers: HashMap<String, u32>,
    figures: Vec<RelayFigures>,
    /// Transmission and number of a key.
    counted: HashSet<(i64, u32)>,
    scopes: HashMap<i64, Option<String>>,
}

impl RelayTally {
    /// So many steps it takes, of a mesh that is not very busy.
    pub const STEPS: u32 = (WINDOW_S / STEP_S) as u32;

    /// Begins at `now_s`, Unix seconds.
    pub fn before(now_s: i64) -> Self {
        Self {
            now_s,
            until_s: now_s,
            left: RECEPTIONS_MAX,
            looks_left: LOOKED_AT_MAX,
            numbers: HashMap::new(),
            figures: Vec::new(),
            counted: HashSet::new(),
            scopes: HashMap::new(),
        }
    }

    /// Reads the next hours, or a part of them; `false` after the last. After an error it may be
    /// tried again: what has been counted is not counted twice.
    ///
    /// # Errors
    /// Any failure of the database, and the deadline.
    pub fn read_step(&mut self, reader: &Reader) -> Result<bool, DbError> {
        let sql = "SELECT transmission_id, timestamp, resolved_path FROM observations \
                   WHERE timestamp > ?1 AND timestamp <= ?2 AND resolved_path IS NOT NULL \
                   ORDER BY timestamp DESC LIMIT ?3";
        let from_s = self.step_from_s(reader)?;
        let mut statement = reader.statement(sql)?;
        let mut rows = statement.query((from_s, self.until_s, self.left)).doing(ACTION)?;
        let mut receptions = 0;
        while let Some(row) = rows.next().doing(ACTION)? {
            receptions += 1;
            let Some(id) = integer(row, 0).doing(ACTION)? else { continue };
            let heard_s = integer(row, 1).doing(ACTION)?.unwrap_or(0);
            let path = stored_text(row, 2).doing(ACTION)?.unwrap_or_default();
            for key in keys_of(&path) {
                self.count(reader, key, (id, heard_s))?;
            }
        }
        (self.until_s, self.left) = (from_s, self.left - receptions);
        self.looks_left -= STEP_RECEPTIONS;
        Ok(from_s > self.now_s - WINDOW_S && self.left > 0 && self.looks_left > 0)
    }

    /// The next step reads what is later: all receptions of one second belong to one step.
    fn step_from_s(&self, reader: &Reader) -> Result<i64, DbError> {
        let hours_from_s = (self.until_s - STEP_S).max(self.now_s - WINDOW_S);
        let edge = "SELECT timestamp FROM observations WHERE timestamp > ?1 AND timestamp <= ?2 \
                    ORDER BY timestamp DESC LIMIT 1 OFFSET ?3";
        let edge =
            reader.first(edge, (hours_from_s, self.until_s, STEP_RECEPTIONS), |row| row.get(0))?;
        Ok(edge.map_or(hours_from_s, |edge_s: i64| edge_s - 1))
    }

    fn count(
        &mut self,
        reader: &Reader,
        key: &str,
        (id, heard_s): (i64, i64),
    ) -> Result<(), DbError> {
        let number = self.numbers.get(key).copied().unwrap_or_else(|| {
            let number = self.figures.len() as u32;
            self.figures.push(RelayFigures::default());
            self.numbers.insert(key.to_owned(), number);
            number
        });
        if !self.counted.contains(&(id, number)) {
            let scope = scope_of(reader, &mut self.scopes, id)?;
            self.figures[number as usize].add(heard_s, self.now_s, scope);
            self.counted.insert((id, number));
        }
        Ok(())
    }

    /// What they tell.
    pub fn finish(mut self) -> Relays {
        let of = |(key, number): (String, u32)| {
            (key, std::mem::take(&mut self.figures[number as usize]))
        };
        self.numbers.into_iter().map(of).collect()
    }
}

/// Each is read once.
fn scope_of<'s>(
    reader: &Reader,
    known: &'s mut HashMap<i64, Option<String>>,
    id: i64,
) -> Result<Option<&'s str>, DbError> {
    if let Entry::Vacant(place) = known.entry(id) {
        let sql = "SELECT scope_name FROM transmissions WHERE id = ?1";
        place.insert(reader.first(sql, [id], |row| stored_text(row, 0))?.flatten());
    }
    Ok(known.get(&id).and_then(Option::as_deref))
}

impl RelayFigures {
    fn add(&mut self, heard_s: i64, now_s: i64, scope: Option<&str>) {
        self.latest_s = self.latest_s.max(heard_s);
        self.packets_24h += 1;
        self.packets_1h += u64::from(heard_s > now_s - HOUR_S);
        match scope {
            None => self.unscoped_24h += 1,
            Some(name) if !name.is_empty() && self.scopes.len() < SCOPES_MAX => {
                self.scopes.insert(name.to_owned());
            }
            Some(_) => {}
        }
    }
}

/// The texts in quotes that have the length of a key.
fn keys_of(path: &str) -> impl Iterator<Item = &str> {
    let mut quotes = memchr_iter(b'"', path.as_bytes());
    std::iter::from_fn(move || Some((quotes.next()?, quotes.next()?)))
        .filter_map(|(start, end)| path.get(start + 1..end))
        .filter(|key| key.len() == KEY_DIGITS)
}
