//! `Digests`: has stale digests of packets made anew, so that analytics read few rows.
//!
//! ## Messages
//! | message | answer |
//! |---|---|
//! | [`Refresh`] | told to itself by a timer |
//!
//! It only sets the time; the work is a job of Backfill's runner, at its pace. Blocks on nothing. If
//! it died, answers would stay right and grow slow.

use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message};

use super::backfill::{Backfill, RunJob};
use super::line::Line;
use crate::db::analytics::refresh_job;

/// At 10 receptions a second some 15 packets: a quarter of a block.
const EVERY: Duration = Duration::from_secs(30);

/// The actor. See the module.
pub struct Digests {
    backfill: Line<Backfill>,
}

impl Digests {
    /// Starts it on the arbiter of the caller; it ends with the process.
    pub fn keep(backfill: Line<Backfill>) {
        Self { backfill }.start();
    }
}

impl Actor for Digests {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.notify_later(Refresh, EVERY);
    }
}

/// Tells it that its timer has run out.
#[derive(Message)]
#[rtype(result = "()")]
struct Refresh;

impl Handler<Refresh> for Digests {
    type Result = ();

    fn handle(&mut self, _: Refresh, ctx: &mut Context<Self>) {
        let run = RunJob { job: refresh_job(), by: "analytics".to_owned(), ended: None };
        if !self.backfill.tell(run) {
            tracing::debug!("stale digests wait: the runner has no room");
        }
        ctx.notify_later(Refresh, EVERY);
    }
}
