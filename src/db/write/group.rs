//! One group of records inside its transaction.

use rusqlite::{Connection, Params};

use super::outcome::{Outcome, StoredPacket, WriteCounts};
use super::tables::KnownTables;
use crate::clock;
use crate::db::error::{DbError, Doing};
use crate::db::options::OpenOptions;
use crate::ingest::reception::{PacketReception, Record};
use crate::perf::ledger::{Shares, Source};

/// A group that is being written.
pub(super) struct Group<'g> {
    pub(super) conn: &'g Connection,
    pub(super) tables: &'g KnownTables,
    /// Now, as ISO text: a stored time ahead of it came from a wrong clock and is lowered.
    pub(super) now: String,
    pub(super) metrics_interval_s: i64,
    pub(super) counts: WriteCounts,
    /// Rows by source.
    pub(super) shares: Shares,
    /// Rows that the connection had changed when they were last charged to a source.
    changes: u64,
}

/// A time of reception in both forms of the tables.
pub(super) struct HeardAt {
    pub(super) unix_s: i64,
    pub(super) iso: String,
}

impl HeardAt {
    pub(super) fn new(unix_s: i64) -> Self {
        Self { unix_s, iso: clock::iso_s(unix_s) }
    }
}

impl<'g> Group<'g> {
    pub(super) fn new(
        conn: &'g Connection,
        tables: &'g KnownTables,
        options: &OpenOptions,
    ) -> Self {
        let now = clock::iso_s(options.clock.now_s());
        let metrics_interval_s = options.metrics_interval_s.max(1);
        Self {
            conn,
            tables,
            now,
            metrics_interval_s,
            counts: WriteCounts::default(),
            shares: Shares::group(),
            changes: conn.total_changes(),
        }
    }

    pub(super) fn write_all(
        &mut self,
        records: &[Record],
        is_isolated: bool,
    ) -> Result<Vec<Outcome>, DbError> {
        records
            .iter()
            .map(
                |record| if is_isolated { self.write_isolated(record) } else { self.write(record) },
            )
            .collect()
    }

    fn write_isolated(&mut self, record: &Record) -> Result<Outcome, DbError> {
        const ACTION: &str = "set a record apart";
        let (counts_before, shares_before) = (self.counts.clone(), self.shares);
        self.conn.execute_batch("SAVEPOINT record").doing(ACTION)?;
        match self.write(record) {
            Err(error) if error.is_fault_of_record() => {
                tracing::warn!(error = %chain(&error), "a record cannot be stored");
                self.counts = counts_before;
                self.counts.write_errors += 1;
                self.changes = self.conn.total_changes();
                self.shares = shares_before;
                self.shares.add_error(source_of(record));
                self.conn.execute_batch("ROLLBACK TO record; RELEASE record").doing(ACTION)?;
                Ok(Outcome::Failed(error.to_string()))
            }
            Err(error) => Err(error),
            Ok(outcome) => {
                self.conn.execute_batch("RELEASE record").doing(ACTION)?;
                Ok(outcome)
            }
        }
    }

    fn write(&mut self, record: &Record) -> Result<Outcome, DbError> {
        match record {
            Record::Packet(packet) => self.store_packet(packet).map(Outcome::Packet),
            Record::Status(status) => self.store_status(status).map(|()| Outcome::Kept),
            Record::RefusedAdvert(advert) => {
                self.store_refused_advert(advert).map(|()| Outcome::Kept)
            }
            Record::ClientReception(reception) => {
                self.store_client_reception(reception).map(|()| Outcome::Kept)
            }
        }
        .inspect(|_| self.charge(source_of(record)))
    }

    /// Charges a source with the rows that were changed since the last charge.
    pub(super) fn charge(&mut self, source: Source) {
        let changes = self.conn.total_changes();
        self.shares.add_rows(source, changes - self.changes);
        self.changes = changes;
    }

    /// The observer comes first: an observation without one would escape deduplication (HZ 3).
    fn store_packet(&mut self, packet: &PacketReception) -> Result<StoredPacket, DbError> {
        let heard = HeardAt::new(packet.heard_at_s);
        let observer = self.resolve_observer(&packet.observer, &heard, true)?;
        self.charge(Source::Observers);
        let heard = self.trusted_time(observer, packet)?.unwrap_or(heard);
        let transmission = self.store_transmission(&packet.transmission, &heard)?;
        let observation =
            self.store_observation(transmission.id, observer, &packet.observation, &heard)?;
        self.charge(Source::Packets);
        self.note_packet_of(observer, packet, &heard, observation.is_new)?;
        self.charge(Source::Observers);
        if let Some(advert) = &packet.advert {
            self.store_advert(advert, &heard, transmission.known.is_none())?;
            self.charge(Source::Adverts);
        }
        Ok(StoredPacket {
            transmission_id: transmission.id,
            observation_id: observation.id,
            observation_count: self.count_observations(transmission.id)?,
            is_new_transmission: transmission.known.is_none(),
            is_new_observation: observation.is_new,
            first_seen: transmission.first_seen,
            known: transmission.known,
        })
    }

    /// Runs one statement that changes rows and returns how many.
    pub(super) fn run<P: Params>(
        &self,
        action: &'static str,
        sql: &str,
        params: P,
    ) -> Result<usize, DbError> {
        self.conn.prepare_cached(sql).and_then(|mut row| row.execute(params)).doing(action)
    }
}

/// Whose the rows are that a record leaves, parts that have a source of their own aside.
pub(super) fn source_of(record: &Record) -> Source {
    match record {
        Record::Packet(_) => Source::Packets,
        Record::Status(_) => Source::Observers,
        Record::RefusedAdvert(_) => Source::DroppedPackets,
        Record::ClientReception(_) => Source::ClientReceptions,
    }
}

fn chain(error: &DbError) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string);
    format!("{error}: {}", source.unwrap_or_default())
}
