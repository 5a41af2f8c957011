//! Why a configuration is refused, and the checks that every section shares.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a configuration is refused. A value is never printed, only its key: it may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file exists and cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not JSON.
    #[error("{} is not valid JSON: line {line}, column {column}: {what}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1; 0 at the very start of a line.
        column: usize,
        /// What the parser expected there.
        what: String,
    },
    /// A key of the file has a value that it cannot have.
    #[error("{}: {key}: expected {expected}", path.display())]
    Value {
        /// The file; empty if the value did not come from one.
        path: PathBuf,
        /// The key's full path, as `mqttSources[1].topics[0]`.
        key: String,
        /// What would have been right.
        expected: String,
    },
    /// An environment variable has a value that it cannot have.
    #[error("environment variable {name}: expected {expected}")]
    Environment {
        /// Its name.
        name: String,
        /// What would have been right.
        expected: String,
    },
}

impl ConfigError {
    /// Names the file that a refused value stands in.
    pub(super) fn in_file(self, file: &Path) -> Self {
        match self {
            Self::Value { key, expected, .. } => {
                Self::Value { path: file.to_owned(), key, expected }
            }
            other => other,
        }
    }
}

/// Refuses the value of `key`.
pub(super) fn refuse<T>(
    key: impl Into<String>,
    expected: impl Into<String>,
) -> Result<T, ConfigError> {
    let (key, expected) = (key.into(), expected.into());
    Err(ConfigError::Value { path: PathBuf::new(), key, expected })
}

/// Reads a number of which the original takes 0 and below as "not set"; refuses one above `max`.
pub(super) fn set_number(
    key: &str,
    value: Option<i64>,
    max: u64,
) -> Result<Option<u64>, ConfigError> {
    let number = value.and_then(|value| u64::try_from(value).ok()).filter(|number| *number > 0);
    if number.is_some_and(|number| number > max) {
        return refuse(key, format!("at most {max}"));
    }
    Ok(number)
}

/// Reads a number that must lie in `range` if it is there.
pub(super) fn number_in(
    key: &str,
    value: Option<i64>,
    range: RangeInclusive<u64>,
) -> Result<Option<u64>, ConfigError> {
    let Some(value) = value else { return Ok(None) };
    match u64::try_from(value).ok().filter(|number| range.contains(number)) {
        Some(number) => Ok(Some(number)),
        None => refuse(key, format!("a whole number from {} to {}", range.start(), range.end())),
    }
}

/// Reads days; 0 and below are "not set".
pub(super) fn set_days(key: &str, value: Option<i64>) -> Result<Option<Duration>, ConfigError> {
    const DAYS_MAX: u64 = 36_500;
    Ok(set_number(key, value, DAYS_MAX)?.map(|days| Duration::from_secs(days * 86_400)))
}

/// Reads seconds; 0 and below are "not set".
pub(super) fn set_seconds(key: &str, value: Option<i64>) -> Result<Option<Duration>, ConfigError> {
    const SECONDS_MAX: u64 = 366 * 86_400;
    Ok(set_number(key, value, SECONDS_MAX)?.map(Duration::from_secs))
}

/// Reads hours, fractions allowed; 0 and below are "not set".
pub(super) fn set_hours(key: &str, value: Option<f64>) -> Result<Option<Duration>, ConfigError> {
    const HOURS_MAX: f64 = 876_000.0;
    match value {
        Some(hours) if hours > HOURS_MAX => refuse(key, format!("at most {HOURS_MAX} hours")),
        Some(hours) if hours > 0.0 => Ok(Some(Duration::from_secs_f64(hours * 3600.0))),
        _ => Ok(None),
    }
}

/// Reads mebibytes as bytes; 0 and below are "not set".
pub(super) fn set_mb(key: &str, value: Option<i64>) -> Result<Option<u64>, ConfigError> {
    Ok(set_number(key, value, 1 << 40)?.map(|mb| mb << 20))
}
