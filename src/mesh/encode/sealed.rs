//! Encrypted payloads: for a channel (format §8), for one peer (§5), anonymous requests (§10).

use super::EncodeError;
use crate::mesh::channel::ChannelSecret;
use crate::mesh::crypto;
use crate::mesh::header::PayloadType;
use crate::mesh::identity::Identity;
use crate::mesh::path;

/// Returns a GRP_TXT payload: `sender: text`, as the apps write it.
pub fn group_text(channel: &ChannelSecret, timestamp_s: u32, sender: &str, text: &str) -> Vec<u8> {
    group(channel, &text_plaintext(timestamp_s, 0, &format!("{sender}: {text}")))
}

/// Returns a GRP_DATA payload; of the data at most 255 bytes are announced.
pub fn group_data(channel: &ChannelSecret, data_type: u16, data: &[u8]) -> Vec<u8> {
    let data = &data[..data.len().min(usize::from(u8::MAX))];
    let mut plaintext = data_type.to_le_bytes().to_vec();
    plaintext.push(data.len() as u8);
    plaintext.extend(data);
    group(channel, &plaintext)
}

/// Returns a group payload of any plaintext.
pub fn group(channel: &ChannelSecret, plaintext: &[u8]) -> Vec<u8> {
    let mut payload = vec![channel.hash()];
    payload.extend(crypto::seal(channel.secret(), plaintext));
    payload
}

/// Returns a REQ, RESPONSE, TXT_MSG or PATH payload for one peer.
///
/// # Errors
/// [`EncodeError::BadPeerKey`].
pub fn peer(from: &Identity, to: &[u8; 32], plaintext: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let secret = from.shared_secret(to).ok_or(EncodeError::BadPeerKey)?;
    let mut payload = vec![to[0], from.public_key()[0]];
    payload.extend(crypto::seal(&secret, plaintext));
    Ok(payload)
}

/// Returns an ANON_REQ payload, which carries the sender's whole key.
///
/// # Errors
/// [`EncodeError::BadPeerKey`].
pub fn anon_request(
    from: &Identity,
    to: &[u8; 32],
    plaintext: &[u8],
) -> Result<Vec<u8>, EncodeError> {
    let secret = from.shared_secret(to).ok_or(EncodeError::BadPeerKey)?;
    let mut payload = vec![to[0]];
    payload.extend(from.public_key());
    payload.extend(crypto::seal(&secret, plaintext));
    Ok(payload)
}

/// Returns the plaintext of a TXT_MSG or GRP_TXT; `flags` is `txt_type << 2 | attempt`.
pub fn text_plaintext(timestamp_s: u32, flags: u8, text: &str) -> Vec<u8> {
    let mut plaintext = timestamp_s.to_le_bytes().to_vec();
    plaintext.push(flags);
    plaintext.extend(text.as_bytes());
    plaintext
}

/// Returns the plaintext of a REQ (`kind` 1 status, 2 keep-alive, 3 telemetry, …) with its
/// parameters.
pub fn request_plaintext(tag: u32, kind: u8, parameters: &[u8]) -> Vec<u8> {
    let mut plaintext = tag.to_le_bytes().to_vec();
    plaintext.push(kind);
    plaintext.extend(parameters);
    plaintext
}

/// Returns the plaintext of a RESPONSE: the request's tag and the answer.
pub fn response_plaintext(tag: u32, answer: &[u8]) -> Vec<u8> {
    [&tag.to_le_bytes(), answer].concat()
}

/// Returns the plaintext of a PATH: the way that a packet came, and what rides along.
///
/// # Errors
/// [`EncodeError::BadHashSize`] or [`EncodeError::BadPath`].
pub fn path_plaintext(
    hash_size: usize,
    way: &[u8],
    extra_type: PayloadType,
    extra: &[u8],
) -> Result<Vec<u8>, EncodeError> {
    let length_byte = super::Route::flood(hash_size).with_path(way).length_byte()?;
    debug_assert_eq!(path::hop_count(length_byte) * hash_size, way.len());
    let mut plaintext = vec![length_byte];
    plaintext.extend(way);
    plaintext.push(extra_type.number());
    plaintext.extend(extra);
    Ok(plaintext)
}
