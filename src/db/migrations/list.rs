//! What the books say of all migrations, for the API (http-contract §2.5).

use rusqlite::{Connection, Row, params};
use serde::Serialize;
use utoipa::ToSchema;

use super::books::state_of;
use crate::clock;
use crate::db::catalog;
use crate::db::error::{DbError, Doing};

/// One migration; names and order of the API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MigrationStatus {
    /// Its name.
    pub name: String,
    /// `running` (which includes waiting), `done`, `failed` or `unknown`.
    pub status: &'static str,
    /// As stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// As stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// As stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_update_at: Option<String>,
    /// Rows that are done.
    pub rows_processed: i64,
    /// Rows in all, an estimate while it runs.
    pub rows_total: i64,
    /// Seconds since the start, or from start to end.
    pub elapsed_sec: f64,
    /// Seconds left at the present rate; 0 if unknown.
    pub eta_sec: f64,
    /// Rows a second; 0 if unknown.
    pub rate_per_sec: f64,
    /// Why it failed, and times that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Where it stands, finer than `status`: a name of [`State`](crate::perf::backfill::State).
    pub state: &'static str,
    /// Why it stands there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_since: Option<String>,
    /// Who moved it there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Rows that were changed; the others needed nothing.
    pub rows_changed: i64,
    /// Rows that could not be changed and were set aside.
    pub rows_failed: i64,
    /// Which, the first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dead_letters: Vec<DeadLetter>,
    /// Where it stands among the keys; absent before it begins and where no rows are walked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeyProgress>,
    /// What a look at all rows has found after they were done; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
}

/// Progress by keys: ids may have gaps, and rows of a table be passed over.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyProgress {
    /// The lowest key when it began.
    pub first: i64,
    /// Up to here it is done; `null` before the first.
    pub done: Option<i64>,
    /// The highest key when it began, or when it went on after a restart.
    pub last: i64,
}

/// Rows that were looked at once more: all of them once the migration has succeeded.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Rows so far.
    pub rows_checked: i64,
    /// Rows of them that would change once more.
    pub rows_differing: i64,
    /// The lowest key of the run.
    pub first_key: i64,
    /// The last key that was looked at.
    pub last_key: i64,
    /// SHA-256 over the keys and values of these rows, chained row by row: equal for equal rows.
    pub hash: String,
    /// When the last of them was looked at.
    pub at: String,
}

/// A row that could not be changed.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DeadLetter {
    /// The row's key.
    pub key: i64,
    /// Why not.
    pub error: String,
}

/// One move of a migration.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MigrationMove {
    /// When.
    pub at: String,
    /// Where it stood.
    pub from: String,
    /// Where it stands then.
    pub to: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
}

/// Lists the last `limit` moves of a migration, newest first. A database without our books has
/// none.
///
/// # Errors
/// If the table is there and cannot be read.
pub fn list_moves(
    conn: &Connection,
    name: &str,
    limit: usize,
) -> Result<Vec<MigrationMove>, DbError> {
    const ACTION: &str = "list the moves of a migration";
    if catalog::column_names(conn, "_migration_moves")?.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT at_ms, from_state, to_state, reason, by_whom FROM _migration_moves \
               WHERE name = ?1 ORDER BY id DESC LIMIT ?2";
    let read = |row: &Row<'_>| {
        Ok(MigrationMove {
            at: clock::iso_ms(row.get(0)?),
            from: row.get(1)?,
            to: row.get(2)?,
            reason: row.get(3)?,
            by: row.get(4)?,
        })
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    conn.prepare(sql)
        .and_then(|mut rows| rows.query_map(params![name, limit], read)?.collect())
        .doing(ACTION)
}

const DEAD_LETTERS_SHOWN: usize = 50;

/// Lists all migrations by name. A database without the table has none (HZ 23); one from before
/// progress was kept has no rows processed.
///
/// # Errors
/// If the table is there and cannot be read.
pub fn list_migrations(conn: &Connection, now_s: i64) -> Result<Vec<MigrationStatus>, DbError> {
    const ACTION: &str = "list the migrations";
    let columns = catalog::column_names(conn, "_async_migrations")?;
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let progress = if columns.contains("rows_processed") {
        "rows_processed, rows_total, last_update_at"
    } else {
        "0, 0, NULL"
    };
    let of_runs = catalog::column_names(conn, "_migration_runs")?;
    let has_finer = of_runs.contains("rows_failed")
        && !catalog::column_names(conn, "_migration_states")?.is_empty();
    let (finer, joins) = if has_finer {
        (
            "s.state, s.reason, s.by_whom, s.since_ms, r.rows_changed, r.rows_failed",
            "LEFT JOIN _migration_states s USING (name) LEFT JOIN _migration_runs r USING (name)",
        )
    } else {
        ("NULL, NULL, NULL, NULL, 0, 0", "")
    };
    let verified = if has_finer && of_runs.contains("verified_at_s") {
        "r.verify_rows, r.rows_differing, r.first_key, r.verify_key - 1, r.verify_hash, \
         r.verified_at_s, r.next_key, r.upper_key"
    } else {
        "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL"
    };
    let sql = format!(
        "SELECT name, status, started_at, ended_at, error, {progress}, {finer}, {verified} \
         FROM _async_migrations {joins} ORDER BY name"
    );
    let mut statement = conn.prepare(&sql).doing(ACTION)?;
    let rows = statement.query_map([], |row| read(row, now_s)).doing(ACTION)?;
    let mut migrations: Vec<MigrationStatus> = rows.collect::<Result<_, _>>().doing(ACTION)?;
    for migration in migrations.iter_mut().filter(|migration| migration.rows_failed > 0) {
        migration.dead_letters = dead_letters(conn, &migration.name)?;
    }
    Ok(migrations)
}

fn dead_letters(conn: &Connection, name: &str) -> Result<Vec<DeadLetter>, DbError> {
    const ACTION: &str = "list rows that were set aside";
    let sql = "SELECT row_key, error FROM _migration_dead_letters WHERE name = ?1 \
               ORDER BY row_key LIMIT ?2";
    let mut statement = conn.prepare_cached(sql).doing(ACTION)?;
    let read = |row: &Row<'_>| Ok(DeadLetter { key: row.get(0)?, error: row.get(1)? });
    let rows = statement.query_map(params![name, DEAD_LETTERS_SHOWN], read).doing(ACTION)?;
    rows.collect::<Result<_, _>>().doing(ACTION)
}

fn read(row: &Row<'_>, now_s: i64) -> rusqlite::Result<MigrationStatus> {
    let stored: Option<String> = row.get(1)?;
    let text = |index| -> rusqlite::Result<Option<String>> {
        Ok(row.get::<_, Option<String>>(index)?.filter(|text| !text.is_empty()))
    };
    let status = match stored.as_deref() {
        Some("pending_async") => "running",
        Some("done") => "done",
        Some("failed") => "failed",
        _ => "unknown",
    };
    let mut migration = MigrationStatus {
        name: row.get(0)?,
        status,
        started_at: text(2)?,
        ended_at: text(3)?,
        error_message: text(4)?.filter(|_| status == "failed"),
        rows_processed: row.get::<_, Option<i64>>(5)?.unwrap_or(0),
        rows_total: row.get::<_, Option<i64>>(6)?.unwrap_or(0),
        last_update_at: text(7)?,
        rows_changed: row.get::<_, Option<i64>>(12)?.unwrap_or(0),
        rows_failed: row.get::<_, Option<i64>>(13)?.unwrap_or(0),
        keys: read_keys(row)?,
        verification: read_verification(row)?,
        ..MigrationStatus::default()
    };
    let finer = text(8)?;
    let error = text(4)?;
    let stored_status = stored.as_deref().unwrap_or_default();
    migration.state = match status {
        "unknown" => "unknown",
        _ => state_of(stored_status, error.as_deref(), finer.as_deref()).as_str(),
    };
    if finer.as_deref() == Some(migration.state) {
        migration.state_reason = text(9)?;
        migration.by = text(10)?;
        migration.state_since = row.get::<_, Option<i64>>(11)?.map(clock::iso_ms);
    }
    migration.tell_pace(now_s);
    Ok(migration)
}

fn read_keys(row: &Row<'_>) -> rusqlite::Result<Option<KeyProgress>> {
    let (first, next, last): (Option<i64>, Option<i64>, Option<i64>) =
        (row.get(16)?, row.get(20)?, row.get(21)?);
    let (Some(first), Some(next), Some(last)) = (first, next, last) else { return Ok(None) };
    let done = (next > first).then(|| next.saturating_sub(1));
    Ok((first <= last).then_some(KeyProgress { first, done, last }))
}

fn read_verification(row: &Row<'_>) -> rusqlite::Result<Option<Verification>> {
    let Some(at_s) = row.get(19)? else { return Ok(None) };
    Ok(Some(Verification {
        rows_checked: row.get(14)?,
        rows_differing: row.get(15)?,
        first_key: row.get(16)?,
        last_key: row.get(17)?,
        hash: row.get(18)?,
        at: clock::iso_s(at_s),
    }))
}

impl MigrationStatus {
    fn tell_pace(&mut self, now_s: i64) {
        let mut complaints = Vec::new();
        let started_ms = read_time("startedAt", self.started_at.as_deref(), &mut complaints);
        let ended_ms = read_time("endedAt", self.ended_at.as_deref(), &mut complaints);
        let until_ms = match self.status {
            "running" => Some(now_s.saturating_mul(1000)),
            "done" | "failed" => ended_ms,
            _ => None,
        };
        if let (Some(started_ms), Some(until_ms)) = (started_ms, until_ms) {
            self.elapsed_sec = until_ms.saturating_sub(started_ms).max(0) as f64 / 1000.0;
        }
        // The time since its start tells nothing of one that waits for somebody.
        let is_waiting = matches!(self.state, "paused" | "awaiting_approval" | "interrupted");
        let is_moving = self.status == "running" && !is_waiting;
        if is_moving && self.elapsed_sec > 0.0 && self.rows_processed > 0 {
            self.rate_per_sec = self.rows_processed as f64 / self.elapsed_sec;
            let left = self.rows_total.saturating_sub(self.rows_processed).max(0);
            self.eta_sec = left as f64 / self.rate_per_sec;
        }
        if !complaints.is_empty() {
            let complaint = complaints.join("; ");
            let message = self.error_message.take().map(|error| format!("{error} | {complaint}"));
            self.error_message = Some(message.unwrap_or(complaint));
        }
    }
}

fn read_time(field: &str, text: Option<&str>, complaints: &mut Vec<String>) -> Option<i64> {
    let text = text?;
    let time_ms = clock::parse_utc_ms(text);
    if time_ms.is_none() {
        complaints.push(format!("{field}: {text:?} is no time"));
    }
    time_ms
}
