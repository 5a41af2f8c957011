//! Limits of every address.

use std::io::{Read, Write};

use actix_web::test::TestRequest;
use corescope::config::{Config, LimitsConfig};
use corescope::web::{self, State};
use serde_json::json;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message};

use super::{connect, example_of, read_answer, request, start};
use crate::support::api::{Api, ask};
use crate::support::process::{PATIENCE, Process, wait_for};

const FAR: &str = "203.0.113.5:4711";
const PROXY: &str = "10.0.0.1:4711";

fn strict() -> Config {
    let limits = LimitsConfig {
        costly_per_sec: 1,
        costly_burst: 3,
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        ..LimitsConfig::default()
    };
    Config { limits, ..Config::default() }
}

async fn status(state: &State, peer: &str, path: &str, forwarded: Option<&str>) -> u16 {
    let mut request = TestRequest::get().uri(path).peer_addr(peer.parse().unwrap());
    if let Some(forwarded) = forwarded {
        request = request.insert_header(("X-Forwarded-For", forwarded));
    }
    ask(state, request).await.status.as_u16()
}

#[actix_web::test]
async fn an_address_that_asks_too_much_is_told_when_to_come_again() {
    let Some(api) = Api::with(strict()) else { return };
    for _ in 0..3 {
        assert_eq!(status(&api.state, FAR, "/api/packets", None).await, 200);
    }
    let request = TestRequest::get().uri("/api/nodes").peer_addr(FAR.parse().unwrap());
    let refused = ask(&api.state, request).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, Some("1")));
    assert!(refused.json()["error"].as_str().unwrap().contains("too many requests"));
    assert_eq!(refused.header("x-content-type-options"), Some("nosniff"));
    for path in ["/api/stats", "/api/healthz", "/api/perf", "/metrics", "/"] {
        assert_eq!(status(&api.state, FAR, path, None).await, 200, "{path} is cheap");
    }
    assert_eq!(status(&api.state, "203.0.113.6:1", "/api/packets", None).await, 200);
    let text = api.get("/metrics").await;
    assert!(text.text().contains("corescope_http_refused_total{kind=\"request\"} 1\n"));
    api.clock.advance_ms(1_000);
    assert_eq!(status(&api.state, FAR, "/api/packets", None).await, 200);
    assert_eq!(status(&api.state, FAR, "/api/packets", None).await, 429);
}

#[actix_web::test]
async fn every_costly_route_counts_and_no_other() {
    let mut config = strict();
    config.limits.costly_burst = 1;
    let Some(api) = Api::with(config) else { return };
    let mut costly = Vec::new();
    for endpoint in web::table() {
        api.clock.advance_ms(10_000);
        assert_eq!(status(&api.state, FAR, "/api/nodes", None).await, 200);
        let path = example_of(endpoint.path);
        let request = TestRequest::with_uri(&path).method(endpoint.method.clone());
        let answer = ask(&api.state, request.peer_addr(FAR.parse().unwrap())).await;
        let is_refused = answer.status == 429;
        assert_eq!(is_refused, endpoint.is_costly, "{} {path}", endpoint.method);
        if is_refused {
            costly.push(format!("{} {}", endpoint.method, endpoint.path));
        }
    }
    for route in [
        "GET /api/packets",
        "POST /api/packets",
        "POST /api/decode",
        "GET /api/nodes/search",
        "GET /api/analytics/rf",
        "GET /api/backup",
        "GET /api/perf/async-migrations/{name}/moves",
    ] {
        assert!(costly.contains(&route.to_owned()), "{route}: {costly:?}");
    }
}

#[actix_web::test]
async fn the_machine_itself_is_exempt_unless_a_proxy_speaks_for_others() {
    let Some(api) = Api::with(strict()) else { return };
    for peer in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        for _ in 0..10 {
            assert_eq!(status(&api.state, peer, "/api/packets", None).await, 200, "{peer}");
        }
    }
    // Nobody has said that there is a proxy on this machine: what it forwards is one address.
    for n in 0..3 {
        let from = format!("203.0.113.{n}");
        assert_eq!(status(&api.state, "127.0.0.1:1", "/api/packets", Some(&from)).await, 200);
    }
    assert_eq!(status(&api.state, "127.0.0.1:1", "/api/packets", Some("192.0.2.1")).await, 429);
}

#[actix_web::test]
async fn a_trusted_proxy_tells_who_asks_and_a_client_cannot() {
    let Some(api) = Api::with(strict()) else { return };
    for n in 0..3 {
        let chain = format!("198.51.100.{n}, 203.0.113.5");
        assert_eq!(status(&api.state, PROXY, "/api/packets", Some(&chain)).await, 200);
    }
    let invented = "127.0.0.1, 203.0.113.5";
    assert_eq!(status(&api.state, PROXY, "/api/packets", Some(invented)).await, 429);
    assert_eq!(status(&api.state, PROXY, "/api/packets", Some("203.0.113.6")).await, 200);
    // Who is no proxy may write what he likes.
    for n in 0..3 {
        let from = format!("198.51.100.{n}");
        assert_eq!(status(&api.state, "192.0.2.9:1", "/api/packets", Some(&from)).await, 200);
    }
    assert_eq!(status(&api.state, "192.0.2.9:1", "/api/packets", Some("192.0.2.77")).await, 429);
}

type Client = tungstenite::WebSocket<tungstenite::stream::MaybeTlsStream<std::net::TcpStream>>;

fn listen(process: &Process) -> Result<Client, u16> {
    match tungstenite::connect(process.url("/ws").replace("http://", "ws://")) {
        Ok((client, _)) => Ok(client),
        Err(Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn an_address_has_so_many_live_feeds_and_gets_them_back() {
    let mut process = start(json!({ "limits": { "exempt": [], "liveClients": 2 } }));
    let mut clients = [listen(&process).unwrap(), listen(&process).unwrap()];
    assert_eq!(listen(&process).err(), Some(429));
    clients[0].close(None).unwrap();
    while clients[0].read().is_ok() {}
    wait_for(|| listen(&process).ok()).expect("the place was not given back");
    assert_eq!(process.stop(), Some(0));
}

#[test]
fn a_client_that_talks_too_much_is_hung_up_on() {
    let mut process = start(json!({}));
    let mut client = listen(&process).unwrap();
    if let tungstenite::stream::MaybeTlsStream::Plain(stream) = client.get_ref() {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    for _ in 0..200 {
        if client.send(Message::text("hello")).is_err() {
            break;
        }
    }
    let reason = loop {
        match client.read() {
            Ok(Message::Close(Some(frame))) => break frame.code,
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(reason, CloseCode::Policy);
    let mut large = listen(&process).unwrap();
    large.send(Message::text("x".repeat(1_000))).unwrap();
    while large.read().is_ok() {}
    assert_eq!(process.get("/api/healthz")["ready"], true);
    assert_eq!(process.stop(), Some(0));
}

#[test]
fn an_address_has_so_many_connections() {
    let mut process = start(json!({ "limits": { "exempt": [], "connections": 3 } }));
    let ask = |stream: &mut std::net::TcpStream| {
        stream.write_all(&request("GET", "/api/healthz", "", "")).ok()?;
        read_answer(stream).map(|answer| answer.status)
    };
    let mut held: Vec<_> = (0..3).map(|_| connect(&process)).collect();
    for stream in &mut held {
        assert_eq!(ask(stream), Some(200));
    }
    let mut one_more = connect(&process);
    assert_eq!(one_more.read(&mut [0; 16]).unwrap_or(0), 0, "it should have been hung up on");
    drop(held);
    wait_for(|| ask(&mut connect(&process))).expect("the places were not given back");
    assert_eq!(process.stop(), Some(0));
}
