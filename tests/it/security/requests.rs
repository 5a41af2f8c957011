//! Limits of every route in size and time.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use actix_web::http::Method;
use corescope::web;
use corescope::web::bounds::{HEADERS_MAX, URL_BYTES_MAX};
use corescope::web::connections::HEAD_WITHIN;
use corescope::web::request_body::{BODY_BYTES_MAX, BODY_WITHIN};
use serde_json::json;

use super::{connect, example_of, read_answer, request, send, start};

/// Generous: what matters is that there is an end.
const BOUND: Duration = Duration::from_secs(30);

#[test]
fn every_route_refuses_what_is_too_long_too_large_or_of_the_wrong_method() {
    let mut process = start(json!({}));
    let many = |count: usize| (0..count).map(|n| format!("X-A{n}: b\r\n")).collect::<String>();
    for endpoint in web::table() {
        let (method, path) = (endpoint.method.as_str(), example_of(endpoint.path));
        let what = format!("{method} {path}");
        let check = |status: u16, bytes: &[u8]| {
            let answer = send(&process, bytes).unwrap_or_else(|| panic!("{what}: no answer"));
            answer.check_refusal(&what);
            assert_eq!(answer.status, status, "{what}: {}", answer.body);
        };
        let long = format!("{path}?a={}", "x".repeat(URL_BYTES_MAX + 2_000));
        check(414, &request(method, &long, "", ""));
        check(431, &request(method, &path, &many(HEADERS_MAX), ""));
        check(431, &request(method, &path, &format!("X-A: {}\r\n", "x".repeat(40_000)), ""));
        let announced = format!("Content-Length: {}\r\n", BODY_BYTES_MAX + 1);
        check(413, &request(method, &path, &announced, ""));
        check(405, &request("DELETE", &path, "", ""));
        // More lines than actix reads: it refuses them itself, without a body.
        let most = send(&process, &request(method, &path, &many(100), "")).unwrap();
        assert_eq!((most.status, &*most.body), (431, ""), "{what}: {}", most.head);
    }
    assert_eq!(process.stop(), Some(0));
}

#[test]
fn a_body_whose_length_nobody_announced_is_cut_off_at_the_limit() {
    let mut process = start(json!({}));
    let chunk = format!("1000\r\n{}\r\n", "1".repeat(0x1000));
    let body = chunk.repeat(BODY_BYTES_MAX / 0x1000 + 1) + "0\r\n\r\n";
    for path in ["/api/packets", "/api/packets/observations", "/api/decode"] {
        let answer =
            send(&process, &request("POST", path, "Transfer-Encoding: chunked\r\n", &body));
        let answer = answer.unwrap();
        answer.check_refusal(path);
        assert_eq!(answer.status, 413, "{path}: {}", answer.body);
    }
    assert_eq!(process.stop(), Some(0));
}

#[test]
fn a_body_that_does_not_arrive_keeps_no_route_waiting() {
    let mut process = start(json!({}));
    let posts = web::table().into_iter().filter(|endpoint| endpoint.method == Method::POST);
    let paths: Vec<String> = posts.map(|endpoint| example_of(endpoint.path)).collect();
    let process_ref = &process;
    let statuses: Vec<(String, u16)> = std::thread::scope(|scope| {
        let ask = |path: String| {
            scope.spawn(move || {
                let started = Instant::now();
                let bytes = request("POST", &path, "Content-Length: 100\r\n", "{");
                let answer = send(process_ref, &bytes).unwrap_or_else(|| panic!("{path}: nothing"));
                assert!(started.elapsed() < BODY_WITHIN + BOUND, "{path}");
                (path, answer.status)
            })
        };
        let asked: Vec<_> = paths.into_iter().map(ask).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    for path in ["/api/packets", "/api/packets/observations", "/api/decode"] {
        assert!(statuses.contains(&(path.to_owned(), 408)), "{statuses:?}");
    }
    assert_eq!(process.stop(), Some(0));
}

#[test]
fn a_head_that_does_not_arrive_ends_the_connection() {
    let mut process = start(json!({}));
    let mut stream = connect(&process);
    write!(stream, "GET /api/stats HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    let started = Instant::now();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(started.elapsed() < HEAD_WITHIN + BOUND);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer:?}");
    assert_eq!(process.stop(), Some(0));
}

#[test]
fn an_idle_connection_ends() {
    let mut process = start(json!({}));
    let mut stream = connect(&process);
    stream.write_all(&request("GET", "/api/healthz", "", "")).unwrap();
    assert_eq!(read_answer(&mut stream).unwrap().status, 200);
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
    assert_eq!(process.stop(), Some(0));
}

#[test]
fn nonsense_is_answered_or_hung_up_on_and_others_are_served() {
    let mut process = start(json!({}));
    let nonsense: [&[u8]; 9] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET /api/stats HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /api/packets\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/decode HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/decode HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
        b"POST /api/decode HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/decode HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\nX: \x01\r\n\r\n",
    ];
    for bytes in nonsense {
        if let Some(answer) = send(&process, bytes) {
            let shown = String::from_utf8_lossy(bytes);
            assert!((400..=505).contains(&answer.status), "{shown}: {}", answer.head);
        }
    }
    assert_eq!(process.get("/api/healthz")["ready"], true);
    assert_eq!(process.stop(), Some(0));
}
