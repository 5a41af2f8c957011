//! A TCP relay before the broker that can stop relaying without closing (half-open), cut off, or
//! speak nonsense.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Relays connections to one port.
pub struct Proxy {
    port: u16,
    links: Arc<Mutex<Vec<Link>>>,
}

/// One relayed connection.
#[derive(Clone)]
struct Link {
    client: Arc<TcpStream>,
    broker: Arc<TcpStream>,
    is_silent: Arc<AtomicBool>,
}

impl Proxy {
    /// Listens on a free port.
    pub fn start(broker_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let links = Arc::new(Mutex::new(Vec::new()));
        let made = Arc::clone(&links);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // While the broker is away a client is let go at once.
                let Ok(broker) = TcpStream::connect(("127.0.0.1", broker_port)) else { continue };
                let (client, broker) = (Arc::new(client), Arc::new(broker));
                let link = Link { client, broker, is_silent: Arc::default() };
                made.lock().unwrap().push(link.clone());
                let back = link.clone();
                std::thread::spawn(move || link.copy(&link.client, &link.broker));
                std::thread::spawn(move || back.copy(&back.broker, &back.client));
            }
        });
        Self { port, links }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Keeps what is open open and relays nothing of it any more: the other side has vanished
    /// without a word. A new connection is relayed.
    pub fn go_silent(&self) {
        self.links.lock().unwrap().iter().for_each(|link| link.is_silent.store(true, SeqCst));
    }

    /// Closes what is open, without a goodbye.
    pub fn cut(&self) {
        self.links.lock().unwrap().drain(..).for_each(|link| link.end());
    }

    /// Nonsense in the middle of what is relayed to the client.
    pub fn talk_nonsense(&self) {
        for link in self.links.lock().unwrap().iter() {
            // A link that has ended takes nothing any more.
            let _ = (&*link.client).write_all(&[0xFF; 64]);
        }
    }
}

impl Link {
    fn copy(&self, mut from: &TcpStream, mut to: &TcpStream) {
        let mut bytes = [0; 16_384];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            while self.is_silent.load(SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
            }
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        self.end();
    }

    fn end(&self) {
        self.is_silent.store(false, SeqCst);
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.broker.shutdown(Shutdown::Both);
    }
}
