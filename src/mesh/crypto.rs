//! Cipher and MAC of all encrypted payloads (format §4): encrypt, then MAC.
//!
//! ```text
//!  MAC(2) = HMAC-SHA256(secret[0..32], ciphertext)[0..2]
//!  ciphertext = AES-128-ECB(secret[0..16], plaintext padded with zeros to 16)
//! ```
//! The true length of the plaintext is not on the wire: it comes back with its padding.

use aes::Aes128;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Bytes of a cipher block.
pub const BLOCK_BYTES: usize = 16;
/// Bytes of the MAC on the wire.
pub const MAC_BYTES: usize = 2;
const SHA256_BLOCK_BYTES: usize = 64;

/// What two peers, or the members of a channel, share: 32 bytes (a 16-byte channel key is padded
/// with zeros).
pub type SharedSecret = [u8; 32];

/// Returns `MAC || ciphertext`.
pub fn seal(secret: &SharedSecret, plaintext: &[u8]) -> Vec<u8> {
    let mut sealed = vec![0_u8; MAC_BYTES];
    sealed.extend_from_slice(plaintext);
    sealed.resize(MAC_BYTES + plaintext.len().next_multiple_of(BLOCK_BYTES), 0);
    let cipher = cipher(secret);
    for block in sealed[MAC_BYTES..].as_chunks_mut::<BLOCK_BYTES>().0 {
        cipher.encrypt_block(block.into());
    }
    let mac = mac(secret, &sealed[MAC_BYTES..]);
    sealed[..MAC_BYTES].copy_from_slice(&mac);
    sealed
}

/// Returns the plaintext with its padding, or `None` if the MAC is another's or the ciphertext is
/// not whole blocks.
pub fn open(secret: &SharedSecret, mac: [u8; MAC_BYTES], ciphertext: &[u8]) -> Option<Vec<u8>> {
    let mut plaintext = vec![0; ciphertext.len()];
    open_into(&mut plaintext, secret, mac, ciphertext)?;
    Some(plaintext)
}

/// As [`open`], into a buffer; `None` too if that is too small.
pub(super) fn open_into<'b>(
    buffer: &'b mut [u8],
    secret: &SharedSecret,
    mac: [u8; MAC_BYTES],
    ciphertext: &[u8],
) -> Option<&'b [u8]> {
    if !mac_matches(secret, mac, ciphertext) || !ciphertext.len().is_multiple_of(BLOCK_BYTES) {
        return None;
    }
    let plaintext = buffer.get_mut(..ciphertext.len())?;
    plaintext.copy_from_slice(ciphertext);
    let cipher = cipher(secret);
    for block in plaintext.as_chunks_mut::<BLOCK_BYTES>().0 {
        cipher.decrypt_block(block.into());
    }
    Some(plaintext)
}

fn mac_matches(secret: &SharedSecret, wanted: [u8; MAC_BYTES], ciphertext: &[u8]) -> bool {
    mac(secret, ciphertext).ct_eq(&wanted).into()
}

fn mac(secret: &SharedSecret, ciphertext: &[u8]) -> [u8; MAC_BYTES] {
    hmac_start(secret, &[ciphertext])
}

/// Returns the first two bytes of HMAC-SHA256 over the parts in turn. Keys of at most 64 bytes.
pub(super) fn hmac_start(key: &[u8], parts: &[&[u8]]) -> [u8; 2] {
    let mut block = [0_u8; SHA256_BLOCK_BYTES];
    let used = key.len().min(SHA256_BLOCK_BYTES);
    block[..used].copy_from_slice(&key[..used]);
    let mut hmac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        hmac.update(part);
    }
    let full: [u8; 32] = hmac.finalize().into_bytes().into();
    [full[0], full[1]]
}

fn cipher(secret: &SharedSecret) -> Aes128 {
    let [key @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = secret;
    Aes128::new(key.into())
}
