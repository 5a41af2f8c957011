//! What is measured against which goal. Goals are those of the project's design; a limit is the
//! least that the same libraries did in the same run.

use Goal::{AtLeast, AtMost, None as NoGoal};

/// In this order; those that need a database of operator scale find it in `CORESCOPE_BENCH_DB`.
pub const BENCHES: [&str; 11] = [
    "decode",
    "telemetry",
    "telemetry_ledger",
    "ask",
    "commit",
    "startup",
    "requests",
    "analytics",
    "broker",
    "backfill",
    "scale",
];

/// What a figure is to be, in its own unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
    None,
}

/// A line of the report.
pub struct Row {
    /// What is measured.
    pub what: &'static str,
    /// The figure's name.
    pub figure: &'static str,
    /// What it is to be.
    pub goal: Goal,
    /// The name of the limit's figure; empty without one.
    pub limit: &'static str,
}

/// Lines that belong together.
pub struct Section {
    pub title: &'static str,
    pub command: &'static str,
    pub rows: &'static [Row],
}

const fn row(what: &'static str, figure: &'static str, goal: Goal, limit: &'static str) -> Row {
    Row { what, figure, goal, limit }
}

pub const SECTIONS: [Section; 7] = [
    Section {
        title: "Start and memory, operator scale",
        command: "cargo bench --bench startup",
        rows: &[
            row("start → `/api/stats`, cold", "start.stats.cold", AtMost(0.3), ""),
            row("start → `/api/packets?limit=50`, cold", "start.packets.cold", AtMost(0.3), ""),
            row(
                "start → `/api/analytics/hash-sizes`, cold",
                "start.hash-sizes.cold",
                AtMost(0.3),
                "",
            ),
            row("start → full coverage, cold", "start.covered.cold", AtMost(5.0), ""),
            row("start → full coverage, warm", "start.covered.warm", AtMost(5.0), ""),
            row("of that, processor time", "start.processor.warm", NoGoal, ""),
            row(
                "`/api/packets?limit=50` while it loads",
                "start.packets-while-loading.per-s",
                NoGoal,
                "",
            ),
            row("peak memory, loaded", "start.peak", AtMost(160.0), ""),
            row("memory per observation, window", "start.bytes-each", AtMost(100.0), ""),
        ],
    },
    Section {
        title: "Requests, 64 connections",
        command: "cargo bench --bench requests",
        rows: &[
            row(
                "`/api/stats`",
                "requests.stats.per-s",
                AtLeast(60_000.0),
                "requests.bare-small.per-s",
            ),
            row(
                "`/api/healthz`",
                "requests.healthz.per-s",
                AtLeast(50_000.0),
                "requests.bare-small.per-s",
            ),
            row(
                "`/api/perf/io`",
                "requests.perf-io.per-s",
                AtLeast(45_000.0),
                "requests.bare-small.per-s",
            ),
            row(
                "`/api/packets?limit=50`",
                "requests.packets.per-s",
                AtLeast(25_000.0),
                "requests.bare-33kB.per-s",
            ),
            row("the same, p99", "requests.packets.p99", AtMost(20.0), "requests.bare-33kB.p99"),
            row(
                "the same, grouped",
                "requests.packets-grouped.per-s",
                NoGoal,
                "requests.bare-33kB.per-s",
            ),
            row(
                "a filter that nobody kept",
                "requests.packets-uncached.per-s",
                AtLeast(3_500.0),
                "",
            ),
            row(
                "`/api/packets?limit=50` one at a time, p50",
                "requests.packets-alone.p50",
                AtMost(0.5),
                "",
            ),
            row("the same, p99", "requests.packets-alone.p99", AtMost(3.0), ""),
            row("`/api/analytics/rf`", "requests.rf.per-s", NoGoal, "requests.bare-33kB.per-s"),
            row("`/api/analytics/hash-sizes`", "requests.hash-sizes.per-s", NoGoal, ""),
            row("`/api/nodes?limit=50`", "requests.nodes.per-s", NoGoal, ""),
            row("`/api/observers`", "requests.observers.per-s", NoGoal, ""),
            row("peak memory after all of it", "requests.peak-MB", NoGoal, ""),
        ],
    },
    Section {
        title: "A migration that nobody feels, 71,000 rows, 500 receptions/s, two readers",
        command: "cargo bench --bench backfill",
        rows: &[
            row(
                "total, alone, default duty cycle",
                "backfill.alone.total",
                AtMost(4.0),
                "backfill.alone.one-update.total",
            ),
            row(
                "total, alone, full speed",
                "backfill.alone.full.total",
                AtMost(2.0),
                "backfill.alone.one-update.total",
            ),
            row(
                "hold of the writer, p99",
                "backfill.hold-p99",
                AtMost(10.0),
                "backfill.one-update.hold-p99",
            ),
            row(
                "hold of the writer, longest",
                "backfill.hold-max",
                AtMost(30.0),
                "backfill.one-update.hold-max",
            ),
            row(
                "the same at full speed",
                "backfill.full.hold-max",
                AtMost(30.0),
                "backfill.one-update.hold-max",
            ),
            row(
                "wait of a reception, p99",
                "backfill.wait-p99",
                AtMost(25.0),
                "backfill.one-update.wait-p99",
            ),
            row("reader p99 ÷ idle", "backfill.reader-ratio", AtMost(1.5), ""),
            row("peak of the log", "backfill.wal", AtMost(16.0), "backfill.one-update.wal"),
        ],
    },
    Section {
        title: "Ingest",
        command: "cargo bench --bench broker, --bench commit",
        rows: &[
            row(
                "from Mosquitto, QoS 1, synced, acknowledged",
                "broker.per-s",
                AtLeast(5_000.0),
                "",
            ),
            row("lost", "broker.lost", AtMost(0.0), ""),
            row("written to disk, each", "broker.bytes-each", AtMost(40.0), ""),
            row("processor at 10 receptions/s", "broker.processor-at-10-per-s", AtMost(0.5), ""),
            row("commit of 1 row", "commit.commit_full.1", NoGoal, "commit.limit_full.1"),
            row("commit of 10 rows", "commit.commit_full.10", NoGoal, "commit.limit_full.10"),
            row("commit of 100 rows", "commit.commit_full.100", NoGoal, "commit.limit_full.100"),
            row(
                "commit of 1,000 rows",
                "commit.commit_full.1000",
                NoGoal,
                "commit.limit_full.1000",
            ),
        ],
    },
    Section {
        title: "Telemetry, one operation",
        command: "cargo bench --bench telemetry, --bench telemetry_ledger, --bench ask",
        rows: &[
            row(
                "read and parse `/proc/self/io`",
                "telemetry.read_and_parse_proc_self_io",
                AtMost(5_000.0),
                "",
            ),
            row("peek, ready", "telemetry.peek_hit.io", AtMost(600.0), ""),
            row(
                "unchanged foreign stats file",
                "telemetry.look_hit_one_stat",
                AtMost(600.0),
                "telemetry.one_stat_alone",
            ),
            row("changed stats file", "telemetry.look_miss_changed_file", AtMost(10_000.0), ""),
            row("publish tick, encode", "telemetry.publish_tick_encode", AtMost(6_000.0), ""),
            row(
                "request timing",
                "telemetry_ledger.request_timing.t=1",
                AtMost(200.0),
                "telemetry_ledger.request_timing_limit.t=1",
            ),
            row("ask of an actor on another thread", "ask.line", NoGoal, "ask.bare"),
        ],
    },
    Section {
        title: "Decoding, one packet",
        command: "cargo bench --bench decode",
        rows: &[
            row(
                "bytes → borrowed packet (advert)",
                "decode.bytes_to_borrowed_struct.Advert",
                AtMost(1_000.0),
                "",
            ),
            row(
                "payload of a group text, 301 keys",
                "decode.payload_without_signature.GrpTxt",
                NoGoal,
                "",
            ),
            row("payload as JSON (advert)", "decode.payload_to_json.Advert", NoGoal, ""),
            row("advert with signature check", "decode.advert_with_signature", NoGoal, ""),
        ],
    },
    Section {
        title: "Analytics made anew from digests, operator scale",
        command: "cargo bench --bench analytics",
        rows: &[
            row("`rf`", "analytics.rf", NoGoal, ""),
            row("`rf`, last 7 days", "analytics.rf--last-7-days", NoGoal, ""),
            row("`hash-sizes`", "analytics.hash-sizes", NoGoal, ""),
        ],
    },
];

/// Figures of `benches/scale.rs` by row, for each size.
pub const SCALE_ROWS: [(&str, &str); 11] = [
    ("file", "file-MB"),
    ("first start: all migrations", "upgrade-s"),
    ("start → `/api/stats`, cold", "first-stats-s"),
    ("start → `/api/packets?limit=50`, cold", "first-packets-s"),
    ("start → `/api/analytics/hash-sizes`, cold", "first-hash-sizes-s"),
    ("start → window full", "covered-s"),
    ("coverage within the memory that it may use", "coverage"),
    ("peak memory", "peak-MB"),
    ("`/api/packets?limit=50`, p50", "packets-ms"),
    ("the same at offset 60,000", "deep-ms"),
    ("`/api/analytics/rf`, p50", "rf-ms"),
];

/// Times operator scale.
pub const SCALE_FACTORS: [&str; 3] = ["0.1", "1", "10"];
