//! Clocks that jump, and what a step may cost: nothing is old by a clock that may be wrong.

use rusqlite::params;

use super::super::{DAY_S, Mesh, NOW_S, changed, mesh};
use crate::db::DbError;
use crate::db::migrations::{BatchLimits, BatchReply, JobRequest, JobWindow};
use crate::db::retention::Task;

const HOUR_S: i64 = 3_600;
/// Those that go by an age.
const BY_AGE: [Task; 9] = [
    Task::Metrics,
    Task::Nodes,
    Task::Observers,
    Task::InactiveMetrics,
    Task::DroppedPackets,
    Task::Packets,
    Task::ClientReceptions,
    Task::ClientObservers,
    Task::NeighborEdges,
];

/// Rows of every kind from 40 days to an hour ago, four a day; the clock is not trusted.
fn lived() -> Mesh {
    let mut mesh = mesh("INSERT INTO observers (id, inactive, last_seen) VALUES ('marked', 1, '')");
    mesh.parts.keeps.trusts_clock = false;
    for age in 0..160 {
        mesh.hear(NOW_S - HOUR_S - age * 6 * HOUR_S);
    }
    mesh
}

impl Mesh {
    /// Rows of every kind that were written at that time.
    fn hear(&mut self, at_s: i64) {
        let conn = &self.writer.conn;
        let iso = crate::clock::iso_s(at_s);
        let sql = format!(
            "INSERT INTO nodes (public_key, last_seen) VALUES ('n{at_s}', '{iso}'); \
             INSERT INTO observers (id, last_seen) VALUES ('o{at_s}', '{iso}'); \
             INSERT INTO observer_metrics (observer_id, timestamp) VALUES ('o{at_s}', '{iso}'); \
             INSERT INTO observer_metrics (observer_id, timestamp) VALUES ('marked', '{iso}'); \
             INSERT INTO dropped_packets (reason, dropped_at) VALUES ('r', '{iso}'); \
             INSERT INTO client_receptions (rx_pubkey, heard_key, heard_keylen, lat, lon, rx_at, \
             ingested_at, src) VALUES ('a{at_s}', 'b', 1, 0, 0, '{iso}', '{iso}', 's'); \
             INSERT INTO client_observers (pubkey, last_seen) VALUES ('{at_s}', '{iso}'); \
             INSERT INTO neighbor_edges (node_a, node_b, last_seen) VALUES ('', '{at_s}', '{iso}')"
        );
        conn.execute_batch(&sql).unwrap();
        let packet = "INSERT INTO transmissions (raw_hex, hash, first_seen, last_seen) \
                      VALUES ('', ?1, ?2, ?1)";
        conn.execute(packet, params![at_s, iso]).unwrap();
        let heard = "INSERT INTO observations (transmission_id, observer_idx, path_json, \
                     timestamp) VALUES (last_insert_rowid(), 1, '[]', ?1)";
        conn.execute(heard, [at_s]).unwrap();
    }

    /// One step of a task.
    fn step(&mut self, task: Task) -> Result<BatchReply, DbError> {
        let job = task.job(&self.parts).unwrap();
        let window = JobWindow { after: None, rows_max: 1_000 };
        self.writer.run_job(&JobRequest { job, window }, &BatchLimits::default())
    }

    /// What is left of everything that goes by an age.
    fn rows(&self) -> i64 {
        self.one(
            "SELECT (SELECT COUNT(*) FROM nodes) + (SELECT COUNT(*) FROM observer_metrics) \
             + (SELECT COUNT(*) FROM observers WHERE COALESCE(inactive, 0) = 0) \
             + (SELECT COUNT(*) FROM dropped_packets) + (SELECT COUNT(*) FROM transmissions) \
             + (SELECT COUNT(*) FROM observations) + (SELECT COUNT(*) FROM client_receptions) \
             + (SELECT COUNT(*) FROM client_observers) + (SELECT COUNT(*) FROM neighbor_edges)",
        )
    }

    fn is_refused(&mut self, moment: &str) {
        let before = self.rows();
        for task in BY_AGE {
            let error = self.step(task).unwrap_err();
            assert!(
                matches!(error, DbError::ImplausibleClock { .. }),
                "{moment} {task:?}: {error}"
            );
            assert!(!error.is_transient() && !error.is_fault_of_record());
        }
        assert_eq!(self.rows(), before, "{moment}");
        assert!(self.step(Task::Vacuum).is_ok() && self.step(Task::Optimize).is_ok());
    }

    fn prunes(&mut self, moment: &str) {
        for task in BY_AGE {
            let reply =
                self.step(task).unwrap_or_else(|error| panic!("{moment} {task:?}: {error}"));
            assert!(reply.rows_changed > 0, "{moment} {task:?}");
        }
    }
}

#[test]
fn a_clock_that_goes_as_it_should_or_an_hour_wrong_is_believed() {
    lived().prunes("now");
    for step_s in [HOUR_S, -HOUR_S, 20 * HOUR_S] {
        let mut mesh = lived();
        mesh.parts.clock.advance_ms(step_s * 1_000);
        mesh.prunes(&format!("{step_s} s later"));
    }
}

#[test]
fn a_machine_that_starts_ten_years_ahead_deletes_nothing_and_believes_itself_only_much_later() {
    let mut mesh = lived();
    let ahead_s = NOW_S + 3_650 * DAY_S;
    mesh.parts.clock.advance_ms(3_650 * DAY_S * 1_000);
    mesh.is_refused("nothing heard yet");
    let mut now_s = ahead_s;
    while now_s < ahead_s + 10 * DAY_S {
        mesh.hear(now_s);
        now_s += 6 * HOUR_S;
        mesh.parts.clock.advance_ms(6 * HOUR_S * 1_000);
        if (now_s - ahead_s) % (2 * DAY_S) == 0 && now_s < ahead_s + 10 * DAY_S {
            mesh.is_refused(&format!("{} s later", now_s - ahead_s));
            let error = mesh.step(Task::Packets).unwrap_err().to_string();
            assert!(error.contains("2026-07-18T07:47:37Z to 2036-07-15T08:47:37Z"), "{error}");
            assert!(error.contains("before 2036-07-24T08:47:37Z"), "{error}");
        }
    }
    mesh.hear(now_s);
    mesh.parts.clock.advance_ms(1_000);
    mesh.prunes("it has lived for as long as it keeps");
}

#[test]
fn a_clock_that_is_set_right_again_is_believed_and_rows_from_the_future_are_no_witness() {
    let mut mesh = lived();
    mesh.parts.clock.advance_ms(365 * DAY_S * 1_000);
    mesh.hear(NOW_S + 365 * DAY_S);
    mesh.is_refused("a year ahead");
    mesh.parts.clock.advance_ms(-365 * DAY_S * 1_000);
    mesh.prunes("right again");
    assert_eq!(mesh.one::<i64>("SELECT COUNT(*) FROM nodes WHERE last_seen > '2027'"), 1);
}

#[test]
fn a_clock_at_the_beginning_of_time_finds_nothing_old() {
    let mut mesh = lived();
    mesh.parts.clock.advance_ms(-NOW_S * 1_000);
    let before = mesh.rows();
    for task in BY_AGE.into_iter().filter(|task| *task != Task::InactiveMetrics) {
        assert_eq!(mesh.step(task).unwrap().rows_changed, 0, "{task:?}");
    }
    assert_eq!(mesh.rows(), before);
}

#[test]
fn after_three_silent_days_nothing_is_deleted_for_a_day() {
    let mut mesh = lived();
    let back_s = NOW_S + 3 * DAY_S;
    mesh.parts.clock.advance_ms(3 * DAY_S * 1_000);
    mesh.is_refused("still silent");
    mesh.hear(back_s);
    mesh.parts.clock.advance_ms((DAY_S - 1) * 1_000);
    mesh.is_refused("the first day");
    mesh.parts.clock.advance_ms(1_000);
    mesh.prunes("the day after");
}

#[test]
fn who_trusts_the_clock_or_has_heard_nothing_ever_is_not_kept_waiting() {
    let mut mesh = lived();
    mesh.parts.clock.advance_ms(5 * DAY_S * 1_000);
    mesh.is_refused("five silent days");
    mesh.parts.keeps.trusts_clock = true;
    mesh.prunes("trusted");
    let mut mesh =
        super::super::mesh("INSERT INTO nodes (public_key, last_seen) VALUES ('k', '2020-01-01')");
    mesh.parts.keeps.trusts_clock = false;
    assert_eq!(mesh.step(Task::Nodes).unwrap().rows_changed, 2);
}

#[test]
fn without_the_index_that_tells_nothing_is_called_old() {
    let mut mesh = lived();
    mesh.writer.conn.execute_batch("DROP INDEX idx_observations_timestamp").unwrap();
    let error = mesh.step(Task::Packets).unwrap_err();
    assert!(error.to_string().contains("idx_observations_timestamp is missing"), "{error}");
}

#[test]
fn a_step_ends_when_its_time_is_over_whatever_it_was_allowed() {
    let mut mesh = mesh("");
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) \
         INSERT INTO transmissions (id, raw_hex, hash, first_seen, last_seen) \
         SELECT i, '', i, '2026-01-01T00:00:00Z', 5 FROM n; \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) \
         INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
         SELECT 1 + i % 49, i, '[]', 5 FROM n; \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
         INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
         SELECT 50, i, '[]', 5 FROM n; \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) \
         INSERT INTO nodes (public_key, last_seen) SELECT i, '2026-01-01T00:00:00Z' FROM n";
    mesh.writer.conn.execute_batch(sql).unwrap();
    // Every row takes a millisecond; a step has ten, and ends with the packet or the part of one
    // that it was at.
    let clock = mesh.parts.clock.clone();
    let tick = move |_, _: &str, _: &str, _| clock.advance_ms(1);
    mesh.writer.conn.update_hook(Some(tick)).unwrap();
    let halves = "SELECT COUNT(*) FROM transmissions t WHERE id < 50 AND (SELECT COUNT(*) FROM \
                  observations WHERE transmission_id = t.id) NOT IN (10, 11)";
    let replies = mesh.run(Task::Packets, 20_000);
    assert!(replies.iter().all(|reply| reply.rows_changed <= 10 + 64), "{replies:?}");
    assert_eq!(mesh.one::<i64>(halves), 0);
    assert_eq!(changed(&replies), 1_550);
    let replies = mesh.run(Task::Nodes, 20_000);
    assert!(replies.iter().all(|reply| reply.rows_changed <= 14), "{replies:?}");
    assert_eq!(changed(&replies), 200);
}

#[test]
fn a_step_looks_at_no_more_rows_than_it_may_even_where_nothing_is_old() {
    let mut mesh = lived();
    for task in [Task::Nodes, Task::Observers, Task::DroppedPackets, Task::NeighborEdges] {
        mesh.run(task, 1_000);
        let replies = mesh.run(task, 7);
        assert_eq!(changed(&replies), 0);
        assert!(replies.len() > 5 && replies.iter().all(|reply| reply.rows_scanned <= 7));
    }
}
