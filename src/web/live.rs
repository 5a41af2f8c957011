//! `/ws`: the live feed (spec `http-contract` §5). Clients send nothing; what they send is read and
//! thrown away.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::rt::time::{Instant, interval, timeout};
use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{AggregatedMessage, CloseCode, CloseReason, Session};
use futures_util::StreamExt;
use tokio::time::MissedTickBehavior;

use crate::actors::live::{LiveFeed, Subscribe};
use crate::web::addresses::Place;
use crate::web::client::Client;
use crate::web::{ApiError, AppState, connections, cors};

const PING_EVERY: Duration = Duration::from_secs(30);
const PONG_WITHIN: Duration = Duration::from_secs(60);
const WRITE_WITHIN: Duration = Duration::from_secs(10);
const INBOUND_BYTES_MAX: usize = 512;
/// Messages of a client within [`INBOUND_BURST_EVERY`].
const INBOUND_BURST_MAX: u32 = 120;
const INBOUND_BURST_EVERY: Duration = Duration::from_secs(60);

/// Upgrades to a WebSocket and feeds it until either side ends.
pub async fn upgrade(
    request: HttpRequest,
    body: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    cors::check_listener(&request, &state.config.cors_allowed_origins)?;
    let place = place_of(&request, &state)?;
    let live = state.ready()?.live.as_ref();
    let live = live.ok_or_else(|| ApiError::unavailable("this process has no live feed"))?;
    let feed = live.peek(Subscribe).await.map_err(ApiError::from_ask::<Infallible>)?;
    let feed = feed.ok_or(ApiError::busy("too many live clients"))?;
    let (response, session, inbound) =
        actix_ws::handle(&request, body).map_err(|_| ApiError::bad_request("not a websocket"))?;
    let inbound = inbound
        .max_frame_size(INBOUND_BYTES_MAX)
        .aggregate_continuations()
        .max_continuation_size(INBOUND_BYTES_MAX);
    connections::note_lasting(&request);
    actix_web::rt::spawn(async move {
        serve(session, inbound, feed).await;
        drop(place);
    });
    Ok(response)
}

/// Writes the feed, pings, and listens for the end; ends when the client is gone, too slow to take
/// a text, or silent for a minute.
async fn serve(
    mut session: Session,
    mut inbound: impl StreamExt<Item = Result<AggregatedMessage, actix_ws::ProtocolError>> + Unpin,
    mut feed: LiveFeed,
) {
    let mut ping = interval(PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard_at = Instant::now();
    let mut patience = Patience::new();
    let reason = loop {
        let is_alive = tokio::select! {
            text = feed.texts.recv() => match text {
                Some(text) => send(&mut session, &feed, text).await,
                None => break Some(CloseReason::from((CloseCode::Away, "stopping"))),
            },
            message = inbound.next() => match message {
                Some(Ok(AggregatedMessage::Close(_)) | Err(_)) | None => break None,
                Some(Ok(_)) if !patience.bear() => {
                    break Some(CloseReason::from((CloseCode::Policy, "too many messages")));
                }
                Some(Ok(AggregatedMessage::Ping(bytes))) => {
                    heard_at = Instant::now();
                    session.pong(&bytes).await.is_ok()
                }
                Some(Ok(_)) => { heard_at = Instant::now(); true }
            },
            _ = ping.tick() => {
                heard_at.elapsed() < PONG_WITHIN && session.ping(b"").await.is_ok()
            }
        };
        if !is_alive {
            break None;
        }
    };
    // The client may be gone already.
    let _ = timeout(WRITE_WITHIN, session.close(reason)).await;
}

/// Sends a text, and before it how many were dropped since the last one.
async fn send(session: &mut Session, feed: &LiveFeed, text: bytestring::ByteString) -> bool {
    let dropped = feed.dropped.swap(0, Ordering::Relaxed);
    if dropped > 0 {
        let notice = format!(r#"{{"type":"dropped","data":{{"count":{dropped}}}}}"#);
        if !matches!(timeout(WRITE_WITHIN, session.text(notice)).await, Ok(Ok(()))) {
            return false;
        }
    }
    matches!(timeout(WRITE_WITHIN, session.text(text)).await, Ok(Ok(())))
}

fn place_of(request: &HttpRequest, state: &AppState) -> Result<Place, ApiError> {
    let Client::Limited(key) = Client::of(request, &state.config.limits) else {
        return Ok(Place::UNCOUNTED);
    };
    state.addresses.listen(key).ok_or_else(|| {
        ApiError::too_many("too many live feeds of this address; close one", PING_EVERY)
    })
}

/// What a client may say: pongs, and now and then a ping or a text that nobody reads.
struct Patience {
    left: u32,
    full_at: Instant,
}

impl Patience {
    fn new() -> Self {
        Self { left: INBOUND_BURST_MAX, full_at: Instant::now() }
    }

    /// Takes one message; `false` if there were too many.
    fn bear(&mut self) -> bool {
        if self.full_at.elapsed() >= INBOUND_BURST_EVERY {
            *self = Self::new();
        }
        self.left = self.left.saturating_sub(1);
        self.left > 0
    }
}
