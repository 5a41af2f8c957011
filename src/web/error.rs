//! Errors as clients see them: a status and `{"error": …}`. What the server is to blame for is
//! logged with its cause in one place and told without it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::json;
use super::warmup::WarmupTask;
use crate::actors::line::AskError;
use crate::db::ReadError;

/// When to come again while analytics warm up, seconds, where nobody knows how long that takes.
const RETRY_S: u32 = 5;

/// The longest that a browser waits (contract §7.3).
const RETRY_S_MAX: f64 = 30.0;

/// Every error.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    /// For people.
    error: String,
}

/// 503 while analytics are not ready.
#[derive(Serialize, ToSchema)]
pub struct WarmingUpBody {
    /// For people.
    error: String,
    /// As in `Retry-After`, seconds.
    retry_after_s: u32,
    /// What is waited for, as in `pending_warmup_tasks` of `/api/healthz`; absent if that is unknown.
    task: Option<WarmupTask>,
}

/// Why a request is not answered as asked.
#[derive(Clone, Debug)]
pub struct ApiError {
    status: StatusCode,
    /// For the client; without internals where the status is 5xx.
    text: String,
    retry_after_s: Option<u32>,
    /// Whether the body repeats when to come again (contract §1.6).
    is_warming_up: bool,
    /// What is waited for.
    task: Option<Arc<WarmupTask>>,
    allow: Option<&'static str>,
    /// For the log.
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl ApiError {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            retry_after_s: None,
            is_warming_up: false,
            task: None,
            allow: None,
            cause: None,
        }
    }

    /// 400: what was sent is wrong; `text` says how.
    pub fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// 401: the key is missing or wrong.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized")
    }

    /// 403.
    pub fn forbidden(text: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, text)
    }

    /// 404.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found")
    }

    /// 404, and what there is.
    pub fn no_such(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    /// 409: it makes no sense as things stand; `text` says why.
    pub fn conflict(text: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, text)
    }

    /// Says what was attempted.
    #[must_use]
    pub fn about(self, what: &str) -> Self {
        Self { text: format!("{what}: {}", self.text), ..self }
    }

    /// 405; `allow` lists the methods that are answered.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        let text = format!("method not allowed, use {allow}");
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, text) }
    }

    /// 413.
    pub fn too_large(bytes_max: usize) -> Self {
        let text = format!("body larger than {bytes_max} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, text)
    }

    /// 413, the other way round: coming again does not help, asking for less does.
    pub fn answer_too_large(bytes_max: usize) -> Self {
        let text = format!(
            "the answer would have more than {bytes_max} bytes; ask for a lower limit, \
             or without expand"
        );
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, text)
    }

    /// 414.
    pub fn uri_too_long(bytes_max: usize) -> Self {
        let text = format!("path and query longer than {bytes_max} bytes");
        Self::new(StatusCode::URI_TOO_LONG, text)
    }

    /// 431.
    pub fn headers_too_large(lines_max: usize, bytes_max: usize) -> Self {
        let text = format!("more than {lines_max} headers or {bytes_max} bytes of them");
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, text)
    }

    /// 408: the body did not arrive.
    pub fn too_slow(within: Duration) -> Self {
        let text = format!("the body did not arrive within {} s", within.as_secs());
        Self::new(StatusCode::REQUEST_TIMEOUT, text)
    }

    /// 429: more than one address may ask for; `wait` is rounded up to seconds.
    pub fn too_many(text: impl Into<String>, wait: Duration) -> Self {
        let seconds = u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1);
        Self { retry_after_s: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, text) }
    }

    /// 507: the disk has no room for it.
    pub fn no_space(text: impl Into<String>) -> Self {
        Self::new(StatusCode::INSUFFICIENT_STORAGE, text)
    }

    /// 413, for figures.
    pub fn analytics_too_large(bytes_max: usize) -> Self {
        let text = format!("the answer would have more than {bytes_max} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, text)
    }

    /// 503 for a moment: the client should come again.
    pub fn busy(text: impl Into<String>) -> Self {
        Self { retry_after_s: Some(1), ..Self::unavailable(text) }
    }

    /// 503 while analytics are not ready (contract §1.6). With what is waited for, if that is known:
    /// the client should come again when it is expected to be done, if that is soon.
    pub fn warming_up(task: Option<WarmupTask>) -> Self {
        let text = match &task {
            Some(task) => format!("analytics warming up: {}", task.progress()),
            None => "analytics warming up".to_owned(),
        };
        let eta_s = task.as_ref().and_then(WarmupTask::eta_s);
        let retry_after_s = eta_s.map_or(RETRY_S, |eta_s| eta_s.ceil().min(RETRY_S_MAX) as u32);
        let task = task.map(Arc::new);
        Self { retry_after_s: Some(retry_after_s), task, ..Self::warming_up_as(&text) }
    }

    /// The same where it may last.
    pub fn warming_up_as(text: &str) -> Self {
        Self { retry_after_s: Some(RETRY_S), is_warming_up: true, ..Self::unavailable(text) }
    }

    /// 503 until something changes.
    pub fn unavailable(text: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, text)
    }

    /// 500: our fault. `cause` is logged, not told.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let opaque = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error");
        Self { cause: Some(Arc::from(cause.into())), ..opaque }
    }

    /// An actor's line gave no answer.
    pub fn from_ask<E: Error + Send + Sync + 'static>(error: AskError<E>) -> Self {
        match error {
            AskError::Full => Self::busy("too many requests are waiting"),
            AskError::TimedOut(after) => {
                let text = format!("no answer within {} ms", after.as_millis());
                Self::new(StatusCode::GATEWAY_TIMEOUT, text)
            }
            AskError::Stopped => Self::unavailable("the service is stopping"),
            AskError::Refused(cause) => Self::internal(cause),
        }
    }

    /// Whether the client should merely come again.
    pub fn is_busy(&self) -> bool {
        self.retry_after_s.is_some()
    }

    /// Returns what the log should say, with all causes; `None` if the client is to blame or the
    /// server merely busy.
    pub fn blame(&self) -> Option<String> {
        let mut cause: &(dyn Error + 'static) = self.cause.as_deref()?;
        let mut text = cause.to_string();
        while let Some(deeper) = cause.source() {
            text = format!("{text}: {deeper}");
            cause = deeper;
        }
        Some(text)
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Full => Self::busy("all readers are busy"),
            ReadError::TimedOut(after) => Self::busy(format!(
                "the query took longer than {} ms and was stopped; ask for less",
                after.as_millis()
            )),
            ReadError::Stopped => Self::unavailable("the service is stopping"),
            error @ (ReadError::Panicked | ReadError::Failed(_)) => Self::internal(error),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(seconds) = self.retry_after_s {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if let Some(methods) = self.allow {
            response.insert_header((ALLOW, methods));
        }
        let mut body = serde_json::json!({ "error": self.text });
        if self.is_warming_up {
            body["retry_after_s"] = self.retry_after_s.into();
        }
        if let Some(task) = &self.task {
            body["task"] = serde_json::to_value(&**task).unwrap_or_default();
        }
        response.content_type("application/json").body(json::bytes(&body))
    }
}
