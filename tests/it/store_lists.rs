//! `GET /api/packets` from SQLite alone, from a RAM window that holds everything, and from one that
//! holds the newest part: the same bytes (issue: never partial; contract §3.1, decision 25).

use std::path::Path;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Bytes;
use corescope::clock::Clock;
use corescope::config::{Area, Config, Shape};
use corescope::db::bulk::{BulkWriter, Era};
use corescope::db::packets::records;
use corescope::db::{OpenOptions, Readers};
use corescope::sim::history::{self, HistoryPlan};
use corescope::sim::network::Network;
use corescope::store::{Covers, Floor, Record, Snapshot, Store};
use corescope::web::{self, AppState, Ready, State};
use rusqlite::Connection;

use crate::support::api::{Api, NOW_MS};
use crate::support::patient;

/// Lets lists be answered from a snapshot, as the Loader would after a look at the database that
/// found another program's rows.
fn show(state: &AppState, snapshot: Arc<Snapshot>) {
    state.window.publish(snapshot, 0);
    state.window.note_foreign();
    state.window.note_look(state.clock.monotonic());
}

fn config() -> Config {
    let mut config = Config::default();
    // Some nodes of the fixture and some of the simulated mesh.
    let shape = Shape::Bounds { lat_min: 36.9, lat_max: 48.14, lon_min: -122.2, lon_max: 11.5 };
    config.areas.insert("here".to_owned(), Area { label: "Here".to_owned(), shape });
    config
}

pub fn state(readers: &Readers) -> State {
    let state = Api::closed(config(), Clock::manual(NOW_MS));
    let readers = readers.clone();
    state.open(Ready { readers, intake: None, live: None, sources: Vec::new(), perf: None });
    state
}

async fn all_records(path: &Path, readers: &Readers) -> Vec<Record> {
    let conn = Connection::open(path).unwrap();
    let mut ids = conn.prepare("SELECT id FROM transmissions").unwrap();
    let ids: Vec<i64> = ids.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    readers.ask(move |reader| records(reader, &ids)).await.unwrap()
}

fn window(records: &[Record], floor: Floor) -> Arc<Snapshot> {
    let mut store = Store::new();
    for record in records {
        match floor {
            Floor::Since(floor_s) if record.recency_s() < floor_s => {}
            _ => store.put(record.clone()),
        }
    }
    store.set_floor(floor);
    store.publish()
}

/// The time that half of all packets were heard after, Unix seconds.
fn middle_s(records: &[Record]) -> i64 {
    let mut times: Vec<i64> = records.iter().map(Record::recency_s).collect();
    times.sort_unstable();
    times[times.len() / 2]
}

/// What is asked, and whether the window leaves it to the database.
struct Queries {
    all: Vec<String>,
    left_to_sqlite: Vec<String>,
}

/// Every parameter with usual and odd values, and every `pair_step`th pair of them.
fn queries(path: &Path, floor_s: i64, pair_step: usize) -> Queries {
    let conn = Connection::open(path).unwrap();
    let first = |sql: &str| -> String { conn.query_row(sql, [], |row| row.get(0)).unwrap() };
    let time = |after_s: i64| corescope::clock::iso_s(floor_s + after_s);
    let relay = first(
        "SELECT json_extract(resolved_path, '$[#-1]') FROM observations \
         WHERE resolved_path LIKE '%\"]' ORDER BY id DESC LIMIT 1",
    );
    let sender = first(
        "SELECT lower(json_extract(decoded_json, '$.pubKey')) FROM transmissions \
         WHERE payload_type = 4 AND json_valid(decoded_json) ORDER BY id LIMIT 1",
    );
    let name = "SELECT name FROM nodes WHERE name NOT GLOB '*[^A-Za-z0-9 ]*' LIMIT 1";
    let hash = first("SELECT hash FROM transmissions ORDER BY id DESC LIMIT 1").to_uppercase();
    let observer = first(
        "SELECT o.id FROM observers o JOIN observations s ON s.observer_idx = \
         o.rowid GROUP BY o.id ORDER BY count(*) LIMIT 1",
    );
    let region = first("SELECT lower(iata) FROM observers WHERE iata > '' LIMIT 1");
    let channel = first(
        "SELECT json_extract(decoded_json, '$.channel') AS c FROM transmissions WHERE \
         payload_type = 5 AND json_valid(decoded_json) AND c IS NOT NULL ORDER BY id LIMIT 1",
    );
    let hash_hex = first(
        "SELECT json_extract(decoded_json, '$.channelHashHex') AS c FROM transmissions WHERE \
         payload_type = 5 AND json_valid(decoded_json) AND c IS NOT NULL ORDER BY id LIMIT 1",
    );
    let escaped = |text: &str| text.replace('#', "%23").replace(' ', "%20");
    let singles = [
        "type=4".to_owned(),
        "type=5".to_owned(),
        "type=-1".to_owned(),
        format!("type={}", i64::MAX),
        "route=1".to_owned(),
        format!("route={}", i64::MIN),
        format!("observer={observer}"),
        format!("observer=nobody,{observer}"),
        "observer=nobody".to_owned(),
        format!("hash={hash}"),
        "hash=odd-hash".to_owned(),
        format!("since={}", time(600)),
        format!("since={}", time(-600)),
        format!("since={}", time(0)),
        format!("until={}", time(900)),
        format!("until={}.500Z", time(1200).trim_end_matches('Z')),
        format!("region={region}"),
        format!("region={region},XYZ"),
        "region=XYZ".to_owned(),
        "region=All".to_owned(),
        "area=here".to_owned(),
        format!("node={relay}"),
        format!("node={}", sender.to_uppercase()),
        format!("node={}", escaped(&first(name))),
        "node=unknown".to_owned(),
        format!("nodes={relay},{sender}"),
        "nodes=,".to_owned(),
        format!("channel={}", escaped(&channel)),
        "channel=PUBLIC".to_owned(),
        format!("channel=enc_{hash_hex}"),
        "channel=enc_".to_owned(),
        "order=asc".to_owned(),
        "expand=observations".to_owned(),
        "groupByHash=true".to_owned(),
        "limit=3".to_owned(),
        "offset=7".to_owned(),
        "offset=100000".to_owned(),
    ];
    let mut all: Vec<String> = vec![String::new()];
    for (i, one) in singles.iter().enumerate() {
        all.push(one.clone());
        for (j, two) in singles.iter().enumerate().skip(i + 1) {
            let is_same = one.split('=').next() == two.split('=').next();
            if is_same || (i * 7 + j) % pair_step != 0 {
                continue;
            }
            // Half of the pairs by latest reception.
            let view = if (i + j) % 2 == 0 { "&groupByHash=true" } else { "" };
            all.push(format!("{one}&{two}{view}"));
        }
    }
    let full = format!("limit=10000&since={}", time(300));
    all.extend(["limit=10000".to_owned(), "limit=10000&groupByHash=true".to_owned()]);
    all.extend([full.clone(), format!("{full}&groupByHash=true"), format!("{full}&type=4")]);
    all.push(format!("since={}&until={}&nodes={relay}", time(60), time(6000)));
    let left_to_sqlite = vec!["node=%2C".to_owned(), "nodes=no%20such%20name".to_owned()];
    Queries { all, left_to_sqlite }
}

/// Asks each of the states the same.
pub async fn ask_all(states: &[&State], query: &str) -> Vec<(StatusCode, Bytes)> {
    let mut answers = Vec::new();
    for state in states {
        let app = init_service(web::app((*state).clone())).await;
        let uri = format!("/api/packets?{query}");
        let response = call_service(&app, TestRequest::get().uri(&uri).to_request()).await;
        let status = response.status();
        answers.push((status, read_body(response.map_into_boxed_body()).await));
    }
    answers
}

fn total(body: &Bytes) -> u64 {
    let json: serde_json::Value = serde_json::from_slice(body).unwrap();
    json["total"].as_u64().unwrap()
}

async fn compare(path: &Path, pair_step: usize) {
    let readers = Readers::open(path, patient(Clock::system(), 1)).unwrap();
    let rows = all_records(path, &readers).await;
    let floor_s = middle_s(&rows);
    let [sqlite, full, mixed, empty] = [(); 4].map(|()| state(&readers));
    show(&full, window(&rows, Floor::Everything));
    assert_eq!(full.window.latest().covers(None), Covers::Everything);
    show(&mixed, window(&rows, Floor::Since(floor_s)));
    // Claims everything and has nothing: whatever it is asked for has no rows.
    show(&empty, window(&[], Floor::Everything));
    let queries = queries(path, floor_s, pair_step);
    let mut rows_in_all = 0;
    for query in queries.all.iter().chain(&queries.left_to_sqlite) {
        let answers = ask_all(&[&sqlite, &full, &mixed, &empty], query).await;
        assert_eq!(answers[0].0, StatusCode::OK, "{query}");
        assert!(answers[1] == answers[0], "{query}: {:?}\n{:?}", answers[0], answers[1]);
        assert!(answers[2] == answers[0], "{query}: {:?}\n{:?}", answers[0], answers[2]);
        let is_left = queries.left_to_sqlite.contains(query);
        assert_eq!(answers[3] == answers[0], is_left || total(&answers[0].1) == 0, "{query}");
        rows_in_all += total(&answers[0].1);
    }
    assert!(rows_in_all > 5_000, "{rows_in_all}");
}

fn database(api: &Api) -> std::path::PathBuf {
    api.folder.path().join("meshcore.db")
}

#[actix_web::test]
async fn lists_of_the_fixture_are_the_same_from_memory_and_from_disk() {
    let Some(mut api) = Api::over_fixture() else { return };
    compare(&database(&api), 1).await;
    api.migrate();
    compare(&database(&api), 5).await;
}

/// Rows that no writer of ours makes, and receptions that were stored twice.
pub const ABSURD: &str = r##"
  PRAGMA foreign_keys = OFF;
  INSERT INTO transmissions (id, raw_hex, hash, first_seen, route_type, payload_type, decoded_json,
    from_pubkey, channel_hash, last_seen) VALUES
    (-5, '00', 'ODD-HASH', '2026-05-17T17:00:00.5Z', 1, 4, '{"pubKey":"ABCDEF"}', NULL, NULL, 0),
    (0, '00', 'odd-hash', 't', 9223372036854775807, -1, 'no json', NULL, NULL, 0),
    (9001, '00', '', '2026-05-17T17:00:00Z', 1, 4, '{}', NULL, NULL, 0),
    (9002, '00', 'ü', '', 1, 4, '{}', NULL, NULL, 0),
    (9003, '00', 'FEDCBA9876543210', '2026-05-17T19:00:00+02:00', -9223372036854775808, 100, NULL,
      NULL, NULL, 9223372036854775807),
    (9004, '00', '0123456789abcdef', '9999-12-31T23:59:59.999Z', NULL, NULL, NULL, '', '', 1),
    (9005, '00', '0123456789abcde0', '2026-05-17T17:00:00.081Z', 1, 5,
      '{"channel":"#bot","channel":"x","channelHashHex":"11"}', NULL, NULL, 0),
    (9006, '00', '0123456789abcde1', '2026-05-17T17:00:00.081Z', 1, 5, '{"channel":5}', NULL,
      'Public', 0),
    (9007, '00', '0123456789abcde2', '2026-05-17T17:00:00Z', 1, 4, '{}', 'ABCDEF', NULL, 0),
    (9223372036854775807, '00', '0123456789abcde3', '2026-05-17T17:00:00Z', 1, 4,
      '{"pubKey":123}', NULL, NULL, 0);
  DROP INDEX IF EXISTS idx_observations_dedup;
  INSERT INTO observations (id, transmission_id, observer_idx, snr, path_json, timestamp,
    resolved_path) VALUES
    (-1, -5, 1, 1.5, '["A1"]', 9223372036854775807, '["ABCDEF",null]'),
    (0, -5, NULL, NULL, NULL, -9223372036854775808, 'broken "abcdef'),
    (90001, 0, 99999, NULL, 'no list', 0, '{"a":"abcdef"}'),
    (90002, 0, 1, 3, '["A1","B2"]', 1779037200, NULL),
    (90003, 0, 1, NULL, '["A1","B2"]', 1779037300, '["abcdef","123"]'),
    (90004, 0, 1, 4, '["A1","B2"]', 1779037100, NULL),
    (90005, 0, 13, 4, '["C1","D2"]', 1779037100, NULL),
    (90006, 9004, 1, 4, '', 1779037100, '"","123"'),
    (90007, 9004, 1, 5, NULL, 1779037101, x'22616263646566'),
    (90008, 9223372036854775807, 13, 5, '[]', 1779037101, NULL),
    (90009, 424242, 13, 5, '[]', 1779037101, NULL);
  INSERT INTO transmissions (id, raw_hex, hash, first_seen, route_type, payload_type, decoded_json,
    from_pubkey, channel_hash, last_seen) VALUES
    (9101, '00', x'616263', '2026-05-17T17:00:01Z', 1, 4, NULL, NULL, NULL, 0),
    (9102, '00', 'odd 2', x'32303236', 1, 4, NULL, x'ab', NULL, 0),
    (9103, '00', CAST(x'ff6162' AS TEXT), CAST(x'32ff' AS TEXT), 'x', 5, x'7b7d', NULL, NULL, 0),
    (9104, '00', 'odd 4', '2026-05-17T17:00:01Z', 2, 5.5, x'00', NULL, CAST(x'ff' AS TEXT), 'y'),
    (9105, '00', 'odd 5', '2026-05-17T18:00:01Z', 1, 4, '{"pubKey":"ABCDEF"}', NULL, NULL, 0),
    (9106, '00', 'odd 6', '2026-05-17T18:00:01Z', 1, 5, '{"channel":"' || char(10) || '"}', NULL,
      NULL, 0),
    (9107, '00', 'odd 7', '2026-05-17T17:00:01Z', 1, 4,
      '{"pubKey":"ABCDEF","x":"' || hex(zeroblob(500000)) || '"}', NULL, NULL, 0);
  INSERT INTO observations (id, transmission_id, observer_idx, snr, path_json, timestamp,
    resolved_path) VALUES
    (91001, 9101, 1, 'loud', '["A1"]', 1779037100, '["abcdef"]'),
    (91002, 9105, 1, 1, '["A1"]', 'soon', '["abcdef"]'),
    (91003, 9105, 'me', 1, x'5b5d', 1779037900, CAST(x'22ff22' AS TEXT)),
    (91004, 9105, 13, 1, CAST(x'ff' AS TEXT), 1.5, NULL),
    (91005, 9106, -9223372036854775808, 1, '[]', 1779037900, NULL),
    (91006, 9107, 13, 1, '[]', 1779037900, NULL);
  INSERT INTO observations (transmission_id, observer_idx, direction, snr, rssi, path_json,
      timestamp, resolved_path)
    SELECT transmission_id, observer_idx, direction, 0.25, rssi, path_json, timestamp + 7,
      resolved_path FROM observations WHERE id % 5 = 0 AND transmission_id > 0;
"##;

#[actix_web::test]
async fn lists_of_absurd_and_doubled_rows_are_the_same_from_memory_and_from_disk() {
    let Some(mut api) = Api::over_fixture() else { return };
    api.execute(ABSURD);
    compare(&database(&api), 5).await;
    api.migrate();
    compare(&database(&api), 5).await;
}

#[actix_web::test]
async fn lists_of_a_simulated_mesh_are_the_same_from_memory_and_from_disk() {
    for era in [Era::PreBackfill, Era::Present] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("meshcore.db");
        let plan = HistoryPlan {
            transmissions: 400,
            observations: 4_000,
            seed: 7,
            end_s: NOW_MS / 1000,
            span_s: 86_400,
            padding_bytes: 0,
            era,
        };
        let options = OpenOptions::new(Clock::manual(NOW_MS));
        let writer = BulkWriter::create(&path, plan.era, &options).unwrap();
        history::write(&plan, &Network::new(&plan.network()), &writer, |_| {}).unwrap();
        writer.finish(|_| {}).unwrap();
        compare(&path, 5).await;
    }
}

#[actix_web::test]
async fn a_part_in_memory_answers_for_itself_and_for_nothing_beyond() {
    let Some(api) = Api::over_fixture() else { return };
    let readers = Readers::open(&database(&api), patient(Clock::system(), 4)).unwrap();
    let mut rows = all_records(&database(&api), &readers).await;
    let floor_s = middle_s(&rows);
    // What the window says of types is told from what the database says.
    rows.iter_mut().for_each(|row| row.payload_type = Some(77));
    let state = state(&readers);
    show(&state, window(&rows, Floor::Since(floor_s)));
    let since = |after_s: i64| corescope::clock::iso_s(floor_s + after_s);
    let told = async |query: String| total(&ask_all(&[&state], &query).await[0].1);
    assert!(told(format!("type=77&since={}", since(1))).await > 0);
    assert_eq!(told(format!("type=77&since={}", since(-1))).await, 0);
    assert_eq!(told("type=77".to_owned()).await, 0);
    assert_eq!(told(format!("type=77&until={}", since(100))).await, 0);
    // An old row whose time is no time sorts after every time: the window does not have it.
    api.execute(
        "INSERT INTO transmissions (id, raw_hex, hash, first_seen) VALUES (9000, '', 'x', 'zzz')",
    );
    state.window.note_foreign();
    assert_eq!(told(format!("type=77&since={}", since(1))).await, 0);
    assert_eq!(told(format!("hash=x&since={}", since(1))).await, 1);
}

#[actix_web::test]
async fn what_the_window_cannot_hold_or_the_database_has_no_more_comes_from_the_database() {
    let Some(api) = Api::over_fixture() else { return };
    let readers = Readers::open(&database(&api), patient(Clock::system(), 4)).unwrap();
    let (sqlite, full) = (state(&readers), state(&readers));
    let rows = all_records(&database(&api), &readers).await;
    show(&full, window(&rows, Floor::Everything));
    for gone in ["observations", "transmissions"] {
        api.execute(&format!("DELETE FROM {gone}"));
        [&sqlite, &full].into_iter().for_each(|state| state.window.note_foreign());
        let answers = ask_all(&[&sqlite, &full], "limit=10000").await;
        assert!(answers[0] == answers[1], "{gone}");
    }
    api.execute(
        "INSERT INTO transmissions (id, raw_hex, hash, first_seen) VALUES \
         (1, '', x'61', '2026-05-17T17:00:00Z'), (2, '', 'b', x'32')",
    );
    show(&full, window(&all_records(&database(&api), &readers).await, Floor::Everything));
    for query in ["", "hash=a", "since=2026-05-17T00:00:00Z", "groupByHash=true"] {
        let answers = ask_all(&[&sqlite, &full], query).await;
        assert_eq!(answers[0], answers[1], "{query}");
    }
}
