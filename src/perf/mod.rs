//! Telemetry maths and gauges; pure.

pub mod backfill;
pub mod intake;
