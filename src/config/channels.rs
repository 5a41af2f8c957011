//! Names and keys of channels and regions.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::error::{ConfigError, refuse};

/// Keys of channels and regions as configured; `ingest` derives the rest. `Debug` prints names.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ChannelConfig {
    /// `channelKeysPath`; `None` looks beside the configuration.
    pub rainbow_path: Option<PathBuf>,
    /// From the rainbow file; the lowest rank.
    pub rainbow_keys: BTreeMap<String, [u8; 16]>,
    /// `hashChannels`: names whose key is derived, with `#`, in the file's order.
    pub hash_channels: Vec<String>,
    /// `channelKeys`; the highest rank.
    pub channel_keys: BTreeMap<String, [u8; 16]>,
    /// `hashRegions`: regions whose scope is recognised, with `#`, in the file's order.
    pub hash_regions: Vec<String>,
}

impl fmt::Debug for ChannelConfig {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ChannelConfig")
            .field("rainbow_path", &self.rainbow_path)
            .field("rainbow_keys", &self.rainbow_keys.len())
            .field("hash_channels", &self.hash_channels)
            .field("channel_keys", &self.channel_keys.keys())
            .field("hash_regions", &self.hash_regions)
            .finish()
    }
}

/// Returns keys by name; each is 32 hex digits. The values are secrets and are not repeated.
pub(super) fn channel_keys(
    section: &str,
    raw: BTreeMap<String, String>,
) -> Result<BTreeMap<String, [u8; 16]>, ConfigError> {
    let read = |(name, text): (String, String)| {
        let mut key = [0; 16];
        match hex::decode_to_slice(text.trim(), &mut key) {
            Ok(()) => Ok((name, key)),
            Err(_) => refuse(format!("{section}.{name}"), "a key of 32 hex digits"),
        }
    };
    raw.into_iter().map(read).collect()
}

/// Trims names, drops blank ones, puts `#` before those without.
pub(super) fn hashtags(names: Vec<String>) -> Vec<String> {
    let tag = |name: String| {
        let name = name.trim();
        if name.starts_with('#') { name.to_owned() } else { format!("#{name}") }
    };
    names.into_iter().filter(|name| !name.trim().is_empty()).map(tag).collect()
}
