//! Bodies of requests: how large they may be, how long they may take, how JSON is read.

use std::io::ErrorKind::TimedOut;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::{JsonPayloadError, PayloadError};
use actix_web::rt::time::{Sleep, sleep};
use actix_web::web::{Bytes, JsonConfig};
use futures_util::Stream;

use super::error::ApiError;
use super::request_kind::is_read;

/// A body may have this many bytes; the largest that is of use has some 5 KB.
pub const BODY_BYTES_MAX: usize = 64 << 10;
/// How long a body may take to arrive.
pub const BODY_WITHIN: Duration = Duration::from_secs(10);

/// Returns how JSON request bodies are read: of any content type, bounded, refused with our errors.
pub fn json_config() -> JsonConfig {
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
        JsonPayloadError::Payload(PayloadError::Io(error)) if error.kind() == TimedOut => {
            ApiError::too_slow(BODY_WITHIN)
        }
        _ => ApiError::bad_request("invalid JSON body"),
    }
}

/// Gives a body that dribbles in an end.
pub fn hurry(request: &mut ServiceRequest) {
    if is_read(request.method()) {
        return;
    }
    let hurried = Hurried { inner: request.take_payload(), late: Box::pin(sleep(BODY_WITHIN)) };
    request.set_payload(Payload::Stream { payload: Box::pin(hurried) });
}

struct Hurried {
    inner: Payload,
    late: Pin<Box<Sleep>>,
}

impl Stream for Hurried {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.late.as_mut().poll(cx).is_ready() {
            let late = std::io::Error::from(TimedOut);
            return Poll::Ready(Some(Err(PayloadError::Io(late))));
        }
        Pin::new(&mut self.inner).poll_next(cx)
    }
}
