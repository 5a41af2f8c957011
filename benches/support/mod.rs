//! What benches over the real program share.

pub mod figures;
pub mod program;
