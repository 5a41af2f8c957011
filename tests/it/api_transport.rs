//! What every answer has: headers, methods, clean paths, CORS, compression, pages.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use corescope::config::Config;
use serde_json::json;

use crate::support::api::{Api, ask};
use crate::support::check_text;

#[actix_web::test]
async fn unknown_paths_and_wrong_methods_below_api_are_answered_in_json() {
    let Some(api) = Api::over_fixture() else { return };
    for path in ["/api", "/api/", "/api/nope", "/api/stats/", "/api/packets/1/2"] {
        let answer = api.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (404, json!({ "error": "Not found" })));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    for (method, path, allow) in [
        (Method::POST, "/api/stats", "GET, HEAD"),
        (Method::DELETE, "/api/packets", "GET, HEAD, POST"),
        (Method::GET, "/api/decode", "POST"),
        (Method::OPTIONS, "/api/stats", "GET, HEAD"),
        (Method::PUT, "/", "GET, HEAD"),
    ] {
        let request = TestRequest::with_uri(path).method(method);
        let answer = ask(&api.state, request).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, Some(allow)), "{path}");
        assert_eq!(answer.json()["error"], format!("method not allowed, use {allow}"));
    }
}

#[actix_web::test]
async fn every_answer_has_the_load_status_and_api_answers_are_not_stored() {
    let Some(api) = Api::over_fixture() else { return };
    for path in ["/api/stats", "/api/nope", "/api/packets?type=x", "/", "/nope"] {
        let answer = api.get(path).await;
        assert_eq!(answer.header("x-corescope-load-status"), Some("ready"), "{path}");
        assert_eq!(answer.header("x-corescope-status"), None);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        let is_api = path.starts_with("/api");
        assert_eq!(answer.header("cache-control") == Some("no-store"), is_api, "{path}");
    }
}

#[actix_web::test]
async fn head_is_answered_like_get() {
    let Some(api) = Api::over_fixture() else { return };
    for path in ["/api/stats", "/api/packets", "/"] {
        let head = ask(&api.state, TestRequest::with_uri(path).method(Method::HEAD)).await;
        let get = api.get(path).await;
        assert_eq!(head.status, 200, "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"));
    }
}

/// On the wire: whether a body follows is decided below the application.
#[test]
fn the_answer_to_head_has_the_length_and_no_body() {
    use std::io::{Read, Write};
    let mut process = crate::support::process::Process::prepare(&json!({
        "mqttSources": [{"name": "nowhere", "broker": "mqtt://127.0.0.1:1", "topics": ["a"]}]
    }));
    process.start();
    let url = process.url("");
    let host = url.trim_start_matches("http://");
    for path in ["/api/packets", "/"] {
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(crate::support::process::PATIENCE)).unwrap();
        write!(stream, "HEAD {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "", "{path}");
        let body = ureq::get(&process.url(path)).call().unwrap().body_mut().read_to_vec().unwrap();
        let length = format!("content-length: {}\r\n", body.len());
        assert!(format!("{head}\r\n").to_lowercase().contains(&length), "{path}: {head}");
    }
    assert_eq!(process.stop(), Some(0));
}

#[actix_web::test]
async fn a_path_below_api_is_one_however_it_is_written() {
    let Some(api) = Api::over_fixture() else { return };
    for (path, status) in [("/%61pi/stats", 200), ("/%61pi/nope", 404), ("/ap%69/packets/x", 404)] {
        let answer = api.get(path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("cache-control")),
            (status, Some("no-store"))
        );
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
    }
}

#[actix_web::test]
async fn a_path_with_a_backslash_is_not_cleaned_into_a_foreign_one() {
    let Some(api) = Api::over_fixture() else { return };
    for path in ["/%5Cevil.example/..", "/x/../%5cevil.example", "//%5c%5cevil.example"] {
        let answer = api.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (400, None), "{path}");
        assert_eq!(answer.json(), json!({ "error": "invalid path" }));
    }
}

#[actix_web::test]
async fn paths_are_cleaned_by_a_redirect_that_stays_here() {
    let Some(api) = Api::over_fixture() else { return };
    for (path, location) in [
        ("/api//stats?x=1", "/api/stats?x=1"),
        ("/api/x/../stats", "/api/stats"),
        ("//evil.example/..", "/"),
        ("//evil.example/x", "/evil.example/x"),
        ("/../../etc/passwd", "/etc/passwd"),
        ("/a/./b/", "/a/b/"),
    ] {
        let answer = api.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (301, Some(location)));
    }
}

#[actix_web::test]
async fn cors_is_exact_and_silent_unless_configured() {
    let origins = |list: &[&str]| Config {
        cors_allowed_origins: list.iter().map(|origin| (*origin).to_owned()).collect(),
        ..Config::default()
    };
    let get = |origin: &str| TestRequest::get().uri("/api/stats").insert_header(("Origin", origin));
    let preflight = |origin: &str| {
        TestRequest::with_uri("/api/stats")
            .method(Method::OPTIONS)
            .insert_header(("Origin", origin))
    };
    let Some(api) = Api::with(origins(&["https://a.example"])) else { return };
    let allowed = ask(&api.state, get("https://a.example")).await;
    let allow_origin = "access-control-allow-origin";
    assert_eq!(allowed.header(allow_origin), Some("https://a.example"));
    assert_eq!(allowed.header("access-control-allow-methods"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(allowed.header("access-control-allow-headers"), Some("Content-Type, X-API-Key"));
    assert_eq!(allowed.header("vary"), Some("Origin"));
    let answer = ask(&api.state, preflight("https://a.example")).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    assert_eq!(answer.header("cache-control"), None);
    let denied = ask(&api.state, get("https://A.example")).await;
    assert_eq!((denied.status.as_u16(), denied.header(allow_origin)), (200, None));
    let denied = ask(&api.state, preflight("https://b.example")).await;
    assert_eq!((denied.status.as_u16(), denied.body.len()), (403, 0));

    let Some(api) = Api::with(origins(&["*", "https://a.example"])) else { return };
    let any = ask(&api.state, get("https://a.example")).await;
    assert_eq!((any.header(allow_origin), any.header("vary")), (Some("*"), None));

    let Some(api) = Api::over_fixture() else { return };
    let silent = ask(&api.state, get("https://a.example")).await;
    assert_eq!((silent.status.as_u16(), silent.header(allow_origin)), (200, None));
}

#[actix_web::test]
async fn bodies_are_compressed_only_if_configured_and_asked_for() {
    let request =
        || TestRequest::get().uri("/api/packets").insert_header(("Accept-Encoding", "gzip"));
    let Some(api) = Api::over_fixture() else { return };
    let plain = ask(&api.state, request()).await;
    assert_eq!(plain.header("content-encoding"), None);
    let mut config = Config::default();
    config.compression.is_gzip = true;
    let Some(api) = Api::with(config) else { return };
    assert_eq!(api.get("/api/packets").await.header("content-encoding"), None);
    let packed = ask(&api.state, request()).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.header("vary").map(str::to_lowercase).as_deref(), Some("accept-encoding"));
    let mut text = String::new();
    let mut unpacked = flate2::read::GzDecoder::new(packed.body.as_ref());
    std::io::Read::read_to_string(&mut unpacked, &mut text).unwrap();
    assert_eq!(text, plain.text());
}

#[actix_web::test]
async fn only_types_of_text_are_compressed() {
    let public = tempfile::tempdir().unwrap();
    for (name, is_packed) in FILES {
        let _ = is_packed;
        std::fs::write(public.path().join(name), "x".repeat(5_000)).unwrap();
    }
    let mut config = Config { public_dir: public.path().to_owned(), ..Config::default() };
    config.compression.is_gzip = true;
    let Some(api) = Api::with(config) else { return };
    for (name, is_packed) in FILES {
        let request =
            TestRequest::get().uri(&format!("/{name}")).insert_header(("Accept-Encoding", "gzip"));
        let answer = ask(&api.state, request).await;
        assert_eq!(answer.status, 200, "{name}");
        let encoding = is_packed.then_some("gzip");
        assert_eq!(answer.header("content-encoding"), encoding, "{name}");
        assert_eq!(answer.body.len() == 5_000, !is_packed, "{name}");
    }
}

#[actix_web::test]
async fn the_configuration_may_say_what_is_compressed() {
    let public = tempfile::tempdir().unwrap();
    for name in ["a.pdf", "a.css"] {
        std::fs::write(public.path().join(name), "x".repeat(5_000)).unwrap();
    }
    let mut config = Config { public_dir: public.path().to_owned(), ..Config::default() };
    config.compression.is_gzip = true;
    config.compression.content_types = vec!["application/pdf".to_owned()];
    let Some(api) = Api::with(config) else { return };
    for (name, encoding) in [("a.pdf", Some("gzip")), ("a.css", None)] {
        let request =
            TestRequest::get().uri(&format!("/{name}")).insert_header(("Accept-Encoding", "gzip"));
        let answer = ask(&api.state, request).await;
        assert_eq!(answer.header("content-encoding"), encoding, "{name}");
    }
}

const FILES: [(&str, bool); 9] = [
    ("a.js", true),
    ("a.css", true),
    ("a.svg", true),
    ("a.txt", true),
    ("a.json", true),
    ("a.png", false),
    ("a.pdf", false),
    ("a.bin", false),
    ("a.zip", false),
];

#[actix_web::test]
async fn the_public_folder_is_served_and_nothing_outside_it() {
    let folder = tempfile::tempdir().unwrap();
    let public = folder.path().join("public");
    std::fs::create_dir_all(public.join("js")).unwrap();
    std::fs::write(folder.path().join("secret.txt"), "secret").unwrap();
    std::fs::write(public.join("index.html"), "<p>v=__BUST__ __BUST__</p>").unwrap();
    std::fs::write(public.join("js/app.js"), "1").unwrap();
    std::fs::write(public.join("logo.png"), "png").unwrap();
    std::os::unix::fs::symlink(folder.path().join("secret.txt"), public.join("link.txt")).unwrap();
    let config = Config { public_dir: public.clone(), ..Config::default() };
    let Some(api) = Api::with(config) else { return };
    let index = "<p>v=1779041400 1779041400</p>";
    for path in ["/", "/index.html", "/some/route", "/link.txt", "/js", "/secret.txt"] {
        let answer = api.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, index), "{path}");
        let never_kept = Some("no-cache, no-store, must-revalidate");
        assert_eq!(answer.header("cache-control"), never_kept);
    }
    let script = api.get("/js/app.js").await;
    assert_eq!(script.text(), "1");
    assert_eq!(script.header("cache-control"), Some("no-cache, no-store, must-revalidate"));
    let image = api.get("/logo.png").await;
    for file in [&script, &image] {
        assert_eq!(file.header("content-disposition"), None);
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
    }
    assert_eq!((image.text(), image.header("cache-control")), ("png", None));
    assert!(image.header("last-modified").is_some());
    for path in ["/%2e%2e/secret.txt", "/js/%2E%2E/%2e%2e/secret.txt", "/..%5csecret.txt", "/a%00"]
    {
        let answer = api.get(path).await;
        assert_eq!(answer.status, 400, "{path}");
    }
    assert_eq!(api.get("/api/nope").await.status, 404);
}

#[actix_web::test]
async fn our_own_failures_are_opaque() {
    let Some(api) = Api::over_fixture() else { return };
    api.execute("DROP TABLE dropped_packets; ALTER TABLE transmissions RENAME COLUMN hash TO h");
    for path in ["/api/stats", "/api/packets", "/api/packets/1"] {
        let answer = api.get(path).await;
        assert_eq!(answer.status, 500, "{path}");
        assert_eq!(answer.text(), "{\"error\":\"internal error\"}\n");
    }
    assert_eq!(api.get("/api/health").await.status, 200);
}

#[actix_web::test]
async fn a_panicking_handler_is_one_opaque_500() {
    async fn panicking() -> &'static str {
        panic!("as a test does")
    }
    let caught = actix_web::middleware::from_fn(corescope::web::transport::catch_panic);
    let route = actix_web::web::get().to(panicking).wrap(caught);
    let app = actix_web::App::new().route("/", route);
    let app = actix_web::test::init_service(app).await;
    let request = TestRequest::get().uri("/").to_request();
    let answer = actix_web::test::call_service(&app, request).await;
    assert_eq!(answer.status(), 500);
    let body = actix_web::test::read_body(answer.map_into_boxed_body()).await;
    assert_eq!(body.as_ref(), b"{\"error\":\"internal error\"}\n");
}

#[actix_web::test]
async fn a_websocket_is_taken_on_every_path_that_no_route_claims() {
    let Some(api) = Api::over_fixture() else { return };
    let upgrade = |path: &str| TestRequest::get().uri(path).insert_header(("Upgrade", "WebSocket"));
    for path in ["/", "/ws", "/any/where"] {
        let answer = ask(&api.state, upgrade(path)).await;
        let no_feed = json!({ "error": "this process has no live feed" });
        assert_eq!((answer.status.as_u16(), answer.json()), (503, no_feed), "{path}");
    }
    assert_eq!(ask(&api.state, upgrade("/api/stats")).await.status, 200);
    assert_eq!(ask(&api.state, upgrade("/api/nope")).await.status, 404);
}

#[actix_web::test]
async fn a_process_that_ingests_only_answers_probes_only() {
    let config = Config { role: corescope::config::Role::Ingest, ..Config::default() };
    let Some(api) = Api::with(config) else { return };
    assert_eq!(api.json("/healthz").await["ready"], true);
    assert_eq!(api.json("/api/healthz").await["ready"], true);
    for path in ["/", "/ws", "/api/stats", "/api/packets"] {
        assert_eq!(api.get(path).await.status, 404, "{path}");
    }
}

#[actix_web::test]
async fn the_route_list_for_people_names_every_route() {
    let Some(api) = Api::over_fixture() else { return };
    let page = api.get("/api/docs").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    check_text("api_docs", page.text());
}
