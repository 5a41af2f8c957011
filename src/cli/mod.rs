//! The command line: one file per command. What is typed here is what `corescope help` says.

pub mod check;
pub mod decode;
pub mod healthcheck;
pub mod manual;
pub mod migrate;
pub mod replay;
pub mod seed;
pub mod serve;
pub mod simulate;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::causes::chain;
use crate::telemetry::{self, LogFormat};

/// Ingests, keeps and shows what a MeshCore radio mesh says.
#[derive(Parser, Debug)]
#[command(name = "corescope", version, about, propagate_version = true)]
pub struct Cli {
    /// How logs are written.
    #[arg(long, value_enum, default_value_t, global = true, env = "CORESCOPE_LOG_FORMAT")]
    log_format: LogFormat,
    /// What is logged: off, error, warn, info, debug, trace, or directives by module.
    #[arg(long, global = true, env = "CORESCOPE_LOG", value_name = "FILTER")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Ingest, keep and serve until stopped.
    Serve(serve::ServeArgs),
    /// Decode packets given as hex, one JSON object a line.
    Decode(decode::DecodeArgs),
    /// Publish captured MQTT messages to a broker.
    Replay(replay::ReplayArgs),
    /// Simulate a mesh that sends valid packets into a broker.
    Simulate(simulate::SimulateArgs),
    /// Build a large database of plausible history.
    Seed(seed::SeedArgs),
    /// Show, run and steer the migrations of a database or of a running process.
    Migrate(migrate::MigrateArgs),
    /// Look at configuration and database and say what is wrong and how to mend it.
    Check(check::CheckArgs),
    /// Ask a running process whether it is well.
    Healthcheck(healthcheck::HealthcheckArgs),
    /// Write completions for a shell to standard output.
    Completions(manual::CompletionsArgs),
    /// Write the manual as man pages.
    Manual(manual::ManualArgs),
}

/// Parses the command line and does what it says. Errors are one line on standard error; the exit
/// code is 0, 1 for a failure, 2 for a command line that cannot be understood.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    telemetry::init(cli.log_format, cli.log.as_deref());
    let result = match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Decode(args) => decode::run(&args).map_err(|error| chain(&error)),
        Command::Replay(args) => replay::run(&args).map_err(|error| chain(&error)),
        Command::Simulate(args) => simulate::run(&args).map_err(|error| chain(&error)),
        Command::Seed(args) => seed::run(&args).map_err(|error| chain(&error)),
        Command::Migrate(args) => migrate::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Completions(args) => {
            manual::write_completions(&args, Cli::command());
            Ok(())
        }
        Command::Manual(args) => manual::write_manual(&args, Cli::command()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("corescope: {reason}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
