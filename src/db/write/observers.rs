//! Who hears, and what they tell of themselves (spec §2.10).

use rusqlite::{OptionalExtension, params};

use super::group::{Group, HeardAt};
use crate::clock;
use crate::db::error::{DbError, Doing};
use crate::ingest::reception::{ObserverMetrics, ObserverSeen, PacketReception, StatusReport};
use crate::perf::ledger::Source;

const DAY_S: i64 = 86_400;
/// For so long a clock that was off is taken to be off still.
const CLOCK_MEMORY_S: i64 = 30 * DAY_S;

impl Group<'_> {
    /// Returns the observer's rowid; a new one gets a row at once, with `first_seen` set (HZ 3,
    /// HZ 22). `is_alive` is false for a message that the broker kept: it proves no life.
    pub(super) fn resolve_observer(
        &self,
        seen: &ObserverSeen,
        heard: &HeardAt,
        is_alive: bool,
    ) -> Result<i64, DbError> {
        let found = self
            .conn
            .prepare_cached("SELECT rowid FROM observers WHERE id = ?1")
            .and_then(|mut row| row.query_row([&seen.id], |row| row.get(0)).optional())
            .doing("look up an observer")?;
        if let Some(rowid) = found {
            return Ok(rowid);
        }
        self.run(
            "insert an observer",
            "INSERT INTO observers (id, first_seen, last_seen, packet_count, inactive, can_relay, \
             can_relay_seen) VALUES (?1, ?2, ?3, 0, 0, 1, 0)",
            params![seen.id, heard.iso, is_alive.then_some(&heard.iso)],
        )?;
        Ok(self.conn.last_insert_rowid())
    }

    /// Returns the time of receipt where the envelope's time has no zone and this observer's clock
    /// was seen to be off in the month before (decision 3: both clocks sane); else `None`.
    pub(super) fn trusted_time(
        &self,
        observer: i64,
        packet: &PacketReception,
    ) -> Result<Option<HeardAt>, DbError> {
        let Some(received_at_s) = packet.received_at_s else { return Ok(None) };
        let since = clock::iso_s(received_at_s - CLOCK_MEMORY_S);
        let sql = "SELECT EXISTS (SELECT 1 FROM observers WHERE rowid = ?1 \
                   AND clock_last_naive_at > ?2)";
        let is_off: bool = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut row| row.query_row(params![observer, since], |row| row.get(0)))
            .doing("look up an observer's clock")?;
        Ok(is_off.then(|| HeardAt::new(received_at_s)))
    }

    /// A packet was heard: the observer lives. `packet_count` counts packets, once each however
    /// often a broker delivers them (HZ 5); an absent name or region keeps the stored one (HZ 4),
    /// and so does a name that is only the id;
    /// a stored time ahead of now is lowered, otherwise no time goes back.
    pub(super) fn note_packet_of(
        &mut self,
        observer: i64,
        packet: &PacketReception,
        heard: &HeardAt,
        is_new_observation: bool,
    ) -> Result<(), DbError> {
        self.run(
            "update an observer",
            "UPDATE observers SET name = COALESCE(NULLIF(NULLIF(?2, ''), id), name, ?2), \
             iata = COALESCE(NULLIF(?3, ''), iata), \
             first_seen = COALESCE(NULLIF(first_seen, ''), ?4), \
             last_seen = MAX(MIN(COALESCE(last_seen, ''), ?5), ?4), \
             last_packet_at = MAX(MIN(COALESCE(last_packet_at, ''), ?5), ?4), \
             packet_count = COALESCE(packet_count, 0) + ?6, inactive = 0 WHERE rowid = ?1",
            params![
                observer,
                packet.observer.name,
                packet.observer.iata,
                heard.iso,
                self.now,
                is_new_observation,
            ],
        )?;
        self.counts.observer_upserts += 1;
        self.note_naive_clock(observer, packet.naive_clock_skew_s, heard)
    }

    /// Stores what an observer tells of itself; what it leaves out stays. A kept message updates
    /// fields, but neither `last_seen` nor the metrics (decision 4).
    pub(super) fn store_status(&mut self, status: &StatusReport) -> Result<(), DbError> {
        let heard = HeardAt::new(status.heard_at_s);
        let is_alive = !status.is_retained;
        let observer = self.resolve_observer(&status.observer, &heard, is_alive)?;
        let none = ObserverMetrics::default();
        let metrics = status.metrics.as_ref().unwrap_or(&none);
        self.run(
            "update an observer from its status",
            "UPDATE observers SET name = COALESCE(NULLIF(?2, ''), name), \
             iata = COALESCE(NULLIF(?3, ''), iata), \
             first_seen = COALESCE(NULLIF(first_seen, ''), ?4), \
             last_seen = IIF(?6, MAX(MIN(COALESCE(last_seen, ''), ?5), ?4), last_seen), \
             inactive = IIF(?6, 0, inactive), \
             model = COALESCE(?7, model), firmware = COALESCE(?8, firmware), \
             client_version = COALESCE(?9, client_version), radio = COALESCE(?10, radio), \
             battery_mv = COALESCE(?11, battery_mv), uptime_secs = COALESCE(?12, uptime_secs), \
             noise_floor = COALESCE(?13, noise_floor), can_relay = COALESCE(?14, can_relay), \
             can_relay_seen = IIF(?14 IS NULL, can_relay_seen, 1) WHERE rowid = ?1",
            params![
                observer,
                status.observer.name,
                status.observer.iata,
                heard.iso,
                self.now,
                is_alive,
                status.model,
                status.firmware,
                status.client_version,
                status.radio,
                metrics.battery_mv,
                metrics.uptime_secs,
                metrics.noise_floor,
                status.can_relay,
            ],
        )?;
        self.counts.observer_upserts += 1;
        self.note_naive_clock(observer, status.naive_clock_skew_s, &heard)?;
        match &status.metrics {
            Some(metrics) if is_alive => {
                self.charge(Source::Observers);
                self.store_metrics(&status.observer.id, metrics, &heard)?;
                self.charge(Source::Metrics);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Counts events of the last day; a day without one starts the count again.
    fn note_naive_clock(
        &self,
        observer: i64,
        skew_s: Option<i64>,
        heard: &HeardAt,
    ) -> Result<(), DbError> {
        let Some(skew_s) = skew_s else { return Ok(()) };
        let day_before = clock::iso_s(heard.unix_s.saturating_sub(DAY_S));
        self.run(
            "note an observer's wrong clock",
            "UPDATE observers SET clock_skew_seconds = ?2, clock_skew_count_24h = \
             IIF(COALESCE(clock_last_naive_at, '') < ?4, 1, COALESCE(clock_skew_count_24h, 0) + 1), \
             clock_last_naive_at = ?3 WHERE rowid = ?1",
            params![observer, skew_s, heard.iso, day_before],
        )?;
        Ok(())
    }

    /// One row per observer and interval, at the nearest multiple of the interval.
    fn store_metrics(
        &self,
        observer_id: &str,
        metrics: &ObserverMetrics,
        heard: &HeardAt,
    ) -> Result<(), DbError> {
        let interval_s = self.metrics_interval_s;
        let rounded_s = (heard.unix_s + interval_s / 2).div_euclid(interval_s) * interval_s;
        self.run(
            "store an observer's metrics",
            "INSERT OR REPLACE INTO observer_metrics (observer_id, timestamp, noise_floor, \
             tx_air_secs, rx_air_secs, recv_errors, battery_mv, packets_sent, packets_recv) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                observer_id,
                clock::iso_s(rounded_s),
                metrics.noise_floor,
                metrics.tx_air_secs,
                metrics.rx_air_secs,
                metrics.recv_errors,
                metrics.battery_mv,
                metrics.packets_sent,
                metrics.packets_recv,
            ],
        )?;
        Ok(())
    }
}
