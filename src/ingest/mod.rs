//! From an MQTT topic and its envelope to a [`reception::Record`]; pure.

pub mod reception;
pub mod source_status;
pub mod watchdog;
