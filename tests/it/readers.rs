//! The pool of read-only connections: bounds, deadline, panics, what it refuses to open.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use corescope::clock::Clock;
use corescope::db::packets::{Filter, Slice};
use corescope::db::{self, DbError, OpenOptions, ReadError, ReaderOptions, Readers};

fn database() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meshcore.db");
    db::open(&path, &OpenOptions::new(Clock::manual(0))).unwrap().writer.close().unwrap();
    (folder, path)
}

fn options(clock: &Clock) -> ReaderOptions {
    ReaderOptions { threads: 1, clock: clock.clone(), ..ReaderOptions::default() }
}

const FIRST: Slice = Slice { offset: 0, limit: 1, is_ascending: false };

#[actix_web::test]
async fn who_comes_when_the_waiting_room_is_full_is_refused_at_once() {
    let (_folder, path) = database();
    let options = ReaderOptions {
        waiters_max: 1,
        wait_max: Duration::from_secs(600),
        ..options(&Clock::manual(0))
    };
    let readers = Readers::open(&path, options).unwrap();
    let (let_go, held) = mpsc::channel::<()>();
    let busy = readers.ask(move |_| Ok(held.recv().is_ok()));
    let waits = readers.ask(|_| Ok(()));
    tokio::pin!(busy, waits);
    // Polled once each: one runs, one waits.
    assert!(futures_util::poll!(busy.as_mut()).is_pending());
    assert!(futures_util::poll!(waits.as_mut()).is_pending());
    assert_eq!((readers.waiting(), readers.refused()), (1, 0));
    assert!(matches!(readers.ask(|_| Ok(())).await, Err(ReadError::Full)));
    assert_eq!((readers.waiting(), readers.refused()), (1, 1));
    let_go.send(()).unwrap();
    busy.await.unwrap();
    waits.await.unwrap();
    assert_eq!(readers.waiting(), 0);
}

#[actix_web::test]
async fn who_waits_too_long_is_refused() {
    let (_folder, path) = database();
    let options =
        ReaderOptions { wait_max: Duration::from_millis(1), ..options(&Clock::manual(0)) };
    let readers = Readers::open(&path, options).unwrap();
    let (let_go, held) = mpsc::channel::<()>();
    let busy = readers.ask(move |_| Ok(held.recv().is_ok()));
    tokio::pin!(busy);
    assert!(futures_util::poll!(busy.as_mut()).is_pending());
    assert!(matches!(readers.ask(|_| Ok(())).await, Err(ReadError::Full)));
    let_go.send(()).unwrap();
    busy.await.unwrap();
}

#[actix_web::test]
async fn a_query_is_stopped_at_its_deadline_and_the_reader_lives_on() {
    let (_folder, path) = database();
    fill(&path);
    let clock = Clock::manual(0);
    let readers = Readers::open(&path, options(&clock)).unwrap();
    let late = clock.clone();
    let answer = readers
        .ask(move |reader| {
            late.advance_ms(1_001);
            let filter = Filter { route_type: Some(3), ..Filter::default() };
            db::packets::list(reader, &filter, FIRST)
        })
        .await;
    assert!(matches!(answer, Err(ReadError::TimedOut(after)) if after.as_millis() == 1_000));
    let page = readers.ask(|reader| db::packets::list(reader, &Filter::default(), FIRST)).await;
    assert_eq!(page.unwrap().total, 20_000);
}

/// Enough rows that a scan looks at the clock more than once.
fn fill(path: &std::path::Path) {
    let rows = "INSERT INTO transmissions (raw_hex, hash, first_seen, route_type) \
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
                SELECT '00', 'h' || i, '2026-01-01T00:00:00Z', 1 FROM n";
    rusqlite::Connection::open(path).unwrap().execute_batch(rows).unwrap();
}

#[actix_web::test]
async fn a_panicking_query_is_one_failure_and_the_reader_lives_on() {
    let (_folder, path) = database();
    let readers = Readers::open(&path, options(&Clock::manual(0))).unwrap();
    let answer = readers.ask(|_| -> Result<(), DbError> { panic!("as a test does") }).await;
    assert!(matches!(answer, Err(ReadError::Panicked)));
    let page = readers.ask(|reader| db::packets::list(reader, &Filter::default(), FIRST)).await;
    assert_eq!(page.unwrap().total, 0);
}

#[actix_web::test]
async fn after_closing_every_ask_is_told_so() {
    let (_folder, path) = database();
    let readers = Readers::open(&path, options(&Clock::manual(0))).unwrap();
    readers.close();
    assert!(matches!(readers.ask(|_| Ok(())).await, Err(ReadError::Stopped)));
}

#[test]
fn what_is_no_upgraded_corescope_database_is_refused_with_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let open = || Readers::open(&path, ReaderOptions::default()).err().unwrap();
    assert!(matches!(open(), DbError::OpenDatabase { .. }), "no file is made");
    assert!(!path.exists());
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let refusal = open().to_string();
    assert!(refusal.contains("no such table: transmissions"), "{refusal}");
    let Some(old) = crate::support::data_file("e2e-fixture.db") else { return };
    std::fs::write(&path, std::fs::read(old).unwrap()).unwrap();
    let refusal = open().to_string();
    assert!(refusal.contains("no such column: last_seen"), "{refusal}");
}
