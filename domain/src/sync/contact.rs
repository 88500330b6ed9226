//! The first exchange of each contact: who answers, what time it is, what is waiting. "Connected" means an answer to a
//! fresh nonce signed with the server key pinned at enrolment; a captive portal cannot give it.

use crate::{clock::UtcMillis, id::HistoryId, leases::Grant};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

const PREFIX: &[u8] = b"willcall contact 1\0";

/// `POST /api/station/v1/contact`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// 16 random bytes, hex.
    pub nonce: String,
    pub protocol: u32,
    pub software: String,
    pub incarnation: u32,
    /// Length of the journal in this incarnation.
    pub length: u64,
    /// Facts the server has not confirmed.
    pub waiting: u64,
}

/// What the server signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactBody {
    pub nonce: String,
    pub time: UtcMillis,
    pub history: HistoryId,
    pub head: i64,
    /// What the server has of this incarnation's journal.
    pub acked: u64,
    pub safe: u64,
}

/// The signed body exactly as signed, and grants that were not accepted yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactAnswer {
    /// JSON of a [`ContactBody`].
    pub body: String,
    /// Ed25519 by the server's key over `"willcall contact 1\0"` ‖ body, hex.
    pub signature: String,
    pub open_grants: Vec<Grant>,
}

/// Why an answer is not the server's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContactError {
    #[error("whoever answered is not the server this station was enrolled at")]
    Signature,
    #[error("the answer is to another question")]
    Nonce,
    #[error("the answer cannot be read")]
    Body,
}

/// Signs the answer.
///
/// # Errors
/// When the body cannot be written, which its types do not allow.
pub fn sign_contact(
    body: &ContactBody,
    open_grants: Vec<Grant>,
    key: &SigningKey,
) -> Result<ContactAnswer, ContactError> {
    let text = serde_json::to_string(body).map_err(|_| ContactError::Body)?;
    let signature = hex::encode(key.sign(&[PREFIX, text.as_bytes()].concat()).to_bytes());
    Ok(ContactAnswer { body: text, signature, open_grants })
}

/// Checks that `answer` is the pinned server's, to this nonce.
///
/// # Errors
/// When it is not.
pub fn check_contact(answer: &ContactAnswer, nonce: &str, server: &VerifyingKey) -> Result<ContactBody, ContactError> {
    let mut signature = [0; 64];
    hex::decode_to_slice(&answer.signature, &mut signature).map_err(|_| ContactError::Signature)?;
    let message = [PREFIX, answer.body.as_bytes()].concat();
    server.verify_strict(&message, &Signature::from_bytes(&signature)).map_err(|_| ContactError::Signature)?;
    let body: ContactBody = serde_json::from_str(&answer.body).map_err(|_| ContactError::Body)?;
    if body.nonce == nonce { Ok(body) } else { Err(ContactError::Nonce) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn only_the_pinned_server_answering_this_very_nonce_is_a_link() {
        let (key, other) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let body = ContactBody {
            nonce: "00ff".into(),
            time: UtcMillis(5),
            history: HistoryId(Uuid::nil()),
            head: 3,
            acked: 2,
            safe: 1,
        };
        let answer = sign_contact(&body, vec![], &key).unwrap();
        assert_eq!(check_contact(&answer, "00ff", &key.verifying_key()), Ok(body));
        assert_eq!(check_contact(&answer, "ff00", &key.verifying_key()), Err(ContactError::Nonce), "a replay");
        assert_eq!(check_contact(&answer, "00ff", &other.verifying_key()), Err(ContactError::Signature));
    }
}
