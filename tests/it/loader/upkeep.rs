//! A window that covers everything stays what SQLite is while retention deletes packets and
//! migrations merge receptions that were stored twice.

use std::sync::Arc;
use std::time::Duration;

use corescope::clock::Clock;
use corescope::config::{Config, RetentionConfig};
use corescope::db::Readers;
use corescope::db::retention::{Task, TaskParts};
use corescope::store::{Floor, Window};

use super::{Loading, PATIENCE, count, path_of, rules, wait_until};
use crate::store_lists::{ask_all, state};
use crate::support::api::{Api, NOW_MS};
use crate::support::patient;

const QUERIES: [&str; 9] = [
    "limit=10000",
    "limit=10000&groupByHash=true",
    "limit=10000&expand=observations",
    "limit=10000&type=4",
    "limit=10000&type=5&order=asc",
    "limit=10000&region=SJC&groupByHash=true",
    "limit=10000&until=2026-05-17T00:00:00Z",
    "channel=Public&limit=10000",
    "offset=7&limit=3",
];

/// How often a list may be asked for until the window is current for all of it.
const TURNS_MAX: usize = 20;

/// A third of the packets is 40 days old, each fifth reception was stored twice.
fn spread(api: &Api) {
    let now_s = NOW_MS / 1000;
    let old_s = now_s - 40 * 86_400;
    api.execute(&format!(
        "DROP INDEX IF EXISTS idx_observations_dedup;
         INSERT INTO observations (transmission_id, observer_idx, direction, snr, rssi, path_json,
             timestamp, resolved_path)
           SELECT transmission_id, observer_idx, direction, 0.25, rssi, path_json, timestamp,
             resolved_path FROM observations WHERE id % 5 = 0;
         UPDATE observations SET timestamp = CASE WHEN transmission_id % 3 = 0
           THEN {old_s} ELSE {now_s} END - id % 1000;
         UPDATE transmissions SET last_seen = 0, first_seen = strftime('%Y-%m-%dT%H:%M:%SZ',
           CASE WHEN id % 3 = 0 THEN {old_s} ELSE {now_s} END - 5000, 'unixepoch');"
    ));
}

async fn compare(api: &Api) {
    let window = &api.state.window;
    let is_whole =
        |window: &Window| window.current().is_some_and(|shown| shown.floor() == Floor::Everything);
    wait_until(|| is_whole(window)).await;
    let held = window.latest();
    let rows = (count(api, "transmissions"), count(api, "observations"));
    assert_eq!((held.transmissions() as i64, held.observations() as i64), rows);
    let readers = Readers::open(&path_of(api), patient(Clock::system(), 4)).unwrap();
    let sqlite = state(&readers);
    for query in QUERIES {
        let mut turns = 0..TURNS_MAX;
        // While a job commits, the same is answered from the database.
        let is_from_memory = loop {
            wait_until(|| is_whole(window)).await;
            let asked = window.queries();
            let answers = ask_all(&[&sqlite, &api.state], query).await;
            assert_eq!(answers[0].0, 200, "{query}");
            assert!(answers[0] == answers[1], "{query}");
            if window.queries() > asked || turns.next().is_none() {
                break window.queries() > asked;
            }
        };
        assert!(is_from_memory, "{query} was not answered from memory");
    }
}

async fn prune(api: &Api) {
    let ten = Duration::from_secs(10 * 86_400);
    let keeps =
        RetentionConfig { packets: Some(ten), trusts_clock: true, ..RetentionConfig::default() };
    let parts = TaskParts { keeps, vacuum_pages_max: 1024, clock: api.clock.clone() };
    let job = Task::ALL.into_iter().find(|task| task.name() == "prune_packets");
    let job = job.and_then(|task| task.job(&parts)).unwrap();
    let (ended, end) = tokio::sync::oneshot::channel();
    let backfill = &api.actors.as_ref().unwrap().backfill;
    let run =
        corescope::actors::backfill::RunJob { job, by: "test".to_owned(), ended: Some(ended) };
    backfill.ask(run).await.unwrap();
    let end = end.await.unwrap();
    assert!(end.rows_changed > 0, "{:?}", end.state);
}

#[actix_web::test]
async fn after_a_merge_of_duplicates_and_a_prune_memory_says_what_the_database_says() {
    let Some(api) = Api::that_writes(Config::default()) else { return };
    spread(&api);
    let loading = Loading::start(&api, rules(0, 0));
    loading.settled().await;
    compare(&api).await;
    let before = (count(&api, "transmissions"), count(&api, "observations"));
    let actors = api.actors.as_ref().unwrap();
    actors.begin_backfill();
    let migrations = Arc::clone(&actors.migrations);
    wait_until(|| {
        api.clock.advance_ms(20);
        let has_index = "SELECT count(*) FROM sqlite_master WHERE name = 'idx_observations_dedup'";
        let conn = rusqlite::Connection::open(path_of(&api)).unwrap();
        let built: i64 = conn.query_row(has_index, [], |row| row.get(0)).unwrap();
        let runs = migrations.load_full();
        built == 1 && runs.iter().all(|run| run.state.is_final())
    })
    .await;
    let merged = (count(&api, "transmissions"), count(&api, "observations"));
    assert!(merged.0 == before.0 && merged.1 < before.1, "{before:?} {merged:?}");
    compare(&api).await;
    prune(&api).await;
    let pruned = (count(&api, "transmissions"), count(&api, "observations"));
    assert!(pruned.0 < merged.0 && pruned.0 > 0, "{merged:?} {pruned:?}");
    compare(&api).await;
    assert!(
        !loading
            .events()
            .iter()
            .any(|event| matches!(event, corescope::store::load::Event::Reloading(_))),
        "what was touched is told, so nothing has to be read afresh"
    );
    loading.loader.stop(PATIENCE).await;
}
