//! One request through the whole application: routing, reader, SQLite, JSON.
//!
//! `cargo bench --bench packets`; `CORESCOPE_BENCH_DB` names a database of operator scale
//! (`corescope seed`), which is opened for reading; without it a small one is made.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Data;
use corescope::clock::Clock;
use corescope::config::Config;
use corescope::db::{self, OpenOptions, ReaderOptions, Readers};
use corescope::ingest::Rules;
use corescope::web::{self, AppState, Ready};
use divan::Bencher;

const REQUESTS: [&str; 14] = [
    "/api/packets?limit=50",
    "/api/packets?limit=50&groupByHash=true",
    "/api/packets?limit=50&offset=40000",
    "/api/packets?limit=50&offset=40000&groupByHash=true",
    "/api/packets?limit=50&type=4",
    "/api/packets?limit=50&route=1",
    "/api/packets?limit=50&since=2026-05-10T00:00:00Z",
    "/api/packets?limit=50&since=2026-05-10T00:00:00Z&type=5&groupByHash=true",
    "/api/packets?limit=50&region=OAK",
    "/api/packets?limit=50&channel=Public",
    "/api/packets?limit=50&channel=enc_D9",
    "/api/packets?limit=50&node=LAb7",
    "/api/packets?limit=1000",
    "/api/packets/timestamps?since=2026-05-10T00:00:00Z",
];

fn main() {
    divan::main();
}

#[divan::bench(args = REQUESTS, sample_count = 20, sample_size = 1)]
fn get(bencher: Bencher, uri: &str) {
    let folder = tempfile::tempdir().unwrap();
    let state = state_over(&database(folder.path()));
    let system = actix_web::rt::System::new();
    let app = system.block_on(init_service(web::app(state)));
    let ask = || {
        system.block_on(async {
            let answer = call_service(&app, TestRequest::get().uri(uri).to_request()).await;
            let status = answer.status();
            (status, read_body(answer).await.len())
        })
    };
    let (status, bytes) = ask();
    eprintln!("{uri}: {status}, {bytes} bytes");
    bencher.bench_local(ask);
}

fn database(folder: &Path) -> PathBuf {
    if let Some(path) = std::env::var_os("CORESCOPE_BENCH_DB") {
        return path.into();
    }
    let path = folder.join("meshcore.db");
    let writer = db::open(&path, &OpenOptions::new(Clock::system())).unwrap().writer;
    rusqlite::Connection::open(&path).unwrap().execute_batch(SMALL).unwrap();
    writer.close().unwrap();
    path
}

fn state_over(path: &Path) -> Data<AppState> {
    let config = Config { public_dir: "/nonexistent".into(), ..Config::default() };
    let rules = Arc::new(Rules::new(&config));
    let state = Data::new(AppState::new(Arc::new(config), rules, Clock::system()));
    let readers = Readers::open(path, ReaderOptions::default()).unwrap();
    state.open(Ready { readers, intake: None, live: None, sources: Vec::new(), perf: None });
    state
}

const SMALL: &str = "
    INSERT INTO observers (id, name, iata) WITH RECURSIVE n(i) AS
      (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30) SELECT 'obs' || i, 'o' || i, 'OAK' FROM n;
    INSERT INTO transmissions (raw_hex, hash, first_seen, route_type, payload_type, decoded_json)
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
      SELECT hex(randomblob(60)), lower(hex(randomblob(8))),
        strftime('%Y-%m-%dT%H:%M:%SZ', 1779000000 + i * 20, 'unixepoch'), 1, i % 9, '{}' FROM n;
    INSERT INTO observations (transmission_id, observer_idx, snr, rssi, path_json, timestamp)
      WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 39999)
      SELECT i / 20 + 1, i % 30 + 1, 5.5, -90, '[\"A' || i % 10 || '\",\"B1\"]',
        1779000000 + (i / 20) * 20 + i % 20 FROM n;";
