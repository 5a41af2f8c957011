//! What the RAM window says it holds against what the allocator gave out. A binary of its own: it
//! counts every allocation of the process, so it has one test.
#![allow(missing_docs)]

use std::alloc::System;

use corescope::clock;
use corescope::store::{Record, Seen, Store};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const BEGIN_S: i64 = 1_784_000_000;

/// A mesh of some size.
struct Mesh {
    transmissions: i64,
    /// Receptions of each.
    seen: i64,
    nodes: i64,
    /// Bytes of an observation at most, all in.
    per_observation: Option<f64>,
}

impl Mesh {
    fn record(&self, id: i64) -> Record {
        let at_s = BEGIN_S + id * 30;
        let seen = |n: i64| Seen {
            id: id * self.seen + n,
            observer_idx: Some((id + n * 7) % 80 + 1),
            timestamp_s: at_s + n,
            path_json: Some(format!("[\"{:02X}\",\"{n:02X}\"]", id % 256)),
            relays: (0..5).map(|hop| format!("{:064x}", (id + n + hop) % self.nodes)).collect(),
        };
        Record {
            id,
            hash: format!("{:016x}", id * 0x1234_5678_9abc),
            first_seen: clock::iso_s(at_s),
            last_seen_s: at_s + self.seen,
            route_type: Some(1),
            payload_type: Some(4),
            sender: Some(format!("{:064x}", id % self.nodes)),
            seen: (0..self.seen).map(seen).collect(),
            ..Record::default()
        }
    }

    fn check(&self) {
        let region = Region::new(ALLOCATOR);
        let mut store = Store::new();
        for id in (0..self.transmissions).rev() {
            let record = self.record(id);
            let at_most = store.bytes_with(&record);
            store.put(record);
            assert!(store.bytes() <= at_most, "{} said at most {at_most}", store.bytes());
        }
        compare("loaded", store.bytes(), &region);
        drop(store.publish());
        compare("published", store.bytes(), &region);
        let observations = (self.transmissions * self.seen) as f64;
        let per_observation = store.bytes() as f64 / observations;
        let allowed = self.per_observation.unwrap_or(f64::MAX);
        assert!(per_observation <= allowed, "{per_observation}");
        for id in (0..self.transmissions).step_by(3) {
            let mut record = self.record(id);
            record.seen.truncate(9);
            store.put(record);
        }
        compare("replaced", store.bytes(), &region);
        store.evict_before(BEGIN_S + self.transmissions * 20);
        drop(store.publish());
        compare("evicted", store.bytes(), &region);
        store.shrink_to(store.bytes() / 4);
        compare("shrunk", store.bytes(), &region);
        store.shrink_to(0);
        compare("emptied", store.bytes(), &region);
    }
}

fn held(region: &Region<'_, System>) -> f64 {
    let change = region.change();
    let moved = change.bytes_reallocated;
    (change.bytes_allocated as isize - change.bytes_deallocated as isize + moved.min(0)) as f64
}

fn compare(what: &str, told: u64, region: &Region<'_, System>) {
    let (told, held) = (told as f64, held(region));
    eprintln!("{what}: told {told}, held {held}");
    // What the test writes is held for it too.
    assert!((told - held).abs() <= held / 10.0 + 1_024.0, "{what}: told {told}, held {held}");
}

/// A mesh as operators have it, a handful of packets, packets that everybody hears, packets that
/// one hears, and more nodes than packets.
#[test]
fn at_any_size_the_bytes_it_tells_are_those_that_the_allocator_gave_out() {
    let meshes = [
        (5_000, 21, 600, Some(60.0)),
        (20_000, 21, 600, Some(45.0)),
        (3, 2, 5, None),
        (200, 1_000, 600, Some(45.0)),
        (20_000, 1, 600, None),
        (5_000, 5, 50_000, None),
    ];
    for (transmissions, seen, nodes, per_observation) in meshes {
        Mesh { transmissions, seen, nodes, per_observation }.check();
    }
}
