//! `/api/nodes`: lists, search, one node (contract §4.1, §4.2).

use std::sync::Arc;

use actix_web::web::Path;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;
use super::json::{self, JsonBody};
use super::node_query::{NodeQuery, hidden};
use super::node_rows::{AdvertRow, Enriched, NodeRow};
use super::openapi::ErrorBody;
use super::params::Params;
use super::state::State;
use crate::db::nodes::{self, FoundNode, HashSizes, Relays, RoleTotals};

/// What recent packets tell of nodes; a part that took too long to read is empty.
#[derive(Debug, Default)]
pub struct NodeFigures {
    /// Sizes of path hashes.
    pub hash_sizes: HashSizes,
    /// Who passed packets on; `None` if it could not be read in time.
    pub relays: Option<Relays>,
}

/// A part of the list.
#[derive(Serialize, ToSchema)]
pub struct NodeList {
    nodes: Vec<NodeRow>,
    /// Length of the whole list.
    total: i64,
    counts: NodeCounts,
}

/// All nodes by role.
#[derive(Serialize, ToSchema)]
pub struct NodeCounts {
    companions: i64,
    repeaters: i64,
    rooms: i64,
    sensors: i64,
}

impl From<RoleTotals> for NodeCounts {
    fn from(totals: RoleTotals) -> Self {
        let RoleTotals { companions, repeaters, rooms, sensors } = totals;
        Self { companions, repeaters, rooms, sensors }
    }
}

/// Lists nodes.
#[utoipa::path(
    get,
    path = "/api/nodes",
    tag = "nodes",
    params(
        ("limit" = Option<i64>, Query, description = "rows, 50 by default"),
        ("offset" = Option<i64>, Query, description = "rows to step over"),
        ("role" = Option<String>, Query, description = "exactly"),
        ("search" = Option<String>, Query, description = "part of the name"),
        ("before" = Option<String>, Query, description = "first seen at this time at the latest"),
        ("lastHeard" = Option<String>, Query, description = "`1h`, `6h`, `24h`, `7d`, `30d`"),
        ("sortBy" = Option<String>, Query, description = "`lastSeen`, `name`, `packetCount`"),
        ("region" = Option<String>, Query, description = "comma list of IATA codes, any; `All`"),
        ("area" = Option<String>, Query, description = "key of an area"),
    ),
    responses(
        (status = 200, description = "nodes", body = NodeList),
        (status = 400, description = "a parameter is malformed", body = ErrorBody),
        (status = 503, description = "busy", body = ErrorBody),
    )
)]
pub async fn list(state: State, params: Params) -> Result<JsonBody, ApiError> {
    let query = NodeQuery::read(&params, &state.config, state.clock.now_s())?;
    let rows = Enriched::new(&state, state.node_figures().await?);
    let body = state.ask(move |reader| {
        let (page, totals) = query.find(reader)?;
        let nodes = page.nodes.iter().map(|node| rows.row(node)).collect();
        Ok(JsonBody::of(&NodeList { nodes, total: page.total, counts: totals.into() }))
    });
    body.await
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub struct FoundNodes {
    nodes: Vec<NodeRow>,
}

/// Finds up to ten nodes by a part of the name or the beginning of the key.
#[utoipa::path(
    get,
    path = "/api/nodes/search",
    tag = "nodes",
    params(("q" = Option<String>, Query, description = "part of a name, beginning of a key")),
    responses((status = 200, description = "seen last first", body = FoundNodes))
)]
pub async fn search(state: State, params: Params) -> Result<JsonBody, ApiError> {
    let text = params.text("q").unwrap_or_default().trim().to_owned();
    if text.is_empty() {
        return Ok(JsonBody::of(&FoundNodes { nodes: Vec::new() }));
    }
    let hidden = hidden(&state.config);
    let found = state.ask(move |reader| nodes::search(reader, &text, &hidden)).await?;
    Ok(JsonBody::of(&FoundNodes { nodes: found.iter().map(NodeRow::plain).collect() }))
}

/// One node.
#[derive(Serialize, ToSchema)]
pub struct NodeDetail {
    node: NodeRow,
    #[serde(rename = "recentAdverts")]
    #[schema(value_type = Vec<Object>)]
    recent_adverts: Vec<Box<serde_json::value::RawValue>>,
}

/// Returns one node by its key, or by the first 8 or more digits of it.
#[utoipa::path(
    get,
    path = "/api/nodes/{pubkey}",
    tag = "nodes",
    params(("pubkey" = String, Path, description = "public key, or its beginning")),
    responses(
        (status = 200, description = "the node and its last 20 adverts", body = NodeDetail),
        (status = 404, description = "there is none", body = ErrorBody),
        (status = 409, description = "more than one key begins so", body = ErrorBody),
    )
)]
pub async fn detail(state: State, key: Path<String>) -> Result<JsonBody, ApiError> {
    let rows = Enriched::new(&state, state.node_figures().await?);
    let (hidden, now_s) = (hidden(&state.config), state.clock.now_s());
    let found = state.ask(move |reader| {
        let node = match nodes::find(reader, &key, &hidden)? {
            FoundNode::One(node) => node,
            FoundNode::Ambiguous => return Ok(Err(ambiguous())),
            FoundNode::None => return Ok(Err(ApiError::not_found())),
        };
        let floods = nodes::count_flood_adverts(reader, &node.public_key, now_s)?;
        let mut recent_adverts = Vec::new();
        nodes::recent_adverts(reader, &node.public_key, |packet, scope| {
            let text = json::text(&AdvertRow::of(packet, scope));
            recent_adverts.extend(serde_json::value::RawValue::from_string(text));
            true
        })?;
        let node = rows.detail(&node, floods);
        Ok(Ok(JsonBody::of(&NodeDetail { node, recent_adverts })))
    });
    found.await?
}

fn ambiguous() -> ApiError {
    ApiError::conflict("more than one node has a key that begins so; give more digits")
}

/// Reads what recent packets tell of nodes; where that takes too long it is said as unknown.
pub(super) async fn read_figures(state: &super::AppState) -> Result<Arc<NodeFigures>, ApiError> {
    let now_s = state.clock.now_s();
    let sizes = state.ask_scan(move |reader| nodes::hash_sizes(reader, now_s)).await;
    let relays = state.ask_scan(move |reader| nodes::relay_figures(reader, now_s)).await;
    let hash_sizes = match sizes {
        Ok(sizes) => sizes,
        Err(error) if error.is_busy() => HashSizes::new(),
        Err(error) => return Err(error),
    };
    let relays = match relays {
        Ok(relays) => Some(relays),
        Err(error) if error.is_busy() => None,
        Err(error) => return Err(error),
    };
    Ok(Arc::new(NodeFigures { hash_sizes, relays }))
}
