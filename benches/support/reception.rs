//! A reception as a busy mesh makes it.

use corescope::ingest::reception::{
    NewObservation, NewTransmission, ObserverSeen, PacketReception,
};

/// Observers that take turns.
const OBSERVERS: u64 = 60;

/// The `n`th reception, of the packet with this hash; a hundred a second from `from_s` on.
pub fn reception(n: u64, hash: String, from_s: i64) -> PacketReception {
    PacketReception {
        heard_at_s: from_s + i64::try_from(n / 100).unwrap(),
        observer: ObserverSeen {
            id: format!("{:064X}", n % OBSERVERS),
            name: Some("Ridge".into()),
            iata: Some("SJC".into()),
        },
        naive_clock_skew_s: None,
        received_at_s: None,
        transmission: NewTransmission {
            hash,
            raw_hex: "15".repeat(65),
            route_type: 1,
            payload_type: 5,
            payload_version: 0,
            decoded_json: format!("{{\"type\":\"GRP_TXT\",\"mac\":\"{}\"}}", "ab".repeat(64)),
            channel_hash: Some("enc_6E".into()),
            scope_name: None,
            from_pubkey: None,
        },
        observation: NewObservation {
            direction: Some("rx".into()),
            snr: Some(5.25),
            rssi: Some(-101.0),
            score: None,
            path_json: format!("[\"{:02X}\",\"{:02X}\",\"{:02X}\"]", n % 251, n % 241, n % 239),
            raw_hex: Some("15".repeat(65)),
        },
        advert: None,
    }
}
