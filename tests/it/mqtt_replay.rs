//! `corescope replay` against a real Mosquitto.

use std::io::Write as _;
use std::time::{Duration, Instant};

use corescope::cli::replay::{PublishError, ReplayArgs, ReplayError, publish, run};

use crate::support::broker::{Broker, BrokerOptions, free_port};

fn capture(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn args(url: &str, file: &tempfile::NamedTempFile) -> ReplayArgs {
    ReplayArgs { is_quiet: true, ..ReplayArgs::new(url, [file.path().to_owned()]) }
}

const LINES: &str = concat!(
    r#"{"ts":"2026-08-11T00:00:00Z","topic":"a","retained":false,"b64":"AQ=="}"#,
    "\nnonsense\n\n",
    r#"{"ts":"2026-08-11T00:00:02Z","topic":"b","retained":true,"b64":"Ag=="}"#,
    "\n",
);

#[tokio::test]
async fn malformed_lines_are_skipped_and_named() {
    let Some(broker) = Broker::start() else { return };
    let file = capture(LINES);
    for qos in [0, 1] {
        let report = publish(&ReplayArgs { qos, ..args(&broker.url(), &file) }).await.unwrap();
        assert_eq!((report.sent, report.acknowledged, report.undelivered), (2, 2, 0));
        assert_eq!(report.malformed, 1);
        assert!(report.malformed_shown[0].contains(":2: "), "{:?}", report.malformed_shown);
    }
}

#[tokio::test]
async fn the_captures_own_pace_is_kept() {
    let Some(broker) = Broker::start() else { return };
    let file = capture(LINES);
    let slow = ReplayArgs { speed: Some(4.0), ..args(&broker.url(), &file) };
    let report = publish(&slow).await.unwrap();
    assert!(report.elapsed.as_millis() >= 500, "{:?}", report.elapsed);
    let rated = ReplayArgs { rate: Some(2.0), ..args(&broker.url(), &file) };
    assert!(publish(&rated).await.unwrap().elapsed.as_millis() >= 500);
}

#[test]
fn what_cannot_be_delivered_is_a_failure() {
    let file = capture(LINES);
    let url = format!("mqtt://user:secret@127.0.0.1:{}", free_port());
    let error = run(&args(&url, &file)).unwrap_err().to_string();
    assert!(error.contains("could not connect to mqtt://user:****@"), "{error}");
    assert!(!error.contains("secret"));
    let error = run(&args("http://127.0.0.1", &file)).unwrap_err();
    assert!(matches!(error, ReplayError::Publish(PublishError::Broker(_))), "{error}");
}

#[test]
fn a_missing_or_torn_capture_is_a_failure() {
    let Some(broker) = Broker::start() else { return };
    let missing = ReplayArgs::new(&broker.url(), ["/nonexistent/capture".into()]);
    assert!(matches!(run(&missing), Err(ReplayError::Open { .. })));
    let mut torn = tempfile::NamedTempFile::new().unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(LINES.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    torn.write_all(&packed[..packed.len() - 12]).unwrap();
    assert!(matches!(run(&args(&broker.url(), &torn)), Err(ReplayError::Read { .. })));
}

#[tokio::test]
async fn a_broker_that_restarts_in_the_middle_gets_everything() {
    let Some(mut broker) = Broker::start_with(BrokerOptions::default()) else { return };
    let line = r#"{"topic":"a","b64":"AQ=="}"#;
    let file = capture(&format!("{line}\n").repeat(600));
    let paced = ReplayArgs { rate: Some(400.0), ..args(&broker.url(), &file) };
    let started = Instant::now();
    let replay = tokio::spawn(async move { publish(&paced).await });
    let _broker = tokio::task::spawn_blocking(move || {
        while !broker.log().contains(" as replay") {
            assert!(started.elapsed() < Duration::from_secs(20), "{}", broker.log());
            std::thread::sleep(Duration::from_millis(5));
        }
        broker.restart();
        broker
    })
    .await
    .unwrap();
    let report = replay.await.unwrap().unwrap();
    assert_eq!((report.sent, report.acknowledged, report.undelivered), (600, 600, 0));
}
