//! Live: tells WebSocket clients what was stored, after it was stored.
//!
//! ## Messages
//! | message | answer |
//! |---|---|
//! | [`Announce`] | told by the Writer after each commit |
//! | [`Subscribe`] | a feed of ready JSON texts with a bound of its own |
//! | [`CountClients`] | how many feeds are open |
//! | [`EndFeeds`] | told when the process stops: clients get a goodbye |
//!
//! A client that does not read loses messages, never the others': its feed holds
//! [`FEED_MESSAGES_MAX`] texts, what does not fit is dropped, counted, and the client is told the
//! count. Blocks on nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix::{Actor, Context, Handler, Message, MessageResult};
use bytestring::ByteString;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::lifeline::Lifeline;
use super::live_text::live_text;
use crate::db::Outcome;
use crate::ingest::reception::Record;

/// Texts that wait for one client (spec `http-contract` §5).
pub const FEED_MESSAGES_MAX: usize = 256;
/// Open feeds; one more is refused.
pub const FEEDS_MAX: usize = 1_000;
const MAILBOX_CAPACITY: usize = 256;

/// The actor. See the module.
pub struct Live {
    feeds: Vec<Feed>,
    is_ending: bool,
    dropped_total: Arc<AtomicU64>,
    _lifeline: Lifeline,
}

struct Feed {
    texts: Sender<ByteString>,
    dropped: Arc<AtomicU64>,
}

/// A client's end of its feed.
#[derive(Debug)]
pub struct LiveFeed {
    /// Texts in the order of commits.
    pub texts: Receiver<ByteString>,
    /// Texts that did not fit since the count was last taken.
    pub dropped: Arc<AtomicU64>,
}

impl Live {
    /// Makes the actor; `dropped_total` counts the texts that clients lost since the start.
    pub fn new(dropped_total: Arc<AtomicU64>, lifeline: Lifeline) -> Self {
        Self { feeds: Vec::new(), is_ending: false, dropped_total, _lifeline: lifeline }
    }

    fn send(&mut self, text: &ByteString) {
        let dropped_total = &self.dropped_total;
        self.feeds.retain(|feed| match feed.texts.try_send(text.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                feed.dropped.fetch_add(1, Ordering::Relaxed);
                dropped_total.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(TrySendError::Closed(_)) => false,
        });
    }
}

impl Actor for Live {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
    }
}

/// Tells what a commit stored.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Announce {
    /// The records of the group.
    pub records: Arc<Vec<Record>>,
    /// What became of each, in the same order.
    pub outcomes: Arc<Vec<Outcome>>,
}

impl Handler<Announce> for Live {
    type Result = ();

    fn handle(&mut self, message: Announce, _: &mut Context<Self>) {
        self.feeds.retain(|feed| !feed.texts.is_closed());
        if self.feeds.is_empty() {
            return;
        }
        for (record, outcome) in message.records.iter().zip(message.outcomes.iter()) {
            if let Some(text) = live_text(record, outcome) {
                self.send(&ByteString::from(text));
            }
        }
    }
}

/// Asks for a feed of everything stored from now on; `None` when [`FEEDS_MAX`] are open or the
/// process stops.
#[derive(Message)]
#[rtype(result = "Option<LiveFeed>")]
pub struct Subscribe;

impl Handler<Subscribe> for Live {
    type Result = MessageResult<Subscribe>;

    fn handle(&mut self, _: Subscribe, _: &mut Context<Self>) -> Self::Result {
        self.feeds.retain(|feed| !feed.texts.is_closed());
        if self.is_ending || self.feeds.len() >= FEEDS_MAX {
            return MessageResult(None);
        }
        let (sender, texts) = channel(FEED_MESSAGES_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        self.feeds.push(Feed { texts: sender, dropped: dropped.clone() });
        MessageResult(Some(LiveFeed { texts, dropped }))
    }
}

/// Asks how many clients listen.
#[derive(Message)]
#[rtype(result = "usize")]
pub struct CountClients;

impl Handler<CountClients> for Live {
    type Result = usize;

    fn handle(&mut self, _: CountClients, _: &mut Context<Self>) -> usize {
        self.feeds.retain(|feed| !feed.texts.is_closed());
        self.feeds.len()
    }
}

/// Tells that the process stops: every feed ends after what it holds, no new one is given.
#[derive(Message)]
#[rtype(result = "()")]
pub struct EndFeeds;

impl Handler<EndFeeds> for Live {
    type Result = ();

    fn handle(&mut self, _: EndFeeds, _: &mut Context<Self>) {
        self.is_ending = true;
        self.feeds.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::lifeline::Lifelines;

    #[actix::test]
    async fn a_client_that_does_not_read_loses_only_its_own_and_is_told_how_many() {
        let (lifelines, _deaths) = Lifelines::new();
        let total = Arc::new(AtomicU64::new(0));
        let mut live = Live::new(total.clone(), lifelines.attach("live"));
        let mut feeds: Vec<LiveFeed> = Vec::new();
        for _ in 0..2 {
            let (sender, texts) = channel(FEED_MESSAGES_MAX);
            let dropped = Arc::new(AtomicU64::new(0));
            live.feeds.push(Feed { texts: sender, dropped: dropped.clone() });
            feeds.push(LiveFeed { texts, dropped });
        }
        let mut read = 0;
        for index in 0..FEED_MESSAGES_MAX + 3 {
            live.send(&ByteString::from(index.to_string()));
            read += usize::from(feeds[0].texts.try_recv().is_ok());
        }
        assert_eq!(read, FEED_MESSAGES_MAX + 3);
        assert_eq!(feeds[0].dropped.load(Ordering::Relaxed), 0);
        assert_eq!(feeds[1].dropped.load(Ordering::Relaxed), 3);
        assert_eq!(total.load(Ordering::Relaxed), 3);
    }
}
