//! The API of migrations: bodies in every state, commands, keys, failures.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use corescope::config::Config;
use corescope::perf::backfill::State;
use serde_json::Value;

use super::LAST_SEEN;
use crate::support::api::{Answer, Api, KEY, ask, with_key};
use crate::support::check_json;

const LIST: &str = "/api/perf/async-migrations";

async fn post(api: &Api, action: &str, body: &str) -> Answer {
    let request = TestRequest::post()
        .uri(&format!("{LIST}/{LAST_SEEN}/{action}"))
        .insert_header(("X-API-Key", KEY))
        .set_payload(body.to_owned());
    ask(&api.state, request).await
}

async fn row(api: &Api) -> Value {
    let list = api.json(LIST).await;
    list.as_array().unwrap().iter().find(|row| row["name"] == LAST_SEEN).unwrap().clone()
}

#[actix_web::test]
async fn the_body_in_every_state_that_an_operator_can_bring_about() {
    // 002-18: status, rows, rate, time left and error of every migration; §10.28.
    let Some(api) = Api::that_writes(with_key()) else { return };
    check_json("async_migration_pending", &row(&api).await);
    assert_eq!(post(&api, "pause", r#"{"by": "ops"}"#).await.json()["state"], "paused");
    check_json("async_migration_paused", &row(&api).await);
    assert_eq!(post(&api, "cancel", r#"{"by": "ops"}"#).await.json()["state"], "cancelled");
    api.clock.advance_ms(6_000);
    check_json("async_migration_cancelled", &row(&api).await);
    assert_eq!(post(&api, "retry", "").await.json()["state"], "pending");
    let tuned = post(&api, "tune", r#"{"batchRowsMax": 5, "by": "ops", "reason": "gently"}"#).await;
    assert_eq!(tuned.status, StatusCode::OK, "{}", tuned.text());
    check_json("async_migration_tuned", &tuned.json());
}

#[actix_web::test]
async fn the_body_in_every_state_that_the_books_can_hold() {
    // 004-A3, 004-25, §10.17; the books are all that another process has to go by.
    let Some(api) = Api::over_fixture() else { return };
    let mut bodies = serde_json::Map::new();
    for state in State::ALL {
        let (status, error) = match state {
            State::Succeeded => ("done", "NULL"),
            State::Failed => ("failed", "'no such column'"),
            State::Cancelled => ("failed", "'cancelled by operator'"),
            _ => ("pending_async", "NULL"),
        };
        let name = state.as_str();
        api.execute(&format!(
            "UPDATE _async_migrations SET status = '{status}', error = {error}, \
             started_at = '2026-05-17 18:10:00', rows_processed = 300, rows_total = 499, \
             ended_at = CASE '{status}' WHEN 'pending_async' THEN NULL \
             ELSE '2026-05-17T18:10:03Z' END WHERE name = '{LAST_SEEN}'; \
             INSERT OR REPLACE INTO _migration_states (name, state, reason, by_whom, since_ms) \
             VALUES ('{LAST_SEEN}', '{name}', 'the reason', 'runner', 1779041400000)"
        ));
        api.clock.advance_ms(6_000);
        bodies.insert(name.to_owned(), row(&api).await);
    }
    check_json("async_migration_in_every_state", &bodies);
}

#[actix_web::test]
async fn the_page_and_the_metrics_tell_what_goes_on_at_this_moment_too() {
    // 004-A3: state, reason, and what cannot be known is absent.
    let Some(api) = Api::that_writes(with_key()) else { return };
    post(&api, "pause", r#"{"by": "ops"}"#).await;
    let perf = api.json("/api/perf").await;
    let listed = perf["asyncMigrations"].as_array().unwrap();
    let row = listed.iter().find(|row| row["name"] == LAST_SEEN).unwrap();
    assert_eq!((&row["state"], &row["stateReason"]), (&"paused".into(), &"pause by ops".into()));
    assert_eq!(row["live"]["eta"]["state"], "paused");
    let metrics = api.get("/metrics").await;
    let line =
        format!("migration_state{{name=\"{LAST_SEEN}\",status=\"running\",state=\"paused\"}}");
    assert!(metrics.text().contains(&line), "{}", metrics.text());
    assert!(!metrics.text().contains("corescope_migration_left_seconds{"));
}

#[actix_web::test]
async fn commands_that_make_no_sense_are_told_apart() {
    let Some(api) = Api::that_writes(with_key()) else { return };
    let cases = [
        ("resume", "", 409, "cannot resume: it is pending"),
        ("approve", "", 409, "cannot approve: it is pending"),
        ("retry", "", 409, "cannot retry: it is pending"),
        ("explode", "", 404, "use pause, resume"),
        ("pause", "nonsense", 400, "invalid JSON body"),
        ("pause", r#"{"by": 5}"#, 400, "by must be a text"),
        ("tune", r#"{"batchRowsMax": 0}"#, 400, "batchRowsMax must be between 1"),
        ("tune", r#"{"pauseMinMs": -1}"#, 400, "pauseMinMs must be between 0"),
        ("tune", r#"{"speed": 1}"#, 400, "there is no knob speed"),
        ("tune", r#"{"turbo": "yes"}"#, 400, "turbo must be a number"),
        ("tune", r#"{"turbo": true, "forSec": 0}"#, 400, "a setting lasts from"),
    ];
    for (action, body, status, text) in cases {
        let answer = post(&api, action, body).await;
        assert_eq!(answer.status, status, "{action} {body}: {}", answer.text());
        assert!(answer.text().contains(text), "{action} {body}: {}", answer.text());
    }
    let unknown =
        TestRequest::post().uri(&format!("{LIST}/nothing/pause")).insert_header(("X-API-Key", KEY));
    assert_eq!(ask(&api.state, unknown).await.status, 404);
}

#[actix_web::test]
async fn commands_need_the_key_and_a_process_that_writes() {
    let Some(api) = Api::that_writes(with_key()) else { return };
    for action in ["pause", "dry-run", "tune"] {
        let request = TestRequest::post().uri(&format!("{LIST}/{LAST_SEEN}/{action}"));
        assert_eq!(ask(&api.state, request).await.status, 401, "{action}");
    }
    assert_eq!(row(&api).await["state"], "pending");
    let Some(api) = Api::with(with_key()) else { return };
    let answer = post(&api, "pause", "").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("does not write"), "{}", answer.text());
}

#[actix_web::test]
async fn a_dry_run_is_answered_and_changes_nothing() {
    let Some(api) = Api::that_writes(with_key()) else { return };
    let answer = post(&api, "dry-run", "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["name"], LAST_SEEN);
    assert!(answer.json()["rowsSampled"].as_i64().unwrap() > 0);
    assert_eq!(row(&api).await["rowsProcessed"], 0);
}

#[actix_web::test]
async fn a_list_that_cannot_be_read_is_500_and_is_not_kept() {
    // 004-05, 004-22: an error is told and never cached.
    // 004-01, 004-04, 004-12; contract §2.5.
    let Some(api) = Api::over_fixture() else { return };
    api.execute("ALTER TABLE _async_migrations RENAME COLUMN status TO gone");
    let answer = api.get(LIST).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.text(), "{\"error\":\"readAsyncMigrations: internal error\"}\n");
    api.execute("ALTER TABLE _async_migrations RENAME COLUMN gone TO status");
    assert!(!api.json(LIST).await.as_array().unwrap().is_empty(), "the error was kept");
}

#[actix_web::test]
async fn the_books_are_read_at_most_every_five_seconds() {
    // 002-13 from the reading side: nobody makes the books be read more often.
    // 002-14, 004-03.
    let Some(api) = Api::with(Config::default()) else { return };
    let before = api.json(LIST).await.as_array().unwrap().len();
    api.execute("DELETE FROM _async_migrations");
    assert_eq!(api.json(LIST).await.as_array().unwrap().len(), before);
    api.clock.advance_ms(5_000);
    assert_eq!(api.get(LIST).await.text(), "[]\n", "empty, and no null");
}

#[actix_web::test]
async fn a_database_without_the_books_has_no_migrations() {
    let Some(api) = Api::over_fixture() else { return };
    api.execute("DROP TABLE _async_migrations");
    assert_eq!(api.get(LIST).await.text(), "[]\n");
}
