//! The one connection that writes: groups of records, and bounded steps of migrations.
//!
//! A group is one `BEGIN IMMEDIATE` transaction (004-30, HZ 20): all that one reception leaves in
//! the tables is there or nothing of it. The writer never depends on a migration (decision 16).

mod group;
mod nodes;
mod noted;
mod observations;
mod observers;
mod others;
mod place;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
mod transmissions;

use std::ops::AddAssign;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use self::group::Group;
pub(super) use self::noted::Done;
use self::place::Place;
use super::error::{DbError, Doing};
use super::lock::WriterLock;
use super::open::OpenOptions;
use super::pages::PageMeter;
use super::retention;
use super::schema::DEDUP_INDEX;
use super::upgrade;
use super::wal_gauges::WalGauges;
use crate::ingest::reception::Record;
use crate::perf::ledger::{Ledger, Shares, Source};
use crate::perf::recent::Recent;

/// The only read-write connection of a process (the checkpointer's aside). It belongs to one
/// thread at a time.
#[derive(Debug)]
pub struct WriteConnection {
    pub(super) conn: Connection,
    pub(super) options: OpenOptions,
    place: Place,
    tables: KnownTables,
    durability: Durability,
    data_version: Option<i64>,
    last_ids: Option<(i64, i64)>,
    meter: PageMeter,
    ledger: Arc<Ledger>,
    wal: Arc<WalGauges>,
    ingest_waits: Arc<Recent>,
    wait: Duration,
    _lock: WriterLock,
}

/// When a commit returns, what is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// It survives a power cut (`synchronous=FULL`): groups that are acknowledged to a broker.
    Full,
    /// It survives our death, and the next synced commit makes it durable (`NORMAL`): migrations.
    Normal,
}

/// What the writer must know of the tables' present shape.
#[derive(Clone, Debug, Default)]
struct KnownTables {
    has_dedup_index: bool,
    /// Copies one row of `inactive_nodes` into `nodes`, or makes one of both.
    move_back_sql: String,
}

/// What a group became.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// One per record, in the same order.
    pub outcomes: Vec<Outcome>,
    /// What was counted while writing.
    pub counts: WriteCounts,
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A packet's reception is stored.
    Packet(StoredPacket),
    /// Stored, and nothing more to say: a status, a refused advert, a client's reception.
    Kept,
    /// Not stored because of its own values, and why; the others of its group are.
    Failed(String),
}

/// Where a packet's reception is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPacket {
    /// `transmissions.id`.
    pub transmission_id: i64,
    /// `observations.id`: of the earlier row if this is a repetition.
    pub observation_id: i64,
    /// Observations of the transmission, this one included.
    pub observation_count: i64,
    /// Whether the packet had not been heard before.
    pub is_new_transmission: bool,
    /// Whether a row was added; `false` for a repetition by the same observer over the same path.
    pub is_new_observation: bool,
    /// `transmissions.first_seen` as it now stands.
    pub first_seen: String,
    /// What the packet's first reception fixed, if this is a later one.
    pub known: Option<Box<KnownTransmission>>,
}

/// Columns of a transmission that was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTransmission {
    /// The frame in hex.
    pub raw_hex: Option<String>,
    /// 0 to 3.
    pub route_type: Option<i64>,
    /// As stored.
    pub decoded_json: Option<String>,
}

/// The counters of spec §4.1, of one group or summed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteCounts {
    /// New transmissions.
    pub tx_inserted: u64,
    /// Packets whose hash was there already.
    pub tx_dupes: u64,
    /// Observations stored, repetitions that only filled gaps included.
    pub obs_inserted: u64,
    /// Valid adverts stored.
    pub node_upserts: u64,
    /// Packets and status reports stored.
    pub observer_upserts: u64,
    /// Records that could not be stored because of their own values.
    pub write_errors: u64,
    /// Refused adverts stored in `dropped_packets`.
    pub sig_drops: u64,
    /// Groups committed.
    pub wal_commits: u64,
    /// Groups before which somebody else had written to the database (decision 10).
    pub foreign_writes: u64,
}

impl AddAssign for WriteCounts {
    fn add_assign(&mut self, other: Self) {
        self.tx_inserted += other.tx_inserted;
        self.tx_dupes += other.tx_dupes;
        self.obs_inserted += other.obs_inserted;
        self.node_upserts += other.node_upserts;
        self.observer_upserts += other.observer_upserts;
        self.write_errors += other.write_errors;
        self.sig_drops += other.sig_drops;
        self.wal_commits += other.wal_commits;
        self.foreign_writes += other.foreign_writes;
    }
}

impl WriteConnection {
    pub(super) fn new(
        conn: Connection,
        options: &OpenOptions,
        path: PathBuf,
        lock: WriterLock,
    ) -> Result<Self, DbError> {
        let tables = KnownTables::read(&conn)?;
        let page_bytes = conn
            .pragma_query_value(None, "page_size", |row| row.get(0))
            .doing("read the size of a page")?;
        Ok(Self {
            meter: PageMeter::new(&conn, Arc::default()),
            ledger: Arc::new(Ledger::new(page_bytes)),
            wal: Arc::default(),
            ingest_waits: Arc::default(),
            wait: Duration::ZERO,
            conn,
            options: options.clone(),
            place: Place::of(path),
            tables,
            durability: Durability::Normal,
            data_version: None,
            last_ids: None,
            _lock: lock,
        })
    }

    /// The database file, links followed.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Stores a group in one durable transaction. A group may be sent again, whole or in part:
    /// a reception that is stored already adds no row.
    ///
    /// # Errors
    /// The disk is full, read-only or failing, the database locked by another process or damaged:
    /// nothing of the group is stored, and the same group may be sent again
    /// ([`DbError::is_transient`]). A record that cannot be stored because of its own values is no
    /// error: it becomes [`Outcome::Failed`].
    pub fn commit(&mut self, records: &[Record]) -> Result<Commit, DbError> {
        if records.is_empty() {
            return Ok(Commit::default());
        }
        let mut failed = Shares::group();
        failed.add_error(group::source_of(&records[0]));
        self.noted(Source::MqttHandler, failed, |writer| {
            writer.set_durability(Durability::Full)?;
            match writer.commit_group(records, false) {
                Err(error) if error.is_fault_of_record() => writer.commit_group(records, true),
                other => other,
            }
        })
    }

    /// `is_isolated`: each record behind a savepoint of its own, so that one that fails takes
    /// nothing with it. Slower, so only after a group has failed.
    fn commit_group(
        &mut self,
        records: &[Record],
        is_isolated: bool,
    ) -> Result<Done<Commit>, DbError> {
        let clock = &self.options.clock;
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing("begin a group of records")?;
        let started = clock.monotonic();
        let version = data_version(&tx)?;
        if self.data_version.is_some_and(|known| known != version) {
            self.tables = KnownTables::read(&tx)?;
        }
        let ids = last_ids(&tx)?;
        let is_foreign = self.last_ids.is_some_and(|known| known != ids);
        let mut group = Group::new(&tx, &self.tables, &self.options);
        let outcomes = group.write_all(records, is_isolated)?;
        let (mut counts, shares) = (group.counts, group.shares);
        let ids = last_ids(&tx)?;
        tx.commit().doing("commit a group of records")?;
        (self.data_version, self.last_ids) = (Some(version), Some(ids));
        counts.wal_commits = 1;
        counts.foreign_writes = u64::from(is_foreign);
        let hold = clock.monotonic().saturating_sub(started);
        Ok(Done { answer: Commit { outcomes, counts }, shares, hold })
    }

    /// Hides observers that the operator has shut out (spec §3.2); a row stays, observations refer to
    /// it. Returns how many were shown until now.
    ///
    /// # Errors
    /// As in [`WriteConnection::commit`].
    pub fn deactivate_observers(&mut self, blacklist: &[String]) -> Result<usize, DbError> {
        self.noted(Source::Observers, Shares::one(Source::Observers, 0), |writer| {
            let clock = writer.options.clock.clone();
            let tx = writer.conn.transaction().doing("hide observers")?;
            let (started, mut rows) = (clock.monotonic(), 0);
            for id in blacklist {
                let sql = "UPDATE observers SET inactive = 1 WHERE LOWER(TRIM(id)) = \
                           LOWER(TRIM(?1)) AND COALESCE(inactive, 0) = 0";
                rows += tx.execute(sql, [id]).doing("hide an observer")?;
            }
            tx.commit().doing("hide observers")?;
            let hold = clock.monotonic().saturating_sub(started);
            Ok(Done { answer: rows, shares: Shares::one(Source::Observers, rows as u64), hold })
        })
    }

    /// Must be called outside a transaction: inside, SQLite ignores the pragma.
    pub(super) fn set_durability(&mut self, durability: Durability) -> Result<(), DbError> {
        if self.durability != durability {
            let level = if durability == Durability::Full { "FULL" } else { "NORMAL" };
            self.conn
                .pragma_update(None, "synchronous", level)
                .doing("choose how durable the next commit is")?;
            self.durability = durability;
        }
        Ok(())
    }

    /// Looks again at what a migration may have changed.
    pub(super) fn reread_tables(&mut self) -> Result<(), DbError> {
        self.tables = KnownTables::read(&self.conn)?;
        Ok(())
    }

    /// Moves the whole WAL into the database, cuts it to nothing and closes. Readers may still
    /// hold the WAL open: then it stays, and nothing is lost.
    ///
    /// # Errors
    /// Those of the last checkpoint or of closing; the connection is gone either way.
    pub fn close(self) -> Result<(), DbError> {
        let last: Result<(), DbError> = self
            .conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .doing("move the WAL into the database");
        self.conn.close().map_err(|(_, source)| source).doing("close the database")?;
        last
    }
}

/// The ids that were given last, to transmissions and observations. Nothing but the writer gives
/// any: if they moved between two of its groups, another program writes (decision 10). The data
/// version alone would not do, a checkpoint changes it too.
fn last_ids(conn: &Connection) -> Result<(i64, i64), DbError> {
    let sql = "SELECT COALESCE(MAX(seq) FILTER (WHERE name = 'transmissions'), 0), \
               COALESCE(MAX(seq) FILTER (WHERE name = 'observations'), 0) FROM sqlite_sequence";
    conn.prepare_cached(sql)
        .and_then(|mut row| row.query_row([], |row| Ok((row.get(0)?, row.get(1)?))))
        .doing("look up the ids that were given last")
}

impl KnownTables {
    fn read(conn: &Connection) -> Result<Self, DbError> {
        let move_back_sql = retention::move_back_sql(conn)?;
        let has_dedup_index = upgrade::index_names(conn)?.contains(DEDUP_INDEX);
        Ok(Self { has_dedup_index, move_back_sql })
    }
}

/// A number that changes when another connection has committed.
fn data_version(conn: &Connection) -> Result<i64, DbError> {
    conn.prepare_cached("PRAGMA data_version")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .doing("look whether somebody else has written")
}
