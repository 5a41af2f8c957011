//! What the ledger shows.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::account::{Account, Sums, Times};
use super::source::Source;
use crate::perf::latency::LatencySummary;
use crate::perf::stats_file::ComponentPerf;

/// Said beside pages that are not known.
const BLIND: &str = "SQLite did not tell the pages of every operation";

/// The ledger at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct LedgerSnapshot {
    /// By source.
    pub sources: BTreeMap<String, SourceRow>,
    /// What they add up to: the connection's totals.
    pub totals: TotalsRow,
    /// Why pages and bytes are `null`; absent when they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The original's `writer_perf`, by component (spec §4.2).
    #[serde(skip)]
    pub components: BTreeMap<String, ComponentPerf>,
    /// The sums as they are.
    #[serde(skip)]
    pub sums: BTreeMap<Source, Sums>,
}

impl LedgerSnapshot {
    /// Every transaction that was committed: the original's `walCommits` (001-04, HZ 17).
    pub fn commits(&self) -> u64 {
        self.totals.transactions
    }

    /// Rows that each migration has changed: the original's `backfillUpdates`, per row (001-05).
    pub fn backfill_updates(&self) -> BTreeMap<&'static str, u64> {
        let rows = |(source, sums): (&Source, &Sums)| match source {
            Source::Backfill(name) => Some((*name, sums.rows)),
            _ => None,
        };
        self.sums.iter().filter_map(rows).collect()
    }
}

/// What one source has cost since the start.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LedgerRow)]
pub struct SourceRow {
    /// Its sums.
    #[serde(flatten)]
    pub totals: TotalsRow,
    /// How long its operations waited for the writer.
    pub wait: LatencySummary,
    /// How long they held it, as a whole.
    pub hold: LatencySummary,
}

/// [`Sums`] in the units of the API.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TotalsRow {
    /// See [`Sums::rows`].
    pub rows: u64,
    /// See [`Sums::transactions`].
    pub transactions: u64,
    /// See [`Sums::shared_transactions`].
    pub shared_transactions: u64,
    /// See [`Sums::wal_pages`]; `null` if SQLite did not tell.
    pub wal_pages: Option<u64>,
    /// The same with frame headers.
    pub wal_bytes: Option<u64>,
    /// See [`Sums::checkpointed_pages`].
    pub checkpointed_pages: u64,
    /// See [`Sums::hold_us`].
    pub hold_ms: f64,
    /// See [`Sums::errors`].
    pub errors: u64,
}

pub(super) fn of(
    accounts: &BTreeMap<Source, Account>,
    components: &BTreeMap<Source, Times>,
    frame_bytes: u64,
    is_blind: bool,
) -> LedgerSnapshot {
    let mut all = Sums::default();
    accounts.values().for_each(|account| all += account.sums);
    let row = |account: &Account| SourceRow {
        totals: totals_row(&account.sums, frame_bytes, is_blind),
        wait: account.times.wait.summary(),
        hold: account.times.hold.summary(),
    };
    LedgerSnapshot {
        sources: accounts.iter().map(|(source, a)| (source.to_string(), row(a))).collect(),
        totals: totals_row(&all, frame_bytes, is_blind),
        reason: is_blind.then_some(BLIND),
        components: components.iter().map(|(c, times)| (c.to_string(), perf(times))).collect(),
        sums: accounts.iter().map(|(source, account)| (*source, account.sums)).collect(),
    }
}

fn totals_row(sums: &Sums, frame_bytes: u64, is_blind: bool) -> TotalsRow {
    let wal_pages = (!is_blind).then_some(sums.wal_pages);
    TotalsRow {
        rows: sums.rows,
        transactions: sums.transactions,
        shared_transactions: sums.shared_transactions,
        wal_pages,
        wal_bytes: wal_pages.map(|pages| pages * frame_bytes),
        checkpointed_pages: sums.checkpointed_pages,
        hold_ms: sums.hold_us as f64 / 1000.0,
        errors: sums.errors,
    }
}

fn perf(times: &Times) -> ComponentPerf {
    let (wait, hold) = (times.wait.summary(), times.hold.summary());
    ComponentPerf {
        count: hold.count,
        contention_total: times.contention,
        wait_ms_p50: wait.p50_ms,
        wait_ms_p95: wait.p95_ms,
        wait_ms_p99: wait.p99_ms,
        wait_ms_max: wait.max_ms,
        hold_ms_p50: hold.p50_ms,
        hold_ms_p95: hold.p95_ms,
        hold_ms_p99: hold.p99_ms,
        hold_ms_max: hold.max_ms,
    }
}
