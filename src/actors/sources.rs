//! From configured brokers to running sources.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rumqttc::QoS;

use super::delivery::IntakeDoor;
use super::mqtt_source::{
    Arrival, Decode, Heard, MqttSource, Pace, SourceError, SourceParts, SourceSettings,
};
use crate::clock::Clock;
use crate::config::{Config, MqttSourceConfig};
use crate::ingest::reception::Record;
use crate::ingest::{Received, Rules, SourceRules};

/// Starts every configured source; each fails and recovers by itself. A tag that is taken gets a
/// number: sessions and counters are kept by tag.
///
/// # Errors
/// A source cannot even be tried; those before it are running.
pub fn start_all(
    config: &Config,
    rules: &Arc<Rules>,
    door: &Arc<dyn IntakeDoor>,
    clock: &Clock,
) -> Result<Vec<MqttSource>, SourceError> {
    let mut taken = HashSet::new();
    let sources = config.mqtt_sources.iter().enumerate().map(|(index, source)| {
        let tag = unique_tag(&source.tag(), &mut taken);
        let parts = SourceParts {
            settings: settings(source, &tag, &config.db_path),
            decode: decoder(Arc::clone(rules), SourceRules { tag, ..SourceRules::of(source) }),
            door: Arc::clone(door),
            clock: clock.clone(),
        };
        MqttSource::start(index + 1, parts)
    });
    sources.collect()
}

fn unique_tag(wanted: &str, taken: &mut HashSet<String>) -> Arc<str> {
    let mut tag = wanted.to_owned();
    let mut number = 2;
    while !taken.insert(tag.clone()) {
        tag = format!("{wanted}-{number}");
        number += 1;
    }
    if tag != wanted {
        tracing::error!(source = wanted, tag, "two MQTT sources have one name");
    }
    tag.into()
}

fn settings(source: &MqttSourceConfig, tag: &Arc<str>, database: &Path) -> SourceSettings {
    SourceSettings {
        tag: Arc::clone(tag),
        broker: source.broker.expose().to_owned(),
        username: source.username.clone(),
        password: source.password.as_ref().map(|password| password.expose().to_owned()),
        verify_certificate: source.reject_unauthorized,
        topics: source.topics.clone(),
        qos: if source.qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce },
        client_id: source.client_id.clone(),
        session_dir: session_folder(database),
        pace: Pace { connect_timeout: source.connect_timeout, ..Pace::default() },
    }
}

/// Returns `<database>.mqtt`: client ids are stable for an installation (decision 4).
fn session_folder(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".mqtt");
    name.into()
}

/// Returns how messages of one source are understood.
fn decoder(rules: Arc<Rules>, source: SourceRules) -> Decode {
    Arc::new(move |arrival: &Arrival<'_>| match rules.receive(&source, arrival) {
        Received::Record(record) => {
            let is_resumed = is_earlier(&record, arrival.now_s);
            Heard::Record { record, is_resumed }
        }
        Received::Ignored(reason) => Heard::Ignored(reason.as_str()),
        Received::Rejected(reason) => Heard::Rejected(reason.as_str()),
    })
}

/// Tells whether a packet carries its envelope's time instead of ours (decision 3).
fn is_earlier(record: &Record, now_s: i64) -> bool {
    matches!(record, Record::Packet(_)) && record.heard_at_s() < now_s
}
