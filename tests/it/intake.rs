//! Intake and Writer together over a real database: who is told when, and what waits.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use corescope::actors::delivery::{Delivery, IntakeDoor, Receipt};
use corescope::actors::intake::{Drain, SubmitError, SubmitPacket};
use corescope::actors::lifeline::Lifelines;
use corescope::actors::line::AskError;
use corescope::actors::{ActorParts, Actors};
use corescope::clock::Clock;
use corescope::db::{self, OpenOptions};
use corescope::ingest::reception::{
    NewObservation, NewTransmission, ObserverSeen, PacketReception, Record,
};
use rusqlite::Connection;

use crate::support::process::count;

/// A reception of packet number `number` by one observer.
fn record(number: usize) -> Record {
    Record::Packet(Box::new(PacketReception {
        heard_at_s: 1_784_364_457,
        observer: ObserverSeen { id: "OBSERVER".to_owned(), ..ObserverSeen::default() },
        naive_clock_skew_s: None,
        received_at_s: None,
        transmission: NewTransmission {
            hash: format!("{number:016x}"),
            raw_hex: "0A00".to_owned(),
            route_type: 2,
            payload_type: 2,
            payload_version: 0,
            decoded_json: "{}".to_owned(),
            channel_hash: None,
            scope_name: None,
            from_pubkey: None,
        },
        observation: NewObservation { path_json: "[]".to_owned(), ..NewObservation::default() },
        advert: None,
    }))
}

fn delivery(number: usize, receipt: Receipt) -> Delivery {
    Delivery { source: Arc::from("test"), record: Some(record(number)), receipt }
}

fn start(path: &Path, capacity: usize) -> Actors {
    let clock = Clock::system();
    let database = db::open(path, &OpenOptions::new(clock.clone())).unwrap();
    let parts = ActorParts {
        connection: database.writer,
        migrations: Default::default(),
        intake_capacity: capacity,
        window: std::sync::Arc::new(corescope::store::Window::new(clock.clone())),
        clock,
        lifelines: Lifelines::new().0,
    };
    Actors::start(parts)
}

async fn stop(actors: Actors) {
    actors.drain(Vec::new(), Duration::from_secs(30)).await;
    actors.close(Duration::from_secs(30)).await.unwrap();
}

fn rows(path: &Path) -> i64 {
    count(path, "SELECT COUNT(*) FROM observations")
}

/// Waits until `is_true`, a minute at most.
async fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if is_true() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited a minute for: {what}");
}

#[actix::test]
async fn receipts_are_called_in_order_and_only_when_the_rows_are_durable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    let actors = start(&path, 100);
    let seen: Arc<Mutex<Vec<(usize, i64)>>> = Arc::default();
    for number in 0..40 {
        let (seen, path) = (Arc::clone(&seen), path.clone());
        let receipt = Receipt::Committed(Box::new(move || {
            let stored = rows(&path);
            seen.lock().unwrap().push((number, stored));
        }));
        let mut delivery = delivery(number, receipt);
        if number % 4 == 3 {
            // Something ignored: it must wait for its turn like the others.
            delivery.record = None;
        }
        assert!(actors.door.try_enter(delivery).is_none());
    }
    until("all receipts", || seen.lock().unwrap().len() == 40).await;
    let seen = seen.lock().unwrap().clone();
    let order: Vec<usize> = seen.iter().map(|(number, _)| *number).collect();
    assert_eq!(order, (0..40).collect::<Vec<_>>());
    for (number, stored) in seen {
        let records_before = i64::try_from(number - number / 4).unwrap();
        assert!(stored >= records_before, "receipt {number} came when {stored} rows were stored");
    }
    stop(actors).await;
}

#[actix::test]
async fn a_locked_database_holds_everything_up_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    let actors = start(&path, 8);
    let foreign = Connection::open(&path).unwrap();
    foreign.execute_batch("BEGIN IMMEDIATE").unwrap();

    let told: Arc<Mutex<usize>> = Arc::default();
    let mut taken = 0;
    let mut refused = 0;
    for number in 0..10 {
        let told = Arc::clone(&told);
        let receipt = Receipt::Committed(Box::new(move || *told.lock().unwrap() += 1));
        match actors.door.try_enter(delivery(number, receipt)) {
            None => taken += 1,
            Some(_) => refused += 1,
        }
    }
    assert_eq!((taken, refused), (8, 2), "the bound is what waits and what is on its way");
    assert!(!actors.door.offer(delivery(99, Receipt::None)), "QoS 0 does not fit either");
    let stalled = || actors.gauge.counts(0).stall.is_some();
    until("the stall to be said", stalled).await;
    assert_eq!((*told.lock().unwrap(), rows(&path)), (0, 0));

    foreign.execute_batch("ROLLBACK").unwrap();
    until("the commit", || *told.lock().unwrap() == 8).await;
    let counts = actors.gauge.counts(0);
    assert_eq!((rows(&path), counts.stall, counts.depth), (8, None, 0));
    assert_eq!(counts.dropped["test"].count, 1);
    stop(actors).await;
}

#[actix::test]
async fn a_posted_packet_is_answered_with_what_was_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    let actors = start(&path, 8);
    let first = actors.intake.ask(SubmitPacket { record: record(1) }).await.unwrap();
    let again = actors.intake.ask(SubmitPacket { record: record(1) }).await.unwrap();
    assert!(first.is_new_transmission && first.is_new_observation);
    assert!(!again.is_new_transmission && !again.is_new_observation);
    assert_eq!(first.transmission_id, again.transmission_id);
    assert_eq!(rows(&path), 1);

    actors.intake.ask(Drain).await.unwrap();
    let late = actors.intake.ask(SubmitPacket { record: record(2) }).await;
    let is_refused = matches!(
        late,
        Err(AskError::Refused(SubmitError::Full | SubmitError::Stopping) | AskError::Stopped)
    );
    assert!(is_refused, "a packet entered while the process stops");
    stop(actors).await;
    assert_eq!(rows(&path), 1);
}

#[actix::test]
async fn stopping_commits_what_has_entered_and_leaves_no_log_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    let actors = start(&path, 5_000);
    for number in 0..3_000 {
        assert!(actors.door.offer(delivery(number, Receipt::None)));
    }
    stop(actors).await;
    let wal = folder.path().join("mesh.db-wal");
    assert!(std::fs::metadata(&wal).map_or(0, |metadata| metadata.len()) == 0, "a WAL was left");
    assert_eq!(rows(&path), 3_000);
}
