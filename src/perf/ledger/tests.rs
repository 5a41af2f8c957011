//! Sums are exact, whatever is shared.

use proptest::prelude::*;

use super::*;

fn share(source: Source, rows: u64) -> Share {
    Share { source, rows, errors: 0 }
}

fn work(shares: &[Share]) -> Work<'_> {
    Work {
        component: Source::MqttHandler,
        shares,
        transactions: 1,
        wal_pages: Some(7),
        checkpointed_pages: 0,
        wait: Duration::from_millis(3),
        hold: Duration::from_micros(1_001),
    }
}

#[test]
fn a_transaction_is_the_source_with_most_rows_and_pages_are_shared_by_rows() {
    let ledger = Ledger::new(4096);
    let shares = [share(Source::Packets, 6), share(Source::Observers, 3)];
    ledger.note(&work(&shares), Duration::ZERO);
    let snapshot = ledger.snapshot();
    let (packets, observers) = (snapshot.sums[&Source::Packets], snapshot.sums[&Source::Observers]);
    assert_eq!((packets.transactions, packets.shared_transactions), (1, 0));
    assert_eq!((observers.transactions, observers.shared_transactions), (0, 1));
    assert_eq!((packets.wal_pages, observers.wal_pages), (4, 3));
    assert_eq!((packets.hold_us, observers.hold_us), (667, 334));
    assert_eq!(snapshot.totals.wal_bytes, Some(7 * (4096 + 24)));
    assert_eq!((snapshot.totals.transactions, snapshot.totals.hold_ms), (1, 1.001));
    assert_eq!(snapshot.sources["observers"].wait.max_ms, 3.0);
}

#[test]
fn a_wait_of_exactly_100_ms_is_no_contention() {
    let ledger = Ledger::new(4096);
    let shares = [share(Source::Packets, 1)];
    for wait_ms in [100, 101] {
        let wait = Duration::from_millis(wait_ms);
        ledger.note(&Work { wait, ..work(&shares) }, Duration::ZERO);
    }
    let perf = ledger.snapshot().components["mqtt_handler"];
    assert_eq!((perf.count, perf.contention_total, perf.wait_ms_max), (2, 1, 101.0));
    let names = serde_json::to_string(&perf).unwrap();
    let order = ["count", "contention_total", "wait_ms_p50", "wait_ms_p95", "wait_ms_p99"];
    let order = order.iter().chain(&["wait_ms_max", "hold_ms_p50", "hold_ms_p95", "hold_ms_p99"]);
    let found: Vec<_> = order.map(|name| names.find(&format!("\"{name}\":")).unwrap()).collect();
    assert!(found.is_sorted(), "the names and order of the original: {names}");
}

#[test]
fn pages_that_are_not_known_are_null_with_a_reason() {
    let ledger = Ledger::new(4096);
    let shares = [share(Source::Packets, 1)];
    ledger.note(&Work { wal_pages: None, ..work(&shares) }, Duration::ZERO);
    let json = serde_json::to_value(ledger.snapshot()).unwrap();
    assert_eq!(json["totals"]["walPages"], serde_json::Value::Null);
    assert_eq!(json["sources"]["packets"]["walBytes"], serde_json::Value::Null);
    assert!(json["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
}

#[test]
fn migrations_have_the_names_of_the_originals_counters() {
    // 001-05
    for (migration, key) in [
        ("backfill_path_json_from_raw_hex_v1", "backfill_path_json"),
        ("backfill_default_scope_v1", "backfill_default_scope"),
        ("backfill_from_pubkey_v1", "backfill_from_pubkey"),
        ("tx_last_seen_backfill_v1", "backfill_tx_last_seen"),
        ("observations_dedup_v1", "backfill_observations_dedup"),
        ("idx_nodes_last_seen", "backfill_idx_nodes_last_seen"),
        ("cleanup_legacy_null_hash_ts", "backfill_cleanup_legacy_null_hash_ts"),
    ] {
        assert_eq!(Source::backfill(migration).to_string(), key);
    }
}

#[test]
fn who_had_no_part_is_not_listed() {
    let mut shares = Shares::group();
    assert_eq!(shares.taken_part().as_slice(), [share(Source::Packets, 0)]);
    shares.add_rows(Source::Metrics, 2);
    shares.add_error(Source::DroppedPackets);
    let part: Vec<_> = shares.taken_part().as_slice().iter().map(|share| share.source).collect();
    assert_eq!(part, [Source::Metrics, Source::DroppedPackets]);
}

proptest! {
    #[test]
    fn portions_add_up_and_are_less_than_one_off(
        totals in (0_u64..1 << 40, 0_u64..100),
        rows in prop::collection::vec(0_u64..1_000_000, 1..6)
    ) {
        let shares: Vec<_> = rows.iter().map(|rows| share(Source::Packets, *rows)).collect();
        let portions: Vec<_> = apportion([totals.0, totals.1], &shares).map(|(_, p)| p).collect();
        prop_assert_eq!(portions.iter().map(|p| p[0]).sum::<u64>(), totals.0);
        prop_assert_eq!(portions.iter().map(|p| p[1]).sum::<u64>(), totals.1);
        let whole: u64 = rows.iter().sum();
        for (portion, rows) in portions.iter().zip(&rows).filter(|_| whole > 0) {
            let exact = totals.1 as f64 * *rows as f64 / whole as f64;
            prop_assert!((portion[1] as f64 - exact).abs() < 1.000_001);
        }
    }

    #[test]
    fn sums_over_all_sources_are_the_totals_of_the_works(
        works in prop::collection::vec((0_u32..500, prop::collection::vec(0_u64..50, 6)), 1..30)
    ) {
        let ledger = Ledger::new(4096);
        let sources = [Source::Packets, Source::Adverts, Source::Observers];
        let (mut pages, mut rows) = (0, 0);
        for (wal_pages, counts) in &works {
            let shares: Vec<_> =
                sources.iter().zip(counts).map(|(source, rows)| share(*source, *rows)).collect();
            ledger.note(&Work { wal_pages: Some(*wal_pages), ..work(&shares) }, Duration::ZERO);
            pages += u64::from(*wal_pages);
            rows += counts[..3].iter().sum::<u64>();
        }
        let sums: Vec<Sums> = ledger.snapshot().sums.into_values().collect();
        let works = works.len() as u64;
        prop_assert_eq!(sums.iter().map(|sums| sums.wal_pages).sum::<u64>(), pages);
        prop_assert_eq!(sums.iter().map(|sums| sums.rows).sum::<u64>(), rows);
        prop_assert_eq!(sums.iter().map(|sums| sums.transactions).sum::<u64>(), works);
        prop_assert_eq!(sums.iter().map(|sums| sums.hold_us).sum::<u64>(), works * 1_001);
    }
}
