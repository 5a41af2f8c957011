//! `config.json`, environment and command line to a valid [`Config`].
//!
//! Two steps: `raw` is what was typed, [`Config`] is what is meant, checked and with units in its
//! types. The keys are the original's (`spec/ingest-and-schema.md` §8, `spec/http-contract.md`
//! §8) and a few of ours; `config.example.json` shows all of them with their defaults.
//!
//! Where a value is set twice: command line, environment, file, default, in this order.

mod channels;
mod error;
mod geo;
mod limits;
mod load;
mod migrations;
mod mqtt;
mod raw;
mod secret;
mod sections;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use channels::ChannelConfig;
pub use error::ConfigError;
pub use geo::{Area, GeoFilter, Shape};
pub use limits::LimitsConfig;
pub use migrations::{MigrationsConfig, SIGNALS, SignalLevel};
pub use mqtt::{DEFAULT_TOPIC, MqttSourceConfig};
pub use secret::{BrokerUrl, Secret, Weakness, mask_broker_url};
pub use sections::{
    CompressionConfig, DatabaseConfig, FreshnessConfig, ListLimits, PacketStoreConfig,
    RetentionConfig,
};

/// What this process does (decision 11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Ingests, migrates and serves.
    #[default]
    All,
    /// Opens the database read-only and serves.
    Server,
    /// Ingests and migrates; of HTTP only `/healthz` and `/metrics`.
    Ingest,
}

impl Role {
    /// Returns the name in `--role`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Server => "server",
            Self::Ingest => "ingest",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self::All),
            "server" => Ok(Self::Server),
            "ingest" => Ok(Self::Ingest),
            _ => Err("all, server or ingest"),
        }
    }
}

/// What happens to an advert from outside the geo filter (§2.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForeignAdverts {
    /// Stored; its node is marked as foreign.
    #[default]
    Flag,
    /// Not stored; counted.
    Drop,
}

/// What ingest accepts and how much of it waits.
#[derive(Clone, Debug, PartialEq)]
pub struct IngestConfig {
    /// Receptions that wait in `Intake` at most.
    pub buffer_size: usize,
    /// The only regions (second topic level) that are accepted; empty for all.
    pub observer_iata_whitelist: Vec<String>,
    /// Observers whose messages are dropped.
    pub observer_blacklist: Vec<String>,
    /// Whether adverts with a false signature are refused.
    pub validate_signatures: bool,
    /// What happens to adverts from outside the geo filter.
    pub foreign_adverts: ForeignAdverts,
    /// Whether mobile clients' receptions are taken (`clientRxCoverage.enabled`).
    pub is_client_coverage: bool,
    /// Grid of observers' metrics rows.
    pub metrics_interval: Duration,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self {
            buffer_size: 50_000,
            observer_iata_whitelist: Vec::new(),
            observer_blacklist: Vec::new(),
            validate_signatures: true,
            foreign_adverts: ForeignAdverts::default(),
            is_client_coverage: false,
            metrics_interval: Duration::from_secs(300),
        }
    }
}

/// Everything that is configurable, checked. `Debug` prints no secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The file that was read; `None` if there was none.
    pub file: Option<PathBuf>,
    /// What the process does.
    pub role: Role,
    /// Where HTTP listens.
    pub bind: SocketAddr,
    /// Folder of the pages.
    pub public_dir: PathBuf,
    /// The database.
    pub db_path: PathBuf,
    /// The stats file (`CORESCOPE_INGESTOR_STATS`).
    pub stats_path: PathBuf,
    /// Guards what writes; `None` shuts it. Ask [`Secret::weakness`] too.
    pub api_key: Option<Secret>,
    /// Origins of CORS and WebSocket; `*` is any. Case-sensitive.
    pub cors_allowed_origins: Vec<String>,
    /// Whether everything but health checks asks for the key; it is strong then.
    pub is_read_auth_required: bool,
    /// What one address may ask for.
    pub limits: LimitsConfig,
    /// Rows of lists.
    pub list_limits: ListLimits,
    /// Compression.
    pub compression: CompressionConfig,
    /// RAM window.
    pub packet_store: PacketStoreConfig,
    /// Database file.
    pub database: DatabaseConfig,
    /// Retention.
    pub retention: RetentionConfig,
    /// Brokers.
    pub mqtt_sources: Vec<MqttSourceConfig>,
    /// Ingest.
    pub ingest: IngestConfig,
    /// Channel and region keys.
    pub channels: ChannelConfig,
    /// Home; `None` is everywhere.
    pub geo_filter: Option<GeoFilter>,
    /// Named areas by key.
    pub areas: BTreeMap<String, Area>,
    /// Labels by IATA code.
    pub regions: BTreeMap<String, String>,
    /// Migrations.
    pub migrations: MigrationsConfig,
    /// Ages of computed answers.
    pub freshness: FreshnessConfig,
    /// A node that relayed within this time is active (`healthThresholds.relayActiveHours`).
    pub relay_active: Duration,
    /// Nodes that are never shown.
    pub node_blacklist: Vec<String>,
    /// Names that begin so are never shown; case-sensitive.
    pub hidden_name_prefixes: Vec<String>,
    /// What the operator should know although it is no error; to be logged once.
    pub warnings: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            file: None,
            role: Role::All,
            bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 3000),
            public_dir: "public".into(),
            db_path: "data/meshcore.db".into(),
            stats_path: "/tmp/corescope-ingestor-stats.json".into(),
            api_key: None,
            cors_allowed_origins: Vec::new(),
            is_read_auth_required: false,
            limits: LimitsConfig::default(),
            list_limits: ListLimits::default(),
            compression: CompressionConfig::default(),
            packet_store: PacketStoreConfig::default(),
            database: DatabaseConfig::default(),
            retention: RetentionConfig::default(),
            mqtt_sources: mqtt::default_sources(),
            ingest: IngestConfig::default(),
            channels: ChannelConfig::default(),
            geo_filter: None,
            areas: BTreeMap::new(),
            regions: BTreeMap::new(),
            migrations: MigrationsConfig::default(),
            freshness: FreshnessConfig::default(),
            relay_active: Duration::from_secs(24 * 3600),
            node_blacklist: Vec::new(),
            hidden_name_prefixes: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// What the command line says; each wins over environment and file.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--db`.
    pub db: Option<PathBuf>,
    /// `--bind`.
    pub bind: Option<SocketAddr>,
    /// `--public`.
    pub public_dir: Option<PathBuf>,
    /// `--role`.
    pub role: Option<Role>,
}

/// Where a configuration comes from.
pub struct Sources<'a> {
    /// `--config`; `None` searches `config_dir`.
    pub file: Option<&'a Path>,
    /// `--config-dir`: `config.json` or `data/config.json` in it is read, the first that exists.
    pub config_dir: &'a Path,
    /// Looks up an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The command line.
    pub flags: Flags,
}

#[cfg(test)]
mod tests;
