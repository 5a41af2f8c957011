//! One packet, by hash, by its id, or by the id of one of its observations.

use super::rows::{Loader, Transmission};
use crate::db::error::DbError;
use crate::db::reader::Reader;

/// What an id or hash names.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// A packet.
    Transmission(Transmission),
    /// One reception: the index of the observation in its packet.
    Observation(Transmission, usize),
}

/// Looks `text` up: 16 hex digits as a hash first, then a number as a transmission's id, then as
/// an observation's id, at last any text as a hash (contract §3.3).
///
/// # Errors
/// Any failure of the database, and the deadline.
pub fn find(reader: &Reader, text: &str) -> Result<Option<Found>, DbError> {
    let mut loader = Loader::new(reader)?;
    if is_hash(text)
        && let Some(found) = by_hash(reader, &mut loader, text)?
    {
        return Ok(Some(Found::Transmission(found)));
    }
    if let Ok(id) = text.parse::<i64>() {
        if let Some(found) = loader.load(id)? {
            return Ok(Some(Found::Transmission(found)));
        }
        if let Some(found) = by_observation(reader, &mut loader, id)? {
            return Ok(Some(found));
        }
    }
    Ok(by_hash(reader, &mut loader, text)?.map(Found::Transmission))
}

/// Returns the packets with these hashes, in the same order; `None` where there is none.
///
/// # Errors
/// As [`find`].
pub fn observations_of(
    reader: &Reader,
    hashes: &[String],
) -> Result<Vec<Option<Transmission>>, DbError> {
    let mut loader = Loader::new(reader)?;
    hashes.iter().map(|hash| by_hash(reader, &mut loader, hash)).collect()
}

fn is_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn by_hash(
    reader: &Reader,
    loader: &mut Loader<'_>,
    hash: &str,
) -> Result<Option<Transmission>, DbError> {
    // As given first: of two rows that differ in case only, the one that was asked for.
    let sql = "SELECT id FROM transmissions WHERE hash IN (?1, ?2, ?3) \
               ORDER BY hash <> ?1, hash <> ?2 LIMIT 1";
    let forms = [hash.to_owned(), hash.to_lowercase(), hash.to_uppercase()];
    match reader.first(sql, forms, |row| row.get(0))? {
        Some(id) => loader.load(id),
        None => Ok(None),
    }
}

fn by_observation(
    reader: &Reader,
    loader: &mut Loader<'_>,
    id: i64,
) -> Result<Option<Found>, DbError> {
    let sql = "SELECT transmission_id FROM observations WHERE id = ?1";
    let Some(transmission_id) = reader.first(sql, [id], |row| row.get(0))? else {
        return Ok(None);
    };
    let Some(transmission) = loader.load(transmission_id)? else { return Ok(None) };
    // A duplicate that is merged in the answer has no place of its own: its packet answers.
    let place = transmission.observations.iter().position(|seen| seen.id == id);
    Ok(Some(match place {
        Some(index) => Found::Observation(transmission, index),
        None => Found::Transmission(transmission),
    }))
}
