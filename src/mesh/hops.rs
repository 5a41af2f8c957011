//! The hops that a packet names: what the API calls the path (format §2.4, §13).
//!
//! In a TRACE the path bytes are SNRs and the route stands in the payload.

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::go_json;
use super::header::PayloadType;
use super::hex_text::UpperHex;
use super::packet::Packet;
use super::payload::trace_route;

/// Returns the hops that a packet names: those of the path, or a TRACE's route, which stands in
/// its payload (a remainder that is no whole hop is left out). A TRACE without a route has none.
pub fn route_hops<'a>(
    packet: &Packet<'a>,
) -> impl ExactSizeIterator<Item = &'a [u8]> + DoubleEndedIterator + use<'a> {
    if packet.header.payload_type == PayloadType::Trace {
        let (route, width) = trace_route(packet.payload);
        route.chunks_exact(width)
    } else {
        packet.path.bytes().chunks_exact(packet.path.hash_size())
    }
}

/// Returns the JSON text of the `path_json` column: upper-case hex hops, `[]` if none.
pub fn path_json(packet: &Packet<'_>) -> String {
    go_json::to_string(&Hops(packet))
}

/// The path as the API shows it: serialises as `hashSize`, `hashCount`, `hops` and, for a TRACE
/// with a route, `hopsCompleted` (contract §3.6).
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PathView<'p, 'a> {
    /// Bytes per hop; 0 for a direct packet that has no hops left.
    pub hash_size: usize,
    /// Number of `hops`.
    pub hash_count: usize,
    hops: Hops<'p, 'a>,
    /// Of a TRACE's route, how many hops are done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hops_completed: Option<usize>,
}

impl<'p, 'a> PathView<'p, 'a> {
    /// Reads a packet's path as the API shows it.
    pub fn of(packet: &'p Packet<'a>) -> Self {
        let hops = Hops(packet);
        let hash_count = route_hops(packet).len();
        let done = packet.path.hop_count();
        let view =
            Self { hash_size: packet.path.hash_size(), hash_count, hops, hops_completed: None };
        if packet.header.payload_type != PayloadType::Trace {
            let is_spent = !packet.header.route.is_flood() && done == 0;
            return Self { hash_size: if is_spent { 0 } else { view.hash_size }, ..view };
        }
        match trace_route(packet.payload) {
            ([], _) => view,
            (_, width) => Self { hash_size: width, hops_completed: Some(done), ..view },
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Hops<'p, 'a>(&'p Packet<'a>);

impl Serialize for Hops<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hops = route_hops(self.0);
        let mut list = serializer.serialize_seq(Some(hops.len()))?;
        for hop in hops {
            list.serialize_element(&UpperHex(hop))?;
        }
        list.end()
    }
}
