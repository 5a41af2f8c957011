//! `corescope serve`: ingests, keeps and serves until it is told to stop.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::app::Application;
use crate::causes::chain;
use crate::clock::Clock;
use crate::config::{Config, Flags, Role, Sources};

/// Where the configuration comes from; shared by `serve` and `check`.
#[derive(clap::Args, Debug, Clone)]
pub struct ConfigArgs {
    /// Configuration file [default: config.json or data/config.json of the configuration folder].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder in which the configuration and, by default, the database lie.
    #[arg(long, value_name = "DIR", default_value = ".")]
    config_dir: PathBuf,
    /// Database file.
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Where to listen [default: 0.0.0.0:3000].
    #[arg(long, value_name = "ADDR:PORT")]
    bind: Option<SocketAddr>,
    /// Folder of a front end to serve instead of the built-in pages.
    #[arg(long, value_name = "DIR")]
    public: Option<PathBuf>,
    /// What to do: all, server (read-only beside an ingestor) or ingest.
    #[arg(long, value_name = "ROLE")]
    role: Option<Role>,
}

impl ConfigArgs {
    /// Reads file and environment.
    ///
    /// # Errors
    /// One line: which key of which file, and what was expected.
    pub fn load(&self) -> Result<Config, String> {
        let env = |name: &str| std::env::var(name).ok();
        let flags = Flags {
            db: self.db.clone(),
            bind: self.bind,
            public_dir: self.public.clone(),
            role: self.role,
        };
        let file = self.config.as_deref();
        Config::load(&Sources { file, config_dir: &self.config_dir, env: &env, flags })
            .map_err(|error| chain(&error))
    }
}

/// Options of `serve`.
#[derive(clap::Args, Debug)]
pub struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// A temporary database with seeded history and a simulated live mesh; needs nothing else.
    #[arg(long)]
    demo: bool,
}

/// Serves until SIGINT or SIGTERM, or until a vital part dies.
///
/// # Errors
/// One line: what could not be started, or what died.
pub fn run(args: &ServeArgs) -> Result<(), String> {
    let clock = Clock::system();
    let mut config = args.config.load()?;
    let demo = args.demo.then(|| crate::sim::demo::prepare(&mut config, &clock)).transpose()?;
    actix::System::new().block_on(async move {
        let stop = stop_signal();
        let application =
            Application::build(config, clock, demo).await.map_err(|error| chain(&error))?;
        // Nobody may be listening; that is no reason to end.
        let _ =
            writeln!(std::io::stdout(), "corescope listens on http://{}", application.address());
        application.run_until_stopped(stop).await.map_err(|error| chain(&error))
    })
}

/// Listens for SIGINT and SIGTERM from now on; the future completes on either, never if signals
/// cannot be heard.
fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let heard = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        match heard {
            (Ok(mut interrupt), Ok(mut terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                tracing::info!("stopping");
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "signals cannot be heard; only SIGKILL ends this process");
                std::future::pending::<()>().await;
            }
        }
    }
}
