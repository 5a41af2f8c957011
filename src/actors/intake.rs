//! Intake: every reception's way to the writer. Collects deliveries into groups, has each group
//! committed, then tells those who wait.
//!
//! Deliveries enter by the [`Door`], a queue with an exact bound, not by the mailbox: a mailbox
//! does not bound its senders. What is full is said there, per source.
//!
//! ## Messages
//! | message | answer |
//! |---|---|
//! | [`SubmitPacket`] | what was stored, once it is durable |
//! | [`Drain`] | when all that had entered is committed; nothing enters afterwards |
//!
//! Blocks on nothing; waits for the writer as long as it lives. Dies when the writer has died.

mod groups;

use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture,
    WrapFuture,
};
use tokio::sync::oneshot;
use tokio::time::sleep;

use self::groups::{Entrance, GroupRules, Item, Queue};
use super::delivery::{Delivery, IntakeDoor, Receipt};
use super::lifeline::Lifeline;
use super::line::{AskError, Line};
use super::writer::{CommitReceptions, Writer};
use crate::clock::Clock;
use crate::db::{Commit, DbError, Outcome, StoredPacket};
use crate::ingest::reception::Record;
use crate::perf::intake::IntakeGauge;

/// Commits that fail are repeated after 100 ms, doubling up to this pause, for as long as it takes.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(5);

/// The actor. See the module.
pub struct Intake {
    door: Door,
    queue: Option<Queue>,
    writer: Line<Writer>,
    _lifeline: Lifeline,
}

/// The way in; clones share the queue and its bound.
#[derive(Clone)]
pub struct Door {
    entrance: Entrance,
    gauge: Arc<IntakeGauge>,
    clock: Clock,
    rules: GroupRules,
}

impl Intake {
    /// Makes the actor and its door. `gauge` holds the bound of the queue.
    pub fn new(
        writer: Line<Writer>,
        gauge: Arc<IntakeGauge>,
        clock: Clock,
        lifeline: Lifeline,
    ) -> (Self, Door) {
        let (entrance, queue) = groups::queue();
        let door = Door { entrance, gauge, clock, rules: GroupRules::default() };
        let intake = Self { door: door.clone(), queue: Some(queue), writer, _lifeline: lifeline };
        (intake, door)
    }
}

impl Actor for Intake {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        if let Some(queue) = self.queue.take() {
            let pump = pump(queue, self.writer.clone(), self.door.clone());
            ctx.spawn(pump.into_actor(self).map(|(), _, ctx| ctx.stop()));
        }
    }
}

impl IntakeDoor for Door {
    fn offer(&self, delivery: Delivery) -> bool {
        let source = delivery.source.clone();
        let is_taken = self.try_enter(delivery).is_none();
        if !is_taken {
            self.gauge.count_dropped(&source, self.clock.now_ms());
        }
        is_taken
    }

    fn try_enter(&self, delivery: Delivery) -> Option<Delivery> {
        if !self.gauge.try_enter(self.clock.now_ms()) {
            return Some(delivery);
        }
        let refused = self.entrance.send(Item::Delivery(delivery));
        // After sending: of two who enter at once, one sees both.
        if self.gauge.depth() >= self.rules.rows_prompt {
            self.entrance.ring();
        }
        let refused = refused?;
        self.gauge.leave(1, None);
        match refused {
            Item::Delivery(delivery) => Some(delivery),
            Item::Last(_) => None,
        }
    }
}

/// Asks to store one packet; answered after the durable commit.
#[derive(Message)]
#[rtype(result = "Result<StoredPacket, SubmitError>")]
pub struct SubmitPacket {
    /// The packet.
    pub record: Record,
}

/// Why a submitted packet is not stored.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The queue is full.
    #[error("the ingest queue is full")]
    Full,
    /// The process stops; the packet may or may not be stored.
    #[error("the process is stopping")]
    Stopping,
    /// This record cannot be written.
    #[error("the packet cannot be written: {0}")]
    Refused(String),
}

impl Handler<SubmitPacket> for Intake {
    type Result = ResponseFuture<Result<StoredPacket, SubmitError>>;

    fn handle(&mut self, message: SubmitPacket, _: &mut Context<Self>) -> Self::Result {
        let (answer, stored) = oneshot::channel();
        let delivery = Delivery {
            source: Arc::from("http"),
            record: Some(message.record),
            receipt: Receipt::Answer(answer),
        };
        let is_full = self.door.try_enter(delivery).is_some();
        Box::pin(async move {
            if is_full {
                return Err(SubmitError::Full);
            }
            stored.await.map_err(|_| SubmitError::Stopping)?.map_err(SubmitError::Refused)
        })
    }
}

/// Asks to commit all that has entered and to let nothing more in.
#[derive(Message)]
#[rtype(result = "Result<(), SubmitError>")]
pub struct Drain;

impl Handler<Drain> for Intake {
    type Result = ResponseFuture<Result<(), SubmitError>>;

    fn handle(&mut self, _: Drain, _: &mut Context<Self>) -> Self::Result {
        let (done, drained) = oneshot::channel();
        self.door.gauge.close();
        let is_sent = self.door.entrance.send(Item::Last(done)).is_none();
        Box::pin(async move {
            if is_sent {
                // A dropped sender means that the pump has ended: nothing is left to drain.
                let _ = drained.await;
            }
            Ok(())
        })
    }
}

/// Commits groups until the last item or the writer's end.
async fn pump(mut queue: Queue, writer: Line<Writer>, door: Door) {
    let mut is_busy = false;
    while let Some(group) = queue.collect(door.rules, is_busy).await {
        is_busy = group.receipts.len() >= door.rules.rows_prompt;
        let count = group.receipts.len();
        let records = Arc::new(group.records);
        door.gauge.begin_commit();
        let Some(commit) = commit_patiently(&writer, &door, &records).await else { return };
        tell(group.receipts, commit.outcomes.as_slice());
        door.gauge.leave(count, Some(door.clock.now_ms()));
        if let Some(done) = group.last {
            let _ = done.send(());
            return;
        }
    }
}

/// Has the records committed, however often it takes; `None` when the writer has ended.
async fn commit_patiently(
    writer: &Line<Writer>,
    door: &Door,
    records: &Arc<Vec<Record>>,
) -> Option<Commit> {
    if records.is_empty() {
        return Some(Commit::default());
    }
    let mut pause = Duration::from_millis(100);
    loop {
        let sent_at = door.clock.monotonic();
        match writer.ask(CommitReceptions { records: records.clone(), sent_at }).await {
            Ok(commit) => {
                if door.gauge.end_stall() {
                    tracing::info!("receptions are committed again");
                }
                return Some(commit);
            }
            Err(AskError::Stopped) => return None,
            Err(error) => note_failure(&door.gauge, &error, door.clock.now_ms()),
        }
        sleep(pause).await;
        pause = (pause * 2).min(RETRY_PAUSE_MAX);
    }
}

fn note_failure(gauge: &IntakeGauge, error: &AskError<DbError>, now_ms: i64) {
    let text = match error {
        AskError::Refused(cause) => cause.to_string(),
        other => other.to_string(),
    };
    if gauge.begin_stall(&text, now_ms) {
        tracing::error!(
            error = text,
            "receptions cannot be committed; they wait and are tried again"
        );
    }
}

/// Tells everyone who waits, in order of arrival.
fn tell(receipts: Vec<(bool, Receipt)>, outcomes: &[Outcome]) {
    let mut outcomes = outcomes.iter();
    for (has_record, receipt) in receipts {
        let outcome = if has_record { outcomes.next() } else { None };
        match receipt {
            Receipt::None => {}
            Receipt::Committed(acknowledge) => acknowledge(),
            Receipt::Answer(answer) => {
                let told = match outcome {
                    Some(Outcome::Packet(stored)) => Ok(stored.clone()),
                    Some(Outcome::Failed(reason)) => Err(reason.clone()),
                    Some(Outcome::Kept) | None => Err("it is no packet".to_owned()),
                };
                // The asker may have gone; the packet is stored all the same.
                let _ = answer.send(told);
            }
        }
    }
}
