//! The window against a plain map: whatever is put in and taken out, each snapshot says the same.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

use super::{
    Covers, Floor, Record, Seen, SeenOutline, Snapshot, Store, Wanted, WantedChannel, hop_count,
};
use crate::clock;

/// The window as it would be without any art.
type Model = BTreeMap<i64, Record>;

#[derive(Clone, Debug)]
enum Step {
    Put(Box<Record>),
    Remove(i64),
    Evict(i64),
    Publish,
}

fn odd_number() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0..9_i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX), 1 => -200..200_i64]
}

fn id() -> impl Strategy<Value = i64> {
    prop_oneof![20 => 0..3_000_i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX), 1 => -9..0_i64]
}

fn text(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    (0..texts.len()).prop_map(|index| texts[index].to_owned())
}

const TIMES: &[&str] = &[
    "2026-07-18T08:47:37Z",
    "2026-07-18T08:47:37.081Z",
    "2026-07-18T08:47:38.000Z",
    "2026-07-18T08:47:37+02:00",
    "1969-01-01T00:00:00Z",
    "",
    "t",
];
const HASHES: &[&str] = &["59ae4108552425bb", "59AE4108552425BB", "0000000000000000", "", "ü"];
const KEYS: &[&str] = &["ka", "kb", "kc", "kd", ""];
const PATHS: &[&str] = &[r#"["A1"]"#, r#"["A1","B2"]"#, "[]", "no list"];
const SECONDS: [i64; 7] = [1_784_364_457, 1_784_364_458, 1_784_357_257, 0, -1, i64::MAX, i64::MIN];

fn seen() -> impl Strategy<Value = Seen> {
    let observer = option::of(odd_number());
    let relays = vec(text(KEYS), 0..3);
    let time = (0..SECONDS.len()).prop_map(|index| SECONDS[index]);
    (any::<i64>(), observer, time, option::of(text(PATHS)), relays).prop_map(
        |(id, observer_idx, timestamp_s, path_json, relays)| Seen {
            id,
            observer_idx: observer_idx.filter(|idx| *idx != i64::MIN),
            timestamp_s,
            path_json,
            relays,
        },
    )
}

fn record() -> impl Strategy<Value = Record> {
    let types = (option::of(odd_number()), option::of(odd_number()));
    let texts = (text(HASHES), text(TIMES), option::of(text(KEYS)), option::of(text(KEYS)));
    (id(), types, texts, any::<(bool, bool)>(), vec(seen(), 0..5)).prop_map(
        |(id, types, (hash, first_seen, sender, channel), said, mut seen)| {
            seen.sort_by_key(|seen| seen.id);
            Record {
                id,
                hash,
                first_seen,
                route_type: types.0,
                payload_type: types.1,
                channel_hash_hex: said.1.then(|| "7B".to_owned()),
                sender,
                is_sender_said: said.0,
                channel,
                is_channel_said: said.1,
                seen,
                ..Record::default()
            }
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => record().prop_map(|record| Step::Put(Box::new(record))),
        5 => id().prop_map(Step::Remove),
        1 => (0..SECONDS.len()).prop_map(|index| Step::Evict(SECONDS[index])),
        3 => Just(Step::Publish),
    ]
}

fn keys(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

fn wanted() -> Vec<Wanted> {
    let channel = WantedChannel {
        names: keys(&["ka"]),
        said: keys(&["kb"]),
        said_hash_hex: Some("7B".to_owned()),
    };
    let mut all = vec![
        Wanted::default(),
        Wanted { hashes: Some(keys(&HASHES[..2])), ..Wanted::default() },
        Wanted { hashes: Some(keys(&["ü"])), ..Wanted::default() },
        Wanted { senders: Some(keys(&["ka", "kb"])), ..Wanted::default() },
        Wanted { senders: Some(keys(&["ka"])), is_sender_said: true, ..Wanted::default() },
        Wanted { nodes: Some(keys(&["kc", "unknown"])), ..Wanted::default() },
        Wanted { nodes: Some(Vec::new()), ..Wanted::default() },
        Wanted { channel: Some(channel), ..Wanted::default() },
        Wanted { heard_by: vec![vec![0, 1, 2], vec![2, 3]], ..Wanted::default() },
        Wanted { heard_by: vec![Vec::new()], ..Wanted::default() },
    ];
    for value in [0, 5, 100, -150, 127, -128, i64::MAX, i64::MIN] {
        all.push(Wanted { payload_type: Some(value), ..Wanted::default() });
        all.push(Wanted { route_type: Some(value), ..Wanted::default() });
    }
    for end in ["2026-07-18T08:47:37Z", "2026-07-18T08:47:37.1Z", "2026-07-18T08:47:37.081Z"] {
        for is_inclusive in [false, true] {
            let end = Some(end.to_owned());
            all.push(Wanted { since: end.clone(), is_inclusive, ..Wanted::default() });
            all.push(Wanted { until: end, is_inclusive, ..Wanted::default() });
        }
    }
    all
}

fn is_wanted(record: &Record, wanted: &Wanted) -> bool {
    let among = |list: &[String], text: &Option<String>| {
        text.as_ref().is_some_and(|text| list.contains(text))
    };
    let is_sent_by = |list: &Vec<String>| {
        record.payload_type == Some(4)
            && (wanted.is_sender_said || !record.is_sender_said)
            && among(list, &record.sender)
    };
    let is_channel = |channel: &WantedChannel| {
        let hex: Vec<String> = channel.said_hash_hex.iter().cloned().collect();
        record.payload_type == Some(5)
            && match record.is_channel_said {
                true => {
                    among(&channel.said, &record.channel) || among(&hex, &record.channel_hash_hex)
                }
                false => among(&channel.names, &record.channel),
            }
    };
    let is_relayed_by = |list: &Vec<String>| {
        record.seen.iter().flat_map(|seen| &seen.relays).any(|relay| list.contains(relay))
    };
    let first = &record.first_seen;
    let is_end = |end: &String| wanted.is_inclusive && first == end;
    !record.hash.is_empty()
        && !first.is_empty()
        && wanted.payload_type.is_none_or(|value| record.payload_type == Some(value))
        && wanted.route_type.is_none_or(|value| record.route_type == Some(value))
        && wanted.hashes.as_ref().is_none_or(|hashes| hashes.contains(&record.hash))
        && wanted.since.as_ref().is_none_or(|end| first > end || is_end(end))
        && wanted.until.as_ref().is_none_or(|end| first < end || is_end(end))
        && wanted.senders.as_ref().is_none_or(is_sent_by)
        && wanted.channel.as_ref().is_none_or(is_channel)
        && wanted.nodes.as_ref().is_none_or(|list| is_sent_by(list) || is_relayed_by(list))
        && wanted.heard_by.iter().all(|set| {
            record.seen.iter().any(|seen| seen.observer_idx.is_some_and(|idx| set.contains(&idx)))
        })
}

fn latest(record: &Record) -> String {
    let newest_s = record.seen.iter().map(|seen| seen.timestamp_s).max();
    let newest = newest_s.map(|s| clock::iso_ms(s.saturating_mul(1000))).unwrap_or_default();
    newest.max(record.first_seen.clone())
}

fn check(snapshot: &Snapshot, model: &Model) {
    assert_eq!(snapshot.transmissions(), model.len());
    let seen: usize = model.values().map(|record| record.seen.len()).sum();
    assert_eq!(snapshot.observations(), seen);
    for wanted in wanted() {
        let matching: Vec<&Record> =
            model.values().filter(|record| is_wanted(record, &wanted)).collect();
        let ids: Vec<i64> = matching.iter().map(|record| record.id).collect();
        assert_eq!(snapshot.matching(&wanted), ids, "{wanted:?}");
        let part: Vec<i64> = ids.iter().copied().skip(1).take(2).collect();
        assert_eq!(snapshot.page(&wanted, (1, 2), true), (part, ids.len()));
        let part: Vec<i64> = ids.iter().rev().copied().skip(1).take(2).collect();
        assert_eq!(snapshot.page(&wanted, (1, 2), false), (part, ids.len()));
        let mut order: Vec<(String, i64)> =
            matching.iter().map(|record| (latest(record), record.id)).collect();
        order.sort_by(|one, two| two.cmp(one));
        let order: Vec<i64> = order.into_iter().map(|(_, id)| id).collect();
        assert_eq!(snapshot.newest(&wanted, &[], (0, usize::MAX)), (order.clone(), order.len()));
        let part: Vec<i64> = order.iter().copied().skip(1).take(2).collect();
        assert_eq!(snapshot.newest(&wanted, &[], (1, 2)), (part, order.len()));
    }
    model.values().for_each(|record| check_outline(snapshot, record));
}

fn check_outline(snapshot: &Snapshot, record: &Record) {
    let keys: BTreeSet<_> = record
        .seen
        .iter()
        .map(|seen| (seen.observer_idx, seen.path_json.clone().unwrap_or_default()))
        .collect();
    let told = snapshot.outline(record.id);
    if record.seen.is_empty() || keys.len() < record.seen.len() {
        return assert_eq!(told, None);
    }
    let mut seen: Vec<&Seen> = record.seen.iter().collect();
    seen.sort_by_key(|seen| Reverse((seen.timestamp_s, seen.id)));
    let hops = |seen: &Seen| hop_count(seen.path_json.as_deref());
    let most = seen.iter().map(|seen| hops(seen)).max().unwrap();
    let told = told.unwrap();
    assert_eq!(told.best, seen.iter().find(|seen| hops(seen) == most).unwrap().id);
    let outline = |seen: &&Seen| SeenOutline {
        id: seen.id,
        observer_idx: seen.observer_idx,
        timestamp_s: seen.timestamp_s,
    };
    assert_eq!(told.seen, seen.iter().map(outline).collect::<Vec<_>>());
}

fn check_books(store: &Store) {
    let counted: u64 = store.segments.iter().map(|segment| segment.bytes()).sum();
    assert_eq!(store.segment_bytes, counted);
    assert!(store.segments.iter().all(|segment| !segment.rows.is_empty()));
    let ids = || store.segments.iter().flat_map(|segment| &segment.rows).map(|row| row.id);
    assert!(ids().zip(ids().skip(1)).all(|(one, two)| one < two));
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(48))]
    #[test]
    fn whatever_is_put_and_taken_out_each_snapshot_stays_what_a_plain_map_was(
        steps in vec(step(), 1..120),
    ) {
        let (mut store, mut model) = (Store::new(), Model::new());
        let mut published: Vec<(Arc<Snapshot>, Model)> = Vec::new();
        for step in steps {
            match step {
                Step::Put(record) => {
                    model.insert(record.id, (*record).clone());
                    store.put(*record);
                }
                Step::Remove(id) => assert_eq!(store.remove(id), model.remove(&id).is_some()),
                Step::Evict(floor_s) => {
                    let before = model.len();
                    model.retain(|_, record| record.recency_s() >= floor_s);
                    assert_eq!(store.evict_before(floor_s), before - model.len());
                }
                Step::Publish => published.push((store.publish(), model.clone())),
            }
            check_books(&store);
        }
        published.push((store.publish(), model.clone()));
        published.iter().for_each(|(snapshot, model)| check(snapshot, model));
        let ids: Vec<i64> = model.keys().copied().collect();
        ids.into_iter().for_each(|id| assert!(store.remove(id)));
        assert_eq!(store.names.bytes(), 0, "a name was left behind");
    }
}

fn plain(id: i64, timestamp_s: i64) -> Record {
    let seen = Seen { id, observer_idx: Some(1), timestamp_s, ..Seen::default() };
    Record {
        id,
        hash: format!("{id:016x}"),
        first_seen: clock::iso_s(timestamp_s),
        sender: Some(format!("key {}", id % 50)),
        payload_type: Some(4),
        seen: vec![seen],
        ..Record::default()
    }
}

/// A type of each row, times that go up with ids but for one in a hundred, none for some.
fn of_many(id: i64) -> Record {
    let at_s = if id % 100 == 7 { 9_000_000 - id } else { 1_000_000 + 10 * id };
    let first_seen = if id % 997 == 5 { "no time".to_owned() } else { clock::iso_s(at_s) };
    let hash = if id % 200 == 9 { String::new() } else { format!("{id:016x}") };
    Record {
        hash,
        first_seen,
        payload_type: [Some(4), Some(126), None, Some(300), Some(5)][id as usize % 5],
        route_type: [Some(1), Some(127), Some(2)][id as usize % 3],
        ..plain(id, at_s)
    }
}

#[test]
fn what_is_known_of_whole_segments_changes_no_list() {
    let model: Model = (0..4_000).map(|id| (id, of_many(id))).collect();
    let mut store = Store::new();
    model.values().for_each(|record| store.put(record.clone()));
    check_books(&store);
    let snapshot = store.publish();
    let since =
        [None, Some(clock::iso_s(1_005_000)), Some(clock::iso_s(1_020_003)), Some("n".into())];
    let until = [None, Some(clock::iso_s(1_020_010)), Some(clock::iso_s(8_999_000))];
    let types = [None, Some(4), Some(126), Some(300), Some(9)];
    for (at, (since, until)) in
        since.iter().flat_map(|s| until.iter().map(move |u| (s, u))).enumerate()
    {
        for (payload_type, route_type) in types.iter().flat_map(|p| [(*p, None), (*p, Some(127))]) {
            let (since, until, is_inclusive) = (since.clone(), until.clone(), at % 2 == 0);
            let wanted = Wanted {
                payload_type,
                route_type,
                since,
                until,
                is_inclusive,
                ..Wanted::default()
            };
            check_parts(&snapshot, &model, &wanted);
        }
    }
}

fn check_parts(snapshot: &Snapshot, model: &Model, wanted: &Wanted) {
    let matching = || model.values().filter(|record| is_wanted(record, wanted));
    let ids: Vec<i64> = matching().map(|record| record.id).collect();
    let mut order: Vec<(String, i64)> = matching().map(|row| (latest(row), row.id)).collect();
    order.sort_by(|one, two| two.cmp(one));
    for (offset, limit) in [(0, 0), (0, 50), (510, 40), (1_500, 3_000)] {
        let part = |ids: &mut dyn Iterator<Item = i64>| -> (Vec<i64>, usize) {
            (ids.skip(offset).take(limit).collect(), matching().count())
        };
        let told = snapshot.page(wanted, (offset, limit), true);
        assert_eq!(told, part(&mut ids.iter().copied()), "{wanted:?}");
        let told = snapshot.page(wanted, (offset, limit), false);
        assert_eq!(told, part(&mut ids.iter().rev().copied()), "{wanted:?}");
        let told = snapshot.newest(wanted, &[], (offset, limit));
        assert_eq!(told, part(&mut order.iter().map(|(_, id)| *id)), "{wanted:?}");
    }
}

#[test]
fn segments_hold_their_rows_whichever_way_they_come() {
    let upwards: Vec<i64> = (0..3_000).collect();
    let downwards: Vec<i64> = upwards.iter().rev().copied().collect();
    let mixed: Vec<i64> = upwards.iter().map(|id| id * 1_009 % 3_000).collect();
    for ids in [&upwards, &downwards, &mixed] {
        let mut store = Store::new();
        ids.iter().for_each(|id| store.put(plain(*id, 1_000 + id)));
        check_books(&store);
        let snapshot = store.publish();
        assert_eq!(snapshot.matching(&Wanted::default()), upwards);
        assert!(snapshot.segments.len() < 16, "{}", snapshot.segments.len());
        assert_eq!(store.evict_before(1_500), 500);
        assert_eq!((snapshot.transmissions(), store.publish().transmissions()), (3_000, 2_500));
    }
}

#[test]
fn shrinking_takes_the_oldest_and_ends_at_the_cap_whatever_it_is() {
    let mut store = Store::new();
    (0..3_000).for_each(|id| store.put(plain(id, 1_000 + id)));
    store.set_floor(Floor::Everything);
    let half = store.bytes() / 2;
    let evicted = store.shrink_to(half);
    assert!(store.bytes() <= half && store.bytes() > half / 2, "{}", store.bytes());
    assert_eq!(store.floor(), Floor::Since(1_000 + evicted as i64));
    assert!(!store.contains(evicted as i64 - 1) && store.contains(evicted as i64));
    store.put(plain(5_000, i64::MAX));
    assert!(store.shrink_to(0) > 0);
    assert_eq!((store.bytes(), store.floor()), (0, Floor::Nothing));
}

/// Contract §6.5.
#[test]
fn a_pass_takes_out_a_quarter_at_most_and_one_at_least_and_stops_at_its_goal() {
    let mut store = Store::new();
    (0..1_000).for_each(|id| store.put(plain(id, 1_000 + id)));
    store.set_floor(Floor::Everything);
    assert_eq!(store.shrink_by_a_pass(0), 250);
    assert_eq!(store.floor(), Floor::Since(1_250));
    assert_eq!(store.shrink_by_a_pass(0), 187);
    let bytes = store.bytes();
    assert_eq!(store.shrink_by_a_pass(bytes), 0, "it is small enough");
    assert_eq!(store.shrink_by_a_pass(bytes - 1), 1);
    let mut few = Store::new();
    (0..3).for_each(|id| few.put(plain(id, 1_000 + id)));
    assert_eq!((few.shrink_by_a_pass(0), few.len()), (1, 2));
}

#[test]
fn eviction_never_claims_more_than_was_complete() {
    let mut store = Store::new();
    (0..10).for_each(|id| store.put(plain(id, 1_000 + id)));
    store.evict_before(1_002);
    assert_eq!(store.floor(), Floor::Nothing);
    store.set_floor(Floor::Since(1_008));
    store.evict_before(1_004);
    assert_eq!(store.floor(), Floor::Since(1_008));
}

#[test]
fn a_snapshot_shares_what_has_not_changed_since() {
    let mut store = Store::new();
    (0..3_000).for_each(|id| store.put(plain(id, 1_000 + id)));
    let before = store.publish();
    store.put(plain(7, 9_000));
    let after = store.publish();
    let shared =
        before.segments.iter().zip(&after.segments).filter(|(one, two)| Arc::ptr_eq(one, two));
    assert_eq!(shared.count(), before.segments.len() - 1);
}

#[test]
fn odd_rows_match_nothing_and_are_named_until_they_are_gone_and_many_close_the_window() {
    let mut store = Store::new();
    store.set_floor(Floor::Everything);
    store.put(plain(1, 1_000));
    store.put(Record { is_odd: true, ..plain(2, 1_000) });
    let lowest = Seen { observer_idx: Some(i64::MIN), ..Seen::default() };
    store.put(Record { seen: vec![lowest], ..plain(3, 1_000) });
    let snapshot = store.publish();
    assert_eq!(snapshot.covers(None), Covers::Everything);
    assert_eq!(snapshot.odd_ids(), [2, 3]);
    assert_eq!(snapshot.matching(&Wanted::default()), [1]);
    assert_eq!(snapshot.count_within(&Wanted::default()), 1);
    assert!(snapshot.outline(1).is_some() && snapshot.outline(2).is_none());
    let odd = [("1970-01-01T00:16:39Z".to_owned(), 2), ("zzz".to_owned(), 3)];
    assert_eq!(snapshot.newest(&Wanted::default(), &odd, (0, 9)), (vec![3, 1, 2], 3));
    store.put(plain(2, 1_000));
    store.remove(3);
    assert!(store.publish().odd_ids().is_empty());
    (0..300).for_each(|id| store.put(Record { is_odd: true, ..plain(id, 1_000) }));
    assert_eq!(store.publish().covers(None), Covers::Nothing);
}

#[test]
fn what_is_said_a_record_takes_at_most_is_never_less_than_it_takes() {
    let mut store = Store::new();
    for id in 0..3_000_i64 {
        let relays = (0..id % 40).map(|hop| format!("{:064x}", id * 40 + hop)).collect();
        let seen = |n| Seen {
            id: id * 100 + n,
            timestamp_s: i64::MIN + n * 7,
            ..plain(id, n).seen[0].clone()
        };
        let mut record = plain(id * 7_919 % 3_000, 1_000 + id);
        record.seen = (0..id % 60).map(seen).collect();
        record.seen.extend((id % 3 == 0).then(|| Seen { relays, ..Seen::default() }));
        record.channel = (id % 100 == 0).then(|| "x".repeat(100_000 + id as usize));
        record.hash = format!("{}{id}", "no hash ".repeat(id as usize % 50));
        let at_most = store.bytes_with(&record);
        store.put(record);
        assert!(store.bytes() <= at_most, "{id}: {} {at_most}", store.bytes());
        if id % 500 == 0 {
            drop(store.publish());
        }
    }
}
