//! `POST /api/packets` and `POST /api/decode`: packets that come in as hex.

use actix_web::web::Json;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::auth::Keyed;
use super::error::{ApiError, ErrorBody};
use super::json::JsonBody;
use super::packet_breakdown::BreakdownBody;
use super::state::{AppState, State};
use crate::actors::intake::{SubmitError, SubmitPacket};
use crate::actors::line::AskError;
use crate::ingest::PacketArrival;
use crate::ingest::reception::{ObserverSeen, Record};
use crate::ingest::rules::{Received, Rules};
use crate::mesh::{
    DecodeRules, Packet, PacketError, PathView, decode_payload, frame_from_hex, go_json,
    header::Header,
};

/// Receptions without an observer would never be recognised as repeated, so they have this one
/// where the original stores none.
const UNNAMED_OBSERVER: &str = "api";

/// Bytes of an observer's id; a public key in hex has 64.
const OBSERVER_BYTES_MAX: usize = 128;

/// A packet that somebody heard.
#[derive(Deserialize, ToSchema)]
pub struct PostedPacket {
    /// The frame; blanks are ignored.
    hex: Option<String>,
    /// Id of who heard it, at most 128 bytes; `api` if nobody is named.
    observer: Option<String>,
    /// dB.
    snr: Option<f64>,
    /// dBm.
    rssi: Option<f64>,
    /// Ignored.
    #[serde(rename = "region")]
    _region: Option<String>,
    /// Ignored: the content decides.
    #[serde(rename = "hash")]
    _hash: Option<String>,
}

/// What was stored.
#[derive(Serialize, ToSchema)]
pub struct StoredAnswer {
    /// Of the transmission, new or known.
    id: i64,
    #[schema(value_type = Decoded)]
    decoded: Box<RawValue>,
}

/// A frame to decode.
#[derive(Deserialize, ToSchema)]
pub struct PostedFrame {
    /// Blanks are ignored.
    hex: Option<String>,
    /// Whether to say which bytes say what.
    #[serde(default)]
    breakdown: bool,
}

/// What a frame says.
#[derive(Serialize, ToSchema)]
pub struct DecodedAnswer {
    /// `null` only where a breakdown was asked for and the bytes are no packet.
    #[schema(value_type = Option<Decoded>)]
    decoded: Option<Box<RawValue>>,
    /// If asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    breakdown: Option<BreakdownBody>,
}

/// A decoded frame.
#[derive(Serialize, ToSchema)]
pub struct Decoded<'p, 'a> {
    /// Route, payload type and version.
    #[schema(value_type = Object)]
    header: Header,
    /// Hash size, hash count and hops.
    #[schema(value_type = Object)]
    path: PathView<'p, 'a>,
    /// By payload type.
    #[schema(value_type = Object)]
    payload: crate::mesh::DecodedPayload,
}

/// Stores a packet as if an observer had sent it; answers once it is durable.
#[utoipa::path(
    post,
    path = "/api/packets",
    tag = "packets",
    request_body = PostedPacket,
    security(("key" = [])),
    responses(
        (status = 200, description = "stored, or known before", body = StoredAnswer),
        (status = 400, description = "not hex, no packet, or refused", body = ErrorBody),
        (status = 401, description = "wrong key", body = ErrorBody),
        (status = 403, description = "no key configured, or a weak one", body = ErrorBody),
        (status = 503, description = "the queue is full, or nothing is written here", body = ErrorBody),
    )
)]
pub async fn post(
    _: Keyed,
    state: State,
    posted: Json<PostedPacket>,
) -> Result<JsonBody, ApiError> {
    let posted = posted.into_inner();
    let decoded = decode(&state.rules, posted.hex.as_deref())?;
    let record = record_of(&state, posted)?;
    Ok(JsonBody::of(&StoredAnswer { id: submit(&state, record).await?, decoded }))
}

/// Decodes a frame; nothing is stored.
///
/// With `breakdown` bytes that are no packet are no error: the answer says what could be read of
/// them, and why the rest could not.
#[utoipa::path(
    post,
    path = "/api/decode",
    tag = "packets",
    request_body = PostedFrame,
    responses(
        (status = 200, description = "what it says", body = DecodedAnswer),
        (status = 400, description = "not hex, or no packet", body = ErrorBody),
    )
)]
pub async fn decode_only(state: State, posted: Json<PostedFrame>) -> Result<JsonBody, ApiError> {
    let hex = posted.hex.as_deref();
    if !posted.breakdown {
        let decoded = Some(decode(&state.rules, hex)?);
        return Ok(JsonBody::of(&DecodedAnswer { decoded, breakdown: None }));
    }
    let breakdown = BreakdownBody::of(&frame_of(hex)?, &rules_of(&state.rules));
    let decoded = breakdown.is_whole().then(|| decode(&state.rules, hex)).transpose()?;
    Ok(JsonBody::of(&DecodedAnswer { decoded, breakdown: Some(breakdown) }))
}

/// The decoded frame as JSON text; a text, because it borrows from the frame.
fn decode(rules: &Rules, hex: Option<&str>) -> Result<Box<RawValue>, ApiError> {
    let frame = frame_of(hex)?;
    let packet = Packet::parse(&frame).map_err(refusal)?;
    let text = go_json::to_string(&Decoded {
        header: packet.header,
        path: PathView::of(&packet),
        payload: decode_payload(&packet, &rules_of(rules)),
    });
    RawValue::from_string(text).map_err(ApiError::internal)
}

fn frame_of(hex: Option<&str>) -> Result<Vec<u8>, ApiError> {
    let hex = hex.map(str::trim).filter(|hex| !hex.is_empty());
    let hex = hex.ok_or_else(|| ApiError::bad_request("hex is required"))?;
    frame_from_hex(hex).map_err(refusal)
}

fn rules_of(rules: &Rules) -> DecodeRules<'_> {
    DecodeRules { channels: rules.channels(), verify_signatures: true }
}

fn refusal(error: PacketError) -> ApiError {
    ApiError::bad_request(error.to_string())
}

/// The rules of ingest hold for posted packets too.
fn record_of(state: &AppState, posted: PostedPacket) -> Result<Record, ApiError> {
    let id = observer_id(posted.observer.as_deref().unwrap_or_default())?.to_owned();
    let received = state.rules.receive_packet(PacketArrival {
        raw: posted.hex.unwrap_or_default().to_uppercase(),
        observer: ObserverSeen { name: Some(id.clone()), id, iata: None },
        heard_at_s: state.clock.now_s(),
        snr: posted.snr,
        rssi: posted.rssi,
        ..PacketArrival::default()
    });
    match received {
        Received::Record(record @ Record::Packet(_)) => Ok(record),
        Received::Record(_) => Err(ApiError::bad_request("the advert's signature is invalid")),
        Received::Ignored(reason) => Err(ApiError::bad_request(reason.as_str())),
        Received::Rejected(reason) => Err(ApiError::bad_request(reason.as_str())),
    }
}

fn observer_id(text: &str) -> Result<&str, ApiError> {
    match text.trim() {
        "" => Ok(UNNAMED_OBSERVER),
        id if id.len() > OBSERVER_BYTES_MAX => {
            Err(ApiError::bad_request(format!("observer: at most {OBSERVER_BYTES_MAX} bytes")))
        }
        id if id.chars().any(char::is_control) => {
            Err(ApiError::bad_request("observer: control characters are not allowed"))
        }
        id => Ok(id),
    }
}

/// Returns the id of the transmission. The write goes on if the client hangs up.
async fn submit(state: &AppState, record: Record) -> Result<i64, ApiError> {
    let Some(intake) = state.ready()?.intake.clone() else {
        return Err(ApiError::unavailable("this process does not write (role server)"));
    };
    let asked = actix_web::rt::spawn(async move { intake.ask(SubmitPacket { record }).await });
    match asked.await.map_err(ApiError::internal)? {
        Ok(stored) => Ok(stored.transmission_id),
        Err(AskError::Refused(SubmitError::Full)) => Err(ApiError::busy("the queue is full")),
        Err(AskError::Refused(SubmitError::Stopping)) => {
            Err(ApiError::unavailable("the service is stopping"))
        }
        Err(error) => Err(ApiError::from_ask(error)),
    }
}
