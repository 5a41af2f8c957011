//! One step of one migration in one transaction.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::runs::{self, Run};
use super::{BatchReply, BatchRequest, BatchState, KeyRange, Migration, Walk, find};
use crate::db::error::{DbError, Doing};
use crate::db::schema::{INDEXES, LEGACY_INDEXES};
use crate::db::write::{Done, Durability, WriteConnection};
use crate::db::{counters, upgrade};
use crate::perf::ledger::{Shares, Source};

/// What a step did to the rows.
#[derive(Default)]
struct Stepped {
    scanned: u64,
    changed: u64,
    is_done: bool,
    is_index_built: bool,
}

impl WriteConnection {
    /// Does one bounded step of one migration: its rows, cursor and counters commit together, or
    /// nothing does.
    ///
    /// # Errors
    /// As in [`WriteConnection::commit`]; the step may be asked for again. An unknown name, or a
    /// migration that cannot go on, is no use repeating: see [`WriteConnection::fail_migration`].
    pub fn run_batch(&mut self, request: &BatchRequest) -> Result<BatchReply, DbError> {
        let migration = find(&request.name)?;
        let source = Source::backfill(migration.name);
        let mut failed = Shares::one(source, 0);
        failed.add_error(source);
        self.noted(source, failed, |writer| writer.do_step(migration, request.rows_max.max(1)))
    }

    fn do_step(
        &mut self,
        migration: &'static Migration,
        rows_max: u64,
    ) -> Result<Done<BatchReply>, DbError> {
        self.set_durability(Durability::Normal)?;
        let (clock, now_s) = (self.options.clock.clone(), self.options.clock.now_s());
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing("begin a step of a migration")?;
        let (started, pages) = (clock.monotonic(), counters::pages_written(&tx));
        let mut run = Run::load_or_begin(&tx, migration, now_s)?;
        let stepped = step(&tx, migration, &mut run, rows_max)?;
        run.save(&tx, migration, now_s)?;
        if stepped.is_done {
            runs::finish(&tx, migration, now_s)?;
        }
        tx.commit().doing("commit a step of a migration")?;
        let hold = clock.monotonic().saturating_sub(started);
        let wal_pages = counters::pages_since(&self.conn, pages);
        if stepped.is_index_built {
            self.reread_tables()?;
        }
        let shares = Shares::one(Source::backfill(migration.name), stepped.changed);
        let answer = BatchReply {
            name: migration.name,
            state: if stepped.is_done { BatchState::Done } else { BatchState::More },
            rows_changed: stepped.changed,
            rows_scanned: stepped.scanned,
            rows_done: run.rows_scanned,
            rows_total: run.rows_total,
            cursor: run.cursor(),
            hold,
            wal_pages,
        };
        Ok(Done { answer, shares, hold })
    }
}

/// Walks on; after the last row, in a step of its own, builds the index.
fn step(
    tx: &Connection,
    migration: &Migration,
    run: &mut Run,
    rows_max: u64,
) -> Result<Stepped, DbError> {
    if let Some(walk) = migration.walk.as_ref().filter(|_| !run.is_walked()) {
        let mut stepped = walk_on(tx, walk, run, rows_max)?;
        stepped.is_done = run.is_walked() && migration.index.is_none();
        return Ok(stepped);
    }
    match migration.index {
        Some(index) => build_index(tx, migration, index, run),
        None => Ok(Stepped { is_done: true, ..Stepped::default() }),
    }
}

fn walk_on(tx: &Connection, walk: &Walk, run: &mut Run, rows_max: u64) -> Result<Stepped, DbError> {
    let Some((last, scanned)) = next_keys(tx, walk, run, rows_max)? else {
        run.end_walk();
        return Ok(Stepped::default());
    };
    let changed = (walk.apply)(tx, KeyRange { first: run.next_key, last })?;
    run.advance(last, scanned, changed);
    if scanned < rows_max {
        run.end_walk();
    }
    Ok(Stepped { scanned, changed, ..Stepped::default() })
}

/// The highest key of the next `rows_max` rows and how many there are; `None` if there are none.
fn next_keys(
    tx: &Connection,
    walk: &Walk,
    run: &Run,
    rows_max: u64,
) -> Result<Option<(i64, u64)>, DbError> {
    let (table, key) = (walk.table, walk.key);
    let only = if walk.only.is_empty() { String::new() } else { format!(" AND {}", walk.only) };
    let sql = format!(
        "SELECT MAX(k), COUNT(*) FROM (SELECT {key} AS k FROM {table} \
         WHERE {key} >= ?1 AND {key} <= ?2{only} ORDER BY {key} LIMIT ?3)"
    );
    let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
    let found: Option<(Option<i64>, u64)> = tx
        .prepare_cached(&sql)
        .and_then(|mut row| {
            row.query_row(params![run.next_key, run.upper_key, rows_max], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
        })
        .doing("find the next rows of a migration")?;
    Ok(found.and_then(|(last, count)| Some((last?, count))))
}

/// Builds the index and drops the one it replaces. A unique index that still finds duplicates
/// (another program has written some) sends the walk back to its beginning, unless the walk found
/// nothing to do: then it never will.
fn build_index(
    tx: &Connection,
    migration: &Migration,
    name: &'static str,
    run: &mut Run,
) -> Result<Stepped, DbError> {
    let Some(index) = INDEXES.iter().find(|index| index.name == name) else {
        return Err(DbError::Stuck { name: migration.name, reason: "its index is not known" });
    };
    match tx.execute_batch(&index.create_sql()).doing("build an index") {
        Err(error) if error.is_fault_of_record() && migration.walk.is_some() => {
            if run.rows_changed == 0 {
                let reason = "there are duplicates that it does not find";
                return Err(DbError::Stuck { name: migration.name, reason });
            }
            run.restart(tx, migration)?;
            return Ok(Stepped::default());
        }
        other => other?,
    }
    for (legacy, _) in LEGACY_INDEXES.iter().filter(|(_, successor)| *successor == name) {
        tx.execute_batch(&format!("DROP INDEX IF EXISTS {legacy}")).doing("drop an old index")?;
    }
    upgrade::record_markers(tx)?;
    Ok(Stepped { is_done: true, is_index_built: true, ..Stepped::default() })
}
