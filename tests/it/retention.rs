//! Retention on the runner, the rebuild of a file, backups (spec §7, decision 22).

mod backup;
mod digests;
mod killed;
mod rebuild;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use corescope::actors::backfill::{Conductor, Step};
use corescope::clock::Clock;
use corescope::config::{MigrationsConfig, RetentionConfig};
use corescope::db::migrations::BatchReply;
use corescope::db::retention::{Task, TaskParts};
use corescope::db::{self, OpenOptions, WriteConnection};
use corescope::ingest::reception::{NewTransmission, ObserverSeen, PacketReception, Record};
use corescope::perf::backfill::Readings;
use corescope::perf::ledger::Source;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::data_file;

const DAY_S: i64 = 86_400;

/// An observer whose rowid is 2, and packets of three observations each: `old` ones last heard
/// between 40 and 11 days before `now_s`, `new` ones since less than 10, the first and the last ones in
/// order of their ids. Nothing is left to migrate.
fn seeded(old: i64, new: i64, now_s: i64) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    let options = OpenOptions::new(Clock::manual(now_s * 1000));
    db::open(&path, &options).unwrap().writer.close().unwrap();
    let (oldest_s, oldest_new_s) = (now_s - 40 * DAY_S, now_s - 10 * DAY_S + 7_200);
    let (old_step, new_step) = (29 * DAY_S / old.max(1), (10 * DAY_S - 7_200) / new.max(1));
    let sql = format!(
        "INSERT INTO observers (id, last_seen) VALUES ('gone', '2026'), ('here', '2026'); \
         DELETE FROM observers WHERE id = 'gone'; \
         INSERT INTO transmissions (raw_hex, hash, first_seen, last_seen) \
         WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < {old} + {new}) \
         SELECT hex(randomblob(50)), 'h' || v, strftime('%Y-%m-%dT%H:%M:%SZ', {oldest_s} + v, \
         'unixepoch'), iif(v <= {old}, {oldest_s} + v * {old_step}, \
         {oldest_new_s} + (v - {old}) * {new_step}) FROM n; \
         INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
         SELECT t.id, 2, '[\"' || p.value || '\"]', t.last_seen \
         FROM transmissions t, json_each('[1, 2, 3]') p"
    );
    Connection::open(&path).unwrap().execute_batch(&sql).unwrap();
    (folder, path)
}

fn number(path: &Path, sql: &str) -> i64 {
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

fn is_sound(path: &Path) {
    let check: String = Connection::open(path)
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    assert_eq!(number(path, "SELECT COUNT(*) FROM pragma_foreign_key_check"), 0);
    assert_eq!(number(path, "SELECT rowid FROM observers WHERE id = 'here'"), 2);
}

fn reception(index: u64, now_s: i64) -> Record {
    Record::Packet(Box::new(PacketReception {
        heard_at_s: now_s,
        observer: ObserverSeen { id: "here".into(), ..Default::default() },
        naive_clock_skew_s: None,
        received_at_s: None,
        transmission: NewTransmission {
            hash: format!("live {index}"),
            raw_hex: "2502AABBDEADBEEF".into(),
            route_type: 1,
            payload_type: 9,
            payload_version: 0,
            decoded_json: "{}".into(),
            channel_hash: None,
            scope_name: None,
            from_pubkey: None,
        },
        observation: Default::default(),
        advert: None,
    }))
}

fn parts(clock: &Clock, keeps: RetentionConfig) -> TaskParts {
    TaskParts { keeps, vacuum_pages_max: 1024, clock: clock.clone() }
}

fn ten_days() -> RetentionConfig {
    let ten = Duration::from_secs(10 * 86_400);
    RetentionConfig { packets: Some(ten), client_receptions: Some(ten), ..Default::default() }
}

/// Runs every task that the configuration asks for; between two steps, `between` has the writer.
fn run_all(
    writer: &mut WriteConnection,
    (parts, config): (&TaskParts, &MigrationsConfig),
    mut between: impl FnMut(&mut WriteConnection),
) -> BTreeMap<&'static str, Vec<BatchReply>> {
    let stored = writer.stored_states().unwrap();
    let mut conductor = Conductor::new(stored, config, parts.clock.clone());
    for job in Task::ALL.into_iter().filter_map(|task| task.job(parts)) {
        conductor.request_job(job, "test").unwrap();
    }
    let mut steps: BTreeMap<&str, Vec<BatchReply>> = BTreeMap::new();
    for _ in 0..1_000_000 {
        match conductor.next(&Readings::QUIET, false) {
            Step::Record(moves) => writer.record_moves(&moves).unwrap(),
            Step::Batch(..) => panic!("something is left to migrate"),
            Step::Job(request, limits) => {
                let answer = writer.run_job(&request, &limits);
                let reply = answer.as_ref().unwrap().clone();
                steps.entry(reply.name).or_default().push(reply);
                conductor.note(answer);
                between(writer);
            }
            Step::After(_) => {}
            Step::Idle => {
                for name in steps.keys() {
                    let end = conductor.job_end(name).unwrap();
                    assert_eq!(end.error, None, "{name}");
                }
                return steps;
            }
        }
    }
    panic!("it does not end");
}

#[test]
fn a_whole_run_beside_ingest_deletes_what_is_old_and_nothing_else() {
    let clock = Clock::system();
    let now_s = clock.now_s();
    let (_folder, path) = seeded(3_000, 1_000, now_s);
    let mut writer = db::open(&path, &OpenOptions::new(clock.clone())).unwrap().writer;
    let config = MigrationsConfig { batch_rows_max: 400, ..MigrationsConfig::default() };
    let mut groups = 0;
    let steps = run_all(&mut writer, (&parts(&clock, ten_days()), &config), |writer| {
        writer.commit(&[reception(groups, now_s)]).unwrap();
        groups += 1;
    });
    let pruned = &steps["prune_packets"];
    assert!(pruned.len() >= 3_000 * 4 / 400, "{} steps", pruned.len());
    assert!(pruned.iter().all(|step| step.rows_changed <= 400));
    assert_eq!(pruned.iter().map(|step| step.rows_changed).sum::<u64>(), 12_000);
    let ledger = writer.ledger().snapshot();
    let done = pruned.iter().filter(|step| step.hold > Duration::ZERO).count() as u64;
    assert!(ledger.sums[&Source::Retention].transactions >= done);
    assert_eq!(ledger.sums[&Source::Packets].transactions, groups, "ingest had every gap");
    assert!(ledger.sums[&Source::Vacuum].rows > 0, "free pages went back");
    let retention: u64 = steps
        .iter()
        .filter(|(name, _)| **name != "incremental_vacuum")
        .flat_map(|(_, steps)| steps.iter().map(|step| step.rows_changed))
        .sum();
    assert_eq!(ledger.sums[&Source::Retention].rows, retention);
    writer.close().unwrap();
    is_sound(&path);
    let kept = 1_000 + i64::try_from(groups).unwrap();
    assert_eq!(number(&path, "SELECT COUNT(*) FROM transmissions"), kept);
    assert_eq!(number(&path, "SELECT MIN(id) FROM transmissions"), 3_001);
    assert_eq!(number(&path, "PRAGMA freelist_count"), 0);
}

#[test]
fn many_steps_behind_a_packet_that_stays_are_no_standstill() {
    let clock = Clock::system();
    let now_s = clock.now_s();
    let (_folder, path) = seeded(600, 40, now_s);
    // The first of the walk is still heard; behind it hundreds of rows go in steps of 40.
    let sql = format!("UPDATE transmissions SET last_seen = {now_s} WHERE id = 1");
    Connection::open(&path).unwrap().execute_batch(&sql).unwrap();
    let mut writer = db::open(&path, &OpenOptions::new(clock.clone())).unwrap().writer;
    let config = MigrationsConfig { batch_rows_max: 40, ..MigrationsConfig::default() };
    let steps = run_all(&mut writer, (&parts(&clock, ten_days()), &config), |_| {});
    assert!(steps["prune_packets"].len() > 50);
    assert_eq!(number(&path, "SELECT COUNT(*) FROM transmissions"), 41);
}

#[test]
fn nothing_is_deleted_where_packets_are_kept_for_ever() {
    let clock = Clock::system();
    let (_folder, path) = seeded(50, 20, clock.now_s());
    let mut writer = db::open(&path, &OpenOptions::new(clock.clone())).unwrap().writer;
    let keeps = RetentionConfig::default();
    let steps = run_all(&mut writer, (&parts(&clock, keeps), &MigrationsConfig::default()), |_| {});
    assert!(!steps.contains_key("prune_packets") && steps.contains_key("move_silent_nodes"));
    assert_eq!(number(&path, "SELECT COUNT(*) FROM observations"), 210);
}

#[test]
fn a_database_of_the_first_version_is_pruned_to_nothing_and_still_sound() {
    let Some(fixture) = data_file("e2e-fixture.db") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    std::fs::copy(fixture, &path).unwrap();
    let clock = Clock::system();
    crate::backfill::run_all(&path);
    let mut writer = db::open(&path, &OpenOptions::new(clock.clone())).unwrap().writer;
    let keeps = RetentionConfig { trusts_clock: true, ..ten_days() };
    run_all(&mut writer, (&parts(&clock, keeps), &MigrationsConfig::default()), |_| {});
    writer.close().unwrap();
    assert_eq!(number(&path, "SELECT COUNT(*) FROM observations"), 0);
    assert_eq!(number(&path, "SELECT COUNT(*) FROM transmissions"), 0);
    assert_eq!(number(&path, "SELECT COUNT(*) FROM nodes"), 0);
    assert!(number(&path, "SELECT COUNT(*) FROM inactive_nodes") > 100);
    assert!(number(&path, "SELECT COUNT(*) FROM observers WHERE inactive = 1") > 10);
    assert_eq!(number(&path, "SELECT COUNT(*) FROM pragma_foreign_key_check"), 0);
}
