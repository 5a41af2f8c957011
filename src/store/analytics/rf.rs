//! `/api/analytics/rf` (contract §4.8): signals, sizes and kinds of what was heard.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use utoipa::ToSchema;

use super::block::{Block, NO_TIME, NONE, Packet, Reception};
use super::scope::Scope;
use super::thinned::Thinned;
use super::values::{Bars, Counted, Spread, Values};
use super::{HOUR_S, hour_text};
use crate::mesh::PayloadType;

const SIGNAL_BARS: usize = 20;
const SIZE_BARS: usize = 25;

/// The body. Packets are counted once, receptions each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RfBody {
    /// Bytes, rounded down.
    pub avg_packet_size: u64,
    /// Bytes.
    pub max_packet_size: u64,
    /// Bytes.
    pub min_packet_size: u64,
    /// Of packets, in 25 bars.
    pub packet_sizes: Bars,
    /// Different packets that were heard in an hour, ascending.
    pub packets_per_hour: Vec<HourCount>,
    /// Packets by payload type, most first.
    pub payload_types: Vec<TypeCount>,
    /// dBm of receptions.
    pub rssi: Spread,
    /// In 20 bars.
    pub rssi_values: Bars,
    /// An even sample of receptions with both signals, at most 999, in the order of packets.
    pub scatter_data: Vec<Point>,
    /// Receptions with SNR, by hour, ascending.
    pub signal_over_time: Vec<HourSignal>,
    /// dB of receptions.
    pub snr: Spread,
    /// Receptions with SNR by payload type, most first.
    pub snr_by_type: Vec<TypeSignal>,
    /// In 20 bars.
    pub snr_values: Bars,
    /// From the first to the last reception.
    pub time_span_hours: f64,
    /// Receptions.
    pub total_all_packets: u64,
    /// Receptions with SNR.
    pub total_packets: u64,
    /// Different packets.
    pub total_transmissions: u64,
}

/// An hour's packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HourCount {
    /// Packets.
    pub count: u64,
    /// Such as `2026-07-18T08`.
    pub hour: String,
}

/// Packets of one type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TypeCount {
    /// Packets.
    pub count: u64,
    /// The format's name, or `UNK(n)`.
    pub name: String,
    /// Its number; `null` if a row holds none.
    #[serde(rename = "type")]
    pub payload_type: Option<i64>,
}

/// One reception.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Point {
    /// dBm.
    pub rssi: f64,
    /// dB.
    pub snr: f64,
}

/// An hour's signals.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HourSignal {
    /// Mean, dB.
    pub avg_snr: f64,
    /// Receptions.
    pub count: u64,
    /// Such as `2026-07-18T08`.
    pub hour: String,
}

/// Signals of one type, dB.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TypeSignal {
    /// Mean.
    pub avg: f64,
    /// Receptions.
    pub count: u64,
    /// Greatest.
    pub max: f64,
    /// Least.
    pub min: f64,
    /// As in `payloadTypes`.
    pub name: String,
}

/// The body in the making: blocks are added, in the order of their ids.
#[derive(Debug, Default)]
pub struct RfTally {
    receptions: u64,
    snrs: Values,
    rssis: Values,
    rssi_counts: Vec<u64>,
    kinds: Vec<Kind>,
    sizes: BTreeMap<u32, u64>,
    hours: HashMap<i64, Hour>,
    /// The hour of the last reception, taken out of `hours`: the next is mostly of the same.
    hour: (i64, Hour),
    earliest_s: Option<i64>,
    latest_s: Option<i64>,
    points: Thinned<Point>,
}

/// Packets of one payload type, and their receptions by the number of their SNR.
#[derive(Debug, Default)]
struct Kind {
    payload_type: Option<i64>,
    packets: u64,
    snr_counts: Vec<u64>,
}

#[derive(Debug, Default)]
struct Hour {
    packets: u64,
    with_snr: u64,
    snr_sum: f64,
}

/// A block with what the tally calls its values.
struct Numbered<'b> {
    block: &'b Block<'b>,
    observers: Option<Vec<bool>>,
    snrs: Vec<u32>,
    rssis: Vec<u32>,
}

impl RfTally {
    /// Adds what of a block is asked for: without a region packets that were first seen in the
    /// window, with one those receptions that were heard in it.
    pub fn add(&mut self, block: &Block<'_>, scope: &Scope) {
        let numbered = Numbered {
            block,
            observers: scope.observers_of(block),
            snrs: self.snrs.numbers_of(&block.snrs),
            rssis: self.rssis.numbers_of(&block.rssis),
        };
        self.rssi_counts.resize(self.rssis.len(), 0);
        for packet in block.packets.iter().filter(|packet| scope.is_from_area(packet)) {
            match &numbered.observers {
                None if !scope.window.holds_ms(packet.first_seen_ms) => {}
                None => self.add_packet(&numbered, packet, |_| true),
                Some(observers) => {
                    let is_asked = |heard: &Reception| {
                        observers[heard.observer as usize] && scope.window.holds_s(heard.at_s)
                    };
                    if block.heard(packet).iter().any(is_asked) {
                        self.add_packet(&numbered, packet, is_asked);
                    }
                }
            }
        }
    }

    fn add_packet(
        &mut self,
        numbered: &Numbered<'_>,
        packet: &Packet<'_>,
        is_asked: impl Fn(&Reception) -> bool,
    ) {
        if packet.size_bytes > 0 {
            *self.sizes.entry(packet.size_bytes).or_default() += 1;
        }
        let kind = self.kind_of(packet.payload_type);
        self.kinds[kind].packets += 1;
        // Receptions are in order of time, so those of an hour stand together.
        let mut hour = None;
        for heard in numbered.block.heard(packet).iter().filter(|heard| is_asked(heard)) {
            self.receptions += 1;
            let snr = self.add_signals(numbered, heard, kind);
            if heard.at_s == NO_TIME {
                continue;
            }
            self.add_time(heard.at_s);
            let at = heard.at_s.div_euclid(HOUR_S);
            let is_new = hour.replace(at) != Some(at);
            if is_new || snr.is_some() {
                self.hour_of(at).add(is_new, snr);
            }
        }
    }

    fn hour_of(&mut self, at: i64) -> &mut Hour {
        if self.hour.0 != at {
            let next = (at, self.hours.remove(&at).unwrap_or_default());
            let (before, hour) = std::mem::replace(&mut self.hour, next);
            self.hours.insert(before, hour);
        }
        &mut self.hour.1
    }

    /// The place of a payload type; a mesh has some ten.
    fn kind_of(&mut self, payload_type: Option<i64>) -> usize {
        let found = self.kinds.iter().position(|kind| kind.payload_type == payload_type);
        let place = found.unwrap_or_else(|| {
            self.kinds.push(Kind { payload_type, ..Kind::default() });
            self.kinds.len() - 1
        });
        self.kinds[place].snr_counts.resize(self.snrs.len(), 0);
        place
    }

    /// Returns the SNR.
    fn add_signals(
        &mut self,
        numbered: &Numbered<'_>,
        heard: &Reception,
        kind: usize,
    ) -> Option<f64> {
        let (snr, rssi) = (heard.snr as usize, heard.rssi as usize);
        if heard.rssi != NONE {
            self.rssi_counts[numbered.rssis[rssi - 1] as usize] += 1;
        }
        if heard.snr == NONE {
            return None;
        }
        self.kinds[kind].snr_counts[numbered.snrs[snr - 1] as usize] += 1;
        let snr = numbered.block.snrs[snr - 1];
        if heard.rssi != NONE {
            self.points.add(Point { rssi: numbered.block.rssis[rssi - 1], snr });
        }
        Some(snr)
    }

    fn add_time(&mut self, at_s: i64) {
        self.earliest_s = Some(self.earliest_s.map_or(at_s, |earliest| earliest.min(at_s)));
        self.latest_s = Some(self.latest_s.map_or(at_s, |latest| latest.max(at_s)));
    }

    /// Returns the body.
    pub fn finish(mut self) -> RfBody {
        let (at, hour) = std::mem::take(&mut self.hour);
        self.hours.insert(at, hour);
        // The hour 0 stands in the place before there is any.
        self.hours.retain(|_, hour| hour.packets > 0);
        let mut snr_counts = vec![0; self.snrs.len()];
        for kind in &self.kinds {
            let counts = snr_counts.iter_mut().zip(&kind.snr_counts);
            counts.for_each(|(sum, count)| *sum += count);
        }
        let snrs = self.snrs.counted(&snr_counts);
        let rssis = self.rssis.counted(&self.rssi_counts);
        let sizes = self.sizes.iter().map(|(size, count)| (f64::from(*size), *count));
        let sizes_counted = Counted::of(sizes.collect());
        let size_sum: u64 = self.sizes.iter().map(|(size, count)| u64::from(*size) * count).sum();
        let size_end = |end: Option<&u32>| u64::from(end.copied().unwrap_or(0));
        let (packets_per_hour, signal_over_time) = hours_in_order(self.hours);
        let span_s = self.earliest_s.zip(self.latest_s).map_or(0, |(from, to)| to.abs_diff(from));
        RfBody {
            avg_packet_size: size_sum / sizes_counted.count().max(1),
            max_packet_size: size_end(self.sizes.keys().next_back()),
            min_packet_size: size_end(self.sizes.keys().next()),
            packet_sizes: sizes_counted.bars(SIZE_BARS),
            packets_per_hour,
            payload_types: types_in_order(&self.kinds),
            rssi: rssis.spread(),
            rssi_values: rssis.bars(SIGNAL_BARS),
            scatter_data: self.points.into_points(),
            signal_over_time,
            snr: snrs.spread(),
            snr_by_type: signals_in_order(&self.kinds, &self.snrs),
            total_packets: snrs.count(),
            snr_values: snrs.bars(SIGNAL_BARS),
            time_span_hours: span_s as f64 / HOUR_S as f64,
            total_all_packets: self.receptions,
            total_transmissions: self.kinds.iter().map(|kind| kind.packets).sum(),
        }
    }
}

impl Hour {
    fn add(&mut self, is_new_packet: bool, snr: Option<f64>) {
        self.packets += u64::from(is_new_packet);
        if let Some(snr) = snr {
            self.with_snr += 1;
            self.snr_sum += snr;
        }
    }
}

fn hours_in_order(hours: HashMap<i64, Hour>) -> (Vec<HourCount>, Vec<HourSignal>) {
    let hours: BTreeMap<i64, Hour> = hours.into_iter().collect();
    let (mut packets, mut signals) = (Vec::with_capacity(hours.len()), Vec::new());
    for (hour, Hour { packets: count, with_snr, snr_sum }) in hours {
        packets.push(HourCount { count, hour: hour_text(hour) });
        if with_snr > 0 {
            let avg_snr = snr_sum / with_snr as f64;
            signals.push(HourSignal { avg_snr, count: with_snr, hour: hour_text(hour) });
        }
    }
    (packets, signals)
}

fn types_in_order(kinds: &[Kind]) -> Vec<TypeCount> {
    let count = |kind: &Kind| TypeCount {
        count: kind.packets,
        name: name_of(kind.payload_type),
        payload_type: kind.payload_type,
    };
    let mut types: Vec<TypeCount> = kinds.iter().map(count).collect();
    types.sort_by_key(|kind| (std::cmp::Reverse(kind.count), kind.payload_type));
    types
}

fn signals_in_order(kinds: &[Kind], snrs: &Values) -> Vec<TypeSignal> {
    let signal = |kind: &Kind| {
        let counted = snrs.counted(&kind.snr_counts);
        let ((min, max), avg) = (counted.ends(), counted.mean());
        TypeSignal { avg, count: counted.count(), max, min, name: name_of(kind.payload_type) }
    };
    let mut signals: Vec<TypeSignal> = kinds.iter().map(signal).collect();
    signals.retain(|signal| signal.count > 0);
    signals.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    signals
}

/// The name that the API shows for a stored payload type.
fn name_of(payload_type: Option<i64>) -> String {
    let Some(number) = payload_type else { return "UNKNOWN".to_owned() };
    let known = u8::try_from(number).ok().filter(|number| *number < 16).map(PayloadType::from_bits);
    match known.map(PayloadType::name) {
        Some(name) if name != "UNKNOWN" => name.to_owned(),
        _ => format!("UNK({number})"),
    }
}
