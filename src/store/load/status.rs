//! How loading stands, in the contract's words (§6.3).

use crate::store::Floor;

/// Below this share of the rows that were to be loaded, loading has failed (contract §6.3).
pub const COVERAGE_MIN: f64 = 0.90;

/// What `X-CoreScope-Load-Status`, `/api/perf` and probes say.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadStatus {
    /// Whether a Loader runs in this process.
    pub has_loader: bool,
    /// Whether the hot window is in memory: the header says `ready`.
    pub is_hot_loaded: bool,
    /// Transmissions merged so far.
    pub merged: u64,
    /// Transmissions that are to be merged; 0 until that is known.
    pub expected: u64,
    /// `backgroundLoadComplete`.
    pub is_complete: bool,
    /// `backgroundLoadFailed`.
    pub has_failed: bool,
    /// `backgroundLoadError`.
    pub error: Option<String>,
    /// `backgroundLoadProgress`, percent.
    pub progress: u8,
    /// `loadCoverageRatio`.
    pub coverage: f64,
    /// How far back the window is complete.
    pub floor: Floor,
    /// Transmissions taken out again since the start.
    pub evicted: u64,
    /// What the window may hold, bytes.
    pub bytes_max: u64,
    /// The hot window as applied, hours; 0 for none.
    pub hot_hours: f64,
}

impl Default for LoadStatus {
    /// Of a process without a Loader: nothing is loaded and nothing will be.
    fn default() -> Self {
        Self {
            has_loader: false,
            is_hot_loaded: true,
            merged: 0,
            expected: 0,
            is_complete: true,
            has_failed: false,
            error: None,
            progress: 100,
            coverage: 0.0,
            floor: Floor::Nothing,
            evicted: 0,
            bytes_max: 0,
            hot_hours: 0.0,
        }
    }
}

/// What a load came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Transmissions in memory.
    pub in_memory: u64,
    /// Transmissions that were to be loaded; `None` if they could not be counted.
    pub expected: Option<u64>,
    /// Whether the bound of memory was reached first.
    pub is_full: bool,
    /// Whether there was a hot window, so that a second phase filled the rest.
    pub has_background: bool,
}

impl LoadStatus {
    /// Whether there is nothing left to load, or no more that fits.
    pub fn is_over(&self) -> bool {
        self.progress == 100 || (self.is_complete && !self.has_failed)
    }

    /// Of a load that begins: whatever was wrong before is cleared (003-08).
    pub fn begin(&mut self) {
        self.has_loader = true;
        self.is_hot_loaded = false;
        self.resume();
        (self.merged, self.expected, self.progress, self.coverage) = (0, 0, 0, 0.0);
    }

    /// Of a load that goes on after a failure.
    pub fn resume(&mut self) {
        (self.is_complete, self.has_failed, self.error) = (false, false, None);
    }

    /// The first phase failed: done and failed, with the phase in the text (003-03).
    pub fn fail_hot(&mut self, why: &str) {
        (self.is_complete, self.has_failed) = (true, true);
        self.error = Some(format!("LoadChunked failed: {why}"));
    }

    /// The second phase failed (003-03).
    pub fn fail_background(&mut self, why: &str) {
        (self.is_complete, self.has_failed, self.progress) = (false, true, 100);
        self.error = Some(format!("background load failed with 1 chunk error: {why}"));
    }

    /// All that was to be loaded is, or all that fits.
    pub fn settle(&mut self, outcome: Outcome) {
        self.resume();
        (self.is_hot_loaded, self.is_complete, self.progress) = (true, true, 100);
        self.coverage = match outcome.expected {
            Some(0) => 1.0,
            Some(expected) => outcome.in_memory as f64 / expected as f64,
            None if outcome.has_background => 0.0,
            None => 1.0,
        };
        if !outcome.has_background {
            self.coverage = self.coverage.min(1.0);
        }
        let Some(expected) = outcome.expected else { return };
        if self.coverage < COVERAGE_MIN {
            (self.is_complete, self.has_failed) = (!outcome.has_background, true);
            let why = if outcome.is_full { ": the bound of memory is reached" } else { "" };
            self.error = Some(format!(
                "loaded {:.1}% of the rows ({} of {expected}){why}; the rest is answered from SQLite",
                self.coverage * 100.0,
                outcome.in_memory,
            ));
        }
    }
}
