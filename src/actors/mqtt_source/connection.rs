//! One connection, from the first byte to its end.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, Packet, QoS,
    SubAck, SubscribeFilter, SubscribeReasonCode,
};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

use super::catch_up::CatchUp;
use super::intake_queue::IntakeQueue;
use super::receipts::Receipts;
use super::session::Session;
use super::shared::{Attempt, Command, Shared};

/// How often room in Intake is looked for while messages wait.
const ROOM_EVERY: Duration = Duration::from_millis(10);
/// How often the session file and the end of waiting are looked at.
const CARE_EVERY: Duration = Duration::from_secs(1);
/// How long the broker may take to send the last bytes of a goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Why a connection ended.
#[derive(Debug)]
pub enum End {
    /// It failed, or never came to be; the words hold no credentials.
    Lost(String),
    /// The watchdog wants a new one.
    Forced,
    /// What was handed in was not committed: the broker must deliver it again.
    NotCommitted,
    /// We are stopping; so many receipts were still open.
    Stopped(u32),
}

/// What the client's event loop says. On an error the messages that had already been read are not
/// lost: QoS 1 ones come again, QoS 0 ones are in `Failed`.
enum Polled {
    Event(Event),
    Failed(Vec<Event>, ConnectionError),
}

/// Turns the event loop into a stream, so that waiting for it can be interrupted: a `poll` that is
/// dropped half-way could lose an acknowledgement.
fn polls(event_loop: EventLoop) -> impl Stream<Item = Polled> {
    futures_util::stream::unfold(Some(event_loop), |event_loop| async {
        let mut event_loop = event_loop?;
        match event_loop.poll().await {
            Ok(event) => Some((Polled::Event(event), Some(event_loop))),
            Err(error) => {
                let unread = event_loop.state.events.drain(..).collect();
                Some((Polled::Failed(unread, error), None))
            }
        }
    })
}

/// A connection at work.
pub struct Connection<'a> {
    shared: &'a Shared,
    session: &'a mut Session,
    client: AsyncClient,
    queue: IntakeQueue<'a>,
    subscribe_by: Option<Instant>,
    is_accepted: bool,
}

impl<'a> Connection<'a> {
    /// Connects with `options` and works until the connection ends.
    pub async fn run(
        shared: &'a Shared,
        session: &'a mut Session,
        options: MqttOptions,
        commands: &mut Receiver<Command>,
    ) -> End {
        let (client, mut event_loop) = AsyncClient::builder(options).unbounded().build();
        let mut network = event_loop.network_options();
        network.set_connection_timeout(shared.settings.pace.connect_timeout.as_secs().max(1));
        network.set_tcp_nodelay(true);
        event_loop.set_network_options(network);
        let receipts = Receipts::new(client.clone(), Arc::clone(&shared.status));
        let queue = IntakeQueue::new(shared, receipts);
        let connection =
            Self { shared, session, client, queue, subscribe_by: None, is_accepted: false };
        connection.work(event_loop, commands).await
    }

    async fn work(mut self, event_loop: EventLoop, commands: &mut Receiver<Command>) -> End {
        let mut polls = std::pin::pin!(polls(event_loop));
        let mut care = every(CARE_EVERY);
        let mut room = every(ROOM_EVERY);
        let end = loop {
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(Command::Reconnect) => break End::Forced,
                    Some(Command::Stop(patience)) => break self.stop(polls.as_mut(), patience).await,
                    None => break self.stop(polls.as_mut(), Duration::ZERO).await,
                },
                _ = care.tick() => if let Some(end) = self.take_care() { break end },
                _ = room.tick(), if self.queue.is_waiting() => self.queue.try_enter_held(),
                polled = polls.next(), if self.queue.has_room() => match polled {
                    Some(polled) => if let Some(end) = self.handle(polled) { break end },
                    None => break End::Lost("the connection ended".to_owned()),
                },
            }
        };
        self.finish(&end);
        end
    }

    fn handle(&mut self, polled: Polled) -> Option<End> {
        match polled {
            Polled::Event(Event::Incoming(Packet::ConnAck(connack))) => {
                self.accept(connack.session_present)
            }
            Polled::Event(Event::Incoming(Packet::SubAck(suback))) => self.note_subscribed(&suback),
            Polled::Event(Event::Incoming(Packet::Publish(publish))) => {
                self.queue.take(&publish);
                None
            }
            Polled::Event(_) => None,
            Polled::Failed(unread, error) => {
                self.keep_unread(unread);
                Some(End::Lost(describe(&error)))
            }
        }
    }

    /// QoS 0 messages are sent once: those read before the end are still heard.
    fn keep_unread(&mut self, unread: Vec<Event>) {
        for event in unread {
            if let Event::Incoming(Packet::Publish(publish)) = event
                && publish.qos == QoS::AtMostOnce
            {
                self.queue.take(&publish);
            }
        }
    }

    fn accept(&mut self, session_present: bool) -> Option<End> {
        let now = self.shared.now();
        let last_connected_s = self.session.last_connected_s();
        self.is_accepted = true;
        self.shared.status.note_connected(now, session_present, last_connected_s.is_some());
        let tag = &*self.shared.settings.tag;
        match last_connected_s {
            Some(last_s) if session_present => {
                self.queue.catch_up(CatchUp::begin(last_s, now.unix_s, now.monotonic));
                tracing::info!(
                    source = tag,
                    away_s = now.unix_s - last_s,
                    "connected to the MQTT broker, which has kept our session"
                );
            }
            Some(last_s) => tracing::warn!(
                source = tag,
                away_s = now.unix_s - last_s,
                "connected to the MQTT broker, which has not kept our session: what was published \
                 meanwhile is lost"
            ),
            None => tracing::info!(source = tag, "connected to the MQTT broker"),
        }
        self.subscribe().err().map(|error| End::Lost(error.to_string()))
    }

    fn subscribe(&mut self) -> Result<(), rumqttc::ClientError> {
        let settings = &self.shared.settings;
        for topic in self.session.obsolete_topics(&settings.topics) {
            self.client.try_unsubscribe(topic)?;
        }
        let qos = settings.qos;
        let filters = settings.topics.iter().map(|topic| SubscribeFilter::new(topic.clone(), qos));
        self.client.try_subscribe_many(filters.collect::<Vec<_>>())?;
        self.subscribe_by = Some(Instant::now() + settings.pace.connect_timeout);
        Ok(())
    }

    fn note_subscribed(&mut self, suback: &SubAck) -> Option<End> {
        self.subscribe_by = None;
        let tag = &*self.shared.settings.tag;
        let mut granted = Vec::new();
        for (topic, code) in self.shared.settings.topics.iter().zip(&suback.return_codes) {
            if matches!(code, SubscribeReasonCode::Failure) {
                tracing::warn!(source = tag, topic, "the MQTT broker refused a subscription");
                self.shared.status.note_error(format!("subscription to {topic} refused"));
            } else {
                granted.push(topic.clone());
            }
        }
        let outcome = if granted.is_empty() { Attempt::Failed } else { Attempt::Subscribed };
        tracing::info!(source = tag, topics = ?granted, "subscribed");
        self.session.set_topics(&granted);
        self.touch_session();
        self.shared.tell_attempt(outcome);
        None
    }

    /// Once a second: the session file, a subscription that is never answered, and messages that
    /// nobody will ever commit on this connection.
    fn take_care(&mut self) -> Option<End> {
        if self.subscribe_by.is_some_and(|by| by < Instant::now()) {
            return Some(End::Lost("the broker does not answer the subscription".to_owned()));
        }
        if self.is_accepted && self.subscribe_by.is_none() {
            self.touch_session();
        }
        (self.queue.receipts().abandoned() > 0).then_some(End::NotCommitted)
    }

    /// While the broker may still hold messages of our time away, that time stays in the file: if
    /// we die now, the rest of them comes with the next connection.
    fn touch_session(&mut self) {
        let now_s = self.shared.clock.now_s();
        let outcome = if self.queue.is_catching_up() {
            self.session.save_when_due(now_s)
        } else {
            self.session.touch(now_s)
        };
        self.shared.note_session_saved(outcome);
    }

    /// Waits for the open receipts, reads nothing more, and says goodbye; the broker keeps the
    /// session and what we did not acknowledge.
    async fn stop(
        &mut self,
        mut polls: std::pin::Pin<&mut impl Stream<Item = Polled>>,
        patience: Duration,
    ) -> End {
        self.queue.forget_held();
        let end = Instant::now() + patience;
        while self.queue.receipts().pending() > 0 && Instant::now() < end {
            // New messages are not looked at: not acknowledged, they come again.
            match timeout(Duration::from_millis(5), polls.next()).await {
                Ok(None | Some(Polled::Failed(..))) => break,
                Ok(Some(Polled::Event(_))) | Err(_) => {}
            }
        }
        let left = self.queue.receipts().pending();
        if self.is_accepted && self.client.try_disconnect_with_timeout(GOODBYE).is_ok() {
            let goodbye = async { while let Some(Polled::Event(_)) = polls.next().await {} };
            // The broker may be gone; then there is nobody to say goodbye to.
            let _ = timeout(GOODBYE, goodbye).await;
        }
        End::Stopped(left)
    }

    fn finish(&mut self, end: &End) {
        let now_s = self.shared.clock.now_s();
        if self.is_accepted && self.subscribe_by.is_none() {
            let outcome = self.session.touch(now_s).and_then(|()| self.session.save(now_s));
            self.shared.note_session_saved(outcome);
        }
        self.queue.forget_held();
        self.shared.status.note_disconnected(now_s);
        if let End::Lost(reason) = end {
            self.shared.status.note_error(reason.clone());
        }
    }
}

fn every(pause: Duration) -> Interval {
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Says in plain words what went wrong.
fn describe(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(code) => match code {
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => {
                "the broker refused user name or password".to_owned()
            }
            other => format!("the broker refused the connection ({other:?})"),
        },
        ConnectionError::NetworkTimeout => "the broker did not answer in time".to_owned(),
        ConnectionError::NotConnAck(_) => "what answers is no MQTT broker".to_owned(),
        other => other.to_string(),
    }
}
