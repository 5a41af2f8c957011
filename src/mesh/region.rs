//! Region scope: which region a transport code stands for (format §12, ingest spec §2.8).
//!
//! ```text
//!  key  = SHA-256("#" name)[0..16]
//!  code = HMAC-SHA256(key, payload type(1) || payload)[0..2], little-endian; 0 -> 1, FFFF -> FFFE
//! ```

use super::channel::hashtag_key;
use super::crypto::hmac_start;
use super::header::PayloadType;
use super::packet::Packet;

/// What a packet's first transport code says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeMatch {
    /// No transport codes, or code 0.
    Unscoped,
    /// Scoped to a region that we have no name for.
    Unknown,
    /// Scoped to this region (`#name`).
    Region(String),
}

/// The regions that we know by name.
#[derive(Clone, Debug, Default)]
pub struct RegionKeys {
    regions: Vec<(String, [u8; 16])>,
}

impl RegionKeys {
    /// From region names, each with or without its `#`; blank ones are left out. They are tried
    /// in the order given.
    pub fn from_names<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let named = names.into_iter().filter_map(|name| {
            let bare = name.as_ref().trim().trim_start_matches('#').to_owned();
            (!bare.is_empty()).then(|| (format!("#{bare}"), hashtag_key(&bare)))
        });
        Self { regions: named.collect() }
    }

    /// Tells which region a packet was sent into.
    pub fn match_scope(&self, packet: &Packet<'_>) -> ScopeMatch {
        let Some([a, b, ..]) = packet.transport_codes.filter(|_| packet.is_scoped()) else {
            return ScopeMatch::Unscoped;
        };
        let wanted = u16::from_le_bytes([a, b]);
        self.regions
            .iter()
            .find(|(_, key)| region_code(key, packet.header.payload_type, packet.payload) == wanted)
            .map_or(ScopeMatch::Unknown, |(name, _)| ScopeMatch::Region(name.clone()))
    }
}

/// Returns the code of a region for one packet; never 0 or 0xFFFF.
pub fn region_code(key: &[u8; 16], payload_type: PayloadType, payload: &[u8]) -> u16 {
    match u16::from_le_bytes(hmac_start(key, &[&[payload_type.number()], payload])) {
        0 => 1,
        u16::MAX => u16::MAX - 1,
        code => code,
    }
}
