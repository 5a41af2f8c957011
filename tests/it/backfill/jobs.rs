//! Recurring jobs on the runner of the migrations, over a real database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use corescope::actors::backfill::{JobEnd, RunJob};
use corescope::clock::Clock;
use corescope::config::MigrationsConfig;
use corescope::db::DbError;
use corescope::db::migrations::{
    BatchLimits, BatchReply, BatchState, Job, JobRequest, JobStep, JobSteps, JobWindow,
};
use corescope::perf::backfill::State;
use corescope::perf::ledger::Source;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use super::{LAST_SEEN, conduct, conductor_with, limits, number, open_at, run_all, seeded, text};
use crate::support::api::Api;

/// Deletes observations that were heard before `cutoff_s`, by ascending id.
struct DeleteOld {
    cutoff_s: i64,
    steps: AtomicU64,
}

impl DeleteOld {
    fn job(cutoff_s: i64) -> Job {
        let steps = Arc::new(Self { cutoff_s, steps: AtomicU64::new(0) });
        let source = Source::Retention;
        Job { name: "retention_observations", source, frees_space: true, steps }
    }
}

fn failed(error: rusqlite::Error) -> DbError {
    DbError::from_sqlite("delete old observations", error)
}

impl JobSteps for DeleteOld {
    fn step(&self, tx: &Connection, window: JobWindow) -> Result<JobStep, DbError> {
        self.steps.fetch_add(1, Ordering::Relaxed);
        let sql = "SELECT id, transmission_id FROM observations \
                   WHERE id > ?1 AND timestamp < ?2 ORDER BY id LIMIT ?3";
        let rows: Vec<(i64, i64)> = tx
            .prepare_cached(sql)
            .and_then(|mut found| {
                let after = window.after.unwrap_or(i64::MIN);
                let rows_max = i64::try_from(window.rows_max).unwrap_or(i64::MAX);
                found
                    .query_map(params![after, self.cutoff_s, rows_max], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })?
                    .collect()
            })
            .map_err(failed)?;
        for (id, _) in &rows {
            tx.execute("DELETE FROM observations WHERE id = ?1", [id]).map_err(failed)?;
        }
        Ok(JobStep {
            rows_scanned: rows.len() as u64,
            rows_changed: rows.len() as u64,
            last_key: rows.last().map(|(id, _)| *id),
            is_done: (rows.len() as u64) < window.rows_max,
            touched_transmissions: rows.into_iter().map(|(_, id)| id).collect(),
        })
    }

    fn next_key(&self, tx: &Connection, after: Option<i64>) -> Result<Option<i64>, DbError> {
        let sql =
            "SELECT id FROM observations WHERE id > ?1 AND timestamp < ?2 ORDER BY id LIMIT 1";
        let after = after.unwrap_or(i64::MIN);
        tx.query_row(sql, params![after, self.cutoff_s], |row| row.get(0))
            .optional()
            .map_err(failed)
    }
}

const OLD: &str = "SELECT COUNT(*) FROM observations WHERE timestamp < 1501";

#[test]
fn a_job_deletes_in_bounded_steps_and_names_the_transmissions_that_it_touched() {
    let (_folder, path) = seeded(1_000);
    run_all(&path);
    let clock = Clock::system();
    let mut writer = open_at(&path, &clock);
    let config = MigrationsConfig { batch_rows_max: 64, ..MigrationsConfig::default() };
    let mut conductor = conductor_with(&writer, &clock, &config);
    assert_eq!(conductor.request_job(DeleteOld::job(1_501), "test").unwrap(), State::Pending);
    let batches: Vec<BatchReply> = conduct(&mut writer, &mut conductor);
    assert_eq!(number(&path, OLD), 0);
    assert_eq!(number(&path, "SELECT COUNT(*) FROM observations"), 1_500, "no other row");
    assert!(batches.len() >= 8 && batches.iter().all(|batch| batch.rows_scanned <= 64));
    let mut touched: Vec<i64> =
        batches.iter().flat_map(|batch| batch.touched_transmissions.clone()).collect();
    touched.sort_unstable();
    assert_eq!(touched, (1..=500).collect::<Vec<_>>());
    let end = conductor.job_end("retention_observations").unwrap();
    assert_eq!((end.state, end.rows_changed, end.error), (State::Succeeded, 500, None));
    assert_eq!(
        number(&path, "SELECT COUNT(*) FROM _async_migrations WHERE name LIKE 'retention%'"),
        0,
        "the original does not see it"
    );
}

#[test]
fn a_row_that_cannot_be_deleted_is_found_by_halving_and_set_aside() {
    // §10.9: the same rule as for migrations.
    let (_folder, path) = seeded(1_000);
    run_all(&path);
    super::read(&path)
        .execute_batch(
            "CREATE TRIGGER hold BEFORE DELETE ON observations WHEN OLD.id = 300 \
             BEGIN SELECT RAISE(ABORT, 'kept for a reason'); END",
        )
        .unwrap();
    let clock = Clock::system();
    let mut writer = open_at(&path, &clock);
    let mut conductor = conductor_with(&writer, &clock, &MigrationsConfig::default());
    for _ in 0..2 {
        conductor.request_job(DeleteOld::job(1_501), "test").unwrap();
        conduct(&mut writer, &mut conductor);
        let end = conductor.job_end("retention_observations").unwrap();
        assert_eq!((end.state, end.rows_failed), (State::Succeeded, 1));
        assert_eq!(number(&path, OLD), 1);
        let letters = "SELECT group_concat(name || ' ' || row_key) FROM _migration_dead_letters";
        assert_eq!(text(&path, letters), "retention_observations 300", "of the last run only");
    }
}

#[test]
fn what_a_job_costs_is_in_the_ledger_under_its_own_source() {
    // §10.31, 001-04.
    let (_folder, path) = seeded(200);
    run_all(&path);
    let clock = Clock::system();
    let mut writer = open_at(&path, &clock);
    let request = |job: &Job, after, rows_max| JobRequest {
        job: job.clone(),
        window: JobWindow { after, rows_max },
    };
    let job = DeleteOld::job(1_101);
    let reply = writer.run_job(&request(&job, None, 60), &limits()).unwrap();
    assert_eq!((reply.rows_changed, reply.state), (60, BatchState::More));
    let reply = writer.run_job(&request(&job, reply.cursor, 60), &limits()).unwrap();
    assert_eq!((reply.rows_changed, reply.state), (40, BatchState::Done));
    let sums = writer.ledger().snapshot().sums;
    let retention = &sums[&Source::Retention];
    assert_eq!((retention.rows, retention.transactions, retention.errors), (100, 2, 0));
    assert!(retention.wal_pages > 0);
}

#[test]
fn a_step_that_is_told_to_stop_changes_nothing() {
    let (_folder, path) = seeded(3_000);
    run_all(&path);
    let mut writer = open_at(&path, &Clock::system());
    let limits: BatchLimits = limits();
    limits.stop.as_ref().unwrap().store(true, Ordering::Relaxed);
    let window = JobWindow { after: None, rows_max: 3_000 };
    let request = JobRequest { job: DeleteOld::job(5_000), window };
    let reply = writer.run_job(&request, &limits).unwrap();
    assert_eq!((reply.state, reply.rows_changed, reply.cursor), (BatchState::Stopped, 0, None));
    assert_eq!(number(&path, "SELECT COUNT(*) FROM observations"), 6_000);
}

/// Nothing but jobs is to run.
async fn pause_migrations(api: &Api) {
    let actors = api.actors.as_ref().unwrap();
    for name in api.json("/api/perf/async-migrations").await.as_array().unwrap() {
        let steer = corescope::actors::backfill::Steer {
            name: name["name"].as_str().unwrap().to_owned(),
            command: corescope::perf::backfill::Command::Pause,
            by: "test".to_owned(),
        };
        let _ = actors.backfill.ask(steer).await;
    }
    actors.begin_backfill();
}

async fn end_of(api: &Api, job: Job) -> JobEnd {
    let (ended, end) = oneshot::channel::<JobEnd>();
    let message = RunJob { job, by: "test".to_owned(), ended: Some(ended) };
    let backfill = &api.actors.as_ref().unwrap().backfill;
    assert_eq!(backfill.ask(message).await.unwrap(), State::Pending);
    end.await.unwrap()
}

/// Changes rows, then breaks.
struct Breaks;

impl JobSteps for Breaks {
    fn step(&self, tx: &Connection, _: JobWindow) -> Result<JobStep, DbError> {
        tx.execute("DELETE FROM observations", []).map_err(failed)?;
        panic!("broken on purpose");
    }

    fn next_key(&self, _: &Connection, _: Option<i64>) -> Result<Option<i64>, DbError> {
        Ok(None)
    }
}

#[actix_web::test]
async fn a_step_that_panics_fails_its_run_and_nothing_else() {
    // 002-04, 002-05, decision 12: what it had changed is taken back, the writer lives on.
    let Some(api) = Api::that_writes(corescope::config::Config::default()) else { return };
    pause_migrations(&api).await;
    let path = api.folder.path().join("meshcore.db");
    let before = number(&path, "SELECT COUNT(*) FROM observations");
    let (source, steps) = (Source::Retention, Arc::new(Breaks));
    let job = Job { name: "breaks", source, frees_space: false, steps };
    let end = end_of(&api, job).await;
    assert_eq!(
        (end.state, end.error.as_deref()),
        (State::Failed, Some("migration breaks panicked"))
    );
    assert_eq!(number(&path, "SELECT COUNT(*) FROM observations"), before);
    let end = end_of(&api, DeleteOld::job(i64::MAX)).await;
    assert_eq!((end.state, end.rows_changed), (State::Succeeded, before.unsigned_abs()));
}

#[actix_web::test]
async fn another_actor_asks_for_a_job_and_is_told_how_it_ended() {
    let Some(api) = Api::that_writes(corescope::config::Config::default()) else { return };
    pause_migrations(&api).await;
    let end = end_of(&api, DeleteOld::job(0)).await;
    assert_eq!((end.state, end.rows_changed), (State::Succeeded, 0));
    let jobs = api.json("/api/perf/jobs").await;
    assert_eq!(jobs[0]["name"], "retention_observations");
    assert_eq!((&jobs[0]["state"], &jobs[0]["runs"]), (&"succeeded".into(), &1.into()));
    let listed = api.json("/api/perf/async-migrations").await;
    assert!(listed.as_array().unwrap().iter().any(|row| row["name"] == LAST_SEEN));
    assert!(!listed.to_string().contains("retention"), "no migration");
}
