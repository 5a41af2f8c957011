//! No bytes make the decoder panic; what is a frame is encoded back to the same bytes.
//!
//! `CORESCOPE_FUZZ_CASES=10000000 cargo test --release --test it mesh_fuzz` runs ten million;
//! `CORESCOPE_FUZZ_SEED` starts elsewhere. `fuzz/` holds the same for cargo-fuzz.

use std::panic::{AssertUnwindSafe, catch_unwind};

use corescope::mesh::encode::advert::{AppData, advert};
use corescope::mesh::encode::plain::{self, TracePlan};
use corescope::mesh::encode::{Route, relay, sealed};
use corescope::mesh::{
    ChannelKeys, ChannelSecret, DecodeRules, Identity, Packet, PathView, PayloadType, RegionKeys,
    content_hash_of_hex, decode_payload, frame_from_hex, go_json, path_json,
};
use proptest::collection::vec;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const CASES_DEFAULT: u64 = 200_000;
/// Reading the JSON back costs more than writing it: one in so many is read.
const READ_BACK_EVERY: u64 = 16;

struct Knowledge {
    channels: ChannelKeys,
    regions: RegionKeys,
}

impl Knowledge {
    fn new() -> Self {
        let tag = ("#test".to_owned(), ChannelSecret::hashtag("#test"));
        Self {
            channels: ChannelKeys::from_pairs([tag]),
            regions: RegionKeys::from_names(["fr", "fr-idf"]),
        }
    }
}

/// Does all that can be done with bytes from the air.
fn exercise(known: &Knowledge, bytes: &[u8], reads_back: bool) {
    let Ok(packet) = Packet::parse(bytes) else { return };
    let rules = DecodeRules { channels: &known.channels, verify_signatures: reads_back };
    let decoded = decode_payload(&packet, &rules);
    let json = decoded.to_json();
    let path = go_json::to_string(&PathView::of(&packet));
    let hops = path_json(&packet);
    let _ = known.regions.match_scope(&packet);
    let _ = relay(bytes, &[0xA5; 32]).unwrap();
    if reads_back {
        let _ = decoded.advert().map(|advert| (advert.check(), advert.role()));
        let _ = decoded.channel_label();
        for text in [&json, &path, &hops] {
            serde_json::from_str::<serde_json::Value>(text).unwrap();
        }
        let text = hex::encode_upper(bytes);
        assert_eq!(frame_from_hex(&text).as_deref(), Ok(bytes));
        assert_eq!(content_hash_of_hex(&text), packet.content_hash().to_string());
    }
    let route = Route {
        route: packet.header.route,
        version: packet.header.version,
        transport_codes: packet.transport_codes,
        hash_size: packet.path.hash_size(),
        path: packet.path.bytes().to_vec(),
    };
    assert_eq!(route.frame(packet.header.payload_type, packet.payload).as_deref(), Ok(bytes));
}

/// One valid frame of every payload type.
fn seeds() -> Vec<Vec<u8>> {
    let (alice, bob) = (Identity::from_seed([1; 32]), Identity::from_seed([2; 32]));
    let channel = ChannelSecret::hashtag("#test");
    let app_data = AppData {
        node_type: 4,
        position_e6: Some((48_845_317, 2_419_052)),
        name: "Sensor".into(),
        ..AppData::default()
    };
    let trace = TracePlan { tag: 7, auth_code: 0, width_code: 1, route: vec![0xAA; 12] };
    let peer = |text: &[u8]| sealed::peer(&alice, &bob.public_key(), text).unwrap();
    let payloads = [
        (PayloadType::Req, peer(&sealed::request_plaintext(7, 1, &[0; 8]))),
        (PayloadType::Response, peer(&sealed::response_plaintext(7, &[0; 52]))),
        (PayloadType::TxtMsg, peer(&sealed::text_plaintext(7, 0, "hello"))),
        (PayloadType::Ack, plain::ack([1, 2, 3, 4], &[5, 6])),
        (PayloadType::Advert, advert(&alice, 1_700_000_000, &app_data)),
        (PayloadType::GrpTxt, sealed::group_text(&channel, 7, "Alice", "hello")),
        (PayloadType::GrpData, sealed::group_data(&channel, 0xFF00, &[1, 2, 3])),
        (PayloadType::AnonReq, sealed::anon_request(&alice, &bob.public_key(), b"pass").unwrap()),
        (PayloadType::Path, peer(&[0x42, 1, 2, 3, 4, 3, 9, 9, 9, 9])),
        (PayloadType::Trace, plain::trace(&trace)),
        (PayloadType::Multipart, plain::multipart(1, PayloadType::Ack, &[1, 2, 3, 4])),
        (PayloadType::Control, plain::discover_response(2, -16, 7, &alice.public_key())),
        (PayloadType::RawCustom, vec![1, 2, 3]),
    ];
    let route = Route::flood(2).with_path([0xBB; 6]);
    payloads.iter().map(|(kind, payload)| route.frame(*kind, payload).unwrap()).collect()
}

/// Random bytes, valid frames with some bytes changed, cut or added, or a sealed random text.
fn next_input(random: &mut StdRng, seeds: &[Vec<u8>], input: &mut Vec<u8>) {
    input.clear();
    match random.random_range(0..8) {
        0..=2 => {
            input.resize(random.random_range(0..=260), 0);
            random.fill(input.as_mut_slice());
        }
        3 => {
            let mut plaintext = vec![0_u8; random.random_range(0..=160)];
            random.fill(plaintext.as_mut_slice());
            let kind = if random.random() { PayloadType::GrpTxt } else { PayloadType::GrpData };
            let payload = sealed::group(&ChannelSecret::hashtag("#test"), &plaintext);
            input.extend(Route::flood(1).frame(kind, &payload).unwrap());
        }
        _ => {
            let seed = &seeds[random.random_range(0..seeds.len())];
            mutate(random, seed, input);
        }
    }
}

fn mutate(random: &mut StdRng, seed: &[u8], input: &mut Vec<u8>) {
    input.extend_from_slice(seed);
    for _ in 0..random.random_range(0..6) {
        let index = random.random_range(0..input.len());
        input[index] = random.random();
    }
    match random.random_range(0..4) {
        0 => input.truncate(random.random_range(0..=input.len())),
        1 => input.extend((0..random.random_range(0..64)).map(|_| 0xC3_u8)),
        _ => {}
    }
}

fn number_from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn no_bytes_make_the_decoder_panic() {
    let cases = number_from_env("CORESCOPE_FUZZ_CASES").unwrap_or(CASES_DEFAULT);
    let seed = number_from_env("CORESCOPE_FUZZ_SEED").unwrap_or(0x4D45_5348);
    let (known, seeds) = (Knowledge::new(), seeds());
    let mut random = StdRng::seed_from_u64(seed);
    let mut input = Vec::with_capacity(512);
    let mut frames = 0_u64;
    for case in 0..cases {
        next_input(&mut random, &seeds, &mut input);
        let reads_back = case % READ_BACK_EVERY == 0;
        let outcome = catch_unwind(AssertUnwindSafe(|| exercise(&known, &input, reads_back)));
        assert!(outcome.is_ok(), "case {case} of seed {seed}: {}", hex::encode(&input));
        frames += u64::from(Packet::parse(&input).is_ok());
    }
    eprintln!("{cases} inputs from seed {seed}, {frames} of them frames: no panic");
    assert!(frames > cases / 4, "the inputs are mostly no frames: {frames} of {cases}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_bytes_are_a_frame_or_an_error(bytes in vec(any::<u8>(), 0..300)) {
        exercise(&Knowledge::new(), &bytes, true);
    }

    #[test]
    fn any_text_has_a_hash(text in any::<String>(), digits in "[0-9a-fA-F \r\n]{0,80}") {
        let _ = frame_from_hex(&text);
        prop_assert!(content_hash_of_hex(&text).chars().count() <= 16);
        prop_assert!(content_hash_of_hex(&digits).len() <= 16);
    }
}
