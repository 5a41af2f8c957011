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
}

impl LoopMonitor {
    /// Starts it on the arbiter of the caller; it ends with the process.
    pub fn watch(lag: Arc<LoopLag>, clock: Clock) {
        Self { lag, clock }.start();
    }

    fn sleep(&self, ctx: &mut Context<Self>) {
        let due = self.clock.monotonic() + EVERY;
        ctx.notify_later(Wake { due }, EVERY);
    }
}

impl Actor for LoopMonitor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.sleep(ctx);
    }
}

/// Tells it that its timer has run out.
#[derive(Message)]
#[rtype(result = "()")]
struct Wake {
    due: Duration,
}

impl Handler<Wake> for LoopMonitor {
    type Result = ();

    fn handle(&mut self, message: Wake, ctx: &mut Context<Self>) {
        self.lag.note(message.due, self.clock.monotonic());
        self.sleep(ctx);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
mod tests {
    use super::*;

    #[actix::test]
    async fn what_blocks_the_main_arbiter_is_seen() {
        let lag = Arc::new(LoopLag::default());
        LoopMonitor::watch(Arc::clone(&lag), Clock::system());
        tokio::time::sleep(Duration::from_millis(50)).await;
        // The fault: nothing else runs on this thread meanwhile.
        std::thread::sleep(Duration::from_millis(400));
        let clock = Clock::system();
        while lag.summary().count == 0 && clock.monotonic() < Duration::from_secs(20) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(lag.latest() >= Duration::from_millis(150), "{:?}", lag.latest());
    }
}
