//! Sealing to the server: who carries something for another station can read nothing of it. HPKE (RFC 9180), base mode,
//! with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20-Poly1305.
//!
//! ```text
//! sealed = encapsulated key 32 ‖ ciphertext ‖ tag 16
//! ```
//! The organizer's sealing key is told to stations in each signed contact; its private half never leaves the server.

use crate::entropy::Entropy;
use hpke::{
    Deserializable, Kem as _, OpModeR, OpModeS, Serializable,
    aead::ChaCha20Poly1305,
    kdf::HkdfSha256,
    kem::X25519HkdfSha256 as Kem,
    rand_core::{Infallible, TryCryptoRng, TryRng},
    single_shot_open, single_shot_seal_with_rng,
};
use zeroize::Zeroizing;

const INFO: &[u8] = b"willcall sealed to the server 1\0";
const KEY: usize = 32;

/// Why something cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealingError {
    #[error("this is no sealing key")]
    Key,
    #[error("it was sealed to another server or organizer, or is damaged")]
    Sealed,
}

/// What anybody may seal with.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingKey(<Kem as hpke::Kem>::PublicKey);

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealingKey({})", self.to_hex())
    }
}

impl SealingKey {
    /// As it travels.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.to_bytes())
    }

    /// # Errors
    /// When it is not 32 bytes of hex.
    pub fn from_hex(text: &str) -> Result<Self, SealingError> {
        let mut bytes = [0; KEY];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| SealingError::Key)?;
        Self::from_bytes(&bytes)
    }

    /// # Errors
    /// When the bytes are no key.
    pub fn from_bytes(bytes: &[u8; KEY]) -> Result<Self, SealingError> {
        <Kem as hpke::Kem>::PublicKey::from_bytes(bytes).map(Self).map_err(|_| SealingError::Key)
    }

    #[must_use]
    pub fn to_bytes(&self) -> [u8; KEY] {
        self.0.to_bytes().into()
    }

    /// Seals `plain` for `purpose`, which whoever opens it must name too.
    ///
    /// # Errors
    /// When the key is one that no secret can be agreed on with.
    pub fn seal(&self, plain: &[u8], purpose: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, SealingError> {
        let sealed = single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, Kem>(
            &OpModeS::Base,
            &self.0,
            INFO,
            plain,
            purpose,
            &mut Drawn(entropy),
        );
        let (encapsulated, text) = sealed.map_err(|_| SealingError::Key)?;
        Ok([encapsulated.to_bytes().as_slice(), &text].concat())
    }
}

/// What only the server opens with.
pub struct SealingSecret(<Kem as hpke::Kem>::PrivateKey);

impl std::fmt::Debug for SealingSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingSecret(…)")
    }
}

impl SealingSecret {
    /// From 32 secret bytes (RFC 9180, `DeriveKeyPair`); the same bytes are the same key for ever.
    #[must_use]
    pub fn of(secret: &[u8; KEY]) -> Self {
        Self(Kem::derive_keypair(secret).0)
    }

    /// The half that is told.
    #[must_use]
    pub fn public(&self) -> SealingKey {
        SealingKey(Kem::sk_to_pk(&self.0))
    }

    /// # Errors
    /// When it was sealed to another key, for another purpose, or changed.
    pub fn open(&self, sealed: &[u8], purpose: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        let (encapsulated, text) = sealed.split_at_checked(KEY).ok_or(SealingError::Sealed)?;
        let encapsulated =
            <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| SealingError::Sealed)?;
        single_shot_open::<ChaCha20Poly1305, HkdfSha256, Kem>(
            &OpModeR::Base,
            &self.0,
            &encapsulated,
            INFO,
            text,
            purpose,
        )
        .map(Zeroizing::new)
        .map_err(|_| SealingError::Sealed)
    }
}

/// Our randomness, as the library asks for it.
struct Drawn<'a>(&'a dyn Entropy);

impl TryRng for Drawn<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(crate::entropy::bytes(self.0)))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(crate::entropy::bytes(self.0)))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Drawn<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn only_the_secret_half_opens_and_only_for_the_purpose_it_was_sealed_for() {
        let (secret, other) = (SealingSecret::of(&[7; 32]), SealingSecret::of(&[8; 32]));
        let entropy = SeededEntropy::new(1);
        let key = SealingKey::from_hex(&secret.public().to_hex()).unwrap();
        let sealed = key.seal(b"Ada", b"mirror", &entropy).unwrap();
        assert_eq!(secret.open(&sealed, b"mirror").unwrap().as_slice(), b"Ada");
        assert_eq!(secret.open(&sealed, b"else"), Err(SealingError::Sealed));
        assert_eq!(other.open(&sealed, b"mirror"), Err(SealingError::Sealed));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(secret.open(&changed, b"mirror"), Err(SealingError::Sealed), "byte {at}");
            assert_eq!(secret.open(&sealed[..at], b"mirror"), Err(SealingError::Sealed), "{at} bytes");
        }
        assert_ne!(key.seal(b"Ada", b"mirror", &entropy).unwrap(), sealed, "never the same twice");
    }

    #[test]
    fn the_same_secret_is_the_same_key_for_ever() {
        let key = SealingSecret::of(&[7; 32]).public().to_hex();
        assert_eq!(key, SealingSecret::of(&[7; 32]).public().to_hex());
        assert_eq!(SealingKey::from_hex("00"), Err(SealingError::Key));
        assert_eq!(
            SealingKey::from_hex(&hex::encode([0; 32])).map(|k| k.seal(b"", b"", &SeededEntropy::new(1))).ok(),
            Some(Err(SealingError::Key)),
            "no secret can be agreed on with it"
        );
    }
}
