//! Messages of a large mesh; each is a row of its own.

use corescope::mesh::encode::Route;
use corescope::mesh::encode::advert::{AppData, advert};
use corescope::mesh::{Identity, PayloadType};

pub const OBSERVERS: u64 = 20_000;
pub const NODES: u64 = 100_000;
/// Of five messages so many are adverts, so that every node is heard within three minutes.
const ADVERTS: u64 = 3;

/// Topic and envelope of message `number`.
pub fn message(number: u64) -> (String, Vec<u8>) {
    let observer = hex::encode_upper(bytes_of(number % OBSERVERS, 0x0B));
    let (round, place) = (number / 5, number % 5);
    let frame = if place < ADVERTS { advert_of(round * ADVERTS + place) } else { text_of(number) };
    let envelope = format!(
        "{{\"origin\":\"Observer {}\",\"origin_id\":\"{observer}\",\"type\":\"PACKET\",\
         \"direction\":\"rx\",\"raw\":\"{}\",\"SNR\":\"{}\",\"RSSI\":\"-{}\"}}",
        number % OBSERVERS,
        hex::encode_upper(frame),
        (number % 40) as f64 / 4.0,
        60 + number % 60
    );
    (format!("meshcore/PAR/{observer}/packets"), envelope.into_bytes())
}

fn bytes_of(number: u64, tag: u8) -> [u8; 32] {
    let mut bytes = [tag; 32];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    bytes
}

fn advert_of(number: u64) -> Vec<u8> {
    let node = number % NODES;
    let app_data = AppData {
        node_type: 2,
        position_e6: Some((48_000_000 + node as i32 * 7, 2_000_000 + node as i32 * 3)),
        name: format!("Node {node}"),
        ..AppData::default()
    };
    let time_s = 1_780_000_000 + (number / NODES) as u32;
    let payload = advert(&Identity::from_seed(bytes_of(node, 0x0D)), time_s, &app_data);
    let route = Route::flood(1).with_path([(node % 250) as u8 + 1]);
    route.frame(PayloadType::Advert, &payload).unwrap()
}

/// Heard once by each of two observers: places 3 and 4 of five.
fn text_of(number: u64) -> Vec<u8> {
    let mut payload = vec![0xC7];
    payload.extend((number / 5).to_be_bytes());
    payload.extend([0x5A; 26]);
    let path: Vec<u8> = (0..number % 5).map(|hop| (number % 200) as u8 + hop as u8).collect();
    Route::flood(1).with_path(path).frame(PayloadType::GrpTxt, &payload).unwrap()
}
