//! JSON bodies of answers.

use actix_web::body::BoxBody;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;

use crate::mesh::go_json;

/// Returns a body: JSON as Go writes it and a line feed (contract §0).
pub fn bytes<T: Serialize + ?Sized>(value: &T) -> Bytes {
    let mut text = go_json::to_string(value);
    text.push('\n');
    text.into()
}

/// The body of a list that is written row by row, up to a bound.
pub struct ListBody {
    bytes: Vec<u8>,
    bytes_max: usize,
    is_empty: bool,
    is_full: bool,
}

impl ListBody {
    /// Begins with `{"packets":[`.
    pub fn new(bytes_max: usize) -> Self {
        Self::after("{\"packets\":[", bytes_max)
    }

    /// Begins with `head`, which ends where the rows begin.
    pub fn after(head: impl Into<Vec<u8>>, bytes_max: usize) -> Self {
        Self { bytes: head.into(), bytes_max, is_empty: true, is_full: false }
    }

    /// Writes a row; `false` if the bound is reached.
    pub fn add<T: Serialize>(&mut self, row: &T) -> bool {
        if !self.is_empty {
            self.bytes.push(b',');
        }
        self.is_empty = false;
        // Writing into memory cannot fail, nor do rows have keys that are no text.
        let is_written = go_json::to_writer(&mut self.bytes, row).is_ok();
        self.is_full = !is_written || self.bytes.len() > self.bytes_max;
        !self.is_full
    }

    /// Ends with `tail` and a line feed; `None` if the bound was reached.
    pub fn end(mut self, tail: &str) -> Option<JsonBody> {
        self.bytes.extend_from_slice(tail.as_bytes());
        self.bytes.push(b'\n');
        (!self.is_full).then(|| JsonBody(self.bytes.into()))
    }
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
