//! Thin actix shells, each the sole owner of one thing.

pub mod delivery;
pub mod mqtt_source;
