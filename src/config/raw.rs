//! What was typed: the keys of `config.json` as the original names them, nothing checked but types.
//!
//! Every key is optional, an unknown one is ignored, `null` means absent. A key that is added here
//! must appear in `config.example.json`; a test compares the two.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// An object of the file. Serde alone would read a list as the object's fields in order.
#[derive(Default)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct Section<T>(pub T);

impl<T> Deref for Section<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Section<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SectionVisitor(PhantomData))
    }
}

struct SectionVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SectionVisitor<T> {
    type Value = Section<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Section)
    }
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawConfig {
    pub role: Option<String>,
    pub port: Option<u16>,
    pub api_key: Option<String>,
    pub db_path: Option<String>,
    pub mqtt_sources: Vec<Section<RawMqttSource>>,
    pub mqtt: Section<RawLegacyMqtt>,
    pub channel_keys_path: Option<String>,
    pub channel_keys: BTreeMap<String, String>,
    pub hash_channels: Vec<String>,
    pub hash_regions: Vec<String>,
    pub retention: Section<RawRetention>,
    pub metrics: Section<RawMetrics>,
    pub client_rx_coverage: Section<RawClientRxCoverage>,
    #[serde(rename = "geo_filter")]
    pub geo_filter: Section<RawGeoFilter>,
    pub foreign_adverts: Section<RawForeignAdverts>,
    pub validate_signatures: Option<bool>,
    pub db: Section<RawDb>,
    #[serde(rename = "observerIATAWhitelist")]
    pub observer_iata_whitelist: Vec<String>,
    pub observer_blacklist: Vec<String>,
    pub node_blacklist: Vec<String>,
    pub hidden_name_prefixes: Vec<String>,
    pub neighbor_edges_max_age_days: Option<i64>,
    pub neighbor_graph: Section<RawNeighborGraph>,
    pub ingest_buffer_size: Option<i64>,
    pub packet_store: Section<RawPacketStore>,
    pub list_limits: Section<RawListLimits>,
    pub cors_allowed_origins: Vec<String>,
    pub require_read_auth: Option<bool>,
    pub trusted_proxies: Vec<String>,
    pub limits: Section<RawLimits>,
    pub compression: Section<RawCompression>,
    pub observers_cache: Section<RawObserversCache>,
    pub analytics: Section<RawAnalytics>,
    #[serde(rename = "cacheTTL")]
    pub cache_ttl: Section<RawCacheTtl>,
    pub health_thresholds: Section<RawHealthThresholds>,
    pub areas: BTreeMap<String, Section<RawArea>>,
    pub regions: BTreeMap<String, String>,
    pub migrations: Section<RawMigrations>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawMqttSource {
    pub name: Option<String>,
    pub broker: Option<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub reject_unauthorized: Option<bool>,
    pub topics: Vec<String>,
    pub iata_filter: Vec<String>,
    pub connect_timeout_sec: Option<i64>,
    pub region: Option<String>,
    pub client_id: Option<String>,
    pub qos: Option<u8>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default)]
pub(crate) struct RawLegacyMqtt {
    pub broker: Option<String>,
    pub topic: Option<String>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawRetention {
    pub node_days: Option<i64>,
    pub observer_days: Option<i64>,
    pub metrics_days: Option<i64>,
    pub packet_days: Option<i64>,
    pub client_rx_days: Option<i64>,
    pub trust_clock: Option<bool>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawMetrics {
    pub sample_interval_sec: Option<i64>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default)]
pub(crate) struct RawClientRxCoverage {
    pub enabled: Option<bool>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawGeoFilter {
    pub polygon: Vec<[f64; 2]>,
    pub buffer_km: Option<f64>,
    pub lat_min: Option<f64>,
    pub lat_max: Option<f64>,
    pub lon_min: Option<f64>,
    pub lon_max: Option<f64>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawArea {
    pub label: Option<String>,
    pub polygon: Vec<[f64; 2]>,
    pub lat_min: Option<f64>,
    pub lat_max: Option<f64>,
    pub lon_min: Option<f64>,
    pub lon_max: Option<f64>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default)]
pub(crate) struct RawForeignAdverts {
    pub mode: Option<String>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawDb {
    pub vacuum_on_startup: Option<bool>,
    pub incremental_vacuum_pages: Option<i64>,
    pub load: Section<RawLoad>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawLoad {
    pub chunk_size: Option<i64>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawNeighborGraph {
    pub max_age_days: Option<i64>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawPacketStore {
    pub retention_hours: Option<f64>,
    pub hot_startup_hours: Option<f64>,
    #[serde(rename = "maxMemoryMB")]
    pub max_memory_mb: Option<i64>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawListLimits {
    pub packets_max: Option<i64>,
    pub nodes_max: Option<i64>,
    pub channel_messages_max: Option<i64>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawLimits {
    pub costly_per_sec: Option<i64>,
    pub costly_burst: Option<i64>,
    pub live_clients: Option<i64>,
    pub connections: Option<i64>,
    pub exempt: Option<Vec<String>>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawCompression {
    pub gzip: Option<bool>,
    pub content_types: Vec<String>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawObserversCache {
    pub ttl_seconds: Option<i64>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawAnalytics {
    pub default_interval_seconds: Option<i64>,
    pub recompute_interval_seconds: BTreeMap<String, i64>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default)]
pub(crate) struct RawCacheTtl {
    #[serde(rename = "analyticsRF")]
    pub analytics_rf: Option<f64>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawHealthThresholds {
    pub relay_active_hours: Option<f64>,
}

#[derive(Default, serde::Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawMigrations {
    pub batch_rows_max: Option<i64>,
    pub batch_size: Option<i64>,
    pub hold_target_ms: Option<i64>,
    pub hold_max_ms: Option<i64>,
    pub wal_pages_max: Option<i64>,
    pub duty_cycle: Option<f64>,
    pub pause_min_ms: Option<i64>,
    pub yield_ms: Option<i64>,
    pub turbo: Option<bool>,
    pub signals: BTreeMap<String, Value>,
}
