//! A publisher that knows which of its messages the broker has acknowledged. Written against the
//! protocol, not against the client that the program uses: it is the independent side.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::message;
use crate::support::process::wait_for;

/// Messages on the way to the broker at once.
const WINDOW: usize = 100;

/// Publishes numbered messages at a rate that can be changed, until stopped.
pub struct Publisher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    port: u16,
    rate: AtomicU64,
    is_over: AtomicBool,
    flood: AtomicU64,
    garbage: AtomicU64,
    sent: AtomicU64,
    open: AtomicU64,
    acknowledged: Mutex<Vec<u64>>,
}

impl Publisher {
    /// Starts with so many messages a second.
    pub fn start(port: u16, rate: u64) -> Self {
        let shared = Arc::new(Shared { port, rate: rate.into(), ..Shared::default() });
        let work = Arc::clone(&shared);
        let thread = std::thread::spawn(move || Session::default().run(&work));
        Self { shared, thread: Some(thread) }
    }

    /// Messages a second from now on; 0 is a pause.
    pub fn set_rate(&self, rate: u64) {
        self.shared.rate.store(rate, Relaxed);
    }

    /// So many messages as fast as the broker takes them.
    pub fn flood(&self, count: u64) {
        self.shared.flood.fetch_add(count, Relaxed);
    }

    /// So many messages that are none.
    pub fn send_garbage(&self, count: u64) {
        self.shared.garbage.fetch_add(count, Relaxed);
    }

    /// Waits until what was asked for besides the rate has been sent.
    pub fn caught_up(&self) {
        let extra = || self.shared.flood.load(Relaxed) + self.shared.garbage.load(Relaxed);
        wait_for(|| (extra() == 0).then_some(())).expect("the broker takes nothing");
    }

    /// Waits until the broker has acknowledged all that was sent; the rate must be 0.
    pub fn settle(&self) {
        self.caught_up();
        let is_settled = || (self.shared.open.load(Relaxed) == 0).then_some(());
        wait_for(is_settled).expect("the broker does not acknowledge");
    }

    /// Messages sent so far.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Relaxed)
    }

    /// Numbers of the messages that the broker has acknowledged, in no order.
    pub fn acknowledged(&self) -> Vec<u64> {
        self.shared.acknowledged.lock().unwrap().clone()
    }

    /// Stops when all is acknowledged.
    pub fn stop(&mut self) {
        self.set_rate(0);
        self.settle();
        self.shared.is_over.store(true, Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Relaxed);
    }
}

/// What survives a connection: messages without acknowledgement are sent again.
#[derive(Default)]
struct Session {
    next_id: u16,
    /// By packet id: the message's number, `None` for garbage.
    open: BTreeMap<u16, (Option<u64>, String, Vec<u8>)>,
    due: f64,
}

impl Session {
    fn run(mut self, shared: &Shared) {
        while !shared.is_over.load(Relaxed) {
            // A broker that is away or breaks off is tried again.
            let _ = self.talk(shared);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn talk(&mut self, shared: &Shared) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", shared.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.set_nodelay(true)?;
        // CONNECT: MQTT 3.1.1, clean session, no keep-alive, client id "chaos".
        stream.write_all(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05chaos")?;
        let mut consent = [0; 4];
        stream.read_exact(&mut consent)?;
        if consent[3] != 0 {
            return Err(ErrorKind::PermissionDenied.into());
        }
        stream.set_read_timeout(Some(Duration::from_millis(5)))?;
        for (id, (_, topic, payload)) in &self.open {
            stream.write_all(&publish(*id, topic, payload, true))?;
        }
        let mut unread = Vec::new();
        let mut last = Instant::now();
        while !shared.is_over.load(Relaxed) {
            self.send_due(shared, &mut stream, &mut last)?;
            self.take_receipts(shared, &mut stream, &mut unread)?;
        }
        stream.write_all(b"\xE0\x00")
    }

    fn send_due(
        &mut self,
        shared: &Shared,
        stream: &mut TcpStream,
        last: &mut Instant,
    ) -> std::io::Result<()> {
        let now = Instant::now();
        self.due += now.duration_since(*last).as_secs_f64() * shared.rate.load(Relaxed) as f64;
        self.due = self.due.min(WINDOW as f64);
        *last = now;
        while self.open.len() < WINDOW {
            let (number, (topic, payload)) = if take_one(&shared.garbage) {
                (None, message::garbage(rand::random::<u16>().into()))
            } else if self.due >= 1.0 || take_one(&shared.flood) {
                self.due = (self.due - 1.0).max(0.0);
                let number = shared.sent.fetch_add(1, Relaxed);
                (Some(number), message::message(number))
            } else {
                return Ok(());
            };
            let id = self.free_id();
            let bytes = publish(id, &topic, &payload, false);
            self.open.insert(id, (number, topic, payload));
            shared.open.store(self.open.len() as u64, Relaxed);
            stream.write_all(&bytes)?;
        }
        Ok(())
    }

    fn free_id(&mut self) -> u16 {
        loop {
            self.next_id = self.next_id.wrapping_add(1).max(1);
            if !self.open.contains_key(&self.next_id) {
                return self.next_id;
            }
        }
    }

    fn take_receipts(
        &mut self,
        shared: &Shared,
        stream: &mut TcpStream,
        unread: &mut Vec<u8>,
    ) -> std::io::Result<()> {
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => unread.extend(&bytes[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
        while unread.len() >= 4 {
            let receipt: Vec<u8> = unread.drain(..4).collect();
            assert_eq!(receipt[..2], [0x40, 2], "not a PUBACK");
            let id = u16::from_be_bytes([receipt[2], receipt[3]]);
            if let Some((Some(number), ..)) = self.open.remove(&id) {
                shared.acknowledged.lock().unwrap().push(number);
            }
        }
        shared.open.store(self.open.len() as u64, Relaxed);
        Ok(())
    }
}

fn take_one(counter: &AtomicU64) -> bool {
    counter.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
}

fn publish(id: u16, topic: &str, payload: &[u8], is_again: bool) -> Vec<u8> {
    let mut length = 2 + topic.len() + 2 + payload.len();
    let mut bytes = vec![if is_again { 0x3A } else { 0x32 }];
    loop {
        let more = length >= 128;
        bytes.push((length % 128) as u8 | if more { 128 } else { 0 });
        length /= 128;
        if !more {
            break;
        }
    }
    bytes.extend((topic.len() as u16).to_be_bytes());
    bytes.extend(topic.as_bytes());
    bytes.extend(id.to_be_bytes());
    bytes.extend(payload);
    bytes
}
