//! `GET /api/packets` and `/api/packets/timestamps`.

use serde_json::{Value, json};

use crate::support::api::{Api, ask};
use crate::support::{check_json, data_file};

fn ids(list: &Value) -> Vec<i64> {
    list["packets"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

fn total(list: &Value) -> i64 {
    list["total"].as_i64().unwrap()
}

#[actix_web::test]
async fn the_first_page_is_what_the_original_answers() {
    let Some(api) = Api::over_fixture() else { return };
    let Some(original) = data_file("original-responses/packets.json") else { return };
    let original: Value = serde_json::from_slice(&std::fs::read(original).unwrap()).unwrap();
    let ours = api.json("/api/packets").await;
    for key in ["total", "limit", "offset"] {
        assert_eq!(ours[key], original[key], "{key}");
    }
    // The original ran on a copy whose times had been moved.
    let moved = ["first_seen", "timestamp"];
    // Five rows of the original's page were kept.
    assert_eq!((rows(&ours).len(), rows(&original).len()), (50, 5));
    for (mut ours, mut theirs) in rows(&ours).into_iter().zip(rows(&original)) {
        for key in moved {
            assert!(ours[key].is_string() && theirs[key].is_string());
            ours[key] = Value::Null;
            theirs[key] = Value::Null;
        }
        assert_eq!(ours, theirs);
    }
}

fn rows(list: &Value) -> Vec<Value> {
    list["packets"].as_array().unwrap().clone()
}

#[actix_web::test]
async fn rows_of_all_three_views_have_exactly_the_keys_of_the_contract() {
    let Some(api) = Api::over_fixture() else { return };
    check_json("packets_plain", &api.json("/api/packets?limit=2").await);
    check_json("packets_expanded", &api.json("/api/packets?limit=1&expand=observations").await);
    check_json("packets_grouped", &api.json("/api/packets?limit=2&groupByHash=true").await);
    let nodes = "/api/packets?limit=1&nodes=LAb7,%20,1000009e310d729534b70faa33a1abe5cd5e45d594f72f786febccbb770b7e74";
    check_json("packets_of_nodes", &api.json(nodes).await);
}

#[actix_web::test]
async fn keys_are_sorted_and_the_body_ends_with_a_line_feed() {
    let Some(api) = Api::over_fixture() else { return };
    let answer = api.get("/api/packets?limit=1").await;
    let text = answer.text();
    assert!(text.starts_with(r#"{"packets":[{"_parsedPath":["DA2A","#), "{text}");
    assert!(text.ends_with("],\"total\":499,\"limit\":1,\"offset\":0}\n"), "{text}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// Every filter, alone, before and after the migrations: the same rows.
#[actix_web::test]
async fn answers_are_the_same_before_and_after_every_migration() {
    let Some(mut api) = Api::over_fixture() else { return };
    let queries = [
        "limit=500&expand=observations",
        "limit=500&groupByHash=true",
        "limit=500&channel=Public",
        "limit=500&channel=public",
        "limit=500&channel=enc_D9",
        "limit=500&node=LAb7",
        "limit=500&type=4",
        "limit=500&region=SJC",
        "limit=100&offset=450",
    ];
    let mut before = Vec::new();
    for query in queries {
        before.push(api.json(&format!("/api/packets?{query}")).await);
    }
    api.migrate();
    for (query, before) in queries.into_iter().zip(before) {
        let after = api.json(&format!("/api/packets?{query}")).await;
        assert_eq!(before, after, "{query}");
    }
}

#[actix_web::test]
async fn columns_that_no_backfill_has_reached_are_computed() {
    let Some(api) = Api::over_fixture() else { return };
    let queries = ["channel=%23test", "channel=Public", "channel=enc_D9", "node=LAb7"];
    let query = |query: &str| format!("/api/packets?limit=500&{query}");
    let mut filled = Vec::new();
    for filter in queries {
        filled.push(api.json(&query(filter)).await);
    }
    api.execute("UPDATE transmissions SET from_pubkey = NULL, channel_hash = NULL");
    for (filter, filled) in queries.into_iter().zip(filled) {
        assert!(total(&filled) > 0, "{filter}");
        assert_eq!(api.json(&query(filter)).await, filled, "{filter}");
    }
}

#[actix_web::test]
async fn a_region_that_hears_nearly_everything_has_the_same_rows() {
    let Some(mut api) = Api::over_fixture() else { return };
    api.migrate();
    let before = api.json("/api/packets?limit=500&region=SJC").await;
    // So many receptions that they are no longer looked up one by one.
    api.execute(
        "INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200001) \
         SELECT 500, (SELECT rowid FROM observers WHERE iata = 'SJC' LIMIT 1), '[\"' || i || '\"]', \
         1779041000 FROM n;",
    );
    let after = api.json("/api/packets?limit=1&region=SJC&order=asc").await;
    assert_eq!(total(&after), total(&before) + 1);
    assert_eq!(rows(&after)[0]["id"], rows(&before).last().unwrap()["id"]);
}

#[actix_web::test]
async fn a_duplicate_observation_is_shown_once_before_it_is_merged() {
    let Some(api) = Api::over_fixture() else { return };
    // Transmission 85 is held twice for the same observer and path (observations 85 and 294).
    let detail = api.json("/api/packets/85").await;
    assert_eq!(detail["observation_count"], 1);
    assert_eq!(detail["packet"]["observation_count"], 1);
    assert_eq!(detail["observations"][0]["id"], 85);
}

#[actix_web::test]
async fn filters_keep_what_they_say() {
    let Some(api) = Api::over_fixture() else { return };
    let observer = "5B9839E58AE312ECC8624A8F374CF57A1B5B631FB00EC0124C9AB9DE2BE9F229";
    let cases = [
        ("type=4".to_owned(), 102),
        ("type=5".to_owned(), 166),
        ("type=5&route=2".to_owned(), 1),
        ("route=2".to_owned(), 134),
        ("hash=E26AD9DFA1AC3F7E".to_owned(), 1),
        ("hash=0000000000000000".to_owned(), 0),
        ("channel=%23test".to_owned(), 35),
        ("channel=Public".to_owned(), 13),
        ("channel=nowhere".to_owned(), 0),
        ("channel=enc_D9".to_owned(), 37),
        ("observer=nobody".to_owned(), 0),
        ("region=XXX".to_owned(), 0),
        ("region=oAk".to_owned(), 197),
        ("region=%20sFo%20,,xxx".to_owned(), 98),
        ("region=MRY,SJC".to_owned(), 80 + 124),
        ("region=All".to_owned(), 499),
        ("region=xxx,all".to_owned(), 499),
        ("area=unknown".to_owned(), 499),
        ("type=".to_owned(), 499),
        ("since=2026-05-17T18:13:27Z".to_owned(), 0),
        ("since=2026-05-17T18:13:26Z".to_owned(), 1),
        ("since=2026-05-17T18:13:26%2B00:00".to_owned(), 1),
        ("since=2026-05-17T20:13:26+02:00".to_owned(), 1),
        ("since=2026-05-17".to_owned(), 499),
        ("until=2026-05-17".to_owned(), 0),
        ("since=2026-05-17T18:14".to_owned(), 0),
        ("until=2026-05-17T16:05:57Z".to_owned(), 0),
    ];
    for (query, expected) in cases {
        let list = api.json(&format!("/api/packets?limit=1&{query}")).await;
        assert_eq!(total(&list), expected, "{query}");
    }
    let by_observer = api.json(&format!("/api/packets?limit=500&observer=x,%20{observer}")).await;
    assert!(total(&by_observer) > 0);
    for row in rows(&by_observer) {
        assert_eq!(row["observer_id"], observer);
    }
    let by_region = api.json("/api/packets?limit=500&region=oak,%20SFO").await;
    for row in rows(&by_region) {
        assert!(["OAK", "SFO"].contains(&row["observer_iata"].as_str().unwrap()));
    }
    assert_eq!(total(&by_region), 197 + 98);
}

#[actix_web::test]
async fn a_node_is_found_as_sender_and_as_relay() {
    let Some(api) = Api::over_fixture() else { return };
    let sent = api.json("/api/packets?limit=500&node=LAb7&type=4").await;
    assert!(ids(&sent).contains(&497));
    // Packet 500 was relayed by this key, which is no advert's.
    let relay = "da2a5f66ddb5a5a688797f9ef62d2e38f45557497fa58a9e0503819de40c77aa";
    let relayed = api.json(&format!("/api/packets?limit=500&node={relay}")).await;
    assert!(ids(&relayed).contains(&500));
    let upper = api.json(&format!("/api/packets?limit=500&node={}", relay.to_uppercase())).await;
    assert_eq!(relayed, upper);
    for row in rows(&relayed) {
        let payload: Value = serde_json::from_str(row["decoded_json"].as_str().unwrap()).unwrap();
        let is_relay = row["resolved_path"].as_array().is_some_and(|p| p.contains(&json!(relay)));
        assert!(is_relay || payload["pubKey"] == relay, "{row}");
    }
    let both = api.json(&format!("/api/packets?limit=500&nodes=LAb7,{relay}")).await;
    let alone = api.json("/api/packets?limit=500&node=LAb7").await;
    assert!(total(&both) >= total(&alone).max(total(&relayed)));
    assert_eq!(total(&api.json("/api/packets?nodes=,%20,").await), 0);
    // Nothing but the part and the time is looked at with `nodes`.
    let ignored = "type=abc&route=x&hash=0&channel=y&region=z&observer=q&groupByHash=true";
    let same = api.json(&format!("/api/packets?limit=500&nodes=LAb7,{relay}&{ignored}")).await;
    assert_eq!(same, both);
}

#[actix_web::test]
async fn the_ends_of_a_span_belong_to_it_for_several_nodes_only() {
    let Some(api) = Api::over_fixture() else { return };
    let all = api.json("/api/packets?limit=500&node=LAb7").await;
    let mut times: Vec<String> =
        rows(&all).iter().map(|row| row["first_seen"].as_str().unwrap().to_owned()).collect();
    times.sort();
    let (first, last) = (&times[0], &times[times.len() - 1]);
    assert!(first < last);
    let span = format!("since={first}&until={last}");
    let inclusive = api.json(&format!("/api/packets?nodes=LAb7&{span}")).await;
    assert_eq!(total(&inclusive), times.len() as i64);
    let strict = api.json(&format!("/api/packets?node=LAb7&{span}")).await;
    let inner = times.iter().filter(|time| *time > first && *time < last).count();
    assert_eq!(total(&strict), inner as i64);
    assert!(inner < times.len());
}

#[actix_web::test]
async fn an_area_keeps_the_adverts_from_within() {
    let mut config = corescope::config::Config::default();
    let shape = corescope::config::Shape::Bounds {
        lat_min: 36.9,
        lat_max: 37.1,
        lon_min: -122.2,
        lon_max: -121.8,
    };
    let area = corescope::config::Area { label: "Santa Cruz".to_owned(), shape };
    config.areas.insert("SC".to_owned(), area);
    let Some(api) = Api::with(config) else { return };
    let list = api.json("/api/packets?limit=500&area=SC").await;
    assert!(total(&list) > 0 && total(&list) < 102, "{}", total(&list));
    for row in rows(&list) {
        let payload: Value = serde_json::from_str(row["decoded_json"].as_str().unwrap()).unwrap();
        assert_eq!(payload["type"], "ADVERT");
    }
}

#[actix_web::test]
async fn plain_rows_are_ordered_by_id_and_pages_join() {
    let Some(api) = Api::over_fixture() else { return };
    let all = ids(&api.json("/api/packets?limit=10000").await);
    assert_eq!(all.len(), 499);
    assert!(all.windows(2).all(|pair| pair[0] > pair[1]));
    let mut joined = Vec::new();
    for offset in (0..500).step_by(120) {
        joined.extend(ids(&api.json(&format!("/api/packets?limit=120&offset={offset}")).await));
    }
    assert_eq!(joined, all);
    let mut ascending = ids(&api.json("/api/packets?limit=10000&order=asc").await);
    ascending.reverse();
    assert_eq!(ascending, all);
    let past_the_end = api.json("/api/packets?offset=100000").await;
    assert_eq!((ids(&past_the_end).len(), total(&past_the_end)), (0, 499));
}

#[actix_web::test]
async fn grouped_rows_are_ordered_by_latest_and_both_ways_of_ordering_agree() {
    let Some(api) = Api::over_fixture() else { return };
    let all = api.json("/api/packets?limit=10000&groupByHash=true").await;
    let latest: Vec<&str> =
        all["packets"].as_array().unwrap().iter().map(|r| r["latest"].as_str().unwrap()).collect();
    assert_eq!(latest.len(), 499);
    assert!(latest.windows(2).all(|pair| pair[0] >= pair[1]));
    // With many more rows the first pages are found by walking the indexes.
    api.execute(
        "INSERT INTO transmissions (raw_hex, hash, first_seen, route_type, payload_type) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
         SELECT '00', 'h' || i, '2020-01-01T00:00:00Z', 1, 2 FROM n;",
    );
    let walked = api.json("/api/packets?limit=90&groupByHash=true").await;
    assert_eq!(walked["total"], 5499);
    let first: Vec<Value> = rows(&all).into_iter().take(90).collect();
    assert_eq!(rows(&walked), first);
    let filtered = api.json("/api/packets?limit=20&offset=5&groupByHash=true&type=2").await;
    assert_eq!(filtered["total"], 5044);
    let narrow = api
        .json("/api/packets?limit=20&offset=5&groupByHash=true&type=2&since=2021-01-01T00:00:00Z")
        .await;
    assert_eq!(rows(&filtered), rows(&narrow));
}

#[actix_web::test]
async fn limits_and_offsets_are_clamped_and_echoed() {
    let mut config = corescope::config::Config::default();
    config.list_limits.packets_max = 123;
    let Some(api) = Api::with(config) else { return };
    for (query, limit, offset) in [
        ("", 50, 0),
        ("limit=-1", 50, 0),
        ("limit=0", 50, 0),
        ("limit=10.5", 50, 0),
        ("limit=999999", 123, 0),
        ("limit=7&offset=-1", 7, 0),
        ("limit=7&offset=x", 7, 0),
        ("limit=7&offset=490", 7, 490),
        ("limit=7&offset=99999999999999999999", 7, 0),
    ] {
        for view in ["", "&groupByHash=true", "&nodes=LAb7"] {
            let list = api.json(&format!("/api/packets?{query}{view}")).await;
            assert_eq!(
                (&list["limit"], &list["offset"]),
                (&json!(limit), &json!(offset)),
                "{query}"
            );
        }
    }
}

#[actix_web::test]
async fn malformed_parameters_are_refused_by_name() {
    let Some(api) = Api::over_fixture() else { return };
    for (query, error) in [
        ("type=abc", "type: expected an integer"),
        ("type=4,5", "type: expected an integer"),
        ("route=flood", "route: expected an integer"),
        ("since=yesterday", "since: expected a time such as 2026-07-18T08:47:37Z"),
        ("until=2026-13-01T00:00:00Z", "until: expected a time such as 2026-07-18T08:47:37Z"),
    ] {
        let answer = api.get(&format!("/api/packets?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (400, json!({ "error": error })));
    }
    let many = "x,".repeat(201);
    for list in ["observer", "region", "nodes"] {
        let answer = api.get(&format!("/api/packets?{list}={many}")).await;
        assert_eq!(answer.status, 400, "{list}");
    }
}

#[actix_web::test]
async fn times_are_listed_ascending_and_never_null() {
    let Some(api) = Api::over_fixture() else { return };
    let since = "/api/packets/timestamps?since=2026-05-17T18:12:00Z";
    check_json("packet_timestamps", &api.json(since).await);
    let none = api.get("/api/packets/timestamps?since=2027-01-01T00:00:00Z").await;
    assert_eq!(none.text(), "[]\n");
    for (query, error) in [
        ("", "since required"),
        ("?since=", "since required"),
        ("?since=soon", "since: expected a time such as 2026-07-18T08:47:37Z"),
    ] {
        let answer = api.get(&format!("/api/packets/timestamps{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (400, json!({ "error": error })));
    }
}

#[actix_web::test]
async fn rows_without_hash_or_time_are_in_no_list_and_in_no_total() {
    let Some(api) = Api::over_fixture() else { return };
    api.execute(
        "INSERT INTO transmissions (id, raw_hex, hash, first_seen) VALUES \
         (-1000000, '00', 'aa', ''), (0, '00', 'bb', '2026-05-17T18:00:00Z'), \
         (1000, '00', '', '2026-05-17T18:00:00Z');",
    );
    for view in ["", "&groupByHash=true", "&since=2000-01-01T00:00:00Z", "&offset=499"] {
        let list = api.json(&format!("/api/packets?limit=10000{view}")).await;
        assert_eq!(list["total"], 500, "{view}");
    }
    assert_eq!(ids(&api.json("/api/packets?limit=10000").await).last(), Some(&0));
    let first = ids(&api.json("/api/packets?limit=1&order=asc").await);
    assert_eq!(first, [0]);
}

#[actix_web::test]
async fn before_the_database_is_open_the_answer_is_503_with_the_reason() {
    let clock = corescope::clock::Clock::manual(0);
    let state = Api::closed(corescope::config::Config::default(), clock);
    let request = actix_web::test::TestRequest::get().uri("/api/packets");
    let answer = ask(&state, request).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.json(), json!({ "error": "starting: the database is being opened" }));
}
