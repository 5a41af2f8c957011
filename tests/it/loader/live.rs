//! What is written while the window is loaded and after: no answer is older than the database.

use std::sync::Arc;

use corescope::config::Config;
use corescope::store::Floor;
use serde_json::json;

use super::faults::Gate;
use super::{Loading, PATIENCE, count, pass_time, rules, wait_until};
use crate::support::api::{Api, ask};

async fn post(api: &Api, number: u32) -> String {
    let mut frame = hex::decode("1500").unwrap();
    frame.extend(number.to_be_bytes());
    frame.extend([7; 20]);
    let body = json!({ "hex": hex::encode(frame) }).to_string();
    let request = actix_web::test::TestRequest::post()
        .uri("/api/packets")
        .insert_header(("x-api-key", crate::support::api::KEY))
        .set_payload(body);
    let answer = ask(&api.state, request).await;
    assert!(answer.status.is_success(), "{}", answer.text());
    let answer = answer.json();
    answer["hash"].as_str().map(str::to_owned).unwrap_or_else(|| answer.to_string())
}

fn writing() -> Option<Api> {
    let config = Config { api_key: crate::support::api::with_key().api_key, ..Config::default() };
    Api::that_writes(config)
}

#[actix_web::test]
async fn who_was_told_that_a_packet_is_stored_finds_it_in_the_next_list() {
    let Some(api) = writing() else { return };
    let loading = Loading::start(&api, rules(0, 0));
    for number in 0..40 {
        let before = api.json("/api/packets?limit=1").await["total"].as_i64().unwrap();
        post(&api, number).await;
        let list = api.json("/api/packets?limit=1").await;
        assert_eq!(list["total"], before + 1, "packet {number}");
        // What is current shows it too.
        if let Some(snapshot) = api.state.window.current()
            && snapshot.floor() == Floor::Everything
        {
            assert_eq!(snapshot.transmissions() as i64, count(&api, "transmissions"));
        }
    }
    loading.loader.stop(PATIENCE).await;
}

/// Receptions before, between and after every step of a load.
#[actix_web::test]
async fn receptions_during_a_load_are_all_in_and_none_twice() {
    let Some(api) = writing() else { return };
    let gate = Gate::default();
    let loading = Loading::start_over(&api, rules(24, 0), |source| gate.before(source));
    for number in 0..60 {
        post(&api, number % 50).await;
        gate.let_through(1);
    }
    gate.open();
    loading.settled().await;
    wait_until(|| api.state.window.current().is_some()).await;
    let snapshot = api.state.window.latest();
    assert_eq!(snapshot.floor(), Floor::Everything);
    assert_eq!(snapshot.transmissions() as i64, count(&api, "transmissions"));
    assert_eq!(snapshot.observations() as i64, count(&api, "observations"));
    loading.loader.stop(PATIENCE).await;
}

/// The original may write beside us: what it stores is seen at the next look.
#[actix_web::test]
async fn rows_of_another_program_are_seen_within_a_look_and_kept_lists_with_them() {
    let Some(mut api) = Api::over_fixture() else { return };
    api.migrate();
    let loading = Loading::start(&api, rules(0, 0));
    loading.settled().await;
    wait_until(|| api.state.window.version().is_some()).await;
    let before = api.json("/api/packets?limit=1").await["total"].as_i64().unwrap();
    api.execute(
        "INSERT INTO transmissions (raw_hex, hash, first_seen) \
         VALUES ('00', 'feedfeedfeedfeed', '2026-05-17T18:10:00Z');
         INSERT INTO observations (transmission_id, timestamp) \
         SELECT id, 1779041400 FROM transmissions WHERE hash = 'feedfeedfeedfeed'",
    );
    let window = Arc::clone(&api.state.window);
    let held = window.latest().transmissions();
    pass_time(&api, 600, || window.latest().transmissions() == held + 1).await;
    assert_eq!(api.json("/api/packets?limit=1").await["total"], before + 1);
    loading.loader.stop(PATIENCE).await;
}
