//! The `timestamp` of an envelope: which time it means and how far its clock is off (§2.12).

const HOUR_S: i64 = 3600;
/// Further ahead is no clock but a mistake.
const AHEAD_MAX_S: i64 = 14 * HOUR_S;
/// Older is taken for now.
const AGE_MAX_S: i64 = 30 * 24 * HOUR_S;
/// A zone-less clock that is off by more is local time, or wrong.
const NAIVE_SKEW_MAX_S: i64 = 15 * 60;

/// A time as an observer wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvelopeTime {
    /// Unix seconds, rounded down; read as UTC if it names no zone.
    pub at_s: i64,
    /// Without a zone.
    pub is_naive: bool,
}

/// What an envelope's time comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Unix seconds, never ahead of the `now_s` that it was resolved with.
    pub at_s: i64,
    /// Signed seconds by which a zone-less clock is ahead of ours, if that is over 15 minutes.
    pub naive_clock_skew_s: Option<i64>,
    /// As in [`PacketReception::received_at_s`](super::reception::PacketReception::received_at_s).
    pub received_at_s: Option<i64>,
}

impl EnvelopeTime {
    /// Reads `YYYY-MM-DDTHH:MM:SS`, a fraction of any length after `.` or `,`, and `Z`, `±HH:MM` or
    /// no zone; `None` for all else.
    pub fn parse(text: &str) -> Option<Self> {
        let (civil, rest) = text.split_at_checked(19)?;
        let utc_s = civil_seconds(civil)?;
        let zone = match rest.strip_prefix(['.', ',']) {
            Some(fraction) => {
                let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
                (zone.len() < fraction.len()).then_some(zone)?
            }
            None => rest,
        };
        match zone {
            "" => Some(Self { at_s: utc_s, is_naive: true }),
            "Z" => Some(Self { at_s: utc_s, is_naive: false }),
            offset => Some(Self { at_s: utc_s - offset_seconds(offset)?, is_naive: false }),
        }
    }

    /// Says which time is meant, in the order of §2.12's rules: hopeless values and those ahead of
    /// `now_s` become `now_s`; a zone-less clock that is off becomes `now_s` and tells its skew.
    pub fn resolve(self, now_s: i64) -> Resolved {
        let ahead_s = self.at_s.saturating_sub(now_s);
        let is_hopeless = !(-AGE_MAX_S..=AHEAD_MAX_S).contains(&ahead_s);
        let is_off = !is_hopeless && self.is_naive && ahead_s.abs() > NAIVE_SKEW_MAX_S;
        let is_now = is_hopeless || is_off || ahead_s > 0;
        Resolved {
            at_s: if is_now { now_s } else { self.at_s },
            naive_clock_skew_s: is_off.then_some(ahead_s),
            received_at_s: None,
        }
    }
}

/// Reads `YYYY-MM-DDTHH:MM:SS` as UTC.
fn civil_seconds(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|&(at, mark)| bytes.get(at) != Some(&mark)) {
        return None;
    }
    let year = i16::try_from(digits(bytes.get(..4)?)?).ok()?;
    let [month, day, hour, minute, second] =
        [5, 8, 11, 14, 17].map(|at| two_digits(bytes, at).unwrap_or(i8::MAX));
    let civil = jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

/// Reads `±HH:MM`.
fn offset_seconds(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 6 || bytes[3] != b':' {
        return None;
    }
    let (hours, minutes) = (i64::from(two_digits(bytes, 1)?), i64::from(two_digits(bytes, 4)?));
    let seconds = (hours <= 24 && minutes < 60).then_some(hours * HOUR_S + minutes * 60)?;
    match bytes[0] {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

fn two_digits(bytes: &[u8], at: usize) -> Option<i8> {
    i8::try_from(digits(bytes.get(at..at + 2)?)?).ok()
}

fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0, |sum: u32, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-08-11T00:06:10Z
    const NOW_S: i64 = 1_786_406_770;

    #[test]
    fn the_syntax_of_envelope_times_is_exact() {
        let naive = |at_s| Some(EnvelopeTime { at_s, is_naive: true });
        let zoned = |at_s| Some(EnvelopeTime { at_s, is_naive: false });
        let cases = [
            ("2026-08-11T00:06:10Z", zoned(NOW_S)),
            ("2026-08-11T00:06:10.999999999999Z", zoned(NOW_S)),
            ("2026-08-11T00:06:10,5Z", zoned(NOW_S)),
            ("2026-08-11T02:06:10+02:00", zoned(NOW_S)),
            ("2026-08-10T18:36:10.25-05:30", zoned(NOW_S)),
            ("2026-08-11T00:06:10", naive(NOW_S)),
            ("2026-08-11T00:06:10.246751", naive(NOW_S)),
            ("2026-08-11 00:06:10", None),
            ("2026-08-11T00:06:10+0200", None),
            ("2026-08-11T00:06:10+02", None),
            ("2026-08-11T00:06:10+25:00", None),
            ("2026-08-11T00:06:10+02:60", None),
            ("2026-08-11T00:06:10.Z", None),
            ("2026-08-11T00:06:10z", None),
            ("2026-02-29T00:00:00Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-08-11T24:00:00Z", None),
            ("2026-08-11T00:06:60Z", None),
            ("2026-08-11T00:06", None),
            ("1786406770", None),
            ("", None),
            ("2026-08-11T00:06:1é", None),
        ];
        for (text, expected) in cases {
            assert_eq!(EnvelopeTime::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn envelope_times_resolve_by_the_rules_in_order() {
        let quarter_s = 15 * 60;
        // (ahead of now, naive, resolved time relative to now, skew)
        let cases = [
            (0, false, 0, None),
            (-HOUR_S, false, -HOUR_S, None),
            (-30 * 24 * HOUR_S, false, -30 * 24 * HOUR_S, None),
            (-30 * 24 * HOUR_S - 1, false, 0, None),
            (60, false, 0, None),
            (14 * HOUR_S + 1, false, 0, None),
            (-quarter_s, true, -quarter_s, None),
            (quarter_s, true, 0, None),
            (-quarter_s - 1, true, 0, Some(-quarter_s - 1)),
            (2 * HOUR_S, true, 0, Some(2 * HOUR_S)),
            (14 * HOUR_S, true, 0, Some(14 * HOUR_S)),
            (14 * HOUR_S + 1, true, 0, None),
            (-30 * 24 * HOUR_S, true, 0, Some(-30 * 24 * HOUR_S)),
            (-30 * 24 * HOUR_S - 1, true, 0, None),
        ];
        for (ahead_s, is_naive, at_s, skew_s) in cases {
            let resolved = EnvelopeTime { at_s: NOW_S + ahead_s, is_naive }.resolve(NOW_S);
            let expected =
                Resolved { at_s: NOW_S + at_s, naive_clock_skew_s: skew_s, received_at_s: None };
            assert_eq!(resolved, expected, "{ahead_s} s ahead, naive {is_naive}");
        }
    }

    #[test]
    fn a_parsed_time_is_never_beyond_reading() {
        let oldest = EnvelopeTime::parse("0000-01-01T00:00:00+24:00").unwrap();
        assert_eq!(oldest.resolve(i64::MAX).at_s, i64::MAX);
        assert_eq!(oldest.resolve(0).naive_clock_skew_s, None);
    }
}
