//! Reading packets: which transmissions match, in what order, and who heard them.
//!
//! - [`filter`] what is asked for; [`matching`] the ids of the transmissions that match;
//!   [`heard`] the parts that observations decide; [`channel`] those that channels do
//! - [`page`] the requested part of them; [`grouped`] the order by latest reception
//! - [`rows`] the rows of that part, with their observations
//! - [`detail`] one packet; [`records`](mod@records) packets as the RAM window takes them in
//!
//! Everything is right before, during and after every migration: columns that a backfill has not
//! reached are computed from what they are made of, and duplicate observations that have not been
//! merged yet are merged in the answer.

mod channel;
mod detail;
mod filter;
mod grouped;
mod heard;
mod matching;
mod outline;
mod page;
mod records;
mod rows;
mod window;

pub(in crate::db) use channel::by_channel;
pub use detail::{Found, find, observations_of};
pub use filter::{Filter, Span};
pub use grouped::list_grouped;
pub(in crate::db) use heard::observers_in;
pub use heard::resolve_node;
pub(in crate::db) use matching::blank_ids;
pub use outline::{ids_after, look, outline};
pub use page::{Page, Slice, list, list_of_nodes, times_since};
pub use records::records;
pub use rows::{Depth, Observation, ObserverName, Transmission};
pub(in crate::db) use window::heard_among;
pub use window::{OfNodes, list_grouped_in, list_in, list_of_nodes_in};

use super::error::DbError;
use super::reader::Reader;

/// Returns the public keys of the nodes whose position `is_inside` (latitude, longitude in
/// degrees), for a filter by area.
pub fn public_keys_within(
    reader: &Reader,
    is_inside: impl Fn(f64, f64) -> bool,
) -> Result<Vec<String>, DbError> {
    let sql = "SELECT public_key, lat, lon FROM nodes WHERE lat IS NOT NULL AND lon IS NOT NULL";
    let places = reader.rows(sql, [], |row| {
        let place = super::values::real(row, 1)?.zip(super::values::real(row, 2)?);
        Ok((super::values::stored_text(row, 0)?, place))
    })?;
    let inside = places
        .into_iter()
        .filter(|(_, place)| place.is_some_and(|(lat, lon)| is_inside(lat, lon)))
        .filter_map(|(key, _)| key.map(|key| key.to_lowercase()));
    Ok(inside.collect())
}
