//! Nodes that have gone silent move to `inactive_nodes`, and back when they return: by the names
//! of the columns that both tables have, whatever their order (HZ 14).

use rusqlite::{Connection, params};

use super::Cutoff;
use super::cutoff::TIME_SHAPE;
use super::hold::Hold;
use super::rows::{limit, run};
use crate::db::catalog;
use crate::db::error::{DbError, Doing};
use crate::db::migrations::{JobStep, JobWindow};

/// Walks the nodes and moves those that were last heard of before `cutoff`. One that was never
/// heard of stays.
pub(super) fn move_stale(
    conn: &Connection,
    cutoff: Cutoff,
    window: JobWindow,
    hold: &Hold,
) -> Result<JobStep, DbError> {
    let copy = carry_sql(&shared_columns(conn)?, Carry::Out);
    let nodes = next_nodes(conn, cutoff, window)?;
    let mut step = JobStep {
        is_done: (nodes.len() as u64) < window.rows_max,
        last_key: window.after,
        ..JobStep::default()
    };
    for (rowid, is_stale) in nodes {
        if step.rows_scanned > 0 && hold.is_over() {
            step.is_done = false;
            break;
        }
        (step.rows_scanned, step.last_key) = (step.rows_scanned + 1, Some(rowid));
        if is_stale {
            const ACTION: &str = "move a silent node";
            step.rows_changed += run(conn, ACTION, &copy, [rowid])?;
            step.rows_changed += run(conn, ACTION, "DELETE FROM nodes WHERE rowid = ?1", [rowid])?;
        }
    }
    Ok(step)
}

/// The rowids of the next nodes, ascending, and whether each is to move.
fn next_nodes(
    conn: &Connection,
    cutoff: Cutoff,
    window: JobWindow,
) -> Result<Vec<(i64, bool)>, DbError> {
    let sql = "SELECT rowid, COALESCE(last_seen < ?2 AND last_seen GLOB ?3, 0) FROM nodes \
               WHERE rowid > ?1 ORDER BY rowid LIMIT ?4";
    let after = window.after.unwrap_or(i64::MIN);
    conn.prepare_cached(sql)
        .and_then(|mut rows| {
            let params = params![after, cutoff.iso(), TIME_SHAPE, limit(window.rows_max)];
            rows.query_map(params, |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .doing("find silent nodes")
}

/// The rowid of the next node.
pub(super) fn next(conn: &Connection, after: Option<i64>) -> Result<Option<i64>, DbError> {
    conn.query_row(
        "SELECT MIN(rowid) FROM nodes WHERE rowid > ?1",
        [after.unwrap_or(i64::MIN)],
        |row| row.get(0),
    )
    .doing("find silent nodes")
}

/// Which way a node moves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Carry {
    /// The row with rowid `?1` of `nodes` becomes inactive.
    Out,
    /// The row with key `?1` of `inactive_nodes` becomes active.
    Back,
}

/// The statement that copies the row of a returning node, whose key is `?1`, into `nodes`. If it is
/// there already, because a program without reactivation has begun it afresh, both become one.
pub(in crate::db) fn move_back_sql(conn: &Connection) -> Result<String, DbError> {
    Ok(carry_sql(&shared_columns(conn)?, Carry::Back))
}

fn shared_columns(conn: &Connection) -> Result<Vec<String>, DbError> {
    let sql = "SELECT a.name FROM pragma_table_info(?1) a \
               JOIN pragma_table_info('inactive_nodes') b ON a.name = b.name ORDER BY a.cid";
    catalog::texts(conn, sql, "nodes")
}

fn carry_sql(columns: &[String], carry: Carry) -> String {
    let (from, to, found) = match carry {
        Carry::Out => ("nodes", "inactive_nodes", "rowid = ?1"),
        Carry::Back => ("inactive_nodes", "nodes", "public_key = ?1"),
    };
    let names = columns.iter().map(|name| quote_name(name)).collect::<Vec<_>>().join(", ");
    let merged: Vec<String> = columns
        .iter()
        .filter(|name| *name != "public_key")
        .map(|name| format!("{0} = {1}", quote_name(name), merged(name, carry)))
        .collect();
    let on_conflict = match merged.as_slice() {
        [] => "DO NOTHING".to_owned(),
        merged => format!("DO UPDATE SET {}", merged.join(", ")),
    };
    format!(
        "INSERT INTO {to} ({names}) SELECT {names} FROM {from} WHERE {found} \
         ON CONFLICT (public_key) {on_conflict}"
    )
}

/// What becomes of a column when both tables have the node: the older beginning, the later end,
/// both counts; of the rest what the active row says, unless it says nothing.
fn merged(name: &str, carry: Carry) -> String {
    let column = quote_name(name);
    let (active, inactive) = match carry {
        Carry::Out => (format!("excluded.{column}"), column),
        Carry::Back => (column.clone(), format!("excluded.{column}")),
    };
    match name {
        "first_seen" => format!(
            "COALESCE(MIN(NULLIF({active}, ''), NULLIF({inactive}, '')), \
             NULLIF({active}, ''), {inactive})"
        ),
        "last_seen" => format!("COALESCE(MAX({active}, {inactive}), {active}, {inactive})"),
        "advert_count" => format!("COALESCE({active}, 0) + COALESCE({inactive}, 0)"),
        "multibyte_sup" => format!("MAX(COALESCE({active}, 0), COALESCE({inactive}, 0))"),
        "name" | "role" => format!("COALESCE(NULLIF({active}, ''), {inactive})"),
        _ => format!("COALESCE({active}, {inactive})"),
    }
}

/// An SQL identifier, whatever the column that we do not know is called.
fn quote_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
