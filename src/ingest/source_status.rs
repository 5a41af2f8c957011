//! What a source counts and shows (spec §3.4, §3.6): written by its thread, read by anyone at any
//! time without asking it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::watchdog::{Health, Liveness};

const WINDOW_S: usize = 300;

/// Counters and clocks of one source. They survive reconnects.
#[derive(Debug)]
pub struct SourceStatus {
    name: String,
    broker: String,
    is_connected: AtomicBool,
    session_present: AtomicBool,
    times: Times,
    counts: Counts,
    recent: Window,
    rejected: Mutex<BTreeMap<&'static str, u64>>,
    ignored: Mutex<BTreeMap<&'static str, u64>>,
    last_error: Mutex<Option<String>>,
    liveness: Mutex<(Liveness, Health)>,
}

/// Unix seconds; 0 is "never".
#[derive(Debug, Default)]
struct Times {
    started: AtomicI64,
    first_connected: AtomicI64,
    last_connect: AtomicI64,
    last_disconnect: AtomicI64,
    last_receipt: AtomicI64,
    last_message: AtomicI64,
    last_scan: AtomicI64,
    last_alert: AtomicI64,
    last_force_reconnect: AtomicI64,
    disconnected_since: AtomicI64,
    dropped_since: AtomicI64,
}

#[derive(Debug, Default)]
struct Counts {
    attempts: AtomicU64,
    connects: AtomicU64,
    disconnects: AtomicU64,
    packets: AtomicU64,
    dropped: AtomicU64,
    resumed: AtomicU64,
    acknowledged: AtomicU64,
    stale_receipts: AtomicU64,
    pending_receipts: AtomicU64,
    held: AtomicU64,
    lost_sessions: AtomicU64,
    panics: AtomicU64,
    watchdog_panics: AtomicU64,
}

/// A copy of a source's status. Key names are the original's (spec §3.4, §3.6) where it has them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceSnapshot {
    /// The source's tag.
    pub name: String,
    /// Its URL, the password masked.
    pub broker: String,
    /// Whether the broker has accepted the connection that is open now.
    pub connected: bool,
    /// Unix seconds; `None` is never.
    pub last_connect_unix: Option<i64>,
    /// Unix seconds.
    pub last_disconnect_unix: Option<i64>,
    /// Unix seconds of the last message of any kind.
    pub last_packet_unix: Option<i64>,
    /// Accepted connections.
    pub connect_count: u64,
    /// Connections that ended.
    pub disconnect_count: u64,
    /// Messages received.
    pub packets_total: u64,
    /// Messages received in the last 300 seconds.
    pub packets_last5m: u64,
    /// Why the last attempt or connection failed; empties on connect. Holds no credentials.
    pub last_error: Option<String>,
    /// Unix seconds when the last message reached the client.
    pub last_receipt_unix: Option<i64>,
    /// Unix seconds when the last message was handed to Intake.
    pub last_message_unix: Option<i64>,
    /// Unix seconds.
    pub first_connected_at: Option<i64>,
    /// Unix seconds of the start or the last connect.
    pub started_at: Option<i64>,
    /// Unix seconds of the watchdog's last scan.
    pub last_scan_unix: Option<i64>,
    /// Unix seconds when the watchdog last raised or repeated an alarm.
    pub last_alert_unix: Option<i64>,
    /// Unix seconds.
    pub last_force_reconnect_unix: Option<i64>,
    /// Unix seconds; `None` while connected.
    pub disconnected_since_unix: Option<i64>,
    /// Attempts to connect.
    pub attempt_count: u64,
    /// What the watchdog last thought: `ok`, `stalled`, `never_received`, `disconnected`.
    pub health: &'static str,
    /// Scans of the watchdog that panicked.
    pub watchdog_panic_count: u64,
    /// Panics of the connection or of decoding, each survived.
    pub panic_count: u64,
    /// Messages refused, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Messages that are none of our business, by reason.
    pub ignored: BTreeMap<&'static str, u64>,
    /// QoS 0 messages that did not fit into Intake: lost.
    pub dropped: u64,
    /// Unix seconds of the first loss.
    pub dropped_since_unix: Option<i64>,
    /// Messages that carry their envelope's time because the broker held them (decision 3).
    pub resumed: u64,
    /// Messages acknowledged to the broker.
    pub acknowledged: u64,
    /// QoS 1 messages handed in and not yet durable.
    pub pending_receipts: u64,
    /// QoS 1 messages that wait for room in Intake.
    pub held: u64,
    /// Commits whose connection had ended: the broker delivers those messages again.
    pub stale_receipts: u64,
    /// Whether the broker had kept our session at the last connect.
    pub session_present: bool,
    /// Connects at which the broker had lost a session that we had: what it held is gone.
    pub lost_sessions: u64,
}

impl SourceStatus {
    /// Makes the status of a source that starts at `now_s`; `broker` must not hold a password.
    pub fn new(name: &str, broker: &str, now_s: i64) -> Self {
        let status = Self {
            name: name.to_owned(),
            broker: broker.to_owned(),
            is_connected: AtomicBool::default(),
            session_present: AtomicBool::default(),
            times: Times::default(),
            counts: Counts::default(),
            recent: Window::default(),
            rejected: Mutex::default(),
            ignored: Mutex::default(),
            last_error: Mutex::default(),
            liveness: Mutex::default(),
        };
        status.times.started.store(now_s, Relaxed);
        status.times.disconnected_since.store(now_s, Relaxed);
        status
    }

    /// Counts an attempt to connect and returns its number, from 1.
    pub fn note_attempt(&self) -> u64 {
        self.counts.attempts.fetch_add(1, Relaxed) + 1
    }

    /// Notes an accepted connection. `had_session` tells whether we counted on a kept session.
    pub fn note_connected(&self, now: Now, session_present: bool, had_session: bool) {
        self.counts.connects.fetch_add(1, Relaxed);
        self.counts.lost_sessions.fetch_add(u64::from(had_session && !session_present), Relaxed);
        self.session_present.store(session_present, Relaxed);
        self.times.last_connect.store(now.unix_s, Relaxed);
        self.times.started.store(now.unix_s, Relaxed);
        self.times.disconnected_since.store(0, Relaxed);
        let _ = self.times.first_connected.compare_exchange(0, now.unix_s, Relaxed, Relaxed);
        *lock(&self.last_error) = None;
        let (liveness, health) = &mut *lock(&self.liveness);
        liveness.connected_at = Some(now.monotonic);
        liveness.first_connected_at.get_or_insert(now.monotonic);
        *health = Health::Ok;
        self.is_connected.store(true, Relaxed);
    }

    /// Notes the end of a connection; does nothing when there was none.
    pub fn note_disconnected(&self, now_s: i64) {
        if !self.is_connected.swap(false, Relaxed) {
            return;
        }
        self.counts.disconnects.fetch_add(1, Relaxed);
        self.times.last_disconnect.store(now_s, Relaxed);
        self.times.disconnected_since.store(now_s, Relaxed);
        let (liveness, health) = &mut *lock(&self.liveness);
        liveness.connected_at = None;
        *health = Health::Disconnected;
    }

    /// Keeps the reason of a failure. `text` must not hold credentials.
    pub fn note_error(&self, text: String) {
        *lock(&self.last_error) = Some(text);
    }

    /// Counts a message that reached the client. A retained one is no sign of life: every
    /// subscription brings it, so it would end the alarm of a stall that goes on.
    pub fn note_receipt(&self, now: Now, is_retained: bool) {
        self.counts.packets.fetch_add(1, Relaxed);
        self.recent.count(now.unix_s);
        self.times.last_receipt.store(now.unix_s, Relaxed);
        if !is_retained {
            lock(&self.liveness).0.last_message_at = Some(now.monotonic);
        }
    }

    /// Notes that a message was handed to Intake.
    pub fn note_message(&self, now_s: i64) {
        self.times.last_message.store(now_s, Relaxed);
    }

    /// Counts a refused message.
    pub fn note_rejected(&self, reason: &'static str) {
        *lock(&self.rejected).entry(reason).or_default() += 1;
    }

    /// Counts a message that is none of our business.
    pub fn note_ignored(&self, reason: &'static str) {
        *lock(&self.ignored).entry(reason).or_default() += 1;
    }

    /// Counts a lost QoS 0 message.
    pub fn note_dropped(&self, now_s: i64) {
        self.counts.dropped.fetch_add(1, Relaxed);
        let _ = self.times.dropped_since.compare_exchange(0, now_s, Relaxed, Relaxed);
    }

    /// Counts a message with its envelope's time.
    pub fn note_resumed(&self) {
        self.counts.resumed.fetch_add(1, Relaxed);
    }

    /// Counts an acknowledgement that was handed to the connection, or came too late for it.
    pub fn note_committed(&self, was_acknowledged: bool) {
        let count =
            if was_acknowledged { &self.counts.acknowledged } else { &self.counts.stale_receipts };
        count.fetch_add(1, Relaxed);
    }

    /// Adds a receipt that is waited for.
    pub fn add_pending(&self) {
        self.counts.pending_receipts.fetch_add(1, Relaxed);
    }

    /// Takes a receipt away that was called or dropped.
    pub fn end_pending(&self) {
        self.counts.pending_receipts.fetch_sub(1, Relaxed);
    }

    /// Shows how many messages wait for room in Intake.
    pub fn show_held(&self, count: usize) {
        self.counts.held.store(count as u64, Relaxed);
        lock(&self.liveness).0.is_held_back = count > 0;
    }

    /// Counts a survived panic of the connection or of decoding.
    pub fn note_panic(&self) {
        self.counts.panics.fetch_add(1, Relaxed);
    }

    /// Counts a survived panic of the watchdog.
    pub fn note_watchdog_panic(&self) {
        self.counts.watchdog_panics.fetch_add(1, Relaxed);
    }

    /// Shows what a scan of the watchdog found; `alerted` when it logged an alarm.
    pub fn note_health(&self, health: Health, alerted: bool, now_s: i64) {
        lock(&self.liveness).1 = health;
        self.times.last_scan.store(now_s, Relaxed);
        if alerted {
            self.times.last_alert.store(now_s, Relaxed);
        }
    }

    /// Notes that the watchdog had the connection made anew.
    pub fn note_forced_reconnect(&self, now_s: i64) {
        self.times.last_force_reconnect.store(now_s, Relaxed);
    }

    /// Returns what the watchdog looks at.
    pub fn liveness(&self) -> Liveness {
        lock(&self.liveness).0
    }

    /// Returns whether a connection is open.
    pub fn is_connected(&self) -> bool {
        self.is_connected.load(Relaxed)
    }

    /// Returns a copy of everything. Counters are read one after the other.
    pub fn snapshot(&self, now_s: i64) -> SourceSnapshot {
        let (times, counts) = (&self.times, &self.counts);
        SourceSnapshot {
            name: self.name.clone(),
            broker: self.broker.clone(),
            connected: self.is_connected(),
            last_connect_unix: time(&times.last_connect),
            last_disconnect_unix: time(&times.last_disconnect),
            last_packet_unix: time(&times.last_receipt),
            connect_count: counts.connects.load(Relaxed),
            disconnect_count: counts.disconnects.load(Relaxed),
            packets_total: counts.packets.load(Relaxed),
            packets_last5m: self.recent.sum(now_s),
            last_error: lock(&self.last_error).clone(),
            last_receipt_unix: time(&times.last_receipt),
            last_message_unix: time(&times.last_message),
            first_connected_at: time(&times.first_connected),
            started_at: time(&times.started),
            last_scan_unix: time(&times.last_scan),
            last_alert_unix: time(&times.last_alert),
            last_force_reconnect_unix: time(&times.last_force_reconnect),
            disconnected_since_unix: time(&times.disconnected_since),
            attempt_count: counts.attempts.load(Relaxed),
            health: lock(&self.liveness).1.as_str(),
            watchdog_panic_count: counts.watchdog_panics.load(Relaxed),
            panic_count: counts.panics.load(Relaxed),
            rejected: lock(&self.rejected).clone(),
            ignored: lock(&self.ignored).clone(),
            dropped: counts.dropped.load(Relaxed),
            dropped_since_unix: time(&times.dropped_since),
            resumed: counts.resumed.load(Relaxed),
            acknowledged: counts.acknowledged.load(Relaxed),
            pending_receipts: counts.pending_receipts.load(Relaxed),
            held: counts.held.load(Relaxed),
            stale_receipts: counts.stale_receipts.load(Relaxed),
            session_present: self.session_present.load(Relaxed),
            lost_sessions: counts.lost_sessions.load(Relaxed),
        }
    }
}

/// One moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Unix seconds.
    pub unix_s: i64,
    /// Never goes backwards.
    pub monotonic: Duration,
}

fn time(seconds: &AtomicI64) -> Option<i64> {
    Some(seconds.load(Relaxed)).filter(|seconds| *seconds != 0)
}

/// A panic elsewhere does not make counters unreadable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts of the last 300 seconds, a slot a second; one writer.
#[derive(Debug)]
struct Window(Box<[Slot; WINDOW_S]>);

#[derive(Debug, Default)]
struct Slot {
    second: AtomicI64,
    count: AtomicU64,
}

impl Default for Window {
    fn default() -> Self {
        Self(Box::new(std::array::from_fn(|_| Slot::default())))
    }
}

impl Window {
    fn count(&self, now_s: i64) {
        let index = usize::try_from(now_s.rem_euclid(WINDOW_S as i64)).unwrap_or(0);
        let slot = &self.0[index];
        if slot.second.swap(now_s, Relaxed) != now_s {
            slot.count.store(0, Relaxed);
        }
        slot.count.fetch_add(1, Relaxed);
    }

    fn sum(&self, now_s: i64) -> u64 {
        let recent = now_s - (WINDOW_S as i64 - 1)..=now_s;
        let slots = self.0.iter().filter(|slot| recent.contains(&slot.second.load(Relaxed)));
        slots.map(|slot| slot.count.load(Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(unix_s: i64) -> Now {
        Now { unix_s, monotonic: Duration::from_secs(unix_s.unsigned_abs()) }
    }

    #[test]
    fn the_last_five_minutes_are_exactly_300_seconds() {
        let status = SourceStatus::new("a", "mqtt://b", 1_000);
        for second in [1_000, 1_000, 1_100, 1_299] {
            status.note_receipt(at(second), false);
        }
        assert_eq!(status.snapshot(1_299).packets_last5m, 4);
        assert_eq!(status.snapshot(1_300).packets_last5m, 2);
        status.note_receipt(at(1_300), false);
        assert_eq!(status.snapshot(1_300).packets_last5m, 3, "the slot of 1000 was used again");
        assert_eq!(status.snapshot(9_000).packets_last5m, 0);
        assert_eq!(status.snapshot(9_000).packets_total, 5);
    }

    #[test]
    fn counters_survive_a_reconnect_and_the_error_goes() {
        let status = SourceStatus::new("a", "mqtt://b", 10);
        assert_eq!(status.snapshot(10).disconnected_since_unix, Some(10));
        status.note_error("connection refused".to_owned());
        status.note_disconnected(11);
        assert_eq!(status.snapshot(11).disconnect_count, 0, "there was no connection");
        status.note_connected(at(20), false, false);
        status.note_receipt(at(21), false);
        status.note_receipt(at(22), true);
        let seen = status.snapshot(21);
        assert_eq!((seen.last_error, seen.disconnected_since_unix), (None, None));
        status.note_disconnected(30);
        status.note_connected(at(40), false, true);
        let seen = status.snapshot(40);
        assert_eq!((seen.connect_count, seen.disconnect_count, seen.packets_total), (2, 1, 2));
        assert_eq!((seen.first_connected_at, seen.last_connect_unix), (Some(20), Some(40)));
        assert_eq!(seen.lost_sessions, 1);
        assert_eq!(status.liveness().last_message_at, Some(Duration::from_secs(21)));
    }

    #[test]
    fn the_names_are_the_originals() {
        let json = serde_json::to_value(SourceStatus::new("a", "b", 1).snapshot(1)).unwrap();
        for key in ["name", "broker", "connected", "lastConnectUnix", "lastDisconnectUnix"] {
            assert!(json.get(key).is_some(), "{key}");
        }
        for key in ["lastPacketUnix", "connectCount", "disconnectCount", "packetsTotal"] {
            assert!(json.get(key).is_some(), "{key}");
        }
        for key in ["packetsLast5m", "lastError", "lastReceiptUnix", "lastMessageUnix"] {
            assert!(json.get(key).is_some(), "{key}");
        }
    }
}
