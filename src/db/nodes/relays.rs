//! Who passed packets on, as the stored resolved paths of a day tell.

use std::collections::{BTreeSet, HashMap, HashSet};

use memchr::memchr_iter;

use crate::db::error::{DbError, Doing};
use crate::db::reader::{Reader, integer, stored_text};

const HOUR_S: i64 = 3_600;

/// Figures look back so far.
const WINDOW_S: i64 = 24 * HOUR_S;

/// The latest so many receptions are looked at.
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

/// Reads the resolved paths of the receptions of the 24 hours before `now_s` (Unix seconds).
///
/// # Errors
/// Any failure of the database, and the deadline.
pub fn relay_figures(reader: &Reader, now_s: i64) -> Result<Relays, DbError> {
    const ACTION: &str = "read who passed packets on";
    let sql = "SELECT transmission_id, timestamp, resolved_path FROM observations \
               WHERE timestamp > ?1 AND timestamp <= ?2 AND resolved_path IS NOT NULL \
               ORDER BY timestamp DESC LIMIT ?3";
    let mut statement = reader.statement(sql)?;
    let window = (now_s - WINDOW_S, now_s, RECEPTIONS_MAX);
    let mut rows = statement.query(window).doing(ACTION)?;
    let (mut relays, mut counted) = (Relays::new(), HashSet::new());
    let mut scopes = Scopes { reader, known: HashMap::new() };
    while let Some(row) = rows.next().doing(ACTION)? {
        let id: i64 = row.get(0).doing(ACTION)?;
        let heard_s = integer(row, 1).doing(ACTION)?.unwrap_or(0);
        let path = stored_text(row, 2).doing(ACTION)?.unwrap_or_default();
        for key in keys_of(&path) {
            if !counted.insert((id, key.to_owned())) {
                continue;
            }
            let scope = scopes.of(id)?;
            relays.entry(key.to_owned()).or_default().add(heard_s, now_s, scope);
        }
    }
    Ok(relays)
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

/// Scopes of packets, each read once.
struct Scopes<'r> {
    reader: &'r Reader,
    known: HashMap<i64, Option<String>>,
}

impl Scopes<'_> {
    fn of(&mut self, id: i64) -> Result<Option<&str>, DbError> {
        if !self.known.contains_key(&id) {
            let sql = "SELECT scope_name FROM transmissions WHERE id = ?1";
            let scope = self.reader.first(sql, [id], |row| stored_text(row, 0))?.flatten();
            self.known.insert(id, scope);
        }
        Ok(self.known.get(&id).and_then(Option::as_deref))
    }
}

/// The texts in quotes that have the length of a key.
fn keys_of(path: &str) -> impl Iterator<Item = &str> {
    let mut quotes = memchr_iter(b'"', path.as_bytes());
    std::iter::from_fn(move || Some((quotes.next()?, quotes.next()?)))
        .filter_map(|(start, end)| path.get(start + 1..end))
        .filter(|key| key.len() == KEY_DIGITS)
}
