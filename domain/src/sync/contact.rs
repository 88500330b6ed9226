//! The first exchange of each contact: who answers, what time it is, what is waiting. "Connected" means an answer to a
//! fresh nonce signed with the server key pinned at enrolment; a captive portal cannot give it.

use crate::{
    clock::UtcMillis,
    devices::DeviceCertificate,
    id::{HistoryId, RequestId},
    leases::{Grant, RightGrant},
    sync::Cursor,
};
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
    /// Hash of the newest entry, hex; empty when there is none.
    #[serde(default)]
    pub tail_hash: String,
    /// The token handed out by the last contact; a copy of this station has another.
    #[serde(default)]
    pub resume: Option<String>,
    /// Digest that tells this machine from another; says nothing else.
    #[serde(default)]
    pub machine: String,
    /// The station doubts itself (a copy, a backup): it scans, marked, and sells nothing.
    #[serde(default)]
    pub suspect: bool,
    /// The station's wall clock when it asked, so that the server sees its skew.
    #[serde(default)]
    pub clock: Option<UtcMillis>,
    /// The newest history of the server it knows: once that is the present one, its journal is what it has not sent.
    #[serde(default)]
    pub history: Option<HistoryId>,
    /// How far it has read the change feed; nothing before its first snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Cursor>,
    /// Erase changes this machine has carried out and not reported before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erased: Vec<RequestId>,
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
    /// Token for the next contact.
    #[serde(default)]
    pub resume: Option<String>,
    /// The server takes this station for a copy, or for one put back from a backup: suspect from now on.
    #[serde(default)]
    pub suspect: bool,
    /// The highest incarnation of this station the server has heard of; a new one is opened above it. 0 when it does not
    /// say.
    #[serde(default)]
    pub newest_incarnation: u32,
    /// Newest protocol the server speaks.
    #[serde(default)]
    pub protocol: u32,
    /// When it is this station's turn to upload and download, in milliseconds from now: those that were cut off together
    /// come one after the other.
    #[serde(default)]
    pub sync_in_ms: u64,
    /// What stations seal to this organizer's server, hex; see [`super::sealing`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing_key: Option<String>,
}

/// The signed body exactly as signed, and grants that were not accepted yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactAnswer {
    /// JSON of a [`ContactBody`].
    pub body: String,
    /// Ed25519 by the server's key over `"willcall contact 1\0"` ‖ body, hex.
    pub signature: String,
    pub open_grants: Vec<Grant>,
    /// Rights granted and not seen taken.
    #[serde(default)]
    pub open_rights: Vec<RightGrant>,
    /// This device's name and keys, signed by the server, to show to other stations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<DeviceCertificate>,
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
    Ok(ContactAnswer { body: text, signature, open_grants, open_rights: Vec::new(), certificate: None })
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
            resume: None,
            suspect: false,
            newest_incarnation: 2,
            protocol: 2,
            sync_in_ms: 0,
            sealing_key: None,
        };
        let answer = sign_contact(&body, vec![], &key).unwrap();
        assert_eq!(check_contact(&answer, "00ff", &key.verifying_key()), Ok(body));
        assert_eq!(check_contact(&answer, "ff00", &key.verifying_key()), Err(ContactError::Nonce), "a replay");
        assert_eq!(check_contact(&answer, "00ff", &other.verifying_key()), Err(ContactError::Signature));
    }
}
