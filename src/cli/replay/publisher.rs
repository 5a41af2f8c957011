//! Publishes messages and knows which the broker has confirmed.

use std::collections::VecDeque;
use std::time::Duration;

use rumqttc::{
    AsyncClient, Event, EventLoop, Packet, PublishNotice, PublishNoticeError, PublishOptions, QoS,
};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

pub use crate::actors::mqtt_source::Login;
use crate::actors::mqtt_source::{Endpoint, SourceError};

/// Messages that may be unconfirmed; the next one waits.
const WINDOW: usize = 512;
/// On the wire at once at QoS 1, within the window.
const INFLIGHT: u16 = 256;
const PACKET_BYTES_MAX: usize = 268_435_455 + 5;
const KEEP_ALIVE_S: u16 = 15;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A message that is not confirmed for so long is given up.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(60);
const TRIES_MAX: u8 = 5;
/// Failed attempts to connect, 500 ms apart, until a broker is given up.
const RECONNECTS_MAX: u32 = 40;
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Without wildcards.
    pub topic: String,
    /// Any bytes.
    pub payload: Vec<u8>,
    /// Whether the broker shall keep it.
    pub is_retained: bool,
}

/// Why nothing can be published any more.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The URL of `--mqtt` is unusable.
    #[error(transparent)]
    Broker(#[from] SourceError),
    /// The first attempt to connect failed.
    #[error("could not connect to {broker}: {reason}")]
    Connect {
        /// Without password.
        broker: String,
        /// The client's words.
        reason: String,
    },
    /// The broker went away and did not come back.
    #[error("lost the connection to the broker")]
    Lost,
}

/// What became of what was published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Confirmed by the broker; at QoS 0, written to the connection.
    pub acknowledged: u64,
    /// Given up.
    pub undelivered: u64,
}

/// A connection that publishes. Messages that a broken connection left unconfirmed are published
/// again: at QoS 1 some may arrive twice.
pub struct Publisher {
    client: AsyncClient,
    qos: QoS,
    open: VecDeque<Open>,
    delivered: Delivered,
    driver: JoinHandle<()>,
}

struct Open {
    message: Message,
    tries: u8,
    notice: PublishNotice,
}

impl Publisher {
    /// Connects to the broker at `url`; `qos` 0 or 1.
    ///
    /// # Errors
    /// The URL is unusable, or the broker does not let us in within 10 s.
    pub async fn connect(
        url: &str,
        login: Login<'_>,
        qos: u8,
        verify_certificate: bool,
    ) -> Result<Self, PublishError> {
        let endpoint = Endpoint::parse("--mqtt", url, login)?;
        let client_id = format!("replay{:016x}", rand::random::<u64>());
        let broker = endpoint.masked();
        let refuse = |reason| PublishError::Connect { broker: broker.clone(), reason };
        let mut options = endpoint.plain_options(&client_id, verify_certificate).map_err(refuse)?;
        options
            .set_inflight(INFLIGHT)
            .set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX)
            .set_max_request_batch(64)
            .set_keep_alive(KEEP_ALIVE_S);
        let (client, mut event_loop) = AsyncClient::builder(options).capacity(WINDOW).build();
        let mut network = event_loop.network_options();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(CONNECT_TIMEOUT.as_secs());
        event_loop.set_network_options(network);
        let hello = async { event_loop.poll().await.map_err(|error| error.to_string()) };
        hello.await.map_err(refuse)?;
        let driver = tokio::spawn(drive(event_loop));
        let qos = if qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        Ok(Self { client, qos, open: VecDeque::new(), delivered: Delivered::default(), driver })
    }

    /// Publishes; waits while too many messages are unconfirmed.
    ///
    /// # Errors
    /// The broker is gone for good.
    pub async fn publish(&mut self, message: Message) -> Result<(), PublishError> {
        if self.open.len() >= WINDOW {
            self.settle_first().await?;
        }
        self.send(message, 1).await
    }

    /// Waits for all confirmations, then says goodbye.
    pub async fn finish(mut self) -> Delivered {
        while !self.open.is_empty() {
            if self.settle_first().await.is_err() {
                self.delivered.undelivered += self.open.len() as u64;
                self.open.clear();
            }
        }
        let is_asked = self.client.disconnect().await.is_ok();
        if !is_asked || timeout(CONNECT_TIMEOUT, &mut self.driver).await.is_err() {
            self.driver.abort();
        }
        self.delivered
    }

    async fn send(&mut self, message: Message, tries: u8) -> Result<(), PublishError> {
        let options = PublishOptions::new(self.qos).retain(message.is_retained);
        let (topic, payload) = (message.topic.clone(), message.payload.clone());
        let sent = self.client.publish_tracked(topic, payload, options).await;
        let notice = sent.map_err(|_| PublishError::Lost)?;
        self.open.push_back(Open { message, tries, notice });
        Ok(())
    }

    async fn settle_first(&mut self) -> Result<(), PublishError> {
        let Some(Open { message, tries, notice }) = self.open.pop_front() else { return Ok(()) };
        match timeout(CONFIRM_TIMEOUT, notice.wait_async()).await {
            Ok(Ok(_)) => self.delivered.acknowledged += 1,
            Ok(Err(PublishNoticeError::Recv)) if self.driver.is_finished() => {
                self.delivered.undelivered += 1;
                return Err(PublishError::Lost);
            }
            Ok(Err(_)) if tries < TRIES_MAX => return self.send(message, tries + 1).await,
            Ok(Err(_)) | Err(_) => self.delivered.undelivered += 1,
        }
        Ok(())
    }
}

/// Moves bytes until told to disconnect, or until the broker stays away.
async fn drive(mut event_loop: EventLoop) {
    let mut failures = 0;
    while failures < RECONNECTS_MAX {
        match event_loop.poll().await {
            Ok(Event::Incoming(Packet::PubAck(_) | Packet::ConnAck(_))) => failures = 0,
            Ok(_) => {}
            Err(rumqttc::ConnectionError::RequestsDone) => return,
            Err(error) => {
                tracing::debug!(%error, "the connection to the broker broke");
                failures += 1;
                sleep(RECONNECT_PAUSE).await;
            }
        }
    }
}
