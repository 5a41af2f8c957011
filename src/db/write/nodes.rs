//! What adverts say of their nodes (spec §2.9).

use rusqlite::params;

use super::group::{Group, HeardAt};
use crate::db::error::DbError;
use crate::ingest::reception::AdvertSeen;

impl Group<'_> {
    /// Inserts or updates the advertiser. What the advert leaves out stays (HZ 4); only a packet
    /// that was not heard before raises `advert_count`; the foreign mark is set and taken back
    /// (HZ 14).
    pub(super) fn store_advert(
        &mut self,
        advert: &AdvertSeen,
        heard: &HeardAt,
        is_new_transmission: bool,
    ) -> Result<(), DbError> {
        let key = advert.public_key.to_ascii_lowercase();
        self.move_back(&key)?;
        self.run(
            "store a node",
            "INSERT INTO nodes (public_key, name, role, lat, lon, last_seen, first_seen, \
             advert_count, battery_mv, temperature_c, foreign_advert, default_scope) \
             VALUES (?1, NULLIF(?2, ''), ?3, ?4, ?5, ?6, ?6, ?8, ?9, ?10, COALESCE(?11, 0), ?12) \
             ON CONFLICT (public_key) DO UPDATE SET \
             name = COALESCE(excluded.name, name), role = excluded.role, \
             lat = COALESCE(excluded.lat, lat), lon = COALESCE(excluded.lon, lon), \
             last_seen = MAX(MIN(COALESCE(last_seen, ''), ?7), ?6), \
             first_seen = COALESCE(NULLIF(first_seen, ''), ?6), \
             advert_count = COALESCE(advert_count, 0) + ?8, \
             battery_mv = COALESCE(excluded.battery_mv, battery_mv), \
             temperature_c = COALESCE(excluded.temperature_c, temperature_c), \
             foreign_advert = COALESCE(?11, foreign_advert), \
             default_scope = COALESCE(excluded.default_scope, default_scope)",
            params![
                key,
                advert.name,
                advert.role,
                advert.lat,
                advert.lon,
                heard.iso,
                self.now,
                is_new_transmission,
                advert.battery_mv,
                advert.temperature_c,
                advert.foreign,
                advert.default_scope,
            ],
        )?;
        self.counts.node_upserts += 1;
        Ok(())
    }

    /// A node that had gone silent returns with its counts and its `first_seen` (HZ 14).
    fn move_back(&self, key: &str) -> Result<(), DbError> {
        if self.run("move a node back", &self.tables.move_back_sql, [key])? > 0 {
            let delete = "DELETE FROM inactive_nodes WHERE public_key = ?1";
            self.run("remove a node that has moved back", delete, [key])?;
        }
        Ok(())
    }
}
