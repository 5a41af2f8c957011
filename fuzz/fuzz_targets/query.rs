//! Any query string: checked parameters or a refusal.
#![no_main]

use std::sync::LazyLock;

use corescope::config::Config;
use corescope::web::packet_query::PacketQuery;
use corescope::web::params::Params;
use libfuzzer_sys::fuzz_target;

static CONFIG: LazyLock<Config> = LazyLock::new(Config::default);

fuzz_target!(|bytes: &[u8]| {
    let params = Params::parse(&String::from_utf8_lossy(bytes));
    let _ = (params.canonical(200), params.limit(50, 500), params.offset());
    for name in ["limit", "since", "nodes", "type", "observer"] {
        let _ = (params.text(name), params.list(name), params.integer(name), params.time(name));
    }
    if let Ok(query) = PacketQuery::read(&params, &CONFIG) {
        assert!(query.slice.limit <= 10_000, "{}", query.slice.limit);
    }
});
