//! Cache: the latest ready-made answers about this process, each with its age.
//!
//! ## Messages
//! | message | answer |
//! |---|---|
//! | [`ShowIo`] | told by `IoSampler`, once a second |
//! | [`ShowStats`] | told by `StatsFile`, once a second |
//! | [`Peek`] | the ready body of one subject |
//!
//! It never asks anyone and does no I/O (decision 15). A body is made at the first look after a
//! change, of the figures or of their freshness; every further look gets the same bytes. What it
//! is not told ages and says so; no error is kept longer than its cause.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler, Message, MessageResult};
use bytestring::ByteString;
use serde::Serialize;

use super::lifeline::Lifeline;
use crate::clock::Clock;
use crate::mesh::go_json;
use crate::perf::bodies::{self, Stats};
use crate::perf::ingestor::{Freshness, Look};
use crate::perf::io::{FRESH_MS, IoSample};
use crate::perf::ledger::Ledger;
use crate::perf::signal::{NoValue, Signal};

/// Peeks are bounded by their askers' line; the rest is two messages a second.
const MAILBOX_CAPACITY: usize = 256;
const THREAD_NAME: &std::ffi::CStr = c"cache";
const SUBJECTS: usize = 3;

/// The actor. See the module.
pub struct Cache {
    io: Option<Arc<IoSample>>,
    look: Look,
    ledger: Option<Arc<Ledger>>,
    /// When the look first found what it finds now, and when it was told last.
    look_since_ms: i64,
    told: u64,
    ready: [Option<(Key, ByteString)>; SUBJECTS],
    clock: Clock,
    _lifeline: Lifeline,
}

/// What there is an answer about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// `/api/perf/io`.
    Io,
    /// `/api/perf/write-sources`.
    WriteSources,
    /// `/api/mqtt/status`.
    MqttStatus,
}

/// Everything on which a body depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    told: u64,
    is_io_fresh: bool,
    freshness: Option<Freshness>,
}

impl Cache {
    /// Makes an empty one.
    pub fn new(clock: Clock, lifeline: Lifeline) -> Self {
        Self {
            io: None,
            look: Look::NotYet,
            ledger: None,
            look_since_ms: clock.now_ms(),
            told: 0,
            ready: [const { None }; SUBJECTS],
            clock,
            _lifeline: lifeline,
        }
    }

    /// Shows this write ledger beside the stats.
    #[must_use]
    pub fn with_ledger(self, ledger: Option<Arc<Ledger>>) -> Self {
        Self { ledger, ..self }
    }

    /// Takes what the latest look at the stats found.
    pub fn show_stats(&mut self, look: Look) {
        let is_same_kind = match (&self.look, &look) {
            (Look::Missing, Look::Missing) | (Look::Stats(_), Look::Stats(_)) => true,
            (Look::Unreadable(was), Look::Unreadable(is)) => was == is,
            _ => false,
        };
        if !is_same_kind {
            self.look_since_ms = self.clock.now_ms();
        }
        if self.look != look {
            self.told += 1;
            self.look = look;
        }
    }

    /// Returns the body of a subject, JSON with its line feed. A hit takes no memory.
    pub fn peek(&mut self, subject: Subject) -> ByteString {
        let (now_ms, now) = (self.clock.now_ms(), self.clock.monotonic());
        let key = self.key(now_ms, now);
        if let Some((_, body)) = self.ready[subject as usize].as_ref().filter(|it| it.0 == key) {
            return body.clone();
        }
        let body = self.make(subject, now_ms, key.is_io_fresh);
        self.ready[subject as usize] = Some((key, body.clone()));
        body
    }

    fn key(&self, now_ms: i64, now: Duration) -> Key {
        let freshness = match &self.look {
            Look::Stats(stats) => Some(stats.freshness(now_ms)),
            Look::NotYet | Look::Missing | Look::Unreadable(_) => None,
        };
        let fresh_for = Duration::from_millis(FRESH_MS.unsigned_abs());
        let is_fresh = |io: &Arc<IoSample>| now.saturating_sub(io.at.monotonic) <= fresh_for;
        Key { told: self.told, is_io_fresh: self.io.as_ref().is_some_and(is_fresh), freshness }
    }

    fn make(&self, subject: Subject, now_ms: i64, is_io_fresh: bool) -> ByteString {
        let stats = Stats { look: &self.look, since_ms: self.look_since_ms, now_ms };
        match subject {
            Subject::Io => body_of(&bodies::io(self.own(is_io_fresh), &stats)),
            Subject::WriteSources => {
                let ledger = self.ledger.as_ref().map(|ledger| ledger.snapshot());
                body_of(&bodies::write_sources(&stats, ledger))
            }
            Subject::MqttStatus => body_of(&bodies::mqtt_status(&stats)),
        }
    }

    fn own(&self, is_fresh: bool) -> Signal<&IoSample> {
        match &self.io {
            None => Err(NoValue::NotSampled),
            Some(_) if !is_fresh => Err(NoValue::Stale),
            Some(io) => Ok(io),
        }
    }
}

fn body_of(value: &impl Serialize) -> ByteString {
    let mut text = go_json::to_string(value);
    text.push('\n');
    text.into()
}

impl Actor for Cache {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
        let _ = rustix::thread::set_name(THREAD_NAME);
    }
}

/// Tells the latest sample of this process.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ShowIo(pub Arc<IoSample>);

impl Handler<ShowIo> for Cache {
    type Result = ();

    fn handle(&mut self, message: ShowIo, _: &mut Context<Self>) {
        self.told += 1;
        self.io = Some(message.0);
    }
}

/// Tells what the latest look at the stats found.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ShowStats(pub Look);

impl Handler<ShowStats> for Cache {
    type Result = ();

    fn handle(&mut self, message: ShowStats, _: &mut Context<Self>) {
        self.show_stats(message.0);
    }
}

/// Asks for the ready body of a subject.
#[derive(Message)]
#[rtype(result = "ByteString")]
pub struct Peek(pub Subject);

impl Handler<Peek> for Cache {
    type Result = MessageResult<Peek>;

    fn handle(&mut self, message: Peek, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.peek(message.0))
    }
}
