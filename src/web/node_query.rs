//! The parameters of `GET /api/nodes`.

use std::sync::Arc;

use super::error::ApiError;
use super::packet_query::{bounded_list, regions};
use super::params::Params;
use crate::clock;
use crate::config::Config;
use crate::db::nodes::{self, Hidden, NodeFilter, NodePage, RoleTotals, Sorting};
use crate::db::{DbError, Reader};

const LIMIT_DEFAULT: usize = 50;

/// A checked query.
#[derive(Clone, Debug)]
pub struct NodeQuery {
    filter: NodeFilter,
    regions: Vec<String>,
    limit: usize,
    offset: usize,
}

impl NodeQuery {
    /// Reads the parameters; `now_s` are Unix seconds.
    ///
    /// # Errors
    /// 400 with the parameter's name and what was expected.
    pub fn read(params: &Params, config: &Config, now_s: i64) -> Result<Self, ApiError> {
        let limit_max = usize::try_from(config.list_limits.nodes_max).unwrap_or(usize::MAX);
        let text = |name: &str| params.text(name).map(str::to_owned);
        let area = params.text("area").and_then(|key| config.areas.get(key));
        Ok(Self {
            filter: NodeFilter {
                role: text("role"),
                name_part: text("search"),
                first_seen_until: params.time("before")?,
                last_seen_after: params.text("lastHeard").and_then(|span| heard_after(span, now_s)),
                keys: None,
                area: area.map(|area| area.shape.clone()),
                home: config.geo_filter.clone(),
                hidden: hidden(config),
                sorting: sorting(params.text("sortBy")),
            },
            regions: regions(bounded_list(params, "region")?),
            limit: params.limit(LIMIT_DEFAULT, limit_max),
            offset: params.offset(),
        })
    }

    /// Finds the page, and counts all nodes by role.
    ///
    /// # Errors
    /// As the lists of [`nodes`].
    pub fn find(mut self, reader: &Reader) -> Result<(NodePage, RoleTotals), DbError> {
        if !self.regions.is_empty() {
            let keys = nodes::keys_heard_in(reader, &self.regions)?;
            let keys: Vec<String> = keys.into_iter().collect();
            self.filter.keys = Some(Arc::from(serde_json::to_string(&keys).unwrap_or_default()));
        }
        let page = nodes::list(reader, &self.filter, self.limit, self.offset)?;
        Ok((page, nodes::count_roles(reader, &self.filter.hidden)?))
    }
}

/// What is never shown.
pub(super) fn hidden(config: &Config) -> Hidden {
    Hidden {
        keys: config.node_blacklist.iter().map(|key| key.trim().to_lowercase()).collect(),
        name_prefixes: config.hidden_name_prefixes.clone(),
    }
}

/// Other spans filter nothing.
fn heard_after(span: &str, now_s: i64) -> Option<String> {
    let hours = match span {
        "1h" => 1,
        "6h" => 6,
        "24h" => 24,
        "7d" => 7 * 24,
        "30d" => 30 * 24,
        _ => return None,
    };
    Some(clock::iso_s(now_s - hours * 3_600))
}

fn sorting(by: Option<&str>) -> Sorting {
    match by {
        Some("name") => Sorting::Name,
        Some("packetCount") => Sorting::AdvertCount,
        _ => Sorting::LastSeen,
    }
}
