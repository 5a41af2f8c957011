//! What one address may ask for, and who may ask at all.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Secret;
use super::error::{ConfigError, number_in, refuse};
use super::raw::RawConfig;

/// Bounds of one address (IPv6: one /64). 0 switches a bound off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Costly requests in a second, in the long run.
    pub costly_per_sec: u32,
    /// Costly requests at once after a pause.
    pub costly_burst: u32,
    /// Open live feeds.
    pub live_clients_max: usize,
    /// Open connections.
    pub connections_max: usize,
    /// Networks without bounds, as long as nobody speaks for somebody else from there.
    pub exempt: Vec<IpNet>,
    /// Reverse proxies whose `X-Forwarded-For` is believed (`trustedProxies`).
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for LimitsConfig {
    /// Enough for all dashboards of one household; loopback is exempt, because who is on the
    /// machine could do worse, and measures it.
    fn default() -> Self {
        Self {
            costly_per_sec: 20,
            costly_burst: 200,
            live_clients_max: 64,
            connections_max: 512,
            exempt: ["127.0.0.0/8", "::1/128"].iter().filter_map(|net| net.parse().ok()).collect(),
            trusted_proxies: Vec::new(),
        }
    }
}

impl LimitsConfig {
    /// Whether the address is that of a reverse proxy of ours.
    pub fn is_proxy(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }

    /// Whether what comes from the address itself is not limited.
    pub fn is_exempt(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.exempt.iter().any(|network| network.contains(&address))
    }
}

pub(super) fn limits(raw: &mut RawConfig) -> Result<LimitsConfig, ConfigError> {
    const MAX: u64 = 1_000_000;
    let base = LimitsConfig::default();
    let number = |key: &str, value: Option<i64>, base: u32| {
        let number = number_in(&format!("limits.{key}"), value, 0..=MAX)?;
        Ok(number.and_then(|number| u32::try_from(number).ok()).unwrap_or(base))
    };
    let exempt = raw.limits.0.exempt.take();
    Ok(LimitsConfig {
        costly_per_sec: number("costlyPerSec", raw.limits.costly_per_sec, base.costly_per_sec)?,
        costly_burst: number("costlyBurst", raw.limits.costly_burst, base.costly_burst)?.max(1),
        live_clients_max: count("liveClients", raw.limits.live_clients, base.live_clients_max)?,
        connections_max: count("connections", raw.limits.connections, base.connections_max)?,
        exempt: match exempt {
            Some(texts) => networks("limits.exempt", &texts)?,
            None => base.exempt,
        },
        trusted_proxies: networks("trustedProxies", &raw.trusted_proxies)?,
    })
}

fn count(key: &str, value: Option<i64>, base: usize) -> Result<usize, ConfigError> {
    let number = number_in(&format!("limits.{key}"), value, 0..=1_000_000)?;
    Ok(number.and_then(|number| usize::try_from(number).ok()).unwrap_or(base))
}

const EXPECTED: &str = "an address or a network such as 10.0.0.0/8";

/// Reads addresses and networks (`10.0.0.0/8`).
fn networks(key: &str, texts: &[String]) -> Result<Vec<IpNet>, ConfigError> {
    let read = |(index, text): (usize, &String)| {
        let text = text.trim();
        let net = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        net.map_or_else(|| refuse(format!("{key}[{index}]"), EXPECTED), Ok)
    };
    texts.iter().enumerate().map(read).collect()
}

/// A wish for privacy that could not be kept ends the start.
pub(super) fn check_read_auth(raw: &RawConfig) -> Result<(), ConfigError> {
    let key = raw.api_key.clone().filter(|key| !key.is_empty()).map(Secret::new);
    let is_strong = key.is_some_and(|key| key.weakness().is_none());
    if raw.require_read_auth == Some(true) && !is_strong {
        return refuse("requireReadAuth", "an apiKey of 16 bytes or more that nobody can guess");
    }
    Ok(())
}
