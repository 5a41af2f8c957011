//! `/ws`: the live feed (spec `http-contract` §5). Clients send nothing; what they send is read and
//! thrown away.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::http::header::{HOST, ORIGIN};
use actix_web::rt::time::{Instant, interval, timeout};
use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{AggregatedMessage, CloseCode, CloseReason, Session};
use futures_util::StreamExt;
use tokio::time::MissedTickBehavior;

use crate::actors::live::{LiveFeed, Subscribe};
use crate::web::{ApiError, AppState};

const PING_EVERY: Duration = Duration::from_secs(30);
const PONG_WITHIN: Duration = Duration::from_secs(60);
const WRITE_WITHIN: Duration = Duration::from_secs(10);
const INBOUND_BYTES_MAX: usize = 512;

/// Upgrades to a WebSocket and feeds it until either side ends.
pub async fn upgrade(
    request: HttpRequest,
    body: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    check_origin(&request, &state.config.cors_allowed_origins)?;
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
    actix_web::rt::spawn(serve(session, inbound, feed));
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
    let reason = loop {
        let is_alive = tokio::select! {
            text = feed.texts.recv() => match text {
                Some(text) => send(&mut session, &feed, text).await,
                None => break Some(CloseReason::from((CloseCode::Away, "stopping"))),
            },
            message = inbound.next() => match message {
                Some(Ok(AggregatedMessage::Close(_)) | Err(_)) | None => break None,
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

fn check_origin(request: &HttpRequest, allowed: &[String]) -> Result<(), ApiError> {
    let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or("null"));
    let host = header(HOST).unwrap_or_default();
    match header(ORIGIN) {
        Some(origin) if !is_origin_allowed(origin, host, allowed) => {
            Err(ApiError::forbidden("origin not allowed"))
        }
        _ => Ok(()),
    }
}

/// Tells whether a page of `origin` may listen: its host is ours, or it is listed; `*` is ignored.
fn is_origin_allowed(origin: &str, host: &str, allowed: &[String]) -> bool {
    let origin_host = url::Url::parse(origin).ok().and_then(|url| {
        let name = url.host_str()?.to_owned();
        Some(url.port().map_or(name.clone(), |port| format!("{name}:{port}")))
    });
    origin_host.is_some_and(|name| !host.is_empty() && name.eq_ignore_ascii_case(host))
        || allowed.iter().any(|entry| entry != "*" && entry.eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use super::is_origin_allowed;

    #[test]
    fn only_our_own_host_and_listed_origins_may_listen() {
        let listed = ["https://mesh.example".to_owned(), "*".to_owned()];
        for (origin, host, is_allowed) in [
            ("http://localhost:3000", "localhost:3000", true),
            ("http://LOCALHOST:3000", "localhost:3000", true),
            ("http://localhost:3001", "localhost:3000", false),
            ("https://core.example", "core.example", true),
            ("https://MESH.example", "core.example", true),
            ("https://evil.example", "core.example", false),
            ("https://core.example.evil.example", "core.example", false),
            ("null", "core.example", false),
            ("", "core.example", false),
            ("http://", "", false),
        ] {
            assert_eq!(is_origin_allowed(origin, host, &listed), is_allowed, "{origin} at {host}");
        }
    }
}
