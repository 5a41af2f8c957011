//! `/api/observers` (contract §4.3).

use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;
use super::json::JsonBody;
use super::openapi::ErrorBody;
use super::state::{AppState, State};
use crate::clock;
use crate::db::observers::{self, Observer};

const HOUR_S: i64 = 3_600;
/// A clock that was wrong longer ago is taken for right.
const NAIVE_S: i64 = 24 * HOUR_S;

/// All active observers.
#[derive(Serialize, ToSchema)]
pub struct ObserverList {
    observers: Vec<ObserverRow>,
    /// When it was read.
    server_time: String,
}

/// One observer.
#[derive(Serialize, ToSchema)]
pub struct ObserverRow {
    id: String,
    name: Option<String>,
    iata: Option<String>,
    last_seen: Option<String>,
    first_seen: Option<String>,
    packet_count: i64,
    model: Option<String>,
    firmware: Option<String>,
    client_version: Option<String>,
    radio: Option<String>,
    battery_mv: Option<i64>,
    uptime_secs: Option<i64>,
    noise_floor: Option<f64>,
    last_packet_at: Option<String>,
    /// Receptions.
    #[serde(rename = "packetsLastHour")]
    packets_last_hour: i64,
    /// Of the node with the same key; in lists only.
    lat: Option<f64>,
    lon: Option<f64>,
    #[serde(rename = "nodeRole")]
    node_role: Option<String>,
    /// Whether it sent times without a zone in the last 24 h.
    clock_naive: bool,
    clock_skew_seconds: Option<i64>,
    clock_skew_count_24h: i64,
    clock_last_naive_at: Option<String>,
    /// Absent if it never said.
    #[serde(skip_serializing_if = "Option::is_none")]
    can_relay: Option<bool>,
}

impl ObserverRow {
    fn of(observer: Observer, now_s: i64) -> Self {
        let naive_s = observer.clock_naive_at.as_deref().and_then(clock::parse_utc_ms);
        let naive_s = naive_s.map(|at_ms| at_ms.div_euclid(1000));
        let is_naive = naive_s.is_some_and(|at_s| now_s.saturating_sub(at_s) <= NAIVE_S);
        let place = observer.place.unwrap_or_default();
        Self {
            id: observer.id,
            name: observer.name,
            iata: observer.iata,
            last_seen: observer.last_seen,
            first_seen: observer.first_seen,
            packet_count: observer.packet_count,
            model: observer.model,
            firmware: observer.firmware,
            client_version: observer.client_version,
            radio: observer.radio,
            battery_mv: observer.battery_mv,
            uptime_secs: observer.uptime_s,
            noise_floor: observer.noise_floor,
            last_packet_at: observer.last_packet_at,
            packets_last_hour: observer.receptions,
            lat: place.lat,
            lon: place.lon,
            node_role: place.role,
            clock_naive: is_naive,
            clock_skew_seconds: observer.clock_skew_s.filter(|_| is_naive),
            clock_skew_count_24h: if is_naive { observer.clock_skew_count } else { 0 },
            clock_last_naive_at: observer.clock_naive_at.filter(|_| is_naive),
            can_relay: observer.can_relay,
        }
    }
}

/// A list and when it was read, Unix seconds.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    body: JsonBody,
    at_s: i64,
}

/// Lists active observers, seen last first. Without any query the list may be some seconds old and
/// says so in `X-Cache-Age-Seconds`.
#[utoipa::path(
    get,
    path = "/api/observers",
    tag = "observers",
    responses(
        (status = 200, description = "observers", body = ObserverList),
        (status = 503, description = "busy", body = ErrorBody),
    )
)]
pub async fn list(state: State, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let mut answer = HttpResponse::Ok();
    answer.content_type("application/json");
    if !request.query_string().is_empty() {
        return Ok(answer.body(read(&state).await?.body.0));
    }
    let listed = state.observers_kept.get(async || read(&state).await).await?;
    let age_s = state.clock.now_s().saturating_sub(listed.at_s).max(0);
    Ok(answer.insert_header(("x-cache-age-seconds", age_s)).body(listed.body.0))
}

async fn read(state: &AppState) -> Result<Listed, ApiError> {
    let now_s = state.clock.now_s();
    let hidden = state.config.ingest.observer_blacklist.clone();
    let body = state.ask(move |reader| {
        let mut found = observers::list(reader, now_s - HOUR_S)?;
        found.retain(|observer| !is_hidden(&hidden, &observer.id));
        let rows = found.into_iter().map(|observer| ObserverRow::of(observer, now_s)).collect();
        Ok(JsonBody::of(&ObserverList { observers: rows, server_time: clock::iso_s(now_s) }))
    });
    Ok(Listed { body: body.await?, at_s: now_s })
}

/// Returns one observer, an inactive one too.
#[utoipa::path(
    get,
    path = "/api/observers/{id}",
    tag = "observers",
    params(("id" = String, Path, description = "exactly, in its case")),
    responses(
        (status = 200, description = "the observer", body = ObserverRow),
        (status = 404, description = "there is none", body = ErrorBody),
    )
)]
pub async fn detail(state: State, id: Path<String>) -> Result<JsonBody, ApiError> {
    if is_hidden(&state.config.ingest.observer_blacklist, &id) {
        return Err(not_found());
    }
    let now_s = state.clock.now_s();
    let found = state.ask(move |reader| observers::find(reader, &id, now_s - HOUR_S)).await?;
    let found = found.ok_or_else(not_found)?;
    Ok(JsonBody::of(&ObserverRow::of(found, now_s)))
}

fn is_hidden(blacklist: &[String], id: &str) -> bool {
    blacklist.iter().any(|hidden| hidden.trim().eq_ignore_ascii_case(id))
}

fn not_found() -> ApiError {
    ApiError::missing("Observer not found")
}
