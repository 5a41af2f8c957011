//! `corescope healthcheck`: asks a running process whether it is well; for containers.

use std::time::Duration;

/// Options of `healthcheck`.
#[derive(clap::Args, Debug)]
pub struct HealthcheckArgs {
    /// Where the process answers.
    #[arg(long, default_value = "http://127.0.0.1:3000/api/healthz")]
    url: String,
    /// Seconds to wait for the answer.
    #[arg(long, default_value_t = 3)]
    timeout_s: u64,
}

/// Succeeds if the process answers 200 in time.
///
/// # Errors
/// What was answered instead, or why nothing was.
pub fn run(args: &HealthcheckArgs) -> Result<(), String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(args.timeout_s)))
        .build()
        .into();
    match agent.get(&args.url).call() {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{}: {error}", args.url)),
    }
}
