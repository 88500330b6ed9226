//! Signing a grant and checking one, of units and of rights.

use super::wire::{BlankCodes, Grant, GrantBody, RightBody, RightGrant};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

const PREFIX: &[u8] = b"willcall grant 1\0";
const RIGHT_PREFIX: &[u8] = b"willcall right 1\0";

/// Why a grant is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    #[error("the grant is not signed by this server")]
    Signature,
    #[error("the grant cannot be read")]
    Body,
    #[error("the grant does not carry the blanks it names")]
    Blanks,
    #[error("the grant is for another station")]
    Station,
}

/// Signs `body` with the server's key.
///
/// # Errors
/// When the body cannot be written, which its types do not allow.
pub fn sign_grant(body: &GrantBody, codes: Vec<BlankCodes>, key: &SigningKey) -> Result<Grant, GrantError> {
    let text = serde_json::to_string(body).map_err(|_| GrantError::Body)?;
    let signature = hex::encode(key.sign(&[PREFIX, text.as_bytes()].concat()).to_bytes());
    Ok(Grant { body: text, signature, codes })
}

/// Checks signature and addressee of a grant without its codes, as it stands in a journal.
///
/// # Errors
/// When either is wrong.
pub fn prove_grant(
    body: &str,
    signature: &str,
    server: &VerifyingKey,
    holder: crate::id::DeviceId,
) -> Result<GrantBody, GrantError> {
    check_signature(PREFIX, body, signature, server)?;
    let body: GrantBody = serde_json::from_str(body).map_err(|_| GrantError::Body)?;
    if body.station == holder { Ok(body) } else { Err(GrantError::Station) }
}

fn check_signature(prefix: &[u8], body: &str, signature: &str, server: &VerifyingKey) -> Result<(), GrantError> {
    let mut signed = [0; 64];
    hex::decode_to_slice(signature, &mut signed).map_err(|_| GrantError::Signature)?;
    let message = [prefix, body.as_bytes()].concat();
    server.verify_strict(&message, &Signature::from_bytes(&signed)).map_err(|_| GrantError::Signature)
}

/// Signs a right with the server's key.
///
/// # Errors
/// When the body cannot be written, which its types do not allow.
pub fn sign_right(body: &RightBody, key: &SigningKey) -> Result<RightGrant, GrantError> {
    let text = serde_json::to_string(body).map_err(|_| GrantError::Body)?;
    let signature = hex::encode(key.sign(&[RIGHT_PREFIX, text.as_bytes()].concat()).to_bytes());
    Ok(RightGrant { body: text, signature })
}

/// Checks signature and addressee of a right.
///
/// # Errors
/// When either is wrong.
pub fn check_right(
    grant: &RightGrant,
    server: &VerifyingKey,
    holder: crate::id::DeviceId,
) -> Result<RightBody, GrantError> {
    check_signature(RIGHT_PREFIX, &grant.body, &grant.signature, server)?;
    let body: RightBody = serde_json::from_str(&grant.body).map_err(|_| GrantError::Body)?;
    if body.station == holder { Ok(body) } else { Err(GrantError::Station) }
}

/// Checks signature, addressee and completeness.
///
/// # Errors
/// When any of the three is wrong.
pub fn check_grant(grant: &Grant, server: &VerifyingKey, me: crate::id::DeviceId) -> Result<GrantBody, GrantError> {
    let body = prove_grant(&grant.body, &grant.signature, server, me)?;
    let complete = body
        .blanks
        .iter()
        .all(|range| grant.codes.iter().any(|c| c.article == range.article && c.codes.len() == range.count as usize));
    if complete { Ok(body) } else { Err(GrantError::Blanks) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::UtcMillis, id::*};
    use uuid::Uuid;

    fn body() -> GrantBody {
        GrantBody {
            lease_id: LeaseId(Uuid::from_u128(1)),
            request_id: RequestId(Uuid::from_u128(2)),
            organizer_id: OrganizerId(1),
            event_id: EventId(2),
            quota_id: QuotaId(3),
            station: DeviceId(4),
            units: 2,
            blanks: vec![super::super::BlankRange {
                article: ItemId(5).into(),
                base: PositionId(Uuid::from_u128(6)),
                count: 1,
            }],
            granted_at: UtcMillis(7),
        }
    }

    #[test]
    fn a_grant_is_taken_only_as_signed_by_this_server_for_this_station_with_all_its_blanks() {
        let (key, other) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let codes = vec![BlankCodes { article: ItemId(5).into(), codes: vec!["A".into()] }];
        let grant = sign_grant(&body(), codes, &key).unwrap();
        assert_eq!(check_grant(&grant, &key.verifying_key(), DeviceId(4)), Ok(body()));
        assert_eq!(check_grant(&grant, &other.verifying_key(), DeviceId(4)), Err(GrantError::Signature));
        assert_eq!(check_grant(&grant, &key.verifying_key(), DeviceId(5)), Err(GrantError::Station));
        let more = Grant { body: grant.body.replace("\"units\":2", "\"units\":9"), ..grant.clone() };
        assert_eq!(check_grant(&more, &key.verifying_key(), DeviceId(4)), Err(GrantError::Signature));
        let fewer = Grant { codes: vec![], ..grant };
        assert_eq!(check_grant(&fewer, &key.verifying_key(), DeviceId(4)), Err(GrantError::Blanks));
    }

    #[test]
    fn a_right_is_taken_only_as_signed_by_this_server_for_this_station_and_never_as_a_grant_of_units() {
        let (key, other) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let body = RightBody {
            right_id: RightId(Uuid::from_u128(1)),
            request_id: RequestId(Uuid::from_u128(2)),
            organizer_id: OrganizerId(1),
            event_id: EventId(2),
            station: DeviceId(4),
            subject: super::super::RightSubject::Voucher { voucher_id: VoucherId(9) },
            code: "SPRING".into(),
            voucher: None,
            order: None,
            granted_at: UtcMillis(7),
        };
        let grant = sign_right(&body, &key).unwrap();
        assert_eq!(check_right(&grant, &key.verifying_key(), DeviceId(4)), Ok(body));
        assert_eq!(check_right(&grant, &other.verifying_key(), DeviceId(4)), Err(GrantError::Signature));
        assert_eq!(check_right(&grant, &key.verifying_key(), DeviceId(5)), Err(GrantError::Station));
        let other_voucher =
            RightGrant { body: grant.body.replace("\"voucher_id\":9", "\"voucher_id\":8"), ..grant.clone() };
        assert_eq!(check_right(&other_voucher, &key.verifying_key(), DeviceId(4)), Err(GrantError::Signature));
        let as_units = prove_grant(&grant.body, &grant.signature, &key.verifying_key(), DeviceId(4));
        assert_eq!(as_units, Err(GrantError::Signature), "what is signed for one use is nothing in another");
    }
}
