//! The `corescope` command.

fn main() {}
