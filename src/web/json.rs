//! JSON bodies in and out.

use actix_web::body::BoxBody;
use actix_web::error::JsonPayloadError;
use actix_web::web::{Bytes, JsonConfig};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;

use super::error::ApiError;
use crate::mesh::go_json;

/// A request body may have this many bytes; the largest that is of use has some 5 KB.
pub const BODY_BYTES_MAX: usize = 64 << 10;

/// Returns a body: JSON as Go writes it and a line feed (contract §0).
pub fn bytes<T: Serialize + ?Sized>(value: &T) -> Bytes {
    let mut text = go_json::to_string(value);
    text.push('\n');
    text.into()
}

/// A finished JSON body, written where it was made: large ones on a reader's thread.
#[derive(Clone, Debug)]
pub struct JsonBody(pub Bytes);

impl JsonBody {
    /// Writes a value.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        Self(bytes(value))
    }
}

impl Responder for JsonBody {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().content_type("application/json").body(self.0)
    }
}

/// Returns how JSON request bodies are read: of any content type, bounded, refused with our errors.
pub fn config() -> JsonConfig {
    JsonConfig::default()
        .limit(BODY_BYTES_MAX)
        .content_type_required(false)
        .content_type(|_| true)
        .error_handler(|error, _| refusal(&error).into())
}

fn refusal(error: &JsonPayloadError) -> ApiError {
    match error {
        JsonPayloadError::OverflowKnownLength { .. } | JsonPayloadError::Overflow { .. } => {
            ApiError::too_large(BODY_BYTES_MAX)
        }
        _ => ApiError::bad_request("invalid JSON body"),
    }
}
