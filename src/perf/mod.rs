//! Telemetry maths and gauges; pure, but for the two files that are told where to read and write:
//! [`proc`] and [`stats_file`].

pub mod bodies;
pub mod history;
pub mod ingestor;
pub mod intake;
pub mod io;
pub mod proc;
pub mod signal;
pub mod stats_file;
