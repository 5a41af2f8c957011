//! `/api/observers`: all that are active, and one (contract §4.3).

use actix_web::http::header::HeaderName;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::fresh::Dated;
use super::json::{JsonBody, ListBody};
use super::state::{AppState, State};
use crate::clock;
use crate::config::Config;
use crate::db::observers::{self, Observer};
use crate::db::{DbError, Reader};

/// Bytes of an answer: some 50,000 observers.
const BODY_BYTES_MAX: usize = 32 << 20;

const AGE: HeaderName = HeaderName::from_static("x-cache-age-seconds");

const HOUR_S: i64 = 3_600;
const DAY_MS: i64 = 86_400_000;

/// All active observers.
// For the API's description: `write_list` writes it row by row.
#[derive(Serialize, ToSchema)]
pub struct ObserverList<'o> {
    /// Seen last first.
    observers: Vec<ObserverRow<'o>>,
    /// When this was read.
    server_time: String,
}

/// One observer.
#[derive(Serialize, ToSchema)]
pub struct ObserverRow<'o> {
    id: &'o str,
    name: Option<&'o str>,
    iata: Option<&'o str>,
    last_seen: Option<&'o str>,
    first_seen: Option<&'o str>,
    packet_count: i64,
    model: Option<&'o str>,
    firmware: Option<&'o str>,
    client_version: Option<&'o str>,
    radio: Option<&'o str>,
    battery_mv: Option<i64>,
    uptime_secs: Option<i64>,
    noise_floor: Option<f64>,
    last_packet_at: Option<&'o str>,
    /// Receptions.
    #[serde(rename = "packetsLastHour")]
    packets_last_hour: i64,
    /// Of the node with the same key; in the list only.
    lat: Option<f64>,
    lon: Option<f64>,
    #[serde(rename = "nodeRole")]
    node_role: Option<&'o str>,
    /// Whether it sent times without a zone that were off in the last 24 hours.
    clock_naive: bool,
    clock_skew_seconds: Option<i64>,
    clock_skew_count_24h: i64,
    clock_last_naive_at: Option<&'o str>,
    /// Absent if it never said.
    #[serde(skip_serializing_if = "Option::is_none")]
    can_relay: Option<bool>,
}

impl<'o> ObserverRow<'o> {
    /// Shows an observer at `now_ms`: what is known of its clock is forgotten after 24 hours.
    pub fn of(observer: &'o Observer, now_ms: i64) -> Self {
        let place = observer.place.as_ref();
        let is_naive = is_within_a_day(observer.clock_naive_at.as_deref(), now_ms);
        Self {
            id: &observer.id,
            name: observer.name.as_deref(),
            iata: observer.iata.as_deref(),
            last_seen: observer.last_seen.as_deref(),
            first_seen: observer.first_seen.as_deref(),
            packet_count: observer.packet_count,
            model: observer.model.as_deref(),
            firmware: observer.firmware.as_deref(),
            client_version: observer.client_version.as_deref(),
            radio: observer.radio.as_deref(),
            battery_mv: observer.battery_mv,
            uptime_secs: observer.uptime_s,
            noise_floor: observer.noise_floor,
            last_packet_at: observer.last_packet_at.as_deref(),
            packets_last_hour: observer.receptions,
            lat: place.and_then(|place| place.lat),
            lon: place.and_then(|place| place.lon),
            node_role: place.and_then(|place| place.role.as_deref()),
            clock_naive: is_naive,
            clock_skew_seconds: observer.clock_skew_s.filter(|_| is_naive),
            clock_skew_count_24h: if is_naive { observer.clock_skew_count } else { 0 },
            clock_last_naive_at: observer.clock_naive_at.as_deref().filter(|_| is_naive),
            can_relay: observer.can_relay,
        }
    }
}

fn is_within_a_day(time: Option<&str>, now_ms: i64) -> bool {
    time.and_then(clock::parse_utc_ms).is_some_and(|then_ms| now_ms - then_ms <= DAY_MS)
}

/// Lists the active observers.
///
/// Without any parameter the answer is kept for `observersCache.ttlSeconds`, and the header
/// `X-Cache-Age-Seconds` says how old it is; any parameter asks for a new one.
#[utoipa::path(
    get,
    path = "/api/observers",
    tag = "observers",
    responses(
        (status = 200, description = "observers", body = ObserverList<'_>,
         headers(("X-Cache-Age-Seconds" = i64, description = "absent with any parameter"))),
        (status = 503, description = "busy, or the query was too slow", body = ErrorBody),
    )
)]
pub async fn list(state: State, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    if !request.query_string().is_empty() {
        return Ok(make_list(&state).await?.value.respond_to(&request));
    }
    let list = state.observers_kept.get(async || make_list(&state).await).await?;
    let age = state.clock.monotonic().saturating_sub(list.made_at).as_secs();
    let mut response = list.value.respond_to(&request);
    response.headers_mut().insert(AGE, age.into());
    Ok(response)
}

async fn make_list(state: &AppState) -> Result<Dated<JsonBody>, ApiError> {
    let (hidden, now_ms) = (hidden(&state.config), state.clock.now_ms());
    let made_at = state.clock.monotonic();
    let body = state.ask_scan(move |reader| write_list(reader, &hidden, now_ms)).await?;
    let body = body.ok_or_else(|| ApiError::answer_too_large(BODY_BYTES_MAX))?;
    Ok(Dated { value: body, made_at })
}

fn write_list(
    reader: &Reader,
    hidden: &[String],
    now_ms: i64,
) -> Result<Option<JsonBody>, DbError> {
    let now_s = now_ms.div_euclid(1000);
    let observers = observers::list(reader, hidden, now_s - HOUR_S)?;
    let mut body = ListBody::after("{\"observers\":[", BODY_BYTES_MAX);
    // The first that does not fit is the last that is looked at.
    let _ = observers.iter().all(|observer| body.add(&ObserverRow::of(observer, now_ms)));
    Ok(body.end(&format!(r#"],"server_time":"{}"}}"#, clock::iso_s(now_s))))
}

/// Returns one observer by its exact id, an inactive one too.
#[utoipa::path(
    get,
    path = "/api/observers/{id}",
    tag = "observers",
    params(("id" = String, Path, description = "as in the topic")),
    responses(
        (status = 200, description = "the observer", body = ObserverRow<'_>),
        (status = 404, description = "there is none", body = ErrorBody),
    )
)]
pub async fn detail(state: State, id: Path<String>) -> Result<JsonBody, ApiError> {
    let none = || ApiError::no_such("Observer not found");
    if hidden(&state.config).contains(&id.trim().to_lowercase()) {
        return Err(none());
    }
    let now_ms = state.clock.now_ms();
    let since_s = now_ms.div_euclid(1000) - HOUR_S;
    let found = state.ask(move |reader| observers::find(reader, &id, since_s)).await?;
    found.map(|observer| JsonBody::of(&ObserverRow::of(&observer, now_ms))).ok_or_else(none)
}

/// Ids in lower case that nobody shall see.
fn hidden(config: &Config) -> Vec<String> {
    config.ingest.observer_blacklist.iter().map(|id| id.trim().to_lowercase()).collect()
}
