//! One step of one migration in one transaction.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::deadline::Deadline;
use super::runs::Run;
use super::{
    BatchLimits, BatchReply, BatchRequest, BatchState, KeyRange, Migration, Phase, Walk, books,
    find,
};
use crate::db::error::{DbError, Doing};
use crate::db::schema::{INDEXES, LEGACY_INDEXES};
use crate::db::write::{Done, Durability, WriteConnection};
use crate::db::{counters, markers};
use crate::perf::ledger::{Shares, Source};

/// A step takes its rows in so many portions, and looks at the clock after each.
const PORTIONS: u64 = 8;
/// Smaller ones cost more than their rows do.
const PORTION_ROWS_MIN: u64 = 32;

/// What a step did to the rows.
#[derive(Default)]
struct Stepped {
    scanned: u64,
    changed: u64,
    is_done: bool,
    is_index_built: bool,
    touched: Vec<i64>,
}

impl Stepped {
    fn add(&mut self, mut part: Self) {
        self.scanned += part.scanned;
        self.changed += part.changed;
        self.is_done |= part.is_done;
        self.is_index_built |= part.is_index_built;
        self.touched.append(&mut part.touched);
    }
}

/// One step that is asked for.
struct Step<'a> {
    migration: &'static Migration,
    rows_max: u64,
    limits: &'a BatchLimits,
}

impl WriteConnection {
    /// Does one step of one migration: its rows, cursor and counters commit together, or nothing
    /// does.
    ///
    /// # Errors
    /// As in [`WriteConnection::commit`]; the step may be asked for again. An unknown name, or a
    /// migration that cannot go on, is no use repeating.
    pub fn run_batch(
        &mut self,
        request: &BatchRequest,
        limits: &BatchLimits,
    ) -> Result<BatchReply, DbError> {
        let migration = find(&request.name)?;
        let source = Source::backfill(migration.name);
        let mut failed = Shares::one(source, 0);
        failed.add_error(source);
        let step = Step { migration, rows_max: request.rows_max.max(1), limits };
        self.noted(source, failed, |writer| writer.do_step(&step))
    }

    fn do_step(&mut self, step: &Step<'_>) -> Result<Done<BatchReply>, DbError> {
        self.set_durability(Durability::Normal)?;
        let clock = self.options.clock.clone();
        let started = clock.monotonic();
        let deadline = Deadline::install(&mut self.conn, step.limits, &clock)?;
        let result = self.try_step(step, &deadline);
        let was_late = deadline.was_late();
        drop(deadline);
        match result {
            Err(DbError::Interrupted { .. }) => {
                let state = if was_late { BatchState::Overran } else { BatchState::Stopped };
                let mut answer = self.standing(step.migration)?;
                answer.state = state;
                answer.hold = clock.monotonic().saturating_sub(started);
                let (shares, hold) = (Shares::one(Source::backfill(answer.name), 0), answer.hold);
                Ok(Done { answer, shares, hold })
            }
            Err(error)
                if error.is_fault_of_record() && step.rows_max == 1 && step.limits.sets_aside =>
            {
                self.set_aside(step, &error)
            }
            other => other,
        }
    }

    fn try_step(
        &mut self,
        step: &Step<'_>,
        deadline: &Deadline,
    ) -> Result<Done<BatchReply>, DbError> {
        let Step { migration, rows_max, .. } = *step;
        let (clock, now_s) = (self.options.clock.clone(), self.options.clock.now_s());
        let tx = begin(&mut self.conn)?;
        let (started, pages) = (clock.monotonic(), counters::pages_written(&tx));
        let mut run = Run::load_or_begin(&tx, migration, now_s)?;
        deadline.begin(rows_max > 1 && run.phase(migration) != Phase::Index);
        let stepped = in_portions(&tx, step, &mut run, deadline)?;
        deadline.end();
        run.save(&tx, migration, now_s)?;
        if stepped.is_done {
            books::finish(&tx, migration, now_s)?;
        }
        tx.commit().doing("commit a step of a migration")?;
        let hold = clock.monotonic().saturating_sub(started);
        let wal_pages = counters::pages_since(&self.conn, pages);
        if stepped.is_index_built {
            self.reread_tables()?;
        }
        let shares = Shares::one(Source::backfill(migration.name), stepped.changed);
        let answer = BatchReply {
            state: if stepped.is_done { BatchState::Done } else { BatchState::More },
            rows_changed: stepped.changed,
            rows_scanned: stepped.scanned,
            hold,
            wal_pages,
            touched_transmissions: stepped.touched,
            ..reply(migration, &run)
        };
        Ok(Done { answer, shares, hold })
    }

    /// Puts the one row at fault on the list of those that were not changed, and goes past it.
    fn set_aside(&mut self, step: &Step<'_>, error: &DbError) -> Result<Done<BatchReply>, DbError> {
        let migration = step.migration;
        let clock = self.options.clock.clone();
        let tx = begin(&mut self.conn)?;
        let started = clock.monotonic();
        let mut run = Run::load_or_begin(&tx, migration, clock.now_s())?;
        let Some(walk) = &migration.walk else {
            return Err(DbError::Stuck { name: migration.name, reason: "its index is refused" });
        };
        let (walk, from) = match run.verify_key {
            Some(key) => (walk.whole(), key),
            None => (*walk, run.next_key),
        };
        let Some((key, _)) = next_keys(&tx, &walk, (from, run.upper_key), 1)? else {
            return Err(DbError::Stuck { name: migration.name, reason: "the index is refused" });
        };
        if run.verify_key.is_some() {
            run.verified(&tx, &walk, KeyRange { first: key, last: key })?;
        } else {
            books::add_dead_letter(&tx, migration.name, key, error, clock.now_ms())?;
            run.rows_failed += 1;
            run.advance(key, 1, 0);
        }
        run.save(&tx, migration, clock.now_s())?;
        tx.commit().doing("set a row of a migration aside")?;
        let hold = clock.monotonic().saturating_sub(started);
        let answer = BatchReply { rows_scanned: 1, hold, ..reply(migration, &run) };
        Ok(Done { answer, shares: Shares::one(Source::backfill(migration.name), 0), hold })
    }

    /// Where a migration stands, without doing anything.
    fn standing(&self, migration: &'static Migration) -> Result<BatchReply, DbError> {
        let run = Run::load(&self.conn, migration)?.map(|(run, _)| run).unwrap_or_default();
        Ok(reply(migration, &run))
    }
}

pub(super) fn begin(conn: &mut Connection) -> Result<Transaction<'_>, DbError> {
    conn.transaction_with_behavior(TransactionBehavior::Immediate)
        .doing("begin a step of a migration")
}

/// A reply of a step that did nothing.
fn reply(migration: &'static Migration, run: &Run) -> BatchReply {
    BatchReply {
        name: migration.name,
        state: BatchState::More,
        rows_changed: 0,
        rows_scanned: 0,
        rows_done: run.rows_scanned,
        rows_total: run.rows_total,
        cursor: run.verify_key.or_else(|| run.cursor()),
        rows_changed_total: run.rows_changed,
        rows_failed: run.rows_failed,
        rows_verified: (run.proof.rows, run.rows_to_verify(migration)),
        next: run.phase(migration),
        hold: std::time::Duration::ZERO,
        wal_pages: 0,
        touched_transmissions: Vec::new(),
    }
}

/// Goes on until the rows are done, the time is up, or something else comes next.
fn in_portions(
    tx: &Connection,
    step: &Step<'_>,
    run: &mut Run,
    deadline: &Deadline,
) -> Result<Stepped, DbError> {
    let Step { migration, rows_max, limits } = *step;
    let (size, phase) = (rows_max.div_ceil(PORTIONS).max(PORTION_ROWS_MIN), run.phase(migration));
    let mut whole = Stepped::default();
    loop {
        let rows = size.min(rows_max - whole.scanned);
        let part = advance(tx, migration, run, rows, limits.verifies)?;
        // What a verification has found is kept before it is judged.
        let is_last =
            part.scanned < rows || run.phase(migration) != phase || run.is_verified_to_the_end();
        whole.add(part);
        if is_last || whole.is_done || whole.scanned >= rows_max || deadline.is_time_up() {
            return Ok(whole);
        }
    }
}

/// Walks on; after the last row, in a step of its own, builds the index; then verifies.
fn advance(
    tx: &Connection,
    migration: &Migration,
    run: &mut Run,
    rows_max: u64,
    verifies: bool,
) -> Result<Stepped, DbError> {
    let walk = migration.walk.as_ref();
    if let Some((walk, key)) = walk.zip(run.verify_key) {
        return verify_on(tx, migration, (&walk.whole(), key), run, rows_max);
    }
    let mut stepped = match (walk, migration.index) {
        (Some(walk), index) if !run.is_walked() => {
            let mut stepped = walk_on(tx, walk, run, rows_max)?;
            stepped.is_done = run.is_walked() && index.is_none();
            stepped
        }
        (_, Some(index)) => build_index(tx, migration, index, run)?,
        (_, None) => Stepped { is_done: true, ..Stepped::default() },
    };
    if stepped.is_done && verifies && walk.is_some() && run.rows_scanned > 0 {
        run.begin_verification();
        stepped.is_done = false;
    }
    Ok(stepped)
}

/// Does it again to the next rows and takes it back: rows that would change are counted, and all
/// are hashed as they stand.
fn verify_on(
    tx: &Connection,
    migration: &Migration,
    (walk, key): (&Walk, i64),
    run: &mut Run,
    rows_max: u64,
) -> Result<Stepped, DbError> {
    const ACTION: &str = "verify rows of a migration";
    let found = next_keys(tx, walk, (key, run.upper_key), rows_max)?;
    let Some((last, scanned)) = found else {
        let is_done = run.end_verification(tx, migration)?;
        return Ok(Stepped { is_done, ..Stepped::default() });
    };
    tx.execute_batch("SAVEPOINT verify").doing(ACTION)?;
    let range = KeyRange { first: key, last };
    let differing = (walk.apply)(tx, range)?;
    tx.execute_batch("ROLLBACK TO verify; RELEASE verify").doing(ACTION)?;
    run.rows_differing += differing;
    run.verified(tx, walk, range)?;
    Ok(Stepped { scanned, ..Stepped::default() })
}

fn walk_on(tx: &Connection, walk: &Walk, run: &mut Run, rows_max: u64) -> Result<Stepped, DbError> {
    let found = next_keys(tx, walk, (run.next_key, run.upper_key), rows_max)?;
    let Some((last, scanned)) = found else {
        run.end_walk();
        return Ok(Stepped::default());
    };
    let range = KeyRange { first: run.next_key, last };
    let mut touched = touched_by(tx, walk, range)?;
    let changed = (walk.apply)(tx, range)?;
    if changed == 0 {
        touched.clear();
    }
    run.advance(last, scanned, changed);
    if scanned < rows_max {
        run.end_walk();
    }
    Ok(Stepped { scanned, changed, touched, ..Stepped::default() })
}

/// Looked up before the step: it may delete them.
fn touched_by(tx: &Connection, walk: &Walk, range: KeyRange) -> Result<Vec<i64>, DbError> {
    let Some(sql) = walk.touches else { return Ok(Vec::new()) };
    tx.prepare_cached(sql)
        .and_then(|mut rows| {
            rows.query_map(params![range.first, range.last], |row| row.get(0))?.collect()
        })
        .doing("find the transmissions that a step touches")
}

/// The highest key of the next `rows_max` rows and how many there are; `None` if there are none.
pub(super) fn next_keys(
    tx: &Connection,
    walk: &Walk,
    (first, last): (i64, i64),
    rows_max: u64,
) -> Result<Option<(i64, u64)>, DbError> {
    let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
    let found: Option<(Option<i64>, u64)> = tx
        .prepare_cached(&next_keys_sql(walk))
        .and_then(|mut row| {
            row.query_row(params![first, last, rows_max], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
        .doing("find the next rows of a migration")?;
    Ok(found.and_then(|(last, count)| Some((last?, count))))
}

pub(super) fn next_keys_sql(Walk { table, key, only, .. }: &Walk) -> String {
    let only = if only.is_empty() { String::new() } else { format!(" AND {only}") };
    format!(
        "SELECT MAX(k), COUNT(*) FROM (SELECT {key} AS k FROM {table} \
         WHERE {key} >= ?1 AND {key} <= ?2{only} ORDER BY {key} LIMIT ?3)"
    )
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
    markers::record_markers(tx)?;
    Ok(Stepped { is_done: true, is_index_built: true, ..Stepped::default() })
}
