//! `/api/packets`: lists, times, one packet, receptions by hash.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::web::{Json, Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::json::{JsonBody, ListBody};
use super::packet_query::{PacketQuery, View};
use super::packet_rows::{GroupedRow, ObservationRow, PlainRow, ReceptionRow, hops};
use super::params::Params;
use super::ready_lists::{KeptAs, QUERY_MAX};
use super::state::State;
use crate::db::packets::{self, Depth, Found, Page, Slice, Transmission};
use crate::db::{DbError, Reader};
use crate::store::Snapshot;

/// More times than this are not listed at once.
const TIMES_MAX: usize = 1_000_000;

/// Bytes of a list: some 30,000 plain rows, or 2,500 with 20 receptions each.
const LIST_BYTES_MAX: usize = 32 << 20;

/// Hashes in one request (contract §3.5).
const HASHES_MAX: usize = 200;

/// A part of a list of packets.
// For the API's description: `write_list` writes it row by row.
#[derive(Serialize, ToSchema)]
pub struct PacketList<R> {
    /// The part.
    packets: Vec<R>,
    /// Length of the whole list.
    total: usize,
    /// Rows at most, as applied.
    limit: usize,
    /// Rows stepped over, as applied.
    offset: usize,
}

/// Rows of one kind.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum PacketLists<'p> {
    /// Without `groupByHash`.
    Plain(PacketList<PlainRow<'p>>),
    /// With it.
    Grouped(PacketList<GroupedRow<'p>>),
}

/// Lists packets.
///
/// Plain rows by transmission id, or grouped rows by latest reception, or (with `nodes`) plain
/// rows of packets that these nodes sent or relayed.
#[utoipa::path(
    get,
    path = "/api/packets",
    tag = "packets",
    params(
        ("limit" = Option<i64>, Query, description = "rows, 50 by default"),
        ("offset" = Option<i64>, Query, description = "rows to step over"),
        ("order" = Option<String>, Query, description = "`asc` for the lowest id first"),
        ("type" = Option<i64>, Query, description = "payload type"),
        ("route" = Option<i64>, Query, description = "route type"),
        ("observer" = Option<String>, Query, description = "comma list of observer ids, any"),
        ("hash" = Option<String>, Query, description = "content hash"),
        ("since" = Option<String>, Query, description = "first seen later than this time"),
        ("until" = Option<String>, Query, description = "first seen earlier than this time"),
        ("region" = Option<String>, Query, description = "comma list of IATA codes, any; `All`"),
        ("area" = Option<String>, Query, description = "key of an area; adverts from within"),
        ("node" = Option<String>, Query, description = "public key or name; sent or relayed"),
        ("nodes" = Option<String>, Query, description = "comma list of keys or names, any"),
        ("channel" = Option<String>, Query, description = "channel name or `enc_` and hash byte"),
        ("groupByHash" = Option<bool>, Query, description = "`true` for grouped rows"),
        ("expand" = Option<String>, Query, description = "`observations` for all receptions"),
    ),
    responses(
        (status = 200, description = "plain or grouped rows", body = PacketLists<'_>),
        (status = 400, description = "a parameter is malformed", body = ErrorBody),
        (status = 413, description = "the list has more than 32 MiB", body = ErrorBody),
        (status = 503, description = "busy, or the query was too slow", body = ErrorBody),
    )
)]
pub async fn list(state: State, params: Params) -> Result<JsonBody, ApiError> {
    let query = PacketQuery::read(&params, &state.config)?;
    let shared = state.clone();
    let make = async move { make_list(&shared, Arc::new(query)).await };
    let query = params.canonical(QUERY_MAX);
    let kept_as = KeptAs { query, beside: String::new(), may_age: false };
    state.ready_lists.get(&state.window, kept_as, make).await
}

async fn make_list(state: &State, query: Arc<PacketQuery>) -> Result<JsonBody, ApiError> {
    let list = match list_from_window(state, &query).await? {
        Some(list) => list,
        None if query.may_scan() => {
            state.ask_scan(move |reader| write_list(reader, &query)).await?
        }
        None => state.ask(move |reader| write_list(reader, &query)).await?,
    };
    list.ok_or_else(|| ApiError::answer_too_large(LIST_BYTES_MAX))
}

/// A list, or that it is more than may be written.
type Written = Option<JsonBody>;

/// Lists from the RAM window; `None` where that may lack something.
async fn list_from_window(
    state: &State,
    query: &Arc<PacketQuery>,
) -> Result<Option<Written>, ApiError> {
    let window = match state.current_window() {
        // Without the window a search for relays reads everything.
        None if query.may_scan() => state.window_soon().await,
        window => window,
    };
    let window = window.filter(|window| query.is_covered_by(window));
    let Some(window) = window else { return Ok(None) };
    state.window.count_query();
    let query = Arc::clone(query);
    state.ask(move |reader| write_list_in(&window, reader, &query)).await
}

/// Writes row by row on the reader's thread.
fn write_list(reader: &Reader, query: &PacketQuery) -> Result<Written, DbError> {
    let page = query.find(reader)?;
    let mut body = ListBody::new(LIST_BYTES_MAX);
    page.visit(reader, depth(query), |packet| add_row(&mut body, query, packet))?;
    Ok(end_list(body, query, &page))
}

fn write_list_in(
    window: &Snapshot,
    reader: &Reader,
    query: &PacketQuery,
) -> Result<Option<Written>, DbError> {
    let Some(page) = query.find_in(window, reader)? else { return Ok(None) };
    let mut body = ListBody::new(LIST_BYTES_MAX);
    let source = (reader, depth(query));
    let is_there = page.visit_in(window, source, |packet| add_row(&mut body, query, packet))?;
    Ok(is_there.then(|| end_list(body, query, &page)))
}

fn depth(query: &PacketQuery) -> Depth {
    match query.view {
        View::Plain { is_expanded: true } => Depth::All,
        _ => Depth::Best,
    }
}

fn add_row(body: &mut ListBody, query: &PacketQuery, packet: &Transmission) -> bool {
    match query.view {
        View::Grouped => body.add(&GroupedRow::of(packet)),
        View::Plain { is_expanded } => body.add(&PlainRow::of(packet, is_expanded)),
        View::OfNodes(_) => body.add(&PlainRow::of(packet, false)),
    }
}

fn end_list(body: ListBody, query: &PacketQuery, page: &Page) -> Written {
    let Slice { limit, offset, .. } = query.slice;
    body.end(&format!(r#"],"total":{},"limit":{limit},"offset":{offset}}}"#, page.total))
}

/// Lists the times at which packets were first seen, ascending.
#[utoipa::path(
    get,
    path = "/api/packets/timestamps",
    tag = "packets",
    params(("since" = String, Query, description = "later than this time")),
    responses(
        (status = 200, description = "times", body = Vec<String>),
        (status = 400, description = "no time given, or too many times", body = ErrorBody),
    )
)]
pub async fn times(state: State, params: Params) -> Result<JsonBody, ApiError> {
    let since = params.time("since")?.ok_or_else(|| ApiError::bad_request("since required"))?;
    let body = state.ask(move |reader| {
        let times = packets::times_since(reader, &since, TIMES_MAX + 1)?;
        Ok((times.len() <= TIMES_MAX).then(|| JsonBody::of(&times)))
    });
    body.await?.ok_or_else(|| ApiError::bad_request("since: too far back, choose a later time"))
}

/// One packet.
#[derive(Serialize, ToSchema)]
pub struct PacketDetail<'t> {
    /// The plain row with its observations, or the reception that was asked for.
    packet: DetailRow<'t>,
    /// The hops of the packet's path.
    path: Vec<String>,
    /// Receptions, 1 if none is known.
    observation_count: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    observations: Vec<ObservationRow<'t>>,
}

/// What `{id}` named.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum DetailRow<'t> {
    /// A packet.
    Packet(Box<PlainRow<'t>>),
    /// One reception.
    Reception(Box<ReceptionRow<'t>>),
}

/// Returns one packet by hash, by its id, or by the id of one of its receptions.
#[utoipa::path(
    get,
    path = "/api/packets/{id}",
    tag = "packets",
    params(("id" = String, Path, description = "hash, packet id or observation id")),
    responses(
        (status = 200, description = "the packet", body = PacketDetail<'_>),
        (status = 404, description = "there is none", body = ErrorBody),
    )
)]
pub async fn detail(state: State, id: Path<String>) -> Result<JsonBody, ApiError> {
    let body = state.ask(move |reader| {
        Ok(packets::find(reader, &id)?.map(|found| JsonBody::of(&detail_body(&found))))
    });
    body.await?.ok_or_else(ApiError::not_found)
}

fn detail_body(found: &Found) -> PacketDetail<'_> {
    let (packet, row, seen) = match found {
        Found::Transmission(packet) => {
            let row = DetailRow::Packet(Box::new(PlainRow::of(packet, true)));
            (packet, row, packet.best())
        }
        Found::Observation(packet, index) => {
            let seen = &packet.observations[*index];
            let row = DetailRow::Reception(Box::new(ReceptionRow::of(packet, seen)));
            (packet, row, Some(seen))
        }
    };
    PacketDetail {
        packet: row,
        path: hops(seen),
        observation_count: packet.observations.len().max(1),
        observations: ObservationRow::all_of(packet),
    }
}

/// Content hashes.
#[derive(Deserialize, ToSchema)]
pub struct HashList {
    /// At most 200; `null` is none.
    hashes: Option<Vec<String>>,
}

/// Receptions by hash.
#[derive(Serialize, ToSchema)]
pub struct ObservationsByHash<'t> {
    /// Keys as they were given; an unknown hash has none.
    results: BTreeMap<&'t str, Vec<ObservationRow<'t>>>,
}

/// Returns the receptions of several packets.
#[utoipa::path(
    post,
    path = "/api/packets/observations",
    tag = "packets",
    request_body = HashList,
    responses(
        (status = 200, description = "receptions by hash", body = ObservationsByHash<'_>),
        (status = 400, description = "malformed, or more than 200", body = ErrorBody),
    )
)]
pub async fn observations(state: State, asked: Json<HashList>) -> Result<JsonBody, ApiError> {
    let hashes = asked.into_inner().hashes.unwrap_or_default();
    if hashes.len() > HASHES_MAX {
        return Err(ApiError::bad_request(format!("hashes: at most {HASHES_MAX}")));
    }
    state
        .ask(move |reader| {
            let found = packets::observations_of(reader, &hashes)?;
            Ok(JsonBody::of(&by_hash(&hashes, &found)))
        })
        .await
}

fn by_hash<'t>(hashes: &'t [String], found: &'t [Option<Transmission>]) -> ObservationsByHash<'t> {
    let rows = |packet: &'t Option<Transmission>| {
        packet.as_ref().map(ObservationRow::all_of).unwrap_or_default()
    };
    let pairs = hashes.iter().map(String::as_str).zip(found.iter().map(rows));
    ObservationsByHash { results: pairs.collect() }
}
