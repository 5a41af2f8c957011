//! The machine over a database that is a map.

mod world;

use std::collections::BTreeMap;

use world::{HOUR_S, NOW_S, World, hours, record};

use super::*;
use crate::store::{Record, Seen};

/// 003-01, 003-09, 003-12, 003-13: nine tenths of the rows lie outside the hot window.
#[test]
fn the_history_is_asked_for_only_when_the_hot_window_is_in_and_has_its_floor() {
    let mut world = World::of(240, 24, 0);
    while !world.events.contains(&Event::BackgroundBegan) {
        assert!(world.step(|_| None));
        if world.events.contains(&Event::HotBegan) && world.chunks < 9 {
            assert!(!world.load.status().is_hot_loaded);
        }
    }
    let floor = Floor::Since(NOW_S - 24 * HOUR_S);
    let expected = [Event::HotBegan, Event::HotLoaded { floor }, Event::BackgroundBegan];
    assert_eq!(world.events, expected);
    world.run(10_000);
    assert_eq!(world.events.last(), Some(&Event::Settled));
    assert_eq!(world.held().len(), 2_400, "a background load that does nothing leaves 240");
    let status = world.load.status();
    assert_eq!((status.progress, status.coverage, status.floor), (100, 1.0, Floor::Everything));
}

/// 003-02, 003-13: the order of what is read, not what is there afterwards.
#[test]
fn the_newest_are_read_first_and_the_floor_moves_down_with_every_chunk() {
    let mut world = World::of(100, 10, 50);
    let (mut oldest_s, mut floors) = (i64::MAX, Vec::new());
    loop {
        let need = world.load.next(world.now, NOW_S).unwrap();
        if matches!(need, Need::Wait(_)) {
            break;
        }
        let found = world.answer(&need);
        if let Found::Records(records) = &found {
            for record in records {
                assert!(record.recency_s() <= oldest_s);
                oldest_s = record.recency_s();
            }
        }
        world.load.take(&need, found, world.now);
        if let Floor::Since(floor_s) = world.load.store.floor() {
            floors.push(floor_s);
            let rows = world.rows.values().filter(|record| record.recency_s() >= floor_s);
            assert!(rows.into_iter().all(|record| world.load.store.contains(record.id)));
        }
    }
    assert!(floors.len() > 10 && floors.windows(2).all(|pair| pair[1] <= pair[0]));
    assert_eq!(world.load.status().floor, Floor::Since(NOW_S - 50 * HOUR_S));
}

/// The table of contract §6.3, row by row.
#[test]
fn every_end_of_a_load_is_said_as_the_contract_has_it() {
    let told = |world: &World| {
        let status = world.load.status();
        (status.is_complete, status.has_failed, status.progress, status.coverage)
    };
    // A hot load that fails (003-03).
    let mut world = World::of(48, 24, 0);
    world.run_for(14, |need| matches!(need, Need::Records(_)).then_some("disk on fire"));
    assert_eq!(told(&world), (true, true, 0, 0.0));
    let error = world.load.status().error.unwrap();
    assert!(error.starts_with("LoadChunked failed: ") && error.contains("disk on fire"), "{error}");
    assert!(!world.load.status().is_hot_loaded);
    // Hot window 0 (003-04): one phase.
    let mut world = World::of(48, 0, 24);
    world.run(10_000);
    assert_eq!(told(&world), (true, false, 100, 1.0));
    assert!(!world.events.contains(&Event::BackgroundBegan));
    // Hot window 0 and no rows (003-05), and a hot window and no rows.
    for hot in [0, 24] {
        let mut world = World::of(0, hot, 0);
        world.run(10_000);
        assert_eq!(told(&world), (true, false, 100, 1.0));
        assert_eq!(world.load.status().floor, Floor::Everything);
    }
    // A fill that succeeds, with and without retention.
    for retention in [0, 48] {
        let mut world = World::of(96, 24, retention);
        world.run(10_000);
        assert_eq!(told(&world), (true, false, 100, 1.0));
    }
    // A chunk that cannot be read: the other rows stay, the floor stands above it.
    let mut world = World::of(96, 24, 0);
    let refuse = |need: &Need| match need {
        Need::Records(ids) if ids.iter().any(|id| *id < 300) => Some("a bad page"),
        _ => None,
    };
    world.run_for(14, refuse);
    let status = world.load.status();
    assert_eq!((status.is_complete, status.has_failed, status.progress), (false, true, 100));
    assert!(status.error.unwrap().contains("1 chunk error: a bad page"));
    assert!(status.is_hot_loaded && status.floor != Floor::Nothing);
    // Rows that cannot be counted at the end.
    for (hot, coverage) in [(24, 0.0), (0, 1.0)] {
        let mut world = World::of(96, hot, 0);
        world.run_for(14, |need| matches!(need, Need::Ids(_)).then_some("no count"));
        assert_eq!(told(&world), (true, false, 100, coverage));
    }
}

#[test]
fn a_coverage_of_nine_tenths_passes_and_less_fails_with_the_figures_in_the_text() {
    let outcome = |in_memory| Outcome {
        in_memory,
        expected: Some(1_000),
        is_full: false,
        has_background: true,
    };
    let mut status = LoadStatus::default();
    status.settle(outcome(900));
    assert!(status.is_complete && !status.has_failed && status.coverage == 0.9);
    status.settle(outcome(899));
    assert!(!status.is_complete && status.has_failed && status.progress == 100);
    assert!(status.error.unwrap().starts_with("loaded 89.9% of the rows (899 of 1000)"));
    let mut status = LoadStatus::default();
    status.settle(outcome(1_100));
    assert_eq!(status.coverage, 1.1, "live receptions count");
}

/// 003-06, 003-08.
#[test]
fn an_error_in_the_middle_is_an_end_and_the_load_goes_on_when_the_database_is_back() {
    for hot in [0, 24] {
        let mut world = World::of(96, hot, 0);
        world.run(5);
        assert!(world.chunks >= 2, "a chunk is in");
        let held = world.held().len();
        world.run_for(10, |_| Some("the connection is lost"));
        assert!(world.load.status().has_failed);
        assert_eq!(world.held().len(), held, "what is in stays");
        world.run_for(30, |_| None);
        let status = world.load.status();
        assert_eq!((status.is_complete, status.has_failed, status.error), (true, false, None));
        assert_eq!(world.held().len(), 960);
        let expected =
            [Event::Blind("the connection is lost".into()), Event::Failed, Event::Sighted];
        let told = expected.iter().filter(|event| world.events.contains(event)).count();
        assert_eq!((told, world.events.last()), (3, Some(&Event::Settled)));
    }
}

#[test]
fn a_chunk_that_is_too_large_for_its_time_is_halved_until_it_fits() {
    let mut world = World::of(24, 0, 0);
    let refuse = |need: &Need| match need {
        Need::Records(ids) if ids.len() > 7 => Some("too slow"),
        _ => None,
    };
    world.run_for(60, refuse);
    assert_eq!(world.held().len(), 240);
    assert!(!world.events.contains(&Event::Failed));
}

/// 003-07.
#[test]
fn rows_without_a_floor_before_the_second_phase_are_an_impossible_state() {
    let mut world = World::of(96, 24, 0);
    world.run(4);
    world.load.store.set_floor(Floor::Nothing);
    world.load.outline = Outline::default();
    let error = world.load.begin_background().unwrap_err();
    assert!(error.to_string().contains("issue 1811"), "{error}");
}

/// 003-10: whatever happens to the load, its hot window is the one that it was made with.
#[test]
fn a_load_that_begins_afresh_has_the_hot_window_that_it_was_made_with() {
    let mut world = World::of(96, 24, 0);
    let hot_floor = Event::HotLoaded { floor: Floor::Since(NOW_S - 24 * HOUR_S) };
    for commit in 1..4 {
        world.run(10_000);
        assert_eq!(world.events.iter().filter(|event| **event == hot_floor).count(), commit);
        assert_eq!(world.load.status().hot_hours, 24.0);
        let commit = commit as u64;
        let rewritten =
            Touches { is_all: true, begun: commit, ended: commit, ..Touches::default() };
        world.load.touch(rewritten, world.now);
        world.run_for(5, |_| None);
    }
}

/// 003-10.
#[test]
fn a_hot_window_longer_than_the_retention_is_cut_to_it() {
    let rules = LoadRules::new(hours(48), hours(24), 1 << 30, 10);
    assert_eq!(rules.hot_s(), Some(24 * HOUR_S));
    assert_eq!(LoadRules::new(None, hours(24), 1 << 30, 10).hot_s(), None);
}

#[test]
fn rows_whose_last_seen_is_not_filled_in_are_loaded_by_their_observations() {
    let mut rows = BTreeMap::new();
    for id in 1..=100 {
        // First heard long ago, heard again an hour ago.
        let mut old = record(id, NOW_S - 1_000 * HOUR_S, 0);
        old.seen.push(Seen { id: id * 10 + 1, timestamp_s: NOW_S - HOUR_S, ..Seen::default() });
        rows.insert(id, old);
    }
    let rules = LoadRules::new(hours(2), hours(24), 1 << 30, 10);
    let mut world = World::with(rows, rules);
    world.run(10_000);
    assert_eq!(world.held().len(), 100);
    assert_eq!(world.load.status().coverage, 1.0);
}

#[test]
fn absurd_times_are_in_when_everything_is_said_to_be() {
    let times = ["garbage", "", "NULL", "2026-05-17 18:09:09", "0001-01-01T00:00:00Z"];
    let observed = [0, -5, i64::MAX, i64::MIN, 1];
    let mut rows = BTreeMap::new();
    for (id, (time, observed_s)) in (-2..).zip(times.iter().zip(observed)) {
        let mut odd = record(id, NOW_S, 0);
        odd.first_seen = (*time).to_owned();
        odd.seen[0].timestamp_s = observed_s;
        rows.insert(id, odd);
    }
    rows.extend((100..200).map(|id| (id, record(id, NOW_S - id * HOUR_S, 0))));
    for is_indexed in [true, false] {
        let rules = LoadRules::new(hours(24), None, 1 << 30, 10);
        let mut world = World::with(rows.clone(), rules);
        world.is_indexed = is_indexed;
        world.run(10_000);
        assert_eq!(world.load.status().floor, Floor::Everything);
        assert_eq!(world.held().len(), 105);
        assert_eq!(world.load.status().coverage, 1.0);
    }
}

#[test]
fn a_cap_smaller_than_the_hot_window_holds_the_newest_that_fit_and_says_so() {
    for is_indexed in [true, false] {
        let mut world = World::of(240, 48, 0);
        world.is_indexed = is_indexed;
        world.load.rules.bytes_max = 20_000;
        world.run(10_000);
        let held = world.held();
        assert!(world.bytes_most <= 20_000 && !held.is_empty());
        let status = world.load.status();
        assert!(status.has_failed && status.coverage < COVERAGE_MIN);
        assert!(status.error.unwrap().contains("the bound of memory is reached"));
        if is_indexed {
            let Floor::Since(floor_s) = status.floor else { panic!("{:?}", status.floor) };
            let newest = world.rows.values().filter(|record| record.recency_s() >= floor_s);
            assert!(newest.clone().count() > 0);
            assert!(newest.into_iter().all(|record| held.contains(&record.id)));
            assert!(!world.events.contains(&Event::BackgroundBegan), "none will happen (003-09)");
        } else {
            assert_eq!(status.floor, Floor::Nothing, "what is in is not known to be complete");
        }
    }
}

#[test]
fn what_arrives_never_breaks_the_cap_and_pushes_out_the_oldest() {
    let mut world = World::of(24, 0, 0);
    world.load.rules.bytes_max = 60_000;
    world.run(10_000);
    for id in 1_000..2_000 {
        world.rows.insert(id, record(id, NOW_S + id, 0));
        world.version += 1;
        world.load.touch(
            Touches { begun: id.unsigned_abs(), ended: id.unsigned_abs(), ..Touches::default() },
            world.now,
        );
        world.run(20);
        assert!(world.bytes_most <= 60_000);
        assert!(world.load.store.contains(id), "the newest is in");
    }
    assert!(world.load.status().evicted > 0);
}

/// Contract §6.5: the oldest are small here, so that to free 15 % of the bytes would take out nine of
/// ten packets. More than a quarter goes only where the cap demands it.
#[test]
fn what_arrives_pushes_out_a_quarter_of_the_packets_at_most() {
    let mut rows: BTreeMap<i64, Record> =
        (1_000..2_200).map(|id| (id, record(id, NOW_S - 10_000 + id, 0))).collect();
    for id in 1..=100 {
        let heard_s = NOW_S - 1_000 + id;
        let seen = |n| Seen { id: id * 10_000 + n, timestamp_s: heard_s, ..Seen::default() };
        let seen = (0..2_000).map(seen).collect();
        rows.insert(id, Record { seen, ..record(id, heard_s, 0) });
    }
    let mut world = World::with(rows, LoadRules::new(None, None, 1 << 30, 25));
    world.run(10_000);
    assert_eq!(world.held().len(), 1_300);
    world.load.rules.bytes_max = world.load.store.publish().bytes() + 2_000;
    let (mut evicted, mut passes) = (0, 0);
    for id in 3_000..4_000 {
        let held = world.load.store.len() as u64;
        world.rows.insert(id, record(id, NOW_S + id, 0));
        world.version += 1;
        let commit = id.unsigned_abs();
        world.load.touch(Touches { begun: commit, ended: commit, ..Touches::default() }, world.now);
        world.run(20);
        assert!(world.bytes_most <= world.load.rules.bytes_max && world.load.store.contains(id));
        let now_evicted = world.load.status().evicted;
        assert!(now_evicted - evicted <= held.div_ceil(4), "{}", now_evicted - evicted);
        passes += u64::from(now_evicted > evicted);
        evicted = now_evicted;
    }
    assert!((1..10).contains(&passes), "{passes} passes: one makes room for many");
}

/// Receptions, deletions and changes between any two steps of a load.
#[test]
fn nothing_that_is_written_during_a_load_is_lost_doubled_or_old() {
    for hot in [0, 24] {
        let mut world = World::of(96, hot, 0);
        let mut next = 10_000_i64;
        for commit in 1..400_u64 {
            let mut ids = std::collections::HashSet::new();
            next += 1;
            world.rows.insert(next, record(next, NOW_S, 0));
            let oldest = *world.rows.keys().next().unwrap();
            if commit % 3 == 0 {
                world.rows.remove(&oldest);
                ids.insert(oldest);
            }
            let some = *world.rows.keys().nth(usize::try_from(commit).unwrap() * 2).unwrap();
            let changed = world.rows.get_mut(&some).unwrap();
            let seen_id = 1_000_000 + i64::try_from(commit).unwrap();
            changed.seen.push(Seen { id: seen_id, timestamp_s: NOW_S, ..Seen::default() });
            ids.insert(some);
            world.version += 1;
            world
                .load
                .touch(Touches { ids, is_all: false, begun: commit, ended: commit }, world.now);
            world.run(2);
            let is_loading = world.load.store.floor() != Floor::Nothing;
            if is_loading && world.load.included() == Some(commit) {
                assert_eq!(world.load.store.len(), world.held().len(), "a deleted row is in");
                assert!(world.load.store.contains(next), "the newest is not");
            }
        }
        world.run(10_000);
        assert_eq!(world.held().len(), world.rows.len());
        let snapshot = world.load.store.publish();
        assert_eq!(snapshot.transmissions(), world.rows.len());
        let observations: usize = world.rows.values().map(|record| record.seen.len()).sum();
        assert_eq!(snapshot.observations(), observations);
        assert_eq!(world.load.status().floor, Floor::Everything);
    }
}

/// A migration commits again and again, faster than a look is done.
#[test]
fn who_writes_all_the_time_does_not_keep_the_load_from_its_end() {
    let mut world = World::of(240, 24, 0);
    for ended in 1..400 {
        let ids = (0..2_000).collect();
        world.version += 1;
        world.load.touch(Touches { ids, is_all: false, begun: ended, ended }, world.now);
        world.run(1);
        if world.events.contains(&Event::Settled) {
            return assert_eq!(world.load.status().coverage, 1.0);
        }
    }
    panic!("it does not end: {:?}", world.load.status());
}

#[test]
fn rows_that_another_program_deletes_lead_to_a_fresh_load() {
    let mut world = World::of(24, 0, 0);
    world.run(10_000);
    world.rows.remove(&7);
    world.version += 1;
    world.run_for(20, |_| None);
    assert!(world.events.iter().any(|event| matches!(event, Event::Reloading(_))));
    assert_eq!(world.load.store.len(), world.rows.len());
    assert_eq!(world.load.status().floor, Floor::Everything);
}

/// Its commit can be seen before the writer has come to tell of it.
#[test]
fn rows_that_we_delete_ourselves_are_not_taken_for_another_programs_doing() {
    let mut world = World::of(24, 0, 0);
    world.run(10_000);
    world.events.clear();
    for commit in 1..20_u64 {
        world.now += Duration::from_secs(15);
        let id = i64::try_from(commit).unwrap();
        let before = Touches { begun: commit - 1, ended: commit - 1, ..Touches::default() };
        let begun = Touches { begun: commit, ..before.clone() };
        world.load.touch(if commit % 2 == 0 { before } else { begun.clone() }, world.now);
        // It begins after that at the latest, and a look sees what it has committed.
        world.rows.remove(&id);
        world.version += 1;
        world.run(10);
        world.now += LOOK_EVERY;
        world.load.touch(begun, world.now);
        world.run(10);
        world.now += LOOK_EVERY;
        world.run(10);
        let ids = [id].into();
        let ended = Touches { ids, begun: commit, ended: commit, is_all: false };
        world.load.touch(ended, world.now);
        world.run(10);
        assert_eq!(world.load.store.len(), world.rows.len());
    }
    assert_eq!(world.events, []);
}

#[test]
fn rows_that_were_rewritten_are_all_read_again_and_nothing_old_is_shown_meanwhile() {
    let mut world = World::of(24, 0, 0);
    world.run(10_000);
    world.load.touch(Touches { is_all: true, begun: 1, ended: 1, ..Touches::default() }, world.now);
    let (snapshot, _) = world.load.publish(world.now).unwrap();
    assert_eq!((snapshot.transmissions(), snapshot.floor()), (0, Floor::Nothing));
    assert!(!world.load.status().is_hot_loaded);
    world.run_for(5, |_| None);
    assert_eq!(world.load.status().floor, Floor::Everything);
}

#[test]
fn what_grows_older_than_the_retention_is_taken_out_every_minute() {
    let mut world = World::of(48, 0, 24);
    world.run(10_000);
    let before = world.held().len();
    world.now += EVICT_EVERY;
    let _ = world.load.next(world.now, NOW_S + 12 * HOUR_S).unwrap();
    assert_eq!(world.held().len(), before - 120);
    assert_eq!(world.load.status().evicted, 120);
    // The clock goes back: what it took out is loaded again.
    world.now += EVICT_EVERY;
    world.run_for(10, |_| None);
    assert_eq!(world.held().len(), before);
}
