//! Telemetry maths and gauges; pure.

pub mod backfill;
pub mod baseline;
pub mod intake;
pub mod latency;
pub mod ledger;
pub mod requests;
pub mod sqlite;
pub mod thresholds;
