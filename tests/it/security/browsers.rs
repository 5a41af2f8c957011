//! What browsers are told, and what pages of other origins can make them do.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use corescope::config::Config;
use corescope::web;
use serde_json::json;
use tungstenite::Error;
use tungstenite::client::IntoClientRequest;

use super::{example_of, start};
use crate::support::api::{Answer, Api, KEY, ask, with_key};

fn check_headers(answer: &Answer, what: &str) {
    for (name, expected) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(expected), "{what}");
    }
    assert!(answer.header("referrer-policy").is_some(), "{what}");
    let policy = answer.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("frame-ancestors 'none'"), "{what}: {policy}");
    assert_eq!(answer.header("strict-transport-security"), None, "that is the proxy's to say");
    let is_page = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    let opener = is_page.then_some("same-origin");
    assert_eq!(answer.header("cross-origin-opener-policy"), opener, "{what}");
    if is_page {
        assert!(!policy.contains("unsafe"), "{what}: {policy}");
    }
}

#[actix_web::test]
async fn every_page_answer_and_error_has_the_headers() {
    let Some(api) = Api::with(with_key()) else { return };
    for endpoint in web::table() {
        let path = example_of(endpoint.path);
        for method in [endpoint.method.clone(), Method::DELETE, Method::OPTIONS] {
            let request = TestRequest::with_uri(&path).method(method.clone());
            check_headers(&ask(&api.state, request).await, &format!("{method} {path}"));
        }
    }
    let others = ["/", "/perf", "/packets/x", "/nope", "/api/nope", "/assets/styles/icon.svg"];
    for path in others.iter().chain(&["/assets/nope.js", "/a//b", "/%00", "/..%5cx"]) {
        check_headers(&api.get(path).await, path);
    }
    for path in ["/assets/styles/base.css", "/assets/src/main.js"] {
        let part = api.get(path).await;
        assert_eq!(part.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(part.header("cross-origin-resource-policy"), Some("same-origin"), "{path}");
    }
    let page = api.get("/").await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'") && policy.contains("trusted-types 'none'"));
}

#[actix_web::test]
async fn the_operators_own_pages_are_not_framed_either() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<script>own()</script>").unwrap();
    std::fs::write(folder.path().join("map.js"), "1").unwrap();
    let config = Config { public_dir: folder.path().to_owned(), ..Config::default() };
    let Some(api) = Api::with(config) else { return };
    for path in ["/", "/map.js", "/any/where"] {
        let answer = api.get(path).await;
        check_headers(&answer, path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(!policy.contains("script-src"), "its scripts are the operator's business");
    }
}

#[actix_web::test]
async fn a_page_of_another_origin_cannot_post() {
    let listed = "https://listed.example".to_owned();
    let config = Config { cors_allowed_origins: vec![listed.clone()], ..with_key() };
    let Some(api) = Api::that_writes(config) else { return };
    let hostile = ["https://evil.example", "null", "http://localhost:1", "https://listed.example."];
    let posts = || web::table().into_iter().filter(|endpoint| endpoint.method == Method::POST);
    let post = |path: &str, origin: &str| {
        TestRequest::post()
            .uri(path)
            .insert_header(("Host", "localhost:3000"))
            .insert_header(("Origin", origin))
            .insert_header(("X-API-Key", KEY))
            .set_payload("{}")
    };
    for endpoint in posts() {
        let path = example_of(endpoint.path);
        for origin in hostile {
            let answer = ask(&api.state, post(&path, origin)).await;
            assert_eq!(answer.status, 403, "{path} from {origin}");
            assert_eq!(answer.json(), json!({ "error": "origin not allowed" }));
        }
        for origin in [&*listed, "http://localhost:3000", "http://LOCALHOST:3000"] {
            let answer = ask(&api.state, post(&path, origin)).await;
            assert_ne!(answer.json()["error"], "origin not allowed", "{path} from {origin}");
        }
    }
    let read = TestRequest::get().uri("/api/stats").insert_header(("Origin", hostile[0]));
    let read = ask(&api.state, read).await;
    assert_eq!((read.status.as_u16(), read.header("access-control-allow-origin")), (200, None));
    assert_eq!(read.header("cross-origin-resource-policy"), Some("same-origin"));
    let shared = TestRequest::get().uri("/api/stats").insert_header(("Origin", &*listed));
    let shared = ask(&api.state, shared).await;
    assert_eq!(shared.header("cross-origin-resource-policy"), Some("cross-origin"));
}

#[test]
fn a_page_of_another_origin_cannot_listen() {
    let mut process = start(json!({ "corsAllowedOrigins": ["https://listed.example", "*"] }));
    let open = |path: &str, origin: &str| {
        let url = process.url(path).replace("http://", "ws://");
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("Origin", origin.parse().unwrap());
        match tungstenite::connect(request) {
            Ok(_) => 101,
            Err(Error::Http(answer)) => answer.status().as_u16(),
            Err(error) => panic!("{error}"),
        }
    };
    for path in ["/ws", "/"] {
        assert_eq!(open(path, "https://evil.example"), 403, "{path}");
        assert_eq!(open(path, "null"), 403, "{path}");
        assert_eq!(open(path, "https://listed.example"), 101, "{path}");
        assert_eq!(open(path, &process.url("")), 101, "{path}");
    }
    assert_eq!(process.stop(), Some(0));
}
