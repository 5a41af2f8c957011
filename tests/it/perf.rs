//! What the process says about itself: rates, the stats file, the answers of the Cache.

mod cache;
mod io;
mod look;
mod process;
mod publish;
mod running;

use std::path::Path;
use std::time::Duration;

use actix::Actor;
use corescope::actors::cache::{Cache, Peek, Subject};
use corescope::actors::lifeline::Lifelines;
use corescope::actors::line::Line;
use corescope::clock::Clock;
use corescope::perf::io::IoRates;
use serde_json::Value;

/// 2026-07-18T08:47:37Z.
pub const NOW_MS: i64 = 1_784_364_457_000;

/// A kernel of our own making: a folder that looks like `/proc`.
pub struct FakeProc(pub tempfile::TempDir);

impl FakeProc {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("self/task")).unwrap();
        std::fs::create_dir_all(folder.path().join("pressure")).unwrap();
        Self(folder)
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn remove(&self, path: &str) {
        std::fs::remove_file(self.root().join(path)).unwrap();
    }

    /// The whole process: read, written and cancelled bytes, read and write calls.
    pub fn process(&self, counters: [u64; 5]) {
        self.write("self/io", &io_text(counters));
    }

    pub fn thread(&self, id: u32, name: &str, counters: [u64; 5]) {
        self.write(&format!("self/task/{id}/comm"), &format!("{name}\n"));
        self.write(&format!("self/task/{id}/io"), &io_text(counters));
    }

    pub fn end_thread(&self, id: u32) {
        std::fs::remove_dir_all(self.root().join(format!("self/task/{id}"))).unwrap();
    }

    /// Two pages of memory and a calm disk.
    pub fn machine(&self) {
        self.write("self/statm", "9 2 1 1 0 4 0\n");
        let calm = "avg10=0.25 avg60=0.50 avg300=0.75 total=1000";
        self.write("pressure/io", &format!("some {calm}\nfull {calm}\n"));
    }
}

pub fn io_text([read, write, cancelled, read_calls, write_calls]: [u64; 5]) -> String {
    format!(
        "rchar: 1\nwchar: 2\nsyscr: {read_calls}\nsyscw: {write_calls}\nread_bytes: {read}\n\
         write_bytes: {write}\ncancelled_write_bytes: {cancelled}\n"
    )
}

pub fn rates(numbers: [f64; 5]) -> IoRates {
    let [read, write, cancelled, syscalls_read, syscalls_write] = numbers;
    IoRates {
        read_bytes_per_sec: read,
        write_bytes_per_sec: write,
        cancelled_write_bytes_per_sec: cancelled,
        syscalls_read,
        syscalls_write,
    }
}

/// A Cache on this thread.
pub fn cache(clock: &Clock) -> Line<Cache> {
    let lifeline = Lifelines::new().0.attach("cache");
    Line::new(Cache::new(clock.clone(), lifeline).start(), 8, Duration::from_secs(20))
}

pub async fn body(cache: &Line<Cache>, subject: Subject) -> Value {
    let answer = cache.peek::<_, ()>(Peek(subject)).await.unwrap();
    assert!(answer.ends_with('\n'), "a body ends with a line feed");
    serde_json::from_str(&answer).unwrap()
}

/// A stats text of another process, dated `sampled_at`.
pub fn stats_text(sampled_at: &str) -> String {
    format!(
        r#"{{"sampledAt":"{sampled_at}","tx_inserted":120,"obs_inserted":340,"tx_dupes":220,"node_upserts":12,"observer_upserts":300,"write_errors":1,"sig_drops":2,"walCommits":118,"groupCommitFlushes":0,"backfillUpdates":{{"path_json":12}},"procIO":{{"readBytesPerSec":0,"writeBytesPerSec":4096.5,"cancelledWriteBytesPerSec":0,"syscallsRead":2,"syscallsWrite":1,"sampledAt":"{sampled_at}"}},"writer_perf":{{"mqtt_handler":{{"count":1,"contention_total":0,"wait_ms_p50":0,"wait_ms_p95":0,"wait_ms_p99":0,"wait_ms_max":0,"hold_ms_p50":1.2,"hold_ms_p95":1.2,"hold_ms_p99":1.2,"hold_ms_max":1.2}}}},"source_liveness":{{"local":{{"lastReceiptUnix":1784364457,"lastMessageUnix":1784364457}}}},"source_statuses":[{{"name":"zulu","broker":"mqtt://bob:p@ss@host:1883","connected":false,"lastConnectUnix":0,"lastDisconnectUnix":0,"lastPacketUnix":0,"connectCount":1,"disconnectCount":1,"packetsTotal":0,"packetsLast5m":0,"lastError":"dial mqtt://bob:p@ss@host:1883: refused"}},{{"name":"local","broker":"tcp://localhost:1883","connected":true,"lastConnectUnix":1784364400,"lastDisconnectUnix":0,"lastPacketUnix":1784364457,"connectCount":1,"disconnectCount":0,"packetsTotal":9,"packetsLast5m":9}}],"watchdogLastTickUnix":1784364420}}"#
    )
}
