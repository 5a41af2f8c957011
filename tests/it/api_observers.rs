//! `GET /api/observers` and `/api/observers/{id}`.

use corescope::config::{Config, IngestConfig};
use serde_json::{Value, json};

use crate::support::api::{Api, NOW_MS};
use crate::support::{check_json, keys_in_order};

const KENNEDY: &str = "D5EF2ED77CEABCB22082F8794D5F9D89F2257E70533863E924DEBE6EBDDA312A";

fn observers(list: &Value) -> &Vec<Value> {
    list["observers"].as_array().unwrap()
}

const KEYS: [&str; 24] = [
    "id",
    "name",
    "iata",
    "last_seen",
    "first_seen",
    "packet_count",
    "model",
    "firmware",
    "client_version",
    "radio",
    "battery_mv",
    "uptime_secs",
    "noise_floor",
    "last_packet_at",
    "packetsLastHour",
    "lat",
    "lon",
    "nodeRole",
    "clock_naive",
    "clock_skew_seconds",
    "clock_skew_count_24h",
    "clock_last_naive_at",
    "can_relay",
    "server_time",
];

#[actix_web::test]
async fn observers_have_exactly_the_keys_of_the_contract_in_its_order() {
    let Some(api) = Api::over_fixture() else { return };
    api.execute(&format!(
        "UPDATE observers SET can_relay_seen = 1, can_relay = 0 WHERE id = '{KENNEDY}'; \
         DELETE FROM observers WHERE id <> '{KENNEDY}'"
    ));
    let list = api.get("/api/observers").await;
    let expected = std::iter::once("observers").chain(KEYS);
    assert!(keys_in_order(list.text()).iter().map(String::as_str).eq(expected), "{}", list.text());
    check_json("observers", &list.json());
    let detail = api.get(&format!("/api/observers/{KENNEDY}")).await;
    assert!(keys_in_order(detail.text()).iter().map(String::as_str).eq(KEYS[..23].iter().copied()));
    let (mut one, detail) = (list.json()["observers"][0].clone(), detail.json());
    assert_eq!(one["nodeRole"], "repeater");
    for field in ["lat", "lon", "nodeRole"] {
        one[field] = Value::Null;
    }
    assert_eq!(one, detail, "without the place of its node");
}

#[actix_web::test]
async fn the_list_is_kept_for_half_a_minute_unless_there_is_a_query() {
    let Some(api) = Api::over_fixture() else { return };
    let age = async |uri: &str| {
        let answer = api.get(uri).await;
        let age = answer.header("x-cache-age-seconds").map(str::to_owned);
        (age, observers(&answer.json()).len(), answer.json()["server_time"].clone())
    };
    assert_eq!(age("/api/observers").await, (Some("0".into()), 31, json!("2026-05-17T18:10:00Z")));
    api.execute("DELETE FROM observers WHERE rowid % 2");
    let left = observers(&api.json("/api/observers?x").await).len();
    assert!(left < 31);
    api.clock.advance_ms(29_900);
    let kept = (Some("29".into()), 31, json!("2026-05-17T18:10:00Z"));
    assert_eq!(age("/api/observers").await, kept);
    assert_eq!(age("/api/observers?fresh=1").await, (None, left, json!("2026-05-17T18:10:29Z")));
    api.clock.advance_ms(100);
    let new = (Some("0".into()), left, json!("2026-05-17T18:10:30Z"));
    assert_eq!(age("/api/observers").await, new);
}

#[actix_web::test]
async fn what_is_known_of_a_clock_is_forgotten_after_a_day() {
    let Some(api) = Api::over_fixture() else { return };
    let day_ago = NOW_MS - 86_400_000;
    let iso = |ms: i64| corescope::clock::iso_ms(ms);
    let cases = [
        (iso(day_ago), true),
        (iso(day_ago - 1), false),
        (iso(NOW_MS + 5_000), true),
        ("2026-05-17T18:00:00Z".to_owned(), true),
        ("yesterday".to_owned(), false),
        (String::new(), false),
    ];
    for (naive_at, is_known) in cases {
        api.execute(&format!(
            "UPDATE observers SET clock_last_naive_at = '{naive_at}', clock_skew_seconds = -7200, \
             clock_skew_count_24h = 3 WHERE id = '{KENNEDY}'"
        ));
        let one = api.json(&format!("/api/observers/{KENNEDY}")).await;
        let clock = json!([
            one["clock_naive"],
            one["clock_skew_seconds"],
            one["clock_skew_count_24h"],
            one["clock_last_naive_at"]
        ]);
        let expected = match is_known {
            true => json!([true, -7200, 3, naive_at]),
            false => json!([false, null, 0, null]),
        };
        assert_eq!(clock, expected, "{naive_at}");
    }
}

#[actix_web::test]
async fn the_blacklist_and_inactivity_hide_and_one_is_asked_for_by_its_exact_id() {
    let ingest = IngestConfig {
        observer_blacklist: vec![format!(" {} ", KENNEDY.to_lowercase())],
        ..IngestConfig::default()
    };
    let Some(api) = Api::with(Config { ingest, ..Config::default() }) else { return };
    let inactive = "1E598D0F11783A33C04D701FF3151FD8D8C0A96686D88267DF70993F59EF760C";
    api.execute(&format!("UPDATE observers SET inactive = 1 WHERE id = '{inactive}'"));
    let list = api.json("/api/observers").await;
    assert_eq!(observers(&list).len(), 29);
    let last_seen: Vec<_> = observers(&list).iter().map(|o| o["last_seen"].as_str()).collect();
    assert!(last_seen.iter().rev().is_sorted());
    let lower = inactive.to_lowercase();
    let cases = [
        (inactive, 200),
        (lower.as_str(), 404),
        (KENNEDY, 404),
        ("kpabap", 200),
        ("KPABAP", 404),
        ("%00", 404),
        ("%25", 404),
        ("%ff", 404),
    ];
    for (id, status) in cases {
        let answer = api.get(&format!("/api/observers/{id}")).await;
        assert_eq!(answer.status, status, "{id}");
        if status == 404 {
            assert_eq!(answer.json(), json!({ "error": "Observer not found" }), "{id}");
        }
    }
}

#[actix_web::test]
async fn receptions_of_the_last_hour_are_the_same_with_and_without_their_index() {
    let Some(mut api) = Api::over_fixture() else { return };
    // Duplicates count until they are merged: the fixture has one.
    api.execute(
        "DELETE FROM observations WHERE id = 294; \
         INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
         SELECT 500, rowid, '[\"hour\"]', 1779041400 - 3600 + rowid % 3 FROM observers",
    );
    let hours = async |api: &Api| {
        let list = api.json("/api/observers?now").await;
        let rows = observers(&list).iter();
        rows.map(|o| (o["id"].to_string(), o["packetsLastHour"].as_i64())).collect::<Vec<_>>()
    };
    let before = hours(&api).await;
    assert!(before.iter().any(|(_, count)| *count > Some(0)));
    let id = before[0].0.trim_matches('"').to_owned();
    let one = api.json(&format!("/api/observers/{id}")).await;
    assert_eq!(one["packetsLastHour"].as_i64(), before[0].1);
    api.migrate();
    assert_eq!(hours(&api).await, before);
}

#[actix_web::test]
async fn twenty_thousand_observers_with_odd_values_are_listed() {
    let Some(api) = Api::over_fixture() else { return };
    api.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
         INSERT INTO observers (id, name, packet_count, noise_floor, battery_mv, uptime_secs) \
         SELECT 'junk' || i, CAST(x'fe' AS TEXT), 'x', 'loud', 1.5, 9223372036854775807 FROM n; \
         INSERT INTO observers (id) VALUES (NULL);",
    );
    let list = api.json("/api/observers").await;
    assert_eq!(observers(&list).len(), 20_032);
    let junk = observers(&list).iter().find(|o| o["id"] == "junk7").unwrap();
    let shown = json!([
        junk["name"],
        junk["packet_count"],
        junk["noise_floor"],
        junk["battery_mv"],
        junk["last_seen"]
    ]);
    assert_eq!(shown, json!(["\u{fffd}", 0, null, null, null]));
    assert_eq!(junk["uptime_secs"], i64::MAX);
}
