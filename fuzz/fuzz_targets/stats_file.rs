//! Any text as the stats file of another process.
#![no_main]

use corescope::perf::ingestor::{IngestorStats, Origin};
use corescope::perf::stats_file::{SourceRow, StatsFile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(stats) = IngestorStats::peek(bytes, Origin::Beside, 1_800_000_000_000) {
        let _ = stats.freshness(1_800_000_000_000);
    }
    if let Ok(mut file) = StatsFile::decode(bytes) {
        file.source_statuses.iter_mut().for_each(SourceRow::mask);
        let _ = file.sources();
        let mut text = Vec::new();
        file.encode(&mut text).expect("memory takes everything");
        assert!(StatsFile::decode(&text).is_ok(), "what we write we cannot read");
    }
});
