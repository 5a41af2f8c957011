//! Keys, defaults and refusals, without files.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::raw::{RawArea, RawConfig, Section};
use super::*;

const EXAMPLE: &str = include_str!("../../config.example.json");
const DAY: Duration = Duration::from_secs(86_400);

/// Loads a configuration from JSON and an environment.
fn load_with(json: &Value, env: &[(&str, &str)], flags: Flags) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    std::fs::write(&file, json.to_string()).unwrap();
    let env: BTreeMap<&str, &str> = env.iter().copied().collect();
    Config::load(&Sources {
        file: Some(&file),
        config_dir: Path::new("/nowhere"),
        env: &|name| env.get(name).map(|value| (*value).to_owned()),
        flags,
    })
}

fn load(json: Value) -> Config {
    load_with(&json, &[], Flags::default()).unwrap()
}

fn refusal(json: Value) -> String {
    let error = load_with(&json, &[], Flags::default()).unwrap_err().to_string();
    error.split_once(".json: ").map(|(_, text)| text.to_owned()).unwrap_or(error)
}

/// The paths of all keys that are no objects, comments left out.
fn key_paths(prefix: &str, value: &Value, paths: &mut BTreeSet<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, value)| (format!(".{key}"), value)).collect(),
        Value::Array(list) => list.iter().map(|value| ("[]".to_owned(), value)).collect(),
        _ => Vec::new(),
    };
    for (key, child) in children.iter().filter(|(key, _)| !key.starts_with("._comment")) {
        let path = format!("{prefix}{key}");
        key_paths(&path, child, paths);
        paths.insert(path);
    }
}

#[test]
fn the_example_shows_every_key_that_is_read_and_no_other() {
    let all = RawConfig { mqtt_sources: vec![Section::default()], ..Default::default() };
    let (mut read, mut shown) = (BTreeSet::new(), BTreeSet::new());
    key_paths("", &serde_json::to_value(all).unwrap(), &mut read);
    key_paths("", &serde_json::from_str(EXAMPLE).unwrap(), &mut shown);
    shown.retain(|path| !matches!(&**path, ".mqttSources[].topics[]" | ".limits.exempt[]"));
    assert_eq!(read.difference(&shown).collect::<Vec<_>>(), Vec::<&String>::new(), "not shown");
    assert_eq!(shown.difference(&read).collect::<Vec<_>>(), Vec::<&String>::new(), "not read");
    for key in serde_json::to_value(RawArea::default()).unwrap().as_object().unwrap().keys() {
        assert!(EXAMPLE.contains(key), "areas.KEY.{key} is not explained");
    }
}

#[test]
fn the_examples_values_are_the_defaults() {
    let example = load(serde_json::from_str(EXAMPLE).unwrap());
    let default = load(json!({}));
    assert_eq!(Config { file: None, ..example }, Config { file: None, ..default.clone() });
    let expected = Config {
        file: default.file.clone(),
        db_path: "/nowhere/data/meshcore.db".into(),
        warnings: default.warnings.clone(),
        ..Config::default()
    };
    assert_eq!(default, expected);
}

#[test]
fn defaults_are_those_of_the_specification() {
    let config = Config::default();
    assert_eq!(config.bind.to_string(), "0.0.0.0:3000");
    assert_eq!(config.db_path, Path::new("data/meshcore.db"));
    assert_eq!(config.stats_path, Path::new("/tmp/corescope-ingestor-stats.json"));
    assert_eq!(config.retention.nodes, 7 * DAY);
    assert_eq!(config.retention.observers, Some(14 * DAY));
    assert_eq!(config.retention.metrics, 30 * DAY);
    assert_eq!((config.retention.packets, config.retention.client_receptions), (None, None));
    assert_eq!(config.retention.neighbor_edges, 5 * DAY);
    assert_eq!(config.ingest.buffer_size, 50_000);
    assert!(config.ingest.validate_signatures);
    assert_eq!(config.ingest.metrics_interval, Duration::from_secs(300));
    assert_eq!(config.database.slow_write, Duration::from_millis(500));
    assert_eq!(config.database.incremental_vacuum_pages, 1024);
    assert_eq!(config.list_limits.packets_max, 10_000);
    assert_eq!(config.migrations.hold_target, Duration::from_millis(10));
    assert_eq!(config.migrations.hold_max, Duration::from_millis(30));
    let [source] = config.mqtt_sources.as_slice() else { panic!("one source") };
    assert_eq!(source.tag(), "local");
    assert_eq!(source.broker.expose(), "mqtt://localhost:1883");
    assert_eq!((source.topics.as_slice(), source.qos), (["meshcore/#".to_owned()].as_slice(), 1));
}

#[test]
fn a_malformed_value_is_refused_with_its_path_and_what_was_expected() {
    let sources = |source: Value| json!({"mqttSources": [{"broker": "mqtt://a"}, source]});
    let cases = [
        (json!({"port": "3000"}), "port: expected a whole number from 0 to 65535"),
        (json!({"port": 70_000}), "port: expected a whole number from 0 to 65535"),
        (json!({"role": "boss"}), "role: expected all, server or ingest"),
        (
            sources(json!({"broker": "mqtt://b", "topics": [5]})),
            "mqttSources[1].topics[0]: expected a string",
        ),
        (
            sources(json!({"broker": "mqtt://b", "topics": ["a/#/b"]})),
            "mqttSources[1].topics[0]: expected an MQTT topic filter",
        ),
        (sources(json!({"broker": "mqtt://b", "qos": 2})), "mqttSources[1].qos: expected 0 or 1"),
        (sources(json!({})), "mqttSources[1].broker: expected a URL"),
        (sources(json!({"broker": "localhost:1883"})), "mqttSources[1].broker: expected a URL"),
        (sources(json!({"broker": "http://h"})), "mqttSources[1].broker: expected a URL"),
        (json!({"mqttSources": "x"}), "mqttSources: expected a list"),
        (json!({"mqtt": {"broker": "x"}}), "mqtt.broker: expected a URL"),
        (json!({"channelKeys": {"#a": "00"}}), "channelKeys.#a: expected a key of 32 hex digits"),
        (json!({"retention": {"nodeDays": 1.5}}), "retention.nodeDays: expected a whole number"),
        (json!({"retention": {"nodeDays": 40_000}}), "retention.nodeDays: expected at most 36500"),
        (json!({"retention": [7]}), "retention: expected an object"),
        (json!({"regions": []}), "regions: expected an object"),
        (json!({"retention": 7}), "retention: expected an object"),
        (
            json!({"geo_filter": {"polygon": [[1, 2], [3, 4]]}}),
            "geo_filter.polygon: expected at least 3",
        ),
        (
            json!({"geo_filter": {"polygon": [[1, 2], [3, 4], [5]]}}),
            "geo_filter.polygon[2]: expected an array",
        ),
        (
            json!({"geo_filter": {"polygon": [[1, 2], [3, 4], [95, 6]]}}),
            "geo_filter.polygon[2]: expected [lat",
        ),
        (json!({"geo_filter": {"latMin": 1}}), "geo_filter: expected all of latMin"),
        (json!({"geo_filter": {"bufferKm": -1}}), "geo_filter.bufferKm: expected kilometres"),
        (json!({"areas": {"X": {"label": "x"}}}), "areas.X: expected a polygon"),
        (json!({"foreignAdverts": {"mode": "eat"}}), "foreignAdverts.mode: expected flag or drop"),
        (json!({"validateSignatures": "yes"}), "validateSignatures: expected a boolean"),
        (
            json!({"migrations": {"batchSize": 0}}),
            "migrations.batchSize: expected a whole number from 1",
        ),
        (
            json!({"migrations": {"yieldMs": -1}}),
            "migrations.yieldMs: expected a whole number from 0",
        ),
        (json!({"migrations": {"dutyCycle": 0}}), "migrations.dutyCycle: expected a share"),
        (json!({"migrations": {"holdMaxMs": 5}}), "migrations.holdMaxMs: expected no less"),
        (json!({"cacheTTL": {"analyticsRF": "x"}}), "cacheTTL.analyticsRF: expected a number"),
        (json!([]), "the whole file: expected an object"),
    ];
    for (json, expected) in cases {
        let found = refusal(json.clone());
        assert!(found.starts_with(expected), "{json}\n  found {found}\n  expected {expected}");
    }
}

#[test]
fn no_secret_is_printed() {
    let config = load(json!({
        "apiKey": "top-secret-api-key-1",
        "mqttSources": [{
            "broker": "mqtt://bob:top-secret-pw@h", "username": "bob", "password": "top-secret-2",
        }],
        "channelKeys": {"#a": "00112233445566778899aabbccddeeff"},
    }));
    let text = format!("{config:?}");
    assert!(!text.contains("top-secret") && !text.contains("17, 34, 51"), "{text}");
    assert_eq!(config.mqtt_sources[0].tag(), "mqtt://bob:****@h");
    for json in [
        json!({"apiKey": ["top-secret"]}),
        json!({"apiKey": 123_456_789}),
        json!({"mqttSources": [{"broker": "http://u:top-secret@h"}]}),
        json!({"channelKeys": {"a": "top-secret"}}),
    ] {
        let text = refusal(json);
        assert!(!text.contains("top-secret") && !text.contains("123"), "{text}");
    }
}

#[test]
fn bounds_and_networks_of_addresses_are_read_or_refused() {
    let config = load(json!({
        "limits": {"costlyPerSec": 0, "liveClients": 7, "exempt": []},
        "trustedProxies": ["10.0.0.0/8", " ::1 "],
    }));
    assert_eq!((config.limits.costly_per_sec, config.limits.live_clients_max), (0, 7));
    assert_eq!((config.limits.exempt.len(), config.limits.connections_max), (0, 512));
    let is_proxy = |text: &str| config.limits.is_proxy(text.parse().unwrap());
    assert!(is_proxy("10.9.8.7") && is_proxy("::1") && is_proxy("::ffff:10.0.0.1"));
    assert!(!is_proxy("11.0.0.1") && !is_proxy("::2"));
    for (json, key) in [
        (json!({"limits": {"costlyPerSec": -1}}), "limits.costlyPerSec"),
        (json!({"limits": {"exempt": ["1.2.3.4", "home"]}}), "limits.exempt[1]"),
        (json!({"trustedProxies": ["10.0.0.0/33"]}), "trustedProxies[0]"),
        (json!({"requireReadAuth": true}), "requireReadAuth"),
    ] {
        assert!(refusal(json).contains(key), "{key}");
    }
    let private = load(json!({"requireReadAuth": true, "apiKey": "0123456789abcdef"}));
    assert!(private.is_read_auth_required);
}

#[test]
fn a_weak_or_missing_api_key_is_a_warning() {
    let warnings = |key: &str| load(json!({ "apiKey": key })).warnings;
    assert!(warnings("")[0].contains("disabled"));
    assert!(warnings("change-me")[0].contains("weak"));
    assert!(warnings("0123456789abcdef").is_empty());
    assert_eq!(load(json!({"apiKey": ""})).api_key, None);
}

#[test]
fn zero_and_negative_numbers_mean_what_the_original_means() {
    let config = load(json!({
        "port": 0,
        "retention": {"nodeDays": -3, "observerDays": 0, "metricsDays": 0, "packetDays": -1},
        "listLimits": {"packetsMax": -1, "nodesMax": 7},
        "ingestBufferSize": 0,
        "packetStore": {"retentionHours": 0.5, "hotStartupHours": -1, "maxMemoryMB": 2},
    }));
    assert_eq!(config.bind.port(), 3000);
    assert_eq!(config.retention, RetentionConfig::default());
    assert_eq!((config.list_limits.packets_max, config.list_limits.nodes_max), (10_000, 7));
    assert_eq!(config.ingest.buffer_size, 50_000);
    assert_eq!(config.packet_store.retention, Some(Duration::from_secs(1800)));
    assert_eq!(config.packet_store.hot_startup, None);
    assert_eq!(config.packet_store.bytes_max, Some(2 << 20));
    let never = load(json!({"retention": {"observerDays": -1}}));
    assert_eq!(never.retention.observers, None);
}

#[test]
fn absurd_days_are_refused_with_their_key_and_the_longest_are_taken() {
    for key in ["nodeDays", "observerDays", "metricsDays", "packetDays", "clientRxDays"] {
        let days = |days: i64| json!({"retention": {key: days}});
        for absurd in [36_501, i64::MAX] {
            let error = refusal(days(absurd));
            assert!(error.contains(key) && error.contains("36500"), "{error}");
        }
        assert!(!load(days(36_500)).retention.trusts_clock);
    }
    assert!(load(json!({"retention": {"trustClock": true}})).retention.trusts_clock);
}

// HZ 19.
#[test]
fn both_keys_of_the_neighbour_retention_are_read() {
    let days = |json| load(json).retention.neighbor_edges;
    assert_eq!(days(json!({"neighborGraph": {"maxAgeDays": 9}})), 9 * DAY);
    let both = json!({"neighborGraph": {"maxAgeDays": 9}, "neighborEdgesMaxAgeDays": 4});
    assert_eq!(days(both), 4 * DAY);
}

#[test]
fn migration_knobs_have_aliases_that_rank_below() {
    let config = load(json!({"migrations": {"batchSize": 77, "yieldMs": 100}}));
    assert_eq!(config.migrations.batch_rows_max, 77);
    assert_eq!(config.migrations.pause_min, Duration::from_millis(100));
    let both = json!({"migrations": {"batchSize": 77, "batchRowsMax": 5, "holdTargetMs": 50}});
    let config = load(both);
    assert_eq!(config.migrations.batch_rows_max, 5);
    assert_eq!(config.migrations.hold_max, Duration::from_millis(50));
}

#[test]
fn unknown_keys_nulls_and_comments_are_ignored() {
    let config = load(json!({
        "theme": {"colour": [1, {"x": null}]},
        "_comment": 5,
        "port": null,
        "retention": null,
        "mqttSources": [{"broker": "mqtt://h", "_comment_x": {}, "user": 3}],
        "areas": {"_comment": "none", "A": {"latMin": 1, "latMax": 2, "lonMin": 3, "lonMax": 4}},
        "regions": {"PAR": "Paris", "_comment": "x"},
    }));
    assert_eq!(config.bind.port(), 3000);
    assert_eq!(config.areas["A"].label, "A");
    assert_eq!(config.regions.len(), 1);
}

#[test]
fn the_legacy_block_counts_only_without_sources() {
    let legacy = json!({"mqtt": {"broker": "mqtt://old", "topic": "meshcore/PAR/#"}});
    let [source] = load(legacy).mqtt_sources.try_into().unwrap();
    assert_eq!(source.tag(), "default");
    assert_eq!(source.topics, ["meshcore/#"], "the wider filter covers the other");
    let elsewhere = json!({"mqtt": {"broker": "mqtt://old", "topic": "other/#"}});
    assert_eq!(load(elsewhere).mqtt_sources[0].topics, ["meshcore/#", "other/#"]);
    let both = json!({
        "mqtt": {"broker": "mqtt://old"},
        "mqttSources": [{"name": "new", "broker": "wss://new/mqtt"}],
    });
    assert_eq!(load(both).mqtt_sources[0].tag(), "new");
}

#[test]
fn all_fields_of_a_source_are_read() {
    let config = load(json!({"mqttSources": [{
        "name": " a ", "broker": "mqtts://h:8883", "username": "u", "password": "p",
        "rejectUnauthorized": false, "topics": ["x/#", "x/y"], "iataFilter": ["PAR"],
        "connectTimeoutSec": 5, "region": " par ", "clientId": "me", "qos": 0,
    }]}));
    let source = &config.mqtt_sources[0];
    assert_eq!(source.name.as_deref(), Some("a"));
    assert_eq!(source.username.as_deref(), Some("u"));
    assert_eq!(source.password.as_ref().map(Secret::expose), Some("p"));
    assert!(!source.reject_unauthorized);
    assert_eq!(source.topics, ["x/#"]);
    assert_eq!(source.iata_filter, ["PAR"]);
    assert_eq!(source.connect_timeout, Duration::from_secs(5));
    assert_eq!(source.region.as_deref(), Some("par"));
    assert_eq!((source.client_id.as_deref(), source.qos), (Some("me"), 0));
}

#[test]
fn two_sources_of_one_name_are_a_warning() {
    let config = load(json!({
        "apiKey": "0123456789abcdef",
        "mqttSources": [{"name": "a", "broker": "mqtt://h"}, {"name": "a", "broker": "mqtt://i"}],
    }));
    assert_eq!(config.warnings, ["two MQTT sources are called a: name them apart"]);
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = json!({
        "mqttSources": [{"name": "a", "broker": "mqtt://h", "password": "p"}],
        "corsAllowedOrigins": ["https://old"],
    });
    let env = [
        ("MQTT_BROKER", "mqtt://u:p@env"),
        ("MQTT_TOPIC", "x/#"),
        ("CORS_ALLOWED_ORIGINS", " https://a , ,https://b"),
        ("CORESCOPE_INGESTOR_STATS", "/run/stats.json"),
        ("CORESCOPE_DB_SLOW_WRITER_MS", "20"),
    ];
    let config = load_with(&file, &env, Flags::default()).unwrap();
    let [source] = config.mqtt_sources.try_into().unwrap();
    assert_eq!((source.tag(), source.password), ("env".to_owned(), None));
    assert_eq!(source.topics, ["x/#"]);
    assert_eq!(config.cors_allowed_origins, ["https://a", "https://b"]);
    assert_eq!(config.stats_path, Path::new("/run/stats.json"));
    assert_eq!(config.database.slow_write, Duration::from_millis(20));
    let blank = [("CORS_ALLOWED_ORIGINS", " , "), ("MQTT_BROKER", "")];
    let config = load_with(&file, &blank, Flags::default()).unwrap();
    assert_eq!(config.cors_allowed_origins, ["https://old"]);
    assert_eq!(config.mqtt_sources[0].tag(), "a");
}

#[test]
fn a_malformed_environment_is_refused_by_name() {
    for (name, value) in [
        ("MQTT_BROKER", "localhost"),
        ("CORESCOPE_DB_SLOW_WRITER_MS", "slow"),
        ("CORESCOPE_DB_SLOW_WRITER_MS", "-1"),
    ] {
        let error = load_with(&json!({}), &[(name, value)], Flags::default()).unwrap_err();
        assert!(error.to_string().starts_with(&format!("environment variable {name}: expected")));
    }
}

// Decision 28.
#[test]
fn the_database_is_chosen_by_flag_then_environment_then_file_then_default() {
    let file = json!({"dbPath": "/file.db", "apiKey": "0123456789abcdef"});
    let env = [("DB_PATH", "/env.db")];
    let flags = Flags { db: Some("/flag.db".into()), ..Flags::default() };
    let chosen = |json: &Value, env: &[(&str, &str)], flags: Flags| {
        let config = load_with(json, env, flags).unwrap();
        (config.db_path.display().to_string(), config.warnings)
    };
    let warned = vec!["DB_PATH (/env.db) wins over dbPath (/file.db)".to_owned()];
    assert_eq!(chosen(&file, &env, flags), ("/flag.db".into(), warned.clone()));
    assert_eq!(chosen(&file, &env, Flags::default()), ("/env.db".into(), warned));
    assert_eq!(chosen(&file, &[], Flags::default()), ("/file.db".into(), vec![]));
    let same = [("DB_PATH", "/file.db")];
    assert_eq!(chosen(&file, &same, Flags::default()), ("/file.db".into(), vec![]));
    let none = json!({"apiKey": "0123456789abcdef"});
    assert_eq!(chosen(&none, &[], Flags::default()).0, "/nowhere/data/meshcore.db");
}

#[test]
fn the_command_line_wins_over_all() {
    let flags = Flags {
        bind: Some("127.0.0.1:1".parse().unwrap()),
        role: Some(Role::Server),
        public_dir: Some("web".into()),
        ..Flags::default()
    };
    let config = load_with(&json!({"port": 8080, "role": "ingest"}), &[], flags).unwrap();
    assert_eq!(config.bind.to_string(), "127.0.0.1:1");
    assert_eq!((config.role, config.public_dir), (Role::Server, "web".into()));
    let config = load(json!({"port": 8080, "role": "ingest"}));
    assert_eq!((config.bind.to_string().as_str(), config.role), ("0.0.0.0:8080", Role::Ingest));
}

#[test]
fn names_of_channels_and_regions_get_their_hash_sign() {
    let config = load(json!({"hashChannels": [" test", "#bot", " "], "hashRegions": ["belgium"]}));
    assert_eq!(config.channels.hash_channels, ["#test", "#bot"]);
    assert_eq!(config.channels.hash_regions, ["#belgium"]);
}

// Decision 20, 002-25, 004-24.
#[test]
fn knobs_and_signals_of_migrations_are_set_switched_off_or_refused() {
    let file = json!({"migrations": {"batchSize": 700, "yieldMs": 5, "signals": {
        "backup": false, "disk": true, "readerP99Ms": 100,
        "queueShare": {"throttleAt": 0.9, "releaseAt": 0.1},
    }}});
    let env = [("CORESCOPE_MIGRATIONS_DUTY_CYCLE", "0.25"), ("CORESCOPE_MIGRATIONS_TURBO", "true")];
    let migrations = load_with(&file, &env, Flags::default()).unwrap().migrations;
    assert_eq!((migrations.batch_rows_max, migrations.duty_cycle), (700, 0.25));
    assert_eq!((migrations.pause_min, migrations.is_turbo), (Duration::from_millis(5), true));
    let levels: Vec<_> = migrations
        .levels
        .iter()
        .map(|level| (level.signal, level.throttle_at, level.release_at))
        .collect();
    let off = f64::INFINITY;
    let wanted = [("backup", off, off), ("queueShare", 0.9, 0.1), ("readerP99Ms", 100.0, 40.0)];
    assert_eq!(levels, wanted);
    let env = [("CORESCOPE_MIGRATIONS_BATCH_ROWS_MAX", "9")];
    let migrations = load_with(&file, &env, Flags::default()).unwrap().migrations;
    assert_eq!(migrations.batch_rows_max, 9);
    for refused in [
        json!({"nonsense": false}),
        json!({"disk": 0}),
        json!({"disk": -1}),
        json!({"disk": "low"}),
        json!({"disk": {"throttleAt": 1, "releaseAt": 2}}),
    ] {
        let file = json!({"migrations": {"signals": refused}});
        assert!(load_with(&file, &[], Flags::default()).is_err(), "{file}");
    }
    for (name, value) in [("BATCH_ROWS_MAX", "0"), ("YIELD_MS", "-1"), ("TURBO", "perhaps")] {
        let name = format!("CORESCOPE_MIGRATIONS_{name}");
        let env = [(name.as_str(), value)];
        assert!(load_with(&json!({}), &env, Flags::default()).is_err(), "{name} {value}");
    }
}
