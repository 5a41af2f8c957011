//! What the stats file says, and whether it may still be believed: freshness is computed at each
//! look, never stored (000-06, 000-14).

use std::sync::Arc;

use serde::Deserialize;

use super::io::{FRESH_MS, IoRates};
use crate::clock;

/// Whether a sample may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// At most 5 s old.
    Fresh,
    /// Older.
    Stale,
    /// Dated more than 5 s in the future: one of the two clocks is wrong.
    Ahead,
}

impl Freshness {
    /// Compares the time of a sample with the present.
    pub const fn of(sampled_at_ms: i64, now_ms: i64) -> Self {
        let age_ms = now_ms.saturating_sub(sampled_at_ms);
        if age_ms > FRESH_MS {
            Self::Stale
        } else if age_ms < -FRESH_MS {
            Self::Ahead
        } else {
            Self::Fresh
        }
    }
}

/// Whose figures these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Of a process that ingests beside this one: what its file said.
    Beside,
    /// Of this process, which does nothing but ingest.
    ThisProcess,
    /// Of this process, which serves too: the rates are the share of ingest.
    ThisProcessShare,
}

/// A text of stats with the two fields that every viewer needs; the rest is decoded when asked for
/// (000-13).
#[derive(Clone, Debug, PartialEq)]
pub struct IngestorStats {
    /// Whose they are.
    pub origin: Origin,
    /// As in the text.
    pub sampled_at: String,
    /// The same in Unix milliseconds. There is always one: an undated text is refused (000-26).
    pub sampled_at_ms: i64,
    /// Whether it was dated in the future when it was read: then it never becomes fresh.
    pub is_ahead: bool,
    /// `None` if the writer could not tell.
    pub rates: Option<IoRates>,
    /// The whole text.
    pub text: Arc<[u8]>,
}

/// Why a text of stats says nothing.
#[derive(Debug, thiserror::Error)]
pub enum StatsError {
    /// Half-written, or not ours.
    #[error("it is no stats file: {0}")]
    Malformed(serde_json::Error),
    /// Neither `sampledAt` is there.
    #[error("it does not say when it was written")]
    Undated,
    /// `sampledAt` is no time.
    #[error("its time cannot be understood")]
    BadTime,
    /// A rate below zero or beyond all numbers.
    #[error("its I/O rates are impossible")]
    BadRates,
}

#[derive(Deserialize)]
struct Peek<'a> {
    #[serde(rename = "sampledAt", default)]
    sampled_at: Option<&'a str>,
    #[serde(borrow, rename = "procIO", default)]
    proc_io: Option<PeekIo<'a>>,
}

/// [`IoRates`] field by field: flattening would buffer them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PeekIo<'a> {
    read_bytes_per_sec: f64,
    write_bytes_per_sec: f64,
    cancelled_write_bytes_per_sec: f64,
    syscalls_read: f64,
    syscalls_write: f64,
    #[serde(default)]
    sampled_at: Option<&'a str>,
}

impl PeekIo<'_> {
    const fn rates(&self) -> IoRates {
        IoRates {
            read_bytes_per_sec: self.read_bytes_per_sec,
            write_bytes_per_sec: self.write_bytes_per_sec,
            cancelled_write_bytes_per_sec: self.cancelled_write_bytes_per_sec,
            syscalls_read: self.syscalls_read,
            syscalls_write: self.syscalls_write,
        }
    }
}

impl IngestorStats {
    /// Reads the two fields of a text.
    ///
    /// # Errors
    /// Every variant of [`StatsError`].
    pub fn peek(text: &[u8], origin: Origin, now_ms: i64) -> Result<Self, StatsError> {
        let peek: Peek<'_> = serde_json::from_slice(text).map_err(StatsError::Malformed)?;
        let inner = peek.proc_io.as_ref().and_then(|io| io.sampled_at);
        let outer = peek.sampled_at.filter(|text| !text.is_empty());
        let sampled_at = outer.or(inner).ok_or(StatsError::Undated)?;
        let sampled_at_ms = clock::parse_utc_ms(sampled_at).ok_or(StatsError::BadTime)?;
        let rates = peek.proc_io.as_ref().map(PeekIo::rates);
        if rates.is_some_and(|rates| !rates.is_sane()) {
            return Err(StatsError::BadRates);
        }
        Ok(Self {
            origin,
            sampled_at_ms,
            is_ahead: Freshness::of(sampled_at_ms, now_ms) == Freshness::Ahead,
            rates,
            sampled_at: sampled_at.to_owned(),
            text: text.into(),
        })
    }

    /// Tells whether it may be shown at `now_ms`.
    pub fn freshness(&self, now_ms: i64) -> Freshness {
        match Freshness::of(self.sampled_at_ms, now_ms) {
            Freshness::Fresh if self.is_ahead => Freshness::Ahead,
            freshness => freshness,
        }
    }
}

/// What the latest look at the stats found.
#[derive(Clone, Debug, PartialEq)]
pub enum Look {
    /// Nothing has been published or looked at yet.
    NotYet,
    /// There is no file.
    Missing,
    /// There is something that says nothing; why.
    Unreadable(Arc<str>),
    /// There is a text. Ask for its freshness.
    Stats(Arc<IngestorStats>),
}
