//! Start order and stop order (decision 13). Everything else is elsewhere.
//!
//! Start: listen → answer (503 until the database is open) → open and upgrade the database →
//! readers → actors → sources → telemetry → loads → migrations, once every source has tried to
//! subscribe.
//! Stop: HTTP drains → sources stop → Intake drains → Backfill quiesces → loads → Writer closes →
//! telemetry stops.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use crate::actors::delivery::IntakeDoor;
use crate::actors::lifeline::Lifelines;
use crate::actors::line::Line;
use crate::actors::loader::LoaderReaders;
use crate::actors::loop_monitor::LoopMonitor;
use crate::actors::mqtt_source::{MqttSource, SourceError};
use crate::actors::perf::{EVERY, IngestParts, PerfActors, PerfParts};
use crate::actors::retention::{BeginRetention, Retention, RetentionParts};
use crate::actors::{ActorParts, Actors, MigrationParts, sources};
use crate::clock::Clock;
use crate::config::{Config, Role};
use crate::db::backup::Backups;
use crate::db::checkpoint::{CheckpointOptions, Checkpointer};
use crate::db::probe::SqliteProbe;
use crate::db::retention::{AutoVacuum, Rebuilt};
use crate::db::{self, Database, DbError, OpenOptions, ReaderOptions, Readers};
use crate::ingest::Rules;
use crate::perf::proc::Proc;
use crate::sim::demo::{Demo, RunningDemo};
use crate::web::{self, AppState, Ready};

/// How long requests that run when we stop may still take.
const HTTP_DRAIN_S: u64 = 10;
/// How long each later step of stopping may take; what is not committed then was never
/// acknowledged.
const STOP_STEP: Duration = Duration::from_secs(10);

/// A source that has not even failed by then is not waited for.
const FIRST_TRY_MAX: Duration = Duration::from_secs(60);

/// Why the process cannot start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address} (choose another with --bind)")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The web server failed.
    #[error("the web server failed")]
    Server(#[from] std::io::Error),
    /// The database cannot be used.
    #[error("cannot use the database {} (`corescope check` tells more)", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: DbError,
    },
    /// A source cannot even be tried.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A part without which the process would be a zombie has died (decision 12).
    #[error("{0} died; the process ends so that it can be started afresh")]
    Died(&'static str),
}

/// A process that answers.
pub struct Application {
    address: SocketAddr,
    server: ServerHandle,
    server_ended: JoinHandle<std::io::Result<()>>,
    running: Running,
}

/// What runs behind HTTP. A serving process that only reads has none of it.
#[derive(Default)]
struct Running {
    actors: Option<Actors>,
    retention: Option<Line<Retention>>,
    perf: Option<PerfActors>,
    deaths: Option<UnboundedReceiver<&'static str>>,
    sources: Vec<MqttSource>,
    checkpointer: Option<Checkpointer>,
    demo: Option<RunningDemo>,
    loader: Option<LoaderReaders>,
}

impl Application {
    /// Starts everything; when it returns, requests are answered.
    ///
    /// # Errors
    /// The address cannot be listened on, or the database cannot be used.
    pub async fn build(config: Config, clock: Clock, demo: Option<Demo>) -> Result<Self, AppError> {
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        let rules = Arc::new(Rules::new(&config));
        let state = Data::new(AppState::new(Arc::new(config), rules, clock));
        let (address, server) = listen(state.clone())?;
        let handle = server.handle();
        let server_ended = tokio::spawn(server);
        LoopMonitor::watch(Arc::clone(&state.loop_lag), state.clock.clone());
        match start(&state, demo) {
            Ok(running) => Ok(Self { address, server: handle, server_ended, running }),
            Err(error) => {
                handle.stop(false).await;
                Err(error)
            }
        }
    }

    /// Where it listens; the port is the real one if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs until `stop` completes or a vital part dies, then stops in order.
    ///
    /// # Errors
    /// What died.
    pub async fn run_until_stopped(self, stop: impl Future<Output = ()>) -> Result<(), AppError> {
        let Self { server, mut server_ended, mut running, .. } = self;
        let mut deaths = running.deaths.take();
        let begun = begin_backfill(&running);
        let result = tokio::select! {
            () = stop => Ok(()),
            () = begun => Ok(()),
            name = death(&mut deaths) => Err(AppError::Died(name)),
            ended = &mut server_ended => match ended {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(AppError::Server(error)),
                Err(_) => Err(AppError::Died("the web server")),
            },
        };
        if let Err(error) = &result {
            tracing::error!(%error, "stopping");
        }
        if let Some(actors) = &running.actors {
            actors.end_feeds();
        }
        server.stop(true).await;
        if let Err(error) = running.stop().await {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::error!(error, "the last checkpoint failed");
        }
        result
    }
}

/// Completes with the name of a vital actor that died; never where there are none.
async fn death(deaths: &mut Option<UnboundedReceiver<&'static str>>) -> &'static str {
    match deaths {
        Some(deaths) => deaths.recv().await.unwrap_or("an actor"),
        None => std::future::pending().await,
    }
}

/// Binds and answers: 503 with the reason until the database is open.
fn listen(state: Data<AppState>) -> Result<(SocketAddr, actix_web::dev::Server), AppError> {
    let address = state.config.bind;
    let failed = |source| AppError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let admission = state.clone();
    let server = HttpServer::new(move || web::app(state.clone()))
        .on_connect(move |socket, kept| web::connections::admit(&admission, socket, kept))
        .max_connections(web::connections::per_worker())
        .client_request_timeout(web::connections::HEAD_WITHIN)
        .listen(listener)?
        .shutdown_timeout(HTTP_DRAIN_S)
        .disable_signals()
        .run();
    Ok((address, server))
}

/// Opens the database and starts what the role asks for.
fn start(state: &Data<AppState>, demo: Option<Demo>) -> Result<Running, AppError> {
    match state.config.role {
        Role::Server => start_serving(state),
        Role::All | Role::Ingest => start_writing(state, demo),
    }
}

/// Starts what a process has that only reads.
fn start_serving(state: &Data<AppState>) -> Result<Running, AppError> {
    let (config, clock) = (&state.config, &state.clock);
    let readers = open_readers(config, clock).map_err(unusable(config))?;
    let (lifelines, deaths) = Lifelines::new();
    let perf = PerfActors::start(perf_parts(state, &readers, None), &lifelines);
    open_backups(state, &config.db_path);
    let lines = Some(perf.lines.clone());
    state.open(Ready { readers, intake: None, live: None, sources: Vec::new(), perf: lines });
    let loader = Some(start_loader(state, &lifelines)?);
    web::read_ahead(state);
    Ok(Running { perf: Some(perf), deaths: Some(deaths), loader, ..Running::default() })
}

/// Starts everything.
fn start_writing(state: &Data<AppState>, demo: Option<Demo>) -> Result<Running, AppError> {
    let (config, clock) = (&state.config, &state.clock);
    let database = open_database(config, clock).map_err(unusable(config))?;
    let checkpointer = start_checkpointer(&database, clock).map_err(unusable(config))?;
    let auto_vacuum = database.writer.auto_vacuum().map_err(unusable(config))?;
    let backup = open_backups(state, database.writer.path());
    let readers = open_readers(config, clock).map_err(unusable(config))?;
    let (lifelines, deaths) = Lifelines::new();
    let migrations = MigrationParts {
        config: config.migrations.clone(),
        wal: Some(checkpointer.gauges()),
        readers: Some(readers.clone()),
        backup: Some(backup),
        folder: database.writer.path().parent().map(Path::to_owned),
    };
    let actors = Actors::start(ActorParts {
        connection: database.writer,
        migrations,
        intake_capacity: config.ingest.buffer_size,
        clock: clock.clone(),
        lifelines: lifelines.clone(),
        window: Arc::clone(&state.window),
    });
    let door: Arc<dyn IntakeDoor> = Arc::new(actors.door.clone());
    let sources = sources::start_all(config, &state.rules, &door, clock)?;
    let ingest = IngestParts {
        write_side: actors.write_side(checkpointer.gauges()),
        sources: sources.iter().map(MqttSource::status).collect(),
        is_serving: config.role == Role::All,
    };
    let perf = PerfActors::start(perf_parts(state, &readers, Some(ingest)), &lifelines);
    state.open(Ready {
        readers,
        intake: Some(actors.intake.clone()),
        live: Some(actors.live.clone()),
        sources: sources.iter().map(MqttSource::status).collect(),
        perf: Some(perf.lines.clone()),
    });
    state.open_backfill(actors.backfill_door());
    let retention = start_retention(state, &actors, auto_vacuum);
    let demo = demo.map(|demo| demo.run(Arc::clone(&state.rules), door)).transpose()?;
    let (deaths, perf) = (Some(deaths), Some(perf));
    let (actors, checkpointer) = (Some(actors), Some(checkpointer));
    let loader = match config.role {
        Role::Ingest => None,
        Role::All | Role::Server => Some(start_loader(state, &lifelines)?),
    };
    if config.role == Role::All {
        web::read_ahead(state);
    }
    Ok(Running { actors, retention, perf, deaths, sources, checkpointer, demo, loader })
}

fn start_loader(state: &AppState, lifelines: &Lifelines) -> Result<LoaderReaders, AppError> {
    let (config, window) = (&state.config, &state.window);
    let rules = (&config.packet_store, &config.database);
    LoaderReaders::start(&config.db_path, rules, window, &state.clock, lifelines)
        .map_err(unusable(config))
}

/// Returns whether one reads the database, at any time.
fn open_backups(state: &AppState, path: &Path) -> Arc<AtomicBool> {
    let backups = Backups::new(path, state.clock.clone());
    backups.remove_stale();
    let reading = backups.reading();
    state.open_backups(Arc::new(backups));
    reading
}

fn start_retention(
    state: &AppState,
    actors: &Actors,
    auto_vacuum: AutoVacuum,
) -> Option<Line<Retention>> {
    let config = &state.config;
    let (retention, board) = Retention::begin_with(RetentionParts {
        backfill: actors.backfill.clone(),
        migrations: Arc::clone(&actors.migrations),
        keeps: config.retention,
        vacuum_pages_max: config.database.incremental_vacuum_pages,
        auto_vacuum,
        clock: state.clock.clone(),
    });
    state.open_maintenance(board);
    Some(retention)
}

fn start_checkpointer(database: &Database, clock: &Clock) -> Result<Checkpointer, DbError> {
    let (ledger, gauges) = (Some(database.writer.ledger()), database.writer.wal());
    let options = CheckpointOptions { ledger, gauges, ..CheckpointOptions::default() };
    Checkpointer::start(database.writer.path(), options, clock.clone())
}

fn open_database(config: &Config, clock: &Clock) -> Result<Database, DbError> {
    let options = OpenOptions {
        has_regions: !config.channels.hash_regions.is_empty(),
        metrics_interval_s: config.ingest.metrics_interval.as_secs().cast_signed(),
        slow_write: config.database.slow_write,
        ..OpenOptions::new(clock.clone())
    };
    let mut database = db::open(&config.db_path, &options)?;
    let hidden = database.writer.deactivate_observers(&config.ingest.observer_blacklist)?;
    if hidden > 0 {
        tracing::info!(hidden, "observers of the blacklist are no longer shown");
    }
    tell_report(&database.report);
    rebuild(&mut database, config.database.vacuum_on_startup)?;
    Ok(database)
}

/// Finishes a rebuild that was cut short, and begins one if that is asked for and needed. Without
/// one everything works, but the file does not shrink.
fn rebuild(database: &mut Database, is_asked_for: bool) -> Result<(), DbError> {
    database.writer.restore_observers()?;
    if !is_asked_for {
        return Ok(());
    }
    match database.writer.rebuild() {
        Ok(Rebuilt::NotNeeded) => {}
        Ok(Rebuilt::Done { put_right }) => {
            tracing::info!(put_right, "the database was written anew, from now on it shrinks");
        }
        Ok(Rebuilt::NoSpace { needed_bytes, free_bytes }) => {
            tracing::warn!(needed_bytes, free_bytes, "too little space to write the database anew");
        }
        Err(error) => {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(error, "the database was not written anew");
        }
    }
    Ok(())
}

fn perf_parts(state: &AppState, readers: &Readers, ingest: Option<IngestParts>) -> PerfParts {
    let config = &state.config;
    let probe = SqliteProbe::new(readers.clone(), &config.db_path);
    let probe = match &ingest {
        Some(IngestParts { write_side, .. }) => {
            probe.beside_writer(&write_side.pages, &write_side.wal)
        }
        None => probe,
    };
    let folder = config.db_path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut normals_path = config.db_path.clone().into_os_string();
    normals_path.push(format!(".normals-{}.json", config.role.as_str()));
    PerfParts {
        proc: Proc::of_system(folder.unwrap_or(Path::new("."))),
        stats_path: config.stats_path.clone(),
        ingest,
        probe,
        loop_lag: Arc::clone(&state.loop_lag),
        normals_path: normals_path.into(),
        clock: state.clock.clone(),
        every: Some(EVERY),
    }
}

/// Names the file in what went wrong with it.
fn unusable(config: &Config) -> impl Fn(DbError) -> AppError {
    |source| AppError::Database { path: config.db_path.clone(), source }
}

fn open_readers(config: &Config, clock: &Clock) -> Result<Readers, DbError> {
    let options = ReaderOptions { clock: clock.clone(), ..ReaderOptions::default() };
    Readers::open(&config.db_path, options)
}

fn tell_report(report: &db::OpenReport) {
    let (tables, columns) = (report.tables_added.len(), report.columns_added.len());
    if report.is_created {
        tracing::info!("a new database was created");
    } else if tables + columns > 0 {
        tracing::info!(tables, columns, "the database was upgraded");
    }
    if !report.pending.is_empty() {
        tracing::info!(migrations = ?report.pending, "left to do while running");
    }
}

/// Lets migrations start when every source has tried to subscribe (decision 5); each source gives
/// up its first try after its connect timeout. Never completes.
async fn begin_backfill(running: &Running) {
    let tries = running.sources.iter().map(|source| source.wait_until_tried(FIRST_TRY_MAX));
    futures_util::future::join_all(tries).await;
    if let Some(actors) = &running.actors {
        actors.begin_backfill();
    }
    if running.retention.as_ref().is_some_and(|retention| !retention.tell(BeginRetention)) {
        tracing::error!("retention was not started");
    }
    std::future::pending().await
}

impl Running {
    /// Stops in order (decision 13).
    async fn stop(self) -> Result<(), DbError> {
        let _demo_folder = self.demo.map(RunningDemo::stop);
        if let Some(actors) = &self.actors {
            actors.drain(self.sources, STOP_STEP).await;
        }
        if let Some(loader) = self.loader {
            loader.stop(STOP_STEP).await;
        }
        // Before the writer closes: both would want to checkpoint.
        self.checkpointer.map(Checkpointer::stop);
        let closed = match self.actors {
            Some(actors) => actors.close(STOP_STEP).await,
            None => Ok(()),
        };
        if let Some(perf) = self.perf {
            perf.stop(STOP_STEP).await;
        }
        closed
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
