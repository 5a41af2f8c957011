//! What the parts of a source share.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::watch as latest;

use super::options::{Endpoint, SourceSettings};
use crate::actors::delivery::IntakeDoor;
use crate::clock::Clock;
use crate::ingest::Arrival;
use crate::ingest::reception::Record;
use crate::ingest::source_status::{Now, SourceStatus};

/// What a message turned out to be.
#[derive(Clone, Debug)]
pub enum Heard {
    /// Something to remember; `is_resumed` when it carries its envelope's time.
    Record {
        /// What to remember.
        record: Record,
        /// See above.
        is_resumed: bool,
    },
    /// None of our business, for this reason.
    Ignored(&'static str),
    /// Refused, for this reason.
    Rejected(&'static str),
}

/// How messages are understood.
pub type Decode = Arc<dyn Fn(&Arrival<'_>) -> Heard + Send + Sync>;

/// How the first attempt to subscribe went (decision 5: start waits for this, never for a broker).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Not decided yet.
    Pending,
    /// At least one topic is subscribed.
    Subscribed,
    /// It failed; the source goes on trying.
    Failed,
}

/// What a source is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Command {
    Reconnect,
    Stop(Duration),
}

/// What the parts of a source share.
pub(super) struct Shared {
    pub(super) settings: SourceSettings,
    pub(super) endpoint: Endpoint,
    pub(super) decode: Decode,
    pub(super) door: Arc<dyn IntakeDoor>,
    pub(super) clock: Clock,
    pub(super) status: Arc<SourceStatus>,
    pub(super) attempt: latest::Sender<Attempt>,
    pub(super) is_unsaved: AtomicBool,
}

impl Shared {
    pub(super) fn now(&self) -> Now {
        Now { unix_s: self.clock.now_s(), monotonic: self.clock.monotonic() }
    }

    /// The first outcome stands.
    pub(super) fn tell_attempt(&self, outcome: Attempt) {
        self.attempt.send_if_modified(|attempt| {
            let is_first = *attempt == Attempt::Pending;
            if is_first {
                *attempt = outcome;
            }
            is_first
        });
    }

    /// Says once that the session file cannot be written, and once that it can again.
    pub(super) fn note_session_saved(&self, outcome: io::Result<()>) {
        let was_unsaved = self.is_unsaved.swap(outcome.is_err(), Relaxed);
        if let Err(error) = outcome
            && !was_unsaved
        {
            tracing::warn!(source = &*self.settings.tag, %error,
                "the MQTT session file cannot be written: after a restart, what the broker holds \
                 may not be found");
        }
    }
}
