//! `/api/stats`, `/api/health`, `/api/healthz`.

use corescope::clock::Clock;
use corescope::config::Config;
use serde_json::{Value, json};

use crate::support::api::{Api, ask};
use crate::support::{check_json, data_file, keys_in_order};

/// Replaces figures of the process, after a look at them, so that the rest can be compared whole.
fn mask(body: &mut Value, paths: &[&str]) {
    for path in paths {
        let value = body.pointer_mut(path).unwrap_or_else(|| panic!("{path} is absent"));
        assert!(value.as_f64().is_some_and(|figure| figure > 0.0), "{path}: {value}");
        *value = json!("[positive]");
    }
}

#[actix_web::test]
async fn stats_have_the_fields_of_the_contract_in_its_order_and_count_the_database() {
    let Some(api) = Api::over_fixture() else { return };
    let mut stats = api.json("/api/stats").await;
    mask(&mut stats, &["/processRSSMB", "/goHeapInuseMB", "/goSysMB"]);
    check_json("stats", &stats);
    let Some(original) = data_file("original-responses/stats.json") else { return };
    let original = std::fs::read_to_string(original).unwrap();
    let theirs = keys_in_order(&original);
    assert_eq!(keys_in_order(api.get("/api/stats").await.text()), theirs);
    let original: Value = serde_json::from_str(&original).unwrap();
    for key in ["totalPackets", "totalTransmissions", "totalNodesAllTime", "totalObservers"] {
        assert_eq!(stats[key], original[key], "{key}");
    }
}

#[actix_web::test]
async fn stats_are_counted_at_most_every_ten_seconds() {
    let Some(api) = Api::over_fixture() else { return };
    assert_eq!(api.json("/api/stats").await["totalTransmissions"], 499);
    api.execute(
        "INSERT INTO transmissions (raw_hex, hash, first_seen) VALUES ('00', 'x', 't'); \
         INSERT INTO dropped_packets (reason) VALUES ('invalid signature');",
    );
    api.clock.advance_ms(9_999);
    let kept = api.json("/api/stats").await;
    assert_eq!((&kept["totalTransmissions"], kept.get("signatureDrops")), (&json!(499), None));
    api.clock.advance_ms(1);
    let counted = api.json("/api/stats").await;
    assert_eq!(counted["totalTransmissions"], 500);
    assert_eq!(counted["signatureDrops"], 1);
}

#[actix_web::test]
async fn only_what_was_seen_in_the_last_seven_days_is_active() {
    let Some(api) = Api::over_fixture() else { return };
    api.execute(
        "UPDATE nodes SET last_seen = '2026-05-10T18:10:00Z'; \
         UPDATE nodes SET last_seen = '2026-05-10T18:10:01Z' \
         WHERE rowid IN (SELECT rowid FROM nodes WHERE role = 'room' LIMIT 2);",
    );
    let stats = api.json("/api/stats").await;
    assert_eq!((&stats["totalNodes"], &stats["totalNodesAllTime"]), (&json!(2), &json!(200)));
    let roles = json!({ "companions": 0, "repeaters": 0, "rooms": 2, "sensors": 0 });
    assert_eq!(stats["counts"], roles);
}

#[actix_web::test]
async fn health_tells_of_the_process() {
    let Some(api) = Api::that_writes(Config::default()) else { return };
    api.clock.advance_ms(93_900_000);
    api.json("/api/packets").await;
    // Probes do not wait for the count; this does.
    api.state.counts().await.unwrap();
    let mut health = api.json("/api/health").await;
    let memory = ["/memory/rss", "/memory/heapUsed", "/memory/heapTotal"];
    mask(&mut health, &memory);
    mask(&mut health, &["/packetStore/estimatedMB"]);
    check_json("health", &health);
}

#[actix_web::test]
async fn healthz_is_ready_as_soon_as_the_database_is_open() {
    let closed = Api::closed(Config::default(), Clock::manual(0));
    let request = actix_web::test::TestRequest::get().uri("/api/healthz");
    let answer = ask(&closed, request).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.text(), "{\"ready\":false,\"reason\":\"loading\"}\n");
    let Some(mut api) = Api::over_fixture() else { return };
    check_json("healthz_before_migrations", &healthz_with_one_migration(&api).await);
    api.migrate();
    api.clock.advance_ms(10_000);
    check_json("healthz_after_migrations", &healthz_with_one_migration(&api).await);
}

/// Of the migrations only one: the list is the database's affair.
async fn healthz_with_one_migration(api: &Api) -> Value {
    let is_known = |healthz: &Value| !healthz["loadedTx"].is_null();
    let mut healthz = healthz_when(api, is_known).await;
    let migrations = healthz["async_migrations"].as_array_mut().unwrap();
    migrations.retain(|migration| migration["name"] == "tx_last_seen_backfill_v1");
    healthz
}

/// Probes once a second until something is known: a probe itself waits for no query.
async fn healthz_when(api: &Api, is_so: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..200 {
        let healthz = api.json("/api/healthz").await;
        let is_listed = healthz.get("async_migrations_error").is_none_or(|e| e == "internal error");
        if is_listed && is_so(&healthz) {
            return healthz;
        }
        api.clock.advance_ms(1_000);
    }
    panic!("healthz never told");
}

#[actix_web::test]
async fn probes_are_answered_while_every_reader_is_busy() {
    let Some(api) = Api::over_fixture() else { return };
    let known = healthz_when(&api, |healthz| !healthz["loadedTx"].is_null()).await;
    let readers = &api.state.ready().unwrap().readers;
    let (let_go, held) = crossbeam_channel::bounded::<()>(0);
    let mut busy: Vec<_> = (0..2)
        .map(|_| {
            let held = held.clone();
            Box::pin(readers.ask(move |_| Ok(held.recv().is_ok())))
        })
        .collect();
    for query in &mut busy {
        assert!(futures_util::poll!(query.as_mut()).is_pending());
    }
    api.clock.advance_ms(60_000);
    let now = api.json("/api/healthz").await;
    assert_eq!((&now["ready"], &now["loadedTx"]), (&json!(true), &known["loadedTx"]));
    assert_eq!(now["async_migrations"], known["async_migrations"]);
    assert_eq!(now.get("async_migrations_error"), None);
    assert_eq!(api.json("/api/health").await["packetStore"]["packets"], known["loadedTx"]);
    drop(let_go);
    for query in busy {
        query.await.unwrap();
    }
}

#[actix_web::test]
async fn healthz_without_the_table_of_migrations_has_none() {
    let Some(api) = Api::over_fixture() else { return };
    api.execute("DROP TABLE _async_migrations");
    let healthz = healthz_when(&api, |_| true).await;
    assert_eq!(healthz["async_migrations"], json!([]));
    assert_eq!(healthz["async_migrations_running"], false);
    assert_eq!(healthz.get("async_migrations_error"), None);
}

#[actix_web::test]
async fn healthz_fails_closed_when_the_migrations_cannot_be_read() {
    // 004-22: the banner stays up when nobody knows.
    let Some(api) = Api::over_fixture() else { return };
    api.execute("DROP TABLE _async_migrations; CREATE TABLE _async_migrations (x)");
    let healthz = healthz_when(&api, |_| true).await;
    assert_eq!(
        (&healthz["ready"], &healthz["async_migrations_running"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(healthz["async_migrations_error"], "internal error");
}
