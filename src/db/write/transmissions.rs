//! The packet itself, the same for all who heard it (spec §2.7).

use rusqlite::{OptionalExtension, Row, params};

use super::KnownTransmission;
use super::group::{Group, HeardAt};
use crate::db::error::{DbError, Doing};
use crate::db::values::{integer, text};
use crate::ingest::reception::NewTransmission;

/// Where a transmission is stored.
pub(super) struct StoredTransmission {
    pub(super) id: i64,
    pub(super) first_seen: String,
    /// `None` if it is new.
    pub(super) known: Option<Box<KnownTransmission>>,
}

impl Group<'_> {
    /// Finds the packet by its content hash, or inserts it. Its columns are frozen at first sight,
    /// but an earlier reception lowers `first_seen` and a later one raises `last_seen`.
    pub(super) fn store_transmission(
        &mut self,
        packet: &NewTransmission,
        heard: &HeardAt,
    ) -> Result<StoredTransmission, DbError> {
        let found = self
            .conn
            .prepare_cached(
                "SELECT id, first_seen, raw_hex, route_type, decoded_json FROM transmissions \
                 WHERE hash = ?1",
            )
            .and_then(|mut row| row.query_row([&packet.hash], known_of).optional())
            .doing("look up a transmission")?;
        let Some((id, first_seen, known)) = found else {
            return self.insert_transmission(packet, heard);
        };
        self.counts.tx_dupes += 1;
        let first_seen = self.lower_first_seen(id, first_seen, heard)?;
        self.run(
            "raise the last_seen of a transmission",
            // 0 is not yet backfilled: the row must not seem to be older than what it holds.
            "UPDATE transmissions SET last_seen = IIF(last_seen > 0, ?2, MAX(?2, COALESCE( \
             (SELECT MAX(timestamp) FROM observations WHERE transmission_id = ?1), 0))) \
             WHERE id = ?1 AND last_seen < ?2",
            params![id, heard.unix_s],
        )?;
        Ok(StoredTransmission { id, first_seen, known: Some(Box::new(known)) })
    }

    fn insert_transmission(
        &mut self,
        packet: &NewTransmission,
        heard: &HeardAt,
    ) -> Result<StoredTransmission, DbError> {
        self.run(
            "insert a transmission",
            "INSERT INTO transmissions (raw_hex, hash, first_seen, route_type, payload_type, \
             payload_version, decoded_json, from_pubkey, last_seen, created_at, channel_hash, \
             scope_name) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, datetime(?10), ?11, ?12)",
            params![
                packet.raw_hex,
                packet.hash,
                heard.iso,
                packet.route_type,
                packet.payload_type,
                packet.payload_version,
                packet.decoded_json,
                packet.from_pubkey,
                heard.unix_s,
                self.now,
                packet.channel_hash,
                packet.scope_name,
            ],
        )?;
        self.counts.tx_inserted += 1;
        let id = self.conn.last_insert_rowid();
        Ok(StoredTransmission { id, first_seen: heard.iso.clone(), known: None })
    }

    /// An empty `first_seen` of an old row is given a value too: a clean-up would delete the row.
    fn lower_first_seen(
        &self,
        id: i64,
        stored: String,
        heard: &HeardAt,
    ) -> Result<String, DbError> {
        if !stored.is_empty() && stored <= heard.iso {
            return Ok(stored);
        }
        self.run(
            "lower the first_seen of a transmission",
            "UPDATE transmissions SET first_seen = ?2 WHERE id = ?1",
            params![id, heard.iso],
        )?;
        Ok(heard.iso.clone())
    }
}

/// An older database may hold NULL or something else in a text: a packet is not to be refused for
/// what is stored.
fn known_of(row: &Row<'_>) -> rusqlite::Result<(i64, String, KnownTransmission)> {
    let known = KnownTransmission {
        raw_hex: text(row, 2)?,
        route_type: integer(row, 3)?,
        decoded_json: text(row, 4)?,
    };
    Ok((row.get(0)?, text(row, 1)?.unwrap_or_default(), known))
}
