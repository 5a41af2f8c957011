//! A node's Ed25519 identity: signing adverts, sharing secrets (format §3, §4).

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};

use super::crypto::SharedSecret;

/// A node's own key pair.
#[derive(Clone)]
pub struct Identity {
    key: SigningKey,
}

impl Identity {
    /// The identity that a 32-byte seed stands for.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self { key: SigningKey::from_bytes(&seed) }
    }

    /// The public key.
    pub fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// Whether firmware would keep this key: it makes none that starts with 00 or FF.
    pub fn is_usable(&self) -> bool {
        !matches!(self.public_key(), [0x00 | 0xFF, ..])
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// Returns what this node and a peer share (X25519 over the keys mapped to Montgomery form,
    /// not hashed), or `None` if the peer's key is no point of the curve.
    pub fn shared_secret(&self, peer_key: &[u8; 32]) -> Option<SharedSecret> {
        let peer = VerifyingKey::from_bytes(peer_key).ok()?;
        Some(peer.to_montgomery().mul_clamped(self.key.to_scalar_bytes()).to_bytes())
    }
}

/// Never shows the private key.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", super::hex_text::Hex(self.public_key()))
    }
}

/// Whether a signature over a message is this key's; false too for a key that is no point of the
/// curve.
pub fn is_signed_by(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(key)
        .is_ok_and(|key| key.verify(message, &Signature::from_bytes(signature)).is_ok())
}
