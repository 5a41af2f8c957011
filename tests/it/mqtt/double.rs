//! The test's Intake, its way to understand messages, and sources made for both.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use corescope::actors::delivery::{Delivery, IntakeDoor, Receipt};
use corescope::actors::mqtt_source::{
    Arrival, Attempt, Heard, MqttSource, Pace, SourceParts, SourceSettings,
};
use corescope::cli::replay::{Login, Message, Publisher};
use corescope::clock::Clock;
use corescope::ingest::reception::{ObserverSeen, Record, StatusReport};
use corescope::ingest::source_status::SourceSnapshot;
use rumqttc::QoS;

/// What the door does with a delivery.
#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    /// Takes it and commits it at once.
    Commit,
    /// Takes it and keeps its receipt.
    Keep,
    /// Takes it and loses its receipt.
    Lose,
    /// Is full.
    Full,
}

/// A door that remembers what entered.
pub struct Door(Mutex<State>);

struct State {
    mode: Mode,
    entered: Vec<String>,
    receipts: Vec<Receipt>,
    offered: u64,
}

impl Door {
    pub fn new(mode: Mode) -> Arc<Self> {
        let state = State { mode, entered: Vec::new(), receipts: Vec::new(), offered: 0 };
        Arc::new(Self(Mutex::new(state)))
    }

    /// Changes what happens to deliveries from now on.
    pub fn set(&self, mode: Mode) {
        self.0.lock().unwrap().mode = mode;
    }

    /// What entered, in order: `topic payload`.
    pub fn entered(&self) -> Vec<String> {
        self.0.lock().unwrap().entered.clone()
    }

    /// What entered, each thing once, in the order of the first time.
    pub fn first_times(&self) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        self.entered().into_iter().filter(|text| seen.insert(text.clone())).collect()
    }

    pub fn count(&self) -> usize {
        self.0.lock().unwrap().entered.len()
    }

    /// How many times each thing entered.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.entered().into_iter().fold(BTreeMap::new(), |mut counts, text| {
            *counts.entry(text).or_default() += 1;
            counts
        })
    }

    /// Takes the kept receipts.
    pub fn take_receipts(&self) -> Vec<Receipt> {
        std::mem::take(&mut self.0.lock().unwrap().receipts)
    }
}

/// Tells the source that its delivery is durable.
pub fn commit(receipt: Receipt) {
    if let Receipt::Committed(call) = receipt {
        call();
    }
}

impl IntakeDoor for Door {
    fn offer(&self, delivery: Delivery) -> bool {
        self.0.lock().unwrap().offered += 1;
        self.try_enter(delivery).is_none()
    }

    fn try_enter(&self, delivery: Delivery) -> Option<Delivery> {
        let mut state = self.0.lock().unwrap();
        if state.mode == Mode::Full {
            return Some(delivery);
        }
        if let Some(Record::Status(report)) = delivery.record {
            state.entered.push(report.observer.id);
        }
        match state.mode {
            Mode::Commit => commit(delivery.receipt),
            Mode::Keep => state.receipts.push(delivery.receipt),
            Mode::Lose | Mode::Full => {}
        }
        None
    }
}

/// Understands every message as `topic payload`, but for three topics.
pub fn decode(arrival: &Arrival<'_>) -> Heard {
    match arrival.topic {
        "t/ignore" => return Heard::Ignored("test"),
        "t/reject" => return Heard::Rejected("test"),
        "t/panic" => panic!("on purpose"),
        _ => {}
    }
    let mut id = format!("{} {}", arrival.topic, String::from_utf8_lossy(arrival.payload));
    if arrival.is_retained {
        id.push_str(" (retained)");
    }
    let report = StatusReport {
        observer: ObserverSeen { id, ..ObserverSeen::default() },
        ..StatusReport::default()
    };
    // As the rules do: only what lies in the time away is resumed.
    let is_resumed = arrival.away_s.is_some() && arrival.topic.starts_with("held/");
    Heard::Record { record: Record::Status(Box::new(report)), is_resumed }
}

/// Settings with short times.
pub fn settings(url: &str, folder: &Path) -> SourceSettings {
    SourceSettings {
        tag: "test".into(),
        broker: url.to_owned(),
        username: None,
        password: None,
        verify_certificate: true,
        topics: vec!["#".to_owned()],
        qos: QoS::AtLeastOnce,
        client_id: None,
        session_dir: folder.to_owned(),
        pace: Pace {
            connect_timeout: Duration::from_secs(2),
            retry_pause_max: Duration::from_millis(300),
            ..Pace::default()
        },
    }
}

/// Starts a source on the real clock.
pub fn start(settings: SourceSettings, door: &Arc<Door>) -> MqttSource {
    start_at(settings, door, Clock::system())
}

/// Starts a source on `clock`.
pub fn start_at(settings: SourceSettings, door: &Arc<Door>, clock: Clock) -> MqttSource {
    let door = Arc::clone(door);
    MqttSource::start(1, SourceParts { settings, decode: Arc::new(decode), door, clock }).unwrap()
}

/// Starts a source and waits until it has subscribed.
pub async fn start_subscribed(settings: SourceSettings, door: &Arc<Door>) -> MqttSource {
    let source = start(settings, door);
    let attempt = source.wait_until_tried(Duration::from_secs(20)).await;
    assert_eq!(attempt, Attempt::Subscribed, "{:?}", source.snapshot());
    source
}

/// Publishes `payloads` to `topic` with QoS 1.
pub async fn publish(url: &str, topic: &str, payloads: impl IntoIterator<Item = String>) {
    let mut publisher = Publisher::connect(url, Login::default(), 1, false).await.unwrap();
    let mut sent = 0;
    for payload in payloads {
        let message =
            Message { topic: topic.to_owned(), payload: payload.into_bytes(), is_retained: false };
        publisher.publish(message).await.unwrap();
        sent += 1;
    }
    assert_eq!(publisher.finish().await.acknowledged, sent);
}

/// Payloads `0`, `1` … as [`Door::entered`] shows them.
pub fn numbered(topic: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{topic} {number}")).collect()
}

/// `0`, `1` …
pub fn numbers(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| number.to_string())
}

/// Waits until `is_so`; fails with the source's status after a while.
pub async fn until(source: &MqttSource, mut is_so: impl FnMut(&SourceSnapshot) -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let seen = source.snapshot();
        if is_so(&seen) {
            return;
        }
        assert!(Instant::now() < end, "waited in vain: {seen:#?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Stops with time for open receipts.
pub async fn stop(source: MqttSource) -> u32 {
    source.stop(Duration::from_secs(10)).await
}
