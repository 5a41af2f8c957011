//! The whole program under live ingest, readers, an upgrade, a load and retention, while the world
//! breaks around it. Every message that the broker acknowledged to the publisher must be stored
//! exactly once, with its content; every packet of the older database must be as it was.
//!
//! `make chaos` runs the long form; what is short here is the same with shorter causes.
//! `CHAOS_SEED` repeats a run, `CHAOS_ROUNDS` bounds it, `CHAOS_ONLY=kill` leaves only one event.

mod count;
mod disk;
mod events;
mod message;
mod proxy;
mod publisher;
mod world;

use std::time::{Duration, Instant, SystemTime};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use self::events::Event;
use self::world::{Plan, World};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

fn unix_s() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64
}

/// One after the other, each when some messages have come since the last.
fn run(world: &mut World, rounds: &[(Event, Duration, Duration)]) {
    let start = Instant::now();
    for (number, (event, pause, lasting)) in rounds.iter().enumerate() {
        std::thread::sleep(*pause);
        eprintln!("{:>6.1} s, {}: {event:?}", start.elapsed().as_secs_f64(), number + 1);
        event.strike(world, *lasting);
    }
}

fn is_clock_moved(rounds: &[(Event, Duration, Duration)]) -> i64 {
    let moves = |event| matches!(event, Event::ClockAhead | Event::ClockBack);
    if rounds.iter().any(|(event, ..)| moves(*event)) { 3_700 } else { 0 }
}

fn finish(mut world: World, rounds: &[(Event, Duration, Duration)], began_s: i64) {
    world.finish();
    let told = count::check(&world, began_s - 5, is_clock_moved(rounds));
    let (answers, refusals) = world.answers();
    eprintln!("{} events: {told}; readers: {answers} answers, {refusals} refusals", rounds.len());
}

#[test]
fn whatever_happens_once_nothing_is_lost_doubled_or_wrong() {
    let plan = Plan { seeded: 3_000, rate: 200, batch_rows: 20 };
    let began_s = unix_s();
    let Some(mut world) = World::start(plan) else { return };
    let (pause, lasting) = (Duration::from_millis(200), Duration::from_millis(1_000));
    let rounds = events::ALL.map(|event| (event, pause, lasting));
    run(&mut world, &rounds);
    finish(world, &rounds, began_s);
}

#[test]
fn another_database_in_its_place_for_good_ends_the_process_in_order() {
    let plan = Plan { seeded: 500, rate: 50, batch_rows: 20 };
    let began_s = unix_s();
    let Some(mut world) = World::start(plan) else { return };
    world.works_again("the start");
    let (here, away) = (world.process.database(), world.process.database().with_extension("away"));
    std::fs::rename(&here, &away).unwrap();
    std::fs::copy(&world.original, &here).unwrap();
    assert_eq!(world.process.wait(), Some(1), "{}", world.process.log());
    assert!(world.process.log().contains("replaced by another"), "{}", world.process.log());
    // The old WAL must not be taken for the new file's.
    assert_eq!(std::fs::read(&here).unwrap(), std::fs::read(&world.original).unwrap());
    let wal = here.with_extension("db-wal");
    assert_eq!(std::fs::metadata(wal).map_or(0, |file| file.len()), 0);
    // What was acknowledged before is in the old file; the rest goes to the one that is there now.
    let ours_before = count::stored(&away);
    assert!(ours_before > 0);
    std::fs::rename(&away, &here).unwrap();
    world.restart();
    world.finish();
    eprintln!("{}", count::check(&world, began_s - 5, 0));
}

/// The long form: `make chaos`.
#[test]
#[ignore = "takes minutes: make chaos"]
fn at_random_for_long() {
    let seed = number("CHAOS_SEED").unwrap_or_else(|| rand::random::<u32>().into());
    let rounds = number("CHAOS_ROUNDS").unwrap_or(60);
    eprintln!("CHAOS_SEED={seed} CHAOS_ROUNDS={rounds}");
    let only = std::env::var("CHAOS_ONLY").unwrap_or_default().to_lowercase();
    let events: Vec<Event> = events::ALL
        .into_iter()
        .filter(|event| only.is_empty() || format!("{event:?}").to_lowercase() == only)
        .collect();
    let mut random = StdRng::seed_from_u64(seed);
    let rounds: Vec<_> = (0..rounds)
        .map(|_| {
            let pause = Duration::from_millis(random.random_range(0..1_000));
            (*events.choose(&mut random).unwrap(), pause, Duration::from_secs(30))
        })
        .collect();
    let plan = Plan { seeded: 10_000, rate: 150, batch_rows: 20 };
    let began_s = unix_s();
    let Some(mut world) = World::start(plan) else { return };
    run(&mut world, &rounds);
    finish(world, &rounds, began_s);
}
