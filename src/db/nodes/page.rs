//! The requested part of a list of nodes.

use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::filter::{Conditions, Hidden, NodeFilter, Sorting};
use super::{COLUMNS, Node, node_of};
use crate::db::error::DbError;
use crate::db::reader::Reader;
use crate::db::values::integer;

/// Nodes that a search yields at most (contract §4.2).
const FOUND_MAX: usize = 10;

/// A part of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct NodePage {
    /// The part, in order.
    pub nodes: Vec<Node>,
    /// Length of the whole list.
    pub total: i64,
    /// Of all nodes that are shown, whatever is asked for.
    pub roles: RoleTotals,
}

/// Returns `limit` nodes after the first `offset`. Those seen last are found in an index; counting
/// passes through the whole table: once, and once more where something is asked for.
///
/// # Errors
/// Any failure of the database, and the deadline.
pub fn list(
    reader: &Reader,
    filter: &NodeFilter,
    limit: usize,
    offset: usize,
) -> Result<NodePage, DbError> {
    let roles = count_roles(reader, &filter.hidden)?;
    let conditions = filter.conditions(reader)?;
    let total = match filter.is_everything() {
        true => roles.nodes,
        false => {
            let sql = format!("SELECT count(*) FROM nodes n WHERE {}", conditions.sql());
            reader.number(&sql, params_from_iter(&conditions.params))?
        }
    };
    let nodes = page(reader, conditions, filter.sorting, (limit, offset))?;
    Ok(NodePage { nodes, total, roles })
}

/// Returns the nodes seen last whose name contains `text` or whose key begins with it.
///
/// # Errors
/// As [`list`].
pub fn search(reader: &Reader, text: &str, hidden: &Hidden) -> Result<Vec<Node>, DbError> {
    let mut conditions = Conditions::new(reader)?;
    let sql = "(instr(lower(name), lower(?)) > 0 OR instr(lower(public_key), lower(?)) = 1)";
    conditions.add(sql, [text.to_owned(), text.to_owned()]);
    conditions.hide(hidden);
    page(reader, conditions, Sorting::LastSeen, (FOUND_MAX, 0))
}

fn page(
    reader: &Reader,
    conditions: Conditions,
    sorting: Sorting,
    slice: (usize, usize),
) -> Result<Vec<Node>, DbError> {
    let sql = page_sql(&conditions, sorting);
    reader.rows(&sql, params_from_iter(sliced(conditions, slice)), node_of)
}

pub(super) fn page_sql(conditions: &Conditions, sorting: Sorting) -> String {
    let (conditions, order) = (conditions.sql(), sorting.sql());
    format!("SELECT {COLUMNS} FROM nodes n WHERE {conditions} ORDER BY {order} LIMIT ? OFFSET ?")
}

/// The parameters of [`page_sql`].
pub(super) fn sliced(conditions: Conditions, (limit, offset): (usize, usize)) -> Vec<Value> {
    let rows = |count: usize| Value::Integer(i64::try_from(count).unwrap_or(i64::MAX));
    let mut params = conditions.params;
    params.extend([rows(limit), rows(offset)]);
    params
}

/// Nodes by role, whenever they were seen last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoleTotals {
    /// Of any role or none.
    pub nodes: i64,
    /// `companion`.
    pub companions: i64,
    /// `repeater`.
    pub repeaters: i64,
    /// `room`.
    pub rooms: i64,
    /// `sensor`.
    pub sensors: i64,
}

/// Counts all nodes that are shown, by role: one pass through the table, without sorting.
fn count_roles(reader: &Reader, hidden: &Hidden) -> Result<RoleTotals, DbError> {
    let mut conditions = Conditions::new(reader)?;
    conditions.hide(hidden);
    let sql = format!(
        "SELECT count(*), sum(role = 'companion'), sum(role = 'repeater'), sum(role = 'room'), \
         sum(role = 'sensor') FROM nodes n WHERE {}",
        conditions.sql()
    );
    let counted = reader.first(&sql, params_from_iter(conditions.params), |row| {
        let of = |column| integer(row, column).map(Option::unwrap_or_default);
        Ok(RoleTotals {
            nodes: of(0)?,
            companions: of(1)?,
            repeaters: of(2)?,
            rooms: of(3)?,
            sensors: of(4)?,
        })
    })?;
    Ok(counted.unwrap_or_default())
}
