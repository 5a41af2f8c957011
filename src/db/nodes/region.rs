//! Whose adverts were heard where.

use std::collections::{BTreeSet, HashMap};

use super::WITHOUT_SENDER;
use crate::db::error::DbError;
use crate::db::packets::{heard_among, observers_in};
use crate::db::reader::Reader;
use crate::db::values::stored_text;
use crate::mesh::{self, Packet};
use crate::store::Snapshot;

/// Returns the keys (hex, lower case) of all nodes any of whose adverts was heard in one of these
/// regions (upper case). Passes through indexes: the keys of all adverts stand in one, who heard
/// them in another, or in the RAM window.
///
/// # Errors
/// Any failure of the database, and the deadline.
pub fn keys_heard_in(
    reader: &Reader,
    window: Option<&Snapshot>,
    regions: &[String],
) -> Result<BTreeSet<String>, DbError> {
    let observers = observers_in(reader, regions)?;
    if observers.is_empty() {
        return Ok(BTreeSet::new());
    }
    let senders = senders_of_adverts(reader)?;
    let mut adverts: Vec<i64> = senders.keys().copied().collect();
    adverts.sort_unstable();
    let heard = heard_among(window, reader, &observers, &adverts)?;
    Ok(heard.into_iter().filter_map(|id| senders.get(&id).cloned()).collect())
}

fn senders_of_adverts(reader: &Reader) -> Result<HashMap<i64, String>, DbError> {
    // Only adverts have a sender, and the index holds both columns.
    let filled = "SELECT id, from_pubkey FROM transmissions WHERE from_pubkey > ''";
    let filled = reader.rows(filled, [], |row| Ok((row.get(0)?, stored_text(row, 1)?)))?;
    let mut senders: HashMap<i64, String> =
        filled.into_iter().filter_map(|(id, key)| Some((id, key?))).collect();
    if !reader.is_migrated("backfill_from_pubkey_v1")? {
        let missing = format!("SELECT id, raw_hex FROM transmissions WHERE {WITHOUT_SENDER}");
        let rows = reader.rows(&missing, [], |row| Ok((row.get(0)?, stored_text(row, 1)?)))?;
        let keys = rows.into_iter().filter_map(|(id, frame)| Some((id, sender_of(&frame?)?)));
        senders.extend(keys);
    }
    Ok(senders)
}

/// The key stands first in an advert's payload.
fn sender_of(raw_hex: &str) -> Option<String> {
    let frame = mesh::frame_from_hex(raw_hex).ok()?;
    let packet = Packet::parse(&frame).ok()?;
    packet.payload.get(..32).map(hex::encode)
}
