//! Connections: how many there may be, of one address and in all, and how long a silent one lasts.
//!
//! actix ends a connection whose first head does not arrive in time, and one that rests between
//! requests. A later head that dribbles in, and a client that takes no bytes of its answer, are
//! ended here.

use std::any::Any;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use actix_web::rt::time::sleep;
use rustix::net::Shutdown;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::sync::oneshot;

use super::addresses::Place;
use super::client::Client;
use super::state::AppState;

/// How long the head of a request may take to arrive.
pub const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long a client may leave bytes of its answer unread.
const TAKEN_WITHIN: Duration = Duration::from_secs(60);
/// How long a connection may go without a new request; longer than any answer takes to be made and
/// any but a backup to be sent.
const REQUEST_EVERY: Duration = Duration::from_secs(300);
/// File descriptors of a connection, see [`watch`].
const FILES: u64 = 2;
/// More connections than this are of no use to one process.
const CONNECTIONS_MAX: u64 = 50_000;

/// Returns how many connections one worker may have open: half of the files that the process may
/// open, for the database and the brokers need some too. Takes what the system grants at most.
pub fn per_worker() -> usize {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    // Refused: then what there is must do.
    let _ = setrlimit(Resource::Nofile, files);
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let all = (files / 2 / FILES).min(CONNECTIONS_MAX);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    (usize::try_from(all).unwrap_or(usize::MAX) / workers).max(32)
}

/// What is kept as long as a connection lasts.
struct Connection {
    _place: Place,
    requests: Arc<AtomicU64>,
    /// Dropped with it: then nobody need watch any longer.
    _open: oneshot::Sender<()>,
}

/// The mark of one whose answer may take as long as it takes.
const LASTING: u64 = u64::MAX;

/// Admits a connection, or ends it if its address has too many.
pub fn admit(state: &AppState, socket: &dyn Any, kept: &mut Extensions) {
    let Some(stream) = socket.downcast_ref::<TcpStream>() else { return };
    let taken_ms = u32::try_from(TAKEN_WITHIN.as_millis()).unwrap_or(u32::MAX);
    // Without it the system's own, longer patience holds.
    let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, taken_ms);
    let Some(place) = place_of(state, stream) else {
        return end(&stream.as_fd());
    };
    let (open, closed) = oneshot::channel();
    let requests = Arc::new(AtomicU64::new(0));
    if let Ok(socket) = stream.as_fd().try_clone_to_owned() {
        actix_web::rt::spawn(watch(socket, Arc::clone(&requests), closed));
    }
    kept.insert(Connection { _place: place, requests, _open: open });
}

fn place_of(state: &AppState, stream: &TcpStream) -> Option<Place> {
    let limits = &state.config.limits;
    let Ok(peer) = stream.peer_addr() else { return Some(Place::UNCOUNTED) };
    match Client::of_socket(peer.ip(), limits) {
        Client::Exempt => Some(Place::UNCOUNTED),
        Client::Limited(_) if limits.is_proxy(peer.ip()) => Some(Place::UNCOUNTED),
        Client::Limited(key) => state.addresses.connect(key),
    }
}

/// Notes that a request has arrived whole.
pub fn note_request(request: &HttpRequest) {
    if let Some(connection) = request.conn_data::<Connection>() {
        let count = |requests: u64| (requests != LASTING).then(|| requests + 1);
        let _ = connection.requests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
    }
}

/// Notes that the answer may take as long as it takes: a live feed, a backup.
pub fn note_lasting(request: &HttpRequest) {
    if let Some(connection) = request.conn_data::<Connection>() {
        connection.requests.store(LASTING, Ordering::Relaxed);
    }
}

/// Ends a connection that has sent no whole request for long. Gives its descriptor back as soon as
/// the connection has ended otherwise.
async fn watch(socket: OwnedFd, requests: Arc<AtomicU64>, mut closed: oneshot::Receiver<()>) {
    let mut seen = 0;
    loop {
        tokio::select! {
            _ = &mut closed => return,
            () = sleep(REQUEST_EVERY) => {}
        }
        match requests.load(Ordering::Relaxed) {
            LASTING => return,
            same if same == seen => return end(&socket),
            more => seen = more,
        }
    }
}

fn end(socket: &impl AsFd) {
    // It may be gone already.
    let _ = rustix::net::shutdown(socket, Shutdown::Both);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;

    struct Watched {
        far: UnixStream,
        /// As actix holds it.
        _near: UnixStream,
        requests: Arc<AtomicU64>,
        _open: oneshot::Sender<()>,
    }

    impl Watched {
        fn start() -> Self {
            let (near, far) = UnixStream::pair().unwrap();
            far.set_nonblocking(true).unwrap();
            let (open, closed) = oneshot::channel();
            let requests = Arc::new(AtomicU64::new(0));
            let socket = near.try_clone().unwrap().into();
            actix_web::rt::spawn(watch(socket, Arc::clone(&requests), closed));
            Self { far, _near: near, requests, _open: open }
        }

        async fn is_open_after(&mut self, pause: Duration) -> bool {
            sleep(pause).await;
            self.far.read(&mut [0]).is_err()
        }
    }

    #[actix_web::test]
    async fn a_later_head_that_dribbles_in_ends_the_connection() {
        tokio::time::pause();
        let mut silent = Watched::start();
        let mut busy = Watched::start();
        let mut lasting = Watched::start();
        lasting.requests.store(LASTING, Ordering::Relaxed);
        for _ in 0..2 {
            busy.requests.fetch_add(1, Ordering::Relaxed);
            assert!(busy.is_open_after(REQUEST_EVERY + Duration::from_secs(1)).await);
        }
        assert!(!silent.is_open_after(Duration::ZERO).await);
        assert!(!busy.is_open_after(REQUEST_EVERY * 2).await);
        assert!(lasting.is_open_after(REQUEST_EVERY * 2).await);
    }

    #[actix_web::test]
    async fn a_connection_that_ends_gives_its_descriptor_back() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let (open, closed) = oneshot::channel();
        let watching = actix_web::rt::spawn(watch(near.into(), Arc::default(), closed));
        drop(open);
        watching.await.unwrap();
        assert_eq!(far.read(&mut [0]).unwrap(), 0);
    }
}
