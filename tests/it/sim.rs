//! The simulated mesh: everything it says is valid, and it says the same for the same seed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use corescope::actors::delivery::{Delivery, IntakeDoor};
use corescope::clock::Clock;
use corescope::config::Config;
use corescope::ingest::reception::Record;
use corescope::ingest::{Arrival, Received, Rules, SourceRules};
use corescope::mesh::{PayloadType, encode};
use corescope::sim::envelope::Message;
use corescope::sim::live::{LivePlan, Simulator};
use corescope::sim::network::{Network, NetworkPlan, Role};
use corescope::sim::spread::Spreader;
use corescope::sim::traffic::{self, Way};
use corescope::sim::{demo, names};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::support::broker::Broker;

const START_MS: i64 = 1_784_332_800_000;
const NETWORK: NetworkPlan = NetworkPlan { nodes: 60, observers: 8, seed: 5 };

fn messages(seed: u64, count: usize) -> Vec<Message> {
    let plan = LivePlan { network: NETWORK, seed, rate: 50.0, start_ms: START_MS };
    Simulator::new(plan).take(count).collect()
}

fn records(messages: &[Message]) -> Vec<Record> {
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    let mut config = Config::default();
    config.channels.hash_channels = owned(names::HASHTAG_CHANNELS);
    config.channels.hash_regions = owned(names::REGIONS);
    let rules = Rules::new(&config);
    let source = SourceRules { tag: "test".into(), iata_filter: Vec::new(), region: None };
    let receive = |message: &Message| {
        let arrival = Arrival {
            topic: &message.topic,
            payload: &message.payload,
            is_retained: false,
            now_s: message.at_ms / 1000,
            away_s: None,
        };
        match rules.receive(&source, &arrival) {
            Received::Record(record) => record,
            other => panic!("{other:?}: {}", String::from_utf8_lossy(&message.payload)),
        }
    };
    messages.iter().map(receive).collect()
}

#[test]
fn ingest_takes_every_message_of_every_type() {
    let records = records(&messages(1, 6_000));
    let mut types = BTreeSet::new();
    let (mut opened, mut sealed, mut scoped) = (0, 0, 0);
    for record in &records {
        let Record::Packet(packet) = record else { continue };
        let transmission = &packet.transmission;
        types.insert(transmission.payload_type);
        assert!(!transmission.decoded_json.contains("\"error\""), "{transmission:?}");
        assert_eq!(packet.naive_clock_skew_s, None);
        assert!(packet.observation.snr.is_some() && packet.observation.rssi.is_some());
        if transmission.payload_type == PayloadType::Advert.number() {
            let advert = packet.advert.as_ref().expect("its signature is true");
            assert!(advert.name.is_some() && advert.lat.is_some());
        }
        opened += usize::from(transmission.decoded_json.starts_with("{\"type\":\"CHAN\""));
        sealed += usize::from(transmission.decoded_json.starts_with("{\"type\":\"GRP_TXT\""));
        scoped +=
            usize::from(transmission.scope_name.as_ref().is_some_and(|name| !name.is_empty()));
    }
    assert_eq!(types.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15]);
    assert!(opened > sealed && sealed > 0 && scoped > 0, "{opened} {sealed} {scoped}");
    let is_status = |record: &&Record| {
        matches!(record, Record::Status(report)
            if report.metrics.is_some() && report.can_relay == Some(true))
    };
    assert_eq!(records.iter().filter(is_status).count(), 8, "each observer, in two minutes");
}

#[test]
fn several_observers_hear_a_packet_over_different_paths() {
    let mut paths: HashMap<String, BTreeSet<(String, String)>> = HashMap::new();
    let mut hop_lengths = BTreeMap::new();
    for record in records(&messages(1, 3_000)) {
        let Record::Packet(packet) = record else { continue };
        let path = packet.observation.path_json;
        let hops: Vec<String> = serde_json::from_str(&path).unwrap();
        if let Some(first) = hops.first() {
            *hop_lengths.entry(first.len() / 2).or_insert(0) += 1;
        }
        let way = (packet.observer.id, path);
        let is_new = paths.entry(packet.transmission.hash).or_default().insert(way);
        assert!(is_new, "an observer heard the same packet twice over one path");
    }
    let by_several = paths.values().filter(|ways| {
        ways.iter().map(|way| &way.0).collect::<BTreeSet<_>>().len() > 1
            && ways.iter().map(|way| &way.1).collect::<BTreeSet<_>>().len() > 1
    });
    assert!(by_several.count() > 100);
    assert!([1, 2, 3].iter().all(|bytes| hop_lengths.contains_key(bytes)), "{hop_lengths:?}");
}

/// Each flood is what the encoder's own relay makes of it, hop by hop.
#[test]
fn floods_are_what_repeaters_would_send() {
    let network = Network::new(&NETWORK);
    let mut rng = StdRng::seed_from_u64(3);
    let mut relayed = 0;
    for _ in 0..200 {
        let kind = traffic::draw_type(&mut rng);
        let sending = traffic::compose(&network, kind, 1_784_332_800, &mut rng).unwrap();
        if sending.way != Way::Flood {
            continue;
        }
        for hearing in Spreader::new(&network).hear(&sending, 5, &mut rng) {
            let mut frame = sending.frame(&[]).unwrap();
            for &relay in &hearing.relays {
                assert_eq!(network.nodes[relay].role, Role::Repeater);
                frame = encode::relay(&frame, &network.nodes[relay].key).unwrap().expect("relays");
                relayed += 1;
            }
            assert_eq!(frame, sending.frame(&hearing.path).unwrap());
        }
    }
    assert!(relayed > 500, "{relayed}");
}

#[test]
fn the_same_seed_says_the_same_and_time_never_goes_back() {
    let first = messages(7, 2_000);
    assert_eq!(first, messages(7, 2_000));
    assert_ne!(first, messages(8, 2_000));
    assert!(first.is_sorted_by_key(|message| message.at_ms));
    let elapsed_ms = first.last().unwrap().at_ms - START_MS;
    assert!((30_000..50_000).contains(&elapsed_ms), "2,000 at 50 a second: {elapsed_ms} ms");
}

#[test]
fn the_smallest_mesh_talks_too() {
    let network = NetworkPlan { nodes: 0, observers: 0, seed: 1 };
    let plan = LivePlan { network, seed: 1, rate: 1.0, start_ms: START_MS };
    assert_eq!(Simulator::new(plan).take(50).count(), 50);
}

#[derive(Default)]
struct Recorder(Mutex<Vec<Delivery>>);

impl IntakeDoor for Recorder {
    fn offer(&self, delivery: Delivery) -> bool {
        self.0.lock().unwrap().push(delivery);
        true
    }

    fn try_enter(&self, _: Delivery) -> Option<Delivery> {
        unreachable!("a demo publishes with QoS 0")
    }
}

#[test]
fn a_demo_has_history_goes_on_and_leaves_nothing_behind() {
    let mut config = Config::default();
    let clock = Clock::system();
    let prepared = demo::prepare(&mut config, &clock).unwrap();
    assert!(config.mqtt_sources.is_empty() && config.db_path.exists());
    let conn = rusqlite::Connection::open(&config.db_path).unwrap();
    let sql = "SELECT count(*), max(last_seen) FROM transmissions";
    let (rows, newest_s): (i64, i64) =
        conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(rows, 3_000);
    assert!((clock.now_s() - 900..=clock.now_s()).contains(&newest_s));
    let door = Arc::new(Recorder::default());
    let rules = Arc::new(Rules::new(&config));
    let running = prepared.run(Arc::clone(&rules), door.clone()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while door.0.lock().unwrap().len() < 9 && Instant::now() < deadline {
        std::thread::yield_now();
    }
    let folder = running.stop();
    assert!(door.0.lock().unwrap().len() >= 9);
    assert_eq!(rules.counts().snapshot().values().sum::<u64>(), 0, "none refused");
    assert!(config.db_path.exists(), "until the database is closed");
    let path = folder.path().to_owned();
    drop(folder);
    assert!(!path.exists());
}

#[test]
fn a_packet_is_one_line_that_cannot_control_the_terminal() {
    let mut records = records(&messages(1, 400));
    let advert = records
        .iter_mut()
        .find_map(|record| match record {
            Record::Packet(packet) if packet.advert.is_some() => Some(packet),
            _ => None,
        })
        .unwrap();
    advert.observer.name = Some("\x1b[2Jevil\n".to_owned());
    for record in &records {
        let line = demo::line(record);
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    assert!(records.iter().any(|record| demo::line(record).contains("ADVERT      ")));
    assert!(records.iter().any(|record| demo::line(record).contains("GRP_TXT     #")));
}

#[test]
fn simulate_publishes_as_many_messages_as_asked_for() {
    let Some(broker) = Broker::start() else { return };
    let output = Command::new(env!("CARGO_BIN_EXE_corescope"))
        .args(["simulate", "--count", "50", "--rate", "1000", "--mqtt", &broker.url()])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told} {}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("50 messages sent, 0 not delivered"), "{told}");
}
