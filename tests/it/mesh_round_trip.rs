//! What the encoder builds, the decoder reads: every payload type, any values.

use corescope::mesh::encode::advert::{AppData, advert, signed};
use corescope::mesh::encode::plain::{self, TracePlan};
use corescope::mesh::encode::{EncodeError, Route, relay, sealed};
use corescope::mesh::payload::{Control, Multipart};
use corescope::mesh::{
    ChannelKeys, ChannelSecret, DecodeRules, DecodedPayload, Identity, Packet, PayloadType,
    RegionKeys, RouteType, ScopeMatch, content_hash_of_hex, crypto, decode_payload, path_json,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn decode(payload_type: PayloadType, payload: &[u8], channels: &ChannelKeys) -> DecodedPayload {
    let frame = Route::flood(1).frame(payload_type, payload).unwrap();
    let packet = Packet::parse(&frame).unwrap();
    assert_eq!(packet.payload, payload);
    decode_payload(&packet, &DecodeRules { channels, verify_signatures: true })
}

fn decode_plain(payload_type: PayloadType, payload: &[u8]) -> DecodedPayload {
    decode(payload_type, payload, &ChannelKeys::none())
}

fn as_json(decoded: &DecodedPayload) -> serde_json::Value {
    serde_json::from_str(&decoded.to_json()).unwrap()
}

fn routes() -> impl Strategy<Value = Route> {
    let hops = (1_usize..=3, 0_usize..=63, vec(any::<u8>(), 64));
    (0_u8..4, 0_u8..4, any::<[u8; 4]>(), hops).prop_map(|(route, version, codes, hops)| {
        let (hash_size, count, bytes) = hops;
        let count = count.min(64 / hash_size);
        let route = RouteType::from_bits(route);
        let transport_codes = route.has_transport_codes().then_some(codes);
        let path = bytes[..count * hash_size].to_vec();
        Route { route, version, transport_codes, hash_size, path }
    })
}

fn identities() -> impl Strategy<Value = Identity> {
    any::<[u8; 32]>().prop_map(Identity::from_seed)
}

fn names() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 🌳é_.-]{0,40}".prop_map(|name| name.trim().to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_route_and_payload_come_back_as_they_were(
        route in routes(), kind in 0_u8..16, payload in vec(any::<u8>(), 0..=184),
    ) {
        let kind = PayloadType::from_bits(kind);
        let frame = route.frame(kind, &payload).unwrap();
        let packet = Packet::parse(&frame).unwrap();
        prop_assert_eq!(packet.header.route, route.route);
        prop_assert_eq!(packet.header.version, route.version);
        prop_assert_eq!(packet.header.payload_type, kind);
        prop_assert_eq!(packet.transport_codes, route.transport_codes);
        prop_assert_eq!(packet.path.hash_size(), route.hash_size);
        prop_assert_eq!(packet.path.hops().flatten().copied().collect::<Vec<_>>(), route.path);
        prop_assert_eq!(packet.payload, &payload);
        prop_assert_eq!(
            content_hash_of_hex(&hex::encode(&frame)),
            packet.content_hash().to_string()
        );
    }

    #[test]
    fn the_hash_does_not_depend_on_the_way_but_for_a_trace(
        one in routes(), other in routes(), payload in vec(any::<u8>(), 0..=184),
    ) {
        for kind in PayloadType::ALL {
            let hash = |route: &Route| {
                let frame = route.frame(kind, &payload).unwrap();
                Packet::parse(&frame).unwrap().content_hash()
            };
            let same_path_byte = (one.hash_size, one.path.len()) == (other.hash_size, other.path.len());
            let is_same = kind != PayloadType::Trace || same_path_byte;
            prop_assert_eq!(hash(&one) == hash(&other), is_same);
        }
    }

    #[test]
    fn adverts_verify_and_tell_what_was_said(
        identity in identities(), timestamp in any::<u32>(), node_type in 0_u8..16,
        position in proptest::option::of((-90_000_000_i32..=90_000_000, -180_000_000_i32..=180_000_000)),
        features in any::<(Option<u16>, Option<u16>)>(), name in names(),
    ) {
        let app_data = AppData {
            node_type, position_e6: position, feat1: features.0, feat2: features.1, name,
        };
        let payload = advert(&identity, timestamp, &app_data);
        prop_assert!(payload.len() <= 132);
        let decoded = decode_plain(PayloadType::Advert, &payload);
        let read = decoded.advert().unwrap();
        prop_assert_eq!(read.signature_valid, Some(true));
        prop_assert_eq!(read.public_key.0, identity.public_key());
        prop_assert_eq!(read.timestamp, timestamp);
        prop_assert_eq!(read.flags.unwrap().node_type, node_type);
        prop_assert_eq!((read.feat1, read.feat2), features);
        let degrees = position.map(|(lat, lon)| (f64::from(lat) / 1e6, f64::from(lon) / 1e6));
        prop_assert_eq!(read.lat.zip(read.lon), degrees);
        prop_assert!(app_data.name.starts_with(&read.name));
        prop_assert!(app_data.name == read.name || read.name.len() >= 10 || node_type == 4);
    }

    #[test]
    fn an_advert_changed_in_one_bit_does_not_verify(
        identity in identities(), bit in 0_usize..(100 + 9) * 8,
    ) {
        let app_data = AppData { node_type: 2, name: "Repeater".into(), ..AppData::default() };
        let mut payload = advert(&identity, 1_700_000_000, &app_data);
        payload[bit / 8] ^= 1 << (bit % 8);
        let decoded = decode_plain(PayloadType::Advert, &payload);
        prop_assert_eq!(decoded.advert().unwrap().signature_valid, Some(false));
    }

    #[test]
    fn what_is_not_signed_is_not_read(identity in identities(), tail in vec(any::<u8>(), 1..52)) {
        let app_data = [&[0x82], "x".repeat(31).as_bytes()].concat();
        let payload = signed(&identity, 1, &app_data);
        let longer = [payload.as_slice(), &tail].concat();
        let (short, long) = (
            decode_plain(PayloadType::Advert, &payload),
            decode_plain(PayloadType::Advert, &longer),
        );
        prop_assert_eq!(long.advert().unwrap().signature_valid, Some(true));
        prop_assert_eq!(short, long);
    }

    #[test]
    fn channel_texts_open_with_their_key_only(
        key in any::<[u8; 16]>(), timestamp in 1_u32.., sender in "[a-z0-9🌳]{1,12}",
        text in "[ -~é🧶]{1,60}",
    ) {
        let channel = ChannelSecret::from(key);
        let payload = sealed::group_text(&channel, timestamp, &sender, &text);
        let keys = ChannelKeys::from_pairs([("#there".to_owned(), key)]);
        let decoded = decode(PayloadType::GrpTxt, &payload, &keys);
        let read = decoded.channel_text().unwrap();
        prop_assert_eq!(&read.channel, "#there");
        prop_assert_eq!((&read.sender, read.sender_timestamp), (&sender, timestamp));
        prop_assert_eq!(&read.text, &format!("{sender}: {text}"));
        prop_assert_eq!(read.channel_hash, channel.hash());
        let label = decode(PayloadType::GrpTxt, &payload, &ChannelKeys::public_only()).channel_label();
        prop_assert_eq!(label, Some(format!("enc_{:02X}", channel.hash())));
    }

    #[test]
    fn channel_data_comes_back(
        key in any::<[u8; 32]>(), data_type in any::<u16>(), data in vec(any::<u8>(), 0..=165),
    ) {
        let payload = sealed::group_data(&ChannelSecret::from(key), data_type, &data);
        let keys = ChannelKeys::from_pairs([("wide".to_owned(), key)]);
        let DecodedPayload::ChannelData(read) = decode(PayloadType::GrpData, &payload, &keys) else {
            panic!("not opened");
        };
        prop_assert_eq!((read.data_type, read.error), (Some(data_type), None));
        prop_assert_eq!(read.data.0, data);
    }

    #[test]
    fn peers_read_what_was_sealed_for_them(
        from in identities(), to in identities(), text in "[ -~é]{0,120}", kind in 0_usize..4,
    ) {
        let kinds = [PayloadType::Req, PayloadType::Response, PayloadType::TxtMsg, PayloadType::Path];
        let plaintext = sealed::text_plaintext(1_700_000_000, 0, &text);
        let payload = sealed::peer(&from, &to.public_key(), &plaintext).unwrap();
        let secret = to.shared_secret(&from.public_key()).unwrap();
        let opened = crypto::open(&secret, [payload[2], payload[3]], &payload[4..]).unwrap();
        prop_assert!(opened.starts_with(&plaintext));
        prop_assert!(opened[plaintext.len()..].iter().all(|&b| b == 0));
        let json = as_json(&decode_plain(kinds[kind], &payload));
        prop_assert_eq!(&json["type"], kinds[kind].name());
        prop_assert_eq!(&json["destHash"], &hex::encode([to.public_key()[0]]));
        prop_assert_eq!(&json["srcHash"], &hex::encode([from.public_key()[0]]));
        let body = if kinds[kind] == PayloadType::Path { "pathData" } else { "encryptedData" };
        prop_assert_eq!(&json[body], &hex::encode(&payload[4..]));
    }

    #[test]
    fn anonymous_requests_carry_the_senders_key(from in identities(), to in identities()) {
        let payload = sealed::anon_request(&from, &to.public_key(), b"....password").unwrap();
        let DecodedPayload::AnonRequest(read) = decode_plain(PayloadType::AnonReq, &payload) else {
            panic!("no anonymous request");
        };
        prop_assert_eq!(read.sender_key.0, from.public_key());
        let secret = to.shared_secret(&read.sender_key.0).unwrap();
        let opened = crypto::open(&secret, read.mac.0, &read.encrypted_data.0).unwrap();
        prop_assert_eq!(&opened[..12], b"....password");
    }

    #[test]
    fn acks_come_back_plain_and_wrapped(
        hash in any::<[u8; 4]>(), tail in vec(any::<u8>(), 0..=2), remaining in 0_u8..16,
    ) {
        let ack = plain::ack(hash, &tail);
        let json = as_json(&decode_plain(PayloadType::Ack, &ack));
        prop_assert_eq!(&json["extraHash"], &format!("{:08x}", u32::from_le_bytes(hash)));
        prop_assert_eq!(&json["ackLen"], 4 + tail.len());
        let wrapped = plain::multipart(remaining, PayloadType::Ack, &ack);
        let inner = as_json(&decode_plain(PayloadType::Multipart, &wrapped));
        prop_assert_eq!(&inner["remaining"], remaining);
        for (plain, wrapped) in [
            ("extraHash", "innerAckCrc"), ("ackLen", "innerAckLen"),
            ("ackAttempt", "innerAckAttempt"), ("ackRand", "innerAckRand"),
        ] {
            prop_assert_eq!(&json[plain], &inner[wrapped]);
        }
    }

    #[test]
    fn other_multiparts_keep_their_payload(inner in 4_u8..16, payload in vec(any::<u8>(), 0..100)) {
        let wrapped = plain::multipart(1, PayloadType::from_bits(inner), &payload);
        let DecodedPayload::Multipart(Multipart { inner_type, inner: kept, .. }) =
            decode_plain(PayloadType::Multipart, &wrapped) else { panic!("no multipart") };
        prop_assert_eq!(inner_type, inner);
        let kept = serde_json::to_value(&kept).unwrap()["innerPayload"].clone();
        prop_assert_eq!(kept.as_str().unwrap_or_default(), hex::encode(&payload));
    }

    #[test]
    fn traces_show_their_route_and_snrs(
        tag in any::<u32>(), auth_code in any::<u32>(), width_code in 0_u8..4,
        route in vec(any::<u8>(), 1..=64), snrs in vec(any::<i8>(), 0..=63),
    ) {
        let plan = TracePlan { tag, auth_code, width_code, route: route.clone() };
        let path: Vec<u8> = snrs.iter().map(|snr| snr.cast_unsigned()).collect();
        let frame = Route::direct(1, path).frame(PayloadType::Trace, &plain::trace(&plan)).unwrap();
        let packet = Packet::parse(&frame).unwrap();
        let channels = ChannelKeys::none();
        let rules = DecodeRules { channels: &channels, verify_signatures: false };
        let DecodedPayload::Trace(trace) = decode_payload(&packet, &rules) else {
            panic!("no trace");
        };
        prop_assert_eq!((trace.tag, trace.auth_code, trace.flags), (tag, auth_code, width_code));
        let in_db: Vec<f64> = snrs.iter().map(|&snr| f64::from(snr) / 4.0).collect();
        prop_assert_eq!(trace.snr_values, in_db);
        let hops: Vec<String> =
            route.chunks_exact(1 << width_code).map(hex::encode_upper).collect();
        prop_assert_eq!(path_json(&packet), serde_json::to_string(&hops).unwrap());
    }

    #[test]
    fn discovery_comes_back(
        filter in any::<u8>(), tag in any::<u32>(), since in any::<Option<u32>>(),
        node_type in 0_u8..16, snr in any::<i8>(), key in any::<[u8; 32]>(), whole in any::<bool>(),
    ) {
        let request = plain::discover_request(whole, filter, tag, since);
        let DecodedPayload::Control(Control { subtype, filter: f, tag: t, since: s, .. }) =
            decode_plain(PayloadType::Control, &request) else { panic!("no control") };
        prop_assert_eq!((subtype, f, t, s), ("DISCOVER_REQ", Some(filter), Some(tag), since));
        let key = if whole { &key[..] } else { &key[..8] };
        let response = plain::discover_response(node_type, snr, tag, key);
        let DecodedPayload::Control(read) = decode_plain(PayloadType::Control, &response) else {
            panic!("no control");
        };
        prop_assert_eq!(read.subtype, "DISCOVER_RESP");
        prop_assert_eq!((read.node_type, read.snr_quarter_db), (Some(node_type), Some(snr)));
        prop_assert_eq!(read.public_key.unwrap().0, key);
        prop_assert!(read.is_zero_hop);
    }

    #[test]
    fn raw_and_reserved_payloads_keep_their_bytes(payload in vec(any::<u8>(), 0..=184)) {
        let text = hex::encode(&payload);
        let raw = as_json(&decode_plain(PayloadType::RawCustom, &payload));
        prop_assert_eq!(raw["raw"].as_str().unwrap_or_default(), &text);
        prop_assert_eq!(&raw["rawLength"], payload.len());
        let unknown = as_json(&decode_plain(PayloadType::Reserved13, &payload));
        prop_assert_eq!(&unknown["type"], "UNKNOWN");
        prop_assert_eq!(unknown["raw"].as_str().unwrap_or_default(), &text);
    }

    #[test]
    fn a_scoped_flood_names_its_region(name in "[a-z]{1,12}", payload in vec(any::<u8>(), 0..184)) {
        let kind = PayloadType::GrpTxt;
        let route = Route::flood(1).scoped(&name, kind, &payload);
        let frame = route.frame(kind, &payload).unwrap();
        let packet = Packet::parse(&frame).unwrap();
        prop_assert_eq!(packet.header.route, RouteType::TransportFlood);
        let regions = RegionKeys::from_names([&name]);
        prop_assert_eq!(regions.match_scope(&packet), ScopeMatch::Region(format!("#{name}")));
    }

    #[test]
    fn relays_append_themselves_while_there_is_room_and_keep_the_hash(
        hash_size in 1_usize..=3, keys in vec(any::<[u8; 32]>(), 1..80),
    ) {
        let mut frame = Route::flood(hash_size).frame(PayloadType::Ack, &[1, 2, 3, 4]).unwrap();
        let hash = Packet::parse(&frame).unwrap().content_hash();
        let mut passed: Vec<Vec<u8>> = Vec::new();
        for key in &keys {
            let hop = key[..hash_size].to_vec();
            let has_room = passed.len() < 63 && (passed.len() + 1) * hash_size <= 64;
            let relayed = relay(&frame, key).unwrap();
            prop_assert_eq!(relayed.is_some(), has_room);
            if let Some(relayed) = relayed {
                frame = relayed;
                passed.push(hop);
            }
        }
        let packet = Packet::parse(&frame).unwrap();
        prop_assert_eq!(packet.content_hash(), hash);
        prop_assert_eq!(packet.path.hops().map(<[u8]>::to_vec).collect::<Vec<_>>(), passed);
    }
}

#[test]
fn what_does_not_fit_a_frame_is_refused() {
    let ack = |route: Route| route.frame(PayloadType::Ack, &[]).unwrap_err();
    let long = Route::flood(1).frame(PayloadType::Ack, &[0; 185]).unwrap_err();
    assert_eq!(long, EncodeError::LongPayload(185));
    assert_eq!(ack(Route::flood(4)), EncodeError::BadHashSize(4));
    assert_eq!(ack(Route::flood(0)), EncodeError::BadHashSize(0));
    assert_eq!(ack(Route::direct(1, [0; 64])), EncodeError::BadPath(64));
    assert_eq!(ack(Route::direct(2, [0; 66])), EncodeError::BadPath(66));
    assert_eq!(ack(Route::direct(2, [0; 3])), EncodeError::BadPath(3));
    let identity = Identity::from_seed([7; 32]);
    let no_point = [2_u8].into_iter().chain([0; 31]).collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(sealed::peer(&identity, &no_point, &[]), Err(EncodeError::BadPeerKey));
}

#[test]
fn a_direct_packet_is_not_relayed_by_appending() {
    let frame = Route::zero_hop().frame(PayloadType::Ack, &[1, 2, 3, 4]).unwrap();
    assert_eq!(relay(&frame, &[9; 32]), Ok(None));
}
