//! What there is to do in a database, found at open without reading a table.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;

use super::books::{BOOKKEEPING, CANCELLED, begin_again, execute, finish, record};
use super::{Applies, MIGRATIONS, Migration, Walk};
use crate::db::catalog;
use crate::db::error::{DbError, Doing};
use crate::db::options::OpenOptions;
use crate::db::schema::DEDUP_INDEX;

/// Enters every migration that has something to do as pending, and records those that have not.
/// A run that was interrupted keeps its cursor.
pub(in crate::db) fn register(
    tx: &Connection,
    options: &OpenOptions,
) -> Result<Vec<&'static str>, DbError> {
    let now_s = options.clock.now_s();
    let present = Present::read(tx)?;
    let mut pending = Vec::new();
    for migration in MIGRATIONS.iter().filter(|migration| present.applies(migration, options)) {
        let books = present.books.get(migration.name);
        let status = books.map(|(status, _)| status.as_str());
        if present.is_done(tx, migration, status)? {
            if status != Some("done") && (status.is_some() || present.needs_entry(migration)) {
                finish(tx, migration, now_s)?;
            }
            record(tx, migration)?;
            continue;
        }
        if books.is_some_and(|(_, error)| error.as_deref() == Some(CANCELLED)) {
            continue;
        }
        if status != Some("pending_async") || !present.runs.contains(migration.name) {
            begin_again(tx, migration.name, now_s)?;
        } else {
            extend(tx, migration)?;
        }
        pending.push(migration.name);
    }
    Ok(pending)
}

/// Rows that were added while the run lay still may be another program's, in the old form: the
/// walk goes on to the last of them. Rows of ours are walked for nothing.
fn extend(tx: &Connection, migration: &Migration) -> Result<(), DbError> {
    let Some(Walk { table, key, .. }) = migration.walk else { return Ok(()) };
    let sql = format!(
        "UPDATE _migration_runs SET upper_key = MAX(upper_key, \
         COALESCE((SELECT MAX({key}) FROM {table}), upper_key)) WHERE name = ?1"
    );
    execute(tx, &sql, [migration.name])?;
    Ok(())
}

/// What is there before migrations are registered.
struct Present {
    indexes: HashSet<String>,
    recorded: HashSet<String>,
    runs: HashSet<String>,
    /// Status and error by name.
    books: HashMap<String, (String, Option<String>)>,
    has_text_observers: bool,
}

impl Present {
    fn read(tx: &Connection) -> Result<Self, DbError> {
        let names = |sql| Ok(catalog::texts(tx, sql, "")?.into_iter().collect());
        let mut statement =
            tx.prepare("SELECT name, status, error FROM _async_migrations").doing(BOOKKEEPING)?;
        let books = statement
            .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))
            .and_then(Iterator::collect::<Result<_, _>>)
            .doing(BOOKKEEPING)?;
        Ok(Self {
            indexes: catalog::index_names(tx)?,
            recorded: names("SELECT name FROM _migrations WHERE name <> ?1")?,
            runs: names("SELECT name FROM _migration_runs WHERE name <> ?1")?,
            books,
            has_text_observers: catalog::column_names(tx, "observations")?.contains("observer_id"),
        })
    }

    fn applies(&self, migration: &Migration, options: &OpenOptions) -> bool {
        match migration.applies {
            Applies::Always => true,
            Applies::WithRegions => options.has_regions,
            Applies::WithTextObservers => self.has_text_observers,
        }
    }

    fn is_done(
        &self,
        tx: &Connection,
        migration: &Migration,
        status: Option<&str>,
    ) -> Result<bool, DbError> {
        if migration.index.is_some_and(|index| !self.indexes.contains(index)) {
            return Ok(false);
        }
        let Some(walk) = &migration.walk else { return Ok(true) };
        let is_recorded = migration.recorded_as.is_some_and(|name| self.recorded.contains(name));
        let is_done = is_recorded || status == Some("done") || is_implied_by_index(migration);
        if !is_done {
            return Ok(!catalog::has_rows(tx, walk.table)?);
        }
        Ok(!self.has_left(tx, migration)?)
    }

    /// Whether another program has written rows of the old form since it was done.
    fn has_left(&self, tx: &Connection, migration: &Migration) -> Result<bool, DbError> {
        let Some(left) = migration.left else { return Ok(false) };
        if left.needs.iter().any(|index| !self.indexes.contains(*index)) {
            return Ok(false);
        }
        tx.query_row(left.sql, [], |row| row.get(0)).doing(BOOKKEEPING)
    }

    /// Whether only `_async_migrations` can say that it is done.
    fn needs_entry(&self, migration: &Migration) -> bool {
        migration.walk.is_some()
            && migration.recorded_as.is_none()
            && !is_implied_by_index(migration)
    }
}

/// A unique index that stands proves that no duplicates are left.
fn is_implied_by_index(migration: &Migration) -> bool {
    migration.index == Some(DEDUP_INDEX)
}
