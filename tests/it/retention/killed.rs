//! `kill -9` of the real program in the middle of pruning.

use corescope::clock::Clock;
use serde_json::{Value, json};

use super::{is_sound, number, seeded};
use crate::support::process::{Process, count, wait_for};

const PACKETS: &str = "SELECT COUNT(*) FROM transmissions";

fn prepare(database: &std::path::Path) -> Process {
    let process = Process::prepare(&json!({
        "retention": {"packetDays": 10, "observerDays": -1},
        "migrations": {"batchRowsMax": 40, "dutyCycle": 0.05},
        "mqttSources": [{"name": "nowhere", "broker": "mqtt://127.0.0.1:1", "topics": ["a"]}]
    }));
    std::fs::create_dir(process.folder.path().join("data")).unwrap();
    std::fs::copy(database, process.database()).unwrap();
    process
}

fn task(process: &Process, name: &str) -> Value {
    let perf = process.get("/api/perf");
    let tasks = perf["maintenance"].as_array().unwrap_or_else(|| panic!("{perf}")).clone();
    tasks.into_iter().find(|task| task["name"] == name).unwrap()
}

#[test]
fn a_kill_in_the_middle_leaves_whole_packets_and_the_next_start_goes_on() {
    let (_folder, database) = seeded(3_000, 500, Clock::system().now_s());
    let mut process = prepare(&database);
    let mut amid = 0;
    for left in [3_300, 2_500, 1_500] {
        process.start();
        wait_for(|| (count(&process.database(), PACKETS) <= left).then_some(()))
            .unwrap_or_else(|| panic!("nothing is pruned\n{}", process.log()));
        process.kill();
        is_sound(&process.database());
        amid += i32::from(number(&process.database(), PACKETS) > 500);
        let halves = "SELECT COUNT(*) FROM transmissions t WHERE (SELECT COUNT(*) \
                      FROM observations WHERE transmission_id = t.id) <> 3";
        assert_eq!(number(&process.database(), halves), 0, "half a packet");
    }
    assert!(amid > 1, "no kill came in the middle");
    process.start();
    wait_for(|| (task(&process, "prune_packets")["state"] == "done").then_some(()))
        .unwrap_or_else(|| panic!("never done\n{}", process.log()));
    wait_for(|| (task(&process, "incremental_vacuum")["state"] == "done").then_some(()))
        .unwrap_or_else(|| panic!("never done\n{}", process.log()));
    let disabled = task(&process, "mark_silent_observers");
    assert_eq!(disabled["state"], "disabled");
    let metrics = ureq::get(&process.url("/metrics")).call().unwrap();
    let metrics = metrics.into_body().read_to_string().unwrap();
    let line = "corescope_maintenance_state{task=\"prune_packets\",state=\"done\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    assert_eq!(process.stop(), Some(0), "{}", process.log());
    assert_eq!(number(&process.database(), PACKETS), 500);
    assert_eq!(number(&process.database(), "SELECT COUNT(*) FROM observations"), 1_500);
    is_sound(&process.database());
}
