//! Any status message of an observer, live and resumed.
#![no_main]

use std::sync::LazyLock;

use corescope::config::Config;
use corescope::ingest::{Arrival, Rules, SourceRules};
use libfuzzer_sys::fuzz_target;

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::new(&Config::default()));
static SOURCE: LazyLock<SourceRules> = LazyLock::new(|| SourceRules {
    tag: "fuzz".into(),
    iata_filter: vec!["PAR".into()],
    region: Some("PAR".into()),
});

fuzz_target!(|payload: &[u8]| {
    for away_s in [None, Some(0..=i64::MAX)] {
        let topic = "meshcore/PAR/AB12/status";
        let arrival =
            Arrival { topic, payload, is_retained: false, now_s: 1_800_000_000, away_s };
        let _ = RULES.receive(&SOURCE, &arrival);
    }
});
