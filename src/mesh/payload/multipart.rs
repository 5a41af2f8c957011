//! MULTIPART: one of several copies of an inner payload, so far always an ACK (format §11).
//!
//! ```text
//!  0 remaining << 4 | inner type  1 inner payload (ACK: hash(4) attempt(0..1) random(0..1))
//! ```

use serde::Serialize;

use super::{Ack, ack};
use crate::mesh::drawing::{BitRange, Drawing, RangeKind};
use crate::mesh::header::PayloadType;
use crate::mesh::hex_text::HexBytes;

/// A wrapped payload.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Multipart {
    #[serde(rename = "type")]
    kind: &'static str,
    /// How many copies follow, 0 to 15.
    pub remaining: u8,
    /// 0 to 15.
    pub inner_type: u8,
    inner_type_name: &'static str,
    /// What it carries.
    #[serde(flatten)]
    pub inner: Inner,
}

/// What a MULTIPART carries.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Inner {
    /// A whole acknowledgement.
    Ack(InnerAck),
    /// Anything else.
    #[serde(rename_all = "camelCase")]
    Other {
        /// As it stands there.
        #[serde(rename = "innerPayload", skip_serializing_if = "HexBytes::is_empty")]
        payload: HexBytes,
    },
}

/// As [`Ack`], under other names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InnerAck {
    /// As [`Ack::hash`].
    #[serde(rename = "innerAckCrc", serialize_with = "ack::as_hex")]
    pub hash: u32,
    /// 4 to 6.
    #[serde(rename = "innerAckLen")]
    pub ack_len: usize,
    /// As [`Ack::ack_attempt`].
    #[serde(rename = "innerAckAttempt", skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u8>,
    /// As [`Ack::ack_rand`].
    #[serde(rename = "innerAckRand", skip_serializing_if = "Option::is_none")]
    pub rand: Option<u8>,
}

impl Multipart {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (&first, payload) = bytes.split_first()?;
        let inner_type = PayloadType::from_bits(first);
        let ack = read_ack(inner_type, payload);
        Some(Self {
            kind: PayloadType::Multipart.name(),
            remaining: first >> 4,
            inner_type: inner_type.number(),
            inner_type_name: inner_type.name(),
            inner: ack.map_or_else(|| Inner::Other { payload: payload.into() }, Inner::from),
        })
    }

    pub(super) fn draw(&self, bytes: &[u8], drawing: &mut Drawing<'_>) {
        let Some((first, payload)) = bytes.split_first() else { return };
        let bits = [
            BitRange::new((7, 4), "copies to follow", self.remaining, None),
            BitRange::new((3, 0), "inner type", self.inner_type, Some(self.inner_type_name)),
        ];
        drawing.byte(first, "multipart", RangeKind::Flags, &bits);
        match (&self.inner, read_ack(PayloadType::from_bits(*first), payload)) {
            (Inner::Ack(_), Some(ack)) => ack.draw(payload, drawing),
            (Inner::Other { payload: shown }, _) => {
                drawing.part(payload, "inner payload", RangeKind::Opaque, shown);
            }
            _ => {}
        }
    }
}

fn read_ack(inner_type: PayloadType, payload: &[u8]) -> Option<Ack> {
    (inner_type == PayloadType::Ack).then(|| Ack::read(payload)).flatten()
}

impl From<Ack> for Inner {
    fn from(ack: Ack) -> Self {
        let Ack { hash, ack_len, ack_attempt: attempt, ack_rand: rand, .. } = ack;
        Self::Ack(InnerAck { hash, ack_len, attempt, rand })
    }
}
