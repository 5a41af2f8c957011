//! What the RAM window says it holds against what the allocator gave out. A binary of its own: it
//! counts every allocation of the process.
#![allow(missing_docs)]

use std::alloc::System;

use corescope::clock;
use corescope::store::{Record, Seen, Store};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const TRANSMISSIONS: i64 = 5_000;
const OBSERVATIONS_EACH: i64 = 21;

fn record(id: i64) -> Record {
    let at_s = 1_784_000_000 + id * 30;
    let seen = |n: i64| Seen {
        id: id * OBSERVATIONS_EACH + n,
        observer_idx: Some((id + n * 7) % 80 + 1),
        timestamp_s: at_s + n,
        path_json: Some(format!("[\"{:02X}\",\"{n:02X}\"]", id % 256)),
        relays: (0..5).map(|hop| format!("{:064x}", (id + n + hop) % 600)).collect(),
    };
    Record {
        id,
        hash: format!("{:016x}", id * 0x1234_5678_9abc),
        first_seen: clock::iso_s(at_s),
        last_seen_s: at_s + OBSERVATIONS_EACH,
        route_type: Some(1),
        payload_type: Some(4),
        sender: Some(format!("{:064x}", id % 600)),
        seen: (0..OBSERVATIONS_EACH).map(seen).collect(),
        ..Record::default()
    }
}

fn held(region: &Region<'_, System>) -> f64 {
    let change = region.change();
    let moved = change.bytes_reallocated;
    (change.bytes_allocated as isize - change.bytes_deallocated as isize + moved.min(0)) as f64
}

fn check(what: &str, told: u64, region: &Region<'_, System>) {
    let (told, held) = (told as f64, held(region));
    eprintln!("{what}: told {told}, held {held}");
    // What the test writes is held for it too.
    assert!((told - held).abs() <= held / 10.0 + 1_024.0, "{what}: told {told}, held {held}");
}

#[test]
fn the_bytes_it_tells_are_those_that_the_allocator_gave_out() {
    let region = Region::new(ALLOCATOR);
    let mut store = Store::new();
    for id in (0..TRANSMISSIONS).rev() {
        store.put(record(id));
    }
    check("loaded", store.bytes(), &region);
    drop(store.publish());
    check("published", store.bytes(), &region);
    let per_observation = store.bytes() as f64 / (TRANSMISSIONS * OBSERVATIONS_EACH) as f64;
    assert!(per_observation <= 60.0, "{per_observation}");
    for id in (0..TRANSMISSIONS).step_by(3) {
        let mut record = record(id);
        record.seen.truncate(9);
        store.put(record);
    }
    check("replaced", store.bytes(), &region);
    store.evict_before(1_784_000_000 + TRANSMISSIONS * 20);
    drop(store.publish());
    check("evicted", store.bytes(), &region);
    store.shrink_to(store.bytes() / 4);
    check("shrunk", store.bytes(), &region);
    store.shrink_to(0);
    check("emptied", store.bytes(), &region);
}
