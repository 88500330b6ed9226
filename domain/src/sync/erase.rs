//! Erasing personal data: an order of the server's to every machine that may have a copy. Signed, as nobody else may make
//! a till forget; the chain of the journal stays whole, for it holds only the hash.

use super::change::{EraseBody, EraseRow};
use crate::id::RequestId;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

const PREFIX: &[u8] = b"willcall erase 1\0";

/// Why an order to erase is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EraseError {
    #[error("it is not signed by this server")]
    Signature,
    #[error("it cannot be read")]
    Body,
}

/// Signs what is to be erased.
///
/// # Errors
/// When the body cannot be written, which its types do not allow.
pub fn sign_erase(erase_id: RequestId, body: &EraseBody, key: &SigningKey) -> Result<EraseRow, EraseError> {
    let body = serde_json::to_string(body).map_err(|_| EraseError::Body)?;
    let signature = hex::encode(key.sign(&[PREFIX, body.as_bytes()].concat()).to_bytes());
    Ok(EraseRow { erase_id, body, signature })
}

/// Checks that the order is the pinned server's.
///
/// # Errors
/// When it is not.
pub fn check_erase(row: &EraseRow, server: &VerifyingKey) -> Result<EraseBody, EraseError> {
    let mut signature = [0; 64];
    hex::decode_to_slice(&row.signature, &mut signature).map_err(|_| EraseError::Signature)?;
    let message = [PREFIX, row.body.as_bytes()].concat();
    server.verify_strict(&message, &Signature::from_bytes(&signature)).map_err(|_| EraseError::Signature)?;
    serde_json::from_str(&row.body).map_err(|_| EraseError::Body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::UtcMillis,
        id::{OrganizerId, PositionId},
    };
    use uuid::Uuid;

    #[test]
    fn only_the_servers_own_order_is_followed() {
        let (key, other) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let body = EraseBody {
            organizer_id: OrganizerId(1),
            entries: vec![],
            positions: vec![PositionId(Uuid::nil())],
            at: UtcMillis(5),
        };
        let row = sign_erase(RequestId(Uuid::nil()), &body, &key).unwrap();
        assert_eq!(check_erase(&row, &key.verifying_key()), Ok(body));
        assert_eq!(check_erase(&row, &other.verifying_key()), Err(EraseError::Signature));
        let more = EraseRow { body: row.body.replace("\"at\":5", "\"at\":6"), ..row };
        assert_eq!(check_erase(&more, &key.verifying_key()), Err(EraseError::Signature));
    }
}
