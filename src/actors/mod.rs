//! Thin actix shells, each the sole owner of one thing. Everything clever is a plain function in
//! another module. No address leaves this folder: others hold a [`Line`].
//!
//! Who may ask whom (decision 6): `web → Intake, Live, Backfill, Cache, IoSampler, Vitals`;
//! `MqttSource → Intake → Writer`; `{Retention, Digests} → Backfill → Writer`. The Writer,
//! `IoSampler` and `StatsFile` tell, they never ask.

pub mod backfill;
pub mod cache;
pub mod delivery;
pub mod digests;
pub mod intake;
pub mod io_sampler;
pub mod lifeline;
pub mod line;
pub mod live;
mod live_text;
pub mod loader;
pub mod loop_monitor;
pub mod mqtt_source;
pub mod perf;
pub mod retention;
pub mod sources;
pub mod stats_file;
mod stats_log;
pub mod vitals;
pub mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use actix::{Actor, Arbiter};
use tokio::time::timeout;

use self::backfill::{Backfill, Begin, Conductor, LiveJobs, LiveRuns, Quiesce, Signals};
use self::digests::Digests;
use self::intake::{Door, Drain, Intake};
use self::lifeline::Lifelines;
use self::line::{AskError, Line};
use self::live::{EndFeeds, Live};
use self::mqtt_source::MqttSource;
use self::vitals::WriteSide;
use self::writer::{Close, WriteTotals, Writer};
use crate::clock::Clock;
use crate::config::MigrationsConfig;
use crate::db::pages::PageGauge;
use crate::db::{DbError, Readers, WalGauges, WriteConnection};
use crate::perf::intake::IntakeGauge;
use crate::perf::ledger::Ledger;
use crate::store::Window;

/// Open asks of web handlers at one actor; more are answered 503.
const WEB_ROOM: usize = 1_024;
/// How long a handler waits for an actor's answer; a submitted packet may wait for a busy disk.
const WEB_DEADLINE: Duration = Duration::from_secs(20);
/// One group and one batch at a time, and the last message.
const WRITER_ROOM: usize = 4;
/// A disk that stalls for minutes is no reason to give a group up: it would only be sent again.
const WRITER_DEADLINE: Duration = Duration::from_secs(3_600);

/// The running actors of a process that writes.
pub struct Actors {
    /// Takes packets that are posted.
    pub intake: Line<Intake>,
    /// Feeds WebSocket clients.
    pub live: Line<Live>,
    /// Runs migrations.
    pub backfill: Line<Backfill>,
    /// Migrations as they stood a moment ago.
    pub migrations: Arc<LiveRuns>,
    /// Recurring jobs, in the same way.
    pub jobs: Arc<LiveJobs>,
    /// Where sources hand in what they hear.
    pub door: Door,
    /// The ingest queue's gauge.
    pub gauge: Arc<IntakeGauge>,
    /// What was written since the start.
    pub totals: Arc<WriteTotals>,
    /// What each source of writes has cost.
    pub ledger: Arc<Ledger>,
    /// How the writer's page cache does.
    pub pages: Arc<PageGauge>,
    /// Live texts that clients lost since the start.
    pub live_dropped: Arc<AtomicU64>,
    writer: Line<Writer>,
    writer_arbiter: Arbiter,
    live_arbiter: Arbiter,
}

/// What the actors need.
pub struct ActorParts {
    /// The only read-write connection.
    pub connection: WriteConnection,
    /// How migrations are paced, and what holds them up.
    pub migrations: MigrationParts,
    /// The bound of the ingest queue.
    pub intake_capacity: usize,
    /// The time.
    pub clock: Clock,
    /// Where the news of deaths goes.
    pub lifelines: Lifelines,
    /// What commits make out of date.
    pub window: Arc<Window>,
}

/// What migrations need besides the connection.
#[derive(Default)]
pub struct MigrationParts {
    /// The knobs.
    pub config: MigrationsConfig,
    /// The write-ahead log.
    pub wal: Option<Arc<WalGauges>>,
    /// The readers.
    pub readers: Option<Readers>,
    /// Whether a backup reads the database.
    pub backup: Option<Arc<AtomicBool>>,
    /// The folder of the database.
    pub folder: Option<PathBuf>,
}

/// What web handlers need to show and steer migrations.
#[derive(Clone)]
pub struct BackfillDoor {
    /// Takes commands.
    pub line: Line<Backfill>,
    /// Migrations as they stood a moment ago.
    pub live: Arc<LiveRuns>,
    /// Recurring jobs, in the same way.
    pub jobs: Arc<LiveJobs>,
}

impl Actors {
    /// Starts all of them.
    pub fn start(parts: ActorParts) -> Self {
        let ActorParts { connection, migrations, intake_capacity, clock, lifelines, window } =
            parts;
        let gauge = Arc::new(IntakeGauge::new(intake_capacity));
        let (ledger, pages) = (connection.ledger(), connection.pages());
        let ingest_waits = connection.ingest_waits();
        let stored = connection.stored_states().unwrap_or_else(|error| {
            tracing::error!(%error, "the books of migrations cannot be read: none is run");
            Vec::new()
        });
        let (totals, live_dropped) = (Arc::default(), Arc::default());

        let live_arbiter = Arbiter::new();
        let live = Live::new(Arc::clone(&live_dropped), lifelines.attach("live feed"));
        let live = Live::start_in_arbiter(&live_arbiter.handle(), |_| live);
        let live = Line::new(live, WEB_ROOM, WEB_DEADLINE);

        let writer_arbiter = Arbiter::new();
        let lifeline = lifelines.attach("writer");
        let writer = Writer::new(connection, live.clone(), Arc::clone(&totals), window, lifeline);
        let writer = Writer::start_in_arbiter(&writer_arbiter.handle(), |_| writer);
        let writer = Line::new(writer, WRITER_ROOM, WRITER_DEADLINE);

        let lifeline = lifelines.attach("intake");
        let signals = Signals {
            gauge: Arc::clone(&gauge),
            wal: migrations.wal,
            readers: migrations.readers,
            backup: migrations.backup,
            ingest_waits,
            levels: migrations.config.levels.clone(),
            folder: migrations.folder,
            clock: clock.clone(),
        };
        let conductor = Conductor::new(stored, &migrations.config, clock.clone());
        stats_log::begin(Arc::clone(&totals), Arc::clone(&gauge), clock.clone());
        let (intake, door) = Intake::new(writer.clone(), Arc::clone(&gauge), clock, lifeline);
        let intake = Line::new(intake.start(), WEB_ROOM, WEB_DEADLINE);

        let lifeline = lifelines.attach("backfill");
        let (backfill, live_runs, jobs) =
            Backfill::new(writer.clone(), signals, conductor, lifeline);
        let backfill = Line::new(backfill.start(), WEB_ROOM, WEB_DEADLINE);
        Digests::keep(backfill.clone(), digests::EVERY);

        Self {
            intake,
            live,
            backfill,
            migrations: live_runs,
            jobs,
            door,
            gauge,
            totals,
            ledger,
            pages,
            live_dropped,
            writer,
            writer_arbiter,
            live_arbiter,
        }
    }

    /// What web handlers need to show and steer migrations.
    pub fn backfill_door(&self) -> BackfillDoor {
        BackfillDoor {
            line: self.backfill.clone(),
            live: Arc::clone(&self.migrations),
            jobs: Arc::clone(&self.jobs),
        }
    }

    /// Lets migrations start.
    pub fn begin_backfill(&self) {
        if !self.backfill.tell(Begin) {
            tracing::error!("migrations were not started");
        }
    }

    /// Returns what it counts, with `wal` from its checkpointer.
    pub fn write_side(&self, wal: Arc<WalGauges>) -> WriteSide {
        WriteSide {
            gauge: Arc::clone(&self.gauge),
            totals: Arc::clone(&self.totals),
            ledger: Arc::clone(&self.ledger),
            pages: Arc::clone(&self.pages),
            wal,
            live_dropped: Arc::clone(&self.live_dropped),
        }
    }

    /// Says goodbye to WebSocket clients, so that the web server need not wait for them.
    pub fn end_feeds(&self) {
        if !self.live.tell(EndFeeds) {
            tracing::debug!("live clients got no goodbye");
        }
    }

    /// Stops in order what writes: sources, Intake, Backfill. Each step may take `step`; what is not
    /// committed then was never acknowledged.
    pub async fn drain(&self, sources: Vec<MqttSource>, step: Duration) {
        // Sources wait for receipts, which Intake gives: it must still commit meanwhile.
        let open: u32 = futures_util::future::join_all(sources.into_iter().map(|s| s.stop(step)))
            .await
            .into_iter()
            .sum();
        if open > 0 {
            tracing::warn!(open, "messages stay with the brokers, they come again");
        }
        let is_drained = matches!(timeout(step, self.intake.ask(Drain)).await, Ok(Ok(())));
        let open = self.gauge.depth();
        if !is_drained || open > 0 {
            tracing::error!(
                open,
                "what waits in the ingest queue could not be committed in time: of QoS 1 it comes \
                 again, all else is lost"
            );
        }
        // An error means that it is gone already: nothing is outstanding then.
        let _ = timeout(step, self.backfill.peek::<_, DbError>(Quiesce)).await;
    }

    /// Closes the writer, which makes the last checkpoint. To be called after
    /// [`Actors::drain`] and when the checkpointer has stopped.
    ///
    /// # Errors
    /// The last checkpoint failed; the WAL holds everything and the next start reads it.
    pub async fn close(self, step: Duration) -> Result<(), DbError> {
        let closed = match timeout(step, self.writer.ask(Close)).await {
            Ok(Err(AskError::Refused(error))) => Err(error),
            Ok(_) => Ok(()),
            Err(_) => {
                tracing::error!("the writer did not close in time");
                return Ok(());
            }
        };
        for arbiter in [self.writer_arbiter, self.live_arbiter] {
            arbiter.stop();
            // Joining must not block the runtime that the actors' last answers run on.
            let _ = tokio::task::spawn_blocking(move || arbiter.join()).await;
        }
        closed
    }
}
