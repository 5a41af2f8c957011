//! Retention and what reads beside it: digests and the RAM window know what has been deleted.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use corescope::actors::backfill::{JobEnd, RunJob};
use corescope::actors::lifeline::Lifelines;
use corescope::actors::loader::{Hook, LoaderReaders};
use corescope::config::{Config, RetentionConfig};
use corescope::db::analytics;
use corescope::db::migrations::Job;
use corescope::db::retention::{Task, TaskParts};
use corescope::store::load::{Event, LoadRules};
use rusqlite::Connection;

use super::number;
use crate::analytics::assert_alike;
use crate::analytics::naive::{Question, Rows};
use crate::support::api::Api;

async fn until(is_met: impl Fn() -> bool) {
    let met = async {
        while !is_met() {
            actix_web::rt::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), met).await.expect("it never happens");
}

struct Beside {
    api: Api,
    path: PathBuf,
    _loader: LoaderReaders,
}

/// The fixture with the actors that write, migrated, and loaded into memory.
async fn loaded() -> Option<Beside> {
    let api = Api::that_writes(Config::default())?;
    let path = api.folder.path().join("meshcore.db");
    let actors = api.actors.as_ref().unwrap();
    actors.begin_backfill();
    until(|| actors.migrations.load().iter().all(|run| run.state.is_final())).await;
    let (lifelines, _deaths) = Lifelines::new();
    let is_settled = Arc::new(AtomicBool::new(false));
    let settled = Arc::clone(&is_settled);
    let hook: Hook = Arc::new(move |event: &Event| {
        settled.fetch_or(*event == Event::Settled, Ordering::SeqCst);
    });
    let rules = LoadRules::new(None, None, 64 << 20, 40);
    let parts = (&api.state.window, &api.clock, &lifelines);
    let loader =
        LoaderReaders::start_with(&path, rules, parts, |source, load| (source, load, Some(hook)));
    until(|| is_settled.load(Ordering::SeqCst)).await;
    Some(Beside { _loader: loader.unwrap(), api, path })
}

impl Beside {
    async fn run(&self, job: Job) -> JobEnd {
        let (ended, end) = tokio::sync::oneshot::channel();
        let message = RunJob { job, by: "test".into(), ended: Some(ended) };
        self.api.actors.as_ref().unwrap().backfill.ask(message).await.unwrap();
        let end = end.await.unwrap();
        assert_eq!(end.error, None);
        end
    }

    /// What analytics and lists say is what the rows say.
    async fn check(&self, moment: &str) {
        // What was kept is too old.
        self.api.clock.advance_ms(3_600_000);
        let rows = Rows::read(&Connection::open(&self.path).unwrap());
        for (query, regions) in [("", vec![]), ("?region=SJC", vec!["SJC".to_owned()])] {
            let question = Question { regions, ..Question::default() };
            let mut rf = self.api.json(&format!("/api/analytics/rf{query}")).await;
            let mut expected = rows.rf(&question);
            // Made for random rows, it has the names of some types only.
            for body in [&mut rf, &mut expected] {
                let types = body["payloadTypes"].as_array_mut().unwrap();
                types.iter_mut().for_each(|kind| kind["name"] = "".into());
            }
            assert_alike(&rf, &expected, &format!("{moment} rf{query}"));
            let sizes = self.api.json(&format!("/api/analytics/hash-sizes{query}")).await;
            let expected = rows.hash_sizes(&question);
            assert_alike(&sizes, &expected, &format!("{moment} sizes{query}"));
        }
        let list = self.api.json("/api/packets?limit=1000").await;
        let packets = number(&self.path, "SELECT COUNT(*) FROM transmissions");
        assert_eq!(list["total"].as_i64(), Some(packets), "{moment}");
        assert_eq!(list["packets"].as_array().map(Vec::len), usize::try_from(packets).ok());
    }
}

#[actix_web::test]
async fn after_a_prune_analytics_and_lists_are_those_of_the_rows_that_are_left() {
    let Some(beside) = loaded().await else { return };
    beside.run(analytics::refresh_job()).await;
    beside.check("whole").await;
    let before = number(&beside.path, "SELECT COUNT(*) FROM transmissions");
    // The fixture spans two hours: the clock of the job is put so that half of it is old.
    let middle = "SELECT last_seen FROM transmissions ORDER BY last_seen LIMIT 1 OFFSET 250";
    let hour = Duration::from_secs(3_600);
    let now_s = number(&beside.path, middle) + 3_600;
    let keeps = RetentionConfig { packets: Some(hour), trusts_clock: true, ..Default::default() };
    let clock = corescope::clock::Clock::manual(now_s * 1_000);
    let parts = TaskParts { keeps, vacuum_pages_max: 1_024, clock };
    let end = beside.run(Task::Packets.job(&parts).unwrap()).await;
    assert!(end.rows_changed > 250, "{end:?}");
    let left = number(&beside.path, "SELECT COUNT(*) FROM transmissions");
    assert!(0 < left && left < before, "{left} of {before}");
    assert!(number(&beside.path, "SELECT COUNT(*) FROM _analytics_stale") > 1);
    beside.check("pruned").await;
    beside.run(Task::Vacuum.job(&parts).unwrap()).await;
    beside.run(analytics::refresh_job()).await;
    let stale = "SELECT COUNT(*) FROM _analytics_stale";
    assert!(number(&beside.path, stale) <= 1, "the newest block may stay");
    beside.check("digests made anew").await;
}
