//! The database: what is written and by whom, the WAL, page caches, readers, migrations, and what
//! of all that is not normal.

use std::time::Duration;

use super::names::{
    ANOMALIES, ANOMALY_SINCE, CHECKPOINT_FAILURES, CHECKPOINT_TIME, CHECKPOINTS, DATABASE_BYTES,
    EVENTS, FREELIST_BYTES, HIT_RATE, JUDGED, LOOK_UPS, MAINTENANCE_NEXT, MAINTENANCE_ROWS,
    MAINTENANCE_RUNS, MAINTENANCE_STATE, MIGRATION_ALL, MIGRATION_DONE, MIGRATION_LEFT,
    MIGRATION_RATE, MIGRATION_STATE, MIGRATIONS_READABLE, OLDEST_READ, OPEN_READS, READERS_REFUSED,
    READERS_WAITING, ROWS, WAL_BYTES, WAL_DEBT, WAL_PAGES, WRITE_ERRORS, WRITE_HOLD, WRITE_ROWS,
    WRITE_TRANSACTIONS, WRITE_WAIT, WRITE_WAL,
};
use crate::db::pages::{PageCounts, PageGauge};
use crate::db::retention::TaskStatus;
use crate::db::stats::Counts;
use crate::db::{Readers, WalGauges, WriteCounts};
use crate::perf::anomaly::Rule;
use crate::perf::backfill::Eta;
use crate::perf::ledger::LedgerSnapshot;
use crate::perf::prometheus::Page;
use crate::perf::sqlite::SqlitePerf;
use crate::perf::vitals::Vitals;
use crate::web::migrations::MigrationView;

/// Writes what was stored since the start.
pub(super) fn events(page: &mut Page, counts: &WriteCounts) {
    let mut family = page.family(&EVENTS);
    let events = [
        ("tx_inserted", counts.tx_inserted),
        ("tx_dupes", counts.tx_dupes),
        ("obs_inserted", counts.obs_inserted),
        ("node_upserts", counts.node_upserts),
        ("observer_upserts", counts.observer_upserts),
        ("write_errors", counts.write_errors),
        ("sig_drops", counts.sig_drops),
        ("walCommits", counts.wal_commits),
        ("foreign_writes", counts.foreign_writes),
    ];
    for (event, count) in events {
        family.count(&[("event", event)], count);
    }
}

/// Writes the ledger.
pub(super) fn ledger(page: &mut Page, ledger: &LedgerSnapshot) {
    let rows = || ledger.sources.iter().map(|(source, row)| ([("source", source.as_str())], row));
    let mut family = page.family(&WRITE_ROWS);
    rows().for_each(|(labels, row)| family.count(&labels, row.totals.rows));
    let mut family = page.family(&WRITE_TRANSACTIONS);
    rows().for_each(|(labels, row)| family.count(&labels, row.totals.transactions));
    let mut family = page.family(&WRITE_WAL);
    rows().for_each(|(labels, row)| {
        family.add(&labels, row.totals.wal_bytes.map(|bytes| bytes as f64));
    });
    let mut family = page.family(&WRITE_ERRORS);
    rows().for_each(|(labels, row)| family.count(&labels, row.totals.errors));
    let mut family = page.family(&WRITE_WAIT);
    rows().for_each(|(labels, row)| family.summary(&labels, &row.wait));
    let mut family = page.family(&WRITE_HOLD);
    rows().for_each(|(labels, row)| family.summary(&labels, &row.hold));
}

/// Writes what the checkpointer counts.
pub(super) fn checkpoints(page: &mut Page, wal: &WalGauges) {
    page.single(&CHECKPOINTS, Some(wal.checkpoints() as f64));
    page.single(&CHECKPOINT_FAILURES, Some(wal.failures() as f64));
    let has_run = wal.checkpoints() + wal.failures() > 0;
    page.single(&CHECKPOINT_TIME, has_run.then(|| wal.last_hold().as_secs_f64()));
}

/// Writes the page caches and the readers.
pub(super) fn readers(page: &mut Page, readers: &Readers, writer: Option<&PageGauge>) {
    let mut family = page.family(&LOOK_UPS);
    let caches =
        [("writer", writer.and_then(PageGauge::counts)), ("readers", readers.pages().counts())];
    for (connections, counts) in caches {
        let Some(PageCounts { hits, misses, .. }) = counts else { continue };
        family.count(&[("connections", connections), ("result", "hit")], hits);
        family.count(&[("connections", connections), ("result", "miss")], misses);
    }
    let open = readers.open_reads();
    page.single(&OPEN_READS, Some(open.map_or(0, |(count, _)| count) as f64));
    let age = open.map_or(Duration::ZERO, |(_, age)| age);
    page.single(&OLDEST_READ, Some(age.as_secs_f64()));
    page.single(&READERS_WAITING, Some(readers.waiting() as f64));
    page.single(&READERS_REFUSED, Some(readers.refused() as f64));
}

/// Writes the latest look at the database.
pub(super) fn sqlite(page: &mut Page, sqlite: &SqlitePerf) {
    page.single(&WAL_BYTES, sqlite.wal_size.map(|bytes| bytes as f64));
    page.single(&WAL_PAGES, sqlite.wal_pages.value.map(f64::from));
    page.single(&WAL_DEBT, sqlite.wal_debt_pages.value.map(f64::from));
    let mut family = page.family(&HIT_RATE);
    family.add(&[("connections", "writer")], sqlite.writer_hit_rate.value);
    family.add(&[("connections", "readers")], sqlite.reader_hit_rate.value);
    let bytes = |pages: Option<i64>| pages.zip(sqlite.page_size).map(|(n, size)| (n * size) as f64);
    page.single(&DATABASE_BYTES, bytes(sqlite.page_count));
    page.single(&FREELIST_BYTES, bytes(sqlite.freelist_pages));
}

/// Writes the rows of tables.
pub(super) fn rows(page: &mut Page, counts: Option<&Counts>) {
    let Some(counts) = counts else { return };
    let mut family = page.family(&ROWS);
    let tables = [
        ("transmissions", counts.transmissions),
        ("observations", counts.observations),
        ("nodes", counts.nodes),
        ("observers", counts.observers),
        ("dropped_packets", counts.dropped),
    ];
    for (table, count) in tables {
        family.add(&[("table", table)], Some(count as f64));
    }
}

type Figure = fn(&MigrationView) -> Option<f64>;

/// Writes how migrations stand; `None` if their books could not be read.
pub(super) fn migrations(page: &mut Page, migrations: Option<&[MigrationView]>) {
    page.single(&MIGRATIONS_READABLE, Some(f64::from(u8::from(migrations.is_some()))));
    let migrations = migrations.unwrap_or_default();
    let mut family = page.family(&MIGRATION_STATE);
    for MigrationView { status, .. } in migrations {
        let labels = [("name", &*status.name), ("status", status.status), ("state", status.state)];
        family.count(&labels, 1);
    }
    let figures: [(_, Figure); 4] = [
        (&MIGRATION_DONE, |view| Some(view.status.rows_processed as f64)),
        (&MIGRATION_ALL, |view| Some(view.status.rows_total as f64)),
        (&MIGRATION_RATE, |view| view.live.as_ref()?.rows_per_sec),
        (&MIGRATION_LEFT, |view| match view.live.as_ref()?.eta {
            Eta::Estimate { high_s, .. } => Some(high_s),
            _ => None,
        }),
    ];
    for (metric, figure) in figures {
        let mut family = page.family(metric);
        for view in migrations {
            family.add(&[("name", &view.status.name)], figure(view));
        }
    }
}

/// Writes how the tasks of retention stand.
pub(super) fn maintenance(page: &mut Page, tasks: &[TaskStatus]) {
    let mut family = page.family(&MAINTENANCE_STATE);
    tasks.iter().for_each(|task| family.count(&[("task", task.name), ("state", task.state)], 1));
    let mut family = page.family(&MAINTENANCE_ROWS);
    tasks.iter().for_each(|task| family.count(&[("task", task.name)], task.rows_total));
    let mut family = page.family(&MAINTENANCE_RUNS);
    tasks.iter().for_each(|task| family.count(&[("task", task.name)], task.runs));
    let mut family = page.family(&MAINTENANCE_NEXT);
    for task in tasks {
        family.add(&[("task", task.name)], task.next_run_in_sec.map(|seconds| seconds as f64));
    }
}

/// Writes what is not normal.
pub(super) fn anomalies(page: &mut Page, vitals: &Vitals) {
    let Some(judgement) = &vitals.judgement else { return };
    let mut family = page.family(&ANOMALIES);
    let rules =
        [(Rule::Threshold, "threshold"), (Rule::Rate, "rate"), (Rule::Baseline, "baseline")];
    for (rule, name) in rules {
        let found = judgement.anomalies.iter().filter(|anomaly| anomaly.rule == rule).count();
        family.count(&[("rule", name)], found as u64);
    }
    let mut family = page.family(&ANOMALY_SINCE);
    for anomaly in &judgement.anomalies {
        let (rule, found) = (rule_name(&rules, anomaly.rule), &anomaly.deviation);
        let source = found.source.as_deref().unwrap_or_default();
        let labels = [("rule", rule), ("series", found.series.as_str()), ("source", source)];
        family.add(&labels, Some(found.since_ms as f64 / 1000.0));
    }
    page.single(&JUDGED, Some(judgement.at_ms as f64 / 1000.0));
}

fn rule_name(rules: &[(Rule, &'static str)], rule: Rule) -> &'static str {
    rules.iter().find(|(other, _)| *other == rule).map_or("", |(_, name)| name)
}
