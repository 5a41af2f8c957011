//! What observers tell of themselves, refused adverts, clients.

use corescope::db::Outcome;
use corescope::ingest::reception::{
    ClientReception, ObserverMetrics, PacketReception, Record, RefusedAdvert, StatusReport,
};

use super::{KEY, NOW_S, mesh, mesh_after, packet, status};

#[test]
fn a_status_updates_what_it_says_and_writes_one_metrics_row_per_interval() {
    let mut mesh = mesh();
    let metrics = ObserverMetrics {
        battery_mv: Some(4100),
        noise_floor: Some(-110.0),
        uptime_secs: Some(99),
        ..Default::default()
    };
    mesh.status(StatusReport {
        model: Some("T3".into()),
        radio: Some("869.6,62.5,8,8".into()),
        can_relay: Some(false),
        metrics: Some(metrics),
        ..status("obs")
    });
    let later = ObserverMetrics { packets_recv: Some(7), ..Default::default() };
    mesh.status(StatusReport {
        heard_at_s: NOW_S + 30,
        firmware: Some("1.2".into()),
        metrics: Some(later),
        ..status("obs")
    });
    mesh.status(StatusReport { metrics: None, heard_at_s: NOW_S + 9000, ..status("obs") });
    let row = "SELECT model || firmware || radio || battery_mv || uptime_secs || noise_floor || \
               can_relay || can_relay_seen FROM observers";
    assert_eq!(mesh.one::<String>(row), "T31.2869.6,62.5,8,8410099-110.001");
    let rows = "SELECT group_concat(timestamp || packets_recv) FROM observer_metrics";
    assert_eq!(mesh.one::<String>(rows), "2026-07-18T08:50:00Z7", "the nearest five minutes");
}

#[test]
fn a_kept_status_updates_fields_but_proves_no_life() {
    // Decision 4.
    let mut mesh = mesh_after(
        "INSERT INTO observers (id, last_seen, inactive) VALUES ('old', '2026-01-01T00:00:00Z', 1)",
    );
    for id in ["old", "new"] {
        mesh.status(StatusReport {
            is_retained: true,
            model: Some("T3".into()),
            metrics: Some(ObserverMetrics::default()),
            ..status(id)
        });
    }
    let rows = "SELECT group_concat(id || COALESCE(last_seen, '-') || inactive || model) \
                FROM observers";
    assert_eq!(mesh.one::<String>(rows), "old2026-01-01T00:00:00Z1T3,new-0T3");
    assert_eq!(mesh.one::<i64>("SELECT COUNT(*) FROM observer_metrics"), 0);
    mesh.status(status("old"));
    let row = "SELECT last_seen || inactive FROM observers WHERE id = 'old'";
    assert_eq!(mesh.one::<String>(row), "2026-07-18T08:47:37Z0", "a live one does");
}

#[test]
fn can_relay_is_believed_only_when_told() {
    let mut mesh = mesh();
    let row = "SELECT can_relay || can_relay_seen FROM observers";
    mesh.status(status("obs"));
    assert_eq!(mesh.one::<String>(row), "10");
    mesh.status(StatusReport { can_relay: Some(false), ..status("obs") });
    mesh.status(status("obs"));
    assert_eq!(mesh.one::<String>(row), "01");
}

#[test]
fn a_wrong_clock_is_counted_by_the_day_and_its_observer_has_a_first_seen() {
    // HZ 22.
    let mut mesh = mesh();
    let mut skewed = |hash: &str, heard_at_s, skew_s| {
        let heard =
            PacketReception { heard_at_s, naive_clock_skew_s: skew_s, ..packet(hash, "obs") };
        mesh.packet(heard);
        mesh.one::<String>(
            "SELECT clock_skew_seconds || ' ' || clock_skew_count_24h FROM observers",
        )
    };
    assert_eq!(skewed("h1", NOW_S, Some(-7200)), "-7200 1");
    assert_eq!(skewed("h2", NOW_S + 60, Some(3600)), "3600 2");
    assert_eq!(skewed("h3", NOW_S + 120, None), "3600 2");
    assert_eq!(skewed("h4", NOW_S + 60 + 86_401, Some(5)), "5 1");
    assert_eq!(mesh.one::<String>("SELECT first_seen FROM observers"), "2026-07-18T08:47:37Z");
}

#[test]
fn a_packet_wakes_an_inactive_observer() {
    let mut mesh = mesh_after("INSERT INTO observers (id, inactive) VALUES ('obs', 1)");
    mesh.packet(packet("h1", "obs"));
    assert_eq!(mesh.one::<i64>("SELECT inactive FROM observers"), 0);
    assert_eq!(mesh.one::<i64>("SELECT first_seen IS NOT NULL FROM observers"), 1);
}

#[test]
fn a_refused_advert_goes_to_the_dropped_packets_and_nowhere_else() {
    let mut mesh = mesh();
    let refused = RefusedAdvert {
        heard_at_s: NOW_S,
        hash: "h1".into(),
        reason: "invalid signature",
        observer_id: "obs".into(),
        node_pubkey: KEY.into(),
        ..Default::default()
    };
    let commit = mesh.commit(&[Record::RefusedAdvert(Box::new(refused))]);
    assert_eq!((commit.outcomes, commit.counts.sig_drops), (vec![Outcome::Kept], 1));
    let row = "SELECT hash || reason || observer_id || dropped_at FROM dropped_packets";
    assert_eq!(mesh.one::<String>(row), "h1invalid signatureobs2026-07-18 08:47:37");
    assert_eq!(mesh.one::<i64>("SELECT COUNT(*) FROM observers"), 0);
    assert_eq!(mesh.one::<i64>("SELECT COUNT(*) FROM transmissions"), 0);
}

#[test]
fn a_clients_reception_is_stored_once() {
    let mut mesh = mesh();
    let heard = || {
        Record::ClientReception(Box::new(ClientReception {
            ingested_at_s: NOW_S,
            rx_at_s: NOW_S - 5,
            rx_pubkey: "cc".into(),
            heard_key: "aabb".into(),
            heard_key_bytes: 2,
            origin: Some("Walker".into()),
            src: "rxlog",
            ..Default::default()
        }))
    };
    mesh.commit(&[heard(), heard()]);
    let row = "SELECT group_concat(rx_at || src || heard_keylen) FROM client_receptions";
    assert_eq!(mesh.one::<String>(row), "2026-07-18T08:47:32Zrxlog2");
    assert_eq!(mesh.one::<String>("SELECT pubkey || name FROM client_observers"), "ccWalker");
}
