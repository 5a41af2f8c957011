//! Digests are lossless, and damage is noticed.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), Just("A1".to_owned()), ".{0,20}"]
}

fn heard() -> impl Strategy<Value = Heard> {
    let signal = || of(prop_oneof![(-80..60).prop_map(|q| f64::from(q) / 4.0), any::<f64>()]);
    (of(any::<i64>()), of(any::<i64>()), signal(), signal())
        .prop_map(|(at_s, observer, snr, rssi)| Heard { at_s, observer, snr, rssi })
}

type Parts = (String, String, Option<i64>, Option<i64>, Vec<String>, Option<(String, String)>);

fn packet() -> impl Strategy<Value = (Parts, Vec<Heard>)> {
    let seen = prop_oneof![Just("2026-07-18T08:47:37.081Z".to_owned()), text()];
    let raw = prop_oneof!["[0-9a-f]{0,40}", text()];
    let number = || of(prop_oneof![0..16_i64, any::<i64>()]);
    let parts = (seen, raw, number(), number(), vec(text(), 0..5), of((text(), text())));
    (parts, vec(heard(), 0..9))
}

fn block() -> impl Strategy<Value = Block<'static>> {
    vec(packet(), 0..8).prop_map(|packets| {
        let mut builder = BlockBuilder::default();
        for ((first_seen, raw_hex, payload_type, route_type, path, advert), heard) in &packets {
            let new = NewPacket {
                first_seen,
                raw_hex,
                payload_type: *payload_type,
                route_type: *route_type,
                path: path.clone(),
                advert: advert
                    .clone()
                    .map(|(key, name)| Advert { key: key.into(), name: name.into() }),
            };
            builder.add(new, heard.iter().copied());
        }
        builder.finish()
    })
}

proptest! {
    #[test]
    fn a_digest_holds_all_that_a_block_does(block in block()) {
        let digest = Digest::of(&block);
        prop_assert_eq!(Block::of_digest(&digest.packets, Some(&digest.receptions)), Some(block));
    }

    #[test]
    fn a_damaged_digest_is_refused_or_read_but_never_trusted(
        block in block(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut digest = Digest::of(&block);
        let index = at.index(digest.packets.len());
        digest.packets[index] = byte;
        let index = at.index(digest.receptions.len());
        digest.receptions[index] = byte;
        if let Some(read) = Block::of_digest(&digest.packets, Some(&digest.receptions)) {
            let mut tally = rf::RfTally::default();
            let observers = Some([1, 2].into());
            tally.add(&read, &Scope { observers, ..Scope::default() });
            tally.finish();
        }
        let whole = Digest::of(&block);
        let shortened = &whole.receptions[..cut.index(whole.receptions.len())];
        prop_assert_eq!(Block::of_digest(&whole.packets, Some(shortened)), None);
    }
}

#[test]
fn a_reception_takes_some_five_bytes() {
    let mut builder = BlockBuilder::default();
    for packet in 0..64 {
        let heard = (0..21).map(|n| Heard {
            at_s: Some(1_784_364_457 + packet * 40 - n),
            observer: Some(n % 60),
            snr: Some((n % 40) as f64 / 4.0),
            rssi: Some((-70 - n) as f64),
        });
        builder.add(NewPacket { raw_hex: "1541", ..NewPacket::default() }, heard);
    }
    let block = builder.finish();
    let bytes = Digest::of(&block).receptions.len();
    assert!(bytes < 5 * block.receptions.len(), "{bytes}");
}

#[test]
fn blocks_of_ids_below_zero_are_their_own() {
    assert_eq!([-65, -64, -1, 0, 63, 64].map(block_of), [-2, -1, -1, 0, 0, 1]);
}
