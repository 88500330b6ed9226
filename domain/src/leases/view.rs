//! What the screen of a till shows of its leases, and what it asks for.

use super::{LeaseState, ledger::HandOverState};
use crate::{
    checkin::wire::Delivery,
    clock::UtcMillis,
    id::{DeviceId, EventId, HandOverId, LeaseId, QuotaId},
    sync::standing::DoubtKind,
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// All the page of leases shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LeasesView {
    /// This till's number, to be told to who hands over.
    pub station: DeviceId,
    /// Why this station doubts that its data is the newest; then nothing is handed over or taken.
    pub doubt: Option<DoubtKind>,
    /// Nothing can be handed over before one contact with the server: it has not signed this till's key yet.
    pub needs_link: bool,
    /// Quotas of which something is or was here.
    pub quotas: Vec<QuotaLeases>,
    /// Newest first.
    pub hand_overs: Vec<HandOverView>,
}

/// What is here of one quota.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct QuotaLeases {
    pub quota_id: QuotaId,
    pub event_id: EventId,
    pub name: String,
    pub event_name: String,
    /// Lent or taken over, of leases in force.
    pub held: u32,
    /// Can be sold.
    pub free: u32,
    pub sold: u32,
    /// Handed over and not heard of since: neither this till's nor another's.
    pub on_the_way: u32,
    /// The server wants so many back; they go with the next round of syncing.
    pub recalled: u32,
    /// Most units that can be handed over now.
    pub can_give: u32,
    /// Free units that came from another till, which the server does not know yet: they can be sold and not handed on.
    pub unconfirmed: u32,
    pub leases: Vec<LeaseHeld>,
}

/// One lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LeaseHeld {
    pub lease_id: LeaseId,
    pub granted: u32,
    pub free: u32,
    pub sold: u32,
    pub state: LeaseState,
    /// Most units to keep, as the server last said; `None` is no recall.
    pub keep: Option<u32>,
    /// The till they were taken over from; `None` where the server lent them.
    pub from: Option<DeviceId>,
}

/// One hand-over this till has to do with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HandOverView {
    pub hand_over_id: HandOverId,
    pub quota_id: QuotaId,
    pub event_id: EventId,
    /// The quota's.
    pub name: String,
    pub units: u32,
    /// This till or another, as `to`.
    pub from: DeviceId,
    /// As the server calls it; empty of this till's own.
    pub from_name: String,
    pub to: DeviceId,
    pub at: UtcMillis,
    pub state: HandOverState,
    /// Where this till's own entry of it is.
    pub delivery: Delivery,
}

/// Units for another till.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct GiveRequest {
    pub quota_id: QuotaId,
    /// 1 or more.
    pub units: u32,
    /// The other till's number.
    pub to: DeviceId,
}

/// What was handed over, and where it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct GivenView {
    pub file: String,
    pub hand_overs: Vec<HandOverView>,
}

/// Units for the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ReturnRequest {
    pub quota_id: QuotaId,
    /// `None` is all that are free.
    pub units: Option<u32>,
}

/// How many went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ReturnedView {
    pub units: u32,
}

/// What a hand-over file holds, before anybody decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HandOverOffer {
    /// The till it comes from, as far as that is proven; 0 where it is not.
    pub from: DeviceId,
    pub from_name: String,
    pub to: DeviceId,
    pub parts: Vec<OfferedPart>,
    pub standing: OfferStanding,
}

/// One hand-over of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct OfferedPart {
    pub hand_over_id: HandOverId,
    pub quota_id: QuotaId,
    pub event_id: EventId,
    /// The quota's, where it is known here.
    pub name: String,
    pub event_name: String,
    pub units: u32,
}

/// What this till can do with a hand-over file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum OfferStanding {
    /// Take it, or decline it for good.
    Takeable,
    /// It was taken in here before.
    Taken,
    /// It was declined here before, which is final.
    Declined,
    /// This till gave it itself.
    Own,
    /// It is for another till.
    OtherTill,
    /// It is no hand-over of a till, or was changed on the way.
    Forged,
    /// The till it comes from is none of this server's.
    UnknownTill,
    /// The units were never lent to the till it comes from.
    NotLent,
    /// The codes of its tickets are missing or wrong.
    BadCodes,
    /// This till does not have the key of the event yet: it needs a link once.
    NoKey,
    /// This till does not sell for that event.
    NotItsEvent,
    /// This station doubts itself: it may have taken it before.
    InDoubt,
    /// This station lost a part of its journal, in which it may have taken it.
    MayBeTaken,
}

impl OfferStanding {
    /// What happened, what is safe, what to do next.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Takeable => "The units can be taken in or declined.",
            Self::Taken => "These units were taken in here before. Nothing changes; they are here already.",
            Self::Declined => {
                "These units were declined here before, which is final. They are the other till's again; it can hand \
                 them over anew."
            }
            Self::Own => {
                "These units left from this till. Only the till they are for can take or decline them; else a person \
                 gives them up in the office."
            }
            Self::OtherTill => "These units are for another till. Nothing changed; the file is still good there.",
            Self::Forged => {
                "This is no hand-over of a till, or it was changed on the way. Nothing was taken. Let the other till \
                 write the file again."
            }
            Self::UnknownTill => "The till this comes from is none of this server's. Nothing was taken.",
            Self::NotLent => "The till this comes from was never lent these units. Nothing was taken.",
            Self::BadCodes => {
                "The tickets of these units are missing or wrong. Nothing was taken. Let the other till write the file \
                 again."
            }
            Self::NoKey => "This till does not know the event yet. Give it a link once, then take the units in.",
            Self::NotItsEvent => "This till does not sell for the event of these units. Nothing was taken.",
            Self::InDoubt => {
                "This station doubts that its data is the newest, so it may have taken these units before. Give it a \
                 link once, then try again."
            }
            Self::MayBeTaken => {
                "This station lost a part of its journal, in which it may have taken these units. It takes none that \
                 were given before; let the other till give others, and give these up in the office."
            }
        }
    }
}
