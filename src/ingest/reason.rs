//! Why a message is not taken, and how often.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::mesh::PacketError;
use crate::mesh::payload::AdvertFault;

/// Why a sound message is left aside: it is not for us, or the operator does not want it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ignored {
    /// A topic that we do not read.
    OtherTopic,
    /// The bridge tells of its own connection.
    Bridge,
    /// A packets topic with a message that has no `raw`.
    NoRaw,
    /// A companion message without text.
    NoText,
    /// `observerBlacklist`.
    ObserverBlacklisted,
    /// `observerIATAWhitelist`.
    RegionNotWhitelisted,
    /// The source's `iataFilter`.
    RegionFiltered,
    /// Outside `geo_filter`, and `foreignAdverts.mode` is `drop`.
    ForeignAdvert,
    /// A mobile client's reception while `clientRxCoverage.enabled` is off.
    CoverageDisabled,
    /// A mobile client's own transmission.
    CoverageNotReceived,
    /// A reception that does not tell which node was heard (§2.14).
    CoverageHeardUnknown,
}

impl Ignored {
    /// All, in the order of their declaration.
    pub const ALL: [Self; 11] = [
        Self::OtherTopic,
        Self::Bridge,
        Self::NoRaw,
        Self::NoText,
        Self::ObserverBlacklisted,
        Self::RegionNotWhitelisted,
        Self::RegionFiltered,
        Self::ForeignAdvert,
        Self::CoverageDisabled,
        Self::CoverageNotReceived,
        Self::CoverageHeardUnknown,
    ];

    /// Returns the name under which it is counted.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OtherTopic => "ignored_other_topic",
            Self::Bridge => "ignored_bridge",
            Self::NoRaw => "ignored_no_raw",
            Self::NoText => "ignored_no_text",
            Self::ObserverBlacklisted => "ignored_observer_blacklisted",
            Self::RegionNotWhitelisted => "ignored_region_not_whitelisted",
            Self::RegionFiltered => "ignored_region_filtered",
            Self::ForeignAdvert => "ignored_foreign_advert",
            Self::CoverageDisabled => "ignored_coverage_disabled",
            Self::CoverageNotReceived => "ignored_coverage_not_received",
            Self::CoverageHeardUnknown => "ignored_coverage_heard_unknown",
        }
    }
}

/// Why a message that should have been one of ours cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rejected {
    /// Over 64 KiB.
    PayloadTooLarge,
    /// Not a topic, or a blank observer.
    BadTopic,
    /// Not JSON.
    NotJson,
    /// JSON, but no object.
    NotObject,
    /// `raw` on a topic that does not end in `/packets` (decision 4).
    RawOffTopic,
    /// `raw` is no text.
    RawNotText,
    /// `raw` is empty or blank.
    RawEmpty,
    /// `raw` is not hexadecimal, or of odd length.
    NotHex,
    /// Fewer than two bytes.
    TooShort,
    /// Ends in its transport codes.
    NoTransportCodes,
    /// Ends before its path length.
    NoPathLength,
    /// Reserved hash size, or over 64 bytes of path.
    BadPathLength,
    /// The path runs beyond the end.
    TruncatedPath,
    /// Over 184 bytes of payload.
    LongPayload,
    /// An advert's key is all zeros.
    AdvertZeroKey,
    /// An advert's position is not on earth.
    AdvertPosition,
    /// An advert's name has control characters.
    AdvertName,
    /// A mobile client's topic has no hex key.
    CoverageBadKey,
    /// A mobile client's reception has no position, or one not on earth.
    CoverageNoPosition,
}

impl Rejected {
    /// All, in the order of their declaration.
    pub const ALL: [Self; 19] = [
        Self::PayloadTooLarge,
        Self::BadTopic,
        Self::NotJson,
        Self::NotObject,
        Self::RawOffTopic,
        Self::RawNotText,
        Self::RawEmpty,
        Self::NotHex,
        Self::TooShort,
        Self::NoTransportCodes,
        Self::NoPathLength,
        Self::BadPathLength,
        Self::TruncatedPath,
        Self::LongPayload,
        Self::AdvertZeroKey,
        Self::AdvertPosition,
        Self::AdvertName,
        Self::CoverageBadKey,
        Self::CoverageNoPosition,
    ];

    /// Returns the name under which it is counted.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PayloadTooLarge => "rejected_payload_too_large",
            Self::BadTopic => "rejected_bad_topic",
            Self::NotJson => "rejected_not_json",
            Self::NotObject => "rejected_not_object",
            Self::RawOffTopic => "rejected_raw_off_topic",
            Self::RawNotText => "rejected_raw_not_text",
            Self::RawEmpty => "rejected_raw_empty",
            Self::NotHex => "rejected_not_hex",
            Self::TooShort => "rejected_too_short",
            Self::NoTransportCodes => "rejected_no_transport_codes",
            Self::NoPathLength => "rejected_no_path_length",
            Self::BadPathLength => "rejected_bad_path_length",
            Self::TruncatedPath => "rejected_truncated_path",
            Self::LongPayload => "rejected_long_payload",
            Self::AdvertZeroKey => "rejected_advert_zero_key",
            Self::AdvertPosition => "rejected_advert_position",
            Self::AdvertName => "rejected_advert_name",
            Self::CoverageBadKey => "rejected_coverage_bad_key",
            Self::CoverageNoPosition => "rejected_coverage_no_position",
        }
    }
}

impl From<PacketError> for Rejected {
    fn from(error: PacketError) -> Self {
        match error {
            PacketError::NotHex(_) => Self::NotHex,
            PacketError::TooShort(_) => Self::TooShort,
            PacketError::NoTransportCodes(_) => Self::NoTransportCodes,
            PacketError::NoPathLength(_) => Self::NoPathLength,
            PacketError::BadPathLength(_) => Self::BadPathLength,
            PacketError::TruncatedPath { .. } => Self::TruncatedPath,
            PacketError::LongPayload(_) => Self::LongPayload,
        }
    }
}

impl From<AdvertFault> for Rejected {
    fn from(fault: AdvertFault) -> Self {
        match fault {
            AdvertFault::ZeroKey => Self::AdvertZeroKey,
            AdvertFault::PositionOutOfRange => Self::AdvertPosition,
            AdvertFault::ControlCharacters => Self::AdvertName,
        }
    }
}

/// What is worth counting about a message that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// It carries its envelope's time, because the broker held it while we were away (decision 3).
    TimeResumed,
    /// Its `timestamp` is there and cannot be read (§2.12).
    TimeUnreadable,
    /// A signal value is there and is no finite number (HZ 22): stored as unknown.
    SignalRefused,
}

impl Note {
    /// All, in the order of their declaration.
    pub const ALL: [Self; 3] = [Self::TimeResumed, Self::TimeUnreadable, Self::SignalRefused];

    /// Returns the name under which it is counted.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TimeResumed => "note_time_resumed",
            Self::TimeUnreadable => "note_time_unreadable",
            Self::SignalRefused => "note_signal_refused",
        }
    }
}

/// How often each reason was met since start; shared between threads.
#[derive(Debug, Default)]
pub struct RejectCounts {
    ignored: [AtomicU64; Ignored::ALL.len()],
    rejected: [AtomicU64; Rejected::ALL.len()],
    notes: [AtomicU64; Note::ALL.len()],
}

impl RejectCounts {
    /// Counts one message left aside.
    pub fn count_ignored(&self, reason: Ignored) {
        self.ignored[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one message refused.
    pub fn count_rejected(&self, reason: Rejected) {
        self.rejected[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one thing about a message that was taken.
    pub fn count_note(&self, note: Note) {
        self.notes[note as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the notes by name, those of 0 too.
    pub fn notes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let notes = Note::ALL.map(Note::as_str).into_iter().zip(&self.notes);
        notes.map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }

    /// Returns all counts by name, those of 0 too.
    pub fn snapshot(&self) -> BTreeMap<&'static str, u64> {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let ignored = Ignored::ALL.map(Ignored::as_str).into_iter().zip(&self.ignored);
        let rejected = Rejected::ALL.map(Rejected::as_str).into_iter().zip(&self.rejected);
        let left = ignored.chain(rejected).map(|(name, count)| (name, read(count)));
        left.chain(self.notes()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_counted_under_its_own_name() {
        let counts = RejectCounts::default();
        Ignored::ALL.into_iter().for_each(|reason| counts.count_ignored(reason));
        Rejected::ALL.into_iter().for_each(|reason| counts.count_rejected(reason));
        Note::ALL.into_iter().for_each(|note| counts.count_note(note));
        counts.count_rejected(Rejected::RawEmpty);
        let snapshot = counts.snapshot();
        assert_eq!(snapshot.len(), Ignored::ALL.len() + Rejected::ALL.len() + Note::ALL.len());
        for (name, count) in snapshot {
            assert_eq!(count, if name == "rejected_raw_empty" { 2 } else { 1 }, "{name}");
        }
    }
}
