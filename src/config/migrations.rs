//! How gently migrations run, and what holds them up.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::error::{ConfigError, number_in, refuse};
use super::raw::RawMigrations;

/// How gently migrations run (decision 20).
#[derive(Clone, Debug, PartialEq)]
pub struct MigrationsConfig {
    /// Rows of one batch at most (`batchSize` is an alias).
    pub batch_rows_max: u64,
    /// How long a batch should hold the writer; batches grow and shrink towards it.
    pub hold_target: Duration,
    /// How long a batch may hold it; then it is rolled back and halved.
    pub hold_max: Duration,
    /// Pages that one batch may write to the WAL.
    pub wal_pages_max: u64,
    /// Share of the time that batches may take: 0.5 pauses as long as the last batch held.
    pub duty_cycle: f64,
    /// Shortest pause between two batches (`yieldMs` is an alias).
    pub pause_min: Duration,
    /// No pauses at all.
    pub is_turbo: bool,
    /// Levels of health signals that are not the usual ones.
    pub levels: Vec<SignalLevel>,
}

/// From where to where a health signal holds migrations up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignalLevel {
    /// One of the signals' names.
    pub signal: &'static str,
    /// From here on; infinite switches it off.
    pub throttle_at: f64,
    /// Down to here.
    pub release_at: f64,
}

/// The signals, and the share of its level at which one that is only given a level lets go.
pub const SIGNALS: [(&str, f64); 9] = [
    ("queueAgeMs", 0.6),
    ("queueShare", 0.5),
    ("walPages", 0.0),
    ("foreignReaderSec", 0.0),
    ("readersWaiting", 0.25),
    ("readerP99Ms", 0.4),
    ("backup", 0.0),
    ("ioPressure", 0.66),
    ("disk", 0.8),
];

/// `false` switches a signal off, `true` leaves it; a number is its level; an object says both.
fn signal_levels(raw: &BTreeMap<String, Value>) -> Result<Vec<SignalLevel>, ConfigError> {
    let mut levels = Vec::new();
    for (name, value) in raw {
        let key = format!("migrations.signals.{name}");
        let Some((signal, share)) = SIGNALS.into_iter().find(|(signal, _)| signal == name) else {
            return refuse(key, format!("one of {}", SIGNALS.map(|(name, _)| name).join(", ")));
        };
        let of = |key: &str| value.get(key).and_then(Value::as_f64);
        let pair = match value {
            Value::Null | Value::Bool(true) => continue,
            Value::Bool(false) => Some((f64::INFINITY, f64::INFINITY)),
            Value::Number(_) => value.as_f64().map(|level| (level, level * share)),
            _ => of("throttleAt").map(|at| (at, of("releaseAt").unwrap_or(at * share))),
        };
        let is_sane = |(throttle_at, release_at): &(f64, f64)| {
            *throttle_at > 0.0 && *release_at >= 0.0 && release_at <= throttle_at
        };
        let Some((throttle_at, release_at)) = pair.filter(is_sane) else {
            let expected = "false, a level above 0, or {throttleAt, releaseAt} with releaseAt no \
                            higher than throttleAt";
            return refuse(key, expected);
        };
        levels.push(SignalLevel { signal, throttle_at, release_at });
    }
    Ok(levels)
}

impl Default for MigrationsConfig {
    fn default() -> Self {
        Self {
            batch_rows_max: 20_000,
            hold_target: Duration::from_millis(10),
            hold_max: Duration::from_millis(30),
            wal_pages_max: 256,
            duty_cycle: 0.5,
            pause_min: Duration::ZERO,
            is_turbo: false,
            levels: Vec::new(),
        }
    }
}

/// Reads what is said; the rest is as in `base`.
pub(super) fn migrations(
    raw: &RawMigrations,
    base: MigrationsConfig,
) -> Result<MigrationsConfig, ConfigError> {
    let rows = number_in("migrations.batchRowsMax", raw.batch_rows_max, 1..=1_000_000)?;
    let rows_alias = number_in("migrations.batchSize", raw.batch_size, 1..=1_000_000)?;
    let pause = number_in("migrations.pauseMinMs", raw.pause_min_ms, 0..=3_600_000)?;
    let pause_alias = number_in("migrations.yieldMs", raw.yield_ms, 0..=3_600_000)?;
    let target = number_in("migrations.holdTargetMs", raw.hold_target_ms, 1..=1000)?;
    let max = number_in("migrations.holdMaxMs", raw.hold_max_ms, 1..=10_000)?;
    let pages = number_in("migrations.walPagesMax", raw.wal_pages_max, 1..=1_000_000)?;
    let duty_cycle = raw.duty_cycle.unwrap_or(base.duty_cycle);
    if !(duty_cycle > 0.0 && duty_cycle <= 1.0) {
        return refuse("migrations.dutyCycle", "a share above 0 and up to 1");
    }
    let hold_target = target.map_or(base.hold_target, Duration::from_millis);
    let hold_max = max.map_or(base.hold_max.max(hold_target), Duration::from_millis);
    if hold_max < hold_target {
        return refuse("migrations.holdMaxMs", "no less than migrations.holdTargetMs");
    }
    Ok(MigrationsConfig {
        batch_rows_max: rows.or(rows_alias).unwrap_or(base.batch_rows_max),
        hold_target,
        hold_max,
        wal_pages_max: pages.unwrap_or(base.wal_pages_max),
        duty_cycle,
        pause_min: pause.or(pause_alias).map_or(base.pause_min, Duration::from_millis),
        is_turbo: raw.turbo.unwrap_or(base.is_turbo),
        levels: if raw.signals.is_empty() { base.levels } else { signal_levels(&raw.signals)? },
    })
}

/// Knobs from the environment (decision 20); `yieldMs` and `batchSize` have their names there too.
pub(super) fn of_env(env: &dyn Fn(&str) -> Option<String>) -> Result<RawMigrations, ConfigError> {
    fn parsed<T: std::str::FromStr>(
        env: &dyn Fn(&str) -> Option<String>,
        knob: &str,
    ) -> Result<Option<T>, ConfigError> {
        let name = format!("CORESCOPE_MIGRATIONS_{knob}");
        let Some(text) = env(&name) else { return Ok(None) };
        let expected = if knob == "TURBO" { "true or false" } else { "a number" }.to_owned();
        let refused = |_| ConfigError::Environment { name, expected };
        text.trim().parse().map(Some).map_err(refused)
    }
    Ok(RawMigrations {
        batch_rows_max: parsed(env, "BATCH_ROWS_MAX")?,
        batch_size: parsed(env, "BATCH_SIZE")?,
        hold_target_ms: parsed(env, "HOLD_TARGET_MS")?,
        hold_max_ms: parsed(env, "HOLD_MAX_MS")?,
        wal_pages_max: parsed(env, "WAL_PAGES_MAX")?,
        duty_cycle: parsed(env, "DUTY_CYCLE")?,
        pause_min_ms: parsed(env, "PAUSE_MIN_MS")?,
        yield_ms: parsed(env, "YIELD_MS")?,
        turbo: parsed(env, "TURBO")?,
        ..RawMigrations::default()
    })
}
