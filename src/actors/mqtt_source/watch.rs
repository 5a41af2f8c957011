//! Runs the watchdog of one source beside its connection.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::mpsc::WeakSender;
use tokio::time::sleep;

use super::shared::{Command, Shared};
use crate::ingest::watchdog::{Health, Limits, Notice, Reconnect, Verdict, Watchdog};

/// Scans until the source stops. A scan that panics is counted; the next one runs.
pub async fn watch(shared: Arc<Shared>, commands: WeakSender<Command>) {
    let mut watchdog = Watchdog::new(&shared.settings.tag, Limits::default());
    loop {
        sleep(shared.settings.pace.scan_every).await;
        let Some(commands) = commands.upgrade() else { return };
        let scan = || watchdog.scan(shared.clock.monotonic(), &shared.status.liveness());
        match catch_unwind(AssertUnwindSafe(scan)) {
            Ok(verdict) => {
                tell(&shared, &verdict);
                if verdict.reconnect == Reconnect::Now {
                    shared.status.note_forced_reconnect(shared.clock.now_s());
                    // A full queue holds such a command already.
                    let _ = commands.try_send(Command::Reconnect);
                }
            }
            Err(_) => shared.status.note_watchdog_panic(),
        }
    }
}

fn tell(shared: &Shared, verdict: &Verdict) {
    let alerted = matches!(verdict.notice, Some(Notice::Raised | Notice::Reminder));
    shared.status.note_health(verdict.health, alerted, shared.clock.now_s());
    let (source, for_s) = (&*shared.settings.tag, verdict.lasted.as_secs());
    match (verdict.notice, verdict.health) {
        (None, _) => {}
        (Some(Notice::Recovered), _) => {
            tracing::info!(source, for_s, "messages arrive again");
        }
        (Some(Notice::StillDisconnected), _) => {
            tracing::warn!(source, for_s, "still no connection to the MQTT broker");
        }
        (Some(_), Health::NeverReceived) => tracing::warn!(
            source,
            for_s,
            "connected, but not one message has ever arrived: do the topics fit the broker?"
        ),
        (Some(_), _) if verdict.reconnect == Reconnect::TooSoon => tracing::warn!(
            source,
            for_s,
            "no message arrives; the last reconnect is too recent for another"
        ),
        (Some(_), _) => tracing::warn!(source, for_s, "no message arrives: connecting anew"),
    }
}
