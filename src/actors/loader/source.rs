//! The Loader's own reader, its bound of memory, and its start and stop.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::{Actor, Arbiter};
use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::{Hook, LoadSource, Loader, LoaderParts, StopLoading};
use crate::actors::lifeline::Lifelines;
use crate::actors::line::Line;
use crate::causes::chain;
use crate::clock::Clock;
use crate::config::{DatabaseConfig, PacketStoreConfig};
use crate::db::packets;
use crate::db::read_ahead::read_ahead;
use crate::db::{DbError, Reader, ReaderOptions, Readers};
use crate::store::Window;
use crate::store::load::{Found, Load, LoadRules, Need};

/// A chunk that takes longer is halved; a cold disk needs its time.
const READ_MAX: Duration = Duration::from_secs(5);
/// The share of the memory that the window takes where no bound is configured.
const MEMORY_SHARE: u64 = 4;
/// The same where the system does not say how much there is.
const BYTES_FALLBACK: u64 = 256 << 20;
/// The share of the free memory up to which the file is read ahead.
const AHEAD_SHARE: u64 = 2;
/// Requests come before loading where both want the processor: of one that is busy with others too
/// it gets a third of a request's share (at 10 a tenth: on a machine full of other work a load of
/// two seconds took minutes).
const NICE: i32 = 5;

/// See [`with_fault`].
const FORGET_FLOOR: &str = "CORESCOPE_TEST_FORGET_FLOOR";

/// A running Loader and the reader that serves nobody else.
pub struct LoaderReaders {
    readers: Readers,
    line: Line<Loader>,
    arbiter: Arbiter,
    is_stopped: Arc<AtomicBool>,
}

struct Source {
    readers: Readers,
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl LoadSource for Source {
    fn read(&self, need: Need) -> BoxFuture<'static, Result<Found, String>> {
        let (readers, path, identity) = (self.readers.clone(), self.path.clone(), self.identity);
        Box::pin(async move {
            let read = readers.ask(move |reader| Ok(look_up(reader, need, &path, identity)));
            match read.await {
                Ok(Ok(found)) => Ok(found),
                Ok(Err(why)) => Err(why),
                Err(error) => Err(chain(&error)),
            }
        })
    }
}

fn look_up(
    reader: &Reader,
    need: Need,
    path: &Path,
    identity: Option<(u64, u64)>,
) -> Result<Found, String> {
    let found = match need {
        Need::Look { known, ids, counts } => {
            check_identity(path, identity)?;
            packets::look(reader, known, &ids, counts).map(Found::Looked)
        }
        Need::Outline(mark) => packets::outline(reader, &mark).map(Found::Outline),
        Need::Records(ids) => packets::records(reader, &ids).map(Found::Records),
        Need::Ids(after) => packets::ids_after(reader, after).map(Found::Ids),
        Need::Wait(_) => Ok(Found::Ids(Vec::new())),
    };
    found.map_err(|error| chain(&error))
}

/// An open connection goes on reading a file that was deleted or replaced.
fn check_identity(path: &Path, identity: Option<(u64, u64)>) -> Result<(), String> {
    let Some(opened) = identity else { return Ok(()) };
    match identity_of(path) {
        Some(present) if present == opened => Ok(()),
        Some(_) => Err("the database file was replaced by another; restart to use it".to_owned()),
        None => Err("the database file is gone".to_owned()),
    }
}

fn identity_of(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Returns how much the window may hold: as configured, or a quarter of the memory that this
/// process may use.
pub fn bytes_max(config: &PacketStoreConfig) -> u64 {
    config.bytes_max.unwrap_or_else(|| {
        let limits = [memory_of_machine(), memory_of_group()];
        let least = limits.into_iter().flatten().min();
        least.map_or(BYTES_FALLBACK, |bytes| bytes / MEMORY_SHARE)
    })
}

fn memory_of_machine() -> Option<u64> {
    use procfs::Current;
    procfs::Meminfo::current().ok().map(|memory| memory.mem_total)
}

fn memory_of_group() -> Option<u64> {
    let paths = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let read = |path: &&str| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    paths.iter().find_map(read)
}

impl LoaderReaders {
    /// Opens the reader and starts the Loader.
    ///
    /// # Errors
    /// As [`Readers::open`].
    pub fn start(
        path: &Path,
        (store, database): (&PacketStoreConfig, &DatabaseConfig),
        window: &Arc<Window>,
        clock: &Clock,
        lifelines: &Lifelines,
    ) -> Result<Self, DbError> {
        let rules = LoadRules::new(
            store.hot_startup,
            store.retention,
            bytes_max(store),
            database.load_chunk_rows,
        );
        if store.hot_startup.zip(store.retention).is_some_and(|(hot, all)| hot > all) {
            tracing::warn!("packetStore.hotStartupHours is cut to packetStore.retentionHours");
        }
        Self::start_with(path, rules, (window, clock, lifelines), |source, load| {
            (source, with_fault(load), None)
        })
    }

    /// As [`Self::start`]; `adapt` may put something between the Loader and its reader.
    ///
    /// # Errors
    /// As [`Readers::open`].
    pub fn start_with(
        path: &Path,
        rules: LoadRules,
        (window, clock, lifelines): (&Arc<Window>, &Clock, &Lifelines),
        adapt: impl FnOnce(Arc<dyn LoadSource>, Load) -> (Arc<dyn LoadSource>, Load, Option<Hook>),
    ) -> Result<Self, DbError> {
        let options = ReaderOptions {
            name: "loader",
            threads: 1,
            waiters_max: 1,
            deadline: READ_MAX,
            clock: clock.clone(),
            ..ReaderOptions::default()
        };
        let identity = identity_of(path);
        let readers = Readers::open(path, options)?;
        let source = Source { readers: readers.clone(), path: path.to_owned(), identity };
        let (source, load, hook) = adapt(Arc::new(source), Load::new(rules));
        let loader = Loader::new(LoaderParts {
            load,
            window: Arc::clone(window),
            source,
            clock: clock.clone(),
            hook,
            lifeline: lifelines.attach("loader"),
        });
        let arbiter = Arbiter::new();
        let addr = Loader::start_in_arbiter(&arbiter.handle(), |_| loader);
        let polite = readers.clone();
        arbiter.spawn(async move {
            be_polite();
            // What cannot be made polite reads all the same.
            let lower = |_: &Reader| {
                be_polite();
                Ok(())
            };
            let _ = polite.ask(lower).await;
        });
        let is_stopped = Arc::<AtomicBool>::default();
        warm_up(path.to_owned(), Arc::clone(window), Arc::clone(&is_stopped));
        Ok(Self { readers, line: Line::new(addr, 4, READ_MAX), arbiter, is_stopped })
    }

    /// Stops it; a read under way ends first, within `step`.
    pub async fn stop(self, step: Duration) {
        let Self { readers, line, arbiter, is_stopped } = self;
        is_stopped.store(true, Ordering::Relaxed);
        // An error means that it is gone already.
        let _ = timeout(step, line.peek::<_, DbError>(StopLoading)).await;
        let closed = tokio::task::spawn_blocking(move || readers.close());
        if timeout(step, closed).await.is_err() {
            tracing::warn!("the loader's last read did not end in time");
        }
        arbiter.stop();
        let _ = tokio::task::spawn_blocking(move || arbiter.join()).await;
    }
}

/// Reads the file ahead of the load, on a thread of its own, until all is loaded. Half of the
/// memory that nobody uses bounds it: beyond that it would push out what it has just read.
fn warm_up(path: PathBuf, window: Arc<Window>, is_stopped: Arc<AtomicBool>) {
    let Some(free) = free_memory() else { return };
    let is_wanted = move || !is_stopped.load(Ordering::Relaxed) && !window.status().is_complete;
    let started = std::thread::Builder::new().name("read-ahead".to_owned()).spawn(move || {
        be_polite();
        match read_ahead(&path, free / AHEAD_SHARE, is_wanted) {
            Ok(bytes) => tracing::debug!(bytes, "the database was read ahead of the load"),
            Err(error) => tracing::debug!(%error, "the database cannot be read ahead of the load"),
        }
    });
    if let Err(error) = started {
        tracing::debug!(%error, "the database is not read ahead of the load");
    }
}

fn free_memory() -> Option<u64> {
    use procfs::Current;
    let free = procfs::Meminfo::current().ok()?.mem_available?;
    Some(memory_of_group().map_or(free, |most| free.min(most)))
}

/// In a debug build the environment can lead the load into the state to which nothing leads, so that
/// the end of the real process is tested (003-07). A release build has no such door.
fn with_fault(load: Load) -> Load {
    match cfg!(debug_assertions) && std::env::var_os(FORGET_FLOOR).is_some() {
        true => load.forgetting_its_floor(),
        false => load,
    }
}

/// Lowers the priority of this thread (on Linux it is the thread's own).
fn be_polite() {
    let thread = rustix::thread::gettid();
    let own = rustix::process::getpriority_process(Some(thread)).unwrap_or(0);
    let _ = rustix::process::setpriority_process(Some(thread), own + NICE);
}
