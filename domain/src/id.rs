//! Identities. What organizers configure has a server-born `i64`; what *happens* has a UUIDv7 born where it happens,
//! which is also its idempotency key. Every id is its own type, so one can never stand where another belongs.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use ts_rs::TS;
use uuid::Uuid;

macro_rules! number_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
        #[serde(transparent)]
        #[ts(type = "number")]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> { text.parse().map(Self) }
        }
    )+};
}

macro_rules! event_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
        #[serde(transparent)]
        #[ts(type = "string")]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new identity born at `now`, with the randomness of `entropy` (RFC 9562, UUIDv7).
            #[must_use]
            pub fn born(now: crate::clock::UtcMillis, entropy: &dyn crate::entropy::Entropy) -> Self {
                Self(crate::entropy::uuid_v7(now, entropy))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> { text.parse().map(Self) }
        }
    )+};
}

number_id! {
    /// A tenant.
    OrganizerId,
    /// A person who works for an organizer.
    StaffId,
    /// One event of an organizer.
    EventId,
    /// A product: anything sold.
    ItemId,
    /// One form of a product: its size, its kind, its price for whom.
    VariationId,
    /// One date of an event that takes place several times.
    DateId,
    /// A counter of how many may be sold over a set of items.
    QuotaId,
    /// A check-in list: which positions may be admitted where.
    ListId,
    /// An enrolled device; a device that runs our engine is a station.
    DeviceId,
    /// A code that gives its bearer something once: a price, a product, a place.
    VoucherId,
    /// A person who signs in at devices.
    OperatorId,
    /// A place where people are let in or out.
    GateId,
    /// Something asked of the holder of a ticket.
    QuestionId,
    /// One of the answers a question offers.
    OptionId,
    /// A card that is printed for a guest, as an organizer laid it out.
    BadgeId,
}

event_id! {
    /// A contract with a buyer.
    OrderId,
    /// One sold thing of an order; a ticket is a position of an admission item.
    PositionId,
    /// Money received.
    PaymentId,
    /// Units of a quota lent to a station.
    LeaseId,
    /// A fact in a station's journal.
    EntryId,
    /// One entry, exit or refusal at a gate. The id of the journal entry that recorded it.
    ScanId,
    /// Something a person must look at.
    CaseId,
    /// A request that may be sent again.
    RequestId,
    /// One unbroken life of the server's data.
    HistoryId,
    /// Units of a lease on their way from one till to another; also the id of the lease they become there.
    HandOverId,
    /// The permission of one holder to do what may happen once.
    RightId,
    /// A wristband, card or tag that stands for a ticket. Born where the ticket was exchanged for it.
    MediumId,
}
