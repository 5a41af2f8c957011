//! Brokers that are not there, are none, or do not let us in.

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use corescope::actors::mqtt_source::{Attempt, MqttSource};

use super::double::{Door, Mode, numbers, publish, settings, start, start_subscribed, stop, until};
use crate::support::broker::{Broker, BrokerOptions, free_port};

async fn first_attempt(source: &MqttSource) -> Attempt {
    source.wait_until_tried(Duration::from_secs(20)).await
}

#[tokio::test]
async fn one_dead_broker_does_not_disturb_the_other() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Commit);
    let mut dead = settings(&format!("mqtt://127.0.0.1:{}", free_port()), folder.path());
    dead.tag = "dead".into();
    let dead = start(dead, &door);
    let alive = start_subscribed(settings(&broker.url(), folder.path()), &door).await;
    assert_eq!(first_attempt(&dead).await, Attempt::Failed);
    publish(&broker.url(), "a", numbers(10)).await;
    until(&alive, |seen| seen.acknowledged == 10).await;
    until(&dead, |seen| seen.attempt_count >= 2).await;
    let seen = dead.snapshot();
    assert_eq!((seen.connected, seen.connect_count, seen.health), (false, 0, "disconnected"));
    assert!(seen.last_error.unwrap().contains("refused"));
    stop(dead).await;
    stop(alive).await;
}

#[tokio::test]
async fn a_broker_that_comes_later_is_found() {
    let Some(mut broker) = Broker::start() else { return };
    broker.stop();
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Commit);
    let source = start(settings(&broker.url(), folder.path()), &door);
    assert_eq!(first_attempt(&source).await, Attempt::Failed);
    broker.launch();
    until(&source, |seen| seen.connected).await;
    stop(source).await;
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_in_time() {
    // The system accepts on behalf of a listener that nobody asks.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&url, folder.path());
    settings.pace.connect_timeout = Duration::from_secs(1);
    let source = start(settings, &Door::new(Mode::Commit));
    assert_eq!(first_attempt(&source).await, Attempt::Failed);
    let error = source.snapshot().last_error.unwrap();
    assert!(error.contains("did not answer in time"), "{error}");
    stop(source).await;
}

#[tokio::test]
async fn a_server_that_talks_nonsense_is_left_and_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let nonsense: &[u8] = match number % 3 {
                0 => b"HTTP/1.1 400 Bad Request\r\n\r\n",
                1 => &[0x30, 0xff, 0xff, 0xff, 0x7f, 0, 0],
                _ => &[0xff; 64],
            };
            // The client may have gone already.
            let _ = stream.and_then(|mut stream| stream.write_all(nonsense));
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let source = start(settings(&url, folder.path()), &Door::new(Mode::Commit));
    assert_eq!(first_attempt(&source).await, Attempt::Failed);
    until(&source, |seen| seen.attempt_count >= 5 && seen.last_error.is_some()).await;
    assert_eq!(source.snapshot().panic_count, 0);
    stop(source).await;
}

#[tokio::test]
async fn wrong_credentials_are_said_and_never_shown() {
    let Some(broker) = Broker::start_with(BrokerOptions {
        login: Some(("observer", "right-word")),
        ..BrokerOptions::default()
    }) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(Mode::Commit);
    let address = format!("127.0.0.1:{}", broker.port());
    let url = format!("mqtt://observer:wrong-word@{address}");
    let source = start(settings(&url, folder.path()), &door);
    assert_eq!(first_attempt(&source).await, Attempt::Failed);
    let seen = source.snapshot();
    assert!(seen.last_error.as_ref().unwrap().contains("user name or password"), "{seen:?}");
    assert_eq!(seen.broker, format!("mqtt://observer:****@{address}"));
    assert!(!serde_json::to_string(&seen).unwrap().contains("wrong-word"));
    stop(source).await;

    let mut settings = settings(&url, folder.path());
    settings.password = Some("right-word".to_owned());
    let source = start_subscribed(settings, &door).await;
    publish(&url.replace("wrong", "right"), "a", numbers(1)).await;
    until(&source, |seen| seen.acknowledged == 1).await;
    stop(source).await;
}

#[tokio::test]
async fn a_source_can_be_stopped_while_it_connects() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&url, folder.path());
    settings.pace.connect_timeout = Duration::from_secs(3_600);
    let source = start(settings, &Door::new(Mode::Commit));
    until(&source, |seen| seen.attempt_count == 1).await;
    assert_eq!(stop(source).await, 0);
}
