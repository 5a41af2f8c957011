//! Start order and stop order (decision 13). Everything else is elsewhere.
//!
//! Start: listen → answer (503 until the database is open) → open and upgrade the database →
//! readers → actors → sources → migrations, once every source has tried to subscribe.
//! Stop: HTTP drains → sources stop → Intake drains → Backfill quiesces → Writer closes.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use crate::actors::delivery::IntakeDoor;
use crate::actors::mqtt_source::{MqttSource, SourceError};
use crate::actors::{ActorParts, Actors, MigrationParts, sources};
use crate::clock::Clock;
use crate::config::{Config, Role};
use crate::db::checkpoint::{CheckpointOptions, Checkpointer};
use crate::db::{self, DbError, OpenOptions, ReaderOptions, Readers};
use crate::ingest::Rules;
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
    deaths: Option<UnboundedReceiver<&'static str>>,
    sources: Vec<MqttSource>,
    checkpointer: Option<Checkpointer>,
    demo: Option<RunningDemo>,
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
        match start(&state, demo).await {
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
        let begun = begin_backfill(running.actors.as_ref(), &running.sources);
        let result = tokio::select! {
            () = stop => Ok(()),
            () = begun => Ok(()),
            name = death(&mut running.deaths) => Err(AppError::Died(name)),
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
    let server = HttpServer::new(move || web::app(state.clone()))
        .listen(listener)?
        .shutdown_timeout(HTTP_DRAIN_S)
        .disable_signals()
        .run();
    Ok((address, server))
}

/// Opens the database and starts what the role asks for.
async fn start(state: &Data<AppState>, demo: Option<Demo>) -> Result<Running, AppError> {
    let (config, clock) = (&state.config, &state.clock);
    if config.role == Role::Server {
        let readers = open_readers(config, clock).map_err(unusable(config))?;
        state.open(Ready { readers, intake: None, live: None, sources: Vec::new() });
        return Ok(Running::default());
    }
    let options = OpenOptions {
        has_regions: !config.channels.hash_regions.is_empty(),
        metrics_interval_s: config.ingest.metrics_interval.as_secs().cast_signed(),
        slow_write: config.database.slow_write,
        ..OpenOptions::new(clock.clone())
    };
    let database = db::open(&config.db_path, &options).map_err(unusable(config))?;
    tell_report(&database.report);
    let path = database.writer.path();
    let ledger = Some(database.writer.ledger());
    let options = CheckpointOptions { ledger, ..CheckpointOptions::default() };
    let checkpointer =
        Checkpointer::start(path, options, clock.clone()).map_err(unusable(config))?;
    let readers = open_readers(config, clock).map_err(unusable(config))?;
    let migrations = MigrationParts {
        config: config.migrations,
        wal: Some(checkpointer.gauges()),
        readers: Some(readers.clone()),
        folder: path.parent().map(Path::to_owned),
    };
    let (actors, deaths) = Actors::start(ActorParts {
        connection: database.writer,
        migrations,
        intake_capacity: config.ingest.buffer_size,
        clock: clock.clone(),
    });
    let door: Arc<dyn IntakeDoor> = Arc::new(actors.door.clone());
    let sources = sources::start_all(config, &state.rules, &door, clock)?;
    state.open(Ready {
        readers,
        intake: Some(actors.intake.clone()),
        live: Some(actors.live.clone()),
        sources: sources.iter().map(MqttSource::status).collect(),
    });
    state.open_backfill(actors.backfill_door());
    let demo = demo.map(|demo| demo.run(Arc::clone(&state.rules), door)).transpose()?;
    let deaths = Some(deaths);
    let (actors, checkpointer) = (Some(actors), Some(checkpointer));
    Ok(Running { actors, deaths, sources, checkpointer, demo })
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
async fn begin_backfill(actors: Option<&Actors>, sources: &[MqttSource]) {
    let tries = sources.iter().map(|source| source.wait_until_tried(FIRST_TRY_MAX));
    futures_util::future::join_all(tries).await;
    if let Some(actors) = actors {
        actors.begin_backfill();
    }
    std::future::pending().await
}

impl Running {
    /// Stops in order (decision 13).
    async fn stop(self) -> Result<(), DbError> {
        let _demo_folder = self.demo.map(RunningDemo::stop);
        let closed = match self.actors {
            Some(actors) => actors.stop(self.sources, STOP_STEP).await,
            None => Ok(()),
        };
        if let Some(checkpointer) = self.checkpointer {
            checkpointer.stop();
        }
        closed
    }
}
