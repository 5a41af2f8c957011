//! The one integration crate, a module per topic.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod licences;
mod support;
mod tidy;
mod upgrade;
mod write;
