//! Hostile names and paths: they may be stored, they may never be more than text.

use std::io::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use corescope::mesh::channel::ChannelSecret;
use corescope::mesh::encode::Route;
use corescope::mesh::encode::advert::signed;
use corescope::mesh::encode::sealed::group_text;
use corescope::mesh::header::PayloadType;
use corescope::mesh::identity::Identity;
use serde_json::{Value, json};

use super::{KEY, request, send, start};
use crate::support::broker::Broker;
use crate::support::process::{Process, count, wait_for};

const NAMES: [&str; 7] = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "\u{202e}gpj.exe\u{2066}",
    "nul\0\u{1}\u{7f}\u{85}",
    "two\r\nlines ERROR forged=1",
    "\x1b[2J\x1b]0;owned\x07",
    "q\"uo\\te{a=\"b\"} # HELP x",
];

/// Everything that ingest takes names from, with these names in it.
fn messages() -> Vec<(String, Vec<u8>)> {
    let mut messages = Vec::new();
    let mut add = |topic: String, payload: Value| {
        messages.push((topic, serde_json::to_vec(&payload).unwrap()));
    };
    for (index, name) in NAMES.iter().enumerate() {
        let observer = format!("{index:02X}AA");
        let status = json!({
            "status": name, "origin": name, "model": name, "firmware_version": name,
            "client_version": name, "radio": name, "stats": {"battery_mv": name},
        });
        add(format!("meshcore/PAR/{observer}/status"), status);
        let identity = Identity::from_seed([u8::try_from(index).unwrap() + 1; 32]);
        let data = [&[0x81][..], &name.as_bytes()[..name.len().min(31)]].concat();
        let advert = signed(&identity, 1_780_000_000, &data);
        let text = group_text(&ChannelSecret::public(), 1_780_000_000, name, name);
        for (kind, payload) in [(PayloadType::Advert, advert), (PayloadType::GrpTxt, text)] {
            let frame = Route::flood(1).frame(kind, &payload).unwrap();
            let packet = json!({ "raw": hex::encode(frame), "origin": name, "hash": name });
            add(format!("meshcore/PAR/{observer}/packets"), packet);
        }
    }
    for (observer, length) in [("FFAA", 1 << 20), ("FCAA", 60_000)] {
        let large = "x".repeat(length);
        add(format!("meshcore/PAR/{observer}/status"), json!({ "origin": large, "model": large }));
    }
    let frame = "0A00D69FD7A5A7475DB07337749AE61FA53A4788E976";
    for topic in
        ["meshcore/<b>/<img>/packets", "meshcore/../../etc/packets", "meshcore/P R/a b/packets"]
    {
        add(topic.to_owned(), json!({ "raw": frame, "origin": "plain" }));
    }
    messages.push((
        "meshcore/PAR/FEAA/status".to_owned(),
        b"{\"origin\":\"\xff\xfe\xc3\x28\",\"status\":\"online\"}".to_vec(),
    ));
    messages
}

fn publish(process: &Process, broker: &Broker) -> usize {
    let path = process.folder.path().join("hostile.ndjson");
    let mut file = std::fs::File::create(&path).unwrap();
    let messages = messages();
    for (topic, payload) in &messages {
        let line = json!({
            "ts": "2026-08-11T00:06:09Z", "topic": topic, "retained": false,
            "b64": STANDARD.encode(payload),
        });
        writeln!(file, "{line}").unwrap();
    }
    let replay = ["replay", "--mqtt", &broker.url(), "--qos", "1"];
    let output = process.command(&replay).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    messages.len()
}

/// Text that reaches a browser, a collector or a terminal as more than text.
fn check_text(text: &str, what: &str) {
    assert!(!text.contains("<img") && !text.contains("<script>alert"), "{what}: {text}");
    // DEL and what lies above are harmless in JSON and in a page.
    let is_bad = |letter: char| letter < ' ' && letter != '\n';
    assert!(!text.contains(is_bad), "{what}: {:?}", text.chars().find(|letter| is_bad(*letter)));
}

#[test]
fn hostile_names_are_text_everywhere_and_nothing_else() {
    let Some(broker) = Broker::start() else { return };
    let mut process = start(json!({
        "mqttSources": [{"name": NAMES[6], "broker": broker.url(), "topics": ["meshcore/#"]}]
    }));
    wait_for(|| process.log().contains("subscribed").then_some(())).expect("never subscribed");
    let sent = publish(&process, &broker);
    let total = || process.get("/api/mqtt/status")["sources"][0]["packetsTotal"].as_u64();
    wait_for(|| (total() == u64::try_from(sent).ok()).then_some(())).expect("not all arrived");
    let nodes = || count(&process.database(), "SELECT COUNT(*) FROM observers");
    wait_for(|| (nodes() >= NAMES.len() as i64).then_some(())).expect("observers are not stored");
    let body =
        json!({ "hex": "0A00D69FD7A5A7475DB07337749AE61FA53A4788E976", "observer": NAMES[0] });
    let body = body.to_string();
    let length = format!("Content-Length: {}\r\n", body.len());
    assert_eq!(
        send(&process, &request("POST", "/api/packets", &length, &body)).unwrap().status,
        200
    );

    for path in [
        "/api/nodes",
        "/api/observers",
        "/api/channels",
        "/api/packets?limit=100",
        "/api/docs",
        "/api/packets?limit=100&groupByHash=true&expand=observations",
        "/api/nodes/search?q=img",
        "/api/channels/public/messages",
        "/api/mqtt/status",
        "/api/perf",
        "/api/observers/00AA",
        "/metrics",
        "/",
        "/api/stats",
        "/api/health",
    ] {
        let answer = send(&process, &request("GET", path, "Connection: close\r\n", "")).unwrap();
        let is_item = path.ends_with("/messages") || path.ends_with("00AA");
        assert!(answer.status == 200 || is_item && answer.status == 404, "{path}: {}", answer.head);
        check_text(&answer.body, path);
        if answer.header("content-type") == Some("application/json") {
            serde_json::from_str::<Value>(&answer.body).unwrap();
        }
    }
    let names = |list: &Value| -> Vec<String> {
        let name = |row: &Value| row["name"].as_str().unwrap_or_default().to_owned();
        list.as_array().unwrap().iter().map(name).collect()
    };
    let observers = names(&process.get("/api/observers")["observers"]);
    assert!(observers.iter().any(|name| name == NAMES[0]), "shown as it is: {observers:?}");
    let longest = observers.iter().map(String::len).max().unwrap();
    assert!(longest < 1_024, "a name of a megabyte was kept: {longest}");
    let metrics = send(&process, &request("GET", "/metrics", "Connection: close\r\n", "")).unwrap();
    let forged = metrics.body.lines().find(|line| line.starts_with("# HELP x"));
    assert_eq!(forged, None);
    assert_eq!(process.stop(), Some(0));
    for line in process.log().lines() {
        assert!(!line.contains("lines ERROR forged") || line.contains("two\\r\\n"), "{line}");
        let is_bad = |letter: char| letter.is_control() && letter != '\x1b';
        assert!(!line.contains(is_bad) && !line.contains("\x1b[2J"), "{line:?}");
    }
}

#[test]
fn hostile_paths_and_queries_are_refused_or_not_found_and_logged_on_one_line() {
    let mut process = start(json!({}));
    for path in [
        "/api/nodes/%3Cimg%20src=x%20onerror=alert(1)%3E",
        "/api/observers/%0d%0aSet-Cookie:%20a=b",
        "/api/packets/%00",
        "/api/packets/..%2f..%2fetc%2fpasswd",
        "/api/channels/%FF%FE/messages",
        "/api/nodes/search?q=%3Cscript%3Ealert(1)%3C/script%3E%00%ff%0d%0aX-A:1",
        "/api/packets?since=%0d%0aX-Injected:%201&type=%00&region=%E2%80%AE",
        "/api/packets?hash=' OR 1=1 --",
        "/api/packets?hash=%27%20OR%201=1%20--&node=%27;DROP%20TABLE%20nodes;--",
        "/%0d%0aX-Injected:%201",
        "/a//%0d%0aX-Injected:%201",
        "/%E2%80%AE",
    ] {
        let answer = send(&process, &request("GET", path, "Connection: close\r\n", ""));
        let Some(answer) = answer else { continue };
        assert!(answer.status < 500, "{path}: {} {}", answer.head, answer.body);
        assert_eq!(answer.header("x-injected"), None, "{path}");
        assert_eq!(answer.header("set-cookie"), None, "{path}");
        check_text(&answer.body, path);
    }
    let log = process.log();
    let is_plain = |line: &str| line.starts_with("20") && !line.contains("Injected");
    assert!(log.lines().all(is_plain), "a stranger writes into the log: {log}");
    assert_eq!(process.get("/api/stats")["totalNodes"], 0);
    assert_eq!(process.stop(), Some(0));
}

#[test]
fn no_path_leads_out_of_the_public_folder() {
    let folder = tempfile::tempdir().unwrap();
    let public = folder.path().join("public");
    std::fs::create_dir_all(public.join("deep/er")).unwrap();
    std::fs::write(folder.path().join("secret.txt"), "the-secret").unwrap();
    std::fs::write(public.join("index.html"), "the-index").unwrap();
    std::fs::write(public.join("open.txt"), "open").unwrap();
    let link = |to: &Path, at: &str| std::os::unix::fs::symlink(to, public.join(at)).unwrap();
    link(&folder.path().join("secret.txt"), "link.txt");
    link(folder.path(), "up");
    link(Path::new("/"), "root");
    link(&public.join("open.txt"), "within.txt");
    assert!(
        std::process::Command::new("mkfifo").arg(public.join("pipe")).status().unwrap().success()
    );
    let mut process = Process::prepare(&json!({ "apiKey": KEY }));
    process.start_with(&["--public", public.to_str().unwrap()]);
    for path in [
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/deep/../../secret.txt",
        "/deep/%2e%2e/%2e%2e/secret.txt",
        "/..%5csecret.txt",
        "/....//secret.txt",
        "/%252e%252e/secret.txt",
        "/%c0%ae%c0%ae/secret.txt",
        "/open.txt%00.html",
        "/link.txt",
        "/up/secret.txt",
        "/root/etc/passwd",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/%2f%2fetc%2fpasswd",
        "/file:///etc/passwd",
        "/pipe",
        "/deep/er",
        "/deep",
        "/\\..\\secret.txt",
        "/./../secret.txt",
        "/assets/../../secret.txt",
    ] {
        let answer = send(&process, &request("GET", path, "Connection: close\r\n", ""));
        let Some(answer) = answer else { continue };
        let is_harmless = answer.body == "the-index" || answer.status >= 300 && answer.status < 500;
        assert!(is_harmless, "{path}: {} {}", answer.head, answer.body);
        assert!(!answer.body.contains("the-secret") && !answer.body.contains("root:"), "{path}");
    }
    for path in ["/open.txt", "/within.txt"] {
        let answer = send(&process, &request("GET", path, "Connection: close\r\n", "")).unwrap();
        assert_eq!((answer.status, &*answer.body), (200, "open"), "{path}");
    }
    assert_eq!(process.stop(), Some(0));
}
