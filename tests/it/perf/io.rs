//! From `/proc` to rates.

use std::path::Path;
use std::time::Duration;

use corescope::perf::io::{Component, IoMeter, IoSample, Moment};
use corescope::perf::proc::{IoCounters, Proc, parse_counters};
use corescope::perf::signal::NoValue;

use super::{FakeProc, NOW_MS, io_text, rates};
use crate::support::skip;

fn moment(after_ms: u64) -> Moment {
    Moment { unix_ms: NOW_MS + after_ms.cast_signed(), monotonic: Duration::from_millis(after_ms) }
}

fn measure(meter: &mut IoMeter, kernel: &FakeProc, after_ms: u64) -> IoSample {
    meter.measure(Proc::at(kernel.root(), kernel.root()).read(), moment(after_ms))
}

/// 000-07, 000-10, 000-27, decision 34.
#[test]
fn a_text_is_a_sample_only_if_every_figure_is_in_it() {
    let expected = IoCounters {
        read_bytes: 1,
        write_bytes: 2,
        cancelled_write_bytes: 3,
        read_calls: 4,
        write_calls: 5,
    };
    let whole = io_text([1, 2, 3, 4, 5]);
    assert_eq!(parse_counters(whole.as_bytes()), Some(expected));
    let newer = format!("{whole}something_new: 7\n");
    assert_eq!(parse_counters(newer.as_bytes()), Some(expected), "a newer kernel says more");
    let lines: Vec<&str> = whole.lines().collect();
    for count in 0..lines.len() {
        assert_eq!(parse_counters(lines[..count].join("\n").as_bytes()), None, "{count} lines");
    }
    let others = ["", "\n", "hello", "a: b c", "read_bytes: many\n", "wchar 1\n: 2\n", "\0\u{ff}"];
    for text in others {
        assert_eq!(parse_counters(text.as_bytes()), None, "{text:?}");
    }
}

/// 001-01, 000-01.
#[test]
fn rates_are_what_was_done_between_two_readings() {
    let (kernel, mut meter) = (FakeProc::new(), IoMeter::default());
    kernel.process([1_000, 2_000, 300, 40, 50]);
    assert_eq!(measure(&mut meter, &kernel, 0).process, Err(NoValue::First), "not zero");
    kernel.process([1_500, 4_000, 300, 42, 51]);
    let expected = rates([250.0, 1_000.0, 0.0, 1.0, 0.5]);
    assert_eq!(measure(&mut meter, &kernel, 2_000).process, Ok(expected));
    assert_eq!(measure(&mut meter, &kernel, 3_000).process, Ok(rates([0.0; 5])));
}

/// 000-19: a failed open stamps no time, so what came in between is spread over the whole gap.
#[test]
fn a_reading_that_failed_leaves_the_earlier_one_with_its_time() {
    let (kernel, mut meter) = (FakeProc::new(), IoMeter::default());
    kernel.process([0, 1_000, 0, 0, 0]);
    measure(&mut meter, &kernel, 0);
    kernel.remove("self/io");
    let failed = measure(&mut meter, &kernel, 1_000);
    assert_eq!(failed.process, Err(NoValue::Absent("/proc/self/io")));
    kernel.write("self/io", "write_bytes: 9000\n");
    let partial = measure(&mut meter, &kernel, 2_000);
    assert_eq!(partial.process, Err(NoValue::Incomplete("/proc/self/io")));
    kernel.process([0, 7_000, 0, 0, 0]);
    let expected = rates([0.0, 1_500.0, 0.0, 0.0, 0.0]);
    assert_eq!(measure(&mut meter, &kernel, 4_000).process, Ok(expected));
}

#[test]
fn counters_that_go_backwards_make_no_rate_and_the_next_two_do() {
    let (kernel, mut meter) = (FakeProc::new(), IoMeter::default());
    kernel.process([0, 5_000, 0, 0, 0]);
    measure(&mut meter, &kernel, 0);
    kernel.process([0, 4_999, 0, 0, 0]);
    assert_eq!(measure(&mut meter, &kernel, 1_000).process, Err(NoValue::Backwards));
    kernel.process([0, 5_099, 0, 0, 0]);
    let expected = rates([0.0, 100.0, 0.0, 0.0, 0.0]);
    assert_eq!(measure(&mut meter, &kernel, 2_000).process, Ok(expected));
}

#[test]
fn two_readings_within_a_millisecond_make_no_rate_and_lose_nothing() {
    let (kernel, mut meter) = (FakeProc::new(), IoMeter::default());
    kernel.process([0, 0, 0, 0, 0]);
    measure(&mut meter, &kernel, 0);
    kernel.process([0, 500, 0, 0, 0]);
    let mut at = moment(0);
    at.monotonic = Duration::from_micros(999);
    let sample = meter.measure(Proc::at(kernel.root(), kernel.root()).read(), at);
    assert_eq!(sample.process, Err(NoValue::TooClose));
    let expected = rates([0.0, 500_000.0, 0.0, 0.0, 0.0]);
    assert_eq!(measure(&mut meter, &kernel, 1).process, Ok(expected), "1 ms is enough");
}

#[test]
fn a_jump_of_the_wall_clock_changes_no_rate() {
    let (kernel, mut meter) = (FakeProc::new(), IoMeter::default());
    kernel.process([0, 0, 0, 0, 0]);
    measure(&mut meter, &kernel, 0);
    kernel.process([0, 100, 0, 0, 0]);
    let at = Moment { unix_ms: NOW_MS - 86_400_000, monotonic: Duration::from_secs(1) };
    let sample = meter.measure(Proc::at(kernel.root(), kernel.root()).read(), at);
    assert_eq!(sample.process, Ok(rates([0.0, 100.0, 0.0, 0.0, 0.0])));
}

#[test]
fn each_component_has_what_its_threads_did_and_the_rest_is_what_is_left() {
    let (kernel, mut meter) = (FakeProc::new(), IoMeter::default());
    kernel.process([0; 5]);
    for (id, name) in [(10, "corescope"), (11, "writer"), (12, "reader-1"), (13, "reader-2")] {
        kernel.thread(id, name, [0; 5]);
    }
    let first = measure(&mut meter, &kernel, 0);
    assert_eq!(first.components, [Err(NoValue::First); 5]);

    kernel.process([400, 10_000, 0, 0, 0]);
    kernel.thread(10, "corescope", [0, 900, 0, 0, 0]);
    kernel.thread(11, "writer", [0, 8_000, 0, 0, 0]);
    kernel.thread(12, "reader-1", [100, 0, 0, 0, 0]);
    kernel.thread(13, "reader-2", [300, 0, 0, 0, 0]);
    kernel.thread(14, "mqtt-1", [0, 1_000, 0, 0, 0]);
    let sample = measure(&mut meter, &kernel, 2_000);
    let writes = |bytes| Ok(rates([0.0, bytes, 0.0, 0.0, 0.0]));
    assert_eq!(sample.component(Component::Writer), writes(4_000.0));
    assert_eq!(sample.component(Component::Readers), Ok(rates([200.0, 0.0, 0.0, 0.0, 0.0])));
    assert_eq!(sample.component(Component::Mqtt), writes(500.0), "a new thread began at zero");
    assert_eq!(sample.component(Component::Checkpointer), Err(NoValue::NoThread));
    assert_eq!(sample.component(Component::Rest), writes(500.0), "an ended thread is in it too");
    assert_eq!(sample.ingest_share(), writes(4_500.0));
}

#[test]
fn an_id_that_is_used_again_is_another_thread() {
    let (kernel, mut meter) = (FakeProc::new(), IoMeter::default());
    kernel.process([0; 5]);
    kernel.thread(11, "writer", [0, 5_000, 0, 0, 0]);
    kernel.thread(12, "reader-1", [9_000, 0, 0, 0, 0]);
    measure(&mut meter, &kernel, 0);
    kernel.thread(11, "writer", [0, 100, 0, 0, 0]);
    kernel.end_thread(12);
    kernel.thread(12, "mqtt-1", [9_500, 0, 0, 0, 0]);
    let sample = measure(&mut meter, &kernel, 1_000);
    assert_eq!(sample.component(Component::Writer), Ok(rates([0.0, 100.0, 0.0, 0.0, 0.0])));
    assert_eq!(sample.component(Component::Mqtt), Ok(rates([9_500.0, 0.0, 0.0, 0.0, 0.0])));
    assert_eq!(sample.component(Component::Readers), Err(NoValue::NoThread));
}

#[test]
fn without_proc_everything_has_a_reason_and_nothing_is_zero() {
    let nowhere = Path::new("/nonexistent");
    let sample = IoMeter::default().measure(Proc::at(nowhere, nowhere).read(), moment(0));
    assert_eq!(sample.process, Err(NoValue::Absent("/proc/self/io")));
    assert_eq!(sample.components, [Err(NoValue::Absent("/proc/self/task")); 5]);
    assert_eq!(sample.pressure, Err(NoValue::Absent("/proc/pressure/io")));
    assert_eq!(sample.rss_bytes, Err(NoValue::Absent("/proc/self/statm")));
    assert_eq!(sample.free_bytes, Err(NoValue::Absent("the database's volume")));
}

#[test]
fn a_kernel_that_keeps_no_account_of_io_takes_no_other_signal_with_it() {
    let kernel = FakeProc::new();
    kernel.machine();
    kernel.write("self/task/7/comm", "writer\n");
    let sample = measure(&mut IoMeter::default(), &kernel, 0);
    assert_eq!(sample.process, Err(NoValue::Absent("/proc/self/io")));
    assert_eq!(sample.components, [Err(NoValue::Absent("/proc/self/task/…/io")); 5]);
    assert_eq!(sample.rss_bytes, Ok(2 * procfs::page_size()));
    assert_eq!(sample.pressure.unwrap().some.total_us, 1_000);
    assert!(sample.free_bytes.unwrap() > 0);
}

#[test]
fn odd_files_in_place_of_the_kernels_are_reasons() {
    let kernel = FakeProc::new();
    std::fs::create_dir(kernel.root().join("self/io")).unwrap();
    kernel.write("self/statm", "many\n");
    kernel.write("pressure/io", "some avg10=x\n");
    let sample = measure(&mut IoMeter::default(), &kernel, 0);
    assert!(matches!(sample.process, Err(NoValue::Unreadable { what: "/proc/self/io", .. })));
    assert_eq!(sample.rss_bytes, Err(NoValue::Incomplete("/proc/self/statm")));
    assert_eq!(sample.pressure, Err(NoValue::Incomplete("/proc/pressure/io")));
}

/// 001-09: where this machine tells nothing, there is nothing to compare.
#[test]
fn the_real_proc_tells_what_this_process_writes() {
    let folder = tempfile::tempdir().unwrap();
    let mut proc = Proc::of_system(folder.path());
    let Ok(before) = proc.read_process() else {
        return skip("/proc/self/io cannot be read here");
    };
    std::fs::write(folder.path().join("file"), vec![1; 64 << 10]).unwrap();
    let after = proc.read_process().unwrap();
    assert!(after.write_calls > before.write_calls);
    let reading = proc.read();
    assert!(reading.threads.unwrap().iter().any(|thread| !thread.name.is_empty()));
    assert!(reading.rss_bytes.unwrap() > 0);
}
