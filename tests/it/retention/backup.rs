//! `/api/backup`: a copy of one snapshot while ingest writes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use corescope::clock::Clock;
use corescope::config::Config;
use corescope::db::backup::{BackupError, Backups, Download};
use corescope::db::{self, OpenOptions};
use tokio::sync::oneshot::error::TryRecvError;

use super::{is_sound, number, reception, seeded};
use crate::faults::SmallVolume;
use crate::support::api::{Answer, Api, KEY, ask, with_key};
use crate::support::process::{Process, wait_for};

const NOW_S: i64 = 1_784_364_457;

fn copies(path: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(path.parent().unwrap()).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files.filter(|file| file.to_string_lossy().contains(".corescope-copy-")).collect()
}

/// Everything that is sent, as a database file.
fn fetch(mut download: Download, to: &Path) {
    let mut bytes = Vec::new();
    while let Some(chunk) = download.chunks.blocking_recv() {
        bytes.extend(chunk.unwrap());
    }
    std::fs::write(to, bytes).unwrap();
}

/// Begins a copy and looks at it while it is being made. On a busy machine one may be done before
/// anybody has seen what is to be seen: then another is begun.
fn begin_seen(backups: &Backups, mut is_seen: impl FnMut() -> bool) -> Download {
    for _ in 0..100 {
        let gauge = backups.gauge();
        wait_for(|| (!gauge.load(Ordering::Relaxed)).then_some(())).expect("the turn is not over");
        let mut download = backups.start().unwrap();
        while matches!(download.size.try_recv(), Err(TryRecvError::Empty)) {
            if is_seen() {
                return download;
            }
        }
    }
    panic!("nothing is seen of a hundred copies");
}

#[test]
fn a_backup_that_is_taken_while_ingest_writes_is_one_sound_snapshot() {
    let (folder, path) = seeded(20_000, 0, NOW_S);
    let clock = Clock::system();
    let mut writer = db::open(&path, &OpenOptions::new(clock.clone())).unwrap().writer;
    let backups = Backups::new(&path, clock);
    let (mut groups, mut size) = (0, None);
    let mut commit = || {
        writer.commit(&[reception(groups, NOW_S)]).unwrap();
        groups += 1;
    };
    let mut meanwhile = 0;
    let mut download = begin_seen(&backups, || {
        assert!(backups.gauge().load(Ordering::Relaxed));
        assert!(matches!(backups.start(), Err(BackupError::Busy)), "one at a time");
        commit();
        meanwhile += 1;
        meanwhile > 1
    });
    while size.is_none() {
        commit();
        size = download.size.try_recv().ok();
    }
    assert_eq!(copies(&path), Vec::<PathBuf>::new(), "its name is gone before it is sent");
    let copy = folder.path().join("copy.db");
    fetch(download, &copy);
    assert_eq!(std::fs::metadata(&copy).unwrap().len(), size.unwrap().unwrap());
    is_sound(&copy);
    let packets = number(&copy, "SELECT COUNT(*) FROM transmissions");
    assert!((20_000..=20_000 + i64::try_from(groups).unwrap()).contains(&packets));
    let whole = "SELECT COUNT(*) FROM observations WHERE observer_idx = 2";
    assert_eq!(number(&copy, whole), 60_000 + packets - 20_000, "one snapshot");
    let gauge = backups.gauge();
    wait_for(|| (!gauge.load(Ordering::Relaxed)).then_some(())).expect("the turn is not over");
    assert!(backups.start().is_ok(), "the next may come");
}

#[test]
fn a_slow_client_keeps_the_next_backup_waiting_and_no_migration() {
    let (_folder, path) = seeded(20_000, 0, NOW_S);
    let backups = Backups::new(&path, Clock::system());
    let (gauge, reading) = (backups.gauge(), backups.reading());
    let download = begin_seen(&backups, || reading.load(Ordering::Relaxed));
    assert!(download.size.blocking_recv().unwrap().is_ok());
    assert!(!reading.load(Ordering::Relaxed), "the copy is made, nothing is fetched yet");
    assert!(gauge.load(Ordering::Relaxed));
    assert!(matches!(backups.start(), Err(BackupError::Busy)), "one at a time");
    assert!(!reading.load(Ordering::Relaxed), "who is turned away reads nothing");
    drop(download.chunks);
}

#[test]
fn a_client_that_goes_away_leaves_no_copy_behind() {
    let (_folder, path) = seeded(20_000, 0, NOW_S);
    let backups = Backups::new(&path, Clock::system());
    drop(backups.start().unwrap());
    let gauge = backups.gauge();
    wait_for(|| (!gauge.load(Ordering::Relaxed)).then_some(())).expect("it is not given up");
    assert_eq!(copies(&path), Vec::<PathBuf>::new());
}

#[test]
fn what_a_kill_left_is_removed_and_what_another_process_makes_or_an_operator_keeps_is_not() {
    let (folder, path) = seeded(1, 0, NOW_S);
    let dead = folder.path().join(".mesh.db.corescope-copy-aB3dE6");
    std::fs::write(&dead, "half").unwrap();
    let others = [
        "mesh.db.backup-2026-11-20",
        "mesh.db.backup-dead",
        ".mesh.db.corescope-copy-2026-11-20",
        ".mesh.db.corescope-copy-1-2.db",
        ".other.db.corescope-copy-aB3dE6",
    ];
    for name in others {
        std::fs::write(folder.path().join(name), "not ours").unwrap();
    }
    let alive = folder.path().join(".mesh.db.corescope-copy-aLiVe1");
    let held = std::fs::File::create(&alive).unwrap();
    held.lock().unwrap();
    assert_eq!(Backups::new(&path, Clock::system()).remove_stale(), 1);
    assert!(alive.exists() && !dead.exists());
    for name in others {
        assert!(folder.path().join(name).exists(), "{name} is gone");
    }
}

fn with_backups(config: Config) -> Option<Api> {
    let api = Api::with(config)?;
    let path = api.folder.path().join("meshcore.db");
    api.state.open_backups(Arc::new(Backups::new(&path, api.clock.clone())));
    Some(api)
}

async fn get(api: &Api, method: Method) -> Answer {
    let request = TestRequest::with_uri("/api/backup").method(method);
    ask(&api.state, request.insert_header(("X-API-Key", KEY))).await
}

#[actix_web::test]
async fn a_backup_comes_as_a_file_with_its_length() {
    let Some(api) = with_backups(with_key()) else { return };
    let answer = get(&api, Method::GET).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let name = format!("attachment; filename=\"corescope-backup-{}.db\"", api.clock.now_s());
    assert_eq!(answer.header("content-disposition"), Some(name.as_str()));
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let copy = api.folder.path().join("copy.db");
    std::fs::write(&copy, &answer.body).unwrap();
    let original = api.folder.path().join("meshcore.db");
    for table in ["transmissions", "observations", "nodes", "observers", "neighbor_edges"] {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        assert_eq!(number(&copy, &sql), number(&original, &sql), "{table}");
    }
    let rowids = "SELECT SUM(rowid * length(id)) FROM observers";
    assert_eq!(number(&copy, rowids), number(&original, rowids));
    let head = get(&api, Method::HEAD).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
}

#[actix_web::test]
async fn only_who_has_the_key_gets_a_backup_and_only_one_at_a_time() {
    let Some(api) = with_backups(with_key()) else { return };
    assert_eq!(api.get("/api/backup").await.status, 401);
    let path = api.folder.path().join("meshcore.db");
    let gauge = Arc::new(Backups::new(&path, api.clock.clone()));
    let Some(busy) = Api::with(with_key()) else { return };
    gauge.gauge().store(true, Ordering::Relaxed);
    busy.state.open_backups(gauge);
    let answer = get(&busy, Method::GET).await;
    assert_eq!(answer.status.as_u16(), 409, "one at a time");
    assert_eq!(answer.json(), serde_json::json!({ "error": "another backup is under way" }));
    let Some(open) = with_backups(Config::default()) else { return };
    assert_eq!(open.get("/api/backup").await.status, 403, "no key is configured");
}

#[actix_web::test]
async fn without_a_database_there_is_no_backup() {
    let state = Api::closed(with_key(), Clock::manual(0));
    let request = TestRequest::get().uri("/api/backup").insert_header(("X-API-Key", KEY));
    assert_eq!(ask(&state, request).await.status, 503);
}

#[test]
fn a_disk_that_is_too_small_or_fills_up_on_the_way_is_said_and_nothing_stays_behind() {
    let Some(volume) = SmallVolume::mount(96) else {
        eprintln!("SKIPPED: no small volume can be mounted here");
        return;
    };
    let (_folder, seeded) = seeded(20_000, 0, NOW_S);
    let bulk = "CREATE TABLE bulk AS WITH RECURSIVE n(v) AS \
                (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 6000) SELECT randomblob(4000) FROM n";
    rusqlite::Connection::open(&seeded).unwrap().execute_batch(bulk).unwrap();
    let path = volume.path().join("mesh.db");
    std::fs::copy(seeded, &path).unwrap();
    let refused = Backups::new(&path, Clock::system()).start().unwrap().size.blocking_recv();
    let refused = refused.unwrap().unwrap_err();
    assert!(matches!(refused, BackupError::NoSpace { .. }), "{refused}");
    let backups = Backups::new(&path, Clock::system()).with_reserve(0);
    let filler = volume.path().join("filler");
    // It has looked at the free space; now somebody else takes it, and is not always quick enough.
    let is_full = wait_for(|| {
        let download = begin_seen(&backups, || !copies(&path).is_empty());
        let filled = std::fs::write(&filler, vec![7; 80 << 20]);
        assert!(filled.is_err(), "the volume is larger than was thought");
        let answer = download.size.blocking_recv().unwrap();
        let is_full = matches!(answer, Err(BackupError::Full));
        assert!(is_full || answer.is_ok(), "{answer:?}");
        if !is_full {
            std::fs::remove_file(&filler).unwrap();
        }
        is_full.then_some(())
    });
    is_full.expect("it is always quicker than who takes the space");
    wait_for(|| (!backups.gauge().load(Ordering::Relaxed)).then_some(())).expect("still busy");
    assert_eq!(copies(&path), Vec::<PathBuf>::new());
    std::fs::remove_file(filler).unwrap();
    let again = backups.start().unwrap();
    assert!(again.size.blocking_recv().unwrap().is_ok(), "there is room again");
}

/// The program over a database of some size.
fn serving() -> Process {
    let (_folder, database) = seeded(40_000, 100, Clock::system().now_s());
    let mut process = Process::prepare(&serde_json::json!({
        "apiKey": KEY,
        "mqttSources": [{"name": "nowhere", "broker": "mqtt://127.0.0.1:1", "topics": ["a"]}]
    }));
    std::fs::create_dir(process.folder.path().join("data")).unwrap();
    std::fs::copy(&database, process.database()).unwrap();
    process.start();
    process
}

fn fetch_from(process: &Process) -> Option<Vec<u8>> {
    let request = ureq::get(&process.url("/api/backup")).header("X-API-Key", KEY);
    let mut bytes = Vec::new();
    request.call().ok()?.into_body().into_reader().read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[test]
fn clients_that_go_away_while_it_is_made_or_fetched_leave_nothing_and_the_next_one_is_served() {
    let mut process = serving();
    let ask = || {
        let url = process.url("");
        let mut client = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
        let request = format!("GET /api/backup HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\n\r\n");
        client.write_all(request.as_bytes()).unwrap();
        client
    };
    let client = ask();
    client.set_nonblocking(true).unwrap();
    // A quick one may be made between two looks: then the client goes away while it is fetched.
    let is_begun = || !copies(&process.database()).is_empty() || client.peek(&mut [0]).is_ok();
    wait_for(|| is_begun().then_some(())).expect("nothing is made");
    drop(client);
    wait_for(|| fetch_from(&process)).expect("the first is never given up");
    // The one before may still be ending when its last byte is here: then it is 409.
    let begun = wait_for(|| {
        let (mut client, mut begin) = (ask(), [0; 12]);
        client.read_exact(&mut begin).unwrap();
        begin.starts_with(b"HTTP/1.1 200").then_some(client)
    });
    let mut client = begun.expect("the second is never begun");
    client.read_exact(&mut [0; 1_000]).unwrap();
    drop(client);
    let bytes = wait_for(|| fetch_from(&process)).expect("the second is never given up");
    assert!(bytes.starts_with(b"SQLite format 3"));
    assert_eq!(copies(&process.database()), Vec::<PathBuf>::new());
    assert_eq!(process.stop(), Some(0), "{}", process.log());
}

#[test]
fn a_backup_that_takes_the_place_of_the_database_is_what_there_was() {
    let mut process = serving();
    let bytes = fetch_from(&process).unwrap();
    let packets = process.get("/api/stats")["totalTransmissions"].clone();
    assert_eq!(packets, 40_100);
    assert_eq!(process.stop(), Some(0));
    let path = process.database();
    std::fs::write(&path, b"lost").unwrap();
    // As docs/operating.md says it.
    std::fs::write(&path, bytes).unwrap();
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
    is_sound(&path);
    process.start();
    assert_eq!(process.get("/api/stats")["totalTransmissions"], packets);
    assert_eq!(process.get("/api/healthz")["ready"], true);
    assert_eq!(process.stop(), Some(0), "{}", process.log());
    assert_eq!(number(&path, "SELECT COUNT(*) FROM observations"), 120_300);
}
