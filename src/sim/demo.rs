//! `serve --demo`: a temporary database with history, and a simulated mesh that goes on.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::history::{self, HistoryPlan};
use super::live::{LivePlan, Simulator};
use super::names;
use super::network::Network;
use crate::actors::delivery::{Delivery, IntakeDoor, Receipt};
use crate::clock::{Clock, iso_s};
use crate::config::{Config, Role};
use crate::db::OpenOptions;
use crate::db::bulk::{BulkWriter, Era};
use crate::ingest::reception::{PacketReception, Record};
use crate::ingest::{Arrival, Received, Rules, SourceRules};
use crate::mesh::PayloadType;

const TRANSMISSIONS: usize = 3_000;
const OBSERVATIONS: usize = 12_000;
const SPAN_S: i64 = 36 * 3600;
const SEED: u64 = 37;
const MESSAGES_PER_S: f64 = 4.0;
/// Messages that are later than this (the machine slept) are left out.
const LATE_MS_MAX: i64 = 10_000;
const PACKETS_REMEMBERED: usize = 64;
const TEXT_CHARS_MAX: usize = 60;

/// A demonstration that is ready to run. Dropping it removes its folder.
#[derive(Debug)]
pub struct Demo {
    folder: TempDir,
    plan: HistoryPlan,
    clock: Clock,
}

/// A demonstration that runs.
#[derive(Debug)]
pub struct RunningDemo {
    folder: TempDir,
    thread: JoinHandle<()>,
    stop: mpsc::Sender<()>,
}

/// Makes a temporary database with simulated history up to now and lets the configuration use it:
/// no brokers, no filters, the channels and regions of the simulation.
///
/// # Errors
/// One line: the folder or the database could not be made.
pub fn prepare(config: &mut Config, clock: &Clock) -> Result<Demo, String> {
    let failed = |error: &dyn std::error::Error| format!("cannot prepare the demo: {error}");
    let folder = tempfile::Builder::new()
        .prefix("corescope-demo-")
        .tempdir()
        .map_err(|error| failed(&error))?;
    let plan = HistoryPlan {
        transmissions: TRANSMISSIONS,
        observations: OBSERVATIONS,
        seed: SEED,
        end_s: clock.now_s(),
        span_s: SPAN_S,
        padding_bytes: 0,
        era: Era::Present,
    };
    configure(config, folder.path());
    let options = OpenOptions { has_regions: true, ..OpenOptions::new(clock.clone()) };
    let writer =
        BulkWriter::create(&config.db_path, plan.era, &options).map_err(|error| failed(&error))?;
    history::write(&plan, &Network::new(&plan.network()), &writer, |_| {})
        .map_err(|error| failed(&error))?;
    writer.finish(|_| {}).map_err(|error| failed(&error))?;
    Ok(Demo { folder, plan, clock: clock.clone() })
}

fn configure(config: &mut Config, folder: &Path) {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    config.role = Role::All;
    config.db_path = folder.join("demo.db");
    config.stats_path = folder.join("stats.json");
    config.mqtt_sources.clear();
    config.channels.hash_channels = texts(names::HASHTAG_CHANNELS);
    config.channels.hash_regions = texts(names::REGIONS);
    config.ingest.observer_blacklist.clear();
    config.ingest.observer_iata_whitelist.clear();
    config.geo_filter = None;
}

impl Demo {
    /// Lets the mesh talk on a thread named `simulator`: its messages go the way of a broker's,
    /// through `rules` into `door`. On a terminal each new packet is a line on standard output.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn run(self, rules: Arc<Rules>, door: Arc<dyn IntakeDoor>) -> io::Result<RunningDemo> {
        let Self { folder, plan, clock } = self;
        let start_ms = clock.now_ms();
        let live = LivePlan {
            network: plan.network(),
            seed: start_ms.cast_unsigned(),
            rate: MESSAGES_PER_S,
            start_ms,
        };
        let (stop, stopped) = mpsc::channel();
        let source = SourceRules { tag: "demo".into(), iata_filter: Vec::new(), region: None };
        let teller = Teller::new(io::stdout().is_terminal());
        let mut player = Player { rules, door, source, clock, stopped, teller };
        let thread = std::thread::Builder::new()
            .name("simulator".to_owned())
            .spawn(move || player.play(Simulator::new(live)))?;
        Ok(RunningDemo { folder, thread, stop })
    }
}

impl RunningDemo {
    /// Stops the mesh. The folder is removed when what is returned is dropped: keep it until the
    /// database is closed.
    #[must_use = "dropping it removes the database"]
    pub fn stop(self) -> TempDir {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the simulated mesh had failed");
        }
        self.folder
    }
}

struct Player {
    rules: Arc<Rules>,
    door: Arc<dyn IntakeDoor>,
    source: SourceRules,
    clock: Clock,
    stopped: Receiver<()>,
    teller: Teller,
}

impl Player {
    fn play(&mut self, simulator: Simulator) {
        for message in simulator {
            let early_ms = message.at_ms - self.clock.now_ms();
            if early_ms < -LATE_MS_MAX {
                continue;
            }
            let wait = Duration::from_millis(early_ms.max(0).cast_unsigned());
            if self.stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            self.hand_in(&message.topic, &message.payload);
        }
    }

    /// A full intake drops and counts it, as with any QoS 0 publisher.
    fn hand_in(&mut self, topic: &str, payload: &[u8]) {
        let now_s = self.clock.now_s();
        let arrival = Arrival { topic, payload, is_retained: false, now_s, away_s: None };
        let Received::Record(record) = self.rules.receive(&self.source, &arrival) else { return };
        self.teller.tell(&record);
        let source = Arc::clone(&self.source.tag);
        self.door.offer(Delivery { source, record: Some(record), receipt: Receipt::None });
    }
}

/// Says each packet once.
struct Teller {
    is_terminal: bool,
    told: VecDeque<String>,
}

impl Teller {
    fn new(is_terminal: bool) -> Self {
        Self { is_terminal, told: VecDeque::with_capacity(PACKETS_REMEMBERED) }
    }

    fn tell(&mut self, record: &Record) {
        let Record::Packet(packet) = record else { return };
        let hash = &packet.transmission.hash;
        if !self.is_terminal || self.told.contains(hash) {
            return;
        }
        if self.told.len() == PACKETS_REMEMBERED {
            self.told.pop_front();
        }
        self.told.push_back(hash.clone());
        // Nobody may be looking; that is no reason to end.
        let _ = writeln!(io::stdout(), "{}", line(record));
    }
}

/// Returns one line for a terminal: when, what, by whom heard, over how many hops. Nothing in it
/// controls the terminal.
pub fn line(record: &Record) -> String {
    let text = match record {
        Record::Packet(packet) => packet_line(packet),
        Record::Status(report) => {
            let observer = &report.observer;
            let name = observer.name.as_ref().unwrap_or(&observer.id);
            format!("{}  STATUS      {name}", time_of_day(report.heard_at_s))
        }
        Record::RefusedAdvert(refused) => {
            let time = time_of_day(refused.heard_at_s);
            format!("{time}  REFUSED     {} ({})", refused.node_pubkey, refused.reason)
        }
        Record::ClientReception(reception) => {
            let time = time_of_day(reception.ingested_at_s);
            format!("{time}  CLIENT      {}", reception.heard_key)
        }
    };
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

fn packet_line(packet: &PacketReception) -> String {
    let kind = PayloadType::from_bits(packet.transmission.payload_type).name();
    let observer = packet.observer.name.as_ref().unwrap_or(&packet.observer.id);
    let path = &packet.observation.path_json;
    let hops = if path == "[]" { 0 } else { path.matches(',').count() + 1 };
    let time = time_of_day(packet.heard_at_s);
    let snr = packet.observation.snr.map(|snr| format!(", SNR {snr} dB")).unwrap_or_default();
    let what = content(&packet.transmission.decoded_json);
    format!("{time}  {kind:<10}  {what}heard by {observer} over {hops} hops{snr}")
}

/// A node's name or somebody's words; nothing for what stays sealed.
fn content(decoded_json: &str) -> String {
    let decoded: Value = serde_json::from_str(decoded_json).unwrap_or_default();
    let text_of = |key: &str| decoded.get(key).and_then(Value::as_str);
    let short = |text: &str| text.chars().take(TEXT_CHARS_MAX).collect::<String>();
    match (text_of("channel"), text_of("text"), text_of("name")) {
        (Some(channel), Some(text), _) => format!("{channel} {}  ", short(text)),
        (_, _, Some(name)) => format!("{}  ", short(name)),
        _ => String::new(),
    }
}

fn time_of_day(unix_s: i64) -> String {
    iso_s(unix_s).get(11..19).unwrap_or_default().to_owned()
}
