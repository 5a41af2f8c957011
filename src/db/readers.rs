//! The read side: own named threads, each with one read-only connection, behind a bounded
//! waiting room (decision 9).
//!
//! A query is a plain function of a [`Reader`]. It sees one snapshot of the database from its
//! first statement to its last, and it has a deadline.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};

use super::error::DbError;
use super::pages::PageGauge;
use super::reader::Reader;
use crate::clock::Clock;
use crate::perf::recent::Recent;

/// How many readers, and how long anything may take.
#[derive(Clone, Debug)]
pub struct ReaderOptions {
    /// Threads are called so, with a number.
    pub name: &'static str,
    /// Threads, one connection each.
    pub threads: usize,
    /// Askers that may wait for a free reader.
    pub waiters_max: usize,
    /// How long an asker waits for a free reader.
    pub wait_max: Duration,
    /// How long a query may run.
    pub deadline: Duration,
    /// Time for the deadline.
    pub clock: Clock,
}

impl Default for ReaderOptions {
    fn default() -> Self {
        Self {
            name: "reader",
            threads: 4,
            waiters_max: 256,
            wait_max: Duration::from_secs(1),
            deadline: Duration::from_secs(1),
            clock: Clock::system(),
        }
    }
}

/// Why a read has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// All readers are busy and the waiting room is full, or the wait was too long.
    #[error("all readers are busy")]
    Full,
    /// The query ran into its deadline and was stopped.
    #[error("the query took longer than {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The readers have been closed.
    #[error("the readers are closed")]
    Stopped,
    /// The query panicked; its reader lives on.
    #[error("the query panicked")]
    Panicked,
    /// The database refused.
    #[error("the query failed")]
    Failed(#[from] DbError),
}

/// The pool. Clones share it.
#[derive(Clone)]
pub struct Readers(Arc<Pool>);

struct Pool {
    orders: Sender<Order>,
    seats: Arc<Semaphore>,
    /// For queries that pass through a whole table.
    scan_seat: Arc<Semaphore>,
    waiting: AtomicUsize,
    refused: AtomicU64,
    options: ReaderOptions,
    pages: Arc<PageGauge>,
    /// Queries that are not scans, their wait for a reader included.
    times: Recent,
    /// Of each reader, when its running query is stopped.
    ends_at_us: Vec<Arc<AtomicU64>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

type Query = Box<dyn FnOnce(&Reader) + Send>;

enum Order {
    Run(Query),
    Close,
}

impl Readers {
    /// Opens every connection, then starts `reader-1`, `reader-2`, … The database must have been
    /// created and upgraded before.
    ///
    /// # Errors
    /// If a connection cannot be opened, the file is not a CoreScope database of this schema, or a
    /// thread cannot be started.
    pub fn open(path: &Path, options: ReaderOptions) -> Result<Self, DbError> {
        let threads = options.threads.max(1);
        let (orders, inbox) = bounded(2 * threads);
        let (mut handles, mut ends_at_us) = (Vec::with_capacity(threads), Vec::new());
        let pages = Arc::<PageGauge>::default();
        for index in 1..=threads {
            let reader =
                Reader::open(path, options.deadline, options.clock.clone(), pages.clone())?;
            ends_at_us.push(reader.ends_at_us());
            handles.push(start_thread(
                path,
                format!("{}-{index}", options.name),
                reader,
                inbox.clone(),
            )?);
        }
        Ok(Self(Arc::new(Pool {
            orders,
            seats: Arc::new(Semaphore::new(threads)),
            scan_seat: Arc::new(Semaphore::new(1)),
            waiting: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            options,
            pages,
            times: Recent::default(),
            ends_at_us,
            threads: Mutex::new(handles),
        })))
    }

    /// Runs `query` on a reader's thread and returns what it returns. If the asker goes away while
    /// it waits, nothing is run; a running query completes.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn ask<T, F>(&self, query: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, DbError> + Send + 'static,
    {
        let started = self.0.options.clock.monotonic();
        let answer = self.run(query).await;
        let now = self.0.options.clock.monotonic();
        self.0.times.note(now.saturating_sub(started), now);
        answer
    }

    async fn run<T, F>(&self, query: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, DbError> + Send + 'static,
    {
        let seat = self.0.take_seat(&self.0.seats).await?;
        let (reply, answer) = oneshot::channel();
        let run: Query = Box::new(move |reader| {
            let outcome = answer_of(reader, query);
            drop(seat);
            // The asker may have gone.
            let _ = reply.send(outcome);
        });
        self.0.orders.try_send(Order::Run(run)).map_err(|_| ReadError::Stopped)?;
        answer.await.unwrap_or(Err(ReadError::Stopped))
    }

    /// As [`Self::ask`], for a query that may pass through a whole table: one of these runs at a
    /// time, so that they never take all readers.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn ask_scan<T, F>(&self, query: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, DbError> + Send + 'static,
    {
        let turn = self.0.take_seat(&self.0.scan_seat).await?;
        let answer = self.run(move |reader| {
            let answer = query(reader);
            drop(turn);
            answer
        });
        answer.await
    }

    /// Returns how many askers wait for a free reader now.
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::Relaxed)
    }

    /// Returns how many asks have been refused with [`ReadError::Full`].
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// How long one of a hundred asks takes, scans apart, in milliseconds of the last 10 s; `None`
    /// if hardly anybody asks.
    pub fn p99_ms(&self) -> Option<f64> {
        self.0.times.p99_ms(self.0.options.clock.monotonic())
    }

    /// How the readers' page caches do.
    pub fn pages(&self) -> Arc<PageGauge> {
        self.0.pages.clone()
    }

    /// Returns how many reads are open now, and how long the oldest has been: while it is, the WAL
    /// cannot be cut. `None` when there is none.
    pub fn open_reads(&self) -> Option<(usize, Duration)> {
        let pool = &*self.0;
        let running = |end: &Arc<AtomicU64>| {
            let end_us = end.load(Ordering::Relaxed);
            (end_us != u64::MAX).then(|| Duration::from_micros(end_us))
        };
        let ends: Vec<Duration> = pool.ends_at_us.iter().filter_map(running).collect();
        let started = ends.iter().min()?.saturating_sub(pool.options.deadline);
        Some((ends.len(), pool.options.clock.monotonic().saturating_sub(started)))
    }

    /// Refuses new asks, lets the running queries end, closes the connections. Blocks meanwhile,
    /// at most for the deadline of a query.
    pub fn close(&self) {
        self.0.seats.close();
        self.0.scan_seat.close();
        let mut threads = self.0.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..threads.len() {
            let _ = self.0.orders.send(Order::Close);
        }
        for thread in threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Pool {
    async fn take_seat(&self, seats: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ReadError> {
        match Arc::clone(seats).try_acquire_owned() {
            Ok(seat) => return Ok(seat),
            Err(TryAcquireError::Closed) => return Err(ReadError::Stopped),
            Err(TryAcquireError::NoPermits) => {}
        }
        let Some(_waiting) = Waiting::enter(self) else { return Err(self.refuse()) };
        let seat = Arc::clone(seats).acquire_owned();
        match tokio::time::timeout(self.options.wait_max, seat).await {
            Ok(seat) => seat.map_err(|_| ReadError::Stopped),
            Err(_) => Err(self.refuse()),
        }
    }

    fn refuse(&self) -> ReadError {
        self.refused.fetch_add(1, Ordering::Relaxed);
        ReadError::Full
    }
}

/// A place in the waiting room, given back when dropped.
struct Waiting<'p>(&'p AtomicUsize);

impl<'p> Waiting<'p> {
    fn enter(pool: &'p Pool) -> Option<Self> {
        let place = Self(&pool.waiting);
        let before = pool.waiting.fetch_add(1, Ordering::Relaxed);
        (before < pool.options.waiters_max).then_some(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn start_thread(
    path: &Path,
    name: String,
    reader: Reader,
    inbox: Receiver<Order>,
) -> Result<JoinHandle<()>, DbError> {
    std::thread::Builder::new()
        .name(name)
        .spawn(move || {
            while let Ok(Order::Run(query)) = inbox.recv() {
                query(&reader);
            }
        })
        .map_err(|source| DbError::File { path: path.to_owned(), source })
}

fn answer_of<T>(
    reader: &Reader,
    query: impl FnOnce(&Reader) -> Result<T, DbError>,
) -> Result<T, ReadError> {
    match catch_unwind(AssertUnwindSafe(|| reader.run(query))) {
        Ok(Err(DbError::Interrupted { .. })) => Err(ReadError::TimedOut(reader.deadline())),
        Ok(answer) => Ok(answer?),
        Err(_) => Err(ReadError::Panicked),
    }
}
