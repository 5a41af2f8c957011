//! What a list of nodes is filtered by, as conditions of SQL: the count and the page have the same.

use rusqlite::types::Value;

use crate::config::{GeoFilter, Shape};
use crate::db::error::DbError;
use crate::db::reader::Reader;
use crate::db::values::{integer, json_list, real};
use crate::ingest::geo;

/// What a list of nodes is filtered by (contract §4.1). Absent parts filter nothing.
#[derive(Clone, Debug, Default)]
pub struct NodeFilter {
    /// Exactly.
    pub role: Option<String>,
    /// Part of the name, ASCII letters in either case.
    pub name_part: Option<String>,
    /// `first_seen` at most, compared as text.
    pub first_seen_until: Option<String>,
    /// `last_seen` later than this, compared as text.
    pub last_seen_after: Option<String>,
    /// JSON list of the only keys, lower case.
    pub keys: Option<std::sync::Arc<str>>,
    /// Nodes in it only.
    pub area: Option<Shape>,
    /// Nodes in it, foreign ones and those without a position only.
    pub home: Option<GeoFilter>,
    /// What is never shown.
    pub hidden: Hidden,
    /// Order.
    pub sorting: Sorting,
}

/// What is never shown.
#[derive(Clone, Debug, Default)]
pub struct Hidden {
    /// Public keys, lower case.
    pub keys: Vec<String>,
    /// Beginnings of names, case-sensitive.
    pub name_prefixes: Vec<String>,
}

/// The order of a list of nodes. Equal ones stand by key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sorting {
    /// Seen last first.
    #[default]
    LastSeen,
    /// By name.
    Name,
    /// Most adverts first.
    AdvertCount,
}

impl Sorting {
    pub(super) const fn sql(self) -> &'static str {
        match self {
            Self::LastSeen => "last_seen DESC, lower(public_key)",
            Self::Name => "name, lower(public_key)",
            Self::AdvertCount => "advert_count DESC, lower(public_key)",
        }
    }
}

/// Conditions joined by AND, with their parameters in order.
pub(super) struct Conditions {
    sql: String,
    pub(super) params: Vec<Value>,
}

impl Conditions {
    /// Rows that are nodes: with a key, and of two spellings of one key the lower-case one. The sign
    /// keeps SQLite from looking for keys: nearly all rows have one, and in the order of keys each
    /// would be fetched by itself and sorted.
    pub(super) fn new(reader: &Reader) -> Result<Self, DbError> {
        let mut sql = "+public_key > ''".to_owned();
        if !has_lower_keys(reader)? {
            sql.push_str(
                " AND (public_key = lower(public_key) OR NOT EXISTS \
                 (SELECT 1 FROM nodes other WHERE other.public_key = lower(n.public_key)))",
            );
        }
        Ok(Self { sql, params: Vec::new() })
    }

    pub(super) fn sql(&self) -> &str {
        &self.sql
    }

    /// Adds a condition with one `?` for each of `params`.
    pub(super) fn add(&mut self, sql: &str, params: impl IntoIterator<Item = String>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self.params.extend(params.into_iter().map(Value::Text));
    }

    pub(super) fn hide(&mut self, hidden: &Hidden) {
        if !hidden.keys.is_empty() {
            let sql = "lower(public_key) NOT IN (SELECT value FROM json_each(?))";
            self.add(sql, [json_list(&hidden.keys)]);
        }
        if !hidden.name_prefixes.is_empty() {
            let sql = "NOT EXISTS (SELECT 1 FROM json_each(?) hidden \
                       WHERE instr(n.name, hidden.value) = 1)";
            self.add(sql, [json_list(&hidden.name_prefixes)]);
        }
    }
}

/// Whether no key is in upper case any more.
pub(super) fn has_lower_keys(reader: &Reader) -> Result<bool, DbError> {
    reader.is_migrated("nodes_lower_case_keys_v1")
}

impl NodeFilter {
    /// Whether all nodes that are shown are asked for.
    pub(super) fn is_everything(&self) -> bool {
        let texts = [&self.role, &self.name_part, &self.first_seen_until, &self.last_seen_after];
        texts.iter().all(|text| text.is_none())
            && self.keys.is_none()
            && self.area.is_none()
            && self.home.is_none()
    }

    pub(super) fn conditions(&self, reader: &Reader) -> Result<Conditions, DbError> {
        let mut conditions = Conditions::new(reader)?;
        let texts = [
            ("role = ?", &self.role),
            // No LIKE: nothing in it would need escaping.
            ("instr(lower(name), lower(?)) > 0", &self.name_part),
            ("first_seen <= ?", &self.first_seen_until),
            ("last_seen > ?", &self.last_seen_after),
        ];
        for (sql, text) in texts {
            if let Some(text) = text {
                conditions.add(sql, [text.clone()]);
            }
        }
        if let Some(keys) = &self.keys {
            let sql = "lower(public_key) IN (SELECT value FROM json_each(?))";
            conditions.add(sql, [keys.to_string()]);
        }
        conditions.hide(&self.hidden);
        if self.area.is_some() || self.home.is_some() {
            let rowids = json_list(&self.rowids_in_place(reader)?);
            conditions.add("n.rowid IN (SELECT value FROM json_each(?))", [rowids]);
        }
        Ok(conditions)
    }

    /// SQL knows no polygons.
    fn rowids_in_place(&self, reader: &Reader) -> Result<Vec<i64>, DbError> {
        let sql = "SELECT rowid, lat, lon, foreign_advert FROM nodes";
        let places = reader.rows(sql, [], |row| {
            let place = real(row, 1)?.zip(real(row, 2)?);
            Ok((row.get::<_, i64>(0)?, place, integer(row, 3)? == Some(1)))
        })?;
        let area = self.area.clone().map(|shape| GeoFilter { shape, buffer_km: 0.0 });
        let is_in = |place: Option<(f64, f64)>, is_foreign: bool| {
            area.as_ref().is_none_or(|area| is_inside(area, place) == Some(true))
                && (is_foreign
                    || self.home.as_ref().is_none_or(|home| is_inside(home, place) != Some(false)))
        };
        let kept = places.into_iter().filter(|(_, place, is_foreign)| is_in(*place, *is_foreign));
        Ok(kept.map(|(rowid, ..)| rowid).collect())
    }
}

/// `None` where it is not known: (0, 0) is what a node without a position sends.
fn is_inside(filter: &GeoFilter, place: Option<(f64, f64)>) -> Option<bool> {
    let (lat, lon) = place.filter(|place| *place != (0.0, 0.0))?;
    Some(geo::is_inside(filter, lat, lon))
}
