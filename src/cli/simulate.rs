//! `corescope simulate`: a simulated mesh whose observers publish into a broker.

use std::io;
use std::time::Duration;

use super::replay::{Login, Message, PublishError, Publisher};
use crate::clock::Clock;
use crate::sim::envelope;
use crate::sim::live::{LivePlan, Simulator};
use crate::sim::network::NetworkPlan;

const TELL_EVERY: u64 = 1000;

/// Options of `simulate`.
#[derive(clap::Args)]
pub struct SimulateArgs {
    /// Broker: mqtt://, mqtts://, ws:// or wss://, with user:password@ if it wants them.
    #[arg(long, value_name = "URL")]
    mqtt: String,
    /// Nodes of the mesh, 4 to 10,000.
    #[arg(long, value_name = "N", default_value_t = 60)]
    nodes: usize,
    /// Nodes that observe, 1 to all.
    #[arg(long, value_name = "M", default_value_t = 8)]
    observers: usize,
    /// Messages per second; each packet makes one for every observer that hears it.
    #[arg(long, value_name = "R", default_value_t = 4.0, value_parser = parse_rate)]
    rate: f64,
    /// The same seed makes the same mesh and the same talk.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Stop after so many messages [default: when interrupted].
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Quality of service: 1 waits for the broker's receipt of every message.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=1))]
    qos: u8,
    /// Accept any TLS certificate.
    #[arg(long)]
    insecure: bool,
}

impl std::fmt::Debug for SimulateArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a password.
        f.debug_struct("SimulateArgs").field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// Why simulating ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// The broker cannot be addressed, does not let us in, or went away for good.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The system gives no runtime.
    #[error("could not start")]
    Runtime(#[source] io::Error),
    /// The broker did not confirm all.
    #[error("{undelivered} of {sent} messages were not delivered")]
    Undelivered {
        /// How many.
        undelivered: u64,
        /// Of how many.
        sent: u64,
    },
}

/// Publishes until the count is reached or an interrupt comes, and says what became of it.
///
/// # Errors
/// See [`SimulateError`].
pub fn run(args: &SimulateArgs) -> Result<(), SimulateError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(SimulateError::Runtime)?;
    runtime.block_on(publish(args))
}

async fn publish(args: &SimulateArgs) -> Result<(), SimulateError> {
    let clock = Clock::system();
    let mut publisher =
        Publisher::connect(&args.mqtt, Login::default(), args.qos, !args.insecure).await?;
    let simulator = Simulator::new(LivePlan {
        network: NetworkPlan { nodes: args.nodes, observers: args.observers, seed: args.seed },
        seed: args.seed,
        rate: args.rate,
        start_ms: clock.now_ms(),
    });
    let sent = tokio::select! {
        sent = publish_all(args, simulator, &mut publisher, &clock) => sent?,
        _ = tokio::signal::ctrl_c() => None,
    };
    let delivered = publisher.finish().await;
    let sent = sent.unwrap_or(delivered.acknowledged + delivered.undelivered);
    let undelivered = sent.saturating_sub(delivered.acknowledged);
    let seconds = clock.monotonic().as_secs_f64();
    println!("{sent} messages sent, {undelivered} not delivered, in {seconds:.1} s");
    if undelivered > 0 {
        return Err(SimulateError::Undelivered { undelivered, sent });
    }
    Ok(())
}

/// Returns how many messages were sent.
async fn publish_all(
    args: &SimulateArgs,
    simulator: Simulator,
    publisher: &mut Publisher,
    clock: &Clock,
) -> Result<Option<u64>, PublishError> {
    let mut sent = 0;
    for message in simulator {
        if args.count.is_some_and(|count| sent >= count) {
            break;
        }
        let early_ms = (message.at_ms - clock.now_ms()).max(0).cast_unsigned();
        tokio::time::sleep(Duration::from_millis(early_ms)).await;
        let envelope::Message { topic, payload, .. } = message;
        publisher.publish(Message { topic, payload, is_retained: false }).await?;
        sent += 1;
        if sent % TELL_EVERY == 0 {
            eprintln!("{sent} messages sent");
        }
    }
    Ok(Some(sent))
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err("must be a number above 0".to_owned()),
    }
}
