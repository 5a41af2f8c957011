//! Status messages (§2.10, §3.3).

use super::*;
use corescope::ingest::reception::ObserverMetrics;

const STATUS: &str = "meshcore/PAR/AB12/status";

fn status(json: Value) -> StatusReport {
    status_of(receive(STATUS, json))
}

#[test]
fn a_status_from_the_field_is_read_whole() {
    let report = status(json!({
        "status": "online", "origin": "TestObserver", "origin_id": "AABBCCDD",
        "radio": "910.5250244,62.5,7,5\r", "model": "Heltec V3", "firmware_version": "1.12.0-test",
        "client_version": "meshcoretomqtt/1.0.8.0", "repeat": "on",
        "stats": {"battery_mv": 4209, "uptime_secs": 75821, "noise_floor": -109,
                  "tx_air_secs": 80.6, "rx_air_secs": "1903", "recv_errors": 934,
                  "packets_sent": 1, "packets_recv": 2},
    }));
    assert_eq!(report.observer.id, "AB12");
    assert_eq!(report.observer.name.as_deref(), Some("TestObserver"));
    assert_eq!(report.observer.iata.as_deref(), Some("PAR"));
    assert_eq!(report.model.as_deref(), Some("Heltec V3"));
    assert_eq!(report.firmware.as_deref(), Some("1.12.0-test"));
    assert_eq!(report.client_version.as_deref(), Some("meshcoretomqtt/1.0.8.0"));
    assert_eq!(report.radio.as_deref(), Some("910.5250244,62.5,7,5"));
    assert_eq!((report.can_relay, report.is_retained), (Some(true), false));
    let metrics = ObserverMetrics {
        battery_mv: Some(4209),
        uptime_secs: Some(75_821),
        noise_floor: Some(-109.0),
        tx_air_secs: Some(81),
        rx_air_secs: Some(1903),
        recv_errors: Some(934),
        packets_sent: Some(1),
        packets_recv: Some(2),
    };
    assert_eq!(report.metrics, Some(metrics));
}

#[test]
fn the_latter_spelling_wins() {
    let report = status(json!({
        "firmware": "old", "firmware_version": "new", "client_version": "a", "clientVersion": "b",
    }));
    assert_eq!(report.firmware.as_deref(), Some("new"));
    assert_eq!(report.client_version.as_deref(), Some("b"));
    assert_eq!(status(json!({"firmware": "old"})).firmware.as_deref(), Some("old"));
}

#[test]
fn figures_are_looked_up_in_stats_first_and_a_null_there_hides_the_top() {
    let report = status(json!({
        "battery_mv": 1, "noise_floor": -1, "uptime_secs": 9,
        "stats": {"battery_mv": 2, "noise_floor": null},
    }));
    let metrics = report.metrics.unwrap();
    assert_eq!((metrics.battery_mv, metrics.noise_floor), (Some(2), None));
    assert_eq!(metrics.uptime_secs, Some(9));
}

#[test]
fn metrics_need_one_recognised_field() {
    assert_eq!(status(json!({"status": "offline", "origin": "x"})).metrics, None);
    assert_eq!(status(json!({"stats": {"queue_len": 3}})).metrics, None);
    assert_eq!(status(json!({"model": "x"})).metrics, Some(ObserverMetrics::default()));
    assert_eq!(status(json!({"repeat": false})).metrics, Some(ObserverMetrics::default()));
    let packets = status(json!({"stats": {"packets_received": 7}})).metrics.unwrap();
    assert_eq!(packets.packets_recv, Some(7));
}

// HZ 22.
#[test]
fn figures_that_are_no_finite_numbers_are_unknown_and_counted() {
    let rules = plain_rules();
    let json = json!({"noise_floor": "NaN", "battery_mv": 1e300, "uptime_secs": "long"});
    let report = status_of(receive_by(&rules, STATUS, json));
    assert_eq!(report.metrics, None);
    assert_eq!(count(&rules, "note_signal_refused"), 3);
}

#[test]
fn repeat_is_read_in_all_its_forms() {
    let cases = [
        (json!(true), Some(true)),
        (json!(false), Some(false)),
        (json!(2), Some(true)),
        (json!(0), Some(false)),
        (json!(" ON "), Some(true)),
        (json!("yes"), Some(true)),
        (json!("1"), Some(true)),
        (json!("off"), Some(false)),
        (json!("No"), Some(false)),
        (json!("false"), Some(false)),
        (json!("maybe"), None),
        (json!(null), None),
        (json!({}), None),
    ];
    for (value, expected) in cases {
        assert_eq!(status(json!({ "repeat": value })).can_relay, expected, "{value}");
    }
}

// Decision 4.
#[test]
fn a_retained_status_says_so_and_tells_no_skew() {
    let json = json!({"timestamp": "2026-08-09T02:06:10", "model": "x"}).to_string();
    let fresh = arrival(STATUS, json.as_bytes());
    let retained = Arrival { is_retained: true, ..fresh.clone() };
    let fresh = status_of(plain_rules().receive(&source(), &fresh));
    let retained = status_of(plain_rules().receive(&source(), &retained));
    assert_eq!((fresh.is_retained, retained.is_retained), (false, true));
    assert_eq!(fresh.naive_clock_skew_s, Some(-46 * 3600));
    assert_eq!(retained.naive_clock_skew_s, None);
}
