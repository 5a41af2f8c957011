//! `Digests`: has stale digests of packets made anew, so that analytics read few rows.
//!
//! ## Messages
//! | message | answer |
//! |---|---|
//! | `AskForRefresh` | its own, sent to itself by a timer |
//!
//! The work is a job of Backfill's runner (decisions 6 and 8): it gives way to receptions and to
//! everything else that a migration gives way to. Blocks on nothing. If it died, answers would stay
//! right and grow slow.

use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use tokio::sync::oneshot;

use super::backfill::{Backfill, RunJob};
use super::line::Line;
use crate::db::analytics;

/// At 10 receptions a second some 15 packets: a quarter of a block.
pub const EVERY: Duration = Duration::from_secs(30);

/// After a start it looks sooner: another program may have written meanwhile.
const FIRST_AFTER: Duration = Duration::from_secs(2);

const BY: &str = "analytics";

/// The actor. See the module.
pub struct Digests {
    backfill: Line<Backfill>,
    every: Duration,
}

impl Digests {
    /// Starts it on the arbiter of the caller; it ends with the process.
    pub fn keep(backfill: Line<Backfill>, every: Duration) {
        Self { backfill, every }.start();
    }
}

impl Actor for Digests {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.notify_later(AskForRefresh, self.every.min(FIRST_AFTER));
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct AskForRefresh;

impl Handler<AskForRefresh> for Digests {
    type Result = ();

    /// How it ends is told by the runner; here the end only makes the next appointment.
    fn handle(&mut self, _: AskForRefresh, ctx: &mut Context<Self>) {
        let (ended, end) = oneshot::channel();
        let job = analytics::refresh_job();
        let message = RunJob { job, by: BY.to_owned(), ended: Some(ended) };
        let backfill = self.backfill.clone();
        let asked = async move {
            backfill.ask(message).await.ok()?;
            end.await.ok()
        };
        ctx.spawn(asked.into_actor(self).map(|_, this, ctx| {
            ctx.notify_later(AskForRefresh, this.every);
        }));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use rusqlite::Connection;

    use super::super::lifeline::Lifelines;
    use super::super::{ActorParts, Actors, MigrationParts};
    use super::*;
    use crate::clock::Clock;
    use crate::db::{OpenOptions, open};

    #[actix::test]
    async fn new_packets_get_their_digest_by_and_by_on_the_runner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mesh.db");
        let clock = Clock::system();
        let connection = open(&path, &OpenOptions::new(clock.clone())).unwrap().writer;
        let conn = Connection::open(&path).unwrap();
        let packets = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 640) \
                       INSERT INTO transmissions (raw_hex, hash, first_seen) SELECT '15', i, '' FROM n";
        conn.execute_batch(packets).unwrap();
        let (lifelines, _deaths) = Lifelines::new();
        let actors = Actors::start(ActorParts {
            connection,
            migrations: MigrationParts::default(),
            intake_capacity: 10,
            clock: clock.clone(),
            lifelines,
            window: std::sync::Arc::new(crate::store::Window::new(clock)),
        });
        actors.begin_backfill();
        Digests::keep(actors.backfill.clone(), Duration::from_millis(1));
        let blocks = || {
            let sql = "SELECT COUNT(*) FROM _analytics_blocks";
            conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
        };
        let made = async {
            while blocks() < 10 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), made).await.unwrap();
        let is_listed = |job: &super::super::backfill::LiveJob| job.name == "refresh_digests";
        assert!(actors.jobs.load().iter().any(is_listed), "it shows as a job");
    }
}
