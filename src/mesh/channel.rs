//! Channel keys (format §8): who may read a group text.

use std::collections::BTreeMap;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::crypto::{self, MAC_BYTES, SharedSecret};
use super::packet::PAYLOAD_BYTES_MAX;

/// The name that every spelling of `public` is shown as.
pub const PUBLIC_NAME: &str = "Public";
/// The key that every device is born with.
pub const PUBLIC_KEY: [u8; 16] = [
    0x8b, 0x33, 0x87, 0xe9, 0xc5, 0xcd, 0xea, 0x6a, 0xc9, 0xe5, 0xed, 0xba, 0xa1, 0x15, 0xcd, 0x72,
];

/// A channel's key, 16 or 32 bytes, with the byte that names it on the air.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChannelSecret {
    secret: SharedSecret,
    hash: u8,
}

impl ChannelSecret {
    /// The built-in public channel.
    pub fn public() -> Self {
        Self::from(PUBLIC_KEY)
    }

    /// The channel that `#name` stands for.
    pub fn hashtag(name: &str) -> Self {
        Self::from(hashtag_key(name))
    }

    /// The channel hash: the first byte of SHA-256 over the key.
    pub const fn hash(&self) -> u8 {
        self.hash
    }

    /// The 32 bytes that cipher and MAC take.
    pub const fn secret(&self) -> &SharedSecret {
        &self.secret
    }
}

impl From<[u8; 16]> for ChannelSecret {
    fn from(key: [u8; 16]) -> Self {
        let mut secret = [0; 32];
        secret[..16].copy_from_slice(&key);
        Self { secret, hash: first_of_sha256(&key) }
    }
}

/// A key whose upper half is zero is a 16-byte key.
impl From<[u8; 32]> for ChannelSecret {
    fn from(secret: SharedSecret) -> Self {
        let used = if secret[16..] == [0; 16] { 16 } else { 32 };
        Self { secret, hash: first_of_sha256(&secret[..used]) }
    }
}

/// Reads a key given as 32 or 64 hex digits.
impl FromStr for ChannelSecret {
    type Err = ChannelKeyError;

    fn from_str(text: &str) -> Result<Self, ChannelKeyError> {
        let key = hex::decode(text.trim()).map_err(|e| ChannelKeyError::NotHex(e.to_string()))?;
        <[u8; 16]>::try_from(key.as_slice())
            .map(Self::from)
            .or_else(|_| <[u8; 32]>::try_from(key.as_slice()).map(Self::from))
            .map_err(|_| ChannelKeyError::BadLength(key.len()))
    }
}

/// Why a text is no channel key. Never repeats the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelKeyError {
    /// Not hex.
    #[error("the key is not hexadecimal: {0}")]
    NotHex(String),
    /// Not 16 or 32 bytes.
    #[error("the key has {0} bytes, expected 16 or 32")]
    BadLength(usize),
}

/// Never shows the key.
impl std::fmt::Debug for ChannelSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChannelSecret(hash {:02X})", self.hash)
    }
}

/// Returns the key of a hashtag channel: SHA-256 over the name as given, with its `#` (added if
/// missing), first 16 bytes. Blanks around the name do not count.
pub fn hashtag_key(name: &str) -> [u8; 16] {
    let mut digest = Sha256::new();
    if !name.trim().starts_with('#') {
        digest.update(b"#");
    }
    digest.update(name.trim().as_bytes());
    let full: [u8; 32] = digest.finalize().into();
    let [key @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = full;
    key
}

/// The channels that we can read. Looked up by hash byte; several channels with the same byte
/// are tried in the order of their names.
#[derive(Clone, Debug, Default)]
pub struct ChannelKeys {
    /// Sorted by hash byte, then name.
    channels: Vec<Channel>,
}

#[derive(Clone, Debug)]
struct Channel {
    name: String,
    secret: ChannelSecret,
}

impl ChannelKeys {
    /// No keys at all: every group text stays sealed, status `no_key`.
    pub fn none() -> Self {
        Self::default()
    }

    /// The built-in public channel only.
    pub fn public_only() -> Self {
        Self::from_pairs(std::iter::empty::<(String, ChannelSecret)>())
    }

    /// The built-in public channel and these; of two with one name the later counts, and any
    /// spelling of `public` replaces the built-in one.
    pub fn from_pairs<K: Into<ChannelSecret>>(
        pairs: impl IntoIterator<Item = (String, K)>,
    ) -> Self {
        let mut by_name = BTreeMap::from([(PUBLIC_NAME.to_owned(), ChannelSecret::public())]);
        by_name.extend(pairs.into_iter().map(|(name, key)| (canonical(name), key.into())));
        let mut channels: Vec<Channel> =
            by_name.into_iter().map(|(name, secret)| Channel { name, secret }).collect();
        channels.sort_by_key(|channel| channel.secret.hash());
        Self { channels }
    }

    /// Number of channels.
    pub fn len(&self) -> usize {
        self.channels.len()
    }

    /// Whether no channel can be read.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// The channels with this hash byte: name and key, in the order in which they are tried.
    pub fn candidates(&self, hash: u8) -> impl Iterator<Item = (&str, &ChannelSecret)> {
        let start = self.channels.partition_point(|channel| channel.secret.hash() < hash);
        self.channels[start..]
            .iter()
            .take_while(move |channel| channel.secret.hash() == hash)
            .map(|channel| (channel.name.as_str(), &channel.secret))
    }

    /// Opens a sealed group payload with the first channel whose hash byte and MAC match and
    /// whose plaintext `read` accepts.
    pub(super) fn open<T>(
        &self,
        sealed: &Sealed<'_>,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Option<(&str, T)> {
        let mut buffer = [0; PAYLOAD_BYTES_MAX];
        self.candidates(*sealed.hash).find_map(|(name, key)| {
            let plaintext =
                crypto::open_into(&mut buffer, key.secret(), *sealed.mac, sealed.ciphertext)?;
            Some((name, read(plaintext)?))
        })
    }
}

/// A group payload before it is opened.
pub(super) struct Sealed<'a> {
    pub hash: &'a u8,
    pub mac: &'a [u8; MAC_BYTES],
    pub ciphertext: &'a [u8],
}

fn canonical(name: String) -> String {
    if name.eq_ignore_ascii_case(PUBLIC_NAME) { PUBLIC_NAME.to_owned() } else { name }
}

fn first_of_sha256(bytes: &[u8]) -> u8 {
    let full: [u8; 32] = Sha256::digest(bytes).into();
    full[0]
}
