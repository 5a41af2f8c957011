//! `LoopMonitor`: notes how late the main arbiter wakes it, four times a second.
//!
//! ## Messages
//! | message | answer |
//! |---|---|
//! | [`Wake`] | told to itself by a timer |
//!
//! It runs where Intake and Backfill run, so what blocks them delays it.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message};

use crate::clock::Clock;
use crate::perf::lag::LoopLag;

/// Some 0.02 % of a core, and 1,200 values in the window of the percentiles.
const EVERY: Duration = Duration::from_millis(250);

/// The actor. See the module.
pub struct LoopMonitor {
    lag: Arc<LoopLag>,
    clock: Clock,
    due: Duration,
}

impl LoopMonitor {
    /// Starts it on the arbiter of the caller; it ends with the process.
    pub fn watch(lag: Arc<LoopLag>, clock: Clock) {
        let due = clock.monotonic() + EVERY;
        Self { lag, clock, due }.start();
    }
}

impl Actor for LoopMonitor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.notify_later(Wake, EVERY);
    }
}

/// Tells it that its timer has run out.
#[derive(Message)]
#[rtype(result = "()")]
struct Wake;

impl Handler<Wake> for LoopMonitor {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Context<Self>) {
        let now = self.clock.monotonic();
        self.lag.note(self.due, now);
        self.due = now + EVERY;
        ctx.notify_later(Wake, EVERY);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[actix::test]
    async fn a_wake_up_that_comes_late_is_noted_with_how_late() {
        let (lag, clock) = (Arc::new(LoopLag::default()), Clock::manual(0));
        LoopMonitor::watch(Arc::clone(&lag), clock.clone());
        clock.advance_ms(1_000);
        let noted = async {
            while lag.summary().count == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), noted).await.unwrap();
        assert_eq!(lag.latest(), Duration::from_millis(750));
    }
}
