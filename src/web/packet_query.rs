//! The parameters of `GET /api/packets`.

use super::error::ApiError;
use super::params::Params;
use crate::config::{Config, GeoFilter};
use crate::db::packets::{self, Filter, Page, Slice, Span};
use crate::db::{DbError, Reader};
use crate::ingest::geo;

const LIMIT_DEFAULT: usize = 50;

/// Names in one comma list.
const LIST_MAX: usize = 200;

/// Which list is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum View {
    /// One row per packet; with `expand=observations` all who heard it.
    Plain {
        /// Whether rows carry their observations.
        is_expanded: bool,
    },
    /// `groupByHash=true`: by latest reception, with counts.
    Grouped,
    /// `nodes=`: sent or relayed by any of these keys or names.
    OfNodes(Vec<String>),
}

/// A checked query.
#[derive(Clone, Debug)]
pub struct PacketQuery {
    /// Which list.
    pub view: View,
    /// Which part of it.
    pub slice: Slice,
    filter: Filter,
    /// Key or name, to be resolved.
    node: Option<String>,
    area: Option<GeoFilter>,
}

impl PacketQuery {
    /// Reads the parameters.
    ///
    /// # Errors
    /// 400 with the parameter's name and what was expected.
    pub fn read(params: &Params, config: &Config) -> Result<Self, ApiError> {
        let limit_max = usize::try_from(config.list_limits.packets_max).unwrap_or(usize::MAX);
        let slice = Slice {
            offset: params.offset(),
            limit: params.limit(LIMIT_DEFAULT, limit_max),
            is_ascending: params.text("order") == Some("asc"),
        };
        let is_of_nodes = params.text("nodes").is_some();
        let span = Span {
            since: params.time("since")?,
            until: params.time("until")?,
            is_inclusive: is_of_nodes,
        };
        // With `nodes` nothing else is looked at (contract §3.1), malformed or not.
        let filter = if is_of_nodes { Filter::default() } else { filter(params)? };
        Ok(Self {
            view: view(params)?,
            slice,
            filter: Filter { span, ..filter },
            node: params.text("node").map(str::to_owned),
            area: area(params, config),
        })
    }

    /// Whether relays are searched, which may pass through all observations.
    pub fn may_scan(&self) -> bool {
        self.node.is_some() || matches!(self.view, View::OfNodes(_))
    }

    /// Finds which packets are asked for.
    ///
    /// # Errors
    /// As the lists of [`packets`].
    pub fn find(mut self, reader: &Reader) -> Result<Page, DbError> {
        if let View::OfNodes(nodes) = &self.view {
            return packets::list_of_nodes(reader, nodes, self.filter.span, self.slice);
        }
        if let Some(node) = &self.node {
            self.filter.node = Some(packets::resolve_node(reader, node)?);
        }
        if let Some(area) = &self.area {
            let keys =
                packets::public_keys_within(reader, |lat, lon| geo::is_inside(area, lat, lon))?;
            self.filter.senders = Some(keys).filter(|keys| !keys.is_empty());
        }
        match self.view {
            View::Grouped => packets::list_grouped(reader, &self.filter, self.slice),
            _ => packets::list(reader, &self.filter, self.slice),
        }
    }
}

fn view(params: &Params) -> Result<View, ApiError> {
    if params.text("nodes").is_some() {
        return bounded_list(params, "nodes").map(View::OfNodes);
    }
    if params.text("groupByHash") == Some("true") {
        return Ok(View::Grouped);
    }
    Ok(View::Plain { is_expanded: params.text("expand") == Some("observations") })
}

/// An unknown key is no filter.
fn area(params: &Params, config: &Config) -> Option<GeoFilter> {
    let area = config.areas.get(params.text("area")?)?;
    Some(GeoFilter { shape: area.shape.clone(), buffer_km: 0.0 })
}

fn filter(params: &Params) -> Result<Filter, ApiError> {
    Ok(Filter {
        payload_type: params.integer("type")?,
        route_type: params.integer("route")?,
        observers: bounded_list(params, "observer")?,
        hash: params.text("hash").map(str::to_owned),
        regions: regions(bounded_list(params, "region")?),
        channel: params.text("channel").map(str::to_owned),
        ..Filter::default()
    })
}

/// `All` anywhere in the list is no filter.
pub(super) fn regions(codes: Vec<String>) -> Vec<String> {
    if codes.iter().any(|code| code.eq_ignore_ascii_case("all")) {
        return Vec::new();
    }
    codes.into_iter().map(|code| code.to_uppercase()).collect()
}

pub(super) fn bounded_list(params: &Params, name: &str) -> Result<Vec<String>, ApiError> {
    let list = params.list(name);
    if list.len() > LIST_MAX {
        return Err(ApiError::bad_request(format!("{name}: at most {LIST_MAX} entries")));
    }
    Ok(list)
}
