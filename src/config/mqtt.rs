//! The brokers to listen to.

use std::time::Duration;

use super::error::{ConfigError, refuse, set_number};
use super::raw::{RawConfig, RawLegacyMqtt, RawMqttSource};
use super::secret::{BrokerUrl, Secret};

/// What is subscribed where the file names no topic.
pub const DEFAULT_TOPIC: &str = "meshcore/#";
const DEFAULT_BROKER: &str = "mqtt://localhost:1883";
const SCHEMES: [&str; 6] = ["mqtt", "mqtts", "tcp", "ssl", "ws", "wss"];
const BROKER_EXPECTED: &str =
    "a URL with a host that starts with mqtt://, mqtts://, tcp://, ssl://, ws:// or wss://";

/// One broker.
#[derive(Clone, Debug, PartialEq)]
pub struct MqttSourceConfig {
    /// As configured; `None` if it has no name or a blank one.
    pub name: Option<String>,
    /// Where it is; one of the schemes mqtt, mqtts, tcp, ssl, ws, wss.
    pub broker: BrokerUrl,
    /// Wins over the URL's user.
    pub username: Option<String>,
    /// Wins over the URL's password.
    pub password: Option<Secret>,
    /// Whether a broker's TLS certificate must be valid.
    pub reject_unauthorized: bool,
    /// Topic filters; none covers another (decision 4), so none is delivered twice.
    pub topics: Vec<String>,
    /// The only regions that packets are taken from; empty for all. Case-sensitive.
    pub iata_filter: Vec<String>,
    /// How long the first connection may take before start goes on without it.
    pub connect_timeout: Duration,
    /// The region of observers whose messages name none.
    pub region: Option<String>,
    /// Replaces the client id that is made once and kept beside the database.
    pub client_id: Option<String>,
    /// Of subscriptions: 0 or 1.
    pub qos: u8,
}

impl MqttSourceConfig {
    fn new(name: &str, broker: &str) -> Self {
        Self {
            name: Some(name.to_owned()),
            broker: BrokerUrl::new(broker),
            username: None,
            password: None,
            reject_unauthorized: true,
            topics: vec![DEFAULT_TOPIC.to_owned()],
            iata_filter: Vec::new(),
            connect_timeout: Duration::from_secs(30),
            region: None,
            client_id: None,
            qos: 1,
        }
    }

    /// Returns what the source is called in logs and in the API: its name, else its masked URL.
    pub fn tag(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.broker.to_string())
    }
}

/// Returns the one source that is used when nothing is configured.
pub(super) fn default_sources() -> Vec<MqttSourceConfig> {
    vec![MqttSourceConfig::new("local", DEFAULT_BROKER)]
}

/// Returns the sources of the file: `mqttSources`, else the legacy block, else the default one.
pub(super) fn file_sources(raw: &mut RawConfig) -> Result<Vec<MqttSourceConfig>, ConfigError> {
    let sources = std::mem::take(&mut raw.mqtt_sources);
    if !sources.is_empty() {
        return sources.into_iter().enumerate().map(|(at, raw)| source(at, raw.0)).collect();
    }
    match std::mem::take(&mut raw.mqtt).0 {
        RawLegacyMqtt { broker: Some(broker), topic } if !broker.trim().is_empty() => {
            legacy_source(&broker, topic).map(|source| vec![source])
        }
        _ => Ok(default_sources()),
    }
}

/// Returns the source that `MQTT_BROKER` puts in the place of all others.
pub(super) fn env_source(
    broker: &str,
    topic: Option<String>,
) -> Result<MqttSourceConfig, ConfigError> {
    let refused = |name: &str, expected: &str| {
        Err(ConfigError::Environment { name: name.into(), expected: expected.into() })
    };
    if !is_broker_url(broker) {
        return refused("MQTT_BROKER", BROKER_EXPECTED);
    }
    let topic = topic.unwrap_or_else(|| DEFAULT_TOPIC.to_owned());
    if !is_topic_filter(&topic) {
        return refused("MQTT_TOPIC", "an MQTT topic filter");
    }
    Ok(MqttSourceConfig { topics: vec![topic], ..MqttSourceConfig::new("env", broker) })
}

fn legacy_source(broker: &str, topic: Option<String>) -> Result<MqttSourceConfig, ConfigError> {
    if !is_broker_url(broker) {
        return refuse("mqtt.broker", BROKER_EXPECTED);
    }
    let mut topics = vec![DEFAULT_TOPIC.to_owned()];
    if let Some(topic) = topic.filter(|topic| !topic.is_empty()) {
        if !is_topic_filter(&topic) {
            return refuse("mqtt.topic", "an MQTT topic filter");
        }
        topics.push(topic);
    }
    let topics = covering_topics(topics);
    Ok(MqttSourceConfig { topics, ..MqttSourceConfig::new("default", broker) })
}

fn source(at: usize, raw: RawMqttSource) -> Result<MqttSourceConfig, ConfigError> {
    let key = |name: &str| format!("mqttSources[{at}].{name}");
    let broker = raw.broker.unwrap_or_default();
    if !is_broker_url(&broker) {
        return refuse(key("broker"), BROKER_EXPECTED);
    }
    if let Some(bad) = raw.topics.iter().position(|topic| !is_topic_filter(topic)) {
        return refuse(key(&format!("topics[{bad}]")), "an MQTT topic filter");
    }
    let qos = raw.qos.unwrap_or(1);
    if qos > 1 {
        return refuse(key("qos"), "0 or 1");
    }
    let base = MqttSourceConfig::new("", &broker);
    let timeout_s = set_number(&key("connectTimeoutSec"), raw.connect_timeout_sec, 3600)?;
    let topics = covering_topics(raw.topics);
    Ok(MqttSourceConfig {
        name: not_blank(raw.name),
        username: raw.username.filter(|user| !user.is_empty()),
        password: raw.password.filter(|password| !password.is_empty()).map(Secret::new),
        reject_unauthorized: raw.reject_unauthorized.unwrap_or(true),
        topics: if topics.is_empty() { base.topics } else { topics },
        iata_filter: raw.iata_filter,
        connect_timeout: timeout_s.map_or(base.connect_timeout, Duration::from_secs),
        region: not_blank(raw.region),
        client_id: not_blank(raw.client_id),
        qos,
        broker: base.broker,
    })
}

/// Returns `None` for a text that is blank, else the text trimmed.
pub(super) fn not_blank(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn is_broker_url(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        SCHEMES.contains(&url.scheme()) && url.host_str().is_some_and(|host| !host.is_empty())
    })
}

fn is_topic_filter(filter: &str) -> bool {
    let levels: Vec<&str> = filter.split('/').collect();
    let last = levels.len() - 1;
    let is_level = |(at, level): (usize, &&str)| match *level {
        "#" => at == last,
        "+" => true,
        text => !text.contains(['#', '+', '\0']),
    };
    !filter.is_empty() && filter.len() <= 65_535 && levels.iter().enumerate().all(is_level)
}

/// Drops every filter that another one covers, so that no message is delivered twice (decision 4).
fn covering_topics(filters: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for filter in filters {
        if kept.iter().any(|other| covers(other, &filter)) {
            continue;
        }
        kept.retain(|other| !covers(&filter, other));
        kept.push(filter);
    }
    kept
}

/// Says whether every topic that `narrow` matches is matched by `wide` too.
fn covers(wide: &str, narrow: &str) -> bool {
    let mut narrow_levels = narrow.split('/');
    for level in wide.split('/') {
        match (level, narrow_levels.next()) {
            ("#", first) => return !(wide == "#" && first.is_some_and(|n| n.starts_with('$'))),
            ("+", Some(other)) if other != "#" => {}
            (level, Some(other)) if level == other => {}
            _ => return false,
        }
    }
    narrow_levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_covers_what_it_matches() {
        let cases = [
            ("meshcore/#", "meshcore/PAR/+/packets", true),
            ("meshcore/#", "meshcore/#", true),
            ("meshcore/#", "meshcore", true),
            ("meshcore/+/+/packets", "meshcore/PAR/+/packets", true),
            ("meshcore/+", "meshcore/#", false),
            ("meshcore/PAR/#", "meshcore/+/x", false),
            ("meshcore/+", "meshcore/a/b", false),
            ("#", "meshcore/#", true),
            ("#", "$SYS/broker", false),
            ("a/b", "a", false),
        ];
        for (wide, narrow, expected) in cases {
            assert_eq!(covers(wide, narrow), expected, "{wide} covers {narrow}");
        }
    }

    #[test]
    fn overlapping_topics_are_reduced_to_the_covering_ones() {
        let topics = ["meshcore/PAR/#", "msh/x", "meshcore/#", "meshcore/LYS/#", "msh/x"];
        let kept = covering_topics(topics.map(str::to_owned).to_vec());
        assert_eq!(kept, ["msh/x", "meshcore/#"]);
    }

    #[test]
    fn topic_filters_are_checked() {
        for good in ["meshcore/#", "+/a/+", "#", "/a", "a b/é"] {
            assert!(is_topic_filter(good), "{good}");
        }
        for bad in ["", "a/#/b", "a#", "a/b+", "a\0b"] {
            assert!(!is_topic_filter(bad), "{bad:?}");
        }
    }
}
