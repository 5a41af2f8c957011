//! The key: who may read, who may write.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use corescope::config::Config;
use corescope::web;
use serde_json::json;
use tungstenite::Error;
use tungstenite::client::IntoClientRequest;

use super::{example_of, start};
use crate::support::api::{Answer, Api, KEY, ask, with_key};
use crate::support::process::Process;

fn private() -> Config {
    Config { is_read_auth_required: true, ..with_key() }
}

async fn get(api: &Api, path: &str, header: Option<(&'static str, String)>) -> Answer {
    let mut request = TestRequest::get().uri(path);
    if let Some(header) = header {
        request = request.insert_header(header);
    }
    ask(&api.state, request).await
}

fn basic(user: &str, password: &str) -> (&'static str, String) {
    ("Authorization", format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

#[actix_web::test]
async fn with_read_auth_nothing_but_health_checks_is_answered_without_the_key() {
    let Some(api) = Api::with(private()) else { return };
    let mut open = Vec::new();
    for endpoint in web::table() {
        let path = example_of(endpoint.path);
        let request = TestRequest::with_uri(&path).method(endpoint.method.clone());
        let answer = ask(&api.state, request).await;
        if answer.status != 401 {
            open.push(endpoint.path);
            continue;
        }
        assert_eq!(answer.json(), json!({ "error": "unauthorized" }), "{path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"CoreScope\""));
        let is_api = path.starts_with("/api/");
        assert_eq!(answer.header("cache-control") == Some("no-store"), is_api, "{path}");
    }
    assert_eq!(open, ["/api/healthz"]);
    for path in ["/", "/perf", "/assets/styles/base.css", "/nope", "/api/nope", "/%61pi/stats"] {
        assert_eq!(get(&api, path, None).await.status, 401, "{path}");
    }
    let wrong = ("X-API-Key", format!("{KEY}x"));
    assert_eq!(get(&api, "/api/stats", Some(wrong)).await.status, 401);
}

#[actix_web::test]
async fn with_read_auth_the_key_opens_in_each_of_its_forms() {
    let Some(api) = Api::with(private()) else { return };
    for header in [
        ("X-API-Key", KEY.to_owned()),
        ("Authorization", format!("Bearer {KEY}")),
        ("Authorization", format!("bearer  {KEY} ")),
        basic("anybody", KEY),
        basic("", KEY),
    ] {
        for path in ["/api/stats", "/metrics", "/"] {
            let answer = get(&api, path, Some(header.clone())).await;
            assert_eq!(answer.status, 200, "{path} with {header:?}");
        }
    }
    for header in [
        ("Authorization", KEY.to_owned()),
        ("Authorization", "Bearer ".to_owned()),
        ("Authorization", "Basic %%%".to_owned()),
        basic(KEY, ""),
        basic("x", "y"),
    ] {
        assert_eq!(get(&api, "/api/stats", Some(header)).await.status, 401);
    }
    assert_eq!(get(&api, &format!("/api/stats?key={KEY}"), None).await.status, 401, "in logs");
}

#[actix_web::test]
async fn with_read_auth_a_browser_is_told_to_ask_for_the_key() {
    let Some(api) = Api::with(private()) else { return };
    let page = get(&api, "/", Some(("Accept", "text/html,*/*".to_owned()))).await;
    assert_eq!(page.status, 401);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("www-authenticate").unwrap().starts_with("Basic realm="));
    assert!(page.text().contains("A key is needed"));
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
}

#[actix_web::test]
async fn what_a_browser_sends_by_itself_does_not_write() {
    let Some(api) = Api::that_writes(private()) else { return };
    let post = |header: (&'static str, String)| {
        let hex = "0a00d69fd7a5a7475db07337749ae61fa53a4788e976";
        TestRequest::post()
            .uri("/api/packets")
            .insert_header(header)
            .set_payload(json!({ "hex": hex }).to_string())
    };
    assert_eq!(ask(&api.state, post(basic("x", KEY))).await.status, 401);
    let bearer = ("Authorization", format!("Bearer {KEY}"));
    assert_eq!(ask(&api.state, post(bearer)).await.status, 200);
}

#[actix_web::test]
async fn nothing_writes_without_a_strong_key() {
    let writers = || {
        let accept = "/api/perf/anomalies/{series}/accept";
        let keyed = ["/api/packets", "/api/perf/reset", "/api/backup", accept];
        web::table().into_iter().filter(move |endpoint| {
            let is_steering = endpoint.path.starts_with("/api/perf/async-migrations/");
            let is_open = endpoint.method == Method::GET && endpoint.path != "/api/backup";
            !is_open && (is_steering || keyed.contains(&endpoint.path))
        })
    };
    assert_eq!(writers().count(), 7, "a route that writes is not listed here, or one has gone");
    let weak = Config { api_key: Some(corescope::config::Secret::new("password")), ..private() };
    for (config, key, status) in [
        (Config::default(), None, 403),
        (Config::default(), Some(""), 403),
        (with_key(), None, 401),
        (with_key(), Some("a-key-that-is-strong-enougi"), 401),
        (Config { is_read_auth_required: false, ..weak }, Some("password"), 403),
    ] {
        let Some(api) = Api::that_writes(config) else { return };
        for endpoint in writers() {
            let path = example_of(endpoint.path);
            let mut request = TestRequest::with_uri(&path).method(endpoint.method.clone());
            if let Some(key) = key {
                request = request.insert_header(("X-API-Key", key));
            }
            let answer = ask(&api.state, request.set_payload("{}")).await;
            assert_eq!(answer.status, status, "{path} with {key:?}: {}", answer.text());
        }
    }
}

#[test]
fn private_reading_with_a_weak_key_is_refused_at_the_start() {
    for key in ["", "password", "fifteen-bytes-x"] {
        let process = Process::prepare(&json!({ "apiKey": key, "requireReadAuth": true }));
        let (code, line) = process.start_refused();
        assert_eq!(code, Some(1), "{key}");
        assert!(line.contains("requireReadAuth: expected an apiKey of 16 bytes"), "{line}");
        assert!(key.is_empty() || !line.contains(key), "{line}");
    }
}

#[test]
fn a_private_feed_asks_for_the_key() {
    let mut process = start(json!({ "requireReadAuth": true }));
    let open = |path: &str, header: Option<(&'static str, String)>| {
        let url = process.url(path).replace("http://", "ws://");
        let mut request = url.into_client_request().unwrap();
        if let Some((name, value)) = header {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        match tungstenite::connect(request) {
            Ok(_) => 101,
            Err(Error::Http(answer)) => answer.status().as_u16(),
            Err(error) => panic!("{error}"),
        }
    };
    for path in ["/ws", "/", "/ws?key=wrong"] {
        assert_eq!(open(path, None), 401, "{path}");
    }
    assert_eq!(open("/ws", Some(("X-API-Key", KEY.to_owned()))), 101);
    assert_eq!(open("/", Some(basic("x", KEY))), 101);
    assert_eq!(open(&format!("/ws?key={KEY}"), None), 101);
    assert_eq!(process.get("/api/healthz")["ready"], true);
    assert_eq!(process.stop(), Some(0));
}
