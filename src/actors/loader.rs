//! Loader: the sole owner of the RAM window, on a thread of its own.
//!
//! ## Messages
//! | message | answer |
//! |---|---|
//! | [`LoadChunk`] | told by itself: do the next step of loading, after each yield |
//! | [`StopLoading`] | nothing more is read; the actor ends |
//!
//! What to do next is decided by [`Load`], a plain state machine. Here its needs are read, one at
//! a time, by a reader that serves nobody else, and what comes of it is published for all to see.
//! The Writer tells by way of the [`Window`] what it has changed: nothing of that is lost when a
//! mailbox is full.

mod source;

use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture,
};
use futures_util::future::BoxFuture;

use super::lifeline::Lifeline;
use crate::clock::{self, Clock};
use crate::store::load::{Event, Found, Load, Need};
use crate::store::{Floor, Window};

pub use source::{LoaderReaders, bytes_max};

const MAILBOX_CAPACITY: usize = 16;
const THREAD_NAME: &std::ffi::CStr = c"loader";

/// Where the Loader reads. An error is a text for people; all are tried again.
pub trait LoadSource: Send + Sync {
    /// Reads what is needed, at one moment of the database.
    fn read(&self, need: Need) -> BoxFuture<'static, Result<Found, String>>;
}

/// What is called for every step: tests prove the order of things by it (003-13).
pub type Hook = Arc<dyn Fn(&Event) + Send + Sync>;

/// What the Loader needs.
pub struct LoaderParts {
    /// The machine.
    pub load: Load,
    /// Where it publishes.
    pub window: Arc<Window>,
    /// Where it reads.
    pub source: Arc<dyn LoadSource>,
    /// The time.
    pub clock: Clock,
    /// Called with each event.
    pub hook: Option<Hook>,
    /// Its death is the end of the process.
    pub lifeline: Lifeline,
}

/// The actor. See the module.
pub struct Loader {
    parts: LoaderParts,
}

impl Loader {
    /// Makes the actor.
    pub fn new(parts: LoaderParts) -> Self {
        parts.window.set_status(parts.load.status());
        Self { parts }
    }

    fn now(&self) -> Duration {
        self.parts.clock.monotonic()
    }

    fn step(&mut self, ctx: &mut Context<Self>) {
        let now = self.now();
        let touches = self.parts.window.take_touches();
        self.parts.load.touch(touches, now);
        let next = self.parts.load.next(now, self.parts.clock.now_s());
        self.show();
        match next {
            Ok(Need::Wait(pause)) => self.wait(pause, ctx),
            Ok(need) => self.read(need, ctx),
            Err(error) => {
                // Rows without a floor: whatever is shown next may be wrong (003-07).
                tracing::error!(%error, "the process ends");
                self.parts.window.distrust();
                ctx.stop();
            }
        }
    }

    fn wait(&self, pause: Duration, ctx: &mut Context<Self>) {
        let window = Arc::clone(&self.parts.window);
        let wait = async move {
            // Either way it is looked at again.
            let _ = tokio::time::timeout(pause, window.news()).await;
        };
        ctx.spawn(wait.into_actor(self).map(|(), loader, ctx| loader.step(ctx)));
    }

    fn read(&self, need: Need, ctx: &mut Context<Self>) {
        let read = self.parts.source.read(need.clone());
        ctx.spawn(read.into_actor(self).map(move |found, loader, ctx| {
            loader.take(&need, found);
            ctx.notify_later(LoadChunk, Duration::ZERO);
        }));
    }

    fn take(&mut self, need: &Need, found: Result<Found, String>) {
        let now = self.now();
        match found {
            Ok(found) => self.parts.load.take(need, found, now),
            Err(why) => self.parts.load.fail(need, &why, now),
        }
        self.show();
    }

    /// Publishes what there is to publish, and tells what happened.
    fn show(&mut self) {
        let LoaderParts { load, window, clock, .. } = &mut self.parts;
        if load.take_foreign() {
            window.note_foreign();
        }
        if let Some((snapshot, commit)) = load.publish(clock.monotonic()) {
            window.publish(snapshot, commit);
        } else if let Some(commit) = load.included() {
            window.confirm(commit);
        }
        if let Some(at) = load.looked_at() {
            window.note_look(at);
        }
        let status = load.status();
        if *window.status() != status {
            window.set_status(status);
        }
        for event in load.take_events() {
            self.tell(&event);
        }
    }

    fn tell(&self, event: &Event) {
        let status = self.parts.window.status();
        let transmissions = self.parts.window.latest().transmissions();
        let oldest = oldest_of(status.floor);
        match event {
            Event::HotBegan => tracing::info!("loading the newest packets into memory"),
            Event::HotLoaded { .. } => {
                tracing::info!(transmissions, oldest, "the hot window is in memory");
            }
            Event::BackgroundBegan => tracing::info!(oldest, "loading the history before it"),
            Event::Settled if status.has_failed => {
                let error = status.error.as_deref().unwrap_or_default();
                tracing::warn!(transmissions, oldest, error, "background load ended");
            }
            Event::Settled => {
                let coverage = format!("{:.1}%", status.coverage * 100.0);
                tracing::info!(transmissions, oldest, coverage, "background load complete");
            }
            Event::Failed => {
                let error = status.error.as_deref().unwrap_or_default();
                tracing::error!(error, "loading goes on later; answers come from SQLite");
            }
            Event::Resumed => tracing::info!("loading goes on"),
            Event::Reloading(why) => tracing::info!(why, "the window is loaded afresh"),
            Event::Blind(error) => {
                tracing::error!(error, "the database cannot be looked at");
            }
            Event::Sighted => tracing::info!("the database can be looked at again"),
        }
        if let Some(hook) = &self.parts.hook {
            hook(event);
        }
    }
}

/// Returns a floor as `oldestLoaded` has it; empty where nothing or everything is in.
pub fn oldest_of(floor: Floor) -> String {
    match floor {
        Floor::Since(since_s) => clock::iso_s(since_s),
        Floor::Nothing | Floor::Everything => String::new(),
    }
}

impl Actor for Loader {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
        let _ = rustix::thread::set_name(THREAD_NAME);
        ctx.notify_later(LoadChunk, Duration::ZERO);
    }
}

/// Tells it to do the next step.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LoadChunk;

impl Handler<LoadChunk> for Loader {
    type Result = ();

    fn handle(&mut self, _: LoadChunk, ctx: &mut Context<Self>) {
        self.step(ctx);
    }
}

/// Asks it to end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopLoading;

impl Handler<StopLoading> for Loader {
    type Result = ();

    fn handle(&mut self, _: StopLoading, ctx: &mut Context<Self>) {
        self.parts.window.distrust();
        ctx.stop();
    }
}
