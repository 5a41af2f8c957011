//! Any bytes: decode, show, hash, and encode back to the same bytes.
//!
//! `cargo +nightly fuzz run packet` (needs `cargo install cargo-fuzz`). The same without either:
//! `CORESCOPE_FUZZ_CASES=10000000 cargo test --release --test it mesh_fuzz`.
#![no_main]

use std::sync::LazyLock;

use corescope::mesh::encode::{Route, relay};
use corescope::mesh::{
    ChannelKeys, ChannelSecret, DecodeRules, Packet, PathView, content_hash_of_hex, decode_payload,
    go_json, path_json,
};
use libfuzzer_sys::fuzz_target;

static CHANNELS: LazyLock<ChannelKeys> = LazyLock::new(|| {
    ChannelKeys::from_pairs([("#test".to_owned(), ChannelSecret::hashtag("#test"))])
});

fuzz_target!(|bytes: &[u8]| {
    let _ = content_hash_of_hex(&String::from_utf8_lossy(bytes));
    let Ok(packet) = Packet::parse(bytes) else { return };
    let rules = DecodeRules { channels: &CHANNELS, verify_signatures: true };
    let payload = decode_payload(&packet, &rules);
    let _ = payload.advert().map(|advert| (advert.check(), advert.role()));
    let _ = (payload.to_json(), path_json(&packet), go_json::to_string(&PathView::of(&packet)));
    assert!(relay(bytes, &[0xA5; 32]).is_ok());
    let route = Route {
        route: packet.header.route,
        version: packet.header.version,
        transport_codes: packet.transport_codes,
        hash_size: packet.path.hash_size(),
        path: packet.path.bytes().to_vec(),
    };
    assert_eq!(route.frame(packet.header.payload_type, packet.payload).as_deref(), Ok(bytes));
});
