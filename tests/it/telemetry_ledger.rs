//! Times of requests, the write ledger and SQLite's figures, each through the running parts.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use corescope::actors::delivery::{Delivery, IntakeDoor, Receipt};
use corescope::actors::lifeline::Lifelines;
use corescope::actors::{ActorParts, Actors};
use corescope::clock::Clock;
use corescope::db::probe::SqliteProbe;
use corescope::db::{
    self, CheckpointOptions, Checkpointer, OpenOptions, ReaderOptions, Readers, WriteConnection,
};
use corescope::ingest::reception::{ObserverSeen, Record, StatusReport};
use corescope::perf::ledger::Source;
use corescope::perf::sqlite::SqliteHistory;
use serde_json::json;

use crate::support::api::{Api, ask};
use crate::support::check_json;

fn status(observer: &str) -> Record {
    Record::Status(Box::new(StatusReport {
        heard_at_s: 1_784_364_457,
        observer: ObserverSeen { id: observer.to_owned(), ..Default::default() },
        ..Default::default()
    }))
}

fn statuses(count: usize) -> Vec<Record> {
    (0..count).map(|number| status(&format!("observer {number:0200}"))).collect()
}

fn database() -> (tempfile::TempDir, WriteConnection, Clock) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(1_784_364_457_000);
    let path = folder.path().join("mesh.db");
    let writer = db::open(&path, &OpenOptions::new(clock.clone())).unwrap().writer;
    (folder, writer, clock)
}

#[actix_web::test]
async fn requests_are_counted_by_route_with_their_real_status() {
    let Some(api) = Api::over_fixture() else { return };
    for path in ["/api/stats", "/api/packets/1?x=1", "/api/packets/2", "/api/packets/nope"] {
        api.get(path).await;
    }
    // No route answers these, and anybody can think of more.
    for path in ["/api/a", "/api/b", "/api/packets/1/2/3"] {
        api.get(path).await;
    }
    ask(&api.state, TestRequest::with_uri("/api/stats").method(Method::DELETE)).await;
    for path in ["/", "/assets/x.js"] {
        api.get(path).await;
    }
    let routes = api.state.requests.routes();
    let keys: Vec<&str> = routes.keys().copied().collect();
    assert_eq!(keys, ["/", "/api/packets/:id", "/api/stats"]);
    assert_eq!(routes["/"].count, 3);
    assert_eq!(json!(routes["/api/packets/:id"].statuses), json!({ "2xx": 2, "4xx": 1 }));
    assert_eq!(json!(routes["/api/stats"].statuses), json!({ "2xx": 1, "4xx": 1 }));
    assert_eq!(api.state.requests.count_and_mean_ms().0, 8, "only what is below /api/");
    api.state.requests.reset();
    assert!(api.state.requests.routes().is_empty());
}

#[actix_web::test]
async fn what_the_actors_write_is_in_the_ledger_with_its_waits() {
    let (_folder, connection, clock) = database();
    let (lifelines, _deaths) = Lifelines::new();
    let (migrations, intake_capacity) = (Default::default(), 100);
    let window = std::sync::Arc::new(corescope::store::Window::new(clock.clone()));
    let actors = Actors::start(ActorParts {
        connection,
        migrations,
        intake_capacity,
        clock,
        lifelines,
        window,
    });
    let (acknowledged, committed) = tokio::sync::oneshot::channel();
    let receipt = Receipt::Committed(Box::new(move || {
        let _ = acknowledged.send(());
    }));
    let delivery = Delivery { source: Arc::from("test"), record: Some(status("Ridge")), receipt };
    assert!(actors.door.offer(delivery));
    committed.await.unwrap();
    let ledger = actors.ledger.snapshot();
    assert_eq!(ledger.sums[&Source::Observers].rows, 2, "one inserted, one updated");
    assert_eq!(ledger.sums[&Source::Observers].transactions, 1);
    let perf = ledger.components["mqtt_handler"];
    assert_eq!((perf.count, perf.contention_total), (1, 0));
    assert!(actors.pages.counts().unwrap().writes > 0);
    actors.drain(Vec::new(), Duration::from_secs(10)).await;
    actors.close(Duration::from_secs(10)).await.unwrap();
}

#[test]
fn a_checkpoint_is_a_source_of_its_own_and_adds_nothing_to_the_wal() {
    let (_folder, mut writer, _) = database();
    let ledger = writer.ledger();
    let options = CheckpointOptions {
        debt_pages_max: 1,
        ledger: Some(ledger.clone()),
        ..CheckpointOptions::default()
    };
    let checkpointer = Checkpointer::start(writer.path(), options, Clock::system()).unwrap();
    writer.commit(&statuses(300)).unwrap();
    let wal_pages: u64 = ledger.snapshot().sums.values().map(|sums| sums.wal_pages).sum();
    let settled = || {
        let sums = ledger.snapshot().sums.get(&Source::Checkpoint).copied();
        sums.filter(|sums| sums.checkpointed_pages >= wal_pages)
    };
    let checkpoint = (0..6_000).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        settled()
    });
    let checkpoint = checkpoint.expect("a minute has passed without a checkpoint");
    assert_eq!((checkpoint.wal_pages, checkpoint.transactions, checkpoint.errors), (0, 0, 0));
    assert!(ledger.snapshot().components["checkpoint"].count > 0);
    assert!(checkpointer.stop());
}

#[actix_web::test]
async fn the_oldest_open_read_is_known_while_it_is_open() {
    let (_folder, writer, clock) = database();
    let options = ReaderOptions { threads: 2, clock: clock.clone(), ..Default::default() };
    let readers = Readers::open(writer.path(), options).unwrap();
    assert_eq!(readers.open_reads(), None);
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (let_go, held) = mpsc::channel::<()>();
    let read = readers.ask(move |_| {
        begun.send(()).unwrap();
        Ok(held.recv().is_ok())
    });
    let watch = async {
        has_begun.await.unwrap();
        clock.advance_ms(700);
        assert_eq!(readers.open_reads(), Some((1, Duration::from_millis(700))));
        let_go.send(()).unwrap();
    };
    let (answer, ()) = tokio::join!(read, watch);
    assert!(answer.unwrap());
    let answer = readers.ask(|_| -> Result<(), _> { panic!("a query that panics") }).await;
    assert!(answer.is_err());
    readers.close();
    assert_eq!(readers.open_reads(), None, "however a read ends");
}

#[actix_web::test]
async fn the_figures_of_sqlite_are_those_of_this_database() {
    let (_folder, mut writer, clock) = database();
    let options = ReaderOptions { threads: 1, clock: clock.clone(), ..Default::default() };
    let readers = Readers::open(writer.path(), options).unwrap();
    let mut probe = SqliteProbe::new(readers.clone(), writer.path());
    let alone = SqliteHistory::default().observe(clock.monotonic(), &probe.sample().await);
    assert_eq!(alone.writer_hit_rate.reason, Some("this process does not write"));
    assert_eq!((alone.wal_pages.value, alone.oldest_read_ms), (None, Some(0.0)));

    probe.writer = Some(writer.pages());
    let mut history = SqliteHistory::default();
    history.observe(clock.monotonic(), &probe.sample().await);
    writer.commit(&statuses(200)).unwrap();
    let perf = history.observe(clock.monotonic(), &probe.sample().await);
    let rate = perf.writer_hit_rate.value.unwrap();
    assert!(rate > 0.5 && rate <= 1.0, "200 inserts into one table hit its pages: {rate}");
    assert_eq!((perf.page_size, perf.cache_size), (Some(4096), Some(-8_000)));
    assert_eq!(perf.cache_bytes, Some(8_000 * 1024));
    let wal = std::fs::metadata(format!("{}-wal", writer.path().display())).unwrap().len();
    assert_eq!(perf.wal_size, Some(wal));
    assert_eq!(perf.wal_pages.reason, Some("SQLite does not tell"), "no checkpointer runs");
    readers.close();
    let closed = history.observe(clock.monotonic(), &probe.sample().await);
    assert_eq!((closed.page_count, closed.wal_size), (None, None), "never 0 for not readable");
    assert_eq!(closed.reason, Some("the database could not be read"));
}

#[test]
fn the_ledger_has_its_shape() {
    let (_folder, mut writer, clock) = database();
    let sent_at = clock.monotonic();
    clock.advance_ms(120);
    writer.note_sent(sent_at);
    writer.commit(&[status("Ridge")]).unwrap();
    let ledger = writer.ledger().snapshot();
    check_json("ledger", &json!({ "ledger": ledger, "writer_perf": ledger.components }));
}
