//! Telemetry maths and gauges; pure.

pub mod intake;
