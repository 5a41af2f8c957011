//! The transitions of the watchdog, row by row.

use super::*;

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// One scan: minute, connected at, last message at (minutes), then what is expected.
type Row = (u64, Option<u64>, Option<u64>, Health, Option<Notice>, Reconnect);

fn check(tag: &str, rows: &[Row]) {
    let mut watchdog = Watchdog::new(tag, Limits::default());
    let mut first_connected_at = None;
    for (index, (now, connected, message, health, notice, reconnect)) in rows.iter().enumerate() {
        first_connected_at = first_connected_at.or(connected.map(minutes));
        let seen = Liveness {
            connected_at: connected.map(minutes),
            first_connected_at,
            last_message_at: message.map(minutes),
            is_held_back: false,
        };
        let verdict = watchdog.scan(minutes(*now), &seen);
        let got = (verdict.health, verdict.notice, verdict.reconnect);
        assert_eq!(got, (*health, *notice, *reconnect), "row {index}, minute {now}");
    }
}

#[test]
fn a_source_that_speaks_is_ok() {
    check(
        "a",
        &[
            (0, Some(0), None, Health::Ok, None, Reconnect::No),
            (4, Some(0), None, Health::Ok, None, Reconnect::No),
            (9, Some(0), Some(5), Health::Ok, None, Reconnect::No),
        ],
    );
}

#[test]
fn a_stall_is_said_once_then_hourly_and_ends_with_a_message() {
    check(
        "a",
        &[
            (1, Some(0), Some(1), Health::Ok, None, Reconnect::No),
            (6, Some(0), Some(1), Health::Stalled, Some(Notice::Raised), Reconnect::Now),
            (7, Some(6), Some(1), Health::Stalled, None, Reconnect::No),
            (65, Some(6), Some(1), Health::Stalled, None, Reconnect::No),
            (66, Some(6), Some(1), Health::Stalled, Some(Notice::Reminder), Reconnect::Now),
            (67, Some(66), Some(67), Health::Ok, Some(Notice::Recovered), Reconnect::No),
            (68, Some(66), Some(67), Health::Ok, None, Reconnect::No),
        ],
    );
}

// Hazard 11: the original calls this source "never received" and gives it up.
#[test]
fn a_stall_that_survives_a_forced_reconnect_stays_a_stall() {
    check(
        "a",
        &[
            (10, Some(0), Some(5), Health::Stalled, Some(Notice::Raised), Reconnect::Now),
            (11, Some(10), Some(5), Health::Stalled, None, Reconnect::No),
            (30, Some(10), Some(5), Health::Stalled, None, Reconnect::No),
            (70, Some(10), Some(5), Health::Stalled, Some(Notice::Reminder), Reconnect::Now),
        ],
    );
}

#[test]
fn a_source_that_never_spoke_is_told_apart_and_not_reconnected() {
    check(
        "a",
        &[
            (4, Some(0), None, Health::Ok, None, Reconnect::No),
            (5, Some(0), None, Health::NeverReceived, Some(Notice::Raised), Reconnect::No),
            (64, Some(0), None, Health::NeverReceived, None, Reconnect::No),
            (65, Some(0), None, Health::NeverReceived, Some(Notice::Reminder), Reconnect::No),
            (66, Some(0), Some(66), Health::Ok, Some(Notice::Recovered), Reconnect::No),
        ],
    );
}

// The clock of "never" runs from the first connection, over reconnects (spec §3.5).
#[test]
fn a_flapping_source_that_never_spoke_is_found_out() {
    check(
        "a",
        &[
            (0, Some(0), None, Health::Ok, None, Reconnect::No),
            (3, None, None, Health::Disconnected, None, Reconnect::No),
            (6, Some(6), None, Health::NeverReceived, Some(Notice::Raised), Reconnect::No),
        ],
    );
}

#[test]
fn a_new_connection_gets_a_fresh_five_minutes() {
    check(
        "a",
        &[
            (1, Some(0), Some(1), Health::Ok, None, Reconnect::No),
            (20, None, Some(1), Health::Disconnected, None, Reconnect::No),
            (22, Some(21), Some(1), Health::Ok, None, Reconnect::No),
            (26, Some(21), Some(1), Health::Stalled, Some(Notice::Raised), Reconnect::Now),
        ],
    );
}

#[test]
fn an_alarm_is_kept_while_disconnected() {
    check(
        "a",
        &[
            (6, Some(0), Some(1), Health::Stalled, Some(Notice::Raised), Reconnect::Now),
            (7, None, Some(1), Health::Disconnected, None, Reconnect::No),
            (8, Some(8), Some(1), Health::Stalled, None, Reconnect::No),
            (9, Some(8), Some(9), Health::Ok, Some(Notice::Recovered), Reconnect::No),
        ],
    );
}

// Spec §3.5: the source `local` is kicked after 25m22.984s.
#[test]
fn a_long_disconnect_is_kicked_after_five_thresholds_and_a_jitter() {
    let mut watchdog = Watchdog::new("local", Limits::default());
    let seen = Liveness::default();
    let limit = Duration::from_millis(25 * 60_000 + 22_984);
    assert_eq!(watchdog.scan(Duration::ZERO, &seen).reconnect, Reconnect::No);
    let before = watchdog.scan(limit - Duration::from_millis(1), &seen);
    assert_eq!((before.notice, before.reconnect), (None, Reconnect::No));
    let at = watchdog.scan(limit, &seen);
    assert_eq!((at.notice, at.reconnect), (Some(Notice::StillDisconnected), Reconnect::Now));
    let soon = watchdog.scan(limit + Duration::from_secs(59), &seen);
    assert_eq!((soon.notice, soon.reconnect), (None, Reconnect::TooSoon));
    let later = watchdog.scan(limit + Duration::from_secs(60), &seen);
    assert_eq!((later.notice, later.reconnect), (None, Reconnect::Now));
    let hour = watchdog.scan(limit + Duration::from_secs(3600), &seen);
    assert_eq!(hour.notice, Some(Notice::StillDisconnected));
}

#[test]
fn silence_because_intake_is_full_is_no_stall() {
    let mut watchdog = Watchdog::new("a", Limits::default());
    let mut seen = Liveness {
        connected_at: Some(Duration::ZERO),
        first_connected_at: Some(Duration::ZERO),
        last_message_at: Some(Duration::ZERO),
        is_held_back: true,
    };
    assert_eq!(watchdog.scan(minutes(20), &seen).health, Health::Ok);
    seen.is_held_back = false;
    assert_eq!(watchdog.scan(minutes(21), &seen).health, Health::Stalled);
}

#[test]
fn a_reconnect_within_a_minute_of_the_last_is_suppressed() {
    let mut watchdog = Watchdog::new("", Limits::default());
    let gone = Liveness::default();
    watchdog.scan(Duration::ZERO, &gone);
    // The jitter of the empty name is below a minute.
    assert_eq!(watchdog.scan(minutes(26), &gone).reconnect, Reconnect::Now);
    let silent = Liveness {
        connected_at: Some(minutes(1)),
        first_connected_at: Some(minutes(1)),
        last_message_at: Some(minutes(1)),
        is_held_back: false,
    };
    let verdict = watchdog.scan(minutes(26) + Duration::from_secs(30), &silent);
    assert_eq!((verdict.health, verdict.reconnect), (Health::Stalled, Reconnect::TooSoon));
}
