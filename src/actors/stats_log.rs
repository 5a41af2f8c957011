//! One line of figures every five minutes (spec §7), which operators search their logs for.

use std::sync::Arc;
use std::time::Duration;

use super::writer::WriteTotals;
use crate::clock::Clock;
use crate::perf::intake::IntakeGauge;

const EVERY: Duration = Duration::from_secs(300);

/// Begins; it ends with the runtime.
pub(super) fn begin(totals: Arc<WriteTotals>, gauge: Arc<IntakeGauge>, clock: Clock) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(EVERY).await;
            tell(&totals, &gauge, &clock);
        }
    });
}

fn tell(totals: &WriteTotals, gauge: &IntakeGauge, clock: &Clock) {
    let (counts, queue) = (totals.counts(), gauge.counts(clock.now_ms()));
    let dropped: u64 = queue.dropped.values().map(|dropped| dropped.count).sum();
    tracing::info!(
        tx_inserted = counts.tx_inserted,
        tx_dupes = counts.tx_dupes,
        obs_inserted = counts.obs_inserted,
        node_upserts = counts.node_upserts,
        observer_upserts = counts.observer_upserts,
        write_errors = counts.write_errors,
        sig_drops = counts.sig_drops,
        pending = queue.depth,
        dropped,
        "[stats]"
    );
}
