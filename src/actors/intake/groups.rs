//! How deliveries become groups: when a group is closed, and who is woken for it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use crate::actors::delivery::{Delivery, Receipt};
use crate::ingest::reception::Record;

/// When a group is closed: by rows or by time, the first to bind wins.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupRules {
    /// A group never holds more rows (the writer's hold time, decision 20).
    pub(super) rows_max: usize,
    /// From this many rows on, a pause of `quiet` closes the group: a broker with a small window
    /// (Mosquitto's default is 20 messages) sends nothing more until we acknowledge.
    pub(super) rows_prompt: usize,
    /// See `rows_prompt`.
    pub(super) quiet: Duration,
    /// The longest wait of a group's first row after a group of `rows_prompt` rows (decision 2).
    pub(super) wait_busy: Duration,
    /// The longest wait otherwise: at most one synced commit a second when idle.
    pub(super) wait_idle: Duration,
}

impl Default for GroupRules {
    fn default() -> Self {
        Self {
            rows_max: 250,
            rows_prompt: 16,
            quiet: Duration::from_millis(2),
            wait_busy: Duration::from_millis(250),
            wait_idle: Duration::from_secs(1),
        }
    }
}

/// What is queued.
pub(super) enum Item {
    /// To be committed.
    Delivery(Delivery),
    /// Nothing comes after it.
    Last(oneshot::Sender<()>),
}

impl Item {
    /// Whether somebody waits for it, so that its group is closed at once.
    fn is_awaited(&self) -> bool {
        match self {
            Self::Delivery(delivery) => matches!(delivery.receipt, Receipt::Answer(_)),
            Self::Last(_) => true,
        }
    }
}

/// Makes a queue. Its bound is the gauge's, which every [`Door`](super::Door) asks.
pub(super) fn queue() -> (Entrance, Queue) {
    let (items, received) = unbounded_channel();
    let bell = Arc::<Notify>::default();
    (Entrance { items, bell: Arc::clone(&bell) }, Queue { items: received, bell })
}

/// Where items enter the queue.
#[derive(Clone)]
pub(super) struct Entrance {
    items: UnboundedSender<Item>,
    bell: Arc<Notify>,
}

impl Entrance {
    /// Adds one, or returns it when nobody collects any more. A group that is being gathered waits
    /// for its time undisturbed (a wake-up of a thread costs more than a row), unless somebody waits
    /// for an answer.
    pub(super) fn send(&self, item: Item) -> Option<Item> {
        let is_awaited = item.is_awaited();
        let refused = self.items.send(item).err();
        if is_awaited {
            self.ring();
        }
        refused.map(|refused| refused.0)
    }

    /// Says that there are so many that the group may have to be closed earlier.
    pub(super) fn ring(&self) {
        self.bell.notify_one();
    }
}

/// A group on its way to the writer: `records` and `receipts` of those that have a record, in
/// order; `receipts` of the others stand where they arrived.
#[derive(Default)]
pub(super) struct Group {
    pub(super) records: Vec<Record>,
    pub(super) receipts: Vec<(bool, Receipt)>,
    pub(super) last: Option<oneshot::Sender<()>>,
}

impl Group {
    /// Adds one item; `true` if the group is to be closed now.
    fn add(&mut self, item: Item) -> bool {
        let is_closed = item.is_awaited();
        match item {
            Item::Delivery(delivery) => {
                self.receipts.push((delivery.record.is_some(), delivery.receipt));
                self.records.extend(delivery.record);
            }
            Item::Last(done) => self.last = Some(done),
        }
        is_closed
    }
}

/// Where groups come from.
pub(super) struct Queue {
    items: UnboundedReceiver<Item>,
    bell: Arc<Notify>,
}

impl Queue {
    /// Waits for a first item, then gathers as the rules say. `None` when all doors are gone.
    pub(super) async fn collect(&mut self, rules: GroupRules, is_busy: bool) -> Option<Group> {
        let mut group = Group::default();
        let mut is_closed = group.add(self.items.recv().await?);
        let wait = if is_busy { rules.wait_busy } else { rules.wait_idle };
        let deadline = Instant::now() + wait;
        loop {
            while !is_closed && group.receipts.len() < rules.rows_max {
                // `try_recv` would wait for a sender that is just adding.
                let Some(Some(item)) = self.items.recv().now_or_never() else { break };
                is_closed = group.add(item);
            }
            let rows = group.receipts.len();
            if is_closed || rows >= rules.rows_max || Instant::now() >= deadline {
                return Some(group);
            }
            if rows < rules.rows_prompt {
                // Either way it is looked at again.
                let _ = timeout_at(deadline, self.bell.notified()).await;
                continue;
            }
            let patience = deadline.saturating_duration_since(Instant::now()).min(rules.quiet);
            match timeout(patience, self.items.recv()).await {
                Ok(Some(item)) => is_closed = group.add(item),
                Ok(None) | Err(_) => return Some(group),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
