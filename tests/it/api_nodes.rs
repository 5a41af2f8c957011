//! `GET /api/nodes`, `/api/nodes/search` and `/api/nodes/{pubkey}`.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use actix_web::test::TestRequest;
use corescope::clock::Clock;
use corescope::config::{Area, Config, GeoFilter, ListLimits, Shape};
use corescope::db::{ReaderOptions, Readers};
use corescope::web::Ready;
use serde_json::{Value, json};

use crate::support::api::{Api, ask};
use crate::support::{check_json, keys_in_order};

const KENNEDY: &str = "d5ef2ed77ceabcb22082f8794d5f9d89f2257e70533863e924debe6ebdda312a";

fn nodes(list: &Value) -> &Vec<Value> {
    list["nodes"].as_array().unwrap()
}

fn keys(list: &Value) -> Vec<String> {
    nodes(list).iter().map(|node| node["public_key"].as_str().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn the_list_the_search_and_one_node_have_exactly_the_keys_of_the_contract() {
    let Some(api) = Api::over_fixture() else { return };
    check_json("nodes", &api.json("/api/nodes?limit=3").await);
    check_json("nodes_search", &api.json("/api/nodes/search?q=KPA").await);
    let detail = api.get("/api/nodes/988396af0ff369c2").await;
    check_json("node_detail", &detail.json());
    assert!(detail.text().ends_with("]}\n"));
}

#[actix_web::test]
async fn keys_of_a_node_are_sorted_and_the_body_ends_with_its_counts() {
    let Some(api) = Api::over_fixture() else { return };
    let answer = api.get("/api/nodes?limit=1").await;
    let keys = keys_in_order(answer.text());
    let node = &keys[1..keys.len() - 6];
    assert!(node.is_sorted(), "{node:?}");
    let tail = "\"total\":200,\
         \"counts\":{\"companions\":9,\"repeaters\":168,\"rooms\":23,\"sensors\":0}}\n";
    assert!(answer.text().ends_with(tail), "{}", answer.text());
}

/// Contract §1.8 and §4.1: what is malformed is the default, `before` apart.
#[actix_web::test]
async fn limits_and_filters_keep_what_they_say() {
    let config = Config {
        list_limits: ListLimits { nodes_max: 120, ..ListLimits::default() },
        ..Config::default()
    };
    let Some(api) = Api::with(config) else { return };
    let cases = [
        ("", 50, 200),
        ("limit=7", 7, 200),
        ("limit=many", 50, 200),
        ("limit=0", 50, 200),
        ("limit=-1", 50, 200),
        ("limit=10.5", 50, 200),
        ("limit=99999999999999999999", 50, 200),
        ("limit=121", 120, 200),
        ("limit=120&offset=190", 10, 200),
        ("offset=-5", 50, 200),
        ("offset=18446744073709551615", 0, 200),
        ("offset=200", 0, 200),
        ("role=room", 23, 23),
        ("role=Room", 0, 0),
        ("role=room&limit=5", 5, 23),
        ("role=room&offset=20", 3, 23),
        ("lastHeard=2h", 50, 200),
        ("region=All", 50, 200),
        ("region=ZZZ", 0, 0),
        ("area=nowhere", 50, 200),
        ("search=%25", 0, 0),
        ("search=_", 6, 6),
        ("search=%00", 0, 0),
    ];
    for (query, shown, total) in cases {
        let list = api.json(&format!("/api/nodes?{query}")).await;
        assert_eq!(list["total"], json!(total), "{query}");
        assert_eq!(nodes(&list).len(), shown, "{query}");
    }
    assert_eq!(api.get("/api/nodes?before=soon").await.status, 400);
}

#[actix_web::test]
async fn names_are_searched_in_either_case_and_no_letter_is_a_wildcard() {
    let Some(api) = Api::over_fixture() else { return };
    api.execute("UPDATE nodes SET name = '100% \\_Sun' WHERE name = 'SKCE_RS'");
    for text in ["0%25+%5C_s", "100%25", "%5c_SUN"] {
        let list = api.json(&format!("/api/nodes?search={text}")).await;
        assert_eq!(list["total"], 1, "{text}");
        let found = api.json(&format!("/api/nodes/search?q={text}")).await;
        assert_eq!(keys(&found), keys(&list), "{text}");
    }
}

#[actix_web::test]
async fn every_order_goes_on_from_page_to_page() {
    let Some(api) = Api::over_fixture() else { return };
    for sort in ["", "&sortBy=name", "&sortBy=packetCount", "&sortBy=lastSeen", "&sortBy=luck"] {
        let whole = keys(&api.json(&format!("/api/nodes?limit=200{sort}")).await);
        let mut pages = Vec::new();
        for offset in (0..200).step_by(40) {
            let page = api.json(&format!("/api/nodes?limit=40&offset={offset}{sort}")).await;
            pages.extend(keys(&page));
        }
        assert_eq!(pages, whole, "{sort}");
    }
    let by = async |sort: &str, field: &str| {
        let list = api.json(&format!("/api/nodes?limit=200&sortBy={sort}")).await;
        nodes(&list).iter().map(|node| node[field].clone()).collect::<Vec<_>>()
    };
    assert!(by("name", "name").await.is_sorted_by_key(|name| name.as_str().map(str::to_owned)));
    assert!(by("packetCount", "advert_count").await.is_sorted_by_key(|n| -n.as_i64().unwrap()));
    assert!(by("", "last_seen").await.iter().rev().is_sorted_by_key(|t| t.as_str()));
}

/// The original cut `total` to what was left of the page.
#[actix_web::test]
async fn what_the_operator_hides_is_hidden_everywhere_and_not_counted() {
    let Some(open) = Api::over_fixture() else { return };
    let all = open.json("/api/nodes?limit=200").await;
    let (first, second) = (&nodes(&all)[0], &nodes(&all)[1]);
    let (key, name) = (first["public_key"].as_str().unwrap(), second["name"].as_str().unwrap());
    let config = Config {
        node_blacklist: vec![format!(" {} ", key.to_uppercase())],
        hidden_name_prefixes: vec![name[..4].to_owned(), String::new()],
        ..Config::default()
    };
    let Some(api) = Api::with(config) else { return };
    let list = api.json("/api/nodes?limit=10").await;
    let begins = |node: &&Value| node["name"].as_str().is_some_and(|n| n.starts_with(&name[..4]));
    let hidden = 1 + nodes(&all).iter().filter(begins).count();
    assert_eq!((list["total"].as_u64(), nodes(&list).len()), (Some(200 - hidden as u64), 10));
    assert!(!keys(&list).contains(&key.to_owned()));
    for key in [key, &key[..16], second["public_key"].as_str().unwrap()] {
        assert_eq!(api.get(&format!("/api/nodes/{key}")).await.status, 404, "{key}");
        let found = api.json(&format!("/api/nodes/search?q={key}")).await;
        assert_eq!(found, json!({ "nodes": [] }), "{key}");
    }
}

fn box_of(lat_min: f64, lat_max: f64) -> Shape {
    Shape::Bounds { lat_min, lat_max, lon_min: -180.0, lon_max: 180.0 }
}

#[actix_web::test]
async fn areas_and_the_geo_filter_are_applied_before_the_page_is_cut() {
    let area = |shape| Area { label: "an area".to_owned(), shape };
    let config = Config {
        areas: BTreeMap::from([
            ("south".to_owned(), area(box_of(-90.0, 37.3))),
            ("pole".to_owned(), area(box_of(89.0, 90.0))),
        ]),
        ..Config::default()
    };
    let Some(api) = Api::with(config) else { return };
    let all = api.json("/api/nodes?limit=200").await;
    let place = |node: &Value| node["lat"].as_f64().zip(node["lon"].as_f64());
    // (0, 0) is what a node sends that does not know.
    let lat = |node: &Value| place(node).filter(|place| *place != (0.0, 0.0)).map(|(lat, _)| lat);
    let south = nodes(&all).iter().filter(|node| lat(node).is_some_and(|lat| lat <= 37.3)).count();
    assert!(south > 5);
    let list = api.json("/api/nodes?area=south&limit=5").await;
    assert_eq!((list["total"].as_u64(), nodes(&list).len()), (Some(south as u64), 5));
    assert_eq!(api.json("/api/nodes?area=pole").await["total"], 0);

    let home = GeoFilter { shape: box_of(-90.0, 37.3), buffer_km: 0.0 };
    let Some(api) = Api::with(Config { geo_filter: Some(home), ..Config::default() }) else {
        return;
    };
    let unknown = nodes(&all).iter().filter(|node| lat(node).is_none()).count();
    let list = api.json("/api/nodes?limit=5").await;
    assert_eq!(list["total"].as_u64(), Some((south + unknown) as u64));
    api.execute("UPDATE nodes SET foreign_advert = 1");
    assert_eq!(api.json("/api/nodes?limit=5").await["total"], 200, "foreign nodes stay");
}

#[actix_web::test]
async fn answers_are_the_same_before_and_after_every_migration() {
    let Some(mut api) = Api::over_fixture() else { return };
    // As an old database has it: keys in upper case, senders not filled in.
    api.execute(
        "UPDATE nodes SET public_key = upper(public_key) WHERE rowid % 2; \
         UPDATE transmissions SET from_pubkey = NULL",
    );
    let paths = [
        "/api/nodes?limit=200",
        "/api/nodes?region=sjc,%20MRY&limit=200",
        "/api/nodes/search?q=9883",
        "/api/nodes/988396AF0FF369C2178A8C2A303661BF26193257136ED4452B6EADD9547011E9",
        "/api/nodes/988396af",
        &format!("/api/nodes/{KENNEDY}"),
    ];
    let mut before = Vec::new();
    for path in paths {
        before.push(without_counts(api.json(path).await));
    }
    assert!(before[1]["total"].as_u64().unwrap() > 0, "some were heard there");
    api.migrate();
    api.clock.advance_ms(60_000);
    for (path, before) in paths.into_iter().zip(before) {
        assert_eq!(without_counts(api.json(path).await), before, "{path}");
    }
}

/// A migration counts adverts anew, and the fixture's counts are not those of its adverts; a minute
/// passes meanwhile.
fn without_counts(mut body: Value) -> Value {
    if let Some(list) = body["nodes"].as_array_mut() {
        for node in list {
            node["advert_count"] = Value::Null;
            node["relay_count_1h"] = Value::Null;
        }
    } else {
        body["node"]["advert_count"] = Value::Null;
        body["node"]["relay_count_1h"] = Value::Null;
    }
    body
}

#[actix_web::test]
async fn a_key_may_be_cut_short_but_not_so_that_two_begin_with_it() {
    let Some(api) = Api::over_fixture() else { return };
    api.execute(
        "INSERT INTO nodes (public_key, name) VALUES \
         ('aaaaaaaa00000000000000000000000000000000000000000000000000000001', 'one'), \
         ('aaaaaaaa00000000000000000000000000000000000000000000000000000002', NULL)",
    );
    let one = "aaaaaaaa00000000000000000000000000000000000000000000000000000001";
    let upper = one.to_uppercase();
    let cases = [
        (one, 200),
        (upper.as_str(), 200),
        (&one[..63], 409),
        ("aaaaaaaa", 409),
        ("AAAAAAAA", 409),
        ("988396af", 200),
        ("988396a", 404),
        ("988396ag", 404),
        ("988396af%00", 404),
        ("988396a%25", 404),
        ("bbbbbbbb", 404),
        ("%ff%fe", 404),
        ("x", 404),
    ];
    for (key, status) in cases {
        assert_eq!(api.get(&format!("/api/nodes/{key}")).await.status, status, "{key}");
    }
    let answer = api.get("/api/nodes/bbbbbbbb").await;
    assert_eq!(answer.json(), json!({ "error": "Not found" }));
}

/// An advert of `KEY` with a path of one hop of so many bytes.
fn advert(route: u8, path_byte: u8, hops: &str, salt: u8) -> String {
    let key = "c0ffee".repeat(10) + "c0ff";
    let rest = "00".repeat(69);
    format!("{:02x}{path_byte:02x}{hops}{key}{salt:02x}{rest}", (4 << 2) | route)
}

async fn hash_sizes_of(adverts: &[(&str, String)]) -> Option<Value> {
    let api = Api::over_fixture()?;
    let key = "c0ffee".repeat(10) + "c0ff";
    api.execute(&format!(
        "INSERT INTO nodes (public_key, name, role) VALUES ('{key}', 'c', 'repeater')"
    ));
    for (index, (first_seen, frame)) in adverts.iter().enumerate() {
        api.execute(&format!(
            "INSERT INTO transmissions (raw_hex, hash, first_seen, route_type, payload_type, \
             from_pubkey) VALUES ('{frame}', 'h{index}', '{first_seen}', 1, 4, '{key}')"
        ));
    }
    Some(api.json(&format!("/api/nodes/{key}")).await["node"].clone())
}

#[actix_web::test]
async fn hash_sizes_are_those_of_the_adverts_of_a_week() {
    let (flood, direct) = (1, 2);
    let old = ("2026-05-10T18:00:00Z", advert(flood, 0x81, "aabbcc", 1));
    let one = ("2026-05-16T00:00:00Z", advert(flood, 0x01, "aa", 2));
    let two = ("2026-05-16T01:00:00Z", advert(flood, 0x41, "aabb", 3));
    let to_neighbours = ("2026-05-17T00:00:00Z", advert(direct, 0x00, "", 4));
    let again = ("2026-05-17T02:00:00Z", advert(flood, 0x00, "", 5));
    let broken = ("2026-05-17T03:00:00Z", "zz".to_owned());
    let cases = [
        (vec![old.clone()], json!([null, false, null])),
        (vec![to_neighbours.clone()], json!([null, false, null])),
        (vec![one.clone(), to_neighbours.clone()], json!([1, false, null])),
        // By the time of first reception, not by the order of rows.
        (vec![two.clone(), one.clone()], json!([2, false, [1, 2]])),
        (vec![one, two, again, old, to_neighbours, broken], json!([1, true, [1, 2]])),
    ];
    for (adverts, expected) in cases {
        let Some(node) = hash_sizes_of(&adverts).await else { return };
        let found =
            json!([node["hash_size"], node["hash_size_inconsistent"], node["hash_sizes_seen"]]);
        assert_eq!(found, expected, "{adverts:?}");
    }
}

/// What has not been read yet is not known and told as under way, and what is shown is right.
#[actix_web::test]
async fn figures_that_are_still_being_read_are_left_out_until_they_are_known() {
    let Some(fixture) = Api::over_fixture() else { return };
    let clock = Clock::system();
    let frame = advert(1, 0x41, "aabb", 1);
    let key = "c0ffee".repeat(10) + "c0ff";
    let (now, past) = (clock.now_s(), clock.now_s() - 8 * 86_400);
    let [now, past] = [now, past].map(corescope::clock::iso_s);
    fixture.execute(&format!(
        "INSERT INTO nodes (public_key, name, role) VALUES ('{key}', 'c', 'repeater'); \
         INSERT INTO transmissions (raw_hex, hash, first_seen, route_type, payload_type, \
         from_pubkey) VALUES ('{frame}', 'h1', '{now}', 1, 4, '{key}'), \
         ('{frame}', 'h2', '{past}', 1, 4, '{key}')"
    ));
    let patience = Duration::from_secs(600);
    let options = ReaderOptions {
        threads: 2,
        wait_max: patience,
        deadline: patience,
        clock: clock.clone(),
        ..ReaderOptions::default()
    };
    let readers = Readers::open(&fixture.folder.path().join("meshcore.db"), options).unwrap();
    let state = Api::closed(Config::default(), clock);
    let scans = readers.clone();
    state.open(Ready { readers, intake: None, live: None, sources: Vec::new(), perf: None });
    // Somebody else searches through everything; the figures have to wait for their turn.
    let (let_go, held) = mpsc::channel::<()>();
    let mut scan = Box::pin(scans.ask_scan(move |_| Ok(held.recv().is_ok())));
    assert!(futures_util::poll!(scan.as_mut()).is_pending());
    corescope::web::read_ahead(&state);
    let get = async |uri: &str| ask(&state, TestRequest::get().uri(uri)).await.json();
    let uri = format!("/api/nodes/{key}");
    let unknown = get(&uri).await["node"].clone();
    assert_eq!(
        (&unknown["hash_size"], &unknown["flood_advert_count_7d"]),
        (&Value::Null, &json!(1))
    );
    assert!(unknown.get("relay_count_24h").is_none(), "{unknown}");
    let is_listed = async || {
        let healthz = get("/api/healthz").await;
        let tasks = healthz["pending_warmup_tasks"].as_array()?.clone();
        Some(tasks.iter().any(|task| task["name"] == "node_figures" && task["rowsTotal"] == 19))
    };
    let start = Instant::now();
    while is_listed().await != Some(true) {
        assert!(start.elapsed() < patience);
    }
    drop(let_go);
    scan.await.unwrap();
    let known = loop {
        let node = get(&uri).await["node"].clone();
        if node.get("relay_count_24h").is_some() {
            break node;
        }
        assert!(start.elapsed() < patience);
    };
    let told =
        json!([known["hash_size"], known["relay_count_24h"], known["flood_advert_count_7d"]]);
    assert_eq!(told, json!([2, 0, 1]));
    while is_listed().await != Some(false) {
        assert!(start.elapsed() < patience);
    }
}

#[actix_web::test]
async fn relaying_is_counted_by_packets_not_by_receptions() {
    let Some(api) = Api::over_fixture() else { return };
    let key = "c0ffee".repeat(10) + "c0ff";
    // 18:10 is now: a packet heard three times within the hour, one of the morning, one too old.
    api.execute(&format!(
        "INSERT INTO nodes (public_key, role) VALUES ('{key}', 'room'); \
         INSERT INTO transmissions (id, raw_hex, hash, first_seen, scope_name) VALUES \
         (9001, '00', 'r1', '2026-05-17T17:30:00Z', NULL), \
         (9002, '00', 'r2', '2026-05-17T06:00:00Z', '#bay'), \
         (9003, '00', 'r3', '2026-05-16T18:00:00Z', '#old'), \
         (9004, '00', 'r4', '2026-05-17T06:00:00Z', ''); \
         INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp, \
         resolved_path) VALUES \
         (9001, 1, '[\"AA\"]', 1779039000, '[null,\"{key}\"]'), \
         (9001, 2, '[\"AA\"]', 1779039001, '[\"{key}\"]'), \
         (9001, 99, '[\"AA\"]', 1779039002, '[\"{key}\",\"x\"]'), \
         (9002, 1, '[\"AA\"]', 1778997600, '[\"{key}\"]'), \
         (9003, 1, '[\"AA\"]', 1778954400, '[\"{key}\"]'), \
         (9004, 1, '[\"AA\"]', 1778997600, '[\"{key}\"]'), \
         (9004, 2, '[\"AA\"]', 1778997600, 'no list at all');"
    ));
    let node = api.json(&format!("/api/nodes/{key}")).await["node"].clone();
    let expected = json!({
        "last_relayed": "2026-05-17T17:30:02Z", "relay_active": true, "relay_count_1h": 1,
        "relay_count_24h": 3, "relay_window_hours": 24, "transported_scopes": ["#bay"],
        "unscoped_relay_count_24h": 1,
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(node[field].to_string(), value.to_string(), "{field}");
    }
    api.execute(&format!("UPDATE nodes SET role = 'companion' WHERE public_key = '{key}'"));
    let node = api.json(&format!("/api/nodes/{key}")).await["node"].clone();
    for field in expected.as_object().unwrap().keys() {
        assert!(node.get(field).is_none(), "{field}");
    }
}

#[actix_web::test]
async fn rows_with_odd_values_are_shown() {
    let Some(api) = Api::over_fixture() else { return };
    let long = "x".repeat(1 << 20);
    api.execute(&format!(
        "INSERT INTO nodes (public_key, name, role, lat, lon, last_seen, first_seen, advert_count, \
         battery_mv, temperature_c, foreign_advert) VALUES \
         ('dd01dd01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), \
         ('dd02dd02', CAST(x'ff41' AS TEXT), '', 9e999, 'north', '', '', 'many', 1e300, 'hot', 'y'), \
         ('dd03dd03', x'00ff', 'repeater', -1e308, 1e308, '9999', 'x', 9223372036854775807, \
         -9223372036854775808, 1e-300, 7), (NULL, 'nobody', 'room', 0, 0, '', '', 0, 0, 0, 0), \
         ('', 'nobody', 'room', 0, 0, '', '', 0, 0, 0, 0); \
         INSERT INTO transmissions (raw_hex, hash, first_seen, payload_type, from_pubkey, \
         decoded_json) VALUES ('00', 'odd', '2026-05-17T06:00:00Z', 4, 'dd03dd03', '{long}')"
    ));
    let list = api.json("/api/nodes?limit=300").await;
    assert_eq!((list["total"].as_u64(), nodes(&list).len()), (Some(203), 203));
    let of =
        |key: &str| nodes(&list).iter().find(|node| node["public_key"] == key).cloned().unwrap();
    assert_eq!(of("dd01dd01")["name"], Value::Null);
    assert_eq!(of("dd02dd02")["name"], "\u{fffd}A");
    assert_eq!(
        (of("dd02dd02")["lat"].clone(), of("dd02dd02")["lon"].clone()),
        (json!(null), json!(null))
    );
    assert_eq!(of("dd03dd03")["advert_count"], i64::MAX);
    assert_eq!(keys(&list)[0], "dd03dd03", "9999 is the latest");
    let detail = api.json("/api/nodes/dd03dd03").await;
    assert_eq!(detail["recentAdverts"][0]["decoded_json"].as_str().unwrap().len(), 1 << 20);
    assert_eq!(detail["recentAdverts"][0]["observations"], json!([]));
}

#[actix_web::test]
async fn a_search_finds_at_most_ten_and_nothing_for_blanks() {
    let Some(api) = Api::over_fixture() else { return };
    assert_eq!(nodes(&api.json("/api/nodes/search?q=e").await).len(), 10);
    for query in ["", "?q=", "?q=%20%20", "?x=1"] {
        let found = api.json(&format!("/api/nodes/search{query}")).await;
        assert_eq!(found, json!({ "nodes": [] }), "{query}");
    }
}
