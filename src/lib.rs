//! CoreScope: ingests what a MeshCore radio mesh says, keeps it in one SQLite file, answers an
//! HTTP and WebSocket API.
//!
//! Modules in reading order, each knowing only those above it (`tests/it/tidy.rs` reads this list):
//!
//! - [`causes`] an error in one line; [`clock`] the only reader of the wall clock; [`config`] file
//!   and environment to valid values; [`telemetry`] where logs go
//! - [`mesh`] bytes to packets and back; pure
//! - [`ingest`] MQTT topic and envelope to a [`ingest::reception::Record`]; pure
//! - [`perf`] and [`store`] telemetry maths and the RAM window; pure
//! - [`db`] blocking SQLite
//! - [`actors`] thin actix shells, each the sole owner of one thing
//! - [`web`] the HTTP and WebSocket API
//! - [`sim`] a mesh that only exists here: seeds, load, `serve --demo`
//! - [`app`] start order and stop order; [`cli`] the command line

pub mod causes;
pub mod clock;
pub mod config;
pub mod telemetry;

pub mod mesh;

pub mod ingest;
pub mod perf;
pub mod store;

pub mod db;

pub mod actors;

pub mod web;

pub mod sim;

pub mod app;
pub mod cli;
