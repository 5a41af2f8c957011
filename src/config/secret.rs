//! Values that are never printed, and the way to print what contains them.

use std::fmt;

use subtle::ConstantTimeEq;

/// The bytes below which a key is weak (`spec/http-contract.md` §1.4).
const STRONG_BYTES_MIN: usize = 16;

const WELL_KNOWN: [&str; 10] = [
    "your-secret-api-key-here",
    "change-me",
    "example",
    "test",
    "password",
    "admin",
    "apikey",
    "api-key",
    "secret",
    "default",
];

/// A key or password. `Debug` and `Display` print `****`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why an API key does not open anything (http contract §1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// Fewer than 16 bytes.
    Short,
    /// One of the words that documentation and tests use.
    WellKnown,
}

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Returns the value itself; only for the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not depend on where the two differ.
    pub fn matches(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }

    /// Says whether the value is too weak to guard anything; `None` if it is strong.
    pub fn weakness(&self) -> Option<Weakness> {
        if WELL_KNOWN.iter().any(|word| word.eq_ignore_ascii_case(&self.0)) {
            return Some(Weakness::WellKnown);
        }
        (self.0.len() < STRONG_BYTES_MIN).then_some(Weakness::Short)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("****")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("****")
    }
}

/// Replaces the password of a broker URL (or of a URL within an error text) by `****`, as the
/// original's API does: `user:****@host`. The user part ends at the last `@`, so that a password
/// with an `@` in it leaves nothing behind. A text without a password is returned as it is.
pub fn mask_broker_url(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let Some(end) = text[start..].rfind('@').map(|at| start + at) else {
        return text.to_owned();
    };
    match text[start..end].find(':') {
        Some(colon) => format!("{}:****{}", &text[..start + colon], &text[end..]),
        None => text.to_owned(),
    }
}

/// A broker's URL, which may hold a password: `Debug` and `Display` print it masked.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerUrl(String);

impl BrokerUrl {
    /// Wraps a URL that has been checked.
    pub(super) fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// Returns the URL with its password; only for connecting.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&mask_broker_url(&self.0))
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&mask_broker_url(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_password_is_masked_up_to_the_last_at_sign() {
        let cases = [
            ("mqtt://localhost:1883", "mqtt://localhost:1883"),
            ("mqtts://bob:pa@ss@host:8883", "mqtts://bob:****@host:8883"),
            ("mqtt://bob@host", "mqtt://bob@host"),
            ("mqtt://:only@host", "mqtt://:****@host"),
            ("bob:pw@host", "bob:****@host"),
            ("dial wss://u:p@h/mqtt: refused", "dial wss://u:****@h/mqtt: refused"),
            ("", ""),
        ];
        for (url, masked) in cases {
            assert_eq!(mask_broker_url(url), masked);
        }
    }

    #[test]
    fn a_key_is_weak_when_short_or_well_known() {
        assert_eq!(Secret::new("fifteen-bytes-x").weakness(), Some(Weakness::Short));
        assert_eq!(Secret::new("sixteen-bytes-xy").weakness(), None);
        assert_eq!(Secret::new("Your-Secret-API-key-HERE").weakness(), Some(Weakness::WellKnown));
    }

    #[test]
    fn a_secret_is_compared_but_never_printed() {
        let secret = Secret::new("sixteen-bytes-xy");
        assert!(secret.matches(b"sixteen-bytes-xy"));
        assert!(!secret.matches(b"sixteen-bytes-xz"));
        assert!(!secret.matches(b""));
        assert_eq!(format!("{secret} {secret:?}"), "**** ****");
    }
}
