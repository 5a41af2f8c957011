//! Bodies, parameters and lifetimes over the fixture.

use corescope::config::{Area, Config, Shape};
use corescope::db::analytics::MIGRATION;
use serde_json::{Value, json};

use super::naive::{Question, Rows};
use crate::support::api::{Api, NOW_MS};
use crate::support::{check_json, keys_in_order};

const RF: &str = "/api/analytics/rf";
const SIZES: &str = "/api/analytics/hash-sizes";

fn with_area() -> Config {
    let bounds = Shape::Bounds { lat_min: 37.0, lat_max: 37.5, lon_min: -123.0, lon_max: -121.0 };
    let mut config = Config::default();
    config.areas.insert("BAY".to_owned(), Area { label: "Bay".to_owned(), shape: bounds });
    config
}

/// Long lists are cut, after a look at their length.
fn cut(mut body: Value, lists: &[(&str, usize)]) -> Value {
    for (pointer, length) in lists {
        let list = body.pointer_mut(pointer).unwrap().as_array_mut().unwrap();
        assert_eq!(list.len(), *length, "{pointer}");
        list.truncate(3);
    }
    body
}

#[actix_web::test]
async fn the_bodies_have_the_fields_of_the_contract_sorted() {
    let Some(mut api) = Api::over_fixture() else { return };
    api.migrate();
    api.execute(
        "UPDATE observations SET snr = (id % 41) / 4.0 - 2, rssi = -120 + id % 50; \
         UPDATE observations SET snr = NULL WHERE id % 9 = 0",
    );
    let rf = cut(api.json(RF).await, &[("/scatterData", 444)]);
    check_json("analytics_rf", &rf);
    let sizes = cut(api.json(SIZES).await, &[("/topHops", 50), ("/multiByteCapability", 200)]);
    check_json("analytics_hash_sizes", &sizes);
    for uri in [RF, SIZES] {
        let answer = api.get(uri).await;
        let body: Value = answer.json();
        let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
        let mut written = keys_in_order(answer.text());
        written.retain(|key| keys.contains(&key));
        written.dedup();
        assert!(answer.text().ends_with("}\n"));
        assert!(keys.iter().all(|key| written.contains(key)));
    }
}

/// Every field of every list, before and after migrations: as the contract words them (§4.7), from
/// the rows. `lastSeen` of a node's capability is that of its row, as in `/api/nodes`; that of
/// `multiByteNodes` is the time of its latest advert.
#[actix_web::test]
async fn sizes_of_the_fixture_are_those_of_its_rows() {
    let Some(mut api) = Api::over_fixture() else { return };
    for is_migrated in [false, true] {
        if is_migrated {
            api.migrate();
            // What was kept is too old.
            api.clock.advance_ms(600_000);
        }
        let path = api.folder.path().join("meshcore.db");
        let rows = Rows::read(&rusqlite::Connection::open(path).unwrap());
        for (query, regions) in [("", vec![]), ("?region=SJC", vec!["SJC".to_owned()])] {
            let question = Question { regions, ..Question::default() };
            let sizes = api.json(&format!("{SIZES}{query}")).await;
            let at = format!("migrated: {is_migrated}, {query}");
            super::assert_alike(&sizes, &rows.hash_sizes(&question), &at);
        }
        let listed = api.json("/api/nodes?limit=1000").await;
        let listed = listed["nodes"].as_array().unwrap();
        let sizes = api.json(SIZES).await;
        let known = sizes["multiByteCapability"].as_array().unwrap();
        assert_eq!(known.len(), listed.len());
        for one in known {
            let node = listed.iter().find(|node| node["public_key"] == one["pubkey"]).unwrap();
            let told = [&one["lastSeen"], &one["role"]];
            assert_eq!(told, [&node["last_seen"], &node["role"]], "{one}");
        }
    }
}

#[actix_web::test]
async fn regions_areas_and_windows_narrow_and_what_is_unknown_does_not() {
    let Some(mut api) = Api::with(with_area()) else { return };
    api.migrate();
    let total = async |query: &str| {
        let body = api.json(&format!("{RF}{query}")).await;
        body["totalTransmissions"].as_u64().unwrap()
    };
    let all = total("").await;
    assert_eq!(all, 499);
    for unknown in ["?region=XXX", "?region=All", "?area=nowhere", "?window=5h", "?from=soon"] {
        assert_eq!(total(unknown).await, all, "{unknown}");
    }
    let [sjc, oak] = [total("?region=sjc").await, total("?region=OAK").await];
    assert!(0 < sjc && sjc < all && 0 < oak && oak < all);
    assert!(total("?region=OAK,SJC").await <= sjc + oak);
    let area = total("?area=BAY").await;
    assert!(0 < area && area < 102, "adverts only: {area}");
    let late = total("?window=1h").await;
    let early = total("?to=2026-05-17T17:10:00Z").await;
    assert!(0 < late && late < all && early > 0);
    let from = corescope::clock::iso_ms(NOW_MS - 3_600_000);
    assert_eq!(total(&format!("?window=30d&from={from}")).await, late, "from wins");
}

#[actix_web::test]
async fn the_default_shape_is_kept_as_configured_and_others_for_a_minute() {
    let Some(mut api) = Api::over_fixture() else { return };
    api.migrate();
    let total = async |query: &str| {
        api.json(&format!("{RF}{query}")).await["totalTransmissions"].as_u64().unwrap()
    };
    let (all, sjc) = (total("").await, total("?region=SJC").await);
    api.execute("DELETE FROM observations; DELETE FROM transmissions");
    api.clock.advance_ms(59_999);
    assert_eq!((total("").await, total("?region=SJC").await), (all, sjc));
    api.clock.advance_ms(1);
    assert_eq!((total("").await, total("?region=SJC").await), (all, 0));
    api.clock.advance_ms(240_000);
    assert_eq!(total("").await, 0);
}

#[actix_web::test]
async fn hidden_nodes_are_not_named() {
    let Some(mut api) = Api::over_fixture() else { return };
    api.migrate();
    let seen = api.json(SIZES).await;
    let node = &seen["multiByteNodes"][0];
    let (key, name) = (node["pubkey"].as_str().unwrap(), node["name"].as_str().unwrap());
    let by_key = Config { node_blacklist: vec![key.to_uppercase()], ..Config::default() };
    let by_name = Config { hidden_name_prefixes: vec![name.to_owned()], ..Config::default() };
    for config in [by_key, by_name] {
        let Some(mut api) = Api::with(config) else { return };
        api.migrate();
        let text = api.get(SIZES).await.text().to_owned();
        assert!(!text.contains(key));
    }
}

#[actix_web::test]
async fn an_empty_database_has_figures_too() {
    let Some(api) = Api::over_fixture() else { return };
    api.execute("DELETE FROM observations; DELETE FROM transmissions; DELETE FROM nodes");
    let rf = api.json(RF).await;
    assert_eq!(rf["snr"], json!({ "avg": 0, "max": 0, "median": 0, "min": 0, "stddev": 0 }));
    assert_eq!(rf["packetSizes"], json!({ "bins": [], "max": 0, "min": 0 }));
    assert_eq!((&rf["payloadTypes"], &rf["totalPackets"]), (&json!([]), &json!(0)));
    let sizes = api.json(SIZES).await;
    assert_eq!(sizes["multiByteCapability"], Value::Null);
    assert_eq!(sizes["distributionByRepeaters"], json!({ "1": 0, "2": 0, "3": 0 }));
}

#[actix_web::test]
async fn who_may_not_write_answers_exactly_or_says_what_is_missing() {
    let server = Config { role: corescope::config::Role::Server, ..Config::default() };
    let Some(api) = Api::with(server) else { return };
    // As the original's ingestor leaves it: there are no tables of ours.
    api.execute(
        "DROP TABLE _analytics_blocks; DROP TABLE _analytics_stale; DROP TABLE _analytics_reach; \
         DROP TRIGGER _analytics_observation_changed; \
         DROP TRIGGER _analytics_observation_removed; \
         DROP TRIGGER _analytics_transmission_changed; \
         DROP TRIGGER _analytics_transmission_removed; DELETE FROM _async_migrations",
    );
    assert_eq!(api.json(RF).await["totalTransmissions"], 499, "a small one is read whole");
    api.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) \
         INSERT INTO transmissions (id, raw_hex, hash, first_seen) \
         SELECT 10000 + i * 64, '15', 'more' || i, '2026-05-17T16:05:57Z' FROM n",
    );
    api.clock.advance_ms(600_000);
    let answer = api.get(RF).await;
    assert_eq!((answer.status.as_u16(), answer.header("Retry-After")), (503, Some("5")));
    assert!(answer.text().contains("a corescope makes that writes it"), "{}", answer.text());
}

/// Nothing partial is shown (decision 30): what is said instead is how far it is, in the body, and in
/// the list of what a process is still doing.
#[actix_web::test]
async fn a_large_database_of_another_program_is_warming_up_until_digests_are_made() {
    let Some(mut api) = Api::over_fixture() else { return };
    api.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) \
         INSERT INTO transmissions (id, raw_hex, hash, first_seen) \
         SELECT 10000 + i * 64, '15', 'more' || i, '2026-05-17T16:05:57Z' FROM n",
    );
    // Rows done and in all since a minute; who waits is to come again when it should be done.
    let moments = [(None, 5), (Some((600, 900)), 30), (Some((9, 900)), 30), (Some((890, 900)), 1)];
    for (progress, retry_after_s) in moments {
        api.clock.advance_ms(1_000);
        if let Some((done, total)) = progress {
            let started = corescope::clock::iso_s(api.clock.now_s() - 60);
            api.execute(&format!(
                "UPDATE _async_migrations SET started_at = '{started}', rows_processed = {done}, \
                 rows_total = {total} WHERE name = '{MIGRATION}'"
            ));
        }
        api.state.migrations().await.unwrap();
        let healthz = api.json("/api/healthz").await;
        let tasks = healthz["pending_warmup_tasks"].as_array().unwrap();
        let task = tasks.iter().find(|task| task["name"] == MIGRATION).unwrap();
        assert_eq!(task["kind"], "migration");
        if let Some((done, total)) = progress {
            assert_eq!((&task["rowsProcessed"], &task["rowsTotal"]), (&json!(done), &json!(total)));
        }
        let state = task["state"].as_str().unwrap();
        let progress = progress.map(|(done, total)| format!(", {done} of {total} rows"));
        let progress = progress.unwrap_or_default();
        for uri in [RF, SIZES] {
            let answer = api.get(uri).await;
            let body = json!({
                "error": format!("analytics warming up: {state}{progress}"),
                "retry_after_s": retry_after_s, "task": task,
            });
            assert_eq!((answer.status.as_u16(), answer.json()), (503, body));
            assert_eq!(answer.header("Retry-After"), Some(retry_after_s.to_string().as_str()));
        }
    }
    api.migrate();
    super::refresh(&mut api.database.as_mut().unwrap().writer, 5_000);
    assert_eq!(api.json(RF).await["totalTransmissions"], 899, "an error is not kept");
    api.json(SIZES).await;
}
