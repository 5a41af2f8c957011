//! Which transmissions match: all their ids at once.
//!
//! A list needs the exact total beside its page, so every match is visited anyway. Ids are taken
//! from indexes where one serves, 8 bytes each; rows are read for the page only.

use std::collections::HashSet;

use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::heard;
use crate::db::error::DbError;
use crate::db::reader::Reader;

/// What a packet list is filtered by (contract §3.1, the in-memory column; decision 25). Absent
/// and empty parts filter nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Exactly this payload type.
    pub payload_type: Option<i64>,
    /// Exactly this route type.
    pub route_type: Option<i64>,
    /// Heard by any of these observers.
    pub observers: Vec<String>,
    /// Content hash, case-insensitive.
    pub hash: Option<String>,
    /// By `first_seen`.
    pub span: Span,
    /// Heard by an observer of any of these regions, upper case. An unknown one has no rows.
    pub regions: Vec<String>,
    /// Adverts of these public keys, lower case.
    pub senders: Option<Vec<String>>,
    /// Sent or relayed by this public key, lower case.
    pub node: Option<String>,
    /// A channel's name, or `enc_` and the channel's hash byte in hex. Group texts only.
    pub channel: Option<String>,
}

/// A range of `first_seen`, compared as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Later than this.
    pub since: Option<String>,
    /// Earlier than this.
    pub until: Option<String>,
    /// Whether the ends belong to it.
    pub is_inclusive: bool,
}

impl Span {
    /// Whether nothing is excluded.
    pub fn is_everything(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }
}

impl Filter {
    /// Whether every transmission matches.
    pub fn is_empty(&self) -> bool {
        self.payload_type.is_none()
            && self.route_type.is_none()
            && self.hash.is_none()
            && self.span.is_everything()
            && self.senders.is_none()
            && self.node.is_none()
            && self.channel.is_none()
            && self.observers.is_empty()
            && self.regions.is_empty()
    }
}

/// Returns the ids of all transmissions that match, each once, in no order.
pub(super) fn matching_ids(reader: &Reader, filter: &Filter) -> Result<Vec<i64>, DbError> {
    let mut conditions = Conditions::default();
    conditions.add_columns(filter);
    if let Some(channel) = &filter.channel {
        let (sql, values) = text_in_channel(reader, channel)?;
        conditions.add(&format!("t.id IN ({sql})"), values);
    }
    if let Some(senders) = &filter.senders {
        let sql = heard::sent_by_sql(reader)?;
        conditions.add(&format!("t.id IN ({sql})"), [json_list(senders)]);
    }
    if !add_heard_by(reader, filter, &mut conditions)? {
        return Ok(Vec::new());
    }
    let mut ids = conditions.ids(reader)?;
    let blank = blank_ids(reader)?;
    if !blank.is_empty() {
        ids.retain(|id| !blank.contains(id));
    }
    match &filter.node {
        Some(key) => heard::keep_of_nodes(reader, ids, std::slice::from_ref(key)),
        None => Ok(ids),
    }
}

/// Returns the ids of transmissions without hash or time: no list shows them.
pub(super) fn blank_ids(reader: &Reader) -> Result<HashSet<i64>, DbError> {
    let sql = "SELECT id FROM transmissions WHERE hash = '' \
               UNION ALL SELECT id FROM transmissions WHERE first_seen = ''";
    Ok(reader.rows(sql, [], |row| row.get(0))?.into_iter().collect())
}

/// Returns the query of the group texts of a channel, with its parameters.
///
/// `channel_hash` is the decoded channel or `enc_XX`. The JSON decides where it is not filled in
/// yet; for `enc_XX` it also names the decrypted packets with that hash byte.
fn text_in_channel(reader: &Reader, channel: &str) -> Result<(String, Vec<String>), DbError> {
    const JSON: &str = "CASE WHEN json_valid(decoded_json) THEN decoded_json END";
    // Alone, the planner takes the index of payload types and reads a third of all rows.
    let has_index = reader.has_index("idx_tx_channel_hash")?;
    let by = if has_index { "INDEXED BY idx_tx_channel_hash" } else { "" };
    let filled = format!(
        "SELECT id FROM transmissions {by} WHERE payload_type = 5 AND channel_hash IN (?, ?)"
    );
    let texts = "SELECT id FROM transmissions WHERE payload_type = 5";
    if let Some(hash_hex) = channel.strip_prefix("enc_") {
        let sql = format!(
            "{filled} UNION ALL {texts} AND ifnull(channel_hash NOT LIKE 'enc\\_%' ESCAPE '\\', 1) \
             AND {JSON} ->> '$.channelHashHex' = ?"
        );
        return Ok((sql, [channel, channel, hash_hex].map(str::to_owned).into()));
    }
    // The built-in channel had a lower-case name once.
    let is_public = channel.eq_ignore_ascii_case("public");
    let names = if is_public { ["Public", "public"] } else { [channel, channel] };
    let names = names.map(str::to_owned);
    if reader.is_migrated("channel_hash_v1")? {
        return Ok((filled, names.into()));
    }
    let sql = format!(
        "{filled} UNION ALL {texts} AND channel_hash IS NULL AND {JSON} ->> '$.channel' IN (?, ?)"
    );
    Ok((sql, [names.clone(), names].concat()))
}

/// Returns `false` if nobody that the filter names exists.
fn add_heard_by(
    reader: &Reader,
    filter: &Filter,
    conditions: &mut Conditions,
) -> Result<bool, DbError> {
    let mut sets = Vec::new();
    if !filter.observers.is_empty() {
        sets.push(heard::observers_named(reader, &filter.observers)?);
    }
    if !filter.regions.is_empty() {
        sets.push(heard::observers_in(reader, &filter.regions)?);
    }
    for observers in sets {
        if observers.is_empty() {
            return Ok(false);
        }
        let heard_by = heard::heard_by_sql(reader, &observers)?;
        conditions.add(&format!("t.id IN ({heard_by})"), [json_list(&observers)]);
    }
    Ok(true)
}

#[derive(Default)]
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    fn add(&mut self, sql: &str, values: impl IntoIterator<Item = impl Into<Value>>) {
        self.sql.push_str(if self.sql.is_empty() { " WHERE " } else { " AND " });
        self.sql.push_str(sql);
        self.values.extend(values.into_iter().map(Into::into));
    }

    fn add_columns(&mut self, filter: &Filter) {
        if let Some(payload_type) = filter.payload_type {
            self.add("t.payload_type = ?", [payload_type]);
        }
        if let Some(route_type) = filter.route_type {
            self.add("t.route_type = ?", [route_type]);
        }
        if let Some(hash) = &filter.hash {
            // The unique index compares bytes; old rows hold hashes in upper case.
            self.add("t.hash IN (?, ?)", [hash.to_lowercase(), hash.to_uppercase()]);
        }
        self.add_span(&filter.span);
    }

    fn add_span(&mut self, span: &Span) {
        let (after, before) = if span.is_inclusive { (">=", "<=") } else { (">", "<") };
        if let Some(since) = &span.since {
            self.add(&format!("t.first_seen {after} ?"), [since.clone()]);
        }
        if let Some(until) = &span.until {
            self.add(&format!("t.first_seen {before} ?"), [until.clone()]);
        }
    }

    fn ids(self, reader: &Reader) -> Result<Vec<i64>, DbError> {
        let sql = format!("SELECT t.id FROM transmissions t{}", self.sql);
        reader.rows(&sql, params_from_iter(self.values), |row| row.get(0))
    }
}

/// A list as one parameter, for `json_each`.
pub(super) fn json_list<T: serde::Serialize>(values: &[T]) -> String {
    serde_json::to_string(values).unwrap_or_else(|_| "[]".to_owned())
}
