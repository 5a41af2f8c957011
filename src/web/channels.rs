//! `/api/channels`: what there is and what is said there (contract §4.4, §4.5).

use actix_web::web::Path;
use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::json::{JsonBody, ListBody};
use super::packet_query::{bounded_list, regions};
use super::params::Params;
use super::state::State;
use crate::clock;
use crate::db::channels::{self, Channel, Message};
use crate::db::{DbError, Reader};
use crate::store::Snapshot;

const LIMIT_DEFAULT: usize = 100;

/// Bytes of an answer.
const BODY_BYTES_MAX: usize = 32 << 20;

/// A name before a text is this long at most.
const SENDER_BYTES_MAX: usize = 49;

/// All channels.
// For the API's description: `write_list` writes it row by row.
#[derive(Serialize, ToSchema)]
pub struct ChannelList<'c> {
    /// Latest active first; those that nobody can read come after the others.
    channels: Vec<ChannelRow<'c>>,
}

/// One channel.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelRow<'c> {
    /// `true` where nobody could read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    encrypted: Option<bool>,
    /// Names it in `/api/channels/{hash}/messages`.
    hash: &'c str,
    /// The latest `first_seen`.
    last_activity: &'c str,
    /// Without its sender.
    last_message: Option<&'c str>,
    last_sender: Option<&'c str>,
    /// Different texts.
    message_count: usize,
    name: String,
}

impl<'c> ChannelRow<'c> {
    /// Shows a channel.
    pub fn of(channel: &'c Channel) -> Self {
        let hash = channel.hash.as_str();
        let is_encrypted = channel.is_encrypted();
        let number = hash.strip_prefix("enc_");
        let last_text = channel.last_text.as_deref().filter(|_| !is_encrypted);
        Self {
            encrypted: is_encrypted.then_some(true),
            hash,
            last_activity: &channel.last_activity,
            last_message: last_text.map(|text| split(text, usize::MAX).1),
            last_sender: channel.last_sender.as_deref().filter(|_| !is_encrypted),
            message_count: channel.message_count,
            name: number.map_or_else(|| hash.to_owned(), |hex| format!("Encrypted (0x{hex})")),
        }
    }
}

/// Splits `sender: text` at the first colon, if that comes after at most so many bytes.
fn split(text: &str, sender_bytes_max: usize) -> (Option<&str>, &str) {
    match text.split_once(": ") {
        Some((sender, rest)) if (1..=sender_bytes_max).contains(&sender.len()) => {
            (Some(sender), rest)
        }
        _ => (None, text),
    }
}

/// Lists channels, as of at most 60 s ago.
#[utoipa::path(
    get,
    path = "/api/channels",
    tag = "channels",
    params(
        ("region" = Option<String>, Query, description = "comma list of IATA codes, any; `All`"),
        ("includeEncrypted" = Option<bool>, Query, description = "`true` for unreadable ones too"),
    ),
    responses(
        (status = 200, description = "channels", body = ChannelList<'_>),
        (status = 400, description = "a parameter is malformed", body = ErrorBody),
        (status = 503, description = "busy, or the query was too slow", body = ErrorBody),
    )
)]
pub async fn list(state: State, params: Params) -> Result<JsonBody, ApiError> {
    let mut regions = regions(bounded_list(&params, "region")?);
    regions.sort_unstable();
    regions.dedup();
    let with_encrypted = params.text("includeEncrypted") == Some("true");
    let prefix = if with_encrypted { "all" } else { "" };
    let key =
        format!("{prefix}{}", regions.iter().map(|code| format!("/{code}")).collect::<String>());
    let window = state.current_window();
    let ask =
        move |reader: &Reader| write_list((reader, window.as_deref()), &regions, with_encrypted);
    let made = state.channels_kept.get(&key, async || {
        let body = state.ask_scan(ask).await?;
        body.ok_or_else(|| ApiError::answer_too_large(BODY_BYTES_MAX))
    });
    made.await
}

fn write_list(
    (reader, window): (&Reader, Option<&Snapshot>),
    regions: &[String],
    with_encrypted: bool,
) -> Result<Option<JsonBody>, DbError> {
    let mut channels = channels::list(reader, window, regions)?;
    channels.retain(|channel| with_encrypted || !channel.is_encrypted());
    // Stable: each part stays in its order.
    channels.sort_by_key(Channel::is_encrypted);
    let mut body = ListBody::after("{\"channels\":[", BODY_BYTES_MAX);
    let _ = channels.iter().all(|channel| body.add(&ChannelRow::of(channel)));
    Ok(body.end("]}"))
}

/// A part of the texts of a channel.
// For the API's description: `write_messages` writes it row by row.
#[derive(Serialize, ToSchema)]
pub struct MessageList<'m> {
    /// Oldest first.
    messages: Vec<MessageRow<'m>>,
    /// Texts in the channel; those without receptions or JSON are counted and not shown.
    total: usize,
}

/// One text.
#[derive(Serialize, ToSchema)]
pub struct MessageRow<'m> {
    first_seen: &'m str,
    /// Of the first reception.
    hops: usize,
    /// Who heard it first.
    observers: Vec<&'m str>,
    #[serde(rename = "packetHash")]
    packet_hash: &'m str,
    /// Of the first reception, not of the packet.
    #[serde(rename = "packetId")]
    packet_id: i64,
    /// Receptions.
    repeats: i64,
    sender: Option<&'m str>,
    /// The sender's clock.
    #[schema(value_type = Option<f64>)]
    sender_timestamp: Option<&'m Number>,
    /// Of the first reception.
    snr: Option<f64>,
    text: Option<&'m str>,
    /// Of the latest reception.
    timestamp: String,
}

impl<'m> MessageRow<'m> {
    /// Shows a text.
    pub fn of(message: &'m Message) -> Self {
        let parts = message.text.as_deref().map(|text| split(text, SENDER_BYTES_MAX));
        let sender = parts.and_then(|(sender, _)| sender);
        let timestamp = match message.latest_s {
            0 => message.first_seen.clone(),
            latest_s => clock::iso_s(latest_s),
        };
        Self {
            first_seen: &message.first_seen,
            hops: message.first.hop_count,
            observers: message.first.observer.as_deref().into_iter().collect(),
            packet_hash: &message.hash,
            packet_id: message.first.id,
            repeats: message.observation_count,
            sender: sender.or(message.sender.as_deref()),
            sender_timestamp: message.sender_timestamp.as_ref(),
            snr: message.first.snr,
            text: parts.map(|(_, text)| text),
            timestamp,
        }
    }
}

/// Lists the texts of a channel by their latest reception.
#[utoipa::path(
    get,
    path = "/api/channels/{hash}/messages",
    tag = "channels",
    params(
        ("hash" = String, Path, description = "as in the list of channels"),
        ("limit" = Option<i64>, Query, description = "texts, 100 by default"),
        ("offset" = Option<i64>, Query, description = "texts to step over, back from the newest"),
        ("region" = Option<String>, Query, description = "comma list of IATA codes, any; `All`"),
    ),
    responses(
        (status = 200, description = "texts; none in an unknown channel", body = MessageList<'_>),
        (status = 400, description = "a parameter is malformed", body = ErrorBody),
        (status = 413, description = "the list has more than 32 MiB", body = ErrorBody),
        (status = 503, description = "busy, or the query was too slow", body = ErrorBody),
    )
)]
pub async fn messages(
    state: State,
    hash: Path<String>,
    params: Params,
) -> Result<JsonBody, ApiError> {
    let regions = regions(bounded_list(&params, "region")?);
    let limit_max = usize::try_from(state.config.list_limits.channel_messages_max);
    let slice = (params.limit(LIMIT_DEFAULT, limit_max.unwrap_or(usize::MAX)), params.offset());
    let window = state.current_window();
    let write =
        move |reader: &Reader| write_messages((reader, window.as_deref()), &hash, &regions, slice);
    let body = state.ask(write).await?;
    body.ok_or_else(|| ApiError::answer_too_large(BODY_BYTES_MAX))
}

fn write_messages(
    (reader, window): (&Reader, Option<&Snapshot>),
    channel: &str,
    regions: &[String],
    slice: (usize, usize),
) -> Result<Option<JsonBody>, DbError> {
    let found = channels::messages((reader, window), channel, regions, slice)?;
    let mut body = ListBody::after("{\"messages\":[", BODY_BYTES_MAX);
    let _ = found.messages.iter().all(|message| body.add(&MessageRow::of(message)));
    Ok(body.end(&format!(r#"],"total":{}}}"#, found.total)))
}
