//! `POST /api/packets` and `POST /api/decode`: what is stored, and what is refused.

use actix_web::test::TestRequest;
use corescope::config::{Config, Secret};
use serde_json::{Value, json};

use crate::support::api::{Answer, Api, KEY, ask, with_key};
use crate::support::check_json;

const PUBLIC_TEXT: &str = "1501A211BB7953E5F622A8E3352C920FEE7ADD68A6BFF67B10E6DB177C37D09DEF488A00B6BB3884B5AE9A533E3E3F06112C7355917D07C66F216868719C2CED9464F4B06257B5D730692D6B4B268D3D7DA95622879B";
const NEW_TEXT_MESSAGE: &str = "0a00d69fd7a5a7475db07337749ae61fa53a4788e976";
const ADVERT: &str = "11027A97EBB4F9780C68AF308B6BA794DCB86C9B3DA0543D90483C2E051BAA44D20B15E43845C969EBD256833C6A3E3859D3C79E6DA3A9F9DB068C6D8CCEA85CFEA9DF7120224DE05F88A218126763B856F11CE1CB27603CE2EC653C414CAF67B7890BB60207680A9200000000000000004C416237";

async fn post_packet(api: &Api, key: Option<&str>, body: &str) -> Answer {
    let mut request = TestRequest::post().uri("/api/packets").set_payload(body.to_owned());
    if let Some(key) = key {
        request = request.insert_header(("X-API-Key", key));
    }
    ask(&api.state, request).await
}

fn error(answer: &Answer) -> (u16, Value) {
    (answer.status.as_u16(), answer.json()["error"].clone())
}

#[actix_web::test]
async fn a_posted_packet_is_stored_through_the_writer_and_then_found() {
    let Some(api) = Api::that_writes(with_key()) else { return };
    let body = json!({
        "hex": NEW_TEXT_MESSAGE, "observer": "obs-1", "snr": 5.5, "rssi": -100, "region": "XYZ",
        "hash": "ignored",
    });
    let answer = post_packet(&api, Some(KEY), &body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    check_json("post_packet", &answer.json());
    let id = answer.json()["id"].as_i64().unwrap();
    let stored = api.json(&format!("/api/packets/{id}")).await;
    assert_eq!(stored["packet"]["hash"], "b1f07307cbc01ce5");
    assert_eq!(stored["packet"]["raw_hex"], NEW_TEXT_MESSAGE.to_uppercase());
    assert_eq!(stored["packet"]["first_seen"], "2026-05-17T18:10:00Z");
    assert_eq!((&stored["packet"]["snr"], &stored["packet"]["rssi"]), (&json!(5.5), &json!(-100)));
    assert_eq!(stored["packet"]["observer_id"], "obs-1");
    assert_eq!(stored["packet"]["observer_name"], "obs-1");
    // The same again is known: the same id, still one reception.
    let again = post_packet(&api, Some(KEY), &body.to_string()).await;
    assert_eq!(again.json()["id"], id);
    assert_eq!(api.json(&format!("/api/packets/{id}")).await["observation_count"], 1);
}

#[actix_web::test]
async fn a_packet_that_names_no_observer_is_stored_once_all_the_same() {
    let Some(api) = Api::that_writes(with_key()) else { return };
    let body = json!({ "hex": NEW_TEXT_MESSAGE, "observer": null }).to_string();
    let id = post_packet(&api, Some(KEY), &body).await.json()["id"].as_i64().unwrap();
    assert_eq!(post_packet(&api, Some(KEY), &body).await.json()["id"], id);
    let stored = api.json(&format!("/api/packets/{id}")).await;
    assert_eq!(
        (&stored["observation_count"], &stored["packet"]["observer_id"]),
        (&json!(1), &json!("api"))
    );
}

#[actix_web::test]
async fn malformed_packets_are_refused_and_nothing_is_stored() {
    let Some(api) = Api::that_writes(with_key()) else { return };
    let false_advert = ADVERT.replace("4C416237", "4C416238");
    let long = json!({ "hex": "00".repeat(400) }).to_string();
    for (body, expected) in [
        ("", "invalid JSON body"),
        ("[1", "invalid JSON body"),
        (r#"{"hex":7}"#, "invalid JSON body"),
        (r#"{"hex":"15","snr":"x"}"#, "invalid JSON body"),
        ("{}", "hex is required"),
        (r#"{"hex":null}"#, "hex is required"),
        (r#"{"hex":"  \n"}"#, "hex is required"),
    ] {
        assert_eq!(
            error(&post_packet(&api, Some(KEY), body).await),
            (400, json!(expected)),
            "{body}"
        );
    }
    for hex in ["150", "zz", "15", &false_advert] {
        let answer = post_packet(&api, Some(KEY), &json!({ "hex": hex }).to_string()).await;
        assert_eq!(answer.status, 400, "{hex}: {}", answer.text());
        assert!(!answer.json()["error"].as_str().unwrap().is_empty());
    }
    assert_eq!(post_packet(&api, Some(KEY), &long).await.status, 400);
    assert_eq!(api.json("/api/packets").await["total"], 499);
}

#[actix_web::test]
async fn a_body_of_a_megabyte_is_413_in_json() {
    let Some(api) = Api::that_writes(with_key()) else { return };
    let huge = json!({ "hex": "0".repeat(1 << 20) }).to_string();
    for uri in ["/api/packets", "/api/decode", "/api/packets/observations"] {
        let request = TestRequest::post().uri(uri).insert_header(("X-API-Key", KEY));
        let answer = ask(&api.state, request.set_payload(huge.clone())).await;
        assert_eq!(error(&answer), (413, json!("body larger than 65536 bytes")), "{uri}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[actix_web::test]
async fn the_key_is_checked_before_anything_is_read() {
    let body = r#"{"hex":"zz"}"#;
    let Some(open) = Api::over_fixture() else { return };
    let no_key = (403, json!("writing is disabled until apiKey is configured"));
    for given in [None, Some(""), Some(KEY)] {
        assert_eq!(error(&post_packet(&open, given, body).await), no_key);
    }
    let Some(shut) = Api::with(with_key()) else { return };
    for given in [None, Some(""), Some("wrong"), Some(&KEY[1..])] {
        assert_eq!(error(&post_packet(&shut, given, "").await), (401, json!("unauthorized")));
    }
    let weak = Config { api_key: Some(Secret::new("change-me")), ..Config::default() };
    let Some(weak) = Api::with(weak) else { return };
    assert_eq!(error(&post_packet(&weak, Some("x"), body).await), (401, json!("unauthorized")));
    assert_eq!(
        error(&post_packet(&weak, Some("change-me"), body).await),
        (403, json!("forbidden"))
    );
}

#[actix_web::test]
async fn a_key_is_compared_as_bytes() {
    let key = "schlüssel-für-das-netz";
    let config = Config { api_key: Some(Secret::new(key)), ..Config::default() };
    let Some(api) = Api::with(config) else { return };
    let ask_with = async |key: &[u8]| {
        let key = actix_web::http::header::HeaderValue::from_bytes(key).unwrap();
        let request = TestRequest::post().uri("/api/packets").insert_header(("X-API-Key", key));
        ask(&api.state, request.set_payload("{}")).await.status.as_u16()
    };
    assert_eq!(ask_with(key.as_bytes()).await, 400, "the key is right, the body is not");
    assert_eq!(ask_with(b"schl\xfcssel-f\xfcr-das-netz").await, 401);
}

#[actix_web::test]
async fn an_observer_that_no_list_could_show_is_refused() {
    let Some(api) = Api::that_writes(with_key()) else { return };
    let post = async |observer: &str| {
        let body = json!({ "hex": NEW_TEXT_MESSAGE, "observer": observer }).to_string();
        error(&post_packet(&api, Some(KEY), &body).await)
    };
    let too_long = (400, json!("observer: at most 128 bytes"));
    assert_eq!(post(&"x".repeat(129)).await, too_long);
    assert_eq!(post(&"ü".repeat(65)).await, too_long);
    let control = (400, json!("observer: control characters are not allowed"));
    for observer in ["a\nb", "a\u{0}", "a\u{7f}b", "a\u{85}b"] {
        assert_eq!(post(observer).await, control, "{observer:?}");
    }
    assert_eq!(api.json("/api/packets").await["total"], 499);
    let padded = format!("  {}  ", "x".repeat(128));
    assert_eq!(post(&padded).await.0, 200);
    let list = api.json("/api/packets?limit=1").await;
    assert_eq!(list["packets"][0]["observer_id"], "x".repeat(128));
}

#[actix_web::test]
async fn a_process_that_does_not_write_says_so() {
    let Some(api) = Api::with(with_key()) else { return };
    let body = json!({ "hex": NEW_TEXT_MESSAGE, "observer": "o" }).to_string();
    let expected = (503, json!("this process does not write (role server)"));
    assert_eq!(error(&post_packet(&api, Some(KEY), &body).await), expected);
}

#[actix_web::test]
async fn decode_needs_no_key_and_checks_signatures() {
    let Some(api) = Api::over_fixture() else { return };
    let advert = api.post("/api/decode", json!({ "hex": ADVERT }).to_string()).await;
    check_json("decode_advert", &advert.json());
    let text = api.post("/api/decode", json!({ "hex": PUBLIC_TEXT }).to_string()).await;
    check_json("decode_public_text", &text.json());
    let spaced = api.post("/api/decode", r#"{"hex":" 0A00 D69FD7A5\nA7475DB0 "}"#).await;
    assert_eq!(spaced.status, 200);
    assert!(spaced.text().starts_with(r#"{"decoded":{"header":{"routeType":2,"#));
    for (body, expected) in [
        ("", "invalid JSON body"),
        (r#"{"hex":""}"#, "hex is required"),
        (r#"{"hex":"abc"}"#, "not hexadecimal: Odd number of digits"),
    ] {
        let answer = api.post("/api/decode", body).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json()["error"], expected);
    }
}
