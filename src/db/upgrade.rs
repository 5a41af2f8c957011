//! The part of an upgrade that takes no time whatever the size: missing tables and columns, the
//! view, indexes on empty tables, and the names that the original records (decision 17).
//! Everything else is left to [`super::migrations`].

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::catalog::{column_names, has_rows};
use super::error::{DbError, Doing};
use super::markers::record_markers;
use super::options::OpenOptions;
use super::schema::{INDEXES, LEGACY_INDEXES, PACKETS_VIEW, TABLES, Table, addable};
use super::{analytics, migrations};

/// What opening did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Whether there was no database before.
    pub is_created: bool,
    /// Tables that an older database lacked.
    pub tables_added: Vec<&'static str>,
    /// Columns that an older database lacked, as `table.column`.
    pub columns_added: Vec<String>,
    /// Migrations that are left to do, in their order.
    pub pending: Vec<&'static str>,
}

/// Completes the tables in one transaction, so that a kill leaves all of it or nothing. A second
/// run finds nothing to do. Tables and columns that we do not know are left as they are.
pub(super) fn upgrade(conn: &mut Connection, options: &OpenOptions) -> Result<OpenReport, DbError> {
    let mut report = OpenReport::default();
    let tx = conn
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .doing("begin the upgrade of the database")?;
    for table in TABLES {
        complete_table(&tx, table, &mut report)?;
    }
    create_view(&tx)?;
    analytics::install(&tx)?;
    create_free_indexes(&tx)?;
    record_markers(&tx)?;
    report.pending = migrations::register(&tx, options)?;
    tx.commit().doing("commit the upgrade of the database")?;
    Ok(report)
}

fn complete_table(
    tx: &Transaction<'_>,
    table: &'static Table,
    report: &mut OpenReport,
) -> Result<(), DbError> {
    let present = column_names(tx, table.name)?;
    if present.is_empty() {
        tx.execute_batch(&table.create_sql()).doing("create a table")?;
        report.tables_added.push(table.name);
        return Ok(());
    }
    for (name, declaration) in table.columns.iter().filter(|(name, _)| !present.contains(*name)) {
        let declaration = addable(declaration).unwrap_or(declaration);
        let sql = format!("ALTER TABLE {} ADD COLUMN {name} {declaration}", table.name);
        tx.execute_batch(&sql).doing("add a column")?;
        report.columns_added.push(format!("{}.{name}", table.name));
    }
    Ok(())
}

/// Makes the view anew only if it differs: a changed schema costs every reader its statements.
fn create_view(tx: &Transaction<'_>) -> Result<(), DbError> {
    const ACTION: &str = "create the view packets_v";
    let stored: Option<String> = tx
        .query_row("SELECT sql FROM sqlite_master WHERE name = 'packets_v'", [], |row| row.get(0))
        .optional()
        .doing(ACTION)?;
    if stored.as_deref() == Some(PACKETS_VIEW) {
        return Ok(());
    }
    tx.execute_batch("DROP VIEW IF EXISTS packets_v").doing(ACTION)?;
    tx.execute_batch(PACKETS_VIEW).doing(ACTION)
}

/// Builds the missing indexes of empty tables and drops legacy ones there.
fn create_free_indexes(tx: &Transaction<'_>) -> Result<(), DbError> {
    for index in INDEXES {
        if !has_rows(tx, index.table)? {
            tx.execute_batch(&index.create_sql()).doing("build an index on an empty table")?;
        }
    }
    for (legacy, successor) in LEGACY_INDEXES {
        let table = INDEXES.iter().find(|index| index.name == *successor).map(|index| index.table);
        if table.is_some_and(|table| matches!(has_rows(tx, table), Ok(false))) {
            tx.execute_batch(&format!("DROP INDEX IF EXISTS {legacy}"))
                .doing("drop an old index of an empty table")?;
        }
    }
    Ok(())
}
