//! One node, and the adverts that it sent.

use std::collections::HashMap;

use rusqlite::params_from_iter;

use super::filter::{Conditions, Hidden, has_lower_keys};
use super::{COLUMNS, Node, WITHOUT_SENDER, node_of};
use crate::db::error::DbError;
use crate::db::packets::{Depth, Page, Transmission};
use crate::db::reader::Reader;
use crate::db::values::stored_text;

/// A shorter part of a key is none (contract §4.2).
const PREFIX_MIN: usize = 8;

const KEY_DIGITS: usize = 64;

/// Adverts that are shown at most.
const ADVERTS_MAX: i64 = 20;

/// What a key or the beginning of one names.
#[derive(Clone, Debug, PartialEq)]
pub enum FoundNode {
    /// One node.
    One(Box<Node>),
    /// More than one key begins so.
    Ambiguous,
    /// Nothing that is shown.
    None,
}

/// Finds a node by its key in either case, or by 8 to 63 hex digits that only its key begins with.
/// What is hidden is not there.
///
/// # Errors
/// Any failure of the database, and the deadline.
pub fn find(reader: &Reader, text: &str, hidden: &Hidden) -> Result<FoundNode, DbError> {
    let key = text.to_ascii_lowercase();
    let is_lower = has_lower_keys(reader)?;
    let exact = if is_lower { "public_key = ?" } else { "lower(public_key) = ?" };
    if let Some(node) = first_two(reader, exact, [key.clone()], hidden)?.pop() {
        return Ok(FoundNode::One(Box::new(node)));
    }
    let is_prefix = (PREFIX_MIN..KEY_DIGITS).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_prefix {
        return Ok(FoundNode::None);
    }
    // `g` comes after every hex digit.
    let begins = if is_lower {
        "public_key >= ? AND public_key < ?"
    } else {
        "lower(public_key) >= ? AND lower(public_key) < ?"
    };
    let mut found = first_two(reader, begins, [key.clone(), format!("{key}g")], hidden)?;
    Ok(match (found.pop(), found.pop()) {
        (Some(node), None) => FoundNode::One(Box::new(node)),
        (Some(_), Some(_)) => FoundNode::Ambiguous,
        (None, _) => FoundNode::None,
    })
}

fn first_two(
    reader: &Reader,
    condition: &str,
    params: impl IntoIterator<Item = String>,
    hidden: &Hidden,
) -> Result<Vec<Node>, DbError> {
    let mut conditions = Conditions::new(reader)?;
    conditions.add(condition, params);
    conditions.hide(hidden);
    let sql = format!("SELECT {COLUMNS} FROM nodes n WHERE {} LIMIT 2", conditions.sql());
    reader.rows(&sql, params_from_iter(conditions.params), node_of)
}

/// Hands the packets that a node sent to `show`, each with its `scope_name`, newest first, 20 at
/// most; `show` says whether to go on.
///
/// # Errors
/// As [`find`].
pub fn recent_adverts(
    reader: &Reader,
    public_key: &str,
    mut show: impl FnMut(&Transmission, Option<&str>) -> bool,
) -> Result<(), DbError> {
    let ids = ids_sent_by(reader, public_key)?;
    let mut scopes = HashMap::with_capacity(ids.len());
    for &id in &ids {
        let sql = "SELECT scope_name FROM transmissions WHERE id = ?1";
        scopes.insert(id, reader.first(sql, [id], |row| stored_text(row, 0))?.flatten());
    }
    let page = Page { total: ids.len(), ids };
    page.visit(reader, Depth::All, |packet| {
        show(packet, scopes.get(&packet.id).and_then(Option::as_deref))
    })
}

/// Where `from_pubkey` is not filled in yet, the frame says whose advert it is: the key stands in
/// it.
fn ids_sent_by(reader: &Reader, public_key: &str) -> Result<Vec<i64>, DbError> {
    // `+`: the index of keys, not the walk along the ids.
    let filled = "SELECT id FROM transmissions WHERE from_pubkey = ?1 AND hash <> '' \
                  AND first_seen <> '' ORDER BY +id DESC LIMIT ?2";
    let mut ids = reader.rows(filled, (public_key, ADVERTS_MAX), |row| row.get::<_, i64>(0))?;
    if !reader.is_migrated("backfill_from_pubkey_v1")? {
        let missing = format!(
            "SELECT id FROM transmissions WHERE {WITHOUT_SENDER} \
             AND instr(upper(raw_hex), upper(?1)) > 0 \
             AND hash <> '' AND first_seen <> '' ORDER BY +id DESC LIMIT ?2"
        );
        ids.extend(reader.rows(&missing, (public_key, ADVERTS_MAX), |row| row.get::<_, i64>(0))?);
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.truncate(usize::try_from(ADVERTS_MAX).unwrap_or(0));
    }
    Ok(ids)
}
