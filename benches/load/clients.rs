//! Those who look: WebSocket clients, of which some never read, and pollers.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PATHS: [&str; 6] = [
    "/api/stats",
    "/api/healthz",
    "/api/packets?limit=50",
    "/api/nodes?limit=50",
    "/api/observers",
    "/api/perf/io",
];
/// A sign of life without being asked: an empty masked pong.
const PONG: [u8; 6] = [0x8A, 0x80, 0, 0, 0, 0];
const PONG_EVERY: Duration = Duration::from_secs(5);
const POLL_EVERY: Duration = Duration::from_millis(500);

/// All of them.
pub struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    _silent: Vec<TcpStream>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    live_bytes: AtomicU64,
    live_ended: AtomicU64,
    failures: AtomicU64,
    times_us: Mutex<BTreeMap<&'static str, Vec<u32>>>,
}

impl Clients {
    pub fn start(address: &str, websockets: usize, silent: usize, pollers: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let mut threads = Vec::new();
        let silent_ones = (0..silent).map(|_| upgrade(address)).collect();
        for _ in silent..websockets {
            let (stream, shared) = (upgrade(address), Arc::clone(&shared));
            threads.push(std::thread::spawn(move || listen(stream, &shared)));
        }
        for poller in 0..pollers {
            let (address, shared) = (address.to_owned(), Arc::clone(&shared));
            threads.push(std::thread::spawn(move || poll(&address, poller, &shared)));
        }
        Self { shared, threads, _silent: silent_ones }
    }

    /// Answers of 500 and above, or none.
    pub fn failures(&self) -> u64 {
        self.shared.failures.load(Relaxed)
    }

    /// Ends them and tells how long pollers waited.
    pub fn stop(self) {
        self.shared.is_over.store(true, Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        let shared = self.shared;
        println!(
            "WebSocket clients read {} MB; {} were ended by the program",
            shared.live_bytes.load(Relaxed) >> 20,
            shared.live_ended.load(Relaxed)
        );
        for (path, times) in shared.times_us.lock().unwrap().iter_mut() {
            times.sort_unstable();
            let at = |share: f64| f64::from(times[(times.len() as f64 * share) as usize]) / 1e3;
            println!(
                "{path:24} {:6} answers, p50 {:7.2} ms, p99 {:7.2} ms, longest {:7.2} ms",
                times.len(),
                at(0.5),
                at(0.99),
                at(0.999_999)
            );
        }
    }
}

fn upgrade(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101", "{}", String::from_utf8_lossy(&answer));
    stream
}

fn listen(mut stream: TcpStream, shared: &Shared) {
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut bytes = vec![0; 65_536];
    let mut shown = Instant::now();
    while !shared.is_over.load(Relaxed) {
        if shown.elapsed() > PONG_EVERY {
            // One that has been ended is noticed below.
            let _ = stream.write_all(&PONG);
            shown = Instant::now();
        }
        match stream.read(&mut bytes) {
            Ok(0) => {
                shared.live_ended.fetch_add(1, Relaxed);
                return;
            }
            Ok(count) => _ = shared.live_bytes.fetch_add(count as u64, Relaxed),
            // Nothing was said for a while.
            Err(_) => {}
        }
    }
}

fn poll(address: &str, poller: usize, shared: &Shared) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(10)))
        .http_status_as_error(false)
        .build()
        .into();
    let path = PATHS[poller % PATHS.len()];
    let url = format!("http://{address}{path}");
    let mut times = Vec::new();
    while !shared.is_over.load(Relaxed) {
        let start = Instant::now();
        let answer = agent.get(&url).call().and_then(|mut answer| {
            answer.body_mut().with_config().limit(64 << 20).read_to_vec()?;
            Ok(answer.status().as_u16())
        });
        times.push(u32::try_from(start.elapsed().as_micros()).unwrap());
        if answer.is_ok_and(|status| status < 500) {
            std::thread::sleep(POLL_EVERY);
            continue;
        }
        shared.failures.fetch_add(1, Relaxed);
        std::thread::sleep(POLL_EVERY);
    }
    shared.times_us.lock().unwrap().entry(path).or_default().extend(times);
}
