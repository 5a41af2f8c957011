//! The one integration crate, a module per topic.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod config;
mod ingest;
mod ingest_any;
mod ingest_capture;
mod support;
mod vectors;
