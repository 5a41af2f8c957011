//! `/api/nodes`, `/api/observers`, `/api/channels` over the fixture.

use actix_web::http::StatusCode;
use corescope::config::Config;
use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::check_json;

const COLUMNS: &str = "public_key, name, role, lat, lon, last_seen, first_seen, advert_count";

fn names(body: &Value) -> Vec<&str> {
    body["nodes"].as_array().unwrap().iter().filter_map(|node| node["name"].as_str()).collect()
}

fn add_node(api: &Api, key: &str, name: &str, role: &str) {
    api.execute(&format!(
        "INSERT INTO nodes ({COLUMNS}) VALUES ('{key}', '{name}', '{role}', NULL, NULL, \
         '2026-05-17T18:00:00Z', '2026-05-01T00:00:00Z', 3)"
    ));
}

#[actix_web::test]
async fn the_list_and_one_node_have_the_fields_of_the_contract() {
    let Some(api) = Api::over_fixture() else { return };
    check_json("nodes", &api.json("/api/nodes?limit=3").await);
    let listed = api.json("/api/nodes?limit=1&role=repeater").await;
    let key = listed["nodes"][0]["public_key"].as_str().unwrap().to_owned();
    let detail = api.json(&format!("/api/nodes/{key}")).await;
    assert_eq!(detail["node"]["relay_window_hours"], 24);
    assert!(detail["node"]["flood_advert_count_7d"].is_number(), "{detail}");
    check_json("node_detail", &detail);
    let short = api.json(&format!("/api/nodes/{}", &key[..12].to_uppercase())).await;
    assert_eq!(short["node"]["public_key"], key.as_str());
}

#[actix_web::test]
async fn filters_come_before_the_page_and_the_total_counts_what_they_leave() {
    let config = Config {
        node_blacklist: vec![format!(" {} ", "AA".repeat(32))],
        hidden_name_prefixes: vec!["~".to_owned()],
        ..Config::default()
    };
    let Some(api) = Api::with(config) else { return };
    let all = api.json("/api/nodes?limit=1").await["total"].as_i64().unwrap();
    for (byte, name) in [("aa", "blocked"), ("bb", "~hidden"), ("cc", "50%_x"), ("dd", "500yx")] {
        add_node(&api, &byte.repeat(32), name, "sensor");
    }
    let body = api.json("/api/nodes?limit=1").await;
    assert_eq!(body["total"], all + 2);
    assert_eq!(body["nodes"].as_array().unwrap().len(), 1);
    let found = api.json("/api/nodes?search=0%25_").await;
    assert_eq!((names(&found), &found["total"]), (vec!["50%_x"], &json!(1)));
    assert_eq!(names(&api.json("/api/nodes/search?q=50%25_X").await), ["50%_x"]);
    assert_eq!(names(&api.json("/api/nodes/search?q=%20dddd").await), ["500yx"]);
    assert_eq!(api.json("/api/nodes/search?q=%20").await, json!({"nodes": []}));
    for hidden in ["aa", "bb"] {
        let answer = api.get(&format!("/api/nodes/{}", hidden.repeat(32))).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{hidden}");
    }
    let body = api.json("/api/nodes?role=sensor&sortBy=name&lastHeard=1h").await;
    assert_eq!(names(&body), ["500yx", "50%_x"]);
    assert_eq!(api.json("/api/nodes?lastHeard=soon&limit=1").await["total"], all + 2);
    assert_eq!(api.json("/api/nodes?offset=-4&limit=-1").await["total"], all + 2);
    assert_eq!(api.json("/api/nodes?offset=99999").await["nodes"], json!([]));
    assert_eq!(api.json("/api/nodes?region=XXX").await["total"], 0, "an unknown region");
    assert_eq!(api.json("/api/nodes?region=all&limit=1").await["total"], all + 2);
}

#[actix_web::test]
async fn the_beginning_of_a_key_must_be_long_hex_and_name_one_node() {
    let Some(api) = Api::over_fixture() else { return };
    add_node(&api, &format!("abcdef01{}", "0".repeat(56)), "one", "room");
    add_node(&api, &format!("abcdef01{}", "1".repeat(56)), "two", "room");
    let status = async |key: &str| api.get(&format!("/api/nodes/{key}")).await.status;
    assert_eq!(status("abcdef01").await, StatusCode::CONFLICT);
    assert_eq!(status("abcdef011").await, StatusCode::OK);
    for none in ["abcdef0", "abcdefgh", "%00", "abcdef012", "%27%20OR%201=1--"] {
        assert_eq!(status(none).await, StatusCode::NOT_FOUND, "{none}");
    }
}

#[actix_web::test]
async fn observers_are_listed_without_the_inactive_and_their_age_is_said() {
    let Some(api) = Api::over_fixture() else { return };
    let answer = api.get("/api/observers").await;
    assert_eq!(answer.header("x-cache-age-seconds"), Some("0"));
    let body = answer.json();
    check_json("observers", &json!([body["observers"][0], body["server_time"]]));
    let count = body["observers"].as_array().unwrap().len();
    let id = body["observers"][0]["id"].as_str().unwrap().to_owned();
    api.execute(&format!("UPDATE observers SET inactive = 1 WHERE id = '{id}'"));
    api.clock.advance_ms(10_000);
    let kept = api.get("/api/observers").await;
    assert_eq!(kept.header("x-cache-age-seconds"), Some("10"));
    assert_eq!(kept.json()["observers"].as_array().unwrap().len(), count);
    let fresh = api.get("/api/observers?now").await;
    assert_eq!(fresh.header("x-cache-age-seconds"), None);
    assert_eq!(fresh.json()["observers"].as_array().unwrap().len(), count - 1);
    let one = api.json(&format!("/api/observers/{id}")).await;
    assert_eq!((&one["id"], &one["lat"]), (&json!(id), &Value::Null));
    let other_case = api.get(&format!("/api/observers/{}", id.to_lowercase())).await;
    assert_eq!(other_case.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn a_naive_clock_is_forgotten_after_a_day() {
    let Some(api) = Api::over_fixture() else { return };
    api.execute(
        "INSERT INTO observers (id, clock_skew_seconds, clock_skew_count_24h, \
         clock_last_naive_at) VALUES ('off', 3600, 7, '2026-05-16T18:10:00Z')",
    );
    let clock = |body: &Value| {
        ["clock_naive", "clock_skew_seconds", "clock_skew_count_24h", "clock_last_naive_at"]
            .map(|key| body[key].clone())
    };
    let at = json!("2026-05-16T18:10:00Z");
    let body = api.json("/api/observers/off").await;
    assert_eq!(clock(&body), [json!(true), json!(3600), json!(7), at]);
    api.clock.advance_ms(1_000);
    let body = api.json("/api/observers/off").await;
    assert_eq!(clock(&body), [json!(false), Value::Null, json!(0), Value::Null]);
}

#[actix_web::test]
async fn channels_and_messages_are_those_of_the_texts() {
    let Some(api) = Api::over_fixture() else { return };
    check_json("channels", &api.json("/api/channels").await);
    let all = api.json("/api/channels?includeEncrypted=true").await;
    let all = all["channels"].as_array().unwrap();
    let encrypted = all.iter().position(|row| row["encrypted"] == true).unwrap();
    assert!(all[..encrypted].iter().all(|row| row.get("encrypted").is_none()));
    assert!(all[encrypted]["name"].as_str().unwrap().starts_with("Encrypted (0x"));
    for channel in all {
        let hash = channel["hash"].as_str().unwrap().replace('#', "%23");
        let body = api.json(&format!("/api/channels/{hash}/messages?limit=500")).await;
        assert_eq!(body["total"], channel["messageCount"], "{hash}");
    }
    let page = api.json("/api/channels/%23test/messages?limit=2&offset=1").await;
    check_json("channel_messages", &page);
    let messages = page["messages"].as_array().unwrap();
    assert!(messages[0]["timestamp"].as_str() <= messages[1]["timestamp"].as_str());
    let none = api.json("/api/channels/nobody/messages").await;
    assert_eq!(none, json!({"messages": [], "total": 0}));
    let elsewhere = api.json("/api/channels?region=XXX").await;
    assert_eq!(elsewhere, json!({"channels": []}));
}

#[actix_web::test]
async fn odd_rows_are_shown_as_far_as_they_can_be_read() {
    let Some(api) = Api::over_fixture() else { return };
    api.execute(
        "INSERT INTO nodes (public_key, name, advert_count, lat) \
         VALUES ('FEED', x'ff00', 'many', 'north'); \
         INSERT INTO observers (id, noise_floor, battery_mv, last_seen) \
         VALUES ('odd', 'loud', 1e300, '9'); \
         INSERT INTO transmissions (raw_hex, hash, first_seen, payload_type, decoded_json, \
         channel_hash) VALUES ('zz', 'odd', '9', 5, '{\"text\": 5', '#odd')",
    );
    let node = api.json("/api/nodes?search=&sortBy=name&limit=1").await;
    assert_eq!(node["nodes"][0]["public_key"], "feed");
    assert_eq!(node["nodes"][0]["lat"], Value::Null);
    let observer = api.json("/api/observers/odd").await;
    assert_eq!((&observer["noise_floor"], &observer["packetsLastHour"]), (&Value::Null, &json!(0)));
    let body = api.json("/api/channels/%23odd/messages").await;
    assert_eq!(body, json!({"messages": [], "total": 1}));
}
