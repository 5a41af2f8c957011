//! `GET /api/packets/{id}` and `POST /api/packets/observations`.

use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::check_json;

#[actix_web::test]
async fn a_packet_is_found_by_hash_by_id_and_by_the_id_of_a_reception() {
    let Some(api) = Api::over_fixture() else { return };
    let by_hash = api.json("/api/packets/e26ad9dfa1ac3f7e").await;
    check_json("packet_detail", &by_hash);
    assert_eq!(api.json("/api/packets/E26AD9DFA1AC3F7E").await, by_hash);
    assert_eq!(api.json("/api/packets/500").await, by_hash);
    api.execute(
        "INSERT INTO observations (id, transmission_id, observer_idx, timestamp, score, raw_hex) \
         VALUES (9001, 500, 1, 1779041000, 7, 'AB')",
    );
    check_json("packet_detail_by_observation", &api.json("/api/packets/9001").await);
}

#[actix_web::test]
async fn sixteen_decimal_digits_are_a_hash_first() {
    let Some(api) = Api::over_fixture() else { return };
    api.execute(
        "INSERT INTO transmissions (id, raw_hex, hash, first_seen) VALUES \
         (1234567812345678, '00', 'aa', 't'), (2000, '00', '1234567812345678', 't'), \
         (3000, '00', 'ABCDEFABCDEFABCD', 't'), (0, '00', 'FF', 't');",
    );
    assert_eq!(api.json("/api/packets/1234567812345678").await["packet"]["id"], 2000);
    api.execute("DELETE FROM transmissions WHERE id = 2000");
    let by_id = api.json("/api/packets/1234567812345678").await;
    assert_eq!(by_id["packet"]["hash"], "aa");
    // Hashes of an old formula were kept in upper case; fallback hashes have any length.
    assert_eq!(api.json("/api/packets/abcdefabcdefabcd").await["packet"]["id"], 3000);
    assert_eq!(api.json("/api/packets/FF").await["packet"]["id"], 0);
    let lonely = api.json("/api/packets/0").await;
    assert_eq!((&lonely["observation_count"], &lonely["path"]), (&json!(1), &json!([])));
    assert_eq!(lonely["packet"]["observation_count"], 0);
    assert_eq!(lonely.get("observations"), None);
}

#[actix_web::test]
async fn an_unknown_packet_is_404() {
    let Some(api) = Api::over_fixture() else { return };
    for id in ["0123456789abcdef", "999999", "-1", "x", "%20", "1%2F2", "99999999999999999999"] {
        let answer = api.get(&format!("/api/packets/{id}")).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (404, json!({ "error": "Not found" })));
    }
}

#[actix_web::test]
async fn receptions_are_answered_by_hash_with_the_keys_as_given() {
    let Some(api) = Api::over_fixture() else { return };
    let body = r#"{"hashes":["E26AD9DFA1AC3F7E","none","none"]}"#;
    let answer = api.post("/api/packets/observations", body).await;
    assert_eq!(answer.status, 200);
    let results = &answer.json()["results"];
    assert_eq!(results["none"], json!([]));
    let detail = api.json("/api/packets/e26ad9dfa1ac3f7e").await;
    assert_eq!(results["E26AD9DFA1AC3F7E"], detail["observations"]);
    for empty in ["{}", r#"{"hashes":[]}"#, r#"{"hashes":null}"#] {
        let answer = api.post("/api/packets/observations", empty).await;
        assert_eq!(answer.text(), "{\"results\":{}}\n");
    }
}

#[actix_web::test]
async fn malformed_hash_lists_are_refused() {
    let Some(api) = Api::over_fixture() else { return };
    let many: Vec<String> = (0..201).map(|i| i.to_string()).collect();
    let many = json!({ "hashes": many }).to_string();
    for (body, error) in [
        ("", "invalid JSON body"),
        ("{", "invalid JSON body"),
        (r#"{"hashes":"x"}"#, "invalid JSON body"),
        (r#"{"hashes":[1]}"#, "invalid JSON body"),
        (many.as_str(), "hashes: at most 200"),
    ] {
        let answer = api.post("/api/packets/observations", body.to_owned()).await;
        let expected: (u16, Value) = (400, json!({ "error": error }));
        assert_eq!((answer.status.as_u16(), answer.json()), expected, "{body}");
    }
}
