//! Who asks: the address that limits are counted by.
//!
//! It is the socket's, unless that is a configured proxy: then the last address of
//! `X-Forwarded-For` that is no proxy of ours. Everything else in that header was written by the
//! client and is not believed.
//!
//! Who asks on this machine for himself names it: a proxy that hands on what it gets without a
//! word of its own is known by the `Host` of the world.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, HeaderMap};
use actix_web::http::uri::Authority;

use super::addresses::key_of;
use crate::config::LimitsConfig;

const FORWARDED_FOR: &str = "x-forwarded-for";
/// What shows that somebody speaks for somebody else.
const SIGNS: [&str; 4] = [FORWARDED_FOR, "forwarded", "x-real-ip", "via"];
/// Proxies in a row that are looked through.
const HOPS_MAX: usize = 16;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Nothing is limited.
    Exempt,
    /// Stands for an address, see [`key_of`].
    Limited(IpAddr),
}

impl Client {
    /// Tells who asks. Exempt is only who asks for himself: behind a proxy on this machine that
    /// nobody has told us about, the whole world has a loopback address.
    pub fn of(request: &HttpRequest, limits: &LimitsConfig) -> Self {
        // Without an address: not from a network.
        let Some(peer) = request.peer_addr() else { return Self::Exempt };
        let peer = peer.ip().to_canonical();
        let headers = request.headers();
        let has_sign = SIGNS.iter().any(|name| headers.contains_key(*name));
        let speaks_for_others = has_sign || (peer.is_loopback() && names_another_host(request));
        if !speaks_for_others {
            return Self::of_socket(peer, limits);
        }
        if !limits.is_proxy(peer) {
            warn_once(peer);
            return Self::Limited(key_of(peer));
        }
        Self::Limited(key_of(forwarded_for(headers, limits).unwrap_or(peer)))
    }

    /// Tells who has connected.
    pub fn of_socket(peer: IpAddr, limits: &LimitsConfig) -> Self {
        let peer = peer.to_canonical();
        if limits.is_exempt(peer) { Self::Exempt } else { Self::Limited(key_of(peer)) }
    }
}

/// Whether the request is for another host than this machine by its own name for itself. Without
/// a `Host` it is not.
fn names_another_host(request: &HttpRequest) -> bool {
    let is_ours = |authority: &Authority| {
        let host = authority.host().trim_matches(['[', ']']);
        let address = host.parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost")
            || address.is_ok_and(|address| address.to_canonical().is_loopback())
    };
    let mut hosts = request.headers().get_all(HOST);
    hosts.any(|host| !Authority::try_from(host.as_bytes()).is_ok_and(|host| is_ours(&host)))
        || request.uri().authority().is_some_and(|host| !is_ours(host))
}

/// Goes from the proxy next to us to the first address that is no proxy of ours.
fn forwarded_for(headers: &HeaderMap, limits: &LimitsConfig) -> Option<IpAddr> {
    let lines: Vec<&str> =
        headers.get_all(FORWARDED_FOR).filter_map(|line| line.to_str().ok()).collect();
    let mut nearest = None;
    for part in lines.iter().rev().flat_map(|line| line.rsplit(',')).take(HOPS_MAX) {
        let Some(address) = address_of(part.trim()) else { break };
        nearest = Some(address);
        if !limits.is_proxy(address) {
            break;
        }
    }
    nearest
}

/// With or without a port.
fn address_of(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse::<IpAddr>().ok().or_else(with_port).map(|address| address.to_canonical())
}

fn warn_once(peer: IpAddr) {
    static IS_SAID: AtomicBool = AtomicBool::new(false);
    if !IS_SAID.swap(true, Ordering::Relaxed) {
        tracing::warn!(%peer, "a proxy that is not in trustedProxies: its clients share one limit");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn client(peer: &str, headers: &[(&'static str, &str)]) -> Client {
        let mut request = TestRequest::default().peer_addr(peer.parse().unwrap());
        for (name, value) in headers {
            request = request.append_header((*name, *value));
        }
        let trusted_proxies = ["10.0.0.0/8", "127.0.0.1/32", "2001:db8:f::1/128"];
        let trusted_proxies = trusted_proxies.iter().map(|net| net.parse().unwrap()).collect();
        Client::of(
            &request.to_http_request(),
            &LimitsConfig { trusted_proxies, ..Default::default() },
        )
    }

    fn limited(address: &str) -> Client {
        Client::Limited(address.parse().unwrap())
    }

    #[test]
    fn a_forwarded_address_is_believed_from_trusted_proxies_alone() {
        let far = "203.0.113.5";
        let forwarded = |value| [("x-forwarded-for", value)];
        assert_eq!(client("198.51.100.9:1", &forwarded(far)), limited("198.51.100.9"));
        assert_eq!(client("10.0.0.1:1", &forwarded(far)), limited(far));
        assert_eq!(client("[::ffff:10.0.0.1]:1", &forwarded(far)), limited(far));
        assert_eq!(client("10.0.0.1:1", &forwarded("203.0.113.5:4711")), limited(far));
        assert_eq!(
            client("[2001:db8:f::1]:1", &forwarded("[2001:db8:1:2:3::4]:80")),
            limited("2001:db8:1:2::")
        );
    }

    #[test]
    fn what_the_client_wrote_itself_is_not_believed() {
        let chain = "127.0.0.1, 192.0.2.1, 203.0.113.5, 10.0.0.2";
        assert_eq!(client("10.0.0.1:1", &[("x-forwarded-for", chain)]), limited("203.0.113.5"));
        let lines = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "203.0.113.5")];
        assert_eq!(client("10.0.0.1:1", &lines), limited("203.0.113.5"));
        let garbage = [("x-forwarded-for", "192.0.2.1, nonsense, 10.0.0.2")];
        assert_eq!(client("10.0.0.1:1", &garbage), limited("10.0.0.2"));
        assert_eq!(client("10.0.0.1:1", &[("x-forwarded-for", "x")]), limited("10.0.0.1"));
    }

    #[test]
    fn exempt_is_only_who_asks_for_himself() {
        assert_eq!(client("127.0.0.9:1", &[]), Client::Exempt);
        assert_eq!(client("[::1]:1", &[]), Client::Exempt);
        assert_eq!(client("203.0.113.5:1", &[]), limited("203.0.113.5"));
        for sign in SIGNS {
            assert_eq!(client("127.0.0.9:1", &[(sign, "for=x")]), limited("127.0.0.9"), "{sign}");
        }
        assert_eq!(
            client("127.0.0.1:1", &[("x-forwarded-for", "127.0.0.1")]),
            limited("127.0.0.1")
        );
    }

    #[test]
    fn behind_a_proxy_that_adds_nothing_nobody_is_exempt_by_its_loopback_address() {
        for host in ["localhost", "LocalHost:3000", "127.0.0.1:3000", "127.9.9.9", "[::1]:3000"] {
            for peer in ["127.0.0.9:1", "[::1]:1"] {
                assert_eq!(client(peer, &[("host", host)]), Client::Exempt, "{host}");
            }
        }
        for host in ["mesh.example", "203.0.113.5", "localhost.example:80", "a b", "[2001:db8::1]"]
        {
            assert_eq!(client("127.0.0.9:1", &[("host", host)]), limited("127.0.0.9"), "{host}");
            assert_eq!(client("[::1]:1", &[("host", host)]), limited("::"), "{host}");
            let two = [("host", "localhost"), ("host", host)];
            assert_eq!(client("127.0.0.9:1", &two), limited("127.0.0.9"), "{host}");
            assert_eq!(client("203.0.113.5:1", &[("host", host)]), limited("203.0.113.5"));
        }
    }
}
