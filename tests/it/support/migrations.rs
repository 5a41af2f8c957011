//! Migrations without their runner: what is left to do, and moves that it would make.

use corescope::db::WriteConnection;
use corescope::perf::backfill::{Move, State};

/// The migrations that are left to do, in their order.
pub fn pending(writer: &WriteConnection) -> Vec<&'static str> {
    let stored = writer.stored_states().unwrap().into_iter();
    stored.filter(|stored| !stored.state.is_final()).map(|stored| stored.name).collect()
}

/// Enters one move in the books.
pub fn shift(
    writer: &mut WriteConnection,
    name: &'static str,
    (from, to): (State, State),
    why: &str,
) {
    let moved = Move { name, from, to, why: why.to_owned(), by: "a test".to_owned(), at_ms: 1 };
    writer.record_moves(&[moved]).unwrap();
}

/// Begins a migration afresh that was done.
pub fn begin_again(writer: &mut WriteConnection, name: &'static str) {
    shift(writer, name, (State::Succeeded, State::Pending), "again");
}
