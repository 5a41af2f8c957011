//! `IoSampler`: what this process reads and writes, once a second, whoever looks how often.
//!
//! ## Messages
//! | message | answer |
//! |---|---|
//! | [`TakeSample`] | told to itself, a second after the last one was done |
//! | [`PeekIo`] | the latest sample |
//! | [`PeekIoHistory`] | one series of the last hour |
//! | [`StopSampling`] | it ends |
//!
//! It reads small files of the kernel on a thread of its own, keeps an hour, and tells the Cache.

use std::ffi::CStr;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message, MessageResult};

use super::cache::{Cache, ShowIo};
use super::line::Line;
use crate::clock::Clock;
use crate::perf::history::{History, SAMPLES_MAX, Series};
use crate::perf::io::{Component, IoMeter, IoRates, IoSample, LatestIo, Moment};
use crate::perf::proc::Proc;

const MAILBOX_CAPACITY: usize = 64;
const THREAD_NAME: &CStr = c"io-sampler";

/// The actor. See the module.
pub struct IoSampler {
    meter: IoMeter,
    history: History,
    parts: SamplerParts,
}

/// What it needs.
pub struct SamplerParts {
    /// Where to read.
    pub proc: Proc,
    /// Where the latest sample is left for those who do not ask.
    pub latest: Arc<LatestIo>,
    /// Whom to tell.
    pub cache: Line<Cache>,
    /// The time.
    pub clock: Clock,
    /// How often; `None` only when it is told to.
    pub every: Option<Duration>,
}

impl IoSampler {
    /// Makes the actor.
    pub fn new(parts: SamplerParts) -> Self {
        Self { meter: IoMeter::default(), history: History::new(series_names()), parts }
    }

    fn take_sample(&mut self) {
        let SamplerParts { proc, latest, cache, clock, .. } = &mut self.parts;
        let at = Moment { unix_ms: clock.now_ms(), monotonic: clock.monotonic() };
        let sample = Arc::new(self.meter.measure(proc.read(), at));
        self.history.push(at, series_values(&sample));
        latest.store(Some(Arc::clone(&sample)));
        if !cache.tell(ShowIo(sample)) {
            tracing::debug!("the cache was not told a sample");
        }
    }
}

/// A name and what it stands for.
type Rate = (&'static str, fn(&IoRates) -> f64);

/// Names of the rates in a series; a component's stand behind its name and a dot.
const RATES: [Rate; 5] = [
    ("readBytesPerSec", |rates| rates.read_bytes_per_sec),
    ("writeBytesPerSec", |rates| rates.write_bytes_per_sec),
    ("cancelledWriteBytesPerSec", |rates| rates.cancelled_write_bytes_per_sec),
    ("syscallsRead", |rates| rates.syscalls_read),
    ("syscallsWrite", |rates| rates.syscalls_write),
];

fn series_names() -> Vec<String> {
    let process = RATES.iter().map(|(name, _)| (*name).to_owned());
    let components = Component::ALL.iter().flat_map(|component| {
        RATES.iter().map(|(name, _)| format!("{}.{name}", component.as_str()))
    });
    let others = ["pressureSomeAvg10", "rssBytes", "freeBytes"].map(str::to_owned);
    process.chain(components).chain(others).collect()
}

fn series_values(sample: &IoSample) -> impl Iterator<Item = Option<f64>> {
    let signals = std::iter::once(sample.process).chain(sample.components);
    let rates = signals.flat_map(|rates| RATES.map(|(_, rate)| rates.ok().map(|it| rate(&it))));
    let others = [
        sample.pressure.ok().map(|pressure| f64::from(pressure.some.avg10)),
        sample.rss_bytes.ok().map(|bytes| bytes as f64),
        sample.free_bytes.ok().map(|bytes| bytes as f64),
    ];
    rates.chain(others)
}

impl Actor for IoSampler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
        let _ = rustix::thread::set_name(THREAD_NAME);
        if self.parts.every.is_some() {
            ctx.notify_later(TakeSample, Duration::ZERO);
        }
    }
}

/// Tells it to take a sample now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TakeSample;

impl Handler<TakeSample> for IoSampler {
    type Result = ();

    fn handle(&mut self, _: TakeSample, ctx: &mut Context<Self>) {
        self.take_sample();
        if let Some(every) = self.parts.every {
            ctx.notify_later(TakeSample, every);
        }
    }
}

/// Asks for the latest sample; `None` before the first.
#[derive(Message)]
#[rtype(result = "Option<Arc<IoSample>>")]
pub struct PeekIo;

impl Handler<PeekIo> for IoSampler {
    type Result = MessageResult<PeekIo>;

    fn handle(&mut self, _: PeekIo, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.parts.latest.load_full())
    }
}

/// There is no series of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such metric; there are {}", .0.join(", "))]
pub struct UnknownMetric(pub Vec<String>);

/// Asks for the samples of the last `seconds` (1 to 3,600; more is an hour) of one series.
#[derive(Message)]
#[rtype(result = "Result<Series, UnknownMetric>")]
pub struct PeekIoHistory {
    /// Such as `writeBytesPerSec` or `writer.writeBytesPerSec`.
    pub metric: String,
    /// How far back from the newest sample.
    pub seconds: u32,
}

impl Handler<PeekIoHistory> for IoSampler {
    type Result = Result<Series, UnknownMetric>;

    fn handle(&mut self, message: PeekIoHistory, _: &mut Context<Self>) -> Self::Result {
        let seconds = message.seconds.clamp(1, SAMPLES_MAX as u32);
        let series = self.history.series(&message.metric, seconds);
        series.ok_or_else(|| UnknownMetric(self.history.names().to_vec()))
    }
}

/// Asks it to end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopSampling;

impl Handler<StopSampling> for IoSampler {
    type Result = ();

    fn handle(&mut self, _: StopSampling, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
