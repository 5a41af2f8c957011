//! Payloads without a layout: RAW_CUSTOM, the reserved types, and what is too short for its type.

use serde::Serialize;

use crate::mesh::header::PayloadType;
use crate::mesh::hex_text::{HexBytes, UpperHexByte};

/// RAW_CUSTOM: an application's own bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RawCustom {
    #[serde(rename = "type")]
    kind: &'static str,
    /// All of it.
    #[serde(skip_serializing_if = "HexBytes::is_empty")]
    pub raw: HexBytes,
    raw_length: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_byte_tag: Option<UpperHexByte>,
}

impl RawCustom {
    pub(super) fn read(bytes: &[u8]) -> Self {
        Self {
            kind: PayloadType::RawCustom.name(),
            raw: HexBytes::from(bytes),
            raw_length: bytes.len(),
            first_byte_tag: bytes.first().copied().map(UpperHexByte),
        }
    }
}

/// A type that is reserved today.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unknown {
    #[serde(rename = "type")]
    kind: &'static str,
    /// All of it.
    #[serde(skip_serializing_if = "HexBytes::is_empty")]
    pub raw: HexBytes,
}

impl Unknown {
    pub(super) fn read(bytes: &[u8]) -> Self {
        Self { kind: PayloadType::Reserved12.name(), raw: HexBytes::from(bytes) }
    }
}

/// Fewer bytes than the type needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TooShort {
    #[serde(rename = "type")]
    kind: &'static str,
    /// All of it.
    #[serde(skip_serializing_if = "HexBytes::is_empty")]
    pub raw: HexBytes,
    /// `too short`, or `too short for advert`.
    pub error: &'static str,
}

impl TooShort {
    pub(super) fn new(payload_type: PayloadType, bytes: &[u8]) -> Self {
        let is_advert = payload_type == PayloadType::Advert;
        Self {
            kind: payload_type.name(),
            raw: HexBytes::from(bytes),
            error: if is_advert { "too short for advert" } else { "too short" },
        }
    }
}
