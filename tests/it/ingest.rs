//! The rules of ingest, message by message.

mod companion;
mod coverage;
mod packet;
mod routing;
mod status;

use serde_json::{Value, json};

use corescope::config::{Config, Flags, Sources};
use corescope::ingest::reception::{PacketReception, Record, StatusReport};
use corescope::ingest::{Arrival, Ignored, Received, Rejected, Rules, SourceRules};
use corescope::mesh::encode::advert::{self, AppData};
use corescope::mesh::encode::{Route, sealed};
use corescope::mesh::{Identity, PayloadType};

/// 2026-08-11T00:06:10Z
const NOW_S: i64 = 1_786_406_770;
const TOPIC: &str = "meshcore/PAR/AB12/packets";
/// A direct TXT_MSG without hops.
const RAW: &str = "0A00D69FD7A5A7475DB07337749AE61FA53A4788E976";

/// Returns the rules of a configuration file.
fn rules_of(config: &Value) -> Rules {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    std::fs::write(&file, config.to_string()).unwrap();
    let sources = Sources {
        file: Some(&file),
        config_dir: folder.path(),
        env: &|_| None,
        flags: Flags::default(),
    };
    Rules::new(&Config::load(&sources).unwrap())
}

fn plain_rules() -> Rules {
    Rules::new(&Config::default())
}

fn source() -> SourceRules {
    SourceRules { tag: "test".into(), iata_filter: Vec::new(), region: None }
}

fn arrival<'a>(topic: &'a str, payload: &'a [u8]) -> Arrival<'a> {
    Arrival { topic, payload, is_retained: false, now_s: NOW_S, away_s: None }
}

/// Sends one message to fresh rules.
fn receive(topic: &str, json: Value) -> Received {
    receive_by(&plain_rules(), topic, json)
}

fn receive_at(topic: &str, json: Value, now_s: i64) -> Received {
    let payload = json.to_string();
    plain_rules().receive(&source(), &Arrival { now_s, ..arrival(topic, payload.as_bytes()) })
}

fn receive_by(rules: &Rules, topic: &str, json: Value) -> Received {
    rules.receive(&source(), &arrival(topic, json.to_string().as_bytes()))
}

fn packet_of(received: Received) -> PacketReception {
    match received {
        Received::Record(Record::Packet(packet)) => *packet,
        other => panic!("no packet but {other:?}"),
    }
}

fn status_of(received: Received) -> StatusReport {
    match received {
        Received::Record(Record::Status(status)) => *status,
        other => panic!("no status but {other:?}"),
    }
}

fn ignored(reason: Ignored) -> Received {
    Received::Ignored(reason)
}

fn rejected(reason: Rejected) -> Received {
    Received::Rejected(reason)
}

fn count(rules: &Rules, name: &str) -> u64 {
    rules.counts().snapshot()[name]
}

fn identity() -> Identity {
    Identity::from_seed([7; 32])
}

fn repeater() -> AppData {
    AppData { node_type: 2, name: "Rooftop".into(), ..AppData::default() }
}

/// Returns a flooded advert in hex.
fn advert_hex(app_data: &AppData, path: &[u8]) -> String {
    let payload = advert::advert(&identity(), 1_786_000_000, app_data);
    let route = Route::flood(1).with_path(path);
    hex::encode(route.frame(PayloadType::Advert, &payload).unwrap())
}

fn raw(hex: &str) -> Value {
    json!({ "raw": hex })
}
