//! Refused adverts and mobile clients' receptions (spec §2.9, §2.14).

use rusqlite::params;

use super::group::Group;
use crate::clock;
use crate::db::error::DbError;
use crate::ingest::reception::{ClientReception, RefusedAdvert};

impl Group<'_> {
    /// A broker may deliver it again: the same bytes of the same observer within a day are one.
    pub(super) fn store_refused_advert(&mut self, advert: &RefusedAdvert) -> Result<(), DbError> {
        let rows = self.run(
            "store a refused advert",
            "INSERT INTO dropped_packets (hash, raw_hex, reason, observer_id, observer_name, \
             node_pubkey, node_name, dropped_at) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, datetime(?8, 'unixepoch') \
             WHERE NOT EXISTS (SELECT 1 FROM dropped_packets WHERE observer_id = ?4 \
             AND raw_hex = ?2 AND dropped_at > datetime(?8, 'unixepoch', '-1 day'))",
            params![
                advert.hash,
                advert.raw_hex,
                advert.reason,
                advert.observer_id,
                advert.observer_name,
                advert.node_pubkey,
                advert.node_name,
                advert.heard_at_s,
            ],
        )?;
        self.counts.sig_drops += rows as u64;
        Ok(())
    }

    /// The same place, key and second is stored once.
    pub(super) fn store_client_reception(
        &mut self,
        reception: &ClientReception,
    ) -> Result<(), DbError> {
        let ingested_at = clock::iso_s(reception.ingested_at_s);
        self.run(
            "store a client's reception",
            "INSERT INTO client_receptions (rx_pubkey, heard_key, heard_keylen, rssi, snr, lat, \
             lon, pos_acc_m, rx_at, ingested_at, src) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
             ON CONFLICT (rx_pubkey, heard_key, rx_at) DO NOTHING",
            params![
                reception.rx_pubkey,
                reception.heard_key,
                reception.heard_key_bytes,
                reception.rssi,
                reception.snr,
                reception.lat,
                reception.lon,
                reception.pos_acc_m,
                clock::iso_s(reception.rx_at_s),
                ingested_at,
                reception.src,
            ],
        )?;
        self.run(
            "store a client",
            "INSERT INTO client_observers (pubkey, name, last_seen) VALUES (?1, ?2, ?3) \
             ON CONFLICT (pubkey) DO UPDATE SET \
             name = COALESCE(NULLIF(excluded.name, ''), name), \
             last_seen = MAX(COALESCE(last_seen, ''), excluded.last_seen)",
            params![reception.rx_pubkey, reception.origin, ingested_at],
        )?;
        Ok(())
    }
}
