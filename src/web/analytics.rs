//! `/api/analytics/hash-sizes` and `/api/analytics/rf` (contract §4.6 to §4.8), from digests.

use std::sync::Arc;

use super::analytics_query::AnalyticsQuery;
use super::error::{ApiError, WarmingUpBody};
use super::json::JsonBody;
use super::migrations;
use super::params::Params;
use super::state::{AppState, State};
use crate::config::{Config, Role};
use crate::db::{DbError, ReadError, Reader, analytics};
use crate::store::analytics::hash_sizes::HashSizesBody;
use crate::store::analytics::rf::RfBody;

/// A body may have so many bytes: some 150,000 nodes.
const BODY_BYTES_MAX: usize = 32 << 20;

/// With how many bytes hops name their relays.
///
/// Packets count once, where their best path has a hop; nodes are judged by their adverts.
#[utoipa::path(
    get,
    path = "/api/analytics/hash-sizes",
    tag = "analytics",
    params(
        ("region" = Option<String>, Query, description = "comma list of IATA codes; unknown ones \
          and `All` are no filter"),
        ("area" = Option<String>, Query, description = "key of an area; adverts from within"),
    ),
    responses(
        (status = 200, description = "counts and nodes", body = HashSizesBody),
        (status = 503, description = "digests are still being made", body = WarmingUpBody),
    )
)]
pub async fn hash_sizes(state: State, params: Params) -> Result<JsonBody, ApiError> {
    let query = AnalyticsQuery::of_all_time(&params, &state.config);
    let make = make_hash_sizes(state.config.clone(), query.clone());
    state.hash_sizes_kept.get(&query.key(), async || ask(&state, make).await).await
}

fn make_hash_sizes(
    config: Arc<Config>,
    query: AnalyticsQuery,
) -> impl FnOnce(&Reader) -> Result<Option<JsonBody>, DbError> + Send {
    move |reader| {
        let is_shown = |key: &str, name: Option<&str>| is_shown(&config, key, name);
        let body = query.ask(0, |asked| analytics::hash_sizes(reader, asked, is_shown))?;
        Ok(body.map(|body| JsonBody::of(&body)))
    }
}

/// Nodes that the operator hides are not named anywhere.
fn is_shown(config: &Config, key: &str, name: Option<&str>) -> bool {
    let is_blacklisted = config.node_blacklist.iter().any(|node| node.eq_ignore_ascii_case(key));
    let name = name.unwrap_or_default();
    let is_hidden = config.hidden_name_prefixes.iter().any(|prefix| name.starts_with(prefix));
    !is_blacklisted && !is_hidden
}

/// Signals, sizes and kinds of what was heard.
///
/// Without a region the window is compared with the time at which a packet was first seen, with
/// one with that of each reception.
#[utoipa::path(
    get,
    path = "/api/analytics/rf",
    tag = "analytics",
    params(
        ("region" = Option<String>, Query, description = "comma list of IATA codes; unknown ones \
          and `All` are no filter"),
        ("area" = Option<String>, Query, description = "key of an area; adverts from within"),
        ("window" = Option<String>, Query, description = "1h, 24h, 1d, 3d, 7d, 1w or 30d"),
        ("from" = Option<String>, Query, description = "RFC 3339, included; instead of `window`"),
        ("to" = Option<String>, Query, description = "RFC 3339, included; instead of `window`"),
    ),
    responses(
        (status = 200, description = "figures", body = RfBody),
        (status = 503, description = "digests are still being made", body = WarmingUpBody),
    )
)]
pub async fn rf(state: State, params: Params) -> Result<JsonBody, ApiError> {
    let query = AnalyticsQuery::read(&params, &state.config);
    let make = make_rf(query.clone(), state.clock.now_ms());
    state.rf_kept.get(&query.key(), async || ask(&state, make).await).await
}

fn make_rf(
    query: AnalyticsQuery,
    now_ms: i64,
) -> impl FnOnce(&Reader) -> Result<Option<JsonBody>, DbError> + Send {
    move |reader| {
        let body = query.ask(now_ms, |asked| analytics::rf(reader, asked))?;
        Ok(body.map(|body| JsonBody::of(&body)))
    }
}

/// Asks a reader; one pass over all digests runs at a time.
async fn ask(
    state: &AppState,
    make: impl FnOnce(&Reader) -> Result<Option<JsonBody>, DbError> + Send + 'static,
) -> Result<JsonBody, ApiError> {
    let body = match state.ready()?.readers.ask_scan(make).await {
        // The digests are missing that would have made it fast.
        Ok(None) | Err(ReadError::TimedOut(_)) => return Err(not_ready(state).await),
        Ok(Some(body)) => body,
        Err(error) => return Err(error.into()),
    };
    match body.0.len() {
        0..=BODY_BYTES_MAX => Ok(body),
        _ => Err(ApiError::analytics_too_large(BODY_BYTES_MAX)),
    }
}

/// A process that may not write waits for another to make the digests; there may be none.
async fn not_ready(state: &AppState) -> ApiError {
    match state.config.role {
        Role::Server => ApiError::warming_up_as(
            "analytics of a database as large as this need digests, which a corescope makes that \
             writes it (role all or ingest)",
        ),
        Role::All | Role::Ingest => {
            let listed = migrations::read(state).await.unwrap_or_default();
            ApiError::warming_up(migrations::warmup_task_of(&listed, analytics::MIGRATION))
        }
    }
}
