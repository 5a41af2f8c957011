//! Start order and stop order (decision 13). Everything else is elsewhere.
//!
//! Start: listen → answer (503 until the database is open) → open and upgrade the database →
//! readers → actors → sources → migrations, once every source has tried to subscribe.
//! Stop: HTTP drains → sources stop → Intake drains → Backfill quiesces → Writer closes.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use crate::actors::Actors;
use crate::clock::Clock;
use crate::config::{Config, Role};
use crate::db::{self, DbError, OpenOptions, Readers};
use crate::sim::demo::Demo;
use crate::web::{self, AppState, Ready};

/// How long requests that run when we stop may still take.
const HTTP_DRAIN_S: u64 = 10;
/// How long each later step of stopping may take; what is not committed then was never
/// acknowledged.
const STOP_STEP: Duration = Duration::from_secs(10);

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
    #[error(transparent)]
    Database(#[from] DbError),
    /// A part without which the process would be a zombie has died (decision 12).
    #[error("{0} died; the process ends so that it can be started afresh")]
    Died(&'static str),
}

/// A process that answers.
pub struct Application {
    address: SocketAddr,
    server: ServerHandle,
    server_ended: tokio::task::JoinHandle<std::io::Result<()>>,
    running: Running,
}

/// What runs behind HTTP.
struct Running {
    actors: Option<Actors>,
    deaths: UnboundedReceiver<&'static str>,
    demo: Option<crate::sim::demo::RunningDemo>,
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
        let config = Arc::new(config);
        let (address, ready, server) = listen(config.clone())?;
        let server_handle = server.handle();
        let server_ended = tokio::spawn(server);
        match start(config, clock, demo, &ready).await {
            Ok(running) => Ok(Self { address, server: server_handle, server_ended, running }),
            Err(error) => {
                server_handle.stop(false).await;
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
        let result = tokio::select! {
            () = stop => Ok(()),
            Some(name) = running.deaths.recv() => Err(AppError::Died(name)),
            ended = &mut server_ended => match ended {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(AppError::Server(error)),
                Err(_) => Err(AppError::Died("the web server")),
            },
        };
        if let Err(error) = &result {
            tracing::error!(%error, "stopping");
        }
        server.stop(true).await;
        if let Some(demo) = running.demo {
            demo.stop();
        }
        if let Some(actors) = running.actors {
            actors.stop(STOP_STEP).await;
        }
        result
    }
}
