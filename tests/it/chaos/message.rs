//! Messages whose stored rows can be told from their number alone, without any of our code.

use sha2::{Digest, Sha256};

/// Every packet is heard this often, by different observers over different paths.
pub const COPIES: u64 = 3;
const OBSERVERS: u64 = 12;
/// Begins the payload of all our packets: channel hash, then text that no other packet has.
const MARK: &[u8] = b"\xC5CHAOS!";

/// What one observation must look like.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    pub hash: String,
    pub observer: String,
    pub path_json: String,
    pub raw_hex: String,
    pub snr: f64,
    pub rssi: f64,
}

/// The payload of all packets begins with it, in upper-case hex.
pub fn mark_hex() -> String {
    hex::encode_upper(MARK)
}

fn observer(number: u64) -> String {
    hex::encode_upper([0xC0 + (number * 5 % OBSERVERS) as u8; 32])
}

/// Message `number`: copy `number % 3` of packet `number / 3`.
pub fn expected(number: u64) -> Expected {
    let (packet, copy) = (number / COPIES, number % COPIES);
    let mut payload = MARK.to_vec();
    payload.extend(packet.to_be_bytes());
    // An encrypted group text has whole blocks.
    payload.extend([0x5A; 4]);
    let path: Vec<u8> = (0..copy).map(|hop| (packet % 200) as u8 + 1 + hop as u8).collect();
    // Header 0x15: flood, group text, version 0; then the length of the path.
    let mut frame = vec![0x15, path.len() as u8];
    frame.extend(&path);
    frame.extend(&payload);
    let mut hashed = vec![5_u8];
    hashed.extend(&payload);
    let hops: Vec<String> = path.iter().map(|hop| format!("\"{hop:02X}\"")).collect();
    Expected {
        hash: hex::encode(&Sha256::digest(hashed)[..8]),
        observer: observer(number),
        path_json: format!("[{}]", hops.join(",")),
        raw_hex: hex::encode_upper(frame),
        snr: (number % 60) as f64 / 4.0 - 5.0,
        rssi: -40.0 - (number % 70) as f64,
    }
}

/// Topic and envelope of message `number`.
pub fn message(number: u64) -> (String, Vec<u8>) {
    let row = expected(number);
    let envelope = serde_json::json!({
        "origin": format!("Observer {}", &row.observer[..2]), "origin_id": row.observer,
        "type": "PACKET", "direction": "rx", "raw": row.raw_hex,
        "SNR": row.snr.to_string(), "RSSI": row.rssi.to_string(),
    });
    (format!("meshcore/PAR/{}/packets", row.observer), envelope.to_string().into_bytes())
}

/// What a broker may also carry; none of it may be stored as a packet.
pub fn garbage(number: u64) -> (String, Vec<u8>) {
    let topic = |leaf: &str| format!("meshcore/PAR/{}/{leaf}", observer(number));
    match number % 8 {
        0 => (topic("packets"), b"{\"raw\":".to_vec()),
        1 => (topic("packets"), vec![0xFF; 300]),
        2 => (topic("packets"), b"{\"raw\":\"15\"}".to_vec()),
        3 => (topic("packets"), format!("{{\"raw\":\"{}\"}}", "AB".repeat(2_000)).into_bytes()),
        4 => (topic("packets"), "[".repeat(20_000).into_bytes()),
        5 => ("meshcore//".to_owned(), b"{}".to_vec()),
        6 => (topic("status"), b"{\"stats\":{\"battery_mv\":1e999}}".to_vec()),
        _ => (topic("packets"), Vec::new()),
    }
}
