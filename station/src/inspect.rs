//! Looking into a ticket code with a public key at hand: what it says, and whether that key signed it. Stores nothing
//! and asks nobody. A `wc1` code is signed for an organizer and an event that it does not carry; where they are not
//! given, lines before the PEM block may name them (`organizer: 3`, `event: 7`), else small numbers are tried.

use ed25519_dalek::{VerifyingKey, pkcs8::DecodePublicKey};
use serde::Serialize;
use willcall_domain::{
    clock::UtcMillis,
    id::{EventId, OrganizerId},
    problem::{Code as ProblemCode, Problem},
    ticketing::{self, Code},
};

/// Numbers tried where organizer and event are not known.
const ORGANIZERS_TRIED: i64 = 40;
const EVENTS_TRIED: i64 = 400;

/// What a code says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// `wc1`, `sig1` or `plain`.
    pub format: &'static str,
    /// Whether the key signed it; `None` for a plain secret, which nobody signs.
    pub signed: Option<bool>,
    /// For whom it is signed, where that could be found out.
    pub organizer_id: Option<OrganizerId>,
    pub event_id: Option<EventId>,
    pub claims: serde_json::Value,
}

/// A public key, and for whom it signs where that is known.
#[derive(Debug, Clone)]
pub struct InspectKey {
    pub key: VerifyingKey,
    /// Organizers and events it may sign for.
    pub signs_for: Vec<(OrganizerId, EventId)>,
}

impl InspectKey {
    /// Reads a PEM block (`BEGIN PUBLIC KEY`, Ed25519), or 64 hexadecimal digits.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let bad = || Problem::field("key", "The key is an Ed25519 public key: a PEM block, or 64 hexadecimal digits.");
        let trimmed = text.trim();
        let block = trimmed.find("-----BEGIN").map(|at| &trimmed[at..]);
        let key = match block {
            Some(block) => VerifyingKey::from_public_key_pem(block).map_err(|_| bad())?,
            None => ticketing::key::public_key(trimmed).map_err(|_| bad())?,
        };
        let named = |name: &str| {
            let lines = trimmed.lines().take_while(|l| !l.starts_with("-----"));
            lines
                .filter_map(|l| l.split_once(':'))
                .find(|(k, _)| k.trim().eq_ignore_ascii_case(name))?
                .1
                .trim()
                .parse()
                .ok()
        };
        let signs_for = match (named("organizer"), named("event")) {
            (Some(organizer), Some(event)) => vec![(OrganizerId(organizer), EventId(event))],
            _ => Vec::new(),
        };
        Ok(Self { key, signs_for })
    }
}

/// Looks into a code.
#[must_use]
pub fn inspect(code: &str, key: &InspectKey) -> Inspection {
    match ticketing::read(code) {
        Code::Plain(_) => Inspection {
            format: "plain",
            signed: None,
            organizer_id: None,
            event_id: None,
            claims: serde_json::Value::Null,
        },
        Code::Sig1(code) => Inspection {
            format: "sig1",
            signed: Some(code.verify(&key.key)),
            organizer_id: None,
            event_id: None,
            claims: serde_json::json!({
                "seed": code.claims.seed,
                "item_id": code.claims.item_id,
                "variation": code.claims.variation,
                "date": code.claims.date,
                "valid_from": text(code.claims.valid_from),
                "valid_until": text(code.claims.valid_until),
            }),
        },
        Code::Wc1(code) => {
            let signs = |(organizer, event): &(OrganizerId, EventId)| code.verify(&key.key, *organizer, *event);
            let found = if key.signs_for.is_empty() {
                let all =
                    (1..=ORGANIZERS_TRIED).flat_map(|o| (1..=EVENTS_TRIED).map(move |e| (OrganizerId(o), EventId(e))));
                all.into_iter().find(signs)
            } else {
                key.signs_for.iter().copied().find(signs)
            };
            Inspection {
                format: "wc1",
                signed: Some(found.is_some()),
                organizer_id: found.map(|f| f.0),
                event_id: found.map(|f| f.1),
                claims: serde_json::json!({
                    "key_number": code.claims.key_number,
                    "position_id": code.claims.position_id,
                    "issue": code.claims.issue,
                    "test": code.claims.flags.test,
                    "blank": code.claims.flags.blank,
                    "look_at_id": code.claims.flags.look_at_id,
                    "item_id": code.claims.item_id,
                    "variation": code.claims.variation,
                    "date": code.claims.date,
                    "valid_from": text(code.claims.valid_from),
                    "valid_until": text(code.claims.valid_until),
                }),
            }
        }
    }
}

fn text(at: Option<UtcMillis>) -> Option<String> {
    at.map(|t| t.to_string())
}

/// The problem of a code that the key did not sign, for exit codes; `None` when it did.
#[must_use]
pub fn refusal(inspection: &Inspection) -> Option<Problem> {
    (inspection.signed != Some(true)).then(|| Problem::new(ProblemCode::Invalid, "This key did not sign this code."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{SigningKey, pkcs8::EncodePublicKey, pkcs8::spki::der::pem::LineEnding};
    use uuid::Uuid;
    use willcall_domain::{
        id::{ItemId, PositionId},
        ticketing::{Claims, Flags, wc1},
    };

    fn code(key: &SigningKey, organizer: i64, event: i64) -> String {
        let claims = Claims {
            key_number: 1,
            position_id: PositionId(Uuid::from_u128(5)),
            issue: 0,
            flags: Flags::default(),
            item_id: ItemId(9),
            variation: 0,
            date: 0,
            valid_from: None,
            valid_until: None,
        };
        wc1::sign(&claims, OrganizerId(organizer), EventId(event), key).unwrap()
    }

    #[test]
    fn a_key_tells_its_own_code_from_anothers_whether_or_not_it_says_for_whom_it_signs() {
        let (mine, other) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let pem = mine.verifying_key().to_public_key_pem(LineEnding::LF).unwrap();
        let named = InspectKey::parse(&format!("organizer: 900\nevent: 12345\n{pem}")).unwrap();
        let found = inspect(&code(&mine, 900, 12345), &named);
        assert_eq!((found.signed, found.event_id), (Some(true), Some(EventId(12345))));
        let unnamed = InspectKey::parse(&pem).unwrap();
        assert_eq!(inspect(&code(&mine, 2, 3), &unnamed).organizer_id, Some(OrganizerId(2)));
        assert_eq!(inspect(&code(&other, 900, 12345), &named).signed, Some(false));
        assert!(InspectKey::parse(&hex::encode(mine.verifying_key().as_bytes())).is_ok());
        assert!(InspectKey::parse("no key").is_err());
    }
}
