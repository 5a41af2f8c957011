//! Jobs and migrations on one runner, under a clock that is moved by hand.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::super::Step;
use super::*;
use crate::clock::Clock;
use crate::config::MigrationsConfig;
use crate::db::DbError;
use crate::db::migrations::{
    BatchReply, BatchState, JobRequest, JobStep, JobSteps, JobWindow, Phase,
};
use crate::perf::backfill::{Command, Readings};
use crate::perf::ledger::Source;

const MIGRATION: &str = "tx_last_seen_backfill_v1";

struct Nothing;

impl JobSteps for Nothing {
    fn step(&self, _: &Connection, _: JobWindow) -> Result<JobStep, DbError> {
        Ok(JobStep { is_done: true, ..JobStep::default() })
    }
}

fn job(name: &'static str) -> Job {
    Job { name, source: Source::Retention, frees_space: false, steps: Arc::new(Nothing) }
}

fn freeing(name: &'static str) -> Job {
    Job { frees_space: true, ..job(name) }
}

/// So many times less is free than a migration needs.
fn short(times: f64) -> Readings {
    Readings { disk: Some(times), ..Readings::QUIET }
}

fn conductor(migrations: &[&'static str]) -> (Conductor, Clock) {
    let clock = Clock::manual(1_784_364_457_000);
    let stored = migrations.iter().map(|name| StoredState::pending(name, "", 0)).collect();
    (Conductor::new(stored, &MigrationsConfig::default(), clock.clone()), clock)
}

/// What the conductor wants run next: its name, and the window if it is a job.
fn next(conductor: &mut Conductor) -> Option<(String, Option<JobWindow>)> {
    next_at(conductor, &Readings::QUIET)
}

fn next_at(conductor: &mut Conductor, readings: &Readings) -> Option<(String, Option<JobWindow>)> {
    for _ in 0..100 {
        match conductor.next(readings, false) {
            Step::Batch(request, _) => return Some((request.name, None)),
            Step::Job(JobRequest { job, window }, _) => {
                return Some((job.name.to_owned(), Some(window)));
            }
            Step::Idle => return None,
            Step::Record(_) | Step::After(_) => {}
        }
    }
    None
}

fn name(conductor: &mut Conductor) -> Option<String> {
    next(conductor).map(|(name, _)| name)
}

fn reply(name: &'static str, state: BatchState, cursor: Option<i64>, rows: u64) -> BatchReply {
    BatchReply {
        name,
        state,
        rows_changed: rows,
        rows_scanned: rows,
        rows_done: 0,
        rows_total: 0,
        cursor,
        rows_changed_total: 0,
        rows_failed: 0,
        rows_verified: (0, 0),
        next: Phase::Walk,
        hold: Duration::from_millis(1),
        wal_pages: 1,
        touched_transmissions: Vec::new(),
    }
}

#[test]
fn a_job_waits_for_the_migration_that_runs_and_comes_before_the_next() {
    let (mut conductor, _) = conductor(&[MIGRATION, "from_pubkey_v1"]);
    assert_eq!(name(&mut conductor).as_deref(), Some(MIGRATION));
    assert_eq!(conductor.request_job(job("b"), "retention").ok(), Some(State::Pending));
    assert_eq!(conductor.request_job(job("a"), "retention").ok(), Some(State::Pending));
    conductor.note(Ok(reply(MIGRATION, BatchState::More, Some(5), 5)));
    assert_eq!(name(&mut conductor).as_deref(), Some(MIGRATION), "it is not interrupted");
    conductor.note(Ok(reply(MIGRATION, BatchState::Done, Some(9), 4)));
    assert_eq!(name(&mut conductor).as_deref(), Some("b"), "who asked first");
    conductor.note(Ok(reply("b", BatchState::Done, None, 1)));
    assert_eq!(name(&mut conductor).as_deref(), Some("a"));
    conductor.note(Ok(reply("a", BatchState::Done, None, 1)));
    assert_eq!(name(&mut conductor).as_deref(), Some("from_pubkey_v1"));
}

#[test]
fn a_migration_that_an_operator_has_paused_holds_no_job_up() {
    let (mut conductor, _) = conductor(&[MIGRATION]);
    assert_eq!(conductor.command(MIGRATION, Command::Pause, "ops").ok(), Some(State::Paused));
    assert_eq!(name(&mut conductor), None);
    assert!(conductor.request_job(job("a"), "retention").is_ok());
    assert_eq!(name(&mut conductor).as_deref(), Some("a"));
}

#[test]
fn steps_go_on_after_the_last_key_and_their_counts_are_summed() {
    let (mut conductor, clock) = conductor(&[]);
    assert!(conductor.request_job(job("a"), "retention").is_ok());
    assert_eq!(next(&mut conductor).and_then(|(_, window)| window?.after), None);
    clock.advance_ms(7);
    conductor.note(Ok(reply("a", BatchState::More, Some(40), 10)));
    let (_, window) = next(&mut conductor).unwrap_or_default();
    assert_eq!(window.and_then(|window| window.after), Some(40));
    conductor.note(Ok(BatchReply { rows_failed: 1, ..reply("a", BatchState::Done, Some(45), 5) }));
    let end = conductor.job_end("a");
    let counts = end.as_ref().map(|end| (end.rows_scanned, end.rows_changed, end.rows_failed));
    assert_eq!(counts, Some((15, 15, 1)));
    let times = end.map(|end| (end.started_at, end.ended_at));
    let wanted = ("2026-07-18T08:47:37.000Z".to_owned(), "2026-07-18T08:47:37.007Z".to_owned());
    assert_eq!(times, Some((Some(wanted.0), wanted.1)));
}

#[test]
fn the_next_appointment_begins_afresh_and_keeps_the_pace_and_the_last_result() {
    let (mut conductor, _) = conductor(&[]);
    for run in 1..=3 {
        assert_eq!(conductor.request_job(job("a"), "retention").ok(), Some(State::Pending));
        assert_eq!(conductor.job_end("a"), None, "not yet");
        let (_, window) = next(&mut conductor).unwrap_or_default();
        assert_eq!(window.and_then(|window| window.after), None);
        conductor.note(Ok(reply("a", BatchState::More, Some(9), 500)));
        assert!(next(&mut conductor).is_some());
        conductor.note(Ok(reply("a", BatchState::Done, Some(9), 0)));
        assert_eq!(name(&mut conductor), None, "once");
        let live = conductor.live_jobs();
        assert_eq!((live.len(), live[0].runs, live[0].rows_changed), (1, run, 500));
        assert!(live[0].batch_rows > 500, "it has learned");
    }
    assert!(conductor.live().is_empty(), "no migration");
    assert!(conductor.take_moves().is_empty(), "nothing for the books");
}

#[test]
fn one_that_is_under_way_is_not_begun_twice() {
    let (mut conductor, _) = conductor(&[]);
    assert!(conductor.request_job(job("a"), "retention").is_ok());
    assert!(next(&mut conductor).is_some());
    assert_eq!(conductor.request_job(job("a"), "ops").ok(), Some(State::Running));
    conductor.note(Ok(reply("a", BatchState::Done, None, 1)));
    assert_eq!(name(&mut conductor), None);
}

#[test]
fn a_job_is_paused_resumed_and_cancelled_as_a_migration_is() {
    let (mut conductor, _) = conductor(&[]);
    assert!(conductor.request_job(job("a"), "retention").is_ok());
    assert!(next(&mut conductor).is_some());
    assert_eq!(conductor.command("a", Command::Pause, "ops").ok(), Some(State::Pausing));
    conductor.note(Ok(reply("a", BatchState::More, Some(3), 3)));
    assert_eq!(name(&mut conductor), None);
    assert_eq!(conductor.request_job(job("a"), "retention").ok(), Some(State::Paused), "it stays");
    assert_eq!(conductor.command("a", Command::Resume, "ops").ok(), Some(State::Pending));
    assert!(next(&mut conductor).is_some());
    assert_eq!(conductor.command("a", Command::Cancel, "ops").ok(), Some(State::Cancelling));
    conductor.note(Ok(reply("a", BatchState::Stopped, None, 0)));
    let end = conductor.job_end("a");
    assert_eq!(end.as_ref().map(|end| end.state), Some(State::Cancelled));
    assert_eq!(end.and_then(|end| end.error).as_deref(), Some("cancel by ops"));
    assert_eq!(conductor.request_job(job("a"), "retention").ok(), Some(State::Pending), "again");
}

#[test]
fn a_panic_fails_the_run_and_says_so_and_the_others_go_on() {
    let (mut conductor, _) = conductor(&[]);
    assert!(conductor.request_job(job("a"), "retention").is_ok());
    assert!(conductor.request_job(job("b"), "retention").is_ok());
    assert!(next(&mut conductor).is_some());
    conductor.note(Err(DbError::Panicked { migration: "a".to_owned() }));
    let end = conductor.job_end("a").and_then(|end| end.error);
    assert_eq!(end.as_deref(), Some("migration a panicked"));
    assert_eq!(name(&mut conductor).as_deref(), Some("b"));
}

#[test]
fn no_job_takes_the_name_of_a_migration_and_there_is_a_bound() {
    let (mut conductor, _) = conductor(&[MIGRATION]);
    assert!(matches!(conductor.request_job(job(MIGRATION), "x"), Err(CommandError::Unknown(_))));
    for n in 0..JOBS_MAX {
        let name: &'static str = Box::leak(format!("job {n}").into_boxed_str());
        assert!(conductor.request_job(job(name), "x").is_ok());
    }
    assert!(matches!(conductor.request_job(job("more"), "x"), Err(CommandError::Full)));
}

#[test]
fn little_space_holds_a_job_up_unless_it_frees_some() {
    let (mut conductor, _) = conductor(&[]);
    let name = |conductor: &mut Conductor, times| {
        let name = next_at(conductor, &short(times)).map(|(name, _)| name)?;
        let known: &'static str = if name == "prune" { "prune" } else { "mark" };
        conductor.note(Ok(reply(known, BatchState::More, Some(1), 1)));
        Some(name)
    };
    assert!(conductor.request_job(job("mark"), "retention").is_ok());
    assert_eq!(name(&mut conductor, 1.0), None);
    assert!(conductor.request_job(freeing("prune"), "retention").is_ok());
    assert_eq!(name(&mut conductor, 7.9).as_deref(), Some("prune"), "33 of 256 MiB");
    assert_eq!(name(&mut conductor, 8.0), None, "its own log needs some too");
    assert_eq!(name(&mut conductor, 6.5), None, "hysteresis");
    assert_eq!(name(&mut conductor, 6.0).as_deref(), Some("prune"));
}

#[test]
fn a_job_that_frees_space_goes_ahead_of_a_migration_that_waits_for_space() {
    let (mut conductor, clock) = conductor(&[MIGRATION]);
    let name =
        |conductor: &mut Conductor, times| next_at(conductor, &short(times)).map(|(name, _)| name);
    // So little that the migration is looked at again only after a minute.
    assert_eq!(name(&mut conductor, 4.0), None);
    assert!(conductor.live()[0].waits_for_space);
    assert!(conductor.request_job(job("mark"), "retention").is_ok());
    assert_eq!(name(&mut conductor, 4.0), None, "it frees nothing");
    assert!(conductor.request_job(freeing("prune"), "retention").is_ok());
    assert!(conductor.request_job(freeing("vacuum"), "retention").is_ok());
    assert_eq!(name(&mut conductor, 4.0).as_deref(), Some("prune"));
    conductor.note(Ok(reply("prune", BatchState::More, Some(1), 1)));
    assert_eq!(name(&mut conductor, 0.0).as_deref(), Some("prune"), "it is not interrupted");
    conductor.note(Ok(reply("prune", BatchState::Done, Some(2), 1)));
    assert_eq!(name(&mut conductor, 4.0).as_deref(), Some("vacuum"));
    conductor.note(Ok(reply("vacuum", BatchState::Done, None, 1)));
    assert_eq!(name(&mut conductor, 4.0), None);
    clock.advance_ms(60_000);
    assert_eq!(name(&mut conductor, 0.0).as_deref(), Some(MIGRATION), "there is room");
    assert!(!conductor.live()[0].waits_for_space);
}

#[test]
fn a_migration_that_found_the_disk_full_lets_a_job_go_ahead_that_frees_space() {
    let (mut conductor, _) = conductor(&[MIGRATION]);
    assert_eq!(name(&mut conductor).as_deref(), Some(MIGRATION));
    let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
    let full = rusqlite::Error::SqliteFailure(full, None);
    conductor.note(Err(DbError::from_sqlite("build an index", full)));
    assert!(conductor.request_job(freeing("prune"), "retention").is_ok());
    assert_eq!(name(&mut conductor).as_deref(), Some("prune"));
}

#[test]
fn a_migration_that_waits_for_more_than_space_lets_no_job_go_ahead() {
    let (mut conductor, _) = conductor(&[MIGRATION]);
    let busy = Readings { backup: Some(1.0), ..short(2.0) };
    assert_eq!(next_at(&mut conductor, &busy), None);
    assert!(!conductor.live()[0].waits_for_space);
    assert!(conductor.request_job(freeing("prune"), "retention").is_ok());
    assert_eq!(next_at(&mut conductor, &busy), None);
    assert_eq!(conductor.live_jobs()[0].state, State::Pending);
}
