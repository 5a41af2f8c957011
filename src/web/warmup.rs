//! What the process still has to do before it is as fast and complete as it can be.

use serde::Serialize;
use utoipa::ToSchema;

/// One piece of work that has to end before the process is as fast and complete as it can be.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WarmupTask {
    pub(super) name: String,
    /// `migration` or `load`.
    pub(super) kind: &'static str,
    pub(super) state: &'static str,
    pub(super) rows_processed: i64,
    pub(super) rows_total: i64,
    /// 0 if unknown.
    pub(super) eta_sec: f64,
}

impl WarmupTask {
    /// How far it is, for people; only its state where its rows have not been looked at.
    pub(super) fn progress(&self) -> String {
        let Self { state, rows_processed, rows_total, .. } = self;
        match rows_total {
            0 => (*state).to_owned(),
            total => format!("{state}, {rows_processed} of {total} rows"),
        }
    }

    /// Seconds that are left; `None` if that is unknown.
    pub(super) fn eta_s(&self) -> Option<f64> {
        (self.eta_sec > 0.0).then_some(self.eta_sec)
    }
}
