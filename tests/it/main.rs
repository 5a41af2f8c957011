//! The one integration crate, a module per topic.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod api_packet_detail;
mod api_packets;
mod api_post;
mod api_stats;
mod api_transport;
mod backfill;
mod command_line;
mod config;
mod faults;
mod fixture_decode;
mod ingest;
mod ingest_any;
mod ingest_capture;
mod intake;
mod licences;
mod live;
mod lossless;
mod mesh_fuzz;
mod mesh_round_trip;
mod mqtt;
mod mqtt_replay;
mod openapi;
mod readers;
mod seed;
mod sim;
mod support;
mod tidy;
mod upgrade;
mod upgrade_killed;
mod vectors;
mod write;
