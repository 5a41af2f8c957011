//! How stored values are read, whatever their type, and how a list is passed to a query.

use rusqlite::Row;
use rusqlite::types::ValueRef;

/// Reads a text; NULL, `''` and values of another type are `None`.
pub(super) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    let text = match row.get_ref(column)? {
        ValueRef::Text(bytes) => text_of(bytes),
        _ => return Ok(None),
    };
    Ok((!text.is_empty()).then_some(text))
}

/// Reads a text as it is stored, `''` included; NULL and values of another type are `None`.
pub(super) fn stored_text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) => Some(text_of(bytes)),
        _ => None,
    })
}

/// What is no UTF-8 is replaced.
fn text_of(bytes: &[u8]) -> String {
    // The usual case apart: looking for what to replace takes longer.
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Reads a number; NULL, texts and what is not finite are `None`.
pub(super) fn real(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<f64>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Integer(value) => Some(value as f64),
        ValueRef::Real(value) => value.is_finite().then_some(value),
        _ => None,
    })
}

/// Reads a whole number; NULL, texts and fractions are `None`.
pub(super) fn integer(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<i64>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Integer(value) => Some(value),
        _ => None,
    })
}

/// A list as one parameter, for `json_each`.
pub(super) fn json_list<T: serde::Serialize>(values: &[T]) -> String {
    serde_json::to_string(values).unwrap_or_else(|_| "[]".to_owned())
}
