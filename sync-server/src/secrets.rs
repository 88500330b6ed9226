//! The master key, which is never in the database, and what is made from it: sealed event keys, secret order links,
//! the server's own identity. Does not know tables.

use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use ed25519_dalek::SigningKey;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};
use willcall_domain::{
    entropy::{self, Entropy},
    id::{EventId, OrderId, OrganizerId},
    sync::sealing::SealingSecret,
};
use zeroize::Zeroizing;

/// Why the master key cannot be had, or something sealed under it cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    #[error("The key file {path} cannot be read or made: {source}.")]
    File { path: PathBuf, source: io::Error },
    #[error("The disk is full: the key file {0} cannot be written.")]
    DiskFull(PathBuf),
    #[error(
        "The key file {path} is damaged: it must hold 64 hexadecimal digits. Put it back from the backup; tickets cannot be signed without it."
    )]
    Damaged { path: PathBuf },
    #[error("The key file {path} may be read by others than its owner; make it private (chmod 600) first.")]
    Exposed { path: PathBuf },
    #[error("a sealed key does not open: it was sealed under another master key, or for another event")]
    Sealed,
}

/// The master key and what it makes.
pub struct Secrets {
    master: Zeroizing<[u8; 32]>,
    identity: SigningKey,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    /// Reads `secret.key` in `data`; makes it on the first start, readable by its owner only.
    ///
    /// # Errors
    /// When the file cannot be read or made, is damaged, or is readable by others.
    pub fn open(data: &Path, entropy: &dyn Entropy) -> Result<Self, SecretsError> {
        let path = data.join("secret.key");
        let failed = |source: io::Error| {
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                return SecretsError::DiskFull(path.clone());
            }
            SecretsError::File { path: path.clone(), source }
        };
        if !path.exists() {
            make(&path, entropy).map_err(failed)?;
        }
        let mut file = fs::File::open(&path).map_err(failed)?;
        if !private(&file).map_err(failed)? {
            return Err(SecretsError::Exposed { path });
        }
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(failed)?;
        let mut master = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), &mut *master).map_err(|_| SecretsError::Damaged { path: path.clone() })?;
        Ok(Self::of(*master))
    }

    /// From a key that is known already.
    #[must_use]
    pub fn of(master: [u8; 32]) -> Self {
        let seed = Zeroizing::new(derive(&master, &[b"willcall server identity"]));
        Self { identity: SigningKey::from_bytes(&seed), master: Zeroizing::new(master) }
    }

    /// The key stations pin at enrolment; signs grants, rosters and answers to their nonces.
    #[must_use]
    pub fn identity(&self) -> &SigningKey {
        &self.identity
    }

    /// Opens what was sealed to this organizer's server.
    #[must_use]
    pub fn sealing(&self, organizer: OrganizerId) -> SealingSecret {
        let seed = derive(&self.master, &[b"willcall journal sealing", &organizer.0.to_be_bytes()]);
        SealingSecret::of(&Zeroizing::new(seed))
    }

    /// The secret part of an order's link: 26 letters and digits, 128 bits, the same for ever.
    #[must_use]
    pub fn order_link(&self, order: OrderId) -> String {
        let tag = derive(&self.master, &[b"willcall order link", order.0.as_bytes()]);
        base32(&tag[..16])
    }

    /// Whether `secret` is the secret of `order`'s link; takes the same time whatever is wrong.
    #[must_use]
    pub fn is_order_link(&self, order: OrderId, secret: &str) -> bool {
        same(self.order_link(order).as_bytes(), secret.as_bytes())
    }

    /// Seals the private half of an event's key for the database.
    #[must_use]
    pub fn seal(
        &self,
        organizer: OrganizerId,
        event: EventId,
        number: u8,
        key: &SigningKey,
        entropy: &dyn Entropy,
    ) -> Vec<u8> {
        let nonce = entropy::bytes::<24>(entropy);
        let plain = Zeroizing::new(key.to_bytes());
        let payload = Payload { msg: &*plain, aad: &sealed_for(organizer, event, number) };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload);
        // Encryption fails only for messages of 256 GiB.
        [&nonce[..], &sealed.unwrap_or_default()].concat()
    }

    /// Opens what [`Secrets::seal`] made for the same organizer, event and number.
    ///
    /// # Errors
    /// When it was sealed under another key, for something else, or changed.
    pub fn unseal(
        &self,
        organizer: OrganizerId,
        event: EventId,
        number: u8,
        sealed: &[u8],
    ) -> Result<SigningKey, SecretsError> {
        let (nonce, body) = sealed.split_first_chunk::<24>().ok_or(SecretsError::Sealed)?;
        let payload = Payload { msg: body, aad: &sealed_for(organizer, event, number) };
        let plain = self.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| SecretsError::Sealed)?;
        let seed = Zeroizing::new(<[u8; 32]>::try_from(&Zeroizing::new(plain)[..]).map_err(|_| SecretsError::Sealed)?);
        Ok(SigningKey::from_bytes(&seed))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let key = Zeroizing::new(derive(&self.master, &[b"willcall event keys"]));
        XChaCha20Poly1305::new(&chacha20poly1305::Key::from(*key))
    }
}

fn sealed_for(organizer: OrganizerId, event: EventId, number: u8) -> Vec<u8> {
    [&organizer.0.to_be_bytes()[..], &event.0.to_be_bytes(), &[number]].concat()
}

fn derive(master: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    use hmac::KeyInit as _;
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(master) else { return [0; 32] };
    for part in parts {
        mac.update(&u64::try_from(part.len()).unwrap_or(0).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Whether two secrets are equal, in a time that depends on their lengths only.
#[must_use]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |different, (x, y)| different | (x ^ y)) == 0
}

/// Crockford's base 32 in small letters: no letters that look like digits.
fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut out = String::new();
    let (mut buffer, mut bits) = (0_u32, 0);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(LETTERS[((buffer >> bits) & 31) as usize]));
        }
    }
    if bits > 0 {
        out.push(char::from(LETTERS[((buffer << (5 - bits)) & 31) as usize]));
    }
    out
}

/// Makes the key file; of several processes that start at the same time one does.
fn make(path: &Path, entropy: &dyn Entropy) -> io::Result<()> {
    let turn = fs::File::create(path.with_extension("lock"))?;
    turn.lock()?;
    if path.exists() {
        return Ok(());
    }
    let fresh = Zeroizing::new(entropy::bytes::<32>(entropy));
    write_private(path, Zeroizing::new(hex::encode(*fresh)).as_bytes())
}

/// Writes a file that only its owner can read, whole or not at all.
///
/// # Errors
/// When the disk does not take it.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(unix)]
fn private(file: &fs::File) -> io::Result<bool> {
    Ok(std::os::unix::fs::MetadataExt::mode(&file.metadata()?) & 0o077 == 0)
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same shape as where permissions are bits")]
fn private(_: &fs::File) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use willcall_domain::{entropy::SeededEntropy, id::OrderId};

    fn secrets(first: u8) -> Secrets {
        Secrets::of([first; 32])
    }

    #[test]
    fn a_sealed_key_opens_only_for_its_own_event_under_its_own_master_key() {
        let entropy = SeededEntropy::new(1);
        let key = SigningKey::from_bytes(&entropy::bytes(&entropy));
        let sealed = secrets(1).seal(OrganizerId(1), EventId(2), 3, &key, &entropy);
        let open = |s: &Secrets, o, e, n| s.unseal(OrganizerId(o), EventId(e), n, &sealed).ok().map(|k| k.to_bytes());
        assert_eq!(open(&secrets(1), 1, 2, 3), Some(key.to_bytes()));
        for (what, opened) in [
            ("another master key", open(&secrets(2), 1, 2, 3)),
            ("another organizer", open(&secrets(1), 2, 2, 3)),
            ("another event", open(&secrets(1), 1, 1, 3)),
            ("another number", open(&secrets(1), 1, 2, 4)),
        ] {
            assert_eq!(opened, None, "{what} must not open it");
        }
        for cut in 0..sealed.len() {
            assert!(secrets(1).unseal(OrganizerId(1), EventId(2), 3, &sealed[..cut]).is_err(), "{cut} bytes of it");
        }
    }

    #[test]
    fn an_order_link_is_stable_and_belongs_to_one_order() {
        let entropy = SeededEntropy::new(2);
        let (a, b) = (
            OrderId(entropy::uuid_v7(Default::default(), &entropy)),
            OrderId(entropy::uuid_v7(Default::default(), &entropy)),
        );
        let link = secrets(1).order_link(a);
        assert_eq!(link.len(), 26);
        assert!(secrets(1).is_order_link(a, &link));
        assert!(!secrets(1).is_order_link(b, &link));
        assert!(!secrets(2).is_order_link(a, &link));
        assert!(!secrets(1).is_order_link(a, ""));
    }

    #[test]
    fn the_key_file_is_made_once_private_and_refused_when_damaged_or_exposed() {
        let folder = tempfile::tempdir().unwrap();
        let first = Secrets::open(folder.path(), &SeededEntropy::new(3)).unwrap();
        let again = Secrets::open(folder.path(), &SeededEntropy::new(4)).unwrap();
        assert_eq!(first.identity().to_bytes(), again.identity().to_bytes());
        let path = folder.path().join("secret.key");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            assert!(matches!(Secrets::open(folder.path(), &SeededEntropy::new(5)), Err(SecretsError::Exposed { .. })));
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        fs::write(&path, "not a key").unwrap();
        assert!(matches!(Secrets::open(folder.path(), &SeededEntropy::new(5)), Err(SecretsError::Damaged { .. })));
    }
}
