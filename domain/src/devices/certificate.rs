//! What the server says of a device, signed, so that another station can check what that device wrote with nobody to
//! ask: its name and the keys its journal is signed with. Says the same until one of them changes.

use crate::{
    devices::Role,
    id::{DeviceId, OrganizerId},
    sync::{KeyHistory, journal::bytes32, key_history::HeldKey},
};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

const PREFIX: &[u8] = b"willcall device 1\0";

/// One key of a device and after which entry it signs; the first after `(0, 0)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertifiedKey {
    /// Ed25519, hex.
    pub key: String,
    pub incarnation: u32,
    pub seq: u64,
}

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateBody {
    pub organizer_id: OrganizerId,
    pub device_id: DeviceId,
    pub name: String,
    pub role: Role,
    /// Ascending; never empty.
    pub keys: Vec<CertifiedKey>,
}

/// A certificate as it travels: the body exactly as signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceCertificate {
    /// JSON of a [`CertificateBody`].
    pub body: String,
    /// Ed25519 by the server's key over `"willcall device 1\0"` ‖ body, hex.
    pub signature: String,
}

/// A certificate that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    pub organizer_id: OrganizerId,
    pub device_id: DeviceId,
    pub name: String,
    pub role: Role,
    pub keys: KeyHistory,
}

/// Why a certificate is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("the certificate is not signed by this server")]
    Signature,
    #[error("the certificate cannot be read")]
    Body,
}

/// Signs `body` with the server's key.
///
/// # Errors
/// When the body cannot be written, which its types do not allow.
pub fn sign_certificate(body: &CertificateBody, key: &SigningKey) -> Result<DeviceCertificate, CertificateError> {
    let text = serde_json::to_string(body).map_err(|_| CertificateError::Body)?;
    let signature = hex::encode(key.sign(&[PREFIX, text.as_bytes()].concat()).to_bytes());
    Ok(DeviceCertificate { body: text, signature })
}

/// The keys of a device as they stand in its certificate.
#[must_use]
pub fn certified_keys(keys: &KeyHistory) -> Vec<CertifiedKey> {
    let first = HeldKey { key: *keys.at(0, 0), after: (0, 0) };
    let all = std::iter::once(&first).chain(keys.changes());
    let certify = |held: &HeldKey| CertifiedKey {
        key: hex::encode(held.key.as_bytes()),
        incarnation: held.after.0,
        seq: held.after.1,
    };
    all.map(certify).collect()
}

/// Checks that a certificate is the server's, and reads it.
///
/// # Errors
/// When it is not, or says no keys.
pub fn check_certificate(
    certificate: &DeviceCertificate,
    server: &VerifyingKey,
) -> Result<Certified, CertificateError> {
    let mut signature = [0; 64];
    hex::decode_to_slice(&certificate.signature, &mut signature).map_err(|_| CertificateError::Signature)?;
    let message = [PREFIX, certificate.body.as_bytes()].concat();
    server.verify_strict(&message, &Signature::from_bytes(&signature)).map_err(|_| CertificateError::Signature)?;
    let body: CertificateBody = serde_json::from_str(&certificate.body).map_err(|_| CertificateError::Body)?;
    let mut keys: Option<KeyHistory> = None;
    for certified in &body.keys {
        let key = bytes32(&certified.key).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        let key = key.ok_or(CertificateError::Body)?;
        match &mut keys {
            None => keys = Some(KeyHistory::of(key)),
            Some(keys) => keys.add(HeldKey { key, after: (certified.incarnation, certified.seq) }),
        }
    }
    let CertificateBody { organizer_id, device_id, name, role, .. } = body;
    Ok(Certified { organizer_id, device_id, name, role, keys: keys.ok_or(CertificateError::Body)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_the_servers_and_names_every_key_in_its_time() {
        let [server, other, first, second] = [1, 2, 3, 4].map(|n| SigningKey::from_bytes(&[n; 32]));
        let mut keys = KeyHistory::of(first.verifying_key());
        keys.add(HeldKey { key: second.verifying_key(), after: (1, 7) });
        let body = CertificateBody {
            organizer_id: OrganizerId(1),
            device_id: DeviceId(2),
            name: "Till 2".into(),
            role: Role::Till,
            keys: certified_keys(&keys),
        };
        let signed = sign_certificate(&body, &server).unwrap();
        let read = check_certificate(&signed, &server.verifying_key()).unwrap();
        assert_eq!((read.device_id, read.name.as_str(), &read.keys), (DeviceId(2), "Till 2", &keys));
        assert_eq!(check_certificate(&signed, &other.verifying_key()), Err(CertificateError::Signature));
        let renamed = DeviceCertificate { body: signed.body.replace("Till 2", "Till 3"), ..signed };
        assert_eq!(check_certificate(&renamed, &server.verifying_key()), Err(CertificateError::Signature));
        let keyless = sign_certificate(&CertificateBody { keys: vec![], ..body }, &server).unwrap();
        assert_eq!(check_certificate(&keyless, &server.verifying_key()), Err(CertificateError::Body));
    }
}
