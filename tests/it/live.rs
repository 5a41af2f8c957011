//! The live feed of the real program.

use std::net::TcpStream;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Error, Message, WebSocket};

use crate::support::process::{PATIENCE, Process};

const KEY: &str = "a-key-of-more-than-16-characters";

fn start() -> Process {
    let mut process = Process::prepare(&json!({
        "apiKey": KEY,
        "mqttSources": [{"name": "nowhere", "broker": "mqtt://127.0.0.1:1", "topics": ["a"]}]
    }));
    process.start();
    process
}

fn connect(process: &Process, path: &str, origin: Option<&str>) -> Result<Client, Error> {
    let url = process.url(path).replace("http://", "ws://");
    let mut request = url.into_client_request()?;
    if let Some(origin) = origin {
        request.headers_mut().insert("Origin", origin.parse().unwrap());
    }
    let (socket, _) = tungstenite::connect(request)?;
    if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    Ok(socket)
}

type Client = WebSocket<MaybeTlsStream<TcpStream>>;

fn next_json(client: &mut Client) -> Value {
    loop {
        if let Message::Text(text) = client.read().unwrap() {
            return serde_json::from_str(text.as_str()).unwrap();
        }
    }
}

fn post(process: &Process, hex: &str, observer: &str) -> Value {
    let body = json!({"hex": hex, "observer": observer, "snr": 5.5}).to_string();
    let mut answer = ureq::post(&process.url("/api/packets"))
        .header("X-API-Key", KEY)
        .header("Content-Type", "application/json")
        .send(&body)
        .unwrap();
    serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
}

#[test]
fn every_new_observation_is_told_once_on_any_unclaimed_path() {
    let mut process = start();
    let mut clients =
        [connect(&process, "/ws", None).unwrap(), connect(&process, "/", None).unwrap()];
    let frame = "0A00D69FD7A5A7475DB07337749AE61FA53A4788E976";
    let stored = post(&process, frame, "first");
    post(&process, frame, "first");
    post(&process, frame, "second");
    for client in &mut clients {
        let told = [next_json(client), next_json(client)];
        let observers: Vec<&str> =
            told.iter().map(|event| event["data"]["observer_id"].as_str().unwrap()).collect();
        assert_eq!(observers, ["first", "second"], "a repeated observation is no news");
        let event = &told[0];
        assert_eq!(event["type"], "packet");
        assert_eq!(event["data"]["id"], stored["id"]);
        assert_eq!(event["data"]["hash"], "b1f07307cbc01ce5");
        assert_eq!(event["data"]["decoded"]["header"]["payloadTypeName"], "TXT_MSG");
        assert_eq!(event["data"]["decoded"]["payload"]["destHash"], "d6");
        assert_eq!(event["data"]["packet"]["snr"], json!(5.5));
        assert_eq!(event["data"]["packet"].get("decoded"), None);
        assert_eq!(told[1]["data"]["observation_count"], json!(2));
    }
    assert_eq!(process.stop(), Some(0));
}

#[test]
fn a_page_of_another_host_is_refused() {
    let process = start();
    match connect(&process, "/ws", Some("https://evil.example")) {
        Err(Error::Http(answer)) => assert_eq!(answer.status().as_u16(), 403),
        other => panic!("expected 403, got {other:?}"),
    }
    let own = process.url("");
    assert!(connect(&process, "/ws", Some(&own)).is_ok());
}

#[test]
fn stopping_says_goodbye() {
    let mut process = start();
    let mut client = connect(&process, "/ws", None).unwrap();
    let listening = std::thread::spawn(move || {
        loop {
            match client.read() {
                Ok(Message::Close(frame)) => return frame.map(|frame| u16::from(frame.code)),
                Ok(_) => {}
                Err(error) => panic!("cut off without goodbye: {error}"),
            }
        }
    });
    assert_eq!(process.stop(), Some(0));
    assert_eq!(listening.join().unwrap(), Some(1001));
}

#[test]
fn what_is_not_a_websocket_is_told_so() {
    let process = start();
    let answer = ureq::get(&process.url("/ws")).config().http_status_as_error(false).build().call();
    assert_eq!(answer.unwrap().status().as_u16(), 400);
}
