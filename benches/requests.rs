//! Requests a second on the real program with its RAM window full, beside what a bare actix-web
//! handler does in the same run: `CORESCOPE_BENCH_DB=… cargo bench --bench requests`; needs `wrk`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod support;

use std::process::Command;
use std::sync::mpsc;

use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::json;
use support::figures::tell;
use support::program::{Program, folder_over, load, run, seed};

const CONNECTIONS: u32 = 64;
const SECONDS: u32 = 4;
/// As they are named in the report; the first two answers are of the sizes of the bare handlers.
const ROUTES: [(&str, &str); 9] = [
    ("stats", "/api/stats"),
    ("healthz", "/api/healthz"),
    ("perf-io", "/api/perf/io"),
    ("packets", "/api/packets?limit=50"),
    ("packets-grouped", "/api/packets?limit=50&groupByHash=true"),
    ("rf", "/api/analytics/rf"),
    ("hash-sizes", "/api/analytics/hash-sizes"),
    ("nodes", "/api/nodes?limit=50"),
    ("observers", "/api/observers"),
];

fn main() {
    let Some(seed) = seed() else { return };
    let (small, large) = (bare(vec![b'x'; 600]), bare(vec![b'x'; 33_000]));
    let folder = folder_over(&seed, &json!({}));
    let program = Program::start(folder.path());
    program.wait_for_migrations();
    program.wait_for_window();
    for (name, address) in [("bare-small", &small), ("bare-33kB", &large)] {
        measure(name, address, "/", CONNECTIONS);
    }
    for (name, path) in ROUTES {
        measure(name, &program.address, path, CONNECTIONS);
    }
    measure("packets-alone", &program.address, "/api/packets?limit=50", 1);
    uncached(&program);
    tell("requests.peak-MB", program.peak_mb(), "MB");
    program.stop();
}

fn measure(name: &str, address: &str, path: &str, connections: u32) {
    let Some(load) = load(address, path, connections, SECONDS) else {
        eprintln!("wrk is not installed: nothing done");
        return;
    };
    tell(&format!("requests.{name}.per-s"), load.per_s, "req/s");
    tell(&format!("requests.{name}.p50"), load.p50_ms, "ms");
    tell(&format!("requests.{name}.p99"), load.p99_ms, "ms");
    assert!(load.errors == 0.0, "{path}: {} errors", load.errors);
}

/// A filter that nobody has asked for before: each request has another time in it.
fn uncached(program: &Program) {
    let script = std::env::temp_dir().join("corescope-uncached.lua");
    let text = "local n = 0\nrequest = function()\n n = n + 1\n \
                return wrk.format('GET', string.format('/api/packets?limit=50&type=4&since=%s', \
                os.date('!%Y-%m-%dT%H:%M:%SZ', os.time() - 86400 * 20 + n % 1000000)))\nend\n";
    std::fs::write(&script, text).unwrap();
    let mut command = Command::new("wrk");
    command
        .args(["-t2", &format!("-c{CONNECTIONS}"), &format!("-d{SECONDS}s"), "-s"])
        .arg(&script)
        .arg(format!("http://{}", program.address));
    let Some(load) = run(command) else { return };
    assert!(load.errors == 0.0, "uncached: {} errors", load.errors);
    tell("requests.packets-uncached.per-s", load.per_s, "req/s");
}

/// The least that the same server can do: two workers, ready bytes.
fn bare(body: Vec<u8>) -> String {
    let (told, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let body = web::Bytes::from(body);
        let server = HttpServer::new(move || {
            let body = body.clone();
            App::new().default_service(web::to(move || {
                let body = body.clone();
                async move { HttpResponse::Ok().content_type("application/json").body(body) }
            }))
        });
        let server = server.workers(2).bind("127.0.0.1:0").unwrap();
        told.send(server.addrs()[0].to_string()).unwrap();
        actix_web::rt::System::new().block_on(server.run()).unwrap();
    });
    heard.recv().unwrap()
}
