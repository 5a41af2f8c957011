//! What decoding a packet costs, by payload type: bytes to the borrowed struct, the hash, the
//! owned payload, its JSON, each on its own (decision 40). `cargo bench --bench decode`.
#![expect(clippy::unwrap_used, reason = "a bench that cannot build its input has failed")]

use corescope::mesh::encode::advert::{AppData, advert};
use corescope::mesh::encode::plain::{self, TracePlan};
use corescope::mesh::encode::{Route, sealed};
use corescope::mesh::{
    ChannelKeys, ChannelSecret, DecodeRules, Identity, Packet, PayloadType, decode_payload,
    hashtag_key, path_json,
};
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const TYPES: [PayloadType; 14] = [
    PayloadType::Req,
    PayloadType::Response,
    PayloadType::TxtMsg,
    PayloadType::Ack,
    PayloadType::Advert,
    PayloadType::GrpTxt,
    PayloadType::GrpData,
    PayloadType::AnonReq,
    PayloadType::Path,
    PayloadType::Trace,
    PayloadType::Multipart,
    PayloadType::Control,
    PayloadType::Reserved12,
    PayloadType::RawCustom,
];

fn main() {
    divan::main();
}

/// A frame as it is usually heard: seven hops, a payload of common length.
fn frame(kind: PayloadType) -> Vec<u8> {
    let (alice, bob) = (Identity::from_seed([1; 32]), Identity::from_seed([2; 32]));
    let channel = ChannelSecret::hashtag("#test");
    let peer = |length| sealed::peer(&alice, &bob.public_key(), &vec![0x55; length]).unwrap();
    let payload = match kind {
        PayloadType::Req => peer(16),
        PayloadType::Response => peer(60),
        PayloadType::TxtMsg | PayloadType::Path => peer(48),
        PayloadType::Ack => plain::ack([1, 2, 3, 4], &[0, 9]),
        PayloadType::Advert => advert(&alice, 1_700_000_000, &app_data()),
        PayloadType::GrpTxt => {
            sealed::group_text(&channel, 1_700_000_000, "Somebody", "a message of common length")
        }
        PayloadType::GrpData => sealed::group_data(&channel, 0xFF00, &[7; 29]),
        PayloadType::AnonReq => {
            sealed::anon_request(&alice, &bob.public_key(), &[0x55; 16]).unwrap()
        }
        PayloadType::Trace => {
            plain::trace(&TracePlan { route: vec![7; 5], ..TracePlan::default() })
        }
        PayloadType::Multipart => plain::multipart(1, PayloadType::Ack, &[1, 2, 3, 4]),
        PayloadType::Control => plain::discover_response(2, -16, 7, &alice.public_key()),
        _ => vec![7; 40],
    };
    Route::flood(1).with_path([1, 2, 3, 4, 5, 6, 7]).frame(kind, &payload).unwrap()
}

fn app_data() -> AppData {
    let position_e6 = Some((48_845_317, 2_419_052));
    AppData { node_type: 2, position_e6, name: "Paris Repeater".into(), ..AppData::default() }
}

/// As many channels as an operator may have, among them the right one.
fn channels() -> ChannelKeys {
    let names = (0..300).map(|n| format!("#channel{n}")).chain(["#test".to_owned()]);
    ChannelKeys::from_pairs(names.map(|name| (name.clone(), hashtag_key(&name))))
}

#[divan::bench(args = TYPES)]
fn bytes_to_borrowed_struct(bencher: Bencher<'_, '_>, kind: PayloadType) {
    let frame = frame(kind);
    bencher
        .counter(ItemsCount::new(1_usize))
        .bench(|| Packet::parse(divan::black_box(&frame)).unwrap().payload.len());
}

#[divan::bench(args = TYPES)]
fn content_hash(bencher: Bencher<'_, '_>, kind: PayloadType) {
    let frame = frame(kind);
    let packet = Packet::parse(&frame).unwrap();
    bencher.bench(|| divan::black_box(&packet).content_hash());
}

#[divan::bench(args = TYPES)]
fn payload_without_signature(bencher: Bencher<'_, '_>, kind: PayloadType) {
    let (frame, channels) = (frame(kind), channels());
    let packet = Packet::parse(&frame).unwrap();
    let rules = DecodeRules { channels: &channels, verify_signatures: false };
    bencher.bench(|| decode_payload(divan::black_box(&packet), &rules));
}

#[divan::bench(args = TYPES)]
fn payload_to_json(bencher: Bencher<'_, '_>, kind: PayloadType) {
    let (frame, channels) = (frame(kind), channels());
    let rules = DecodeRules { channels: &channels, verify_signatures: false };
    let payload = decode_payload(&Packet::parse(&frame).unwrap(), &rules);
    bencher.bench(|| divan::black_box(&payload).to_json());
}

#[divan::bench]
fn path_to_json(bencher: Bencher<'_, '_>) {
    let frame = frame(PayloadType::TxtMsg);
    let packet = Packet::parse(&frame).unwrap();
    bencher.bench(|| path_json(divan::black_box(&packet)));
}

#[divan::bench]
fn advert_with_signature(bencher: Bencher<'_, '_>) {
    let (frame, channels) = (frame(PayloadType::Advert), ChannelKeys::none());
    let packet = Packet::parse(&frame).unwrap();
    let rules = DecodeRules { channels: &channels, verify_signatures: true };
    bencher.bench(|| decode_payload(divan::black_box(&packet), &rules));
}
