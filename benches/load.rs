//! What a mesh of a continent would do to the program: `make load`.
//!
//! `LOAD_RATE` receptions a second (1,000) for `LOAD_SECONDS` (600) at QoS 1 through a real
//! Mosquitto, from 20,000 observers, of 100,000 nodes; 200 WebSocket clients of which 50 never
//! read; 64 pollers. Every 10 s a line: memory, queues, live messages dropped. At the end: how
//! long pollers waited, and what is stored against what the broker acknowledged. `LOAD_KEEP` names a
//! file for the database of a run, `LOAD_DB` one to begin with: every node is there at once.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

#[path = "../tests/it/support/broker.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod broker;
#[path = "load/clients.rs"]
mod clients;
#[path = "load/mesh.rs"]
mod mesh;
#[path = "support/program.rs"]
mod program;
#[path = "load/watched.rs"]
mod watched;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use broker::{Broker, BrokerOptions};
use clients::Clients;
use corescope::cli::replay::{Login, Message, Publisher};
use watched::Watched;

const PUBLISHERS: u64 = 4;
const TELL_EVERY: Duration = Duration::from_secs(10);
const WEBSOCKETS: usize = 200;
const WEBSOCKETS_SILENT: usize = 50;
const POLLERS: usize = 64;

/// Of the tests' broker: says why there is none.
fn skip(reason: &str) {
    eprintln!("{reason}: nothing done");
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect(name))
}

fn main() {
    // `cargo test` runs benches too, to see that they begin.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let (rate, seconds) = (number("LOAD_RATE", 1_000), number("LOAD_SECONDS", 600));
    let options = BrokerOptions { inflight_max: 200, ..Default::default() };
    let Some(broker) = Broker::start_with(options) else { return };
    let program = Watched::start(&broker.url());
    let clients = Clients::start(program.address(), WEBSOCKETS, WEBSOCKETS_SILENT, POLLERS);
    println!(
        "{rate} receptions/s for {seconds} s, {} observers, {} nodes, {WEBSOCKETS} WebSocket \
         clients ({WEBSOCKETS_SILENT} never read), {POLLERS} pollers",
        mesh::OBSERVERS,
        mesh::NODES
    );
    println!(
        "{:>5} {:>9} {:>8} {:>7} {:>7} {:>8} {:>9} {:>9} {:>9} {:>8} {:>9}",
        "s",
        "published",
        "stored",
        "rss_mb",
        "window",
        "queue",
        "wal_pages",
        "live",
        "dropped",
        "lag_ms",
        "5xx"
    );
    // Each message is another than those that are there.
    let before = program.receptions_before();
    let (published, start) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|part| {
            let (url, published) = (broker.url(), Arc::clone(&published));
            let message = move |number| mesh::message(before + number);
            let numbers = (part..rate * seconds).step_by(PUBLISHERS as usize);
            std::thread::spawn(move || publish(&url, numbers, message, (rate, &published)))
        })
        .collect();
    let mut told = 0;
    while start.elapsed() < Duration::from_secs(seconds) {
        std::thread::sleep(TELL_EVERY);
        program.tell(start.elapsed().as_secs(), published.load(Relaxed), &clients);
        told += 1;
    }
    let acknowledged: u64 = publishers.into_iter().map(|thread| thread.join().unwrap()).sum();
    let behind = program.wait_until_stored(acknowledged);
    program.tell(start.elapsed().as_secs(), published.load(Relaxed), &clients);
    assert!(told > 0);
    clients.stop();
    let stored = program.stop();
    println!("published and acknowledged by the broker: {acknowledged}");
    println!("stored: {stored}, lost: {}", acknowledged.saturating_sub(stored));
    println!("the last of them {:.1} s after the last was published", behind.as_secs_f64());
    assert!(stored >= acknowledged, "receptions are lost");
}

/// Publishes each message at its time; returns how many were acknowledged.
fn publish(
    url: &str,
    numbers: impl Iterator<Item = u64>,
    message: impl Fn(u64) -> (String, Vec<u8>),
    (rate, published): (u64, &AtomicU64),
) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut publisher = Publisher::connect(url, Login::default(), 1, true).await.unwrap();
        let start = Instant::now();
        for number in numbers {
            let at = Duration::from_secs_f64(number as f64 / rate as f64);
            tokio::time::sleep(at.saturating_sub(start.elapsed())).await;
            let (topic, payload) = message(number);
            publisher.publish(Message { topic, payload, is_retained: false }).await.unwrap();
            published.fetch_add(1, Relaxed);
        }
        publisher.finish().await.acknowledged
    })
}
