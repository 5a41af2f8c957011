//! GRP_TXT and GRP_DATA: sealed for a channel (format §8).
//!
//! ```text
//!  payload    0 channel hash  1 MAC(2)  3 ciphertext
//!  GRP_TXT    0 timestamp u32  4 txt_type << 2 | attempt  5 "sender: text" up to the first NUL
//!  GRP_DATA   0 data_type u16  2 data_len  3 data
//! ```

use std::slice;

use serde::Serialize;

use super::integer::{self, u16_at, u32_at};
use crate::mesh::channel::{ChannelKeys, Sealed};
use crate::mesh::drawing::{Drawing, RangeKind};
use crate::mesh::header::PayloadType;
use crate::mesh::hex_text::{Hex, HexBytes, UpperHexByte};

/// Below this the original does not even try a key.
const CIPHERTEXT_BYTES_MIN: usize = 5;
const TEXT: usize = 5;
const DATA_LEN: usize = 2;
const DATA: usize = 3;
const CONTROL_CHARACTERS_MAX: usize = 2;
/// Where the `": "` behind a sender's name may stand.
const SENDER_BYTES: std::ops::RangeInclusive<usize> = 1..=49;

/// A group payload that none of our channels opens.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SealedGroup {
    #[serde(rename = "type")]
    kind: &'static str,
    /// As on the wire.
    pub mac: Hex<2>,
    /// The ciphertext, not always whole blocks.
    #[serde(skip_serializing_if = "HexBytes::is_empty")]
    pub encrypted_data: HexBytes,
    /// First byte of SHA-256 over the channel's key.
    #[serde(skip_serializing_if = "integer::is_zero_u8")]
    pub channel_hash: u8,
    channel_hash_hex: UpperHexByte,
    /// `no_key` (we have none, or too short to try) or `decryption_failed`.
    pub decryption_status: &'static str,
}

impl SealedGroup {
    /// Whether it is a GRP_TXT.
    pub fn is_text(&self) -> bool {
        self.kind == PayloadType::GrpTxt.name()
    }
}

/// A GRP_TXT that one of our channels opened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelText {
    #[serde(rename = "type")]
    kind: &'static str,
    /// First byte of SHA-256 over the channel's key.
    #[serde(skip_serializing_if = "integer::is_zero_u8")]
    pub channel_hash: u8,
    channel_hash_hex: UpperHexByte,
    decryption_status: &'static str,
    /// The channel's name; `Public` for the built-in one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub channel: String,
    /// `sender: message`, or all of the text if it names no sender; empty when a sender says
    /// nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Unauthenticated: whatever stands before the first `": "`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sender: String,
    /// Unix seconds by the sender's clock.
    #[serde(rename = "sender_timestamp", skip_serializing_if = "integer::is_zero_u32")]
    pub sender_timestamp: u32,
}

/// A GRP_DATA that one of our channels opened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelData {
    #[serde(rename = "type")]
    kind: &'static str,
    /// First byte of SHA-256 over the channel's key.
    #[serde(skip_serializing_if = "integer::is_zero_u8")]
    pub channel_hash: u8,
    channel_hash_hex: UpperHexByte,
    decryption_status: &'static str,
    /// The channel's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub channel: String,
    /// 0000-00FF internal, 0100-FEFF allotted, FF00-FFFF development.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_type: Option<u16>,
    /// Length that the sender names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_len: Option<u8>,
    /// The data.
    #[serde(rename = "decryptedBlob", skip_serializing_if = "HexBytes::is_empty")]
    pub data: HexBytes,
    /// What is wrong with the plaintext.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
}

/// `None` if it is too short; an error if no channel of ours opens it.
pub(super) fn read_text(
    bytes: &[u8],
    channels: &ChannelKeys,
) -> Option<Result<ChannelText, SealedGroup>> {
    let sealed = split(bytes)?;
    let opened = is_worth_trying(&sealed).then(|| channels.open(&sealed, read_message)).flatten();
    let Some((channel, message)) = opened else {
        return Some(Err(still_sealed(PayloadType::GrpTxt, &sealed, channels)));
    };
    Some(Ok(ChannelText {
        kind: "CHAN",
        channel_hash: *sealed.hash,
        channel_hash_hex: UpperHexByte(*sealed.hash),
        decryption_status: "decrypted",
        channel: channel.to_owned(),
        text: message.text,
        sender: message.sender,
        sender_timestamp: message.timestamp,
    }))
}

/// As [`read_text`].
pub(super) fn read_data(
    bytes: &[u8],
    channels: &ChannelKeys,
) -> Option<Result<ChannelData, SealedGroup>> {
    let sealed = split(bytes)?;
    let opened = is_worth_trying(&sealed)
        .then(|| channels.open(&sealed, |text| Some(read_blob(text))))
        .flatten();
    let Some((channel, blob)) = opened else {
        return Some(Err(still_sealed(PayloadType::GrpData, &sealed, channels)));
    };
    Some(Ok(ChannelData {
        kind: PayloadType::GrpData.name(),
        channel_hash: *sealed.hash,
        channel_hash_hex: UpperHexByte(*sealed.hash),
        decryption_status: "decrypted",
        channel: channel.to_owned(),
        data_type: blob.data_type,
        data_len: blob.data_len,
        data: blob.data,
        error: blob.error,
    }))
}

fn split(bytes: &[u8]) -> Option<Sealed<'_>> {
    let ([hash, mac @ ..], ciphertext) = bytes.split_first_chunk::<3>()?;
    Some(Sealed { hash, mac, ciphertext })
}

fn is_worth_trying(sealed: &Sealed<'_>) -> bool {
    sealed.ciphertext.len() >= CIPHERTEXT_BYTES_MIN
}

fn still_sealed(
    payload_type: PayloadType,
    sealed: &Sealed<'_>,
    channels: &ChannelKeys,
) -> SealedGroup {
    let is_tried = is_worth_trying(sealed) && !channels.is_empty();
    SealedGroup {
        kind: payload_type.name(),
        mac: Hex(*sealed.mac),
        encrypted_data: HexBytes::from(sealed.ciphertext),
        channel_hash: *sealed.hash,
        channel_hash_hex: UpperHexByte(*sealed.hash),
        decryption_status: if is_tried { "decryption_failed" } else { "no_key" },
    }
}

/// Puts down the parts; `opened` is what the ciphertext says, or the ciphertext.
pub(super) fn draw(bytes: &[u8], opened: impl Serialize, drawing: &mut Drawing<'_>) {
    let Some(Sealed { hash, mac, ciphertext }) = split(bytes) else { return };
    let shown = UpperHexByte(*hash);
    drawing.part(slice::from_ref(hash), "channel hash", RangeKind::Hash, shown);
    drawing.part(mac, "MAC", RangeKind::Mac, Hex(*mac));
    drawing.part(ciphertext, "ciphertext", RangeKind::Sealed, opened);
}

struct Blob {
    data_type: Option<u16>,
    data_len: Option<u8>,
    data: HexBytes,
    error: Option<&'static str>,
}

fn read_blob(plaintext: &[u8]) -> Blob {
    let data_type = u16_at(plaintext, 0);
    let data_len = plaintext.get(DATA_LEN).copied();
    let data = data_len.and_then(|length| plaintext[DATA..].get(..usize::from(length)));
    let error = match (data_len, data) {
        (None, _) => Some("inner too short"),
        (_, None) => Some("inner data_len exceeds buffer"),
        _ => None,
    };
    Blob { data_type, data_len, data: data.map(HexBytes::from).unwrap_or_default(), error }
}

struct Message {
    timestamp: u32,
    sender: String,
    text: String,
}

/// `None` if the plaintext is no text: then the key was not the right one.
fn read_message(plaintext: &[u8]) -> Option<Message> {
    let timestamp = u32_at(plaintext, 0)?;
    let text = plaintext.get(TEXT..)?;
    let end = text.iter().position(|&b| b == 0).unwrap_or(text.len());
    let text = str::from_utf8(&text[..end]).ok()?;
    if text.chars().filter(|&c| is_suspicious(c)).count() > CONTROL_CHARACTERS_MAX {
        return None;
    }
    let (sender, message) = split_sender(text);
    let text = if message.is_empty() { "" } else { text };
    Some(Message { timestamp, sender: sender.to_owned(), text: text.to_owned() })
}

fn is_suspicious(c: char) -> bool {
    (c < ' ' && c != '\t' && c != '\n') || c == char::REPLACEMENT_CHARACTER
}

/// Returns sender and message; the sender is empty if the text names none.
fn split_sender(text: &str) -> (&str, &str) {
    match text.split_once(": ") {
        Some((sender, message))
            if SENDER_BYTES.contains(&sender.len()) && !sender.contains([':', '[', ']']) =>
        {
            (sender, message)
        }
        _ => ("", text),
    }
}
