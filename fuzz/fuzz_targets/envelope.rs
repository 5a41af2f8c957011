//! Any topic and payload of a broker: a record, a reason to leave it aside or to refuse it.
//! The topic ends at the first line feed.
#![no_main]

use std::sync::LazyLock;

use corescope::config::Config;
use corescope::ingest::{Arrival, Rules, SourceRules};
use libfuzzer_sys::fuzz_target;

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::new(&Config::default()));
static SOURCE: LazyLock<SourceRules> = LazyLock::new(|| SourceRules {
    tag: "fuzz".into(),
    iata_filter: Vec::new(),
    region: None,
});

fuzz_target!(|bytes: &[u8]| {
    let (topic, payload) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (&b"meshcore/PAR/AB12/packets"[..], bytes),
    };
    let away_s = (bytes.len() % 3 == 0).then_some(1_700_000_000..=1_800_000_000);
    let _ = RULES.receive(
        &SOURCE,
        &Arrival {
            topic: &String::from_utf8_lossy(topic),
            payload,
            is_retained: bytes.len() % 2 == 0,
            now_s: 1_800_000_000,
            away_s,
        },
    );
});
