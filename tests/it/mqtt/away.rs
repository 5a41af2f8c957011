//! Being away and coming back: the session, the time away, brokers that restart.

use super::double::{
    Door, Mode, numbered, numbers, publish, settings, start, start_at, start_subscribed, stop,
    until,
};
use crate::support::broker::{Broker, BrokerOptions};
use corescope::clock::Clock;
use std::time::Duration;

#[tokio::test]
async fn the_broker_keeps_what_was_published_while_we_were_away() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Commit);
    let first = start_subscribed(settings(&broker.url(), folder.path()), &door).await;
    publish(&broker.url(), "live/a", numbers(10)).await;
    until(&first, |seen| seen.acknowledged == 10).await;
    assert_eq!(first.snapshot().resumed, 0, "a first connection resumes nothing");
    assert!(!first.snapshot().session_present);
    stop(first).await;

    publish(&broker.url(), "held/a", numbers(3_000)).await;
    let second = start_subscribed(settings(&broker.url(), folder.path()), &door).await;
    until(&second, |seen| seen.acknowledged == 3_000).await;
    let seen = second.snapshot();
    assert_eq!((seen.session_present, seen.resumed, seen.lost_sessions), (true, 3_000, 0));
    assert_eq!(door.entered()[10..], numbered("held/a", 3_000));
    stop(second).await;
}

#[tokio::test]
async fn catching_up_ends_when_nothing_held_comes_any_more() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Commit);
    stop(start_subscribed(settings(&broker.url(), folder.path()), &door).await).await;
    let clock = Clock::manual(1_800_000_000_000);
    let source = start_at(settings(&broker.url(), folder.path()), &door, clock.clone());
    until(&source, |seen| seen.connected).await;
    publish(&broker.url(), "held/a", numbers(2)).await;
    until(&source, |seen| seen.resumed == 2).await;
    clock.advance_ms(5_001);
    publish(&broker.url(), "live/a", numbers(1)).await;
    publish(&broker.url(), "held/a", numbers(2)).await;
    until(&source, |seen| seen.acknowledged == 5).await;
    assert_eq!(source.snapshot().resumed, 2);
    stop(source).await;
}

#[tokio::test]
async fn a_catching_up_that_is_cut_off_keeps_the_time_away() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let last_connected_s = || {
        let text = std::fs::read_to_string(folder.path().join("test.json")).unwrap();
        let stored: serde_json::Value = serde_json::from_str(&text).unwrap();
        stored["lastConnectedUnix"].as_i64().unwrap()
    };
    let door = Door::new(Mode::Commit);
    let clock = Clock::manual(1_800_000_000_000);
    let begin = || start_at(settings(&broker.url(), folder.path()), &door, clock.clone());
    let first = begin();
    first.wait_until_tried(Duration::from_secs(20)).await;
    stop(first).await;
    assert_eq!(last_connected_s(), 1_800_000_000);

    clock.advance_ms(7_200_000);
    let source = begin();
    publish(&broker.url(), "held/a", numbers(2)).await;
    until(&source, |seen| seen.resumed == 2).await;
    assert_eq!(last_connected_s(), 1_800_000_000, "what is still held would get a wrong time");
    clock.advance_ms(20_000);
    let end = std::time::Instant::now() + Duration::from_secs(30);
    while last_connected_s() != 1_800_007_220 {
        assert!(std::time::Instant::now() < end, "the end was not noted: {}", last_connected_s());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop(source).await;
}

#[tokio::test]
async fn a_broker_that_restarts_is_found_again() {
    let Some(mut broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Commit);
    let source = start_subscribed(settings(&broker.url(), folder.path()), &door).await;
    publish(&broker.url(), "a", numbers(100)).await;
    until(&source, |seen| seen.acknowledged == 100).await;
    broker.stop();
    until(&source, |seen| !seen.connected && seen.last_error.is_some()).await;
    broker.launch();
    publish(&broker.url(), "b", numbers(100)).await;
    let mut expected = numbered("a", 100);
    expected.extend(numbered("b", 100));
    // The last acknowledgements may not have reached the broker before it stopped: those messages
    // come twice.
    until(&source, |_| door.first_times() == expected).await;
    let seen = source.snapshot();
    assert_eq!((seen.connect_count, seen.disconnect_count, seen.lost_sessions), (2, 1, 0));
    assert_eq!((seen.last_error, seen.disconnected_since_unix), (None, None));
    stop(source).await;
}

#[tokio::test]
async fn unacknowledged_messages_survive_the_restart_of_the_broker() {
    let Some(mut broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Keep);
    let source = start_subscribed(settings(&broker.url(), folder.path()), &door).await;
    publish(&broker.url(), "a", numbers(15)).await;
    until(&source, |seen| seen.pending_receipts == 15).await;
    door.set(Mode::Commit);
    broker.restart();
    until(&source, |seen| seen.acknowledged == 15).await;
    assert!(door.counts().values().all(|count| *count == 2));
    stop(source).await;
}

#[tokio::test]
async fn a_broker_that_lost_our_session_is_told_apart() {
    let Some(mut broker) =
        Broker::start_with(BrokerOptions { is_persistent: false, ..BrokerOptions::default() })
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Commit);
    let source = start_subscribed(settings(&broker.url(), folder.path()), &door).await;
    broker.restart();
    until(&source, |seen| seen.connect_count == 2 && seen.connected).await;
    let seen = source.snapshot();
    assert_eq!((seen.session_present, seen.lost_sessions), (false, 1));
    stop(source).await;
}

#[tokio::test]
async fn a_frozen_broker_is_noticed_and_left() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Commit);
    let mut settings = settings(&broker.url(), folder.path());
    settings.pace.keep_alive = Duration::from_secs(1);
    let source = start_subscribed(settings, &door).await;
    broker.pause();
    until(&source, |seen| !seen.connected).await;
    broker.resume();
    publish(&broker.url(), "a", numbers(3)).await;
    until(&source, |seen| seen.connected && seen.acknowledged == 3).await;
    stop(source).await;
}

#[tokio::test]
async fn topics_that_are_no_longer_configured_are_unsubscribed() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Commit);
    let mut settings = settings(&broker.url(), folder.path());
    settings.topics = vec!["a/#".to_owned(), "b/#".to_owned()];
    stop(start_subscribed(settings.clone(), &door).await).await;
    settings.topics = vec!["a/#".to_owned()];
    let source = start_subscribed(settings, &door).await;
    publish(&broker.url(), "b/x", numbers(1)).await;
    publish(&broker.url(), "a/x", numbers(1)).await;
    until(&source, |seen| seen.acknowledged == 1).await;
    assert_eq!(door.entered(), ["a/x 0"]);
    stop(source).await;
}

// Spec §3.5, hazard 11: a stall is cured by a new connection, and stays a stall until a message.
#[tokio::test]
async fn the_watchdog_connects_a_stalled_source_anew() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Commit);
    let clock = Clock::manual(1_800_000_000_000);
    let mut settings = settings(&broker.url(), folder.path());
    settings.pace.scan_every = Duration::from_millis(10);
    let source = start_at(settings, &door, clock.clone());
    until(&source, |seen| seen.connected).await;
    publish(&broker.url(), "a", numbers(1)).await;
    until(&source, |seen| seen.acknowledged == 1).await;
    clock.advance_ms(301_000);
    until(&source, |seen| seen.connect_count == 2 && seen.health == "stalled").await;
    assert_eq!(source.snapshot().last_force_reconnect_unix, Some(1_800_000_301));
    assert_eq!(source.snapshot().last_alert_unix, Some(1_800_000_301));
    clock.advance_ms(1_000);
    publish(&broker.url(), "a", numbers(1)).await;
    until(&source, |seen| seen.health == "ok" && seen.acknowledged == 2).await;
    assert_eq!(source.snapshot().connect_count, 2);
    stop(source).await;
}

#[tokio::test]
async fn a_source_that_never_received_is_said_so_and_left_alone() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(1_800_000_000_000);
    let mut settings = settings(&broker.url(), folder.path());
    settings.pace.scan_every = Duration::from_millis(10);
    let source = start_at(settings, &Door::new(Mode::Commit), clock.clone());
    until(&source, |seen| seen.connected).await;
    clock.advance_ms(301_000);
    until(&source, |seen| seen.health == "never_received").await;
    assert_eq!(source.snapshot().connect_count, 1);
    stop(source).await;
}

#[tokio::test]
async fn a_session_file_that_cannot_be_written_stops_nothing() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let not_a_folder = folder.path().join("file");
    std::fs::write(&not_a_folder, "").unwrap();
    let door = Door::new(Mode::Commit);
    let source = start(settings(&broker.url(), &not_a_folder), &door);
    until(&source, |seen| seen.connected).await;
    publish(&broker.url(), "a", numbers(3)).await;
    until(&source, |seen| seen.acknowledged == 3).await;
    stop(source).await;
}
