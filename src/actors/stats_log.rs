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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::Write;
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_line_has_what_operators_search_their_logs_for() {
        // Spec §7, "Log stats".
        let (log, gauge) = (Log::default(), IntakeGauge::new(10));
        let out = log.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || out.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            tell(&WriteTotals::default(), &gauge, &Clock::manual(0));
        });
        let line = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        for part in ["[stats]", "tx_inserted=0", "obs_inserted=0", "pending=0", "dropped=0"] {
            assert!(line.contains(part), "{line}");
        }
    }
}
