//! A hand-over as it travels from till to till with no server between them: the giver's signed entry, what proves that
//! the giver is a till of this server and was lent these units, and the codes of the blanks that go along. The receiver
//! checks all of it with the one key it has: the server's.
//!
//! Units are either of a grant, which the server has signed, or were taken over before; then the proof of that hand-over
//! travels inside, back to the grant.

use super::{BlankCodes, BlankRange, HandOut, UnitRange, prove_grant};
use crate::{
    devices::certificate::{DeviceCertificate, check_certificate},
    id::{DeviceId, LeaseId},
    sync::{At, Entry, Fact},
    ticketing::{self, EventKey, Verification, blank, sig1},
};
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};

/// The version of the file that is written; one of a later is not read.
pub const FORMAT: u32 = 1;
/// Hand-overs one behind the other that are followed back to the grant.
const MOST_LINKS: u32 = 16;

/// Where the units come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Origin {
    /// They were lent to the giver: a [`super::GrantBody`] as JSON, and the server's signature, hex.
    Grant { body: String, signature: String },
    /// The giver had taken them over itself.
    HandOver { proof: Box<Proof> },
}

/// What proves one hand-over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// JSON of the giver's [`Entry`], without its private part.
    pub given: String,
    /// The giver's.
    pub certificate: DeviceCertificate,
    pub origin: Origin,
}

/// One hand-over of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub proof: Proof,
    /// The codes of the blanks, one range each, in the order the entry names them.
    pub codes: Vec<BlankCodes>,
}

/// What is written to a file and carried to the other till. Whoever has it can print tickets of it: it is kept like money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOverFile {
    /// [`FORMAT`].
    pub willcall_hand_over: u32,
    /// The till it is for.
    pub to: DeviceId,
    pub parts: Vec<Part>,
}

/// A hand-over that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    pub from: DeviceId,
    pub from_name: String,
    pub out: HandOut,
    /// When the giver wrote it, by its own reckoning.
    pub at: At,
}

impl Passed {
    /// Whether it was surely given after this moment, clocks being what they are. One that was never compared proves
    /// nothing.
    #[must_use]
    pub fn is_surely_after(&self, moment: &At) -> bool {
        let known = self.at.uncertainty_ms >= 0 && moment.uncertainty_ms >= 0;
        let earliest = self.at.wall.0.saturating_add(self.at.offset_ms).saturating_sub(self.at.uncertainty_ms);
        let latest = moment.wall.0.saturating_add(moment.offset_ms).saturating_add(moment.uncertainty_ms);
        known && earliest > latest
    }
}

/// Why a hand-over is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPassed {
    #[error("it is no hand-over of a till, or it was changed on the way")]
    Forged,
    #[error("the till it comes from is none of this server's")]
    Certificate,
    #[error("the units were never lent to the till it comes from")]
    NotLent,
    #[error("the codes of its tickets are missing or are not signed by the event")]
    Codes,
    #[error("this till does not have the key of the event yet")]
    NoKey,
}

/// Checks one hand-over back to the grant its units are of.
///
/// # Errors
/// When anything in it is not what was signed, or does not follow from what is behind it.
pub fn check_proof(proof: &Proof, server: &VerifyingKey) -> Result<Passed, NotPassed> {
    check_link(proof, server, MOST_LINKS)
}

fn check_link(proof: &Proof, server: &VerifyingKey, links: u32) -> Result<Passed, NotPassed> {
    let giver = check_certificate(&proof.certificate, server).map_err(|_| NotPassed::Certificate)?;
    let entry: Entry = serde_json::from_str(&proof.given).map_err(|_| NotPassed::Forged)?;
    if entry.station != giver.device_id || entry.verify(giver.keys.at(entry.incarnation, entry.seq)).is_err() {
        return Err(NotPassed::Forged);
    }
    let out = entry.fact().as_ref().and_then(HandOut::of).ok_or(NotPassed::Forged)?;
    if out.units.count() == 0 {
        return Err(NotPassed::Forged);
    }
    let lent = match &proof.origin {
        Origin::Grant { body, signature } => {
            let body = prove_grant(body, signature, server, giver.device_id).map_err(|_| NotPassed::NotLent)?;
            let ids = (body.lease_id, body.quota_id, body.event_id);
            Lent { ids, units: body.units, blanks: body.blanks }
        }
        Origin::HandOver { proof } => {
            let before = check_link(proof, server, links.checked_sub(1).ok_or(NotPassed::NotLent)?)?;
            if before.out.to != giver.device_id {
                return Err(NotPassed::NotLent);
            }
            let ids = (LeaseId(before.out.hand_over_id.0), before.out.quota_id, before.out.event_id);
            Lent { ids, units: before.out.units.count(), blanks: before.out.blanks }
        }
    };
    if !lent.covers(&out) {
        return Err(NotPassed::NotLent);
    }
    Ok(Passed { from: giver.device_id, from_name: giver.name, out, at: entry.at })
}

/// What the giver had of the lease, at most.
struct Lent {
    ids: (LeaseId, crate::id::QuotaId, crate::id::EventId),
    units: u32,
    blanks: Vec<BlankRange>,
}

impl Lent {
    fn covers(&self, out: &HandOut) -> bool {
        let within = |part: &BlankRange| {
            self.blanks.iter().any(|whole| {
                let (all, some) = (whole.numbers(), part.numbers());
                whole.article == part.article
                    && blank::base(whole.base) == blank::base(part.base)
                    && all.from <= some.from
                    && some.until <= all.until
            })
        };
        self.ids == (out.lease_id, out.quota_id, out.event_id)
            && out.units.until <= self.units
            && out.blanks.iter().all(within)
    }
}

/// Checks that every blank of a hand-over came with its code, signed by a key of the event.
///
/// # Errors
/// When one is missing or is not, or the event's keys are not here.
pub fn check_codes(out: &HandOut, codes: &[BlankCodes], keys: &[EventKey]) -> Result<(), NotPassed> {
    if codes.len() != out.blanks.len() {
        return Err(NotPassed::Codes);
    }
    if !out.blanks.is_empty() && keys.iter().all(|key| key.event_id != out.event_id) {
        return Err(NotPassed::NoKey);
    }
    for (range, codes) in out.blanks.iter().zip(codes) {
        if codes.article != range.article || u32::try_from(codes.codes.len()) != Ok(range.count) {
            return Err(NotPassed::Codes);
        }
        for (n, code) in (range.numbers().from..).zip(&codes.codes) {
            let position = blank::position(range.base, n);
            let good = match ticketing::verify(ticketing::read(code), keys) {
                Verification::Good(signed) => {
                    let named = match &signed.seed {
                        Some(seed) => *seed == sig1::seed(position, blank::ISSUE),
                        None => signed.position_id == Some(position),
                    };
                    named && signed.event_id == out.event_id && signed.article() == range.article
                }
                Verification::UnknownKey => return Err(NotPassed::NoKey),
                Verification::Forged | Verification::Plain(_) => false,
            };
            if !good {
                return Err(NotPassed::Codes);
            }
        }
    }
    Ok(())
}

impl HandOut {
    /// As the giver's fact says it; `None` of any other fact.
    #[must_use]
    pub fn of(fact: &Fact) -> Option<Self> {
        let Fact::HandOverGiven { hand_over_id, lease_id, quota_id, event_id, from, units, blanks, to } = fact else {
            return None;
        };
        Some(Self {
            hand_over_id: *hand_over_id,
            lease_id: *lease_id,
            quota_id: *quota_id,
            event_id: *event_id,
            units: UnitRange::of(*from, *units),
            blanks: blanks.clone(),
            to: *to,
        })
    }

    /// The fact that says it.
    #[must_use]
    pub fn fact(&self) -> Fact {
        Fact::HandOverGiven {
            hand_over_id: self.hand_over_id,
            lease_id: self.lease_id,
            quota_id: self.quota_id,
            event_id: self.event_id,
            from: self.units.from,
            units: self.units.count(),
            blanks: self.blanks.clone(),
            to: self.to,
        }
    }
}

#[cfg(test)]
mod tests;
