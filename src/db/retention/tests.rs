//! Steps of retention over a small database: what goes, what stays, to the second.

use std::time::Duration;

use rusqlite::types::FromSql;
use tempfile::TempDir;

use super::{Task, TaskParts};
use crate::clock::Clock;
use crate::config::RetentionConfig;
use crate::db::migrations::{BatchLimits, BatchReply, BatchState, JobRequest, JobWindow};
use crate::db::write::WriteConnection;
use crate::db::{OpenOptions, open};
use crate::perf::ledger::Source;

/// 2026-07-18T08:47:37Z.
const NOW_S: i64 = 1_784_364_457;
const DAY_S: i64 = 86_400;

mod clock {
    mod tests;
}

struct Mesh {
    _folder: TempDir,
    writer: WriteConnection,
    parts: TaskParts,
}

/// Keeps everything for ten days; the cutoff is 2026-07-08T08:47:37Z.
fn mesh(sql: &str) -> Mesh {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(NOW_S * 1000);
    let writer = open(&folder.path().join("mesh.db"), &OpenOptions::new(clock.clone()));
    let writer = writer.unwrap().writer;
    writer.conn.execute_batch(sql).unwrap();
    let ten = Duration::from_secs(10 * 86_400);
    let keeps = RetentionConfig {
        nodes: ten,
        observers: Some(ten),
        metrics: ten,
        packets: Some(ten),
        client_receptions: Some(ten),
        neighbor_edges: ten,
        trusts_clock: true,
    };
    Mesh { _folder: folder, writer, parts: TaskParts { keeps, vacuum_pages_max: 1024, clock } }
}

impl Mesh {
    /// Runs a task to its end in steps of so many rows.
    fn run(&mut self, task: Task, rows_max: u64) -> Vec<BatchReply> {
        let job = task.job(&self.parts).unwrap();
        let (mut replies, mut after) = (Vec::new(), None);
        for _ in 0..10_000 {
            let request = JobRequest { job: job.clone(), window: JobWindow { after, rows_max } };
            let reply = self.writer.run_job(&request, &BatchLimits::default()).unwrap();
            after = reply.cursor;
            let is_done = reply.state == BatchState::Done;
            replies.push(reply);
            if is_done {
                return replies;
            }
        }
        panic!("{task:?} does not end");
    }

    fn one<T: FromSql>(&self, sql: &str) -> T {
        let answer = self.writer.conn.query_row(sql, [], |row| row.get(0));
        answer.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn list(&self, sql: &str) -> String {
        self.one(&format!("SELECT COALESCE(group_concat(x, ' '), '') FROM ({sql})"))
    }
}

fn changed(replies: &[BatchReply]) -> u64 {
    replies.iter().map(|reply| reply.rows_changed).sum()
}

#[test]
fn nodes_move_when_they_are_older_than_allowed_and_not_a_second_earlier() {
    let mut mesh = mesh(
        "INSERT INTO nodes (public_key, last_seen, advert_count) VALUES \
         ('exact', '2026-07-08T08:47:37Z', 1), ('exact_ms', '2026-07-08T08:47:37.000Z', 1), \
         ('older', '2026-07-08T08:47:36Z', 2), ('older_ms', '2026-07-08T08:47:36.999Z', 3), \
         ('never', NULL, 1), ('empty', '', 1), ('epoch', '1000', 1), ('future', '2099-01-01', 1)",
    );
    let replies = mesh.run(Task::Nodes, 1);
    assert_eq!(changed(&replies), 4, "two rows in two tables");
    let active = "SELECT public_key AS x FROM nodes ORDER BY 1";
    assert_eq!(mesh.list(active), "empty epoch exact exact_ms future never");
    let inactive = "SELECT public_key || advert_count AS x FROM inactive_nodes ORDER BY 1";
    assert_eq!(mesh.list(inactive), "older2 older_ms3");
}

#[test]
fn a_node_keeps_its_columns_by_name_whatever_their_order() {
    // HZ 14: the original copies by position.
    let mut mesh = mesh(
        "ALTER TABLE nodes ADD COLUMN mood TEXT; ALTER TABLE nodes ADD COLUMN \"a \"\"b\" TEXT; \
         ALTER TABLE inactive_nodes ADD COLUMN \"a \"\"b\" TEXT; \
         ALTER TABLE inactive_nodes ADD COLUMN mood TEXT; \
         INSERT INTO nodes (public_key, last_seen, lat, default_scope, mood, \"a \"\"b\") \
         VALUES ('k', '2026-01-01T00:00:00Z', 1.5, '#x', 'fine', 'odd')",
    );
    mesh.run(Task::Nodes, 100);
    let row = "SELECT lat || default_scope || mood || \"a \"\"b\" FROM inactive_nodes";
    assert_eq!(mesh.one::<String>(row), "1.5#xfineodd");
}

#[test]
fn a_node_that_is_inactive_already_loses_neither_its_beginning_nor_its_counts() {
    let mut mesh = mesh(
        "INSERT INTO inactive_nodes (public_key, name, first_seen, last_seen, advert_count, \
         lat, multibyte_sup) VALUES \
         ('k', 'Old', '2025-01-01T00:00:00Z', '2025-02-01T00:00:00Z', 40, 2.5, 2); \
         INSERT INTO nodes (public_key, name, first_seen, last_seen, advert_count) VALUES \
         ('k', 'New', '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z', 2)",
    );
    mesh.run(Task::Nodes, 100);
    let row = "SELECT name || first_seen || last_seen || advert_count || lat || multibyte_sup \
               FROM inactive_nodes";
    assert_eq!(mesh.one::<String>(row), "New2025-01-01T00:00:00Z2026-02-01T00:00:00Z422.52");
    assert_eq!(mesh.one::<i64>("SELECT COUNT(*) FROM nodes"), 0);
}

#[test]
fn a_node_that_cannot_be_moved_is_set_aside_and_the_others_move() {
    let mut mesh = mesh(
        "CREATE TRIGGER no BEFORE INSERT ON inactive_nodes WHEN new.public_key = 'bad' \
         BEGIN SELECT RAISE(ABORT, 'no'); END; \
         INSERT INTO nodes (public_key, last_seen) VALUES ('a', '2026-01-01T00:00:00Z'), \
         ('bad', '2026-01-01T00:00:00Z'), ('c', '2026-01-01T00:00:00Z')",
    );
    let job = Task::Nodes.job(&mesh.parts).unwrap();
    let limits = BatchLimits { sets_aside: true, ..BatchLimits::default() };
    let mut after = None;
    for _ in 0..4 {
        let window = JobWindow { after, rows_max: 1 };
        let request = JobRequest { job: job.clone(), window };
        after = mesh.writer.run_job(&request, &limits).unwrap().cursor;
    }
    assert_eq!(mesh.list("SELECT public_key AS x FROM nodes"), "bad");
    assert_eq!(mesh.list("SELECT public_key AS x FROM inactive_nodes ORDER BY 1"), "a c");
}

#[test]
fn observers_are_marked_and_never_deleted() {
    let mut mesh = mesh(
        "INSERT INTO observers (id, last_seen, inactive) VALUES \
         ('exact', '2026-07-08T08:47:37Z', 0), ('older', '2026-07-08T08:47:36Z', 0), \
         ('unmarked', '2026-07-08T08:47:36Z', NULL), ('never', NULL, 0), ('text', 'soon', 0)",
    );
    assert_eq!(changed(&mesh.run(Task::Observers, 1)), 2);
    let marked = "SELECT rowid || id AS x FROM observers WHERE inactive = 1 ORDER BY rowid";
    assert_eq!(mesh.list(marked), "2older 3unmarked");
    assert_eq!(mesh.one::<i64>("SELECT COUNT(*) FROM observers"), 5);
}

#[test]
fn metrics_of_marked_observers_leave_in_steps() {
    let mut mesh = mesh(
        "INSERT INTO observers (id, inactive) VALUES ('a', 1), ('b', 0), ('c', 1), ('d', 1); \
         INSERT INTO observer_metrics (observer_id, timestamp) \
         WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 7) \
         SELECT id, '2026-07-18T00:00:0' || v || 'Z' FROM n, observers WHERE id <> 'c'",
    );
    let replies = mesh.run(Task::InactiveMetrics, 3);
    assert_eq!(changed(&replies), 14);
    assert!(replies.iter().all(|reply| reply.rows_changed <= 3), "{replies:?}");
    assert_eq!(mesh.list("SELECT DISTINCT observer_id AS x FROM observer_metrics"), "b");
}

#[test]
fn rows_that_stand_alone_leave_by_their_own_time() {
    let times = "('2026-07-08T08:47:37Z'), ('2026-07-08T08:47:36Z'), ('2026-07-08T08:47:36.9Z'), \
                 (''), ('never')";
    let mut mesh = mesh(&format!(
        "CREATE TEMP TABLE t(x); INSERT INTO t VALUES {times}; \
         INSERT INTO observer_metrics (observer_id, timestamp) SELECT 'o', x FROM t; \
         INSERT INTO client_receptions (rx_pubkey, heard_key, heard_keylen, lat, lon, rx_at, \
         ingested_at, src) SELECT 'a', 'b', 1, 0, 0, x, x, 's' FROM t; \
         INSERT INTO client_observers (pubkey, last_seen) SELECT x, x FROM t; \
         INSERT INTO neighbor_edges (node_a, node_b, last_seen) SELECT '', x, x FROM t"
    ));
    for (task, table, column) in [
        (Task::Metrics, "observer_metrics", "timestamp"),
        (Task::ClientReceptions, "client_receptions", "rx_at"),
        (Task::ClientObservers, "client_observers", "last_seen"),
        (Task::NeighborEdges, "neighbor_edges", "last_seen"),
    ] {
        let replies = mesh.run(task, 1);
        assert_eq!(changed(&replies), 2, "{task:?}");
        let left = format!("SELECT {column} AS x FROM {table} ORDER BY 1");
        assert_eq!(mesh.list(&left), " 2026-07-08T08:47:37Z never", "{task:?}");
    }
}

#[test]
fn refused_adverts_leave_by_the_second_and_not_a_day_early() {
    // HZ 13: the original compares two forms of a time, the whole day of the cutoff goes.
    let mut mesh = mesh(
        "INSERT INTO dropped_packets (reason, hash, dropped_at) VALUES \
         ('r', 'later', '2026-07-08 08:47:38'), ('r', 'exact', '2026-07-08 08:47:37'), \
         ('r', 'older', '2026-07-08 08:47:36'), ('r', 'iso_exact', '2026-07-08T08:47:37Z'), \
         ('r', 'iso_older', '2026-07-08T08:47:36Z'), ('r', 'none', NULL), ('r', 'odd', 'x')",
    );
    for reply in mesh.run(Task::DroppedPackets, 2) {
        assert!(reply.rows_scanned <= 2);
    }
    let left = "SELECT hash AS x FROM dropped_packets ORDER BY id";
    assert_eq!(mesh.list(left), "later exact iso_exact none odd");
}

const OLD: i64 = NOW_S - 10 * DAY_S - 1;
const EXACT: i64 = NOW_S - 10 * DAY_S;

/// Packets of which each says in its hash what should become of it.
fn packets() -> Mesh {
    mesh(&format!(
        "INSERT INTO observers (id) VALUES ('a'), ('b'); DELETE FROM observers WHERE id = 'a'; \
         INSERT INTO transmissions (id, raw_hex, hash, first_seen, last_seen) VALUES \
         (-5, '', 'goes_negative', '2026-06-01T00:00:00Z', {OLD}), \
         (0, '', 'stays_exact', '2026-06-01T00:00:00Z', {EXACT}), \
         (1, '', 'stays_active', '2020-06-01T00:00:00Z', {NOW_S}), \
         (2, '', 'goes_old', '2026-06-01T00:00:00Z', {OLD}), \
         (3, '', 'goes_unfilled', '2026-06-01T00:00:00Z', 0), \
         (4, '', 'stays_unfilled', '2026-06-01T00:00:00Z', 0), \
         (5, '', 'goes_lonely', '2026-07-08T08:47:36Z', 0), \
         (6, '', 'stays_lonely', '2026-07-08T08:47:37Z', 0), \
         (7, '', 'goes_silent', '2026-06-01T00:00:00Z', 0), \
         (8, '', 'stays_timeless', 'no time', 0), \
         (9, '', 'goes_garbled', 'no time', {OLD}), \
         (10, '', 'goes_from_the_future', '2099-01-01T00:00:00Z', {OLD}), \
         (11, '', 'stays_from_the_future', '2099-01-01T00:00:00Z', {NOW_S}), \
         (12, '', 'goes_empty', '', {OLD}), \
         (13, '', 'stays_in_ms', '2026-06-01T00:00:00Z', {NOW_S}000), \
         (14, '', 'goes_before_1970', '2026-06-01T00:00:00Z', -7), \
         (15, '', 'stays_new', '2026-07-18T00:00:00Z', {NOW_S}); \
         INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) VALUES \
         (0, 2, '[]', {EXACT}), (1, 2, '[]', {OLD}), (1, 2, '[\"A\"]', {NOW_S}), \
         (2, 2, '[]', {OLD}), (2, 2, '[\"A\"]', {OLD}), (2, 2, '[\"B\"]', 0), \
         (3, 2, '[]', {OLD}), (4, 2, '[]', {OLD}), (4, 2, '[\"A\"]', {NOW_S}), \
         (7, 2, '[]', 0), (14, 2, '[]', {OLD}), (15, 2, '[]', {NOW_S})"
    ))
}

const HASHES: &str = "SELECT hash AS x FROM transmissions ORDER BY id";

#[test]
fn packets_leave_by_when_they_were_last_heard() {
    // HZ 13: the original deletes by first_seen what is still heard.
    let wanted = packets().list(HASHES);
    let wanted: Vec<&str> = wanted.split(' ').filter(|hash| hash.starts_with("stays")).collect();
    for rows_max in [1, 2, 3, 7, 1_000] {
        let mut mesh = packets();
        let replies = mesh.run(Task::Packets, rows_max);
        assert_eq!(mesh.list(HASHES), wanted.join(" "), "steps of {rows_max}");
        assert_eq!(mesh.one::<i64>("SELECT COUNT(*) FROM observations"), 6);
        assert!(replies.iter().all(|reply| reply.rows_scanned <= rows_max), "{replies:?}");
        assert_eq!(changed(&replies), 9 + 6);
        let orphans = "SELECT COUNT(*) FROM pragma_foreign_key_check";
        assert_eq!(mesh.one::<i64>(orphans), 0);
        let mut touched: Vec<i64> =
            replies.into_iter().flat_map(|reply| reply.touched_transmissions).collect();
        touched.sort_unstable();
        touched.dedup();
        assert_eq!(touched, [-5, 2, 3, 5, 7, 9, 10, 12, 14]);
    }
}

#[test]
fn a_packet_leaves_whole_unless_it_alone_is_more_than_a_step() {
    let mut mesh = packets();
    let orphaned = "SELECT COUNT(*) FROM transmissions t WHERE hash = 'goes_old' AND \
                    (SELECT COUNT(*) FROM observations WHERE transmission_id = t.id) NOT IN (0, 3)";
    let job = Task::Packets.job(&mesh.parts).unwrap();
    let mut after = None;
    loop {
        let request = JobRequest { job: job.clone(), window: JobWindow { after, rows_max: 4 } };
        let reply = mesh.writer.run_job(&request, &BatchLimits::default()).unwrap();
        assert_eq!(mesh.one::<i64>(orphaned), 0, "half a packet");
        after = reply.cursor;
        if reply.state == BatchState::Done {
            break;
        }
    }
}

#[test]
fn observers_keep_their_rowids_when_packets_leave() {
    let mut mesh = packets();
    mesh.run(Task::Packets, 100);
    assert_eq!(mesh.one::<i64>("SELECT rowid FROM observers WHERE id = 'b'"), 2);
    let dangling = "SELECT COUNT(*) FROM observations WHERE observer_idx <> 2";
    assert_eq!(mesh.one::<i64>(dangling), 0);
}

#[test]
fn without_its_index_pruning_fails_with_a_reason_instead_of_reading_the_whole_table() {
    let mut mesh = packets();
    mesh.writer.conn.execute_batch("DROP INDEX idx_transmissions_first_seen").unwrap();
    let job = Task::Packets.job(&mesh.parts).unwrap();
    let request = JobRequest { job, window: JobWindow { after: None, rows_max: 10 } };
    let error = mesh.writer.run_job(&request, &BatchLimits::default()).unwrap_err();
    assert!(error.to_string().contains("idx_transmissions_first_seen is missing"), "{error}");
    assert!(!error.is_transient());
}

#[test]
fn without_an_index_by_packet_pruning_fails_instead_of_reading_all_observations_for_each() {
    let mut mesh = packets();
    let job = Task::Packets.job(&mesh.parts).unwrap();
    let request = JobRequest { job, window: JobWindow { after: None, rows_max: 1 } };
    let sql = "SELECT DISTINCT list.name FROM pragma_index_list('observations') list \
               JOIN pragma_index_info(list.name) part \
               WHERE part.seqno = 0 AND part.name = 'transmission_id'";
    let mut list = mesh.writer.conn.prepare(sql).unwrap();
    let names = list.query_map([], |row| row.get(0)).unwrap();
    let names: Vec<String> = names.collect::<Result<_, _>>().unwrap();
    drop(list);
    for (index, name) in names.iter().enumerate() {
        assert!(mesh.writer.run_job(&request, &BatchLimits::default()).is_ok(), "{index}");
        mesh.writer.conn.execute_batch(&format!("DROP INDEX {name}")).unwrap();
    }
    // Of some rows only, it helps nobody.
    let partial = "CREATE INDEX some ON observations (transmission_id) WHERE snr > 0";
    mesh.writer.conn.execute_batch(partial).unwrap();
    let error = mesh.writer.run_job(&request, &BatchLimits::default()).unwrap_err();
    assert!(error.to_string().contains("by transmission_id is missing"), "{error}");
    assert!(!error.is_transient());
}

#[test]
fn what_deletes_or_vacuums_frees_space_and_what_only_moves_or_marks_does_not() {
    let mesh = packets();
    let frees = |task: &Task| task.job(&mesh.parts).unwrap().frees_space;
    let others: Vec<Task> = Task::ALL.into_iter().filter(|task| !frees(task)).collect();
    assert_eq!(others, [Task::Nodes, Task::Observers, Task::Optimize]);
}

#[test]
fn a_missing_table_is_an_error_that_says_so() {
    let mut mesh = mesh("DROP TABLE observer_metrics; DROP TABLE dropped_packets");
    for task in [Task::Metrics, Task::DroppedPackets] {
        let job = task.job(&mesh.parts).unwrap();
        let request = JobRequest { job, window: JobWindow { after: None, rows_max: 10 } };
        let error = mesh.writer.run_job(&request, &BatchLimits::default()).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert!(source.unwrap_or_default().contains("no such table"), "{error}");
    }
}

#[test]
fn what_is_not_asked_for_has_no_job() {
    let mut mesh = mesh("");
    mesh.parts.keeps =
        RetentionConfig { observers: None, packets: None, ..RetentionConfig::default() };
    for task in [Task::Observers, Task::InactiveMetrics, Task::Packets, Task::ClientReceptions] {
        assert!(task.job(&mesh.parts).is_none(), "{task:?}");
    }
    assert!(Task::Nodes.job(&mesh.parts).is_some() && Task::Vacuum.job(&mesh.parts).is_some());
}

#[test]
fn every_step_is_one_transaction_in_the_ledger() {
    let mut mesh = packets();
    let replies = mesh.run(Task::Packets, 4);
    let sums = mesh.writer.ledger().snapshot().sums;
    let retention = &sums[&Source::Retention];
    assert_eq!(retention.rows, changed(&replies));
    assert_eq!(retention.transactions, replies.len() as u64);
}

#[test]
fn free_pages_are_given_back_to_the_last_in_steps() {
    // HZ 16: one step of the statement frees one page.
    let mut mesh = mesh(
        "CREATE TABLE bulk(x); INSERT INTO bulk \
         WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 300) \
         SELECT randomblob(4000) FROM n; DROP TABLE bulk",
    );
    let (free, pages) = ("PRAGMA freelist_count", "PRAGMA page_count");
    let (free_before, pages_before) = (mesh.one::<u64>(free), mesh.one::<u64>(pages));
    assert!(free_before >= 300);
    mesh.parts.vacuum_pages_max = 70;
    let replies = mesh.run(Task::Vacuum, 100);
    assert_eq!(mesh.one::<u64>(free), 0);
    assert!(mesh.one::<u64>(pages) <= pages_before - free_before);
    assert_eq!(changed(&replies), free_before);
    assert!(replies.iter().all(|reply| reply.rows_changed <= 70), "{replies:?}");
    assert_eq!(mesh.writer.ledger().snapshot().sums[&Source::Vacuum].rows, free_before);
    assert_eq!(changed(&mesh.run(Task::Vacuum, 100)), 0, "nothing is left to do");
}

#[test]
fn each_table_is_analysed_once_in_a_step_of_its_own() {
    let mut mesh = packets();
    let replies = mesh.run(Task::Optimize, 500);
    let analysed = "SELECT COUNT(DISTINCT tbl) FROM sqlite_stat1";
    assert!(mesh.one::<i64>(analysed) >= 3, "{replies:?}");
    assert!(replies.iter().all(|reply| reply.rows_changed <= 1));
}
