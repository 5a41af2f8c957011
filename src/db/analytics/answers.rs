//! The figures of the analytics, from digests.

use std::collections::{HashMap, HashSet};

use super::pass::{Coverage, Part, pass};
use super::places;
use crate::db::error::DbError;
use crate::db::packets::public_keys_within;
use crate::db::reader::Reader;
use crate::store::analytics::capability::Node;
use crate::store::analytics::hash_sizes::{AskedHomes, HashSizesBody, HashSizesTally};
use crate::store::analytics::home::HomeTally;
use crate::store::analytics::rf::{RfBody, RfTally};
use crate::store::analytics::{Scope, Window};

/// Says whether a place (latitude, longitude in degrees) lies in the area asked for.
pub type IsInside<'a> = &'a dyn Fn(f64, f64) -> bool;

/// What is asked for.
#[derive(Clone, Copy, Default)]
pub struct Asked<'a> {
    /// Region codes, upper case; unknown ones only are no filter.
    pub regions: &'a [String],
    /// An area in which there is no node is no filter.
    pub area: Option<IsInside<'a>>,
    /// The time.
    pub window: Window,
}

/// What the rows of regions and areas make of a question.
struct Resolved {
    scope: Scope,
    regions: HashMap<i64, String>,
}

fn resolve(reader: &Reader, asked: &Asked<'_>) -> Result<Resolved, DbError> {
    let mut resolved = Resolved {
        scope: Scope { window: asked.window, ..Scope::default() },
        regions: HashMap::new(),
    };
    if !asked.regions.is_empty() {
        resolved.regions = places::regions(reader)?;
        let wanted: HashSet<String> = asked.regions.iter().cloned().collect();
        resolved.scope.observers = places::observers_in(&resolved.regions, &wanted);
    }
    if let Some(is_inside) = asked.area {
        let keys = public_keys_within(reader, is_inside)?;
        resolved.scope.senders = (!keys.is_empty()).then(|| keys.into_iter().collect());
    }
    Ok(resolved)
}

/// Returns the body of `/api/analytics/rf`; `None` while too few digests have been made.
///
/// # Errors
/// If the database cannot be read, or not within the deadline.
pub fn rf(reader: &Reader, asked: &Asked<'_>) -> Result<Option<RfBody>, DbError> {
    let Resolved { scope, .. } = resolve(reader, asked)?;
    let (first_seen, heard) = match scope.observers {
        None => (scope.window, Window::default()),
        Some(_) => (Window::default(), scope.window),
    };
    let mut tally = RfTally::default();
    let part = Part { has_receptions: true, first_seen, heard };
    let coverage = pass(reader, part, |block| tally.add(block, &scope))?;
    Ok((coverage == Coverage::Whole).then(|| tally.finish()))
}

/// Returns the body of `/api/analytics/hash-sizes`; `None` while too few digests have been made.
/// Nodes that `is_shown` (key, name) refuses are not named. The window is not looked at.
///
/// # Errors
/// As [`rf`].
pub fn hash_sizes(
    reader: &Reader,
    asked: &Asked<'_>,
    is_shown: impl Fn(&str, Option<&str>) -> bool,
) -> Result<Option<HashSizesBody>, DbError> {
    let Resolved { scope, regions } = resolve(reader, asked)?;
    let part = Part { has_receptions: scope.observers.is_some(), ..Part::default() };
    let homes = match scope.observers {
        None => None,
        Some(_) => {
            let mut tally = HomeTally::default();
            if pass(reader, part, |block| tally.add(block, &regions))? == Coverage::TooFew {
                return Ok(None);
            }
            let asked_regions = asked.regions.iter().cloned().collect();
            Some(AskedHomes { regions: asked_regions, homes: tally.finish() })
        }
    };
    let mut tally = HashSizesTally::default();
    if pass(reader, part, |block| tally.add(block, &scope, homes.as_ref()))? == Coverage::TooFew {
        return Ok(None);
    }
    let mut nodes = places::nodes(reader)?;
    tally.hide(|key, name| !is_shown(key, Some(name)));
    let is_asked = |node: &Node| {
        let is_within = scope.senders.as_ref().is_none_or(|keys| keys.contains(&node.key));
        is_within && is_shown(&node.key, node.name.as_deref())
    };
    nodes.retain(is_asked);
    Ok(Some(tally.finish(&nodes, homes.as_ref())))
}
