//! `GET /api/channels` and `/api/channels/{hash}/messages`.

use corescope::config::{Config, ListLimits};
use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::{check_json, keys_in_order};

fn channels(list: &Value) -> &Vec<Value> {
    list["channels"].as_array().unwrap()
}

fn messages(list: &Value) -> &Vec<Value> {
    list["messages"].as_array().unwrap()
}

#[actix_web::test]
async fn channels_have_exactly_the_keys_of_the_contract() {
    let Some(api) = Api::over_fixture() else { return };
    check_json("channels", &api.json("/api/channels").await);
    let all = api.json("/api/channels?includeEncrypted=true").await;
    let plain = channels(&all).iter().take_while(|channel| channel.get("encrypted").is_none());
    assert_eq!((plain.count(), channels(&all).len()), (5, 22));
    let expected = json!({
        "encrypted": true, "hash": "enc_C3", "lastMessage": null, "lastSender": null,
        "messageCount": 26, "name": "Encrypted (0xC3)",
        "lastActivity": channels(&all).iter().find(|c| c["hash"] == "enc_C3").unwrap()["lastActivity"],
    });
    assert!(channels(&all).contains(&expected), "{all}");
    for part in [&channels(&all)[..5], &channels(&all)[5..]] {
        let times: Vec<_> = part.iter().map(|channel| channel["lastActivity"].as_str()).collect();
        assert!(times.iter().rev().is_sorted(), "{times:?}");
    }
    for other in ["includeEncrypted=1", "includeEncrypted=TRUE", "region=All"] {
        assert_eq!(
            channels(&api.json(&format!("/api/channels?{other}")).await).len(),
            5,
            "{other}"
        );
    }
    assert_eq!(channels(&api.json("/api/channels?region=ZZZ").await).len(), 0);
}

/// The original counts receptions here.
#[actix_web::test]
async fn with_a_region_messages_are_counted_not_receptions() {
    let Some(api) = Api::over_fixture() else { return };
    api.execute(
        "INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
         SELECT t.id, o.rowid, '[\"again\"]', 1779041000 FROM transmissions t, observers o \
         WHERE t.channel_hash = '#chat' AND o.iata = 'SJC'",
    );
    let list = api.json("/api/channels?region=sjc").await;
    let chat = channels(&list).iter().find(|channel| channel["hash"] == "#chat").unwrap();
    assert_eq!(chat["messageCount"], 2);
    let messages = api.json("/api/channels/%23chat/messages?region=SJC").await;
    assert_eq!(messages["total"], 2);
    assert_eq!(api.json("/api/channels/%23chat/messages?region=ZZZ").await["total"], 0);
}

#[actix_web::test]
async fn a_list_of_channels_is_kept_for_a_minute_for_each_region() {
    let Some(api) = Api::over_fixture() else { return };
    assert_eq!(channels(&api.json("/api/channels").await).len(), 5);
    api.execute("DELETE FROM observations; DELETE FROM transmissions");
    assert_eq!(channels(&api.json("/api/channels?region=SJC").await).len(), 0);
    api.clock.advance_ms(59_999);
    assert_eq!(channels(&api.json("/api/channels").await).len(), 5);
    api.clock.advance_ms(1);
    assert_eq!(channels(&api.json("/api/channels").await).len(), 0);
}

#[actix_web::test]
async fn answers_are_the_same_before_and_after_every_migration() {
    let Some(mut api) = Api::over_fixture() else { return };
    api.execute("UPDATE transmissions SET channel_hash = NULL WHERE id % 2");
    let paths = [
        "/api/channels?includeEncrypted=true",
        "/api/channels?region=SJC",
        "/api/channels/Public/messages",
        "/api/channels/%23test/messages?limit=500",
        "/api/channels/enc_C3/messages",
    ];
    let mut before = Vec::new();
    for path in paths {
        before.push(api.json(path).await);
    }
    assert_eq!(before[2]["total"], 13);
    api.migrate();
    api.clock.advance_ms(60_000);
    for (path, before) in paths.into_iter().zip(before) {
        assert_eq!(api.json(path).await, before, "{path}");
    }
}

#[actix_web::test]
async fn messages_have_exactly_the_keys_of_the_contract() {
    let Some(api) = Api::over_fixture() else { return };
    let answer = api.get("/api/channels/%23test/messages?limit=2").await;
    let keys = keys_in_order(answer.text());
    assert!(keys[1..12].is_sorted(), "{keys:?}");
    check_json("channel_messages", &answer.json());
    for unknown in ["nowhere", "enc_zz", "%00", "%25", "%ff", "a%2Fb"] {
        let none = api.json(&format!("/api/channels/{unknown}/messages")).await;
        assert_eq!(none, json!({ "messages": [], "total": 0 }), "{unknown}");
    }
}

#[actix_web::test]
async fn a_page_goes_back_from_the_newest_and_stands_oldest_first() {
    let config = Config {
        list_limits: ListLimits { channel_messages_max: 20, ..ListLimits::default() },
        ..Config::default()
    };
    let Some(api) = Api::with(config) else { return };
    let uri = |query: &str| format!("/api/channels/%23test/messages?{query}");
    let cases = [
        ("", 20),
        ("limit=7", 7),
        ("limit=0", 20),
        ("limit=-1", 20),
        ("limit=x", 20),
        ("limit=21", 20),
        ("limit=20&offset=-3", 20),
        ("offset=30", 5),
        ("offset=35", 0),
        ("offset=99999999999999999999", 20),
    ];
    for (query, shown) in cases {
        let list = api.json(&uri(query)).await;
        assert_eq!((messages(&list).len(), &list["total"]), (shown, &json!(35)), "{query}");
    }
    let mut pages = Vec::new();
    for offset in [30, 20, 10, 0] {
        let page = api.json(&uri(&format!("limit=10&offset={offset}"))).await;
        pages.extend(messages(&page).clone());
    }
    let times: Vec<_> = pages.iter().map(|message| message["timestamp"].as_str()).collect();
    assert!(pages.len() == 35 && times.is_sorted(), "{times:?}");
}

#[actix_web::test]
async fn texts_are_split_at_their_sender_and_odd_rows_are_left_out() {
    let Some(api) = Api::over_fixture() else { return };
    let long = "x".repeat(50);
    let texts = [
        (json!({ "text": "Ann: hi: you", "sender": "Bob" }), json!(["Ann", "hi: you"])),
        (json!({ "text": ": hi", "sender": "Bob" }), json!(["Bob", ": hi"])),
        (json!({ "text": format!("{long}: hi") }), json!([null, format!("{long}: hi")])),
        (json!({ "text": format!("{}: hi", &long[1..]) }), json!([&long[1..], "hi"])),
        (json!({ "text": 7, "sender": ["x"], "sender_timestamp": 1.5 }), json!([null, null])),
        (json!({}), json!([null, null])),
    ];
    for (index, (decoded, _)) in texts.iter().enumerate() {
        api.execute(&format!(
            "INSERT INTO transmissions (id, raw_hex, hash, first_seen, payload_type, channel_hash, \
             decoded_json) VALUES ({0}, '00', 't{0}', '2026-05-17T06:00:0{index}Z', 5, '#odd', \
             '{decoded}'); INSERT INTO observations (transmission_id, observer_idx, timestamp, \
             path_json) VALUES ({0}, 999, 1779000000 + {index}, 'no list')",
            9000 + index
        ));
    }
    // Without JSON, without a reception: counted, not shown.
    api.execute(
        "INSERT INTO transmissions (id, raw_hex, hash, first_seen, payload_type, channel_hash, \
         decoded_json) VALUES (9100, '00', 'u1', '2026-05-17T05:00:00Z', 5, '#odd', '{'), \
         (9101, '00', 'u2', '2026-05-17T05:00:00Z', 5, '#odd', '{}'); \
         INSERT INTO observations (transmission_id, observer_idx, timestamp) \
         VALUES (9100, 1, 1779000009)",
    );
    let list = api.json("/api/channels/%23odd/messages").await;
    assert_eq!(list["total"], 8);
    let shown: Vec<Value> =
        messages(&list).iter().map(|m| json!([m["sender"], m["text"]])).collect();
    let expected: Vec<Value> = texts.into_iter().map(|(_, expected)| expected).collect();
    assert_eq!(shown, expected);
    let odd = &messages(&list)[4];
    assert_eq!(odd["sender_timestamp"], 1.5);
    assert_eq!((&odd["observers"], &odd["hops"]), (&json!([]), &json!(0)), "nobody is there");
}
