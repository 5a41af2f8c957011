//! `/api/analytics/rf` of the packets and receptions asked for.

use std::collections::{BTreeMap, BTreeSet};

use corescope::clock::iso_s;
use serde_json::{Value, json};

use super::{Packet, Seen};

fn name_of(kind: Option<i64>) -> String {
    let names = ["REQ", "RESPONSE", "TXT_MSG", "ACK", "ADVERT", "GRP_TXT"];
    match kind {
        None => "UNKNOWN".to_owned(),
        Some(kind) => names.get(kind as usize).map_or(format!("UNK({kind})"), |n| (*n).to_owned()),
    }
}

pub(super) fn rf_of(scope: &[(Packet, Vec<Seen>)]) -> Value {
    let all: Vec<(&Packet, &Seen)> = scope
        .iter()
        .flat_map(|(packet, seen)| seen.iter().map(move |seen| (packet, seen)))
        .collect();
    let snrs: Vec<f64> = all.iter().filter_map(|(_, seen)| seen.snr).collect();
    let rssis: Vec<f64> = all.iter().filter_map(|(_, seen)| seen.rssi).collect();
    let sizes: Vec<f64> = scope
        .iter()
        .map(|(packet, _)| (packet.raw_hex.len() / 2) as f64)
        .filter(|size| *size > 0.0)
        .collect();
    let hour_of = |seen: &Seen| seen.at_s.map(|at_s| iso_s(at_s)[..13].to_owned());
    let (mut hours, mut signals) = (BTreeMap::new(), BTreeMap::new());
    for (_, seen) in scope {
        for hour in seen.iter().filter_map(hour_of).collect::<BTreeSet<_>>() {
            *hours.entry(hour).or_insert(0) += 1;
        }
    }
    for (_, seen) in &all {
        if let (Some(hour), Some(snr)) = (hour_of(seen), seen.snr) {
            signals.entry(hour).or_insert_with(Vec::new).push(snr);
        }
    }
    let kinds: BTreeSet<Option<i64>> = scope.iter().map(|(packet, _)| packet.kind).collect();
    let (mut types, mut by_type): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for kind in kinds {
        let count = scope.iter().filter(|(packet, _)| packet.kind == kind).count();
        types.push(json!({ "count": count, "name": name_of(kind), "type": kind }));
        let snrs: Vec<f64> =
            all.iter().filter(|(p, _)| p.kind == kind).filter_map(|(_, s)| s.snr).collect();
        if !snrs.is_empty() {
            let (min, max) = ends(&snrs);
            by_type.push(json!({ "avg": mean(&snrs), "count": snrs.len(), "max": max, "min": min,
                                 "name": name_of(kind) }));
        }
    }
    let count_of = |row: &Value| std::cmp::Reverse(row["count"].as_u64().unwrap());
    types.sort_by_key(count_of);
    by_type
        .sort_by(|a, b| (count_of(a), a["name"].as_str()).cmp(&(count_of(b), b["name"].as_str())));
    let points: Vec<Value> = all
        .iter()
        .filter_map(|(_, seen)| Some(json!({ "rssi": seen.rssi?, "snr": seen.snr? })))
        .collect();
    let mut every = 1;
    while points.len().div_ceil(every) > 999 {
        every *= 2;
    }
    let times: Vec<i64> = all.iter().filter_map(|(_, seen)| seen.at_s).collect();
    let span_s = times.iter().max().zip(times.iter().min()).map_or(0, |(max, min)| max - min);
    let (least, most) = ends(&sizes);
    let hour = |(hour, count): (&String, &i32)| json!({ "count": count, "hour": hour });
    let signal = |(hour, snrs): (&String, &Vec<f64>)| {
        let avg = snrs.iter().sum::<f64>() / snrs.len() as f64;
        json!({ "avgSnr": avg, "count": snrs.len(), "hour": hour })
    };
    json!({
        "avgPacketSize": (sizes.iter().sum::<f64>() / sizes.len().max(1) as f64) as u64,
        "maxPacketSize": most as u64,
        "minPacketSize": least as u64,
        "packetSizes": bars(&sizes, 25),
        "packetsPerHour": hours.iter().map(hour).collect::<Vec<_>>(),
        "payloadTypes": types,
        "rssi": spread(&rssis),
        "rssiValues": bars(&rssis, 20),
        "scatterData": points.into_iter().step_by(every).collect::<Vec<_>>(),
        "signalOverTime": signals.iter().map(signal).collect::<Vec<_>>(),
        "snr": spread(&snrs),
        "snrByType": by_type,
        "snrValues": bars(&snrs, 20),
        "timeSpanHours": span_s as f64 / 3_600.0,
        "totalAllPackets": all.len(),
        "totalPackets": snrs.len(),
        "totalTransmissions": scope.len(),
    })
}

fn mean(values: &[f64]) -> f64 {
    let count = values.len().max(1) as f64;
    values.iter().map(|value| value / count).sum()
}

fn ends(values: &[f64]) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    values.iter().fold((f64::MAX, f64::MIN), |(min, max), v| (min.min(*v), max.max(*v)))
}

fn spread(values: &[f64]) -> Value {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (min, max) = ends(values);
    let avg = mean(values);
    let variance = mean(&values.iter().map(|v| (v - avg) * (v - avg)).collect::<Vec<_>>());
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    json!({ "avg": avg, "max": max, "median": median, "min": min, "stddev": variance.sqrt() })
}

fn bars(values: &[f64], count: usize) -> Value {
    if values.is_empty() {
        return json!({ "bins": [], "max": 0.0, "min": 0.0 });
    }
    let (min, max) = ends(values);
    let range = if max - min == 0.0 { 1.0 } else { max - min };
    let w = range / count as f64;
    let mut counts = vec![0; count];
    for value in values {
        counts[(((value - min) / w) as usize).min(count - 1)] += 1;
    }
    let bin = |(at, n): (usize, &i32)| json!({ "count": n, "w": w, "x": min + at as f64 * w });
    json!({ "bins": counts.iter().enumerate().map(bin).collect::<Vec<_>>(), "max": max, "min": min })
}
