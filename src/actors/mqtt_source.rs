//! One MQTT broker, on a thread of its own (decision 9), with its own watchdog.
//!
//! A message is stamped, decoded and handed to Intake; it is acknowledged only when Intake calls
//! its receipt, after the durable commit (decision 2). The broker keeps our session, so what is
//! not acknowledged comes again. A panic is this source's failure: counted, shown, and the thread
//! goes on (decision 12).
//!
//! ## Messages
//! It has no mailbox: [`MqttSource::reconnect`] and [`MqttSource::stop`] are its two commands,
//! [`MqttSource::snapshot`] reads shared counters.
//!
//! Blocks on nothing but its broker. Dies only when told to stop.

mod any_certificate;
mod catch_up;
mod connection;
mod intake_queue;
mod options;
mod receipts;
mod session;
mod shared;
mod watch;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{mpsc, watch as latest};
use tokio::time::{Instant, timeout};

use self::connection::{Connection, End};
pub use self::options::{Endpoint, Login, Pace, SourceError, SourceSettings};
use self::session::Session;
pub use self::shared::{Attempt, Decode, Heard};
use self::shared::{Command, Shared};
use super::delivery::IntakeDoor;
use crate::clock::Clock;
pub use crate::ingest::Arrival;
use crate::ingest::source_status::{SourceSnapshot, SourceStatus};

/// A connection that lasted so long was no failure: the pauses start anew.
const STABLE_AFTER: Duration = Duration::from_secs(10);
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(250);
/// Commands wait for the source to look up; a watchdog says at most one a minute.
const COMMANDS_MAX: usize = 8;

/// What a source needs.
pub struct SourceParts {
    /// Where and how to connect.
    pub settings: SourceSettings,
    /// How messages are understood.
    pub decode: Decode,
    /// Where they go.
    pub door: Arc<dyn IntakeDoor>,
    /// The time.
    pub clock: Clock,
}

/// A running source.
pub struct MqttSource {
    status: Arc<SourceStatus>,
    attempt: latest::Receiver<Attempt>,
    commands: mpsc::Sender<Command>,
    clock: Clock,
    thread: JoinHandle<u32>,
}

impl MqttSource {
    /// Starts source number `number` on a thread called `mqtt-<number>`.
    ///
    /// # Errors
    /// The broker's URL is unusable, or the system gives no thread. That a broker does not answer
    /// is no error: the source goes on trying.
    pub fn start(number: usize, parts: SourceParts) -> Result<Self, SourceError> {
        let SourceParts { settings, decode, door, clock } = parts;
        let endpoint = settings.endpoint()?;
        let tag = Arc::clone(&settings.tag);
        let status = Arc::new(SourceStatus::new(&tag, &endpoint.masked(), clock.now_s()));
        let (attempt, attempt_seen) = latest::channel(Attempt::Pending);
        let (commands, orders) = mpsc::channel(COMMANDS_MAX);
        let shared = Arc::new(Shared {
            settings,
            endpoint,
            decode,
            door,
            clock: clock.clone(),
            status: Arc::clone(&status),
            attempt,
            is_unsaved: AtomicBool::new(false),
        });
        let watched = commands.downgrade();
        let thread = std::thread::Builder::new()
            .name(format!("mqtt-{number}"))
            .spawn(move || run_thread(&shared, orders, watched))
            .map_err(|source| SourceError::Thread { tag: tag.to_string(), source })?;
        Ok(Self { status, attempt: attempt_seen, commands, clock, thread })
    }

    /// Returns its counters, to read them without asking it.
    pub fn status(&self) -> Arc<SourceStatus> {
        Arc::clone(&self.status)
    }

    /// Returns a copy of its status now.
    pub fn snapshot(&self) -> SourceSnapshot {
        self.status.snapshot(self.clock.now_s())
    }

    /// Waits until the first attempt to subscribe has succeeded or failed; [`Attempt::Pending`]
    /// when `patience` is over first.
    pub async fn wait_until_tried(&self, patience: Duration) -> Attempt {
        let mut attempt = self.attempt.clone();
        let decided = timeout(patience, attempt.wait_for(|seen| *seen != Attempt::Pending)).await;
        match decided {
            Ok(Ok(seen)) => *seen,
            Ok(Err(_)) => Attempt::Failed,
            Err(_) => Attempt::Pending,
        }
    }

    /// Has the connection made anew.
    pub fn reconnect(&self) {
        // A full queue holds such a command already.
        let _ = self.commands.try_send(Command::Reconnect);
    }

    /// Stops: reads nothing more, waits up to `patience` for open receipts, acknowledges them and
    /// says goodbye; the broker keeps the session. Returns how many receipts stayed open: those
    /// messages come again at the next start.
    pub async fn stop(self, patience: Duration) -> u32 {
        let _ = self.commands.send(Command::Stop(patience)).await;
        let Self { thread, commands, .. } = self;
        drop(commands);
        // The thread ends by itself; waiting for it must not block the caller's runtime.
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        joined.ok().and_then(Result::ok).unwrap_or(0)
    }
}

fn run_thread(
    shared: &Arc<Shared>,
    mut commands: mpsc::Receiver<Command>,
    watched: mpsc::WeakSender<Command>,
) -> u32 {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(source = &*shared.settings.tag, %error, "the source cannot start");
            shared.status.note_error(error.to_string());
            shared.tell_attempt(Attempt::Failed);
            return 0;
        }
    };
    runtime.block_on(async {
        tokio::spawn(watch::watch(Arc::clone(shared), watched));
        let settings = &shared.settings;
        let mut session =
            Session::open(&settings.session_dir, &settings.tag, settings.client_id.as_deref());
        shared.note_session_saved(session.save(shared.clock.now_s()));
        stay_connected(shared, &mut session, &mut commands).await
    })
}

/// Connects again and again until told to stop.
async fn stay_connected(
    shared: &Shared,
    session: &mut Session,
    commands: &mut mpsc::Receiver<Command>,
) -> u32 {
    let mut failures = 0_u32;
    loop {
        let began = Instant::now();
        let end = connect_once(shared, session, commands).await;
        if let End::Stopped(left) = end {
            return left;
        }
        failures = if began.elapsed() >= STABLE_AFTER { 0 } else { failures.saturating_add(1) };
        tell_end(shared, &end, failures);
        shared.tell_attempt(Attempt::Failed);
        let pause = retry_pause(failures, shared.settings.pace.retry_pause_max);
        match timeout(pause, commands.recv()).await {
            Ok(None | Some(Command::Stop(_))) => return 0,
            Ok(Some(Command::Reconnect)) | Err(_) => {}
        }
    }
}

async fn connect_once(
    shared: &Shared,
    session: &mut Session,
    commands: &mut mpsc::Receiver<Command>,
) -> End {
    shared.status.note_attempt();
    let options = match shared.endpoint.options(&shared.settings, session.client_id()) {
        Ok(options) => options,
        Err(error) => {
            shared.status.note_error(error.to_string());
            return End::Lost(error.to_string());
        }
    };
    let connection = Connection::run(shared, session, options, commands);
    AssertUnwindSafe(connection).catch_unwind().await.unwrap_or_else(|_| {
        shared.status.note_panic();
        shared.status.note_disconnected(shared.clock.now_s());
        shared.status.show_held(0);
        let reason = "the connection panicked".to_owned();
        shared.status.note_error(reason.clone());
        End::Lost(reason)
    })
}

/// A broker that stays away is said once, then at growing distances.
fn tell_end(shared: &Shared, end: &End, failures: u32) {
    let source = &*shared.settings.tag;
    match end {
        End::Lost(reason) if failures <= 1 || failures.is_power_of_two() => {
            tracing::warn!(source, reason, failures, "no connection to the MQTT broker");
        }
        End::NotCommitted => tracing::warn!(
            source,
            "messages were not committed: connecting anew, so that the broker delivers them again"
        ),
        End::Forced => tracing::info!(source, "the connection to the MQTT broker is made anew"),
        End::Lost(_) | End::Stopped(_) => {}
    }
}

/// Doubles with each failure up to `pause_max`; between half and whole of it, by chance, so that
/// many clients do not come back to a broker at once.
fn retry_pause(failures: u32, pause_max: Duration) -> Duration {
    let whole = RETRY_PAUSE_MIN.saturating_mul(1 << failures.min(10)).min(pause_max);
    whole.mul_f64(0.5 + rand::random::<f64>() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_limit_and_differ() {
        let pause_max = Duration::from_secs(30);
        let pauses: Vec<Duration> = (0..40).map(|n| retry_pause(n, pause_max)).collect();
        assert!(pauses[0] >= Duration::from_millis(125) && pauses[0] <= RETRY_PAUSE_MIN);
        assert!(pauses.iter().all(|pause| *pause <= pause_max));
        let late = &pauses[10..];
        assert!(late.iter().all(|pause| *pause >= Duration::from_secs(15)));
        assert!(late.iter().any(|pause| pause != &late[0]));
    }
}
