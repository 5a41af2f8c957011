//! What an observer tells of itself (§2.10, §3.3).

use super::clock_skew::Resolved;
use super::envelope::{Envelope, Field, Loose};
use super::reason::{Note, RejectCounts};
use super::reception::{ObserverMetrics, ObserverSeen, Record, StatusReport};
use super::rules::{Message, Received, Rules};

/// Beyond it a double no longer tells whole numbers apart.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

impl Rules {
    /// Handles a status message; not counted.
    pub(super) fn receive_status(&self, iata: &str, id: &str, message: &Message<'_>) -> Received {
        let envelope = &message.envelope;
        let Resolved { at_s, naive_clock_skew_s, .. } = message.heard_at(&self.counts);
        let latter = |first, second| envelope.text(second).or_else(|| envelope.text(first));
        let mut report = StatusReport {
            heard_at_s: at_s,
            is_retained: message.arrival.is_retained,
            observer: ObserverSeen {
                id: id.to_owned(),
                name: envelope.text(Field::Origin),
                iata: message.iata(Some(iata)),
            },
            naive_clock_skew_s,
            model: envelope.text(Field::Model),
            firmware: latter(Field::Firmware, Field::FirmwareVersion),
            client_version: latter(Field::ClientVersion, Field::ClientVersionCamel),
            radio: envelope.text(Field::Radio),
            can_relay: can_relay(&envelope.get(Field::Repeat)),
            metrics: None,
        };
        let metrics = Figures::of(envelope, &self.counts).metrics();
        let is_described = report.model.is_some()
            || report.firmware.is_some()
            || report.client_version.is_some()
            || report.radio.is_some()
            || report.can_relay.is_some();
        if is_described || metrics != ObserverMetrics::default() {
            report.metrics = Some(metrics);
        }
        Record::Status(Box::new(report)).into()
    }
}

/// Reads `repeat`: a bool, a number, or a word.
fn can_relay(value: &Loose<'_>) -> Option<bool> {
    match value {
        Loose::Bool(flag) => Some(*flag),
        Loose::Number(number) => Some(*number != 0.0),
        Loose::Text(word) => match word.trim().to_ascii_lowercase().as_str() {
            "on" | "true" | "1" | "yes" => Some(true),
            "off" | "false" | "0" | "no" => Some(false),
            _ => None,
        },
        Loose::Absent | Loose::Unreadable => None,
    }
}

/// Where figures are looked up: in `stats` first, then at the top.
struct Figures<'m, 'a> {
    top: &'m Envelope<'a>,
    stats: Option<Envelope<'a>>,
    counts: &'m RejectCounts,
}

impl<'m, 'a> Figures<'m, 'a> {
    fn of(top: &'m Envelope<'a>, counts: &'m RejectCounts) -> Self {
        Self { top, stats: top.object(Field::Stats), counts }
    }

    fn metrics(&self) -> ObserverMetrics {
        ObserverMetrics {
            battery_mv: self.whole(Field::BatteryMv),
            uptime_secs: self.whole(Field::UptimeSecs),
            noise_floor: self.number(Field::NoiseFloor),
            tx_air_secs: self.whole(Field::TxAirSecs),
            rx_air_secs: self.whole(Field::RxAirSecs),
            recv_errors: self.whole(Field::RecvErrors),
            packets_sent: self.whole(Field::PacketsSent),
            // Observers in the field send `packets_received`; the original's name wins.
            packets_recv: self
                .whole(Field::PacketsRecv)
                .or_else(|| self.whole(Field::PacketsReceived)),
        }
    }

    /// A key within `stats` hides the one at the top, even if it is `null`.
    fn number(&self, field: Field) -> Option<f64> {
        let stats = self.stats.as_ref().filter(|stats| stats.has(field));
        stats.unwrap_or(self.top).get(field).number().unwrap_or_else(|_| self.refused())
    }

    fn whole(&self, field: Field) -> Option<i64> {
        let rounded = self.number(field)?.round();
        if rounded.abs() > WHOLE_MAX {
            return self.refused();
        }
        #[expect(clippy::cast_possible_truncation, reason = "whole and within ±2^53")]
        Some(rounded as i64)
    }

    fn refused<T>(&self) -> Option<T> {
        self.counts.count_note(Note::SignalRefused);
        None
    }
}
