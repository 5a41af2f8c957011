//! `/api/channels` and their messages (contract §4.4, §4.5).

use actix_web::web::Path;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::error::ApiError;
use super::json::JsonBody;
use super::openapi::ErrorBody;
use super::packet_query::{bounded_list, regions};
use super::packet_rows::hops;
use super::params::Params;
use super::state::State;
use crate::clock;
use crate::db::channels::{self, Channel, Kind};
use crate::db::packets::{Observation, Transmission};
use crate::db::{DbError, Reader};

const LIMIT_DEFAULT: usize = 100;
/// A sender before `": "` has at most this many bytes (contract §4.5).
const SENDER_BYTES_MAX: usize = 49;

/// All channels.
#[derive(Serialize, ToSchema)]
pub struct ChannelList {
    channels: Vec<ChannelRow>,
}

/// One channel.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelRow {
    /// Only of a channel whose key is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    encrypted: Option<bool>,
    hash: String,
    last_activity: Option<String>,
    last_message: Option<String>,
    last_sender: Option<String>,
    message_count: i64,
    name: String,
}

impl ChannelRow {
    fn plain(channel: Channel) -> Self {
        let text = channel.last_text;
        let last_message = text.map(|text| match text.find(": ") {
            Some(at) if at > 0 => text[at + 2..].to_owned(),
            _ => text,
        });
        Self {
            encrypted: None,
            name: channel.hash.clone(),
            hash: channel.hash,
            last_activity: channel.last_activity,
            last_message,
            last_sender: channel.last_sender,
            message_count: channel.messages,
        }
    }

    fn encrypted(channel: Channel) -> Self {
        let byte = channel.hash.strip_prefix("enc_").unwrap_or_default();
        Self {
            encrypted: Some(true),
            name: format!("Encrypted (0x{byte})"),
            hash: channel.hash,
            last_activity: channel.last_activity,
            last_message: None,
            last_sender: None,
            message_count: channel.messages,
        }
    }
}

/// Lists channels, the latest active first; encrypted ones come last, if they are asked for.
#[utoipa::path(
    get,
    path = "/api/channels",
    tag = "channels",
    params(
        ("region" = Option<String>, Query, description = "comma list of IATA codes, any; `All`"),
        ("includeEncrypted" = Option<bool>, Query, description = "`true` for all"),
    ),
    responses(
        (status = 200, description = "channels", body = ChannelList),
        (status = 503, description = "busy", body = ErrorBody),
    )
)]
pub async fn list(state: State, params: Params) -> Result<JsonBody, ApiError> {
    let regions = regions(bounded_list(&params, "region")?);
    let is_all = params.text("includeEncrypted") == Some("true");
    if regions.is_empty() {
        let kept = if is_all { &state.all_channels_kept } else { &state.channels_kept };
        return kept.get(async || state.ask(move |reader| read(reader, &[], is_all)).await).await;
    }
    state.ask_scan(move |reader| read(reader, &regions, is_all)).await
}

fn read(reader: &Reader, regions: &[String], is_all: bool) -> Result<JsonBody, DbError> {
    let plain = channels::list(reader, Kind::Plain, regions)?;
    let mut rows: Vec<ChannelRow> = plain.into_iter().map(ChannelRow::plain).collect();
    if is_all {
        let encrypted = channels::list(reader, Kind::Encrypted, regions)?;
        rows.extend(encrypted.into_iter().map(ChannelRow::encrypted));
    }
    Ok(JsonBody::of(&ChannelList { channels: rows }))
}

/// A part of what was said.
#[derive(Serialize, ToSchema)]
pub struct MessageList {
    /// Oldest first.
    messages: Vec<MessageRow>,
    /// All texts of the channel.
    total: usize,
}

/// One text.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageRow {
    #[serde(rename = "first_seen")]
    first_seen: String,
    hops: usize,
    /// Who heard it first: one, or none.
    observers: Vec<String>,
    packet_hash: String,
    /// Of its first reception.
    packet_id: i64,
    /// Receptions.
    repeats: usize,
    sender: Option<String>,
    #[serde(rename = "sender_timestamp")]
    sender_timestamp: Option<Value>,
    snr: Option<f64>,
    text: String,
    /// Its latest reception.
    timestamp: String,
}

impl MessageRow {
    /// `None` of a packet without receptions or decoded text.
    fn of(packet: &Transmission) -> Option<Self> {
        let decoded: Value = serde_json::from_str(packet.decoded_json.as_deref()?).ok()?;
        let first = packet.observations.iter().min_by_key(|seen| seen.id)?;
        let newest_s = packet.observations.iter().map(|seen| seen.timestamp_s).max()?;
        let said = decoded.get("text").and_then(Value::as_str).unwrap_or_default();
        let (sender, text) = match said.find(": ") {
            Some(at) if (1..=SENDER_BYTES_MAX).contains(&at) => {
                (Some(said[..at].to_owned()), said[at + 2..].to_owned())
            }
            _ => {
                let sender = decoded.get("sender").and_then(Value::as_str);
                (sender.map(str::to_owned), said.to_owned())
            }
        };
        Some(Self {
            first_seen: packet.first_seen.clone(),
            hops: hops(Some(first)).len(),
            observers: name_of(first).into_iter().collect(),
            packet_hash: packet.hash.clone(),
            packet_id: first.id,
            repeats: packet.observations.len(),
            sender,
            sender_timestamp: decoded.get("sender_timestamp").filter(|at| at.is_number()).cloned(),
            snr: first.snr,
            text,
            timestamp: clock::iso_s(newest_s),
        })
    }
}

fn name_of(seen: &Observation) -> Option<String> {
    let observer = seen.observer.as_deref()?;
    observer.name.clone().or_else(|| observer.id.clone())
}

/// Returns what was said in a channel: the newest texts, oldest first.
#[utoipa::path(
    get,
    path = "/api/channels/{hash}/messages",
    tag = "channels",
    params(
        ("hash" = String, Path, description = "name, or `enc_` and the hash byte"),
        ("limit" = Option<i64>, Query, description = "texts, 100 by default"),
        ("offset" = Option<i64>, Query, description = "texts to step over, from the newest"),
        ("region" = Option<String>, Query, description = "comma list of IATA codes, any; `All`"),
    ),
    responses(
        (status = 200, description = "texts; none of an unknown channel", body = MessageList),
        (status = 503, description = "busy", body = ErrorBody),
    )
)]
pub async fn messages(
    state: State,
    hash: Path<String>,
    params: Params,
) -> Result<JsonBody, ApiError> {
    let limits = &state.config.list_limits;
    let limit_max = usize::try_from(limits.channel_messages_max).unwrap_or(usize::MAX);
    let part = (params.limit(LIMIT_DEFAULT, limit_max), params.offset());
    let regions = regions(bounded_list(&params, "region")?);
    let body = state.ask(move |reader| {
        let found = channels::messages(reader, &hash, &regions, part)?;
        let mut messages = Vec::with_capacity(found.page.ids.len());
        found.visit(reader, |packet| {
            messages.extend(MessageRow::of(packet));
            true
        })?;
        Ok(JsonBody::of(&MessageList { messages, total: found.page.total }))
    });
    body.await
}
