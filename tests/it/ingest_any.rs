//! Whatever a broker sends: an answer, never a panic.

use corescope::config::Config;
use corescope::ingest::{Arrival, Received, Rules, SourceRules};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof, proptest};

fn topics() -> impl Strategy<Value = String> {
    let level = prop_oneof![
        "[ -~]{0,6}",
        "\\PC{0,4}",
        prop::sample::select(vec![
            "meshcore", "client", "message", "channel", "direct", "packets", "status", "PAR", "AB",
        ])
        .prop_map(str::to_owned),
    ];
    prop_oneof![
        prop::collection::vec(level, 0..6).prop_map(|levels| levels.join("/")),
        Just("meshcore/PAR/AB12/packets".to_owned()),
        Just("meshcore/client/ab12/packets".to_owned()),
    ]
}

/// JSON in which our fields have any value, also broken ones.
fn envelopes() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "raw",
        "SNR",
        "rssi",
        "origin",
        "timestamp",
        "region",
        "text",
        "gps",
        "stats",
        "repeat",
        "channel_idx",
        "lat",
        "lon",
        "battery_mv",
        "direction",
        "Score",
        "x",
    ]);
    let value = prop_oneof![
        "[0-9a-f]{0,60}".prop_map(|hex| format!("\"{hex}\"")),
        "\\PC{0,20}".prop_map(|text| serde_json::Value::from(text).to_string()),
        "-?[0-9]{1,3}(\\.[0-9]{1,3})?(e[0-9]{1,4})?",
        Just("\"rx\"".to_owned()),
        Just("{\"lat\":1,\"lon\":2}".to_owned()),
        Just("\"\\ud800\"".to_owned()),
        Just("null".to_owned()),
        "[\\[\\]{}\",:0-9a-z]{0,12}",
    ];
    prop::collection::vec((key, value), 0..8).prop_map(|fields| {
        let fields: Vec<String> = fields.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
        format!("{{{}}}", fields.join(","))
    })
}

fn frames() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<u8>(), 0..260)
        .prop_map(|frame| format!(r#"{{"raw":"{}","direction":"rx"}}"#, hex::encode(frame)))
}

fn payloads() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        envelopes().prop_map(String::into_bytes),
        frames().prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_message_gets_an_answer_and_refusals_are_counted(
        topic in topics(),
        payload in payloads(),
        is_retained in any::<bool>(),
        now_s in any::<i64>(),
        is_coverage in any::<bool>(),
        is_catching_up in any::<bool>(),
    ) {
        let mut config = Config::default();
        config.ingest.is_client_coverage = is_coverage;
        let rules = Rules::new(&config);
        let source = SourceRules { tag: "any".into(), iata_filter: vec![], region: None };
        let away_s = is_catching_up.then_some(0..=now_s);
        let arrival = Arrival { topic: &topic, payload: &payload, is_retained, now_s, away_s };
        let received = rules.receive(&source, &arrival);
        let counts = rules.counts().snapshot();
        let is_refusal = |name: &&str| !name.starts_with("note_");
        let refused: u64 = counts.keys().filter(|name| is_refusal(name)).map(|n| counts[n]).sum();
        assert_eq!(refused, u64::from(!matches!(received, Received::Record(_))));
    }
}
