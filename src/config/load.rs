//! Finds the file, reads it, and puts file, environment and command line together.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::error::{ConfigError, refuse, set_hours, set_number, set_seconds};
use super::raw::{RawConfig, Section};
use super::{
    ChannelConfig, CompressionConfig, Config, ForeignAdverts, IngestConfig, MigrationsConfig,
    Secret, Sources, channels, geo, limits, migrations, mqtt, sections,
};

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Config {
    /// Reads file and environment. A missing file means defaults; one that was named with
    /// `--config` must be there: a mistyped name would start with a new, empty database.
    ///
    /// # Errors
    /// A file that cannot be read or is not JSON; a value that cannot be what its key means.
    pub fn load(sources: &Sources<'_>) -> Result<Self, ConfigError> {
        let env = |name: &str| (sources.env)(name).filter(|value| !value.trim().is_empty());
        let mut config = match find_file(sources)? {
            Some((path, text)) => {
                let raw = parse_json::<Section<RawConfig>>(&path, &text);
                let config = raw.and_then(|raw| Self::from_raw(raw.0));
                Self { file: Some(path.clone()), ..config.map_err(|error| error.in_file(&path))? }
            }
            None => Self { db_path: PathBuf::new(), ..Self::default() },
        };
        config.choose_db_path(sources, &env);
        config.read_rainbow_file(sources.config_dir, &env)?;
        config.apply_env(&env)?;
        config.apply_migrations_env(&env)?;
        config.apply_flags(sources);
        config.warn_about_keys_and_tags();
        Ok(config)
    }

    /// Checks what was typed. `db_path` is empty where the file names none.
    fn from_raw(mut raw: RawConfig) -> Result<Self, ConfigError> {
        let mut config = Self {
            list_limits: sections::list_limits(&raw.list_limits)?,
            limits: limits::limits(&mut raw)?,
            packet_store: sections::packet_store(&raw.packet_store)?,
            database: sections::database(&raw.db)?,
            retention: sections::retention(&raw)?,
            migrations: migrations::migrations(&raw.migrations, MigrationsConfig::default())?,
            freshness: sections::freshness(&raw)?,
            mqtt_sources: mqtt::file_sources(&mut raw)?,
            ingest: ingest(&mut raw)?,
            geo_filter: geo::geo_filter(std::mem::take(&mut raw.geo_filter).0)?,
            db_path: raw.db_path.take().map(PathBuf::from).unwrap_or_default(),
            ..Self::default()
        };
        if let Some(port) = raw.port.filter(|port| *port != 0) {
            config.bind.set_port(port);
        }
        if let Some(role) = &raw.role {
            config.role = role.parse().or_else(|expected| refuse("role", expected))?;
        }
        let hours = set_hours(
            "healthThresholds.relayActiveHours",
            raw.health_thresholds.relay_active_hours,
        )?;
        config.relay_active = hours.unwrap_or(config.relay_active);
        for (key, area) in std::mem::take(&mut raw.areas) {
            let area = geo::area(&key, area.0)?;
            config.areas.insert(key, area);
        }
        config.take_plain(raw)
    }

    /// Moves over what needs no more than its type.
    fn take_plain(self, raw: RawConfig) -> Result<Self, ConfigError> {
        limits::check_read_auth(&raw)?;
        Ok(Self {
            api_key: raw.api_key.filter(|key| !key.is_empty()).map(Secret::new),
            cors_allowed_origins: raw.cors_allowed_origins,
            is_read_auth_required: raw.require_read_auth.unwrap_or(false),
            compression: CompressionConfig {
                is_gzip: raw.compression.gzip.unwrap_or(false),
                content_types: raw.compression.0.content_types,
            },
            channels: ChannelConfig {
                hash_channels: channels::hashtags(raw.hash_channels),
                channel_keys: channels::channel_keys("channelKeys", raw.channel_keys)?,
                hash_regions: channels::hashtags(raw.hash_regions),
                rainbow_path: mqtt::not_blank(raw.channel_keys_path).map(PathBuf::from),
                ..ChannelConfig::default()
            },
            regions: raw.regions,
            node_blacklist: raw.node_blacklist,
            hidden_name_prefixes: raw.hidden_name_prefixes,
            ..self
        })
    }

    /// `--db`, `DB_PATH`, `dbPath`, `<config-dir>/data/meshcore.db` (decision 28). The original's
    /// two processes rank the middle two differently, so a difference is worth a warning; so is a
    /// database at the default place that is left aside.
    fn choose_db_path(&mut self, sources: &Sources<'_>, env: Env<'_>) {
        let of_env = env("DB_PATH").map(PathBuf::from);
        let of_file = Some(std::mem::take(&mut self.db_path)).filter(|path| *path != Path::new(""));
        let default = sources.config_dir.join("data/meshcore.db");
        if let (Some(env), Some(file)) = (&of_env, &of_file)
            && env != file
        {
            let (env, file) = (env.display(), file.display());
            self.warn(format!("DB_PATH ({env}) wins over dbPath ({file})"));
        }
        let configured = of_env.or(of_file);
        if let Some(chosen) = &configured
            && !is_same_file(chosen, &default)
            && default.exists()
        {
            let (chosen, default) = (chosen.display(), default.display());
            self.warn(format!("{chosen} is used; the database at {default} is left aside"));
        }
        self.db_path = sources.flags.db.clone().or(configured).unwrap_or(default);
    }

    /// Reads channel keys from `CHANNEL_KEYS_PATH`, `channelKeysPath`, or `channel-rainbow.json`
    /// beside the configuration. Only a file that was named is missed.
    fn read_rainbow_file(&mut self, config_dir: &Path, env: Env<'_>) -> Result<(), ConfigError> {
        let named = env("CHANNEL_KEYS_PATH").map(PathBuf::from);
        let named = named.or_else(|| self.channels.rainbow_path.clone());
        let beside = self.file.as_deref().and_then(Path::parent).unwrap_or(config_dir);
        let path = named.clone().unwrap_or_else(|| beside.join("channel-rainbow.json"));
        let Some(text) = read_file(&path)? else {
            if named.is_some() {
                self.warn(format!("channel keys {} are missing", path.display()));
            }
            return Ok(());
        };
        let keys = parse_json(&path, &text).and_then(|raw| channels::channel_keys("keys", raw));
        self.channels.rainbow_keys = keys.map_err(|error| error.in_file(&path))?;
        Ok(())
    }

    fn apply_env(&mut self, env: Env<'_>) -> Result<(), ConfigError> {
        if let Some(broker) = env("MQTT_BROKER") {
            self.mqtt_sources = vec![mqtt::env_source(broker.trim(), env("MQTT_TOPIC"))?];
        }
        if let Some(origins) = env("CORS_ALLOWED_ORIGINS") {
            let origins = origins.split(',').map(str::trim).filter(|origin| !origin.is_empty());
            let origins: Vec<String> = origins.map(str::to_owned).collect();
            if !origins.is_empty() {
                self.cors_allowed_origins = origins;
            }
        }
        if let Some(path) = env("CORESCOPE_INGESTOR_STATS") {
            self.stats_path = path.into();
        }
        if let Some(text) = env("CORESCOPE_DB_SLOW_WRITER_MS") {
            let refused = || ConfigError::Environment {
                name: "CORESCOPE_DB_SLOW_WRITER_MS".into(),
                expected: "a whole number of milliseconds".into(),
            };
            let slow_ms: u32 = text.trim().parse().map_err(|_| refused())?;
            self.database.slow_write = Duration::from_millis(slow_ms.into());
        }
        Ok(())
    }

    fn apply_migrations_env(&mut self, env: Env<'_>) -> Result<(), ConfigError> {
        let raw = migrations::of_env(env)?;
        self.migrations = migrations::migrations(&raw, self.migrations.clone())?;
        Ok(())
    }

    fn apply_flags(&mut self, sources: &Sources<'_>) {
        let flags = &sources.flags;
        self.bind = flags.bind.unwrap_or(self.bind);
        self.role = flags.role.unwrap_or(self.role);
        if let Some(public_dir) = &flags.public_dir {
            self.public_dir.clone_from(public_dir);
        }
    }

    fn warn_about_keys_and_tags(&mut self) {
        match self.api_key.as_ref().map(Secret::weakness) {
            None => self.warn("apiKey is empty: write endpoints are disabled".to_owned()),
            Some(Some(_)) => self.warn(
                "apiKey is weak (under 16 bytes or a well-known word): write endpoints refuse it"
                    .to_owned(),
            ),
            Some(None) => {}
        }
        let mut tags: Vec<String> = self.mqtt_sources.iter().map(|source| source.tag()).collect();
        tags.sort_unstable();
        for pair in tags.windows(2).filter(|pair| pair[0] == pair[1]) {
            self.warn(format!("two MQTT sources are called {}: name them apart", pair[0]));
        }
    }

    fn warn(&mut self, text: String) {
        self.warnings.push(text);
    }
}

fn ingest(raw: &mut RawConfig) -> Result<IngestConfig, ConfigError> {
    let base = IngestConfig::default();
    let foreign_adverts = match raw.foreign_adverts.mode.as_deref().map(str::trim) {
        None | Some("") => ForeignAdverts::Flag,
        Some(mode) if mode.eq_ignore_ascii_case("drop") => ForeignAdverts::Drop,
        Some(mode) if mode.eq_ignore_ascii_case("flag") => ForeignAdverts::Flag,
        Some(_) => return refuse("foreignAdverts.mode", "flag or drop"),
    };
    let buffer_size = set_number("ingestBufferSize", raw.ingest_buffer_size, 10_000_000)?;
    let sample_s = raw.metrics.sample_interval_sec;
    let interval = set_seconds("metrics.sampleIntervalSec", sample_s)?;
    Ok(IngestConfig {
        buffer_size: buffer_size
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(base.buffer_size),
        observer_iata_whitelist: std::mem::take(&mut raw.observer_iata_whitelist),
        observer_blacklist: std::mem::take(&mut raw.observer_blacklist),
        validate_signatures: raw.validate_signatures.unwrap_or(base.validate_signatures),
        foreign_adverts,
        is_client_coverage: raw.client_rx_coverage.enabled.unwrap_or(base.is_client_coverage),
        metrics_interval: interval.unwrap_or(base.metrics_interval),
    })
}

/// Returns the file that is to be read with its text, `None` if there is none.
fn find_file(sources: &Sources<'_>) -> Result<Option<(PathBuf, String)>, ConfigError> {
    if let Some(path) = sources.file {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        return Ok(Some((path.to_owned(), text)));
    }
    for name in ["config.json", "data/config.json"] {
        let path = sources.config_dir.join(name);
        if let Some(text) = read_file(&path)? {
            return Ok(Some((path, text)));
        }
    }
    Ok(None)
}

/// Returns a file's text, `None` if it does not exist.
fn read_file(path: &Path) -> Result<Option<String>, ConfigError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Read { path: path.to_owned(), source }),
    }
}

fn parse_json<T: for<'de> Deserialize<'de>>(path: &Path, text: &str) -> Result<T, ConfigError> {
    let mut value: Value = serde_json::from_str(text).map_err(|error| syntax(path, &error))?;
    drop_absent(&mut value);
    serde_path_to_error::deserialize(value).or_else(|error| {
        let key = match error.path().to_string() {
            root if root == "." => "the whole file".to_owned(),
            key => key,
        };
        refuse(key, expected_of(&error.inner().to_string()))
    })
}

fn syntax(path: &Path, error: &serde_json::Error) -> ConfigError {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text).to_owned();
    ConfigError::Syntax { path: path.to_owned(), line: error.line(), column: error.column(), what }
}

/// Removes `null`s and `_comment…` keys: both mean that nothing is set.
fn drop_absent(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, value| !value.is_null() && !key.starts_with("_comment"));
            map.values_mut().for_each(drop_absent);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_absent),
        _ => {}
    }
}

/// Takes from serde's message what was expected, without the value that was found.
fn expected_of(message: &str) -> String {
    let expected = message.rsplit_once("expected ").map_or("another value", |(_, rest)| rest);
    match expected {
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "i64" => "a whole number".to_owned(),
        "f64" => "a number".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "an object".to_owned(),
        text => text.to_owned(),
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
