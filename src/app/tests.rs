//! The wiring that nothing outside of this module can see.

use std::sync::atomic::Ordering;

use super::*;
use crate::actors::backfill::ListMigrations;
use crate::config::{SIGNALS, SignalLevel};
use crate::perf::backfill::State;

const WALK: &str = "tx_last_seen_backfill_v1";

/// A process over a database with one row to fill; nothing but a backup holds migrations up.
fn prepare(folder: &Path) -> Data<AppState> {
    let db_path = folder.join("mesh.db");
    let clock = Clock::system();
    db::open(&db_path, &OpenOptions::new(clock.clone())).unwrap().writer.close().unwrap();
    rusqlite::Connection::open(&db_path)
        .unwrap()
        .execute_batch(
            "INSERT INTO observers (id) VALUES ('a'); \
             INSERT INTO transmissions (id, raw_hex, hash, first_seen) \
             VALUES (1, 'aa', 'h', '2026-05-17T16:05:57Z'); \
             INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) \
             VALUES (1, 1, '[]', 77)",
        )
        .unwrap();
    let mut config = Config { db_path, stats_path: folder.join("stats.json"), ..Config::default() };
    let (throttle_at, release_at) = (f64::INFINITY, f64::INFINITY);
    let but_backup = SIGNALS.into_iter().filter(|(signal, _)| *signal != "backup");
    config.migrations.levels =
        but_backup.map(|(signal, _)| SignalLevel { signal, throttle_at, release_at }).collect();
    let rules = Arc::new(Rules::new(&config));
    Data::new(AppState::new(Arc::new(config), rules, clock))
}

/// State and reason of the walk.
async fn walk(running: &Running) -> (State, String) {
    let backfill = &running.actors.as_ref().unwrap().backfill;
    let runs = backfill.peek::<_, DbError>(ListMigrations).await.unwrap();
    let run = runs.into_iter().find(|run| run.name == WALK).unwrap();
    (run.state, run.reason)
}

#[actix_web::test]
async fn a_backup_of_the_running_process_holds_its_migrations_up() {
    // §10.13: what makes copies and what runs migrations share one flag.
    let folder = tempfile::tempdir().unwrap();
    let state = prepare(folder.path());
    let running = start(&state, None).unwrap();
    let reading = state.backups().unwrap().reading();
    reading.store(true, Ordering::Release);
    running.actors.as_ref().unwrap().begin_backfill();
    let reason = loop {
        let (state, reason) = walk(&running).await;
        assert_ne!(state, State::Succeeded, "it ran beside a backup");
        if state == State::Throttled {
            break reason;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(reason.starts_with("a backup is at 1"), "{reason}");
    reading.store(false, Ordering::Release);
    while walk(&running).await.0 != State::Succeeded {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.stop().await.unwrap();
}
