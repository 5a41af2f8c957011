//! Lists of packets against what their rows say, and their bounds.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::Duration;

use corescope::clock::Clock;
use corescope::db::packets::{self, Depth, Filter, Slice};
use corescope::db::{ReadError, ReaderOptions, Readers};
use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::keys_in_order;

fn rows(list: &Value) -> Vec<Value> {
    list["packets"].as_array().unwrap().clone()
}

fn ids(list: &Value) -> BTreeSet<i64> {
    rows(list).iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

/// Rows of any age, type and route, heard by a changing observer, so many that every way of
/// looking for matches is taken.
const MANY: &str = "INSERT INTO transmissions (id, raw_hex, hash, first_seen, route_type, \
       payload_type, last_seen) \
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000) \
     SELECT 10000 + i, '00', 'many' || i, strftime('%Y-%m-%dT%H:%M:%SZ', 1779000000 - i * 60, \
       'unixepoch'), i % 3, i % 7, 1 FROM n; \
     INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
     SELECT id, 1 + id % 31, '[]', 1779000000 - (id - 10000) * 60 FROM transmissions \
     WHERE id > 10000;";

#[actix_web::test]
async fn filters_together_keep_what_each_of_them_keeps() {
    let Some(mut api) = Api::over_fixture() else { return };
    api.execute(MANY);
    let filters = [
        "type=5",
        "route=1",
        "region=SJC,mry",
        "observer=kpabap",
        "since=2026-05-17T16:30:00Z",
        "since=2026-05-13T00:00:00Z&until=2026-05-16T12:00:00Z",
        "since=2026-05-10&until=2026-05-17T06:00:00Z",
    ];
    for is_migrated in [false, true] {
        if is_migrated {
            api.migrate();
        }
        let mut alone = Vec::new();
        for filter in filters {
            alone.push(ids(&api.json(&format!("/api/packets?limit=10000&{filter}")).await));
            assert!(!alone[alone.len() - 1].is_empty(), "{filter}");
        }
        for (i, first) in filters.iter().enumerate() {
            for (j, second) in filters.iter().enumerate().skip(i + 1) {
                if first.contains("since") && second.contains("since") {
                    continue;
                }
                let query = format!("/api/packets?limit=10000&{first}&{second}");
                let both = api.json(&query).await;
                let expected: BTreeSet<i64> = alone[i].intersection(&alone[j]).copied().collect();
                assert!(ids(&both) == expected, "{query}");
                assert_eq!(both["total"], expected.len());
                let grouped = query.replace("=10000", "=1") + "&groupByHash=true";
                let grouped = api.json(&grouped).await;
                assert_eq!(grouped["total"], expected.len(), "{query}");
            }
        }
    }
}

#[actix_web::test]
async fn a_hash_byte_names_every_channel_that_has_it() {
    let Some(mut api) = Api::over_fixture() else { return };
    api.execute(
        r##"INSERT INTO transmissions (id, raw_hex, hash, first_seen, payload_type, channel_hash,
             decoded_json) VALUES
           (9001, '00', 'a', 't', 5, '#a', '{"channel":"#a","channelHashHex":"7B"}'),
           (9002, '00', 'b', 't', 5, '#a', '{"channel":"#a","channelHashHex":"7B"}'),
           (9003, '00', 'c', 't', 5, '#z', '{"channel":"#z","channelHashHex":"7B"}'),
           (9004, '00', 'd', 't', 5, '#other', '{"channel":"#other","channelHashHex":"11"}'),
           (9005, '00', 'e', 't', 5, 'enc_7B', '{"channelHashHex":"7B"}'),
           (9006, '00', 'f', 't', 5, 'enc_11', '{"channelHashHex":"11"}'),
           (9007, '00', 'g', 't', 5, NULL, '{"type":"CHAN","channel":"#z","channelHashHex":"7B"}'),
           (9008, '00', 'h', 't', 6, '#a', '{"channelHashHex":"7B"}');"##,
    );
    let expected: BTreeSet<i64> = [9001, 9002, 9003, 9005, 9007].into();
    let uri = "/api/packets?limit=500&channel=enc_7B";
    assert_eq!(ids(&api.json(uri).await), expected);
    api.execute("DROP INDEX IF EXISTS idx_tx_channel_hash");
    assert_eq!(ids(&api.json(uri).await), expected, "without the index");
    api.migrate();
    assert_eq!(ids(&api.json(uri).await), expected, "filled in");
}

#[actix_web::test]
async fn old_packets_are_grouped_though_all_newer_ones_lie_before_them() {
    let Some(api) = Api::over_fixture() else { return };
    api.execute(
        "INSERT INTO transmissions (id, raw_hex, hash, first_seen) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 45000) \
         SELECT 10000 + i, '00', 'many' || i, strftime('%Y-%m-%dT%H:%M:%SZ', \
           1770000000 + i, 'unixepoch') FROM n; \
         INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
         SELECT id, 1, '[]', 1770000000 + id - 10000 FROM transmissions WHERE id > 10000; \
         INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
         VALUES (10007, 2, '[]', 1779041000);",
    );
    // Half of them: more than are looked at without trying, none among the newest.
    let until = "2026-02-02T08:55:01Z";
    let page = format!("/api/packets?groupByHash=true&limit=3&until={until}");
    let list = api.json(&page).await;
    assert_eq!(list["total"], 22_500);
    let told: Vec<String> =
        rows(&list).iter().map(|row| row["hash"].as_str().unwrap().to_owned()).collect();
    // One of the oldest was heard again today.
    assert_eq!(told, ["many7", "many22500", "many22499"]);
    assert_eq!(rows(&list)[0]["latest"], "2026-05-17T18:03:20.000Z");
}

#[actix_web::test]
async fn the_best_reception_stands_for_the_packet_and_all_are_counted() {
    let Some(api) = Api::over_fixture() else { return };
    // Observers 1 and 3 are of OAK, 13 of SFO. Equally long: the latest.
    api.execute(
        "INSERT INTO transmissions (id, raw_hex, hash, first_seen) VALUES \
           (9000, 'AA', 'best', '2026-05-17T18:00:00Z'); \
         INSERT INTO observations (id, transmission_id, observer_idx, direction, snr, rssi, \
           path_json, timestamp, resolved_path) VALUES \
           (9001, 9000, 1, 'rx', 1, -1, '[\"A1\"]', 1779041001, NULL), \
           (9002, 9000, 13, 'rx', 2, -2, '[\"A1\",\"B2\",\"C3\"]', 1779041002, '[null,\"k\"]'), \
           (9003, 9000, 13, 'tx', 3, -3, '[\"D4\",\"E5\",\"F6\"]', 1779041003, NULL), \
           (9004, 9000, 3, 'rx', 4, -4, '[\"A1\",\"B2\"]', 1779041009, NULL), \
           (9005, 9000, NULL, 'rx', 5, -5, 'no list', 1779041010, NULL);",
    );
    let plain = &rows(&api.json("/api/packets?hash=best").await)[0];
    let seen = ["observer_iata", "path_json", "direction", "snr", "rssi", "observation_count"];
    let told: Vec<&Value> = seen.iter().map(|key| &plain[key]).collect();
    let expected =
        [json!("SFO"), json!(r#"["D4","E5","F6"]"#), json!("tx"), json!(3), json!(-3), json!(5)];
    assert_eq!(told, expected.iter().collect::<Vec<_>>());
    assert_eq!(plain["_parsedPath"], json!(["D4", "E5", "F6"]));
    let grouped = &rows(&api.json("/api/packets?hash=best&groupByHash=true").await)[0];
    assert_eq!(grouped["distinct_iatas"], json!(["OAK", "SFO"]));
    assert_eq!((&grouped["observer_count"], &grouped["count"]), (&json!(3), &json!(5)));
    assert_eq!(grouped["latest"], "2026-05-17T18:03:30.000Z");
    assert_eq!((&grouped["snr"], &grouped["path_json"]), (&json!(3), &plain["path_json"]));
    // Among the same with all receptions, nothing but these is added.
    let mut expanded = rows(&api.json("/api/packets?limit=10000&expand=observations").await);
    for row in &mut expanded {
        row.as_object_mut().unwrap().remove("observations").unwrap();
    }
    assert_eq!(rows(&api.json("/api/packets?limit=10000").await), expanded);
}

#[actix_web::test]
async fn keys_stand_in_the_order_of_the_contract_in_every_body() {
    let Some(api) = Api::over_fixture() else { return };
    let plain = "_parsedPath decoded_json direction first_seen hash id observation_count";
    let plain_end = "observer_iata observer_id observer_name path_json payload_type raw_hex \
                     resolved_path route_type rssi snr timestamp";
    let expanded = "observations direction id observer_iata observer_id observer_name path_json \
                    resolved_path rssi snr timestamp";
    let grouped = "count decoded_json distinct_iatas first_seen hash latest observation_count \
                   observer_count observer_iata observer_id observer_name path_json payload_type \
                   raw_hex route_type rssi snr";
    let seen = "id hash observer_id observer_name observer_iata snr rssi path_json resolved_path \
                direction raw_hex timestamp";
    let cases = [
        (
            "packets?hash=e26ad9dfa1ac3f7e",
            format!("packets {plain} {plain_end} total limit offset"),
        ),
        (
            "packets?hash=e26ad9dfa1ac3f7e&expand=observations",
            format!("packets {plain} {expanded} {plain_end} total limit offset"),
        ),
        (
            "packets?hash=e26ad9dfa1ac3f7e&groupByHash=true",
            format!("packets {grouped} total limit offset"),
        ),
        (
            "packets/e26ad9dfa1ac3f7e",
            format!(
                "packet {plain} {expanded} {plain_end} path observation_count observations {seen}"
            ),
        ),
    ];
    // A direction, so that no key is left out.
    api.execute("UPDATE observations SET direction = 'rx' WHERE transmission_id = 500");
    for (uri, expected) in cases {
        let answer = api.get(&format!("/api/{uri}")).await;
        let expected: Vec<&str> = expected.split_whitespace().collect();
        assert_eq!(keys_in_order(answer.text()), expected, "{uri}");
    }
    let body = r#"{"hashes":["e26ad9dfa1ac3f7e"]}"#;
    let answer = api.post("/api/packets/observations", body).await;
    let expected: Vec<&str> =
        ["results", "e26ad9dfa1ac3f7e"].into_iter().chain(seen.split_whitespace()).collect();
    assert_eq!(keys_in_order(answer.text()), expected);
}

#[actix_web::test]
async fn a_list_of_more_than_32_mib_is_refused_with_the_limit() {
    let Some(api) = Api::over_fixture() else { return };
    api.execute(
        "INSERT INTO transmissions (id, raw_hex, hash, first_seen) \
         VALUES (9000, replace(hex(zeroblob(9000000)), '00', 'AA'), 'h9', 't'), \
                (9001, replace(hex(zeroblob(9000000)), '00', 'AA'), 'h8', 't');",
    );
    for view in ["", "&groupByHash=true", "&expand=observations"] {
        let answer = api.get(&format!("/api/packets?limit=2{view}")).await;
        let error = "the answer would have more than 33554432 bytes; ask for a lower limit, \
                     or without expand";
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (413, json!({ "error": error })),
            "{view}"
        );
    }
    assert_eq!(api.get("/api/packets?limit=1").await.status, 200);
}

/// The clock moves while rows are shown, not while they are read.
#[actix_web::test]
async fn the_deadline_covers_what_is_done_with_rows() {
    let Some(api) = Api::over_fixture() else { return };
    let clock = Clock::manual(0);
    let options = ReaderOptions { clock: clock.clone(), threads: 1, ..ReaderOptions::default() };
    let readers = Readers::open(&api.folder.path().join("meshcore.db"), options).unwrap();
    let (shown, count) = mpsc::channel();
    let slow = readers.ask(move |reader| {
        let slice = Slice { offset: 0, limit: 50, is_ascending: false };
        let page = packets::list(reader, &Filter::default(), slice)?;
        page.visit(reader, Depth::Best, |packet| {
            clock.advance_ms(400);
            shown.send(packet.id).is_ok()
        })
    });
    assert!(matches!(slow.await, Err(ReadError::TimedOut(_))));
    assert_eq!(count.iter().count(), 3);
}

#[actix_web::test]
async fn one_search_through_everything_runs_at_a_time_and_others_are_not_held_up() {
    let Some(api) = Api::over_fixture() else { return };
    let options = ReaderOptions {
        clock: Clock::manual(0),
        threads: 2,
        wait_max: Duration::from_millis(1),
        ..ReaderOptions::default()
    };
    let readers = Readers::open(&api.folder.path().join("meshcore.db"), options).unwrap();
    let (let_go, held) = mpsc::channel::<()>();
    let mut scan = Box::pin(readers.ask_scan(move |_| Ok(held.recv().is_ok())));
    assert!(futures_util::poll!(scan.as_mut()).is_pending());
    assert!(matches!(readers.ask_scan(|_| Ok(())).await, Err(ReadError::Full)));
    assert!(readers.ask(|_| Ok(())).await.is_ok());
    // Who asked may go away: the search goes on, and so does its turn.
    drop(scan);
    assert!(matches!(readers.ask_scan(|_| Ok(())).await, Err(ReadError::Full)));
    let_go.send(()).unwrap();
    let free = async { while readers.ask_scan(|_| Ok(())).await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(30), free).await.unwrap();
}
