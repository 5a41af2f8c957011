//! What is in a snapshot, for people (`/api/perf`).

use std::collections::HashSet;

use super::names::NONE;
use super::segment::{Row, Segment};

/// Counted in one pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Content hashes: one of each transmission.
    pub hashes: usize,
    /// Observers that heard anything.
    pub observers: usize,
    /// Public keys that sent or relayed anything.
    pub nodes: usize,
    /// Public keys of adverts.
    pub senders: usize,
    /// Transmissions with route type 0 or 1.
    pub floods: usize,
    /// Bytes of these, shared texts apart.
    pub flood_bytes: u64,
    /// Bytes of shared texts: keys, channels, odd hashes and times.
    pub text_bytes: u64,
}

pub(super) fn count<'s>(
    rows: impl Iterator<Item = (&'s Segment, &'s Row)>,
    text_bytes: u64,
) -> Figures {
    let mut figures = Figures { text_bytes, ..Figures::default() };
    // By the numbers of names, which are dense.
    let (mut is_node, mut is_sender) = (Vec::new(), Vec::new());
    let mut observers = HashSet::new();
    for (segment, row) in rows {
        figures.hashes += 1;
        let mut rest = segment.rest(row);
        if matches!(rest.route_type, Some(0 | 1)) {
            figures.floods += 1;
            figures.flood_bytes += row.bytes();
        }
        observers.extend(rest.observers().flatten());
        rest.relays().for_each(|relay| mark(&mut is_node, relay));
        if row.sender != NONE {
            mark(&mut is_node, row.sender);
            mark(&mut is_sender, row.sender);
        }
    }
    let marked = |marks: &[bool]| marks.iter().filter(|is_marked| **is_marked).count();
    (figures.nodes, figures.senders) = (marked(&is_node), marked(&is_sender));
    figures.observers = observers.len();
    figures
}

fn mark(marks: &mut Vec<bool>, name: u32) {
    let index = name as usize;
    if marks.len() <= index {
        marks.resize(index + 1, false);
    }
    marks[index] = true;
}
