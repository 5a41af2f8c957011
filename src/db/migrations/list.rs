//! What the books say of all migrations, for the API (http-contract §2.5).

use rusqlite::{Connection, Row};
use serde::Serialize;

use crate::clock;
use crate::db::error::{DbError, Doing};
use crate::db::upgrade;

/// One migration; names and order of the API.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
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
}

/// Lists all migrations by name. A database without the table has none (HZ 23); one from before
/// progress was kept has no rows processed.
///
/// # Errors
/// If the table is there and cannot be read.
pub fn list_migrations(conn: &Connection, now_s: i64) -> Result<Vec<MigrationStatus>, DbError> {
    const ACTION: &str = "list the migrations";
    let columns = upgrade::column_names(conn, "_async_migrations")?;
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let progress = if columns.contains("rows_processed") {
        "rows_processed, rows_total, last_update_at"
    } else {
        "0, 0, NULL"
    };
    let sql = format!(
        "SELECT name, status, started_at, ended_at, error, {progress} FROM _async_migrations \
         ORDER BY name"
    );
    let mut statement = conn.prepare(&sql).doing(ACTION)?;
    let rows = statement.query_map([], |row| read(row, now_s)).doing(ACTION)?;
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
        ..MigrationStatus::default()
    };
    migration.tell_pace(now_s);
    Ok(migration)
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
        if self.status == "running" && self.elapsed_sec > 0.0 && self.rows_processed > 0 {
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
