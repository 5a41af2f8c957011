//! Decides when a source that says nothing is a problem, and when to connect anew (spec §3.5).
//!
//! Pure: it is told the time and the state of the connection once a scan. Two deliberate
//! differences from the original: a source that ever received is never called "never received"
//! (hazard 11), and an alarm ends with a message, not with a connection, so that a stall that
//! survives a reconnect is said once an hour instead of every five minutes.

use std::time::Duration;

/// Limits of one watchdog; times are on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Silence that is a stall.
    pub stall_after: Duration,
    /// Pause between two lines about the same alarm.
    pub remind_every: Duration,
    /// Least time between two forced reconnects.
    pub reconnect_pause_min: Duration,
}

/// Pause between two scans.
pub const SCAN_EVERY: Duration = Duration::from_secs(60);

impl Default for Limits {
    fn default() -> Self {
        Self {
            stall_after: Duration::from_secs(300),
            remind_every: Duration::from_secs(3600),
            reconnect_pause_min: Duration::from_secs(60),
        }
    }
}

/// What a scan sees of a source; times are on the monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Liveness {
    /// Start of this connection; `None` while there is none.
    pub connected_at: Option<Duration>,
    /// Start of the first connection of this process.
    pub first_connected_at: Option<Duration>,
    /// The last message; kept over reconnects, so `Some` means "ever received".
    pub last_message_at: Option<Duration>,
    /// Silence is ours: Intake is full and the broker waits for acknowledgements.
    pub is_held_back: bool,
}

/// State of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Connected and heard, or too young to tell.
    Ok,
    /// Connected, once heard, silent for too long.
    Stalled,
    /// Connected for long without one message: most likely the topics are wrong.
    NeverReceived,
    /// Not connected.
    #[default]
    Disconnected,
}

impl Health {
    /// Returns the name used in logs and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Stalled => "stalled",
            Self::NeverReceived => "never_received",
            Self::Disconnected => "disconnected",
        }
    }
}

/// What is worth a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The alarm begins.
    Raised,
    /// The alarm still stands.
    Reminder,
    /// A message came; the silence had lasted so long.
    Recovered,
    /// There has been no connection for very long.
    StillDisconnected,
}

/// What to do about connecting anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reconnect {
    /// Nothing.
    #[default]
    No,
    /// Drop the connection, or the pause between attempts, and connect.
    Now,
    /// It was due, but the last one is too recent.
    TooSoon,
}

/// The result of one scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// State now.
    pub health: Health,
    /// The line to log, if any.
    pub notice: Option<Notice>,
    /// Whether to connect anew.
    pub reconnect: Reconnect,
    /// How long the silence, or the lack of a connection, has lasted.
    pub lasted: Duration,
}

/// Watches one source.
#[derive(Debug)]
pub struct Watchdog {
    limits: Limits,
    jitter: Duration,
    alarm: Option<Alarm>,
    disconnected_at: Option<Duration>,
    disconnect_told_at: Option<Duration>,
    forced_at: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Alarm {
    raised_at: Duration,
    silent_from: Duration,
    told_at: Duration,
}

impl Watchdog {
    /// Makes a watchdog for the source called `tag`, whose name spreads the reconnects of many
    /// sources over a minute.
    pub fn new(tag: &str, limits: Limits) -> Self {
        Self {
            limits,
            jitter: Duration::from_millis(u64::from(fnv1a_32(tag.as_bytes()) % 60_000)),
            alarm: None,
            disconnected_at: None,
            disconnect_told_at: None,
            forced_at: None,
        }
    }

    /// Judges the source at `now`.
    pub fn scan(&mut self, now: Duration, seen: &Liveness) -> Verdict {
        let Some(connected_at) = seen.connected_at else {
            return self.judge_disconnected(now);
        };
        self.disconnected_at = None;
        self.disconnect_told_at = None;
        match self.alarm {
            Some(alarm) => self.judge_alarm(now, seen, alarm),
            None => self.judge_silence(now, seen, connected_at),
        }
    }

    fn judge_disconnected(&mut self, now: Duration) -> Verdict {
        let lasted = now.saturating_sub(*self.disconnected_at.get_or_insert(now));
        let mut verdict = Verdict {
            health: Health::Disconnected,
            notice: None,
            reconnect: Reconnect::No,
            lasted,
        };
        if lasted < self.limits.stall_after * 5 + self.jitter {
            return verdict;
        }
        verdict.reconnect = self.force(now);
        if is_due(self.disconnect_told_at, now, self.limits.remind_every) {
            self.disconnect_told_at = Some(now);
            verdict.notice = Some(Notice::StillDisconnected);
        }
        verdict
    }

    fn judge_silence(&mut self, now: Duration, seen: &Liveness, connected_at: Duration) -> Verdict {
        let health = bad_health(seen);
        let silent_from = match seen.last_message_at {
            Some(message_at) => message_at.max(connected_at),
            None => seen.first_connected_at.unwrap_or(connected_at),
        };
        let lasted = now.saturating_sub(silent_from);
        if seen.is_held_back || lasted < self.limits.stall_after {
            return Verdict { health: Health::Ok, notice: None, reconnect: Reconnect::No, lasted };
        }
        self.alarm = Some(Alarm { raised_at: now, silent_from, told_at: now });
        let reconnect = self.force_if(health == Health::Stalled, now);
        Verdict { health, notice: Some(Notice::Raised), reconnect, lasted }
    }

    fn judge_alarm(&mut self, now: Duration, seen: &Liveness, alarm: Alarm) -> Verdict {
        let health = bad_health(seen);
        let lasted = now.saturating_sub(alarm.silent_from);
        let mut verdict = Verdict { health, notice: None, reconnect: Reconnect::No, lasted };
        if seen.last_message_at.is_some_and(|message_at| message_at > alarm.raised_at) {
            self.alarm = None;
            verdict.health = Health::Ok;
            verdict.notice = Some(Notice::Recovered);
        } else if is_due(Some(alarm.told_at), now, self.limits.remind_every) {
            self.alarm = Some(Alarm { told_at: now, ..alarm });
            verdict.notice = Some(Notice::Reminder);
            verdict.reconnect = self.force_if(health == Health::Stalled, now);
        }
        verdict
    }

    fn force_if(&mut self, is_wanted: bool, now: Duration) -> Reconnect {
        if is_wanted { self.force(now) } else { Reconnect::No }
    }

    fn force(&mut self, now: Duration) -> Reconnect {
        if !is_due(self.forced_at, now, self.limits.reconnect_pause_min) {
            return Reconnect::TooSoon;
        }
        self.forced_at = Some(now);
        Reconnect::Now
    }
}

/// A connected source that is silent either stalled or never spoke.
fn bad_health(seen: &Liveness) -> Health {
    if seen.last_message_at.is_some() { Health::Stalled } else { Health::NeverReceived }
}

fn is_due(last: Option<Duration>, now: Duration, pause: Duration) -> bool {
    last.is_none_or(|last| now.saturating_sub(last) >= pause)
}

/// FNV-1a with 32 bits: the same source always gets the same jitter and file name.
pub fn fnv1a_32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests;
