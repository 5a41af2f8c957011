//! What a migration would cost: some steps are done and taken back (`design/backfill.md` §10.20).

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::batch::{begin, next_keys};
use super::runs::Run;
use super::states::predict_index;
use super::{KeyRange, Migration, Walk, find};
use crate::db::counters;
use crate::db::error::{DbError, Doing};
use crate::db::write::{Durability, WriteConnection};

/// Steps that are tried, spread over the keys.
const SAMPLES: u64 = 5;
/// Rows of each, small enough to hold the writer no longer than a batch does.
const SAMPLE_ROWS: u64 = 200;
/// From here on an index is rewritten at random places.
const AMPLIFIED_AT: f64 = 0.2;

const AMPLIFIED_ADVICE: &str = "larger batches write fewer pages in all: turn holdTargetMs and \
                                walPagesMax up while nobody minds";

/// A prediction. Nothing was changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DryRun {
    /// The migration.
    pub name: &'static str,
    /// Rows that were tried.
    pub rows_sampled: u64,
    /// Rows of them that would change.
    pub rows_changed: u64,
    /// Rows left to walk, an estimate.
    pub rows_left: u64,
    /// Rows a second while it holds the writer.
    pub rows_per_sec: Option<f64>,
    /// Pages written per row.
    pub wal_pages_per_row: Option<f64>,
    /// Indexes of the table, each of which a changed row may touch.
    pub indexes: u64,
    /// Whether each row writes pages of its own.
    pub is_amplified: bool,
    /// What pays then; absent where nothing is amplified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<&'static str>,
    /// Bytes that pass through the WAL in all.
    pub wal_bytes: u64,
    /// Bytes that must be free: the log, and the index where one is built.
    pub disk_bytes: u64,
    /// Seconds of holding the writer in steps.
    pub hold_sec: f64,
    /// Seconds with rests of the same length.
    pub duration_sec: f64,
    /// The same if all rows cost what the dearest sample's did.
    pub duration_high_sec: f64,
    /// Seconds of one step that cannot be divided: the index.
    pub index_hold_sec: Option<f64>,
}

#[derive(Default)]
struct Sampled {
    rows: u64,
    changed: u64,
    pages: u64,
    hold: Duration,
    /// Seconds a row of the dearest sample.
    row_sec_max: f64,
}

/// What the log may grow to beside a migration.
const LOG_BYTES: u64 = 64 << 20;
const INDEX_BYTES_PER_ROW: u64 = 24;

impl WriteConnection {
    /// Predicts what a migration has still to do.
    ///
    /// # Errors
    /// As in [`WriteConnection::run_batch`]; the database is as it was in any case.
    pub fn dry_run(&mut self, name: &str) -> Result<DryRun, DbError> {
        let migration = find(name)?;
        self.set_durability(Durability::Normal)?;
        let mut run = None;
        let mut sampled = Sampled::default();
        if let Some(walk) = &migration.walk {
            for sample in 0..SAMPLES {
                let tried = self.try_sample(migration, walk, sample, &mut sampled)?;
                run = Some(tried);
            }
        }
        let index_hold = predict_index(&self.conn, migration)?;
        let indexes = migration.walk.as_ref().map_or(Ok(0), |walk| self.count_indexes(walk))?;
        let prediction = predict(migration.name, &run.unwrap_or_default(), &sampled, index_hold);
        Ok(DryRun { indexes, ..prediction })
    }

    fn count_indexes(&self, walk: &Walk) -> Result<u64, DbError> {
        let sql = "SELECT COUNT(*) FROM pragma_index_list(?1)";
        let counted = self.conn.query_row(sql, [walk.table], |row| row.get(0));
        counted.doing("count the indexes of a table")
    }

    fn try_sample(
        &mut self,
        migration: &Migration,
        walk: &Walk,
        sample: u64,
        sampled: &mut Sampled,
    ) -> Result<Run, DbError> {
        let clock = self.options.clock.clone();
        let tx = begin(&mut self.conn)?;
        let run = match Run::load(&tx, migration)? {
            Some((run, _)) => run,
            None => Run::begin(&tx, migration)?,
        };
        let span = run.upper_key.saturating_sub(run.next_key).max(0);
        let offset = span / SAMPLES.cast_signed() * sample.cast_signed();
        let first = run.next_key.saturating_add(offset);
        let Some((last, rows)) = next_keys(&tx, walk, (first, run.upper_key), SAMPLE_ROWS)? else {
            return Ok(run);
        };
        let (started, pages) = (clock.monotonic(), counters::pages_written(&tx));
        sampled.changed += (walk.apply)(&tx, KeyRange { first, last })?;
        // Dirty pages are counted when they are written; what is rolled back then is never read.
        tx.cache_flush().doing("count the pages of a dry run")?;
        let hold = clock.monotonic().saturating_sub(started);
        sampled.hold += hold;
        sampled.row_sec_max = sampled.row_sec_max.max(hold.as_secs_f64() / rows.max(1) as f64);
        sampled.pages += u64::from(counters::pages_since(&tx, pages));
        sampled.rows += rows;
        tx.rollback().doing("take a dry run back")?;
        Ok(run)
    }
}

fn predict(
    name: &'static str,
    run: &Run,
    sampled: &Sampled,
    index_hold: Option<Duration>,
) -> DryRun {
    let rows = sampled.rows as f64;
    let left = run.rows_total.saturating_sub(run.rows_scanned);
    let hold_s = sampled.hold.as_secs_f64();
    let per_sec = (rows > 0.0 && hold_s > 0.0).then(|| rows / hold_s);
    let pages_per_row = (rows > 0.0).then(|| sampled.pages as f64 / rows);
    let hold_sec = per_sec.map_or(0.0, |rate| left as f64 / rate);
    let index_hold_sec = index_hold.map(|hold| hold.as_secs_f64());
    let index_sec = index_hold_sec.unwrap_or(0.0);
    let is_amplified = pages_per_row.is_some_and(|pages| pages > AMPLIFIED_AT);
    let index_bytes = index_hold.map_or(0, |hold| {
        u64::try_from(hold.as_micros() / 2).unwrap_or(u64::MAX).saturating_mul(INDEX_BYTES_PER_ROW)
    });
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let wal_bytes = (pages_per_row.unwrap_or(0.0) * left as f64 * 4_120.0) as u64 + index_bytes;
    DryRun {
        name,
        rows_sampled: sampled.rows,
        rows_changed: sampled.changed,
        rows_left: left,
        rows_per_sec: per_sec,
        wal_pages_per_row: pages_per_row,
        indexes: 0,
        is_amplified,
        advice: is_amplified.then_some(AMPLIFIED_ADVICE),
        wal_bytes,
        disk_bytes: LOG_BYTES + 2 * index_bytes,
        hold_sec,
        duration_sec: 2.0 * hold_sec + index_sec,
        duration_high_sec: 2.0 * left as f64 * sampled.row_sec_max + index_sec,
        index_hold_sec,
    }
}
