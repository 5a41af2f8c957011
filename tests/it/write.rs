//! What a group of records leaves in the tables; every hazard of spec §10 that the writer meets.

mod older;
mod others;

use std::path::{Path, PathBuf};

use corescope::clock::Clock;
use corescope::db::{self, Commit, OpenOptions, Outcome, StoredPacket, WriteConnection};
use corescope::ingest::reception::{
    AdvertSeen, NewObservation, NewTransmission, ObserverSeen, PacketReception, Record,
    StatusReport,
};
use rusqlite::Connection;
use rusqlite::types::FromSql;
use tempfile::TempDir;

/// 2026-07-18T08:47:37Z.
const NOW_S: i64 = 1_784_364_457;
const KEY: &str = "ab00000000000000000000000000000000000000000000000000000000000001";

struct Mesh {
    _folder: TempDir,
    path: PathBuf,
    clock: Clock,
    writer: WriteConnection,
}

fn mesh() -> Mesh {
    mesh_after("")
}

/// Opens a database, changes it by hand and opens it for writing again.
fn mesh_after(sql: &str) -> Mesh {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    let clock = Clock::manual(NOW_S * 1000);
    let options = OpenOptions::new(clock.clone());
    db::open(&path, &options).unwrap().writer.close().unwrap();
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let writer = db::open(&path, &options).unwrap().writer;
    Mesh { _folder: folder, path, clock, writer }
}

impl Mesh {
    fn commit(&mut self, records: &[Record]) -> Commit {
        self.writer.commit(records).unwrap()
    }

    fn packet(&mut self, packet: PacketReception) -> StoredPacket {
        match self.commit(&[Record::Packet(Box::new(packet))]).outcomes.remove(0) {
            Outcome::Packet(stored) => stored,
            other => panic!("expected a packet, got {other:?}"),
        }
    }

    fn status(&mut self, status: StatusReport) {
        assert_eq!(self.commit(&[Record::Status(Box::new(status))]).outcomes, [Outcome::Kept]);
    }

    fn one<T: FromSql>(&self, sql: &str) -> T {
        one(&self.path, sql)
    }
}

fn one<T: FromSql>(path: &Path, sql: &str) -> T {
    let conn = Connection::open(path).unwrap();
    conn.query_row(sql, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn observer(id: &str) -> ObserverSeen {
    ObserverSeen { id: id.into(), name: Some("Ridge".into()), iata: Some("SJC".into()) }
}

fn nameless(id: &str) -> ObserverSeen {
    ObserverSeen { id: id.into(), name: None, iata: None }
}

fn packet(hash: &str, observer_id: &str) -> PacketReception {
    PacketReception {
        heard_at_s: NOW_S,
        observer: observer(observer_id),
        naive_clock_skew_s: None,
        received_at_s: None,
        transmission: NewTransmission {
            hash: hash.into(),
            raw_hex: "2502AABBDEADBEEF".into(),
            route_type: 1,
            payload_type: 9,
            payload_version: 0,
            decoded_json: "{}".into(),
            channel_hash: None,
            scope_name: None,
            from_pubkey: None,
        },
        observation: NewObservation { path_json: "[\"AA\"]".into(), ..Default::default() },
        advert: None,
    }
}

fn advert(hash: &str, seen: AdvertSeen) -> PacketReception {
    PacketReception {
        advert: Some(AdvertSeen {
            public_key: if seen.public_key.is_empty() { KEY.into() } else { seen.public_key },
            role: "repeater".into(),
            ..seen
        }),
        ..packet(hash, "obs")
    }
}

fn status(observer_id: &str) -> StatusReport {
    StatusReport { heard_at_s: NOW_S, observer: observer(observer_id), ..Default::default() }
}

#[test]
fn a_reception_is_stored_with_all_its_columns() {
    let mut mesh = mesh();
    let mut heard = packet("h1", "obs");
    heard.transmission.channel_hash = Some("Public".into());
    heard.transmission.scope_name = Some(String::new());
    heard.transmission.from_pubkey = Some(KEY.into());
    heard.observation = NewObservation {
        direction: Some("rx".into()),
        snr: Some(5.25),
        rssi: Some(-101.0),
        score: Some(0.5),
        path_json: "[\"AA\"]".into(),
        raw_hex: Some("25".into()),
    };
    let stored = mesh.packet(heard);
    assert_eq!(
        stored,
        StoredPacket {
            transmission_id: 1,
            observation_id: 1,
            observation_count: 1,
            is_new_transmission: true,
            is_new_observation: true,
            first_seen: "2026-07-18T08:47:37Z".into(),
            known: None,
        }
    );
    let row = "SELECT raw_hex || hash || first_seen || route_type || payload_type || \
               payload_version || decoded_json || channel_hash || scope_name || from_pubkey || \
               last_seen || created_at FROM transmissions";
    let wanted = format!(
        "2502AABBDEADBEEFh12026-07-18T08:47:37Z190{{}}Public{KEY}17843644572026-07-18 08:47:37"
    );
    assert_eq!(mesh.one::<String>(row), wanted);
    let row = "SELECT transmission_id || direction || snr || rssi || score || path_json || \
               timestamp || raw_hex FROM observations";
    assert_eq!(mesh.one::<String>(row), "1rx5.25-101.00.5[\"AA\"]178436445725");
}

#[test]
fn the_first_packet_of_a_new_observer_is_tied_to_it() {
    // HZ 3, companion messages included.
    let mut mesh = mesh();
    mesh.packet(packet("h1", "obs"));
    mesh.packet(packet("h2", "companion"));
    let tied = "SELECT COUNT(*) FROM observations o JOIN observers s ON s.rowid = o.observer_idx";
    assert_eq!(mesh.one::<i64>(tied), 2);
    assert_eq!(mesh.one::<String>("SELECT group_concat(id) FROM observers"), "companion,obs");
}

#[test]
fn a_reception_that_is_delivered_twice_changes_nothing_with_and_without_the_unique_index() {
    // HZ 2 and decision 16.
    for sql in ["", "DROP INDEX idx_observations_dedup"] {
        let mut mesh = mesh();
        Connection::open(&mesh.path).unwrap().execute_batch(sql).unwrap();
        let heard = || advert("h1", AdvertSeen::default());
        let first = mesh.packet(heard());
        let again = mesh.packet(heard());
        assert!(!again.is_new_transmission && !again.is_new_observation);
        assert_eq!(again.observation_id, first.observation_id);
        let twice = mesh.commit(&[
            Record::Packet(Box::new(packet("h2", "obs"))),
            Record::Packet(Box::new(packet("h2", "obs"))),
        ]);
        assert_eq!((twice.counts.tx_inserted, twice.counts.tx_dupes), (1, 1));
        assert_eq!(mesh.one::<i64>("SELECT COUNT(*) FROM observations"), 2);
        assert_eq!(mesh.one::<i64>("SELECT packet_count FROM observers"), 2);
        assert_eq!(mesh.one::<i64>("SELECT advert_count FROM nodes"), 1);
    }
}

#[test]
fn other_observers_and_other_paths_are_rows_of_their_own() {
    let mut mesh = mesh();
    mesh.packet(packet("h1", "a"));
    mesh.packet(packet("h1", "b"));
    let mut around = packet("h1", "a");
    around.observation.path_json = "[]".into();
    let third = mesh.packet(around);
    assert_eq!((third.observation_count, third.is_new_observation), (3, true));
    assert!(!third.is_new_transmission);
}

#[test]
fn the_writer_works_on_a_database_whose_duplicates_are_not_merged_yet() {
    // HZ 2, decision 16: before and during the migration.
    let mut mesh = mesh_after(
        "DROP INDEX idx_observations_dedup; INSERT INTO observers (id) VALUES ('obs'); \
         INSERT INTO transmissions (id, raw_hex, hash, first_seen) \
         VALUES (-5, 'x', 'h1', '2026-07-18T08:00:00Z'); \
         INSERT INTO observations (id, transmission_id, observer_idx, path_json, timestamp) \
         VALUES (7, -5, 1, '[\"AA\"]', 1), (9, -5, 1, '[\"AA\"]', 1)",
    );
    let stored = mesh.packet(packet("h1", "obs"));
    assert_eq!((stored.transmission_id, stored.observation_id), (-5, 7));
    assert_eq!(mesh.one::<i64>("SELECT last_seen FROM transmissions"), NOW_S);
}

#[test]
fn a_repetition_fills_gaps_and_keeps_time_direction_and_path() {
    let mut mesh = mesh();
    let mut first = packet("h1", "obs");
    first.observation.direction = Some("rx".into());
    first.observation.snr = Some(3.0);
    mesh.packet(first);
    let mut second = packet("h1", "obs");
    second.heard_at_s = NOW_S + 60;
    second.observation.direction = Some("tx".into());
    second.observation.rssi = Some(-90.0);
    second.observation.raw_hex = Some("25".into());
    mesh.packet(second);
    let row = "SELECT direction || snr || rssi || COALESCE(score, '-') || timestamp || raw_hex \
               FROM observations";
    assert_eq!(mesh.one::<String>(row), format!("rx3.0-90.0-{NOW_S}25"));
    assert_eq!(mesh.one::<i64>("SELECT last_seen FROM transmissions"), NOW_S + 60);
}

#[test]
fn an_earlier_reception_lowers_first_seen_and_no_time_goes_back() {
    // Decision 3: a resumed message carries the time at which it was heard.
    let mut mesh = mesh();
    mesh.packet(advert("h1", AdvertSeen::default()));
    let mut earlier = advert("h1", AdvertSeen::default());
    earlier.heard_at_s = NOW_S - 3600;
    earlier.observation.path_json = "[]".into();
    assert_eq!(mesh.packet(earlier).first_seen, "2026-07-18T07:47:37Z");
    assert_eq!(mesh.one::<String>("SELECT first_seen FROM transmissions"), "2026-07-18T07:47:37Z");
    assert_eq!(mesh.one::<i64>("SELECT last_seen FROM transmissions"), NOW_S);
    let now = "2026-07-18T08:47:37Z";
    assert_eq!(mesh.one::<String>("SELECT last_seen FROM observers"), now);
    assert_eq!(mesh.one::<String>("SELECT last_packet_at FROM observers"), now);
    assert_eq!(mesh.one::<String>("SELECT last_seen FROM nodes"), now);
}

#[test]
fn a_stored_time_that_lies_ahead_is_brought_back_to_now() {
    let ahead = "'2031-01-01T00:00:00Z'";
    let mut mesh = mesh_after(&format!(
        "INSERT INTO observers (id, last_seen, last_packet_at) VALUES ('obs', {ahead}, {ahead}); \
         INSERT INTO nodes (public_key, last_seen) VALUES ('{KEY}', {ahead})"
    ));
    mesh.packet(advert("h1", AdvertSeen::default()));
    for column in ["observers.last_seen", "observers.last_packet_at", "nodes.last_seen"] {
        let (table, name) = column.split_once('.').unwrap();
        let sql = format!("SELECT {name} FROM {table}");
        assert_eq!(mesh.one::<String>(&sql), "2026-07-18T08:47:37Z", "{column}");
    }
}

#[test]
fn an_empty_first_seen_of_an_old_row_is_filled_so_that_no_clean_up_takes_the_row() {
    let mut mesh =
        mesh_after("INSERT INTO transmissions (raw_hex, hash, first_seen) VALUES ('x', 'h1', '')");
    assert_eq!(mesh.packet(packet("h1", "obs")).first_seen, "2026-07-18T08:47:37Z");
    assert_eq!(mesh.one::<String>("SELECT first_seen FROM transmissions"), "2026-07-18T08:47:37Z");
}

#[test]
fn an_absent_name_or_region_keeps_the_stored_one() {
    // HZ 4.
    let mut mesh = mesh();
    let named = AdvertSeen {
        name: Some("Peak".into()),
        lat: Some(1.5),
        lon: Some(2.5),
        ..Default::default()
    };
    mesh.packet(advert("h1", named));
    let mut bare = advert("h2", AdvertSeen::default());
    bare.observer = nameless("obs");
    mesh.packet(bare);
    let mut blank = advert("h3", AdvertSeen { name: Some(String::new()), ..Default::default() });
    blank.observer.name = Some(String::new());
    blank.observer.iata = Some(String::new());
    mesh.packet(blank);
    mesh.status(StatusReport { observer: nameless("obs"), ..status("obs") });
    assert_eq!(mesh.one::<String>("SELECT name || lat || lon FROM nodes"), "Peak1.52.5");
    assert_eq!(mesh.one::<String>("SELECT name || iata FROM observers"), "RidgeSJC");
}

#[test]
fn packet_count_counts_packets_and_nothing_else() {
    // HZ 5.
    let mut mesh = mesh();
    mesh.status(status("obs"));
    assert_eq!(mesh.one::<i64>("SELECT packet_count FROM observers"), 0);
    mesh.packet(packet("h1", "obs"));
    mesh.status(status("obs"));
    assert_eq!(mesh.one::<i64>("SELECT packet_count FROM observers"), 1);
}

#[test]
fn a_returning_node_brings_its_counts_back() {
    // HZ 14: by the names of the columns, whatever their order, unknown ones included.
    let mut mesh = mesh_after(&format!(
        "ALTER TABLE nodes ADD COLUMN mood TEXT; ALTER TABLE inactive_nodes ADD COLUMN extra TEXT; \
         ALTER TABLE inactive_nodes ADD COLUMN mood TEXT; \
         INSERT INTO inactive_nodes (public_key, name, advert_count, first_seen, mood) \
         VALUES ('{KEY}', 'Old', 41, '2025-01-01T00:00:00Z', 'fine')"
    ));
    mesh.packet(advert("h1", AdvertSeen::default()));
    let row = "SELECT name || advert_count || first_seen || mood || last_seen FROM nodes";
    assert_eq!(mesh.one::<String>(row), "Old422025-01-01T00:00:00Zfine2026-07-18T08:47:37Z");
    assert_eq!(mesh.one::<i64>("SELECT COUNT(*) FROM inactive_nodes"), 0);
}

#[test]
fn a_returning_node_that_was_begun_afresh_becomes_one_again() {
    // HZ 14: the original leaves the inactive row and counts from 0.
    let mut mesh = mesh_after(&format!(
        "INSERT INTO inactive_nodes (public_key, name, advert_count, first_seen, last_seen, lat) \
         VALUES ('{KEY}', 'Old', 41, '2025-01-01T00:00:00Z', '2025-02-01T00:00:00Z', 1.5); \
         INSERT INTO nodes (public_key, name, advert_count, first_seen, last_seen) \
         VALUES ('{KEY}', 'New', 2, '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z')"
    ));
    mesh.packet(advert("h1", AdvertSeen::default()));
    let row = "SELECT name || advert_count || first_seen || last_seen || lat FROM nodes";
    let wanted = "New442025-01-01T00:00:00Z2026-07-18T08:47:37Z1.5";
    assert_eq!(mesh.one::<String>(row), wanted);
    assert_eq!(mesh.one::<i64>("SELECT COUNT(*) FROM inactive_nodes"), 0);
}

#[test]
fn the_foreign_mark_is_set_kept_and_taken_back() {
    // HZ 14.
    let mut mesh = mesh();
    let mut mark = |hash: &str, foreign| {
        mesh.packet(advert(hash, AdvertSeen { foreign, ..Default::default() }));
        mesh.one::<i64>("SELECT foreign_advert FROM nodes")
    };
    assert_eq!(mark("h1", None), 0);
    assert_eq!(mark("h2", Some(true)), 1);
    assert_eq!(mark("h3", None), 1);
    assert_eq!(mark("h4", Some(false)), 0);
}

#[test]
fn an_advert_counts_once_however_many_hear_it_and_keys_are_lower_case() {
    let mut mesh = mesh();
    let shouted = AdvertSeen { public_key: KEY.to_uppercase(), ..Default::default() };
    mesh.packet(advert("h1", shouted));
    mesh.packet(PacketReception { observer: observer("b"), ..advert("h1", AdvertSeen::default()) });
    mesh.packet(advert("h2", AdvertSeen::default()));
    assert_eq!(mesh.one::<i64>("SELECT COUNT(*) FROM nodes"), 1);
    assert_eq!(
        mesh.one::<String>("SELECT public_key || advert_count FROM nodes"),
        format!("{KEY}2")
    );
}

#[test]
fn telemetry_and_scope_of_a_node_are_filled_and_kept() {
    let mut mesh = mesh();
    let told = AdvertSeen {
        battery_mv: Some(3900),
        temperature_c: Some(-4.5),
        default_scope: Some("#test".into()),
        ..Default::default()
    };
    mesh.packet(advert("h1", told));
    mesh.packet(advert("h2", AdvertSeen::default()));
    let row = "SELECT battery_mv || ' ' || temperature_c || default_scope || role FROM nodes";
    assert_eq!(mesh.one::<String>(row), "3900 -4.5#testrepeater");
}

#[test]
fn a_record_that_cannot_be_stored_fails_alone_and_leaves_no_half() {
    // HZ 20: the transmission is written before its observation fails.
    let mut mesh = mesh_after(
        "CREATE TRIGGER refuse BEFORE INSERT ON observations WHEN NEW.raw_hex = 'bad' \
         BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    let mut bad = packet("bad", "obs");
    bad.observation.raw_hex = Some("bad".into());
    let commit = mesh.commit(&[
        Record::Packet(Box::new(packet("h1", "obs"))),
        Record::Packet(Box::new(bad)),
        Record::Packet(Box::new(packet("h2", "obs"))),
    ]);
    assert!(matches!(
        &commit.outcomes[..],
        [Outcome::Packet(_), Outcome::Failed(_), Outcome::Packet(_)]
    ));
    assert_eq!((commit.counts.write_errors, commit.counts.tx_inserted), (1, 2));
    assert_eq!((commit.counts.obs_inserted, commit.counts.observer_upserts), (2, 2));
    assert_eq!(mesh.one::<String>("SELECT group_concat(hash) FROM transmissions"), "h1,h2");
    assert_eq!(mesh.one::<i64>("SELECT packet_count FROM observers"), 2);
}

#[test]
fn counters_say_what_was_written() {
    // HZ 17: every commit is counted.
    let mut mesh = mesh();
    let first = mesh.commit(&[
        Record::Packet(Box::new(advert("h1", AdvertSeen::default()))),
        Record::Packet(Box::new(packet("h1", "b"))),
        Record::Status(Box::new(status("b"))),
    ]);
    let counts = first.counts;
    assert_eq!((counts.tx_inserted, counts.tx_dupes, counts.obs_inserted), (1, 1, 2));
    assert_eq!((counts.node_upserts, counts.observer_upserts, counts.wal_commits), (1, 3, 1));
    assert_eq!((counts.write_errors, counts.foreign_writes), (0, 0));
    let sums = mesh.writer.ledger().snapshot().sums;
    assert!(sums.values().map(|sums| sums.wal_pages).sum::<u64>() > 5, "{sums:?}");
    assert_eq!(mesh.commit(&[]).counts.wal_commits, 0);
}

#[test]
fn somebody_else_who_writes_is_noticed() {
    // Decision 10.
    let mut mesh = mesh();
    mesh.packet(packet("h1", "obs"));
    let again = mesh.commit(&[Record::Packet(Box::new(packet("h2", "obs")))]);
    assert_eq!(again.counts.foreign_writes, 0);
    let other = Connection::open(&mesh.path).unwrap();
    other.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let checkpointed = mesh.commit(&[Record::Packet(Box::new(packet("h3", "obs")))]);
    assert_eq!(checkpointed.counts.foreign_writes, 0, "a checkpoint is no write");
    let sql = "INSERT INTO transmissions (raw_hex, hash, first_seen) VALUES ('', 'f', '2026')";
    other.execute_batch(sql).unwrap();
    let after = mesh.commit(&[Record::Packet(Box::new(packet("h5", "obs")))]);
    assert_eq!(after.counts.foreign_writes, 1);
    let quiet = mesh.commit(&[Record::Packet(Box::new(packet("h4", "obs")))]);
    assert_eq!(quiet.counts.foreign_writes, 0);
}

#[test]
fn a_group_that_was_not_closed_is_there_after_a_kill() {
    let mut mesh = mesh();
    mesh.packet(packet("h1", "obs"));
    let copy = mesh.path.with_file_name("copy.db");
    std::fs::copy(&mesh.path, &copy).unwrap();
    let wal = |path: &Path| format!("{}-wal", path.display());
    std::fs::copy(wal(&mesh.path), wal(&copy)).unwrap();
    assert_eq!(one::<String>(&copy, "SELECT hash FROM transmissions"), "h1");
    mesh.clock.advance_ms(1_000);
    let options = OpenOptions::new(mesh.clock.clone());
    let mut again = db::open(&copy, &options).unwrap().writer;
    let commit = again.commit(&[Record::Packet(Box::new(packet("h1", "obs")))]).unwrap();
    assert_eq!((commit.counts.tx_inserted, commit.counts.tx_dupes), (0, 1));
}
