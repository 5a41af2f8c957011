//! The command line.

pub mod decode;
