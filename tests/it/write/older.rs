//! What an older database holds, and what a broker delivers twice, must not cost a packet.

use super::*;
use corescope::ingest::reception::RefusedAdvert;

use crate::support::migrations::pending;

#[test]
fn what_is_stored_wrongly_is_no_reason_to_refuse_a_packet() {
    let mut mesh = mesh_after(
        "INSERT INTO transmissions (id, raw_hex, hash, first_seen) VALUES (7, '', 'h1', x'00FF');
         INSERT INTO observers (id) VALUES ('obs');
         INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp, snr, raw_hex)
         SELECT 7, rowid, '[\"AA\"]', 1, 'loud', x'25' FROM observers;",
    );
    let mut again = packet("h1", "obs");
    again.observation.snr = Some(2.5);
    let stored = mesh.packet(again);
    assert_eq!((stored.transmission_id, stored.is_new_observation), (7, false));
    assert_eq!(mesh.one::<f64>("SELECT snr FROM observations"), 2.5);
    assert_eq!(stored.first_seen, "2026-07-18T08:47:37Z");
}

#[test]
fn a_row_without_last_seen_gets_its_observations_newest_time_and_not_an_older_one() {
    // Decision 16: correct before its migration.
    let newest_s = NOW_S - 100;
    let mut mesh = mesh_after(&format!(
        "INSERT INTO transmissions (id, raw_hex, hash, first_seen, last_seen)
         VALUES (7, '', 'h1', '2026-01-01T00:00:00Z', 0);
         INSERT INTO observations (transmission_id, path_json, timestamp)
         VALUES (7, '[]', {newest_s}), (7, '[\"BB\"]', 5);"
    ));
    mesh.packet(PacketReception { heard_at_s: NOW_S - 9_000, ..packet("h1", "obs") });
    assert_eq!(mesh.one::<i64>("SELECT last_seen FROM transmissions"), newest_s);
    mesh.packet(packet("h1", "obs"));
    assert_eq!(mesh.one::<i64>("SELECT last_seen FROM transmissions"), NOW_S);
}

#[test]
fn a_refused_advert_that_is_delivered_again_is_one() {
    let mut mesh = mesh();
    let refused = |raw_hex: &str| {
        Record::RefusedAdvert(Box::new(RefusedAdvert {
            heard_at_s: NOW_S,
            raw_hex: raw_hex.into(),
            reason: "invalid signature",
            observer_id: "obs".into(),
            ..Default::default()
        }))
    };
    let counts = mesh.commit(&[refused("11"), refused("11"), refused("1100")]).counts;
    assert_eq!((counts.sig_drops, counts.write_errors), (2, 0));
    assert_eq!(mesh.one::<i64>("SELECT COUNT(*) FROM dropped_packets"), 2);
}

#[test]
fn a_zoneless_time_counts_only_from_a_clock_that_was_not_seen_to_be_off() {
    // Decision 3: both clocks sane.
    let mut mesh = mesh();
    let held = |hash: &str, observer_id: &str| PacketReception {
        heard_at_s: NOW_S - 3_600,
        received_at_s: Some(NOW_S),
        ..packet(hash, observer_id)
    };
    let off = PacketReception { naive_clock_skew_s: Some(7_200), ..packet("h0", "local time") };
    mesh.packet(off);
    mesh.packet(held("h1", "local time"));
    mesh.packet(held("h2", "sane"));
    let time = |mesh: &Mesh, hash: &str| {
        mesh.one::<i64>(&format!(
            "SELECT o.timestamp FROM observations o JOIN transmissions t \
             ON t.id = o.transmission_id WHERE t.hash = '{hash}'"
        ))
    };
    assert_eq!(time(&mesh, "h1"), NOW_S, "its clock is two hours ahead");
    assert_eq!(time(&mesh, "h2"), NOW_S - 3_600);
}

#[test]
fn a_name_that_is_only_the_id_is_taken_by_a_new_observer_and_replaces_no_other() {
    let mut mesh = mesh();
    let posted = |hash: &str, id: &str| PacketReception {
        observer: ObserverSeen { id: id.into(), name: Some(id.into()), iata: None },
        ..packet(hash, id)
    };
    mesh.packet(packet("h1", "known"));
    mesh.packet(posted("h2", "known"));
    mesh.packet(posted("h3", "fresh"));
    assert_eq!(mesh.one::<String>("SELECT name FROM observers WHERE id = 'known'"), "Ridge");
    assert_eq!(mesh.one::<String>("SELECT name FROM observers WHERE id = 'fresh'"), "fresh");
}

#[test]
fn observers_of_the_blacklist_are_hidden_and_keep_their_rows() {
    let mut mesh = mesh();
    mesh.packet(packet("h1", "Bad"));
    mesh.packet(packet("h2", "good"));
    let hide = |mesh: &mut Mesh| mesh.writer.deactivate_observers(&[" bAD ".to_owned()]).unwrap();
    assert_eq!((hide(&mut mesh), hide(&mut mesh)), (1, 0));
    assert_eq!(mesh.one::<String>("SELECT id FROM observers WHERE inactive = 1"), "Bad");
    assert_eq!(mesh.one::<i64>("SELECT COUNT(*) FROM observations"), 2);
}

#[test]
fn an_advert_too_short_for_a_key_does_not_begin_a_migration_again_and_one_with_a_key_does() {
    let Mesh { _folder, path, clock, mut writer } = mesh();
    let stored = |hash: &str, decoded_json: &str| {
        let mut short = packet(hash, "obs");
        (short.transmission.payload_type, short.transmission.decoded_json) =
            (4, decoded_json.to_owned());
        Record::Packet(Box::new(short))
    };
    let no_key = [
        stored("h1", r#"{"type":"ADVERT","error":"too short for advert"}"#),
        stored("h2", r#"{"type":"ADVERT","pubKey":""}"#),
        stored("h3", "no JSON"),
    ];
    writer.commit(&no_key).unwrap();
    writer.close().unwrap();
    let options = OpenOptions::new(clock);
    let mut writer = db::open(&path, &options).unwrap().writer;
    assert_eq!(pending(&writer), [""; 0]);
    writer.commit(&[stored("h4", &format!(r#"{{"type":"ADVERT","pubKey":"{KEY}"}}"#))]).unwrap();
    writer.close().unwrap();
    let writer = db::open(&path, &options).unwrap().writer;
    assert_eq!(pending(&writer), ["backfill_from_pubkey_v1"]);
}
