//! Every scheme, and what travels with a message.

use corescope::actors::mqtt_source::{Attempt, SourceSettings};
use corescope::cli::replay::{Login, Message, Publisher};
use std::time::Duration;

use super::double::{Door, Mode, numbers, publish, settings, start, start_subscribed, stop, until};
use crate::support::broker::{Broker, BrokerOptions};
use crate::support::skip;

async fn check_roundtrip(options: BrokerOptions) {
    let Some(broker) = Broker::start_with(options) else { return };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Commit);
    let settings =
        SourceSettings { verify_certificate: false, ..settings(&broker.url(), folder.path()) };
    let source = start_subscribed(settings, &door).await;
    publish(&broker.url(), "a", numbers(100)).await;
    until(&source, |seen| seen.acknowledged == 100).await;
    stop(source).await;
}

#[tokio::test]
async fn messages_come_over_tls() {
    check_roundtrip(BrokerOptions { is_tls: true, ..BrokerOptions::default() }).await;
}

#[tokio::test]
async fn messages_come_over_web_sockets() {
    check_roundtrip(BrokerOptions { is_websocket: true, ..BrokerOptions::default() }).await;
}

#[tokio::test]
async fn messages_come_over_web_sockets_and_tls() {
    let options = BrokerOptions { is_websocket: true, is_tls: true, ..BrokerOptions::default() };
    check_roundtrip(options).await;
}

#[tokio::test]
async fn brokers_are_reached_by_ipv6_addresses() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return skip("this machine has no IPv6");
    }
    for (is_tls, is_websocket) in [(false, false), (true, false), (true, true)] {
        let options = BrokerOptions { is_tls, is_websocket, ..BrokerOptions::default() };
        check_roundtrip(BrokerOptions { is_ipv6: true, ..options }).await;
    }
}

#[tokio::test]
async fn a_certificate_of_nobody_is_refused_by_default() {
    let Some(broker) =
        Broker::start_with(BrokerOptions { is_tls: true, ..BrokerOptions::default() })
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let source = start(settings(&broker.url(), folder.path()), &Door::new(Mode::Commit));
    let attempt = source.wait_until_tried(Duration::from_secs(20)).await;
    assert_eq!(attempt, Attempt::Failed);
    assert_eq!(source.snapshot().connect_count, 0);
    stop(source).await;
}

#[tokio::test]
async fn a_retained_message_is_marked() {
    let Some(broker) = Broker::start() else { return };
    let mut publisher = Publisher::connect(&broker.url(), Login::default(), 1, true).await.unwrap();
    let message = Message { topic: "a".to_owned(), payload: b"kept".to_vec(), is_retained: true };
    publisher.publish(message).await.unwrap();
    publisher.finish().await;
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Commit);
    let source = start_subscribed(settings(&broker.url(), folder.path()), &door).await;
    publish(&broker.url(), "a", ["fresh".to_owned()]).await;
    until(&source, |seen| seen.acknowledged == 2).await;
    assert_eq!(door.entered(), ["a kept (retained)", "a fresh"]);
    stop(source).await;
}

#[tokio::test]
async fn the_thread_is_named_by_its_number() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let source =
        start_subscribed(settings(&broker.url(), folder.path()), &Door::new(Mode::Commit)).await;
    let names: Vec<String> = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        .collect();
    assert!(names.contains(&"mqtt-1".to_owned()), "{names:?}");
    stop(source).await;
}
