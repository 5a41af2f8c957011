//! What a packet carries: one file per payload family, each with its bytes drawn.
//!
//! The structs serialise to the original's `decoded_json` (ingest spec §2.6): one flat object,
//! keys in the original's order, empty texts and zero plain integers left out, hex in lower case.

mod ack;
mod advert;
mod advert_parts;
mod control;
mod group;
mod integer;
mod multipart;
mod peer;
mod raw;
mod trace;

use serde::Serialize;

pub use ack::Ack;
pub use advert::{ADVERT_BYTES_MIN, Advert, AdvertFault};
pub use advert_parts::{APP_DATA_BYTES_MAX, AdvertFlags};
pub use control::{Control, DISCOVER_REQ, DISCOVER_RESP};
pub use group::{ChannelData, ChannelText, SealedGroup};
pub use multipart::Multipart;
pub use peer::{AnonRequest, PathReturn, PeerMessage};
pub use raw::{RawCustom, TooShort, Unknown};
pub use trace::Trace;

pub(super) use advert::SignedMessage;
pub(super) use trace::{route as trace_route, snrs};

use super::channel::ChannelKeys;
use super::drawing::{Drawing, RangeKind};
use super::go_json;
use super::header::PayloadType;
use super::packet::Packet;

/// What decoding needs beside the bytes.
#[derive(Clone, Copy, Debug)]
pub struct DecodeRules<'k> {
    /// The channels that we can read.
    pub channels: &'k ChannelKeys,
    /// Whether `signatureValid` is filled in; about 50 µs an advert.
    pub verify_signatures: bool,
}

/// A decoded payload. Owns its bytes; at most three allocations.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DecodedPayload {
    /// REQ, RESPONSE and TXT_MSG: sealed for one peer.
    Peer(PeerMessage),
    /// PATH: sealed for one peer.
    PathReturn(PathReturn),
    /// ANON_REQ.
    AnonRequest(AnonRequest),
    /// ACK.
    Ack(Ack),
    /// ADVERT.
    Advert(Box<Advert>),
    /// GRP_TXT that one of our channels opened.
    ChannelText(ChannelText),
    /// GRP_DATA that one of our channels opened.
    ChannelData(ChannelData),
    /// GRP_TXT or GRP_DATA that stays sealed.
    SealedGroup(SealedGroup),
    /// TRACE.
    Trace(Trace),
    /// MULTIPART.
    Multipart(Multipart),
    /// CONTROL.
    Control(Control),
    /// RAW_CUSTOM.
    RawCustom(RawCustom),
    /// A reserved type.
    Unknown(Unknown),
    /// Fewer bytes than the type needs.
    TooShort(TooShort),
}

/// Decodes a packet's payload. Never fails: what is too short is [`DecodedPayload::TooShort`].
pub fn decode_payload(packet: &Packet<'_>, rules: &DecodeRules<'_>) -> DecodedPayload {
    let payload_type = packet.header.payload_type;
    decode(packet, rules)
        .unwrap_or_else(|| DecodedPayload::TooShort(TooShort::new(payload_type, packet.payload)))
}

/// `None` if the payload is too short for its type.
fn decode(packet: &Packet<'_>, rules: &DecodeRules<'_>) -> Option<DecodedPayload> {
    let bytes = packet.payload;
    let payload_type = packet.header.payload_type;
    Some(match payload_type {
        PayloadType::Req | PayloadType::Response | PayloadType::TxtMsg => {
            DecodedPayload::Peer(PeerMessage::read(payload_type, bytes)?)
        }
        PayloadType::Path => DecodedPayload::PathReturn(PathReturn::read(bytes)?),
        PayloadType::AnonReq => DecodedPayload::AnonRequest(AnonRequest::read(bytes)?),
        PayloadType::Ack => DecodedPayload::Ack(Ack::read(bytes)?),
        PayloadType::Advert => {
            let advert = Advert::read(bytes, rules.verify_signatures)?;
            DecodedPayload::Advert(Box::new(advert))
        }
        PayloadType::GrpTxt => group::read_text(bytes, rules.channels)?
            .map_or_else(DecodedPayload::SealedGroup, DecodedPayload::ChannelText),
        PayloadType::GrpData => group::read_data(bytes, rules.channels)?
            .map_or_else(DecodedPayload::SealedGroup, DecodedPayload::ChannelData),
        PayloadType::Trace => DecodedPayload::Trace(Trace::read(packet)?),
        PayloadType::Multipart => DecodedPayload::Multipart(Multipart::read(bytes)?),
        PayloadType::Control => DecodedPayload::Control(Control::read(bytes)?),
        PayloadType::RawCustom => DecodedPayload::RawCustom(RawCustom::read(bytes)),
        PayloadType::Reserved12 | PayloadType::Reserved13 | PayloadType::Reserved14 => {
            DecodedPayload::Unknown(Unknown::read(bytes))
        }
    })
}

impl DecodedPayload {
    /// Returns the `decoded_json` text, byte for byte as the original writes it.
    pub fn to_json(&self) -> String {
        go_json::to_string(self)
    }

    /// Puts down the parts of the payload that this was decoded from.
    pub(super) fn draw(&self, bytes: &[u8], drawing: &mut Drawing<'_>) {
        match self {
            Self::Peer(_) | Self::PathReturn(_) => peer::draw(bytes, drawing),
            Self::AnonRequest(request) => request.draw(bytes, drawing),
            Self::Ack(ack) => ack.draw(bytes, drawing),
            Self::Advert(advert) => advert.draw(bytes, drawing),
            Self::ChannelText(text) => group::draw(bytes, &text.text, drawing),
            Self::ChannelData(data) => group::draw(bytes, &data.data, drawing),
            Self::SealedGroup(sealed) => group::draw(bytes, &sealed.encrypted_data, drawing),
            Self::Trace(trace) => trace.draw(bytes, drawing),
            Self::Multipart(multipart) => multipart.draw(bytes, drawing),
            Self::Control(control) => control.draw(bytes, drawing),
            Self::RawCustom(custom) => {
                drawing.part(bytes, "application data", RangeKind::Opaque, &custom.raw);
            }
            Self::Unknown(unknown) => {
                drawing.part(bytes, "payload of a reserved type", RangeKind::Opaque, &unknown.raw);
            }
            Self::TooShort(short) => {
                drawing.part(bytes, "too short for its type", RangeKind::Unread, &short.raw);
            }
        }
    }

    /// The advert, if it is one.
    pub fn advert(&self) -> Option<&Advert> {
        match self {
            Self::Advert(advert) => Some(advert),
            _ => None,
        }
    }

    /// The text of one of our channels, if it is one.
    pub fn channel_text(&self) -> Option<&ChannelText> {
        match self {
            Self::ChannelText(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the `channel_hash` column (§2.8): of a GRP_TXT its channel's name, or `enc_XX` if
    /// it stays sealed; `None` for all else.
    pub fn channel_label(&self) -> Option<String> {
        match self {
            Self::ChannelText(text) => Some(text.channel.clone()),
            Self::SealedGroup(group) if group.is_text() => {
                Some(format!("enc_{:02X}", group.channel_hash))
            }
            _ => None,
        }
    }

    /// What is wrong with it, as the JSON's `error` says.
    pub fn error(&self) -> Option<&'static str> {
        match self {
            Self::TooShort(short) => Some(short.error),
            Self::ChannelData(data) => data.error,
            _ => None,
        }
    }
}
