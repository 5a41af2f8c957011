//! What happens to the program, and what it must have said. Each ends with the cause gone and the
//! program at work again, by itself.

use std::time::Duration;

use rusqlite::Connection;
use rustix::io::Errno;
use rustix::process::Signal;

use super::world::World;

/// Everything that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Kill,
    Terminate,
    Freeze,
    FullDisk,
    ReadOnlyDisk,
    FailingDisk,
    SlowDisk,
    Locked,
    Pinned,
    RenamedAway,
    Swapped,
    BrokerRestarts,
    BrokerDies,
    BrokerFreezes,
    Flood,
    Garbage,
    Nonsense,
    HalfOpen,
    CutOff,
    ClockAhead,
    ClockBack,
}

/// In the order of the short form.
pub const ALL: [Event; 21] = [
    Event::Kill,
    Event::Terminate,
    Event::Freeze,
    Event::FullDisk,
    Event::ReadOnlyDisk,
    Event::FailingDisk,
    Event::SlowDisk,
    Event::Locked,
    Event::Pinned,
    Event::RenamedAway,
    Event::Swapped,
    Event::BrokerRestarts,
    Event::BrokerDies,
    Event::BrokerFreezes,
    Event::Flood,
    Event::Garbage,
    Event::Nonsense,
    Event::HalfOpen,
    Event::CutOff,
    Event::ClockAhead,
    Event::ClockBack,
];

const COMMITS_FAIL: &str = "cannot be committed";
const COMMITS_AGAIN: &str = "committed again";

impl Event {
    /// Has it happen, the cause lasting for about `lasting`.
    pub fn strike(self, world: &mut World, lasting: Duration) {
        let said = world.process.log().len();
        match self {
            Self::Kill => {
                world.process.kill();
                world.restart();
            }
            Self::Terminate => {
                assert_eq!(world.process.stop(), Some(0), "{}", world.process.log());
                world.restart();
            }
            Self::Freeze => {
                world.process.signal(Signal::STOP);
                std::thread::sleep(lasting);
                world.process.signal(Signal::CONT);
            }
            Self::FullDisk => full_disk(world),
            Self::ReadOnlyDisk => fail_with(world, Errno::ROFS),
            Self::FailingDisk => fail_with(world, Errno::IO),
            Self::SlowDisk => {
                let Some(disk) = &world.disk else { return };
                disk.slow_down(Duration::from_millis(20));
                std::thread::sleep(lasting);
                world.disk.as_ref().unwrap().slow_down(Duration::ZERO);
            }
            Self::Locked => locked(world, said, lasting),
            Self::Pinned => pinned(world, lasting),
            Self::RenamedAway => renamed_away(world, said),
            Self::Swapped => swapped(world, said),
            Self::BrokerRestarts => world.broker.restart(),
            Self::BrokerDies => broker_dies(world),
            Self::BrokerFreezes => {
                world.broker.pause();
                std::thread::sleep(lasting);
                world.broker.resume();
            }
            Self::Flood => {
                world.publisher.flood(2_000);
                world.publisher.caught_up();
            }
            Self::Garbage => {
                world.publisher.send_garbage(200);
                world.publisher.caught_up();
            }
            Self::Nonsense => {
                let before = world.disconnects();
                world.proxy.talk_nonsense();
                world.disconnected_since(before);
            }
            Self::HalfOpen => half_open(world, lasting),
            Self::CutOff => world.proxy.cut(),
            Self::ClockAhead => clock_off(world, 3_600, lasting),
            Self::ClockBack => clock_off(world, -3_600, lasting),
        }
        world.works_again(&format!("{self:?}"));
        if world.process.log()[said..].contains(COMMITS_FAIL) {
            world.says(said, COMMITS_AGAIN);
        }
    }
}

/// A disk that is really full, where we may mount one; else one that says so.
fn full_disk(world: &mut World) {
    if !world.has_volume() {
        return fail_with(world, Errno::NOSPC);
    }
    let said = world.process.log().len();
    let filler = world.process.database().with_file_name("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    // Until there is no room for a single byte: what is freed meanwhile is taken too.
    let is_full = || {
        while std::io::Write::write(&mut file, &[0; 4096]).is_ok() {}
        world.process.log()[said..].contains(COMMITS_FAIL).then_some(())
    };
    crate::support::process::wait_for(is_full)
        .unwrap_or_else(|| panic!("a full disk is not said\n{}", world.process.log()));
    assert_eq!(world.process.get("/api/healthz")["ready"], true, "reads go on");
    std::fs::remove_file(filler).unwrap();
    drop(file);
}

fn fail_with(world: &mut World, error: Errno) {
    let Some(disk) = &world.disk else { return };
    let said = world.process.log().len();
    disk.fail_with(Some(error));
    world.says(said, COMMITS_FAIL);
    assert_eq!(world.process.get("/api/healthz")["ready"], true, "reads go on");
    world.disk.as_ref().unwrap().fail_with(None);
}

/// Another process writes for longer than the busy timeout of 5 s in the long form.
fn locked(world: &World, said: usize, lasting: Duration) {
    let other = Connection::open(world.process.database()).unwrap();
    other.busy_timeout(Duration::from_secs(30)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::sleep(lasting);
    if lasting > Duration::from_secs(6) {
        world.says(said, COMMITS_FAIL);
    }
    other.execute_batch("ROLLBACK").unwrap();
}

fn pinned(world: &World, lasting: Duration) {
    let reader = Connection::open(world.process.database()).unwrap();
    reader.execute_batch("BEGIN; SELECT COUNT(*) FROM observations").unwrap();
    world.works_again("a reader pinned the WAL (it is still there)");
    std::thread::sleep(lasting);
    reader.execute_batch("COMMIT").unwrap();
}

fn renamed_away(world: &World, said: usize) {
    let (here, away) = (world.process.database(), world.process.database().with_extension("away"));
    std::fs::rename(&here, &away).unwrap();
    world.says(said, COMMITS_FAIL);
    assert!(!here.exists(), "something was made in its place");
    std::fs::rename(&away, &here).unwrap();
}

/// Somebody puts another database in its place, notices, and puts it back.
fn swapped(world: &World, said: usize) {
    let (here, away) = (world.process.database(), world.process.database().with_extension("away"));
    std::fs::rename(&here, &away).unwrap();
    std::fs::copy(&world.original, &here).unwrap();
    world.says(said, COMMITS_FAIL);
    let is_untouched = std::fs::read(&here).unwrap() == std::fs::read(&world.original).unwrap();
    assert!(is_untouched, "the other database was written to");
    std::fs::rename(&away, &here).unwrap();
}

/// A broker that is killed forgets what it has not saved: nothing may be on the way then, and
/// nothing may be published until it knows us again. Anything else is the broker's loss.
fn broker_dies(world: &mut World) {
    let rate = world.plan.rate;
    world.publisher.set_rate(0);
    world.publisher.settle();
    world.drained();
    let (said, before) = (world.process.log().len(), world.disconnects());
    world.broker.kill();
    world.disconnected_since(before);
    world.broker.launch();
    world.subscribed_anew(said);
    world.publisher.set_rate(rate);
}

/// Noticed by the missing signs of life, which takes a minute: the short form cuts it off.
fn half_open(world: &World, lasting: Duration) {
    let before = world.disconnects();
    world.proxy.go_silent();
    if lasting < Duration::from_secs(20) {
        std::thread::sleep(lasting);
        return world.proxy.cut();
    }
    let start = std::time::Instant::now();
    while world.disconnects() == before {
        assert!(start.elapsed() < Duration::from_secs(100), "a dead connection is not noticed");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn clock_off(world: &World, offset_s: i64, lasting: Duration) {
    let Some(disk) = &world.disk else { return };
    disk.shift_clock(offset_s);
    world.works_again("the clock jumped");
    std::thread::sleep(lasting);
    disk.shift_clock(0);
}
