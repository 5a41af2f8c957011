//! Telemetry maths and gauges; pure, but for the two files that are told where to read and write:
//! [`proc`] and [`stats_file`].

pub mod anomaly;
pub mod backfill;
pub mod baseline;
pub mod bodies;
pub mod history;
pub mod ingestor;
pub mod intake;
pub mod io;
mod kernel_file;
pub mod lag;
pub mod latency;
pub mod ledger;
pub mod proc;
pub mod prometheus;
pub mod recent;
pub mod requests;
pub mod signal;
pub mod sqlite;
pub mod stats_file;
pub mod thresholds;
pub mod vitals;
