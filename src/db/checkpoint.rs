//! The checkpointer: moves the WAL into the database from a thread and a connection of its own,
//! so that the committing thread never pays for it (`design/backfill.md` §7, §10.11).
//!
//! | when | what it does |
//! |---|---|
//! | 1000 pages of debt, or any debt and nobody writes | `PASSIVE`: waits for nobody, makes nobody wait |
//! | the WAL is long, or somebody waits for it to begin anew, and almost all of it is in the database | `RESTART`, waiting 10 ms at most, not again for a second if a reader pins it |
//! | the WAL is four times too long: there was always a reader | `RESTART`, waiting as long as a read may last, unless much of it would be left to move then, and not again for ten times as long as it took |
//! | nobody writes and the file is above 64 MB | `TRUNCATE`, waiting 50 ms at most |
//!
//! The last checkpoint is [`WriteConnection::close`](super::WriteConnection::close)'s, after this
//! one has stopped.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select};
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, OpenFlags};

use super::error::{DbError, Doing};
use super::wal_gauges::{DEBT_PAGES_MAX, WalGauges};
use crate::clock::Clock;
use crate::perf::ledger::{Ledger, Shares, Source, Work};

/// When to do what.
#[derive(Clone, Debug)]
pub struct CheckpointOptions {
    /// Pages in the WAL that are not in the database yet, from which it checkpoints.
    pub debt_pages_max: u32,
    /// Length of the WAL from which it asks writers for a gap.
    pub log_pages_max: u32,
    /// Size of the WAL file from which it is cut when nobody writes.
    pub file_bytes_max: u64,
    /// How long the WAL must not have grown to count as idle.
    pub idle_after: Duration,
    /// Where its checkpoints are entered.
    pub ledger: Option<Arc<Ledger>>,
    /// Where what it sees is left; the writer's own, so that it hears of what is written.
    pub gauges: Arc<WalGauges>,
}

impl Default for CheckpointOptions {
    fn default() -> Self {
        Self {
            debt_pages_max: DEBT_PAGES_MAX,
            log_pages_max: 8000,
            file_bytes_max: 64 << 20,
            idle_after: Duration::from_secs(2),
            ledger: None,
            gauges: Arc::default(),
        }
    }
}

/// A running checkpointer. Dropped without [`Checkpointer::stop`] it stops too, unwaited for.
#[derive(Debug)]
pub struct Checkpointer {
    gauges: Arc<WalGauges>,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Checkpointer {
    /// Opens a connection to the database at `path`, which must be in WAL mode, and starts the
    /// thread `checkpointer`.
    ///
    /// # Errors
    /// The database cannot be opened or the thread not be started.
    pub fn start(path: &Path, options: CheckpointOptions, clock: Clock) -> Result<Self, DbError> {
        let mut keeper = Keeper::open(path, options, clock)?;
        let gauges = keeper.gauges.clone();
        let (stop, stopped) = bounded(1);
        let thread = std::thread::Builder::new()
            .name("checkpointer".to_owned())
            .spawn(move || keeper.run(&stopped))
            .map_err(|source| DbError::File { path: path.to_owned(), source })?;
        Ok(Self { gauges, stop, thread })
    }

    /// What it saw and did last.
    pub fn gauges(&self) -> Arc<WalGauges> {
        self.gauges.clone()
    }

    /// Stops and waits for the checkpoint that may be under way. Returns whether the thread had
    /// lived until then.
    pub fn stop(self) -> bool {
        drop(self.stop);
        self.thread.join().is_ok()
    }
}

/// A look costs microseconds; a late one is a log that grows past what waits for it.
const LOOK_WHILE_GROWING: Duration = Duration::from_millis(5);
/// The writer rings; what another program writes is seen then.
const LOOK_WHILE_QUIET: Duration = Duration::from_secs(1);
/// SQLite does not tell the length while somebody begins the log anew, and migrations wait for it.
const LOOK_WHILE_BLIND: Duration = Duration::from_millis(50);
/// What a group of receptions a second adds is no growth to watch.
const GROWTH_PAGES_MIN: u32 = 100;
const WAIT_MAX: Duration = Duration::from_millis(50);
/// While it waits for readers, `RESTART` holds writers up: within their budget (decision 20).
const RESTART_WAIT_MAX: Duration = Duration::from_millis(10);
/// A reader that pins the WAL is not asked again at once; nor is a WAL that the next writer begins
/// anew.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// While some reads always overlap, no moment without any comes. From this multiple of its length
/// on, writers are held up until those have ended that run now: new ones need the WAL no more.
const LOG_PAGES_FACTOR_MAX: u32 = 4;
/// A little more than the deadline of a read.
const RESTART_WAIT_FOR_READS: Duration = Duration::from_millis(1_100);
/// Writers are held up for one part of so many at most, be it in vain.
const RESTART_SHARE: u32 = 10;
/// So many looks fail before it is said.
const FAILURES_TOLD: u32 = 3;
/// What `RESTART` may still have to move itself, with writers held up.
const RESTART_DEBT_PAGES_MAX: u32 = 256;
/// The same when the WAL is far too long: a reader that ends meanwhile leaves it all to `RESTART`,
/// and on an SD card that takes seconds.
const RESTART_DEBT_PAGES_WHEN_FAR: u32 = 4_000;

/// The work, without the thread.
struct Keeper {
    conn: Connection,
    wal_path: PathBuf,
    limits: CheckpointOptions,
    clock: Clock,
    gauges: Arc<WalGauges>,
    log_pages: u32,
    grown_at: Duration,
    restart_after: Duration,
    failures_in_a_row: u32,
}

impl Keeper {
    fn open(path: &Path, limits: CheckpointOptions, clock: Clock) -> Result<Self, DbError> {
        let failed = |source| DbError::OpenDatabase { path: path.to_owned(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags).map_err(failed)?;
        conn.busy_timeout(WAIT_MAX).map_err(failed)?;
        conn.pragma_update(None, "synchronous", "NORMAL").map_err(failed)?;
        let mut wal_path = path.as_os_str().to_owned();
        wal_path.push("-wal");
        let grown_at = clock.monotonic();
        let gauges = Arc::clone(&limits.gauges);
        let keeper = Self {
            conn,
            wal_path: wal_path.into(),
            limits,
            clock,
            gauges,
            log_pages: 0,
            grown_at,
            restart_after: Duration::ZERO,
            failures_in_a_row: 0,
        };
        keeper.read_once()?;
        Ok(keeper)
    }

    /// A connection that has never read knows of no WAL: it would checkpoint nothing, silently.
    fn read_once(&self) -> Result<(), DbError> {
        self.conn
            .query_row("SELECT COUNT(*) FROM sqlite_master", [], |_| Ok(()))
            .doing("read the database before the first checkpoint")
    }

    fn run(&mut self, stopped: &Receiver<()>) {
        let rung = self.gauges.rung();
        let mut pause = Duration::ZERO;
        loop {
            select! {
                recv(stopped) -> _ => return,
                recv(rung) -> _ => {}
                default(pause) => {}
            }
            let log_pages = self.log_pages;
            self.tell(|keeper| keeper.look());
            let is_growing = self.log_pages.abs_diff(log_pages) >= GROWTH_PAGES_MIN;
            pause = if is_growing || self.gauges.is_checkpoint_wanted() {
                LOOK_WHILE_GROWING
            } else if self.failures_in_a_row > 0 || self.gauges.log_pages().is_none() {
                LOOK_WHILE_BLIND
            } else {
                LOOK_WHILE_QUIET
            };
        }
    }

    /// Counts a failure and logs a row of them once: a single look fails when it meets a writer that
    /// is just beginning the log anew.
    fn tell(&mut self, look: impl FnOnce(&mut Self) -> Result<(), DbError>) {
        match look(self) {
            Ok(()) => self.failures_in_a_row = 0,
            Err(error) => {
                self.gauges.failures.fetch_add(1, Ordering::Relaxed);
                self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
                if self.failures_in_a_row == FAILURES_TOLD {
                    tracing::warn!(%error, cause = ?error, "the checkpointer fails, the WAL grows");
                }
            }
        }
    }

    fn look(&mut self) -> Result<(), DbError> {
        let now = self.clock.monotonic();
        let Some((log, done)) = self.count()? else { return Ok(()) };
        if log != self.log_pages {
            (self.log_pages, self.grown_at) = (log, now);
        }
        let is_idle = now.saturating_sub(self.grown_at) >= self.limits.idle_after;
        let debt = log.saturating_sub(done);
        let may_restart = now >= self.restart_after;
        let is_long = log > self.limits.log_pages_max && may_restart;
        let is_awaited = self.gauges.is_checkpoint_wanted();
        let is_wanted = is_idle || is_long || is_awaited;
        if debt >= self.limits.debt_pages_max || (is_wanted && debt > 0) {
            self.checkpoint(Mode::Passive)?;
        }
        if is_idle && self.gauges.file_bytes() > self.limits.file_bytes_max {
            self.checkpoint(Mode::Truncate)?;
        } else if is_long || (is_awaited && may_restart) {
            self.restart(now)?;
        }
        Ok(())
    }

    /// Asks writers for a gap, so that the WAL begins anew.
    fn restart(&mut self, now: Duration) -> Result<(), DbError> {
        const ACTION: &str = "choose how long a checkpoint waits";
        let limit = self.limits.log_pages_max.saturating_mul(LOG_PAGES_FACTOR_MAX);
        let is_far_too_long = self.log_pages > limit;
        if self.owes_more_than(RESTART_DEBT_PAGES_MAX) {
            if !is_far_too_long {
                return Ok(());
            }
            // What was written while the last one worked.
            self.checkpoint(Mode::Passive)?;
            if self.owes_more_than(RESTART_DEBT_PAGES_WHEN_FAR) {
                self.restart_after = now + RESTART_PAUSE;
                return Ok(());
            }
        }
        let wait = if is_far_too_long { RESTART_WAIT_FOR_READS } else { RESTART_WAIT_MAX };
        self.conn.busy_timeout(wait).doing(ACTION)?;
        let done = self.checkpoint(Mode::Restart);
        // The log says 0 as soon as it begins anew.
        let has_restarted = done.is_ok() && self.gauges.debt_pages() == Some(0);
        if !has_restarted || self.limits.log_pages_max < self.log_pages {
            let share = self.gauges.last_hold() * RESTART_SHARE;
            self.restart_after = now + share.max(RESTART_PAUSE);
        }
        self.conn.busy_timeout(WAIT_MAX).doing(ACTION)?;
        done
    }

    fn owes_more_than(&self, pages: u32) -> bool {
        self.gauges.debt_pages().is_none_or(|debt| debt > pages)
    }

    /// Pages in the WAL and pages of them that are in the database.
    fn count(&self) -> Result<Option<(u32, u32)>, DbError> {
        const ACTION: &str = "look at the WAL";
        let noop = || self.conn.wal_checkpoint_v2(Some("main"), CheckpointMode::NOOP).doing(ACTION);
        let mut counts = noop()?;
        if counts.0 < 0 {
            self.read_once()?;
            counts = noop()?;
        }
        Ok(self.publish(counts))
    }

    fn publish(&self, counts: (i32, i32)) -> Option<(u32, u32)> {
        let pages = u32::try_from(counts.0).ok().zip(u32::try_from(counts.1).ok());
        let gauges = &self.gauges;
        gauges.note_look(pages);
        let (log, done) = pages?;
        let bytes = std::fs::metadata(&self.wal_path).map_or(0, |file| file.len());
        gauges.file_bytes.store(bytes, Ordering::Relaxed);
        Some((log, done))
    }

    fn checkpoint(&mut self, mode: Mode) -> Result<(), DbError> {
        let started = self.clock.monotonic();
        let debt_before = self.gauges.debt_pages();
        // The pragma tells the counts even if it was busy; the safe function drops them then.
        let counts = self
            .conn
            .query_row(mode.sql(), [], |row| Ok((row.get(1)?, row.get(2)?)))
            .doing("move the WAL into the database");
        let hold = self.clock.monotonic().saturating_sub(started);
        let hold_us = u64::try_from(hold.as_micros()).unwrap_or(u64::MAX);
        self.gauges.last_hold_us.store(hold_us, Ordering::Relaxed);
        self.enter(debt_before, &counts, hold);
        let counts = counts?;
        self.gauges.checkpoints.fetch_add(1, Ordering::Relaxed);
        self.publish(counts);
        Ok(())
    }
}

impl Keeper {
    /// Enters a checkpoint in the ledger. A log that has become shorter was settled whole.
    fn enter(
        &self,
        debt_before: Option<u32>,
        counts: &Result<(i32, i32), DbError>,
        hold: Duration,
    ) {
        let Some(ledger) = &self.limits.ledger else { return };
        let mut shares = Shares::one(Source::Checkpoint, 0);
        let debt_after = match counts {
            Ok((log, done)) => u32::try_from(log - done).unwrap_or(0),
            Err(_) => {
                shares.add_error(Source::Checkpoint);
                debt_before.unwrap_or(0)
            }
        };
        let settled = debt_before.unwrap_or(0).saturating_sub(debt_after);
        let work = Work {
            component: Source::Checkpoint,
            shares: shares.as_slice(),
            transactions: 0,
            wal_pages: Some(0),
            checkpointed_pages: settled.into(),
            wait: Duration::ZERO,
            hold,
        };
        ledger.note(&work, self.clock.monotonic());
    }
}

#[derive(Clone, Copy)]
enum Mode {
    Passive,
    Restart,
    Truncate,
}

impl Mode {
    fn sql(self) -> &'static str {
        match self {
            Self::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
            Self::Restart => "PRAGMA wal_checkpoint(RESTART)",
            Self::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
