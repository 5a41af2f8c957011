//! `Digests`: has stale digests of packets made anew, so that analytics read few rows.
//!
//! ## Messages
//! | message | answer |
//! |---|---|
//! | [`Refresh`] | told to itself by a timer, and after each step |
//!
//! One bounded step at a time, only while no reception waits (decision 8), with a rest as long as
//! the step took. Blocks on nothing. If it died, answers would stay right and grow slow.

use std::sync::Arc;
use std::time::Duration;

use actix::fut::WrapFuture;
use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message};

use super::line::{AskError, Line};
use super::writer::{RefreshDigests, Writer};
use crate::clock::Clock;
use crate::db::DbError;
use crate::db::analytics::Refreshed;
use crate::perf::intake::IntakeGauge;

/// At 10 receptions a second some 15 packets: a quarter of a block.
pub const EVERY: Duration = Duration::from_secs(30);

/// After a start it looks sooner: another program may have written meanwhile.
const FIRST_AFTER: Duration = Duration::from_secs(2);

/// Rows of a step: 10 ms.
const STEP_ROWS: u64 = 4_000;

/// How long it lets receptions pass before it looks again.
const YIELD: Duration = Duration::from_millis(250);

/// The actor. See the module.
pub struct Digests {
    writer: Line<Writer>,
    gauge: Arc<IntakeGauge>,
    clock: Clock,
    every: Duration,
    /// The block that the last step ended with, if there is more to do.
    after: Option<i64>,
}

impl Digests {
    /// Starts it on the arbiter of the caller; it ends with the process.
    pub fn keep(writer: Line<Writer>, gauge: Arc<IntakeGauge>, clock: Clock, every: Duration) {
        Self { writer, gauge, clock, every, after: None }.start();
    }

    fn rest_after(&mut self, answer: Result<Refreshed, AskError<DbError>>) -> Duration {
        let before = self.after.take();
        match answer {
            Ok(done) if done.is_more => {
                self.after = done.last_block.or(before);
                done.hold
            }
            Ok(_) | Err(AskError::Full | AskError::Stopped) => self.every,
            Err(AskError::Refused(DbError::Closed)) => self.every,
            Err(error) => {
                tracing::warn!(%error, "stale digests were not made anew");
                self.every
            }
        }
    }
}

impl Actor for Digests {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.notify_later(Refresh, self.every.min(FIRST_AFTER));
    }
}

/// Tells it to take the next step.
#[derive(Message)]
#[rtype(result = "()")]
struct Refresh;

impl Handler<Refresh> for Digests {
    type Result = ();

    fn handle(&mut self, _: Refresh, ctx: &mut Context<Self>) {
        if self.gauge.depth() > 0 {
            ctx.notify_later(Refresh, YIELD);
            return;
        }
        let (after, sent_at) = (self.after, self.clock.monotonic());
        let message = RefreshDigests { after, rows_max: STEP_ROWS, sent_at };
        let writer = self.writer.clone();
        let asked = async move { writer.ask(message).await }.into_actor(self);
        ctx.spawn(asked.map(|answer, this, ctx| {
            let rest = this.rest_after(answer);
            ctx.notify_later(Refresh, rest);
        }));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use actix::Actor;
    use rusqlite::Connection;

    use super::super::lifeline::Lifelines;
    use super::super::live::Live;
    use super::*;
    use crate::db::{OpenOptions, open};

    #[actix::test]
    async fn new_packets_get_their_digest_by_and_by() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mesh.db");
        let clock = Clock::system();
        let connection = open(&path, &OpenOptions::new(clock.clone())).unwrap().writer;
        let conn = Connection::open(&path).unwrap();
        let packets = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 640) \
                       INSERT INTO transmissions (raw_hex, hash, first_seen) SELECT '15', i, '' FROM n";
        conn.execute_batch(packets).unwrap();
        let (lifelines, _deaths) = Lifelines::new();
        let live = Live::new(Arc::default(), lifelines.attach("live")).start();
        let live = Line::new(live, 8, Duration::from_secs(5));
        let writer = Writer::new(connection, live, Arc::default(), lifelines.attach("writer"));
        let writer = Line::new(writer.start(), 8, Duration::from_secs(5));
        let gauge = Arc::new(IntakeGauge::new(10));
        Digests::keep(writer, gauge, clock, Duration::from_millis(1));
        let blocks = || {
            let sql = "SELECT COUNT(*) FROM _analytics_blocks";
            conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
        };
        let made = async {
            while blocks() < 10 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), made).await.unwrap();
    }
}
