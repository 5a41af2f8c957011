//! What decision 1 and 2 promise: nothing acknowledged that is not committed, nothing lost.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use corescope::actors::mqtt_source::Pace;
use rumqttc::QoS;

use super::double::{
    Door, Mode, commit, numbered, numbers, publish, settings, start_subscribed, stop, until,
};
use crate::support::broker::{Broker, publish_capture, read_capture};
use crate::support::data_file;

#[tokio::test]
async fn every_message_of_the_capture_arrives_once() {
    let (Some(broker), Some(capture)) =
        (Broker::start(), data_file("paris-capture-6000.ndjson.gz"))
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Commit);
    let source = start_subscribed(settings(&broker.url(), folder.path()), &door).await;

    let report = publish_capture(&broker.url(), &capture, 1).await;
    assert_eq!((report.sent, report.acknowledged, report.malformed), (6_000, 6_000, 0));
    until(&source, |seen| seen.acknowledged == 6_000 && seen.pending_receipts == 0).await;

    let expected: BTreeSet<String> = read_capture(&capture)
        .into_iter()
        .map(|(topic, payload, _)| format!("{topic} {}", String::from_utf8_lossy(&payload)))
        .collect();
    let counts = door.counts();
    assert_eq!(counts.keys().cloned().collect::<BTreeSet<_>>(), expected);
    assert!(counts.values().all(|count| *count == 1));
    assert_eq!(source.snapshot().packets_total, 6_000);
    assert_eq!(stop(source).await, 0);
}

#[tokio::test]
async fn nothing_is_acknowledged_before_its_receipt() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Keep);
    let source = start_subscribed(settings(&broker.url(), folder.path()), &door).await;
    publish(&broker.url(), "a", numbers(50)).await;

    // The broker's window: it sends no more without acknowledgements.
    until(&source, |seen| seen.packets_total == 20).await;
    let first = numbered("a", 20);
    assert_eq!(door.entered(), first);

    // A new connection: the same 20 again, whatever happens to the receipts of the old one.
    source.reconnect();
    until(&source, |seen| seen.connect_count == 2 && seen.packets_total == 40).await;
    assert_eq!(door.entered()[20..], first);
    let mut receipts = door.take_receipts();
    let fresh = receipts.split_off(20);
    receipts.into_iter().for_each(commit);
    until(&source, |seen| seen.stale_receipts == 20 && seen.pending_receipts == 20).await;
    assert_eq!((source.snapshot().acknowledged, door.count()), (0, 40));

    // In order, the new receipts let the rest through, each once.
    door.set(Mode::Commit);
    fresh.into_iter().for_each(commit);
    until(&source, |seen| seen.acknowledged == 50).await;
    assert_eq!(door.entered()[20..], numbered("a", 50));
    assert_eq!(stop(source).await, 0);

    // All is acknowledged: the session holds nothing.
    let again = start_subscribed(settings(&broker.url(), folder.path()), &door).await;
    publish(&broker.url(), "a", ["last".to_owned()]).await;
    until(&again, |seen| seen.acknowledged == 1).await;
    assert_eq!(door.count(), 71);
    stop(again).await;
}

#[tokio::test]
async fn a_full_intake_stops_the_broker_and_not_the_connection() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Full);
    let mut settings = settings(&broker.url(), folder.path());
    settings.pace.keep_alive = Duration::from_secs(1);
    let source = start_subscribed(settings, &door).await;
    publish(&broker.url(), "a", numbers(500)).await;
    until(&source, |seen| seen.held == 20).await;

    // Longer than the broker waits for a sign of life.
    let end = Instant::now() + Duration::from_secs(3);
    until(&source, |_| Instant::now() > end).await;
    let seen = source.snapshot();
    assert_eq!((seen.connect_count, seen.held, seen.connected), (1, 20, true));

    door.set(Mode::Commit);
    until(&source, |seen| seen.acknowledged == 500).await;
    assert_eq!(door.entered(), numbered("a", 500));
    assert_eq!((source.snapshot().held, source.snapshot().dropped), (0, 0));
    stop(source).await;
}

#[tokio::test]
async fn qos_0_messages_that_do_not_fit_are_dropped_and_counted() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Full);
    let mut settings = settings(&broker.url(), folder.path());
    settings.qos = QoS::AtMostOnce;
    let source = start_subscribed(settings, &door).await;
    publish(&broker.url(), "a", numbers(30)).await;
    until(&source, |seen| seen.dropped == 30).await;
    assert!(source.snapshot().dropped_since_unix.is_some());
    door.set(Mode::Commit);
    publish(&broker.url(), "a", numbers(5)).await;
    until(&source, |seen| seen.packets_total == 35).await;
    assert_eq!((door.count(), source.snapshot().held), (5, 0));
    stop(source).await;
}

#[tokio::test]
async fn what_was_not_committed_is_delivered_again() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Lose);
    let source = start_subscribed(settings(&broker.url(), folder.path()), &door).await;
    publish(&broker.url(), "a", numbers(3)).await;
    until(&source, |seen| seen.packets_total >= 3).await;
    door.set(Mode::Commit);
    until(&source, |seen| seen.acknowledged == 3).await;
    assert!(source.snapshot().connect_count >= 2);
    assert_eq!(door.entered()[door.count() - 3..], numbered("a", 3));
    stop(source).await;
}

#[tokio::test]
async fn ignored_and_rejected_messages_are_acknowledged_in_their_turn() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Keep);
    let source = start_subscribed(settings(&broker.url(), folder.path()), &door).await;
    for topic in ["a", "t/ignore", "t/reject", "t/panic"] {
        publish(&broker.url(), topic, ["x".to_owned()]).await;
    }
    publish(&broker.url(), "a", ["z".to_owned()]).await;
    until(&source, |seen| seen.pending_receipts == 5).await;
    let seen = source.snapshot();
    assert_eq!((seen.acknowledged, seen.panic_count, seen.connect_count), (0, 1, 1));
    assert_eq!(seen.ignored, [("test", 1)].into());
    assert_eq!(seen.rejected, [("rejected_panic", 1), ("test", 1)].into());
    assert_eq!(door.entered(), ["a x", "a z"]);
    door.take_receipts().into_iter().for_each(commit);
    until(&source, |seen| seen.acknowledged == 5 && seen.pending_receipts == 0).await;
    assert_eq!(stop(source).await, 0);
}

#[tokio::test]
async fn stopping_waits_for_receipts_and_acknowledges_them() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Keep);
    let source = start_subscribed(settings(&broker.url(), folder.path()), &door).await;
    publish(&broker.url(), "a", numbers(10)).await;
    until(&source, |seen| seen.pending_receipts == 10).await;
    let status = source.status();
    let stopping = tokio::spawn(stop(source));
    door.take_receipts().into_iter().for_each(commit);
    assert_eq!(stopping.await.unwrap(), 0);
    assert_eq!(status.snapshot(0).acknowledged, 10);

    // Not one of the ten comes again.
    door.set(Mode::Commit);
    let again = start_subscribed(settings(&broker.url(), folder.path()), &door).await;
    publish(&broker.url(), "b", ["x".to_owned()]).await;
    until(&again, |seen| seen.acknowledged == 1).await;
    assert_eq!(door.entered()[10..], ["b x"]);
    stop(again).await;
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever_and_says_what_stayed_open() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Keep);
    let source = start_subscribed(settings(&broker.url(), folder.path()), &door).await;
    publish(&broker.url(), "a", numbers(10)).await;
    until(&source, |seen| seen.pending_receipts == 10).await;
    assert_eq!(source.stop(Duration::from_millis(50)).await, 10);
}

#[tokio::test]
async fn a_bounded_backlog_loses_nothing() {
    let Some(broker) = Broker::start_with(crate::support::broker::BrokerOptions {
        inflight_max: 0,
        ..Default::default()
    }) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Full);
    let mut settings = settings(&broker.url(), folder.path());
    settings.pace = Pace { held_max: 100, ..settings.pace };
    let source = start_subscribed(settings, &door).await;
    publish(&broker.url(), "a", numbers(3_000)).await;
    until(&source, |seen| seen.held >= 100).await;
    assert!(source.snapshot().held <= 100);
    door.set(Mode::Commit);
    until(&source, |seen| seen.acknowledged == 3_000).await;
    assert_eq!(door.entered(), numbered("a", 3_000));
    stop(source).await;
}
