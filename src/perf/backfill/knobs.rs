//! What an operator can turn while it runs. Each setting says who set it, why, and when it ends by
//! itself (`design/backfill.md` §10.12, §10.28).

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::servo::Budgets;

/// How long a setting lasts if nothing else is said.
pub const LASTS_DEFAULT: Duration = Duration::from_secs(3_600);
/// The longest that a setting may last.
pub const LASTS_MAX: Duration = Duration::from_secs(7 * 86_400);

/// The values that hold now. Names are those of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KnobValues {
    /// Rows of a batch at most.
    pub batch_rows_max: u64,
    /// How long a batch should hold the writer.
    pub hold_target_ms: u64,
    /// After so long it is rolled back and halved.
    pub hold_max_ms: u64,
    /// Pages that a batch may add to the WAL.
    pub wal_pages_max: u64,
    /// Share of the time that batches may take.
    pub duty_cycle: f64,
    /// Shortest pause between batches.
    pub pause_min_ms: u64,
    /// No rests at all.
    pub turbo: bool,
}

impl KnobValues {
    /// The budgets of a batch.
    pub fn budgets(&self) -> Budgets {
        Budgets {
            hold: Duration::from_millis(self.hold_target_ms),
            wal_pages: self.wal_pages_max,
            rows: self.batch_rows_max.max(1),
        }
    }
}

/// One setting that is in force.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// Which knob.
    pub knob: &'static str,
    /// Its value; a switch is 0 or 1.
    pub value: f64,
    /// Who set it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it ends, Unix milliseconds.
    pub until_ms: i64,
}

/// Why a knob was not turned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TuneError {
    /// There is no such knob.
    #[error("there is no knob {0}; there are {known}", known = names())]
    Unknown(String),
    /// The value is out of its range.
    #[error("{knob} must be between {least} and {most}")]
    OutOfRange {
        /// Which.
        knob: &'static str,
        /// The least.
        least: String,
        /// The most.
        most: String,
    },
    /// The duration is out of its range.
    #[error("a setting lasts from 1 s to {} s", LASTS_MAX.as_secs())]
    Duration,
}

/// Name, least and greatest value. Whole numbers but for the duty cycle.
const KNOBS: [(&str, f64, f64); 7] = [
    ("batchRowsMax", 1.0, 1_000_000.0),
    ("holdTargetMs", 1.0, 1_000.0),
    ("holdMaxMs", 1.0, 10_000.0),
    ("walPagesMax", 1.0, 1_000_000.0),
    ("dutyCycle", 0.01, 1.0),
    ("pauseMinMs", 0.0, 3_600_000.0),
    ("turbo", 0.0, 1.0),
];

fn names() -> String {
    KNOBS.map(|(name, ..)| name).join(", ")
}

/// The configuration's values, and the settings that override them for a while.
#[derive(Clone, Debug)]
pub struct Knobs {
    base: KnobValues,
    settings: Vec<Setting>,
}

impl Knobs {
    /// Begins with the configuration's values.
    pub fn new(base: KnobValues) -> Self {
        Self { base, settings: Vec::new() }
    }

    /// Turns one knob. A later setting of the same knob replaces the earlier.
    ///
    /// # Errors
    /// [`TuneError`]; nothing is changed then.
    pub fn tune(&mut self, name: &str, setting: &Setting, now_ms: i64) -> Result<(), TuneError> {
        let Some((knob, least, most)) = KNOBS.into_iter().find(|(knob, ..)| *knob == name) else {
            return Err(TuneError::Unknown(name.to_owned()));
        };
        if !(setting.value >= least && setting.value <= most) {
            let (least, most) = (least.to_string(), most.to_string());
            return Err(TuneError::OutOfRange { knob, least, most });
        }
        let lasts_ms = setting.until_ms.saturating_sub(now_ms);
        if lasts_ms < 1_000 || u128::from(lasts_ms.unsigned_abs()) > LASTS_MAX.as_millis() {
            return Err(TuneError::Duration);
        }
        self.settings.retain(|old| old.knob != knob);
        self.settings.push(Setting { knob, ..setting.clone() });
        Ok(())
    }

    /// The values at `now_ms`; settings that have ended are forgotten.
    pub fn values(&mut self, now_ms: i64) -> KnobValues {
        self.settings.retain(|setting| setting.until_ms > now_ms);
        let mut values = self.base;
        for setting in &self.settings {
            apply(&mut values, setting);
        }
        values.hold_max_ms = values.hold_max_ms.max(values.hold_target_ms);
        values
    }

    /// The settings in force, as of the last [`Self::values`].
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked by tune")]
fn apply(values: &mut KnobValues, setting: &Setting) {
    let whole = setting.value as u64;
    match setting.knob {
        "batchRowsMax" => values.batch_rows_max = whole,
        "holdTargetMs" => values.hold_target_ms = whole,
        "holdMaxMs" => values.hold_max_ms = whole,
        "walPagesMax" => values.wal_pages_max = whole,
        "dutyCycle" => values.duty_cycle = setting.value,
        "pauseMinMs" => values.pause_min_ms = whole,
        _ => values.turbo = whole == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: KnobValues = KnobValues {
        batch_rows_max: 20_000,
        hold_target_ms: 10,
        hold_max_ms: 30,
        wal_pages_max: 256,
        duty_cycle: 0.5,
        pause_min_ms: 0,
        turbo: false,
    };

    fn setting(value: f64, until_ms: i64) -> Setting {
        Setting { knob: "", value, by: "ops".into(), reason: "test".into(), until_ms }
    }

    #[test]
    fn a_setting_holds_until_it_ends_and_then_the_configuration_is_back() {
        let mut knobs = Knobs::new(BASE);
        for (name, value) in [
            ("batchRowsMax", 7.0),
            ("holdTargetMs", 40.0),
            ("walPagesMax", 9.0),
            ("dutyCycle", 0.25),
            ("pauseMinMs", 3.0),
            ("turbo", 1.0),
        ] {
            assert_eq!(knobs.tune(name, &setting(value, 10_000), 0), Ok(()), "{name}");
        }
        let wanted = KnobValues {
            batch_rows_max: 7,
            hold_target_ms: 40,
            hold_max_ms: 40,
            wal_pages_max: 9,
            duty_cycle: 0.25,
            pause_min_ms: 3,
            turbo: true,
        };
        assert_eq!(knobs.values(9_999), wanted);
        assert_eq!(knobs.settings().len(), 6);
        assert_eq!(knobs.values(10_000), BASE);
        assert!(knobs.settings().is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_changes_nothing() {
        let mut knobs = Knobs::new(BASE);
        for (name, value) in [
            ("batchRowsMax", 0.0),
            ("batchRowsMax", -1.0),
            ("pauseMinMs", -1.0),
            ("dutyCycle", 0.0),
            ("dutyCycle", f64::NAN),
            ("turbo", 2.0),
            ("nonsense", 1.0),
        ] {
            assert!(knobs.tune(name, &setting(value, 10_000), 0).is_err(), "{name} {value}");
        }
        assert!(knobs.tune("turbo", &setting(1.0, 500), 0).is_err(), "too short");
        assert!(knobs.tune("turbo", &setting(1.0, i64::MAX), 0).is_err(), "too long");
        assert_eq!(knobs.values(1), BASE);
    }

    #[test]
    fn a_later_setting_replaces_the_earlier() {
        let mut knobs = Knobs::new(BASE);
        assert_eq!(knobs.tune("batchRowsMax", &setting(5.0, 10_000), 0), Ok(()));
        assert_eq!(knobs.tune("batchRowsMax", &setting(6.0, 20_000), 0), Ok(()));
        assert_eq!(knobs.values(15_000).batch_rows_max, 6);
        assert_eq!(knobs.settings().len(), 1);
    }
}
