//! `/api/nodes`: the list, a search, one node (contract §4.1, §4.2).

use actix_web::web::Path;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::json::{JsonBody, ListBody, bytes};
use super::node_activity;
use super::node_rows::{NodeRow, SentRow};
use super::nodes_kept::Activity;
use super::packet_query::{bounded_list, regions};
use super::params::Params;
use super::ready_lists::{KeptAs, QUERY_MAX};
use super::state::State;
use crate::clock;
use crate::config::Config;
use crate::db::nodes::{self, FoundNode, Hidden, Node, NodeFilter, RoleTotals, Sorting};
use crate::db::{DbError, Reader};

const LIMIT_DEFAULT: usize = 50;

/// Bytes of an answer: some 50,000 nodes.
const BODY_BYTES_MAX: usize = 32 << 20;

const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 24 * HOUR_S;

/// A part of the list of nodes.
// For the API's description: `write_list` writes it row by row.
#[derive(Serialize, ToSchema)]
pub struct NodeList<'n> {
    /// The part.
    nodes: Vec<NodeRow<'n>>,
    /// Length of the whole list.
    total: i64,
    counts: RoleCounts,
}

/// All nodes by role, whatever is asked for.
#[derive(Serialize, ToSchema)]
struct RoleCounts {
    companions: i64,
    repeaters: i64,
    rooms: i64,
    sensors: i64,
}

impl From<RoleTotals> for RoleCounts {
    fn from(totals: RoleTotals) -> Self {
        let RoleTotals { companions, repeaters, rooms, sensors, .. } = totals;
        Self { companions, repeaters, rooms, sensors }
    }
}

/// Lists nodes.
///
/// `total` counts what matches, all filters applied. While nodes change all the time, a list that
/// takes more than 10 ms to make may be as old as ten makings, 1 s at most.
#[utoipa::path(
    get,
    path = "/api/nodes",
    tag = "nodes",
    params(
        ("limit" = Option<i64>, Query, description = "nodes, 50 by default"),
        ("offset" = Option<i64>, Query, description = "nodes to step over"),
        ("role" = Option<String>, Query, description = "`repeater`, `companion`, `room`, `sensor`"),
        ("search" = Option<String>, Query, description = "part of the name, either case"),
        ("before" = Option<String>, Query, description = "first seen until this time"),
        ("lastHeard" = Option<String>, Query, description = "1h, 6h, 24h, 7d or 30d"),
        ("sortBy" = Option<String>, Query, description = "`name`, `packetCount`, or `lastSeen`"),
        ("region" = Option<String>, Query, description = "comma list of IATA codes, any; `All`"),
        ("area" = Option<String>, Query, description = "key of an area"),
    ),
    responses(
        (status = 200, description = "nodes", body = NodeList<'_>),
        (status = 400, description = "a parameter is malformed", body = ErrorBody),
        (status = 413, description = "the list has more than 32 MiB", body = ErrorBody),
        (status = 503, description = "busy, or the query was too slow", body = ErrorBody),
    )
)]
pub async fn list(state: State, params: Params) -> Result<JsonBody, ApiError> {
    let mut filter = filter(&params, &state.config, state.clock.now_s())?;
    let regions = regions(bounded_list(&params, "region")?);
    if !regions.is_empty() {
        filter.keys = Some(node_activity::keys_in(&state, regions).await?);
    }
    let activity = node_activity::activity(&state).await?;
    let slice = (params.limit(LIMIT_DEFAULT, nodes_max(&state.config)), params.offset());
    let kept_as = kept_as(&params, &filter, &activity);
    let shared = state.clone();
    let make = async move {
        let list = shared.ask(move |reader| write_list(reader, &filter, slice, &activity)).await?;
        list.ok_or_else(|| ApiError::answer_too_large(BODY_BYTES_MAX))
    };
    state.ready_lists.get(&state.window, kept_as, make).await
}

/// A list of regions is not kept: whose adverts were heard there is known of another time.
fn kept_as(params: &Params, filter: &NodeFilter, activity: &Activity) -> KeptAs {
    let query = params.canonical(QUERY_MAX).filter(|_| filter.keys.is_none());
    let query = query.map(|query| format!("/api/nodes?{query}"));
    let Activity { at_s, hash_sizes, relays, .. } = activity;
    let known = (at_s, hash_sizes.is_some(), relays.is_some(), &filter.last_seen_after);
    KeptAs { query, beside: format!("{known:?}"), may_age: true }
}

fn write_list(
    reader: &Reader,
    filter: &NodeFilter,
    (limit, offset): (usize, usize),
    activity: &Activity,
) -> Result<Option<JsonBody>, DbError> {
    let page = nodes::list(reader, filter, limit, offset)?;
    let counts = RoleCounts::from(page.roles);
    let mut body = ListBody::after("{\"nodes\":[", BODY_BYTES_MAX);
    // The first that does not fit is the last that is looked at.
    let _ = page.nodes.iter().all(|node| body.add(&NodeRow::of(node, activity)));
    let counts = serde_json::to_string(&counts).unwrap_or_default();
    Ok(body.end(&format!(r#"],"total":{},"counts":{counts}}}"#, page.total)))
}

fn filter(params: &Params, config: &Config, now_s: i64) -> Result<NodeFilter, ApiError> {
    let text = |name: &str| params.text(name).map(str::to_owned);
    let area = params.text("area").and_then(|key| config.areas.get(key));
    Ok(NodeFilter {
        role: text("role"),
        name_part: text("search"),
        first_seen_until: params.time("before")?,
        last_seen_after: last_heard_s(params).map(|span_s| clock::iso_s(now_s - span_s)),
        keys: None,
        area: area.map(|area| area.shape.clone()),
        home: config.geo_filter.clone(),
        hidden: hidden(config),
        sorting: match params.text("sortBy") {
            Some("name") => Sorting::Name,
            Some("packetCount") => Sorting::AdvertCount,
            _ => Sorting::LastSeen,
        },
    })
}

/// An unknown span is no filter.
fn last_heard_s(params: &Params) -> Option<i64> {
    match params.text("lastHeard")? {
        "1h" => Some(HOUR_S),
        "6h" => Some(6 * HOUR_S),
        "24h" => Some(DAY_S),
        "7d" => Some(7 * DAY_S),
        "30d" => Some(30 * DAY_S),
        _ => None,
    }
}

/// What the operator wants nobody to see.
fn hidden(config: &Config) -> Hidden {
    let keys = config.node_blacklist.iter().map(|key| key.trim().to_lowercase());
    let prefixes = config.hidden_name_prefixes.iter().filter(|prefix| !prefix.is_empty());
    Hidden { keys: keys.collect(), name_prefixes: prefixes.cloned().collect() }
}

fn nodes_max(config: &Config) -> usize {
    usize::try_from(config.list_limits.nodes_max).unwrap_or(usize::MAX)
}

/// What a search found.
#[derive(Serialize, ToSchema)]
pub struct NodesFound<'n> {
    /// Seen last first, 10 at most.
    nodes: Vec<NodeRow<'n>>,
}

/// Finds nodes by part of the name or beginning of the key.
///
/// `hash_size` is always `null` here, and the keys about relaying are absent.
#[utoipa::path(
    get,
    path = "/api/nodes/search",
    tag = "nodes",
    params(("q" = Option<String>, Query, description = "part of the name, beginning of the key")),
    responses((status = 200, description = "at most 10", body = NodesFound<'_>))
)]
pub async fn search(state: State, params: Params) -> Result<JsonBody, ApiError> {
    let text = params.text("q").unwrap_or_default().trim().to_owned();
    if text.is_empty() {
        return Ok(JsonBody::of(&NodesFound { nodes: Vec::new() }));
    }
    let hidden = hidden(&state.config);
    state
        .ask(move |reader| {
            let found = nodes::search(reader, &text, &hidden)?;
            Ok(JsonBody::of(&NodesFound { nodes: found.iter().map(NodeRow::plain).collect() }))
        })
        .await
}

/// One node, and what it sent.
#[derive(Serialize, ToSchema)]
pub struct NodeDetail<'n> {
    node: NodeRow<'n>,
    /// The latest 20 packets that it sent, newest first.
    #[serde(rename = "recentAdverts")]
    recent_adverts: Vec<SentRow<'n>>,
}

/// Returns one node by its key, or by 8 digits or more that only its key begins with.
#[utoipa::path(
    get,
    path = "/api/nodes/{pubkey}",
    tag = "nodes",
    params(("pubkey" = String, Path, description = "64 hex digits, or the first 8 or more")),
    responses(
        (status = 200, description = "the node", body = NodeDetail<'_>),
        (status = 404, description = "there is none", body = ErrorBody),
        (status = 409, description = "more than one key begins so", body = ErrorBody),
        (status = 413, description = "its packets have more than 32 MiB", body = ErrorBody),
    )
)]
pub async fn detail(state: State, key: Path<String>) -> Result<JsonBody, ApiError> {
    let hidden = hidden(&state.config);
    let node = match state.ask(move |reader| nodes::find(reader, &key, &hidden)).await? {
        FoundNode::One(node) => node,
        FoundNode::None => return Err(ApiError::not_found()),
        FoundNode::Ambiguous => {
            return Err(ApiError::conflict("more than one key begins so, use a longer prefix"));
        }
    };
    let activity = node_activity::activity(&state).await?;
    let body = state.ask(move |reader| write_detail(reader, &node, &activity)).await?;
    body.ok_or_else(|| ApiError::answer_too_large(BODY_BYTES_MAX))
}

fn write_detail(
    reader: &Reader,
    node: &Node,
    activity: &Activity,
) -> Result<Option<JsonBody>, DbError> {
    let flood_adverts = nodes::count_flood_adverts(reader, &node.public_key, activity.at_s)?;
    let row = NodeRow::of(node, activity).in_detail(flood_adverts, activity);
    let row = bytes(&row);
    let head = [b"{\"node\":", row.trim_ascii_end(), b",\"recentAdverts\":["].concat();
    let mut body = ListBody::after(head, BODY_BYTES_MAX);
    nodes::recent_adverts(reader, &node.public_key, |packet, scope_name| {
        body.add(&SentRow::of(packet, scope_name))
    })?;
    Ok(body.end("]}"))
}
